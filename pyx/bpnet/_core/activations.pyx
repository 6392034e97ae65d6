# SPDX-License-Identifier: BSD-3-Clause
"""Activation functions h with slope h' and curvature h''.

=============  =========================================  ==============================================
name           h(a)                                       slope h'(a)
=============  =========================================  ==============================================
identity       a                                          1
logistic       sigma(a) = 1 / (1 + exp(-a))               sigma(a) sigma(-a)
tanh           tanh(a)                                    1 / cosh(a)^2
relu           max(a, 0)                                  1 where a > 0, else 0 (0 at a = 0)
leaky_relu     a where a > 0, else a / 100                1 where a > 0, else 1 / 100
elu            a where a > 0, else exp(a) - 1             1 where a > 0, else exp(a)
selu           1.0507 a where a > 0, else 1.0507 x        the same piece by piece (Klambauer et al., 2017)
               1.6733 (exp(a) - 1)
softplus       log(1 + exp(a))                            sigma(a)
gelu           a Phi(a), Phi the normal distribution      Phi(a) + a phi(a) (exact, by erf)
silu           a sigma(a)                                 sigma(a) (1 + a sigma(-a))
exp            exp(a)                                     exp(a)
softmax        exp(a_j) / sum_k exp(a_k)                  couples all outputs; output layer only
=============  =========================================  ==============================================

Slopes are computed from a, together with h: from z alone, 1 - z^2 and z (1 - z) lose all digits at saturation.
"""

import numpy as np


from bpnet._core cimport kernels
from bpnet._core.kernels cimport BPNET_SOFTMAX, exp_

#: Code of each activation in the kernels; the order is that of kernels.h.
CODES = {
    name: code
    for code, name in enumerate((
        "identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "selu", "softplus", "gelu", "silu", "exp",
        "softmax",
    ))
}


cdef void softmax(const floating* a, floating* z, int n, int m) noexcept nogil:
    """Rows of z = exp(a) / sum exp(a); the largest a is taken off first, so nothing overflows. z may be a."""
    cdef Py_ssize_t i, j
    cdef floating largest, total
    for i in range(n):
        largest = a[i * m]
        for j in range(1, m):
            largest = max(largest, a[i * m + j])
        for j in range(m):
            z[i * m + j] = a[i * m + j] - largest
    exp_(z, z, <Py_ssize_t> n * m)
    for i in range(n):
        total = 0
        for j in range(m):
            total += z[i * m + j]
        for j in range(m):
            z[i * m + j] /= total


def apply(str name, a):
    """Value h(a) alone: `evaluate` without the cost of the derivatives."""
    return _results(name, a, 1)[0]


def evaluate(str name, a):
    """Value, slope and curvature of an activation, element by element.

    Parameters
    ----------
    name : str
        An elementwise activation: any but "softmax".
    a : ndarray of float32 or float64, any shape
        Not changed.

    Returns
    -------
    z, slope, curvature : ndarray like `a`
        h(a), h'(a) and h''(a), each to a few units in the last place.

    Examples
    --------
    >>> import numpy as np
    >>> z, slope, curvature = evaluate("relu", np.array([-1.0, 0.0, 2.0]))
    >>> z, slope
    (array([0., 0., 2.]), array([0., 0., 1.]))
    """
    return tuple(_results(name, a, 3))


def _results(name, a, n_results):
    """The first so many of value, slope and curvature."""
    if name not in CODES or CODES[name] == BPNET_SOFTMAX:
        known = ", ".join(key for key in CODES if key != "softmax")
        raise ValueError(f"expected an elementwise activation ({known}), got {name!r}")
    a = np.asarray(a)
    if a.dtype not in (np.float32, np.float64):
        raise TypeError(f"expected an array of float32 or float64, got {a.dtype}")
    results = [np.empty(a.shape, a.dtype) for _ in range(n_results)]
    z, slope, curvature = [out.reshape(-1) for out in results] + [None] * (3 - n_results)
    if a.size:
        a = np.ascontiguousarray(a).reshape(-1)
        if a.dtype == np.float32:
            _evaluate[float](CODES[name], a, z, slope, curvature)
        else:
            _evaluate[double](CODES[name], a, z, slope, curvature)
    return results


cdef void _evaluate(int kind, const floating[::1] a, floating[::1] z, floating[::1] slope, floating[::1] curvature):
    cdef floating* slopes = &slope[0] if slope is not None else NULL
    with nogil:
        kernels.activate(kind, &a[0], &z[0], slopes, a.shape[0])
        if curvature is not None:
            kernels.curve(kind, &a[0], &curvature[0], a.shape[0])
