# SPDX-License-Identifier: BSD-3-Clause
"""Matrices of second derivatives: the Hessian by whichever method, the Gauss-Newton matrix, diagonals, units.

The work is done in float64. For a float32 network it is done at its parameters in float64, and the result is rounded.
One method gives the Hessian, the others judge it: they share less and less with it, and cost more and more.
"""

import numpy as np

from bpnet import curvature
from bpnet._core import derivatives
from bpnet._core import hessian as core
from bpnet._validation import check_choice

#: Directions whose products are computed together: they share the plain sweeps, and their matrix stays small.
_TOGETHER = 64


def exact(net, data, out):
    """By back-propagation of M_jk = d2E_n / da_j da_k: exact up to rounding, O(n_samples W^2)."""
    if _is_scattered(net):
        return _symmetric(columns(net, data, out))
    return _call(core.hessian, net, data, out=out)


def columns(net, data, out, kind="hessian"):
    """Each row by one Hessian-vector product with a unit vector. Exact; O(n_samples W^2), some 2 W gradients."""
    n = len(net.parameters)
    out = np.empty((n, n)) if out is None else out
    for start in range(0, n, _TOGETHER):
        directions = np.eye(min(_TOGETHER, n - start), n, start)
        out[start : start + _TOGETHER] = curvature.products(net, data, directions, kind)
    return out


def mixed(net, data, out):
    """Central differences of the gradient. O(n_samples W^2), 2 W gradients; some 9 digits.

    The step is eps^(1/3) times max(1, |w_i|): it balances the rounding of the gradient over the step, eps / h, against
    what the difference leaves out, h^2.
    """
    w = net.parameters
    steps = np.cbrt(np.finfo(np.float64).eps) * np.maximum(1, np.abs(w))
    full = np.empty((len(w), len(w)))
    for i, step in enumerate(steps):
        full[i] = _gradient(net, data, i, step) - _gradient(net, data, i, -step)
        full[i] /= 2 * step
    return _filled(out, (full + full.T) / 2)


def finite_difference(net, data, out):
    """Differences of E at four points. O(n_samples W^3), 2 W^2 evaluations of E; some 6 digits.

    The step is eps^(1/4) times max(1, |w_i|): rounding now enters as eps / h^2, against h^2 left out.
    """
    w = net.parameters.copy()
    steps = np.finfo(np.float64).eps ** 0.25 * np.maximum(1, np.abs(w))
    full = np.empty((len(w), len(w)))

    def value(i, by_i, j, by_j):
        before = w[i], w[j]
        w[i] += by_i
        w[j] += by_j
        value = derivatives.value_and_gradient(net._plan, net._loss, net._reads_raw, w, data)
        w[i], w[j] = before
        return value

    for i, p in enumerate(steps):
        for j, q in enumerate(steps[: i + 1]):
            rising = value(i, p, j, q) - value(i, -p, j, q)
            falling = value(i, p, j, -q) - value(i, -p, j, -q)
            full[i, j] = full[j, i] = (rising - falling) / (4 * p * q)
    return _filled(out, full)


#: Name of a method -> function of (network, data, out), all float64; out, (W, W), may be None.
METHODS = {"exact": exact, "columns": columns, "mixed": mixed, "finite_difference": finite_difference}


def hessian(net, X, y, sample_weight=None, method="exact", out=None):
    """What `Network.hessian` returns."""
    check_choice("a method", method, METHODS)
    _check_out(net, out, X, y, sample_weight)
    if method in ("exact", "columns"):
        curvature.check(net, "hessian")
    twin, data = _in_float64(net, X, y, sample_weight)
    return _rounded(net, out, METHODS[method](twin, data, out))


def gauss_newton(net, X, y, sample_weight=None, out=None):
    """What `Network.gauss_newton` returns."""
    _check_out(net, out, X, y, sample_weight)
    curvature.check(net, "gauss_newton")
    twin, data = _in_float64(net, X, y, sample_weight)
    return _rounded(net, out, gauss_newton_of(twin, data, out))


def gauss_newton_of(net, data, out=None):
    """The Gauss-Newton matrix of a float64 network, for data in the form the core reads."""
    if _is_scattered(net):
        return _symmetric(columns(net, data, out, "gauss_newton"))
    return _call(core.hessian, net, data, gauss_newton=True, out=out)


def hessian_diagonal(net, X, y, sample_weight=None):
    """What `Network.hessian_diagonal` returns."""
    _check_units(net)
    twin, data = _in_float64(net, X, y, sample_weight)
    return _rounded(net, None, _call(core.hessian_diagonal, twin, data))


def curvatures(net, X, y, sample_weight=None):
    """What `Network.curvatures` returns."""
    _check_units(net)
    twin, data = _in_float64(net, X, y, sample_weight)
    return _rounded(net, None, _call(core.curvatures, twin, data))


def _is_scattered(net):
    """Whether the loss couples outputs of different layers: such pairs have no place in the core's sums."""
    return net._loss.couples and net._plan.n_output_runs > 1


def _check_units(net):
    """Raise ValueError where second derivatives unit by unit cannot be had."""
    curvature.check(net, "hessian")
    if _is_scattered(net):
        raise ValueError(
            f"loss {net._loss.name!r} couples outputs of different layers: expected outputs side by side in one layer; "
            "the diagonal is that of hessian()"
        )


def _in_float64(net, X, y, sample_weight):
    """The network itself, or its twin of float64, with the data prepared for it."""
    twin = net._in_float64()
    return twin, twin._data(X, y, sample_weight)


def _call(door, net, data, **more):
    """What a door of the core returns for this network and data."""
    topology = net.topology
    return door(topology.plan, topology.wiring, net._loss, net._reads_raw, net.parameters, data, **more)


def _check_out(net, out, *given):
    n = len(net.parameters)
    if out is None:
        return
    if not isinstance(out, np.ndarray):
        raise TypeError(f"expected out as an array or None, got {type(out).__name__}")
    if out.shape != (n, n) or out.dtype != np.float64 or not out.flags.c_contiguous or not out.flags.writeable:
        layout = "contiguous" if out.flags.c_contiguous else "not C-contiguous"
        access = "" if out.flags.writeable else " and read-only"
        raise ValueError(
            f"expected out as a writable C-contiguous array of float64 of shape {(n, n)}, got one of {out.dtype} of "
            f"shape {out.shape}, {layout}{access}"
        )
    for array in (net.parameters, *given):
        values = array.data if hasattr(array, "tocsr") else array
        if isinstance(values, np.ndarray) and np.may_share_memory(values, out):  # written before all is read
            raise ValueError("expected out to share no memory with the data and the parameters of the network")


def _rounded(net, out, result):
    """In the type of the network, unless the caller has given the array."""
    return result if out is not None else result.astype(net.dtype, copy=False)


def _symmetric(matrix):
    """The matrix itself, to the bit: columns of products are symmetric up to rounding."""
    for i in range(len(matrix)):
        matrix[i, i + 1 :] = matrix[i + 1 :, i]
    return matrix


def _filled(out, values):
    """The values, in `out` where it is given."""
    if out is None:
        return values
    out[:] = values
    return out


def _gradient(net, data, i, step):
    """Gradient with one parameter moved."""
    w, g = net.parameters.copy(), np.zeros_like(net.parameters)
    w[i] += step
    derivatives.value_and_gradient(net._plan, net._loss, net._reads_raw, w, data, g)
    return g
