# SPDX-License-Identifier: BSD-3-Clause
"""Quantile loss of one target: predictions that never cross, out of as many raw outputs as there are levels.

    q_1 = a_1    q_k = q_(k-1) + softplus(a_k)    E = sum_k max(tau_k (y - q_k), (tau_k - 1) (y - q_k))

With g_k = dE/dq_k (-tau_k below y, 1 - tau_k above, 0 at it) and G_j = sum of g_k over k >= j,

    dE/da_1 = G_1    dE/da_j = sigma(a_j) G_j    d2E/da_j^2 = sigma'(a_j) G_j    all others 0

The loss is linear in q almost everywhere, so its Gauss-Newton matrix is zero.
"""
from cython cimport floating
from libc.math cimport exp, fabs, log1p


cdef inline double softplus(double a) noexcept nogil:
    return (a if a > 0 else 0) + log1p(exp(-fabs(a)))


cdef inline double sigma(double a) noexcept nogil:
    cdef double e = exp(-fabs(a))
    return (1 if a >= 0 else e) / (1 + e)


cdef inline double sigma_slope(double a) noexcept nogil:
    cdef double e = exp(-fabs(a))
    return e / ((1 + e) * (1 + e))


cdef inline double pinball(
    const floating* a, double y, const double* levels, int n_levels, floating* tails
) noexcept nogil:
    """Returns E; tails[j] becomes G_j."""
    cdef double q = 0, value = 0, g, tail = 0
    cdef int k
    for k in range(n_levels):
        q += <double> a[k] if k == 0 else softplus(a[k])
        g = -levels[k] if q < y else 1 - levels[k] if q > y else 0 * (q - y)
        value += g * (q - y)
        tails[k] = <floating> g
    for k in range(n_levels - 1, -1, -1):
        tail += tails[k]
        tails[k] = <floating> tail
    return value


cdef inline double quantile(
    const floating* a, double y, const double* levels, int n_levels, floating* seed
) noexcept nogil:
    """Returns E; seed becomes dE/da."""
    cdef double value = pinball(a, y, levels, n_levels, seed)
    cdef int k
    for k in range(1, n_levels):
        seed[k] *= <floating> sigma(a[k])
    return value
