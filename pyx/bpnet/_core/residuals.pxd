# SPDX-License-Identifier: BSD-3-Clause
"""Losses of a residual r = z - y: value, slope and curvature of one number, in float64.

==============  ===================================  ===============  ====================
absolute error  |r|                                  sign(r), 0 at 0  0
Huber           r^2 / 2, or delta (|r| - delta / 2)  r cut at delta   1 within delta, or 0
                beyond delta
log cosh        log cosh r                           tanh r           1 / cosh^2 r
==============  ===================================  ===============  ====================
"""
from libc.math cimport copysign, exp, fabs, log1p, sinh, tanh

#: log 2
DEF LOG_2 = 0.69314718055994530942


cdef inline double absolute_error(double r, double* slope) noexcept nogil:
    slope[0] = 1 if r > 0 else -1 if r < 0 else 0 * r   # NaN stays NaN
    return fabs(r)


cdef inline double huber(double r, double delta, double* slope) noexcept nogil:
    if fabs(r) <= delta:
        slope[0] = r
        return 0.5 * r * r
    slope[0] = copysign(delta, r) if r == r else r
    return delta * (fabs(r) - 0.5 * delta)


cdef inline double huber_curvature(double r, double delta) noexcept nogil:
    return 1 if fabs(r) <= delta else 0


cdef inline double log_cosh(double r, double* slope) noexcept nogil:
    """Near 0 cosh^2 = 1 + sinh^2 keeps the digits of r^2 / 2; far away nothing overflows."""
    cdef double s
    slope[0] = tanh(r)
    if fabs(r) < 1:
        s = sinh(r)
        return 0.5 * log1p(s * s)
    return fabs(r) - LOG_2 + log1p(exp(-2 * fabs(r)))


cdef inline double log_cosh_curvature(double r) noexcept nogil:
    cdef double e = exp(-2 * fabs(r))
    return 4 * e / ((1 + e) * (1 + e))
