# SPDX-License-Identifier: BSD-3-Clause
"""Second derivatives of a network: the Hessian by whichever method, the Gauss-Newton matrix, diagonals, units.

The work is done in float64. For a float32 network it is done at its parameters in float64, and the result is rounded.
"""

import numpy as np

from bpnet._core import hessian as core


def exact_hessian(network, data, out):
    """By back-propagation of M_jk = d2E_n / da_j da_k: exact up to rounding, O(n_samples W^2).

    Parameters
    ----------
    network : Network
        Of float64.
    data : Data
        Of float64, prepared for this network.
    out : ndarray of shape (n_parameters, n_parameters), float64, or None
        Overwritten.

    Returns
    -------
    ndarray of shape (n_parameters, n_parameters), float64
        `out` where it is given.
    """
    return _call(core.hessian, network, data, out=out)


#: Name of a method -> function of (network, data, out).
METHODS = {"exact": exact_hessian}


def hessian(network, X, y, sample_weight=None, method="exact", out=None):
    """What `Network.hessian` returns."""
    if method not in METHODS:
        raise ValueError(f"expected a method out of {', '.join(METHODS)}, got {method!r}")
    _check_out(network, out)
    twin, data = _in_float64(network, X, y, sample_weight)
    return _rounded(network, out, METHODS[method](twin, data, out))


def gauss_newton(network, X, y, sample_weight=None, out=None):
    """What `Network.gauss_newton` returns."""
    _check_out(network, out)
    twin, data = _in_float64(network, X, y, sample_weight)
    return _rounded(network, out, _call(core.hessian, twin, data, gauss_newton=True, out=out))


def hessian_diagonal(network, X, y, sample_weight=None):
    """What `Network.hessian_diagonal` returns."""
    twin, data = _in_float64(network, X, y, sample_weight)
    return _rounded(network, None, _call(core.hessian_diagonal, twin, data))


def curvatures(network, X, y, sample_weight=None):
    """What `Network.curvatures` returns."""
    twin, data = _in_float64(network, X, y, sample_weight)
    return _rounded(network, None, _call(core.curvatures, twin, data))


def _in_float64(network, X, y, sample_weight):
    """The network itself, or its twin of float64, with the data prepared for it."""
    if network.dtype != np.float64:
        w = network.parameters.astype(np.float64)
        network = type(network).from_parameters(network.topology, w, network.loss_name)
    return network, network._data(X, y, sample_weight)


def _call(door, network, data, **more):
    """What a door of the core returns for this network and data."""
    topology = network.topology
    return door(topology.plan, topology.wiring, network._loss, network._reads_raw, network.parameters, data, **more)


def _check_out(network, out):
    n = len(network.parameters)
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


def _rounded(network, out, result):
    """In the type of the network, unless the caller has given the array."""
    return result if out is not None else result.astype(network.dtype, copy=False)
