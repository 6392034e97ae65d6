# SPDX-License-Identifier: BSD-3-Clause
"""Half deviances of means exp(a): value, slope and curvature of one number, in float64.

=======  ====================================  ==============  =========
Poisson  exp(a) - y - y (a - log y)            exp(a) - y      exp(a)
gamma    y exp(-a) - 1 + (a - log y), y > 0    1 - y exp(-a)   y exp(-a)
=======  ====================================  ==============  =========

With d = a - log y the first is y (exp(d) - 1 - d), the second exp(-d) - 1 + d.
"""
from libc.math cimport INFINITY, exp, expm1, fabs, log


cdef inline double excess(double d) noexcept nogil:
    """exp(d) - 1 - d, in the form that cancels least for each d."""
    cdef double term, total
    cdef int k
    if fabs(d) > 1:
        return exp(d) - (1 + d)
    # d^2 / 2 + d^3 / 6 + ...: 18 terms reach 1e-17 at |d| = 1.
    term = total = d * d / 2
    for k in range(3, 21):
        term *= d / k
        total += term
    return total


cdef inline double poisson(double a, double y, double* slope) noexcept nogil:
    cdef double z = exp(a), d
    slope[0] = z - y
    if y == 0:
        return z
    d = a - log(y)
    if fabs(d) > 1 and z < INFINITY:
        return z - y * (1 + d)
    # Where z overflows the difference need not, and must not become inf - inf.
    return y * excess(d)


cdef inline double gamma(double a, double y, double* slope) noexcept nogil:
    cdef double d = a - log(y)
    # Near the minimum expm1 keeps the digits that 1 - y exp(-a) loses; elsewhere y exp(-a) has not the error of log y.
    slope[0] = -expm1(-d) if fabs(d) < 0.5 else 1 - gamma_curvature(a, y)
    return excess(-d)


cdef inline double gamma_curvature(double a, double y) noexcept nogil:
    """y exp(-a) in two steps: exp(-a) may overflow where the product does not."""
    cdef double h = exp(-0.5 * a)
    return y * h * h
