# SPDX-License-Identifier: BSD-3-Clause
"""Negative log-likelihood of a normal distribution whose mean m and log-variance s are two raw outputs.

    E = 1/2 (s + t^2)    t = (m - y) exp(-s / 2)                          (log(2 pi) / 2 is left out)
    dE/dm = t exp(-s / 2)    dE/ds = 1/2 (1 - t^2)
    d2E/dm^2 = exp(-s)    d2E/dm ds = -t exp(-s / 2)    d2E/ds^2 = t^2 / 2

This is not convex where |t| > 0: the Gauss-Newton matrix takes the expectation over y, Fisher's diag(exp(-s), 1/2).
"""
from libc.math cimport exp


cdef inline double scaled(double x, double s) noexcept nogil:
    """x exp(-s / 2) in two steps: exp(-s / 2) may overflow where the product does not, and 0 stays 0."""
    cdef double quarter = exp(-0.25 * s)
    return x * quarter * quarter if x != 0 else 0


cdef inline double gaussian(double m, double s, double y, double* by_mean, double* by_spread) noexcept nogil:
    cdef double t = scaled(m - y, s)
    by_mean[0] = scaled(t, s)
    by_spread[0] = 0.5 * (1 - t) * (1 + t)   # the square may overflow, and near t = 1 it would cancel
    return 0.5 * s + 0.5 * t * t
