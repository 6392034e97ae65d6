# SPDX-License-Identifier: BSD-3-Clause
"""Ways to the Hessian of E in the parameters, and its products as a linear operator.

One way computes it exactly, the others judge it: they share less and less with it, and cost more and more.
"""

import numpy as np

from bpnet._core import curvature_products, derivatives

#: Directions whose products are computed together: they share the plain sweeps, and their matrix stays small.
_TOGETHER = 64


def columns(net, X, y, sample_weight, out):
    """Each row by one Hessian-vector product with a unit vector. Exact; O(n_samples W^2), some 2 W gradients."""
    data = net._data(X, y, sample_weight)
    n = len(net.parameters)
    for start in range(0, n, _TOGETHER):
        directions = np.eye(min(_TOGETHER, n - start), n, start, dtype=net.dtype)
        out[start : start + _TOGETHER] = products(net, data, directions, "hessian")


def mixed(net, X, y, sample_weight, out):
    """Central differences of the gradient. O(n_samples W^2), 2 W gradients; some 9 digits.

    The step is eps^(1/3) times max(1, |w_i|): it balances the rounding of the gradient over the step, eps / h, against
    what the difference leaves out, h^2.
    """
    probe, data = _in_double(net, X, y, sample_weight)
    w = probe.parameters
    steps = np.cbrt(np.finfo(np.float64).eps) * np.maximum(1, np.abs(w))
    full = np.empty((len(w), len(w)))
    for i, step in enumerate(steps):
        full[i] = _gradient(probe, data, i, step) - _gradient(probe, data, i, -step)
        full[i] /= 2 * step
    out[:] = (full + full.T) / 2


def finite_difference(net, X, y, sample_weight, out):
    """Differences of E at four points. O(n_samples W^3), 2 W^2 evaluations of E; some 6 digits.

    The step is eps^(1/4) times max(1, |w_i|): rounding now enters as eps / h^2, against h^2 left out.
    """
    probe, data = _in_double(net, X, y, sample_weight)
    w = probe.parameters
    steps = np.finfo(np.float64).eps ** 0.25 * np.maximum(1, np.abs(w))

    def value(i, by_i, j, by_j):
        before = w.copy()
        w[i] += by_i
        w[j] += by_j
        value = derivatives.value_and_gradient(probe._plan, probe._loss, probe._reads_raw, w, data)
        w[:] = before
        return value

    for i, p in enumerate(steps):
        for j, q in enumerate(steps[: i + 1]):
            rising = value(i, p, j, q) - value(i, -p, j, q)
            falling = value(i, p, j, -q) - value(i, -p, j, -q)
            out[i, j] = out[j, i] = (rising - falling) / (4 * p * q)


#: Name of `Network.hessian`'s method -> function (net, X, y, sample_weight, out) that fills out (W, W).
METHODS = {"columns": columns, "mixed": mixed, "finite_difference": finite_difference}

#: Kind of second derivative -> whether it is the Gauss-Newton matrix.
KINDS = {"hessian": False, "gauss_newton": True}


def fill(net, X, y, sample_weight, method, out):
    """The Hessian by the named method, in `out` if that is given: checks of `Network.hessian`'s own arguments."""
    if method not in METHODS:
        raise ValueError(f"expected a method out of {', '.join(METHODS)}, got {method!r}")
    shape = (len(net.parameters),) * 2
    if out is None:
        out = np.empty(shape, net.dtype)
    elif not isinstance(out, np.ndarray):
        raise TypeError(f"expected out as an array, got {type(out).__name__}")
    elif out.shape != shape or out.dtype != net.dtype or not out.flags.writeable:
        expected = f"out as a writable array of shape {shape} and type {net.dtype}"
        raise ValueError(f"expected {expected}, got {out.shape} and {out.dtype}, writeable={out.flags.writeable}")
    METHODS[method](net, X, y, sample_weight, out)
    return out


def products(net, data, directions, kind):
    """Rows of `directions` times the matrix of this kind, for data in the form the core reads."""
    return curvature_products.products(
        net._plan, net._loss, net._reads_raw, net.parameters, data, directions, KINDS[kind]
    )


def operator(net, X, y, sample_weight, kind):
    """The matrix of this kind as a `scipy.sparse.linalg.LinearOperator`."""
    if kind not in KINDS:
        raise ValueError(f"expected a kind out of {', '.join(KINDS)}, got {kind!r}")
    # Imported here, for it takes longer to load than all of bpnet.
    from scipy.sparse.linalg import LinearOperator

    data = net._data(X, y, sample_weight)

    def product(v):
        """Of a vector, a column or a matrix of columns."""
        rows = np.ascontiguousarray(np.reshape(v, (len(v), -1)).T, net.dtype)
        return products(net, data, rows, kind).T.reshape(np.shape(v))

    shape = (len(net.parameters),) * 2
    return LinearOperator(shape, product, product, product, net.dtype, product)


def _in_double(net, X, y, sample_weight):
    """A float64 copy of the network, and data for it: differences of float32 say little."""
    probe = type(net).from_parameters(net.topology, net.parameters.astype(np.float64), net._loss)
    return probe, probe._data(X, y, sample_weight)


def _gradient(net, data, i, step):
    """Gradient with one parameter moved."""
    w, g = net.parameters.copy(), np.zeros_like(net.parameters)
    w[i] += step
    derivatives.value_and_gradient(net._plan, net._loss, net._reads_raw, w, data, g)
    return g
