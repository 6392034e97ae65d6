# SPDX-License-Identifier: BSD-3-Clause
"""Value and derivative of one row for the losses out of the families of `deviances`, `residuals`, `quantiles` and
`gaussians`. A module of its own: inlined into `losses.evaluate` they would slow down those that stand there.
"""

from bpnet._core cimport deviances, residuals
from bpnet._core.gaussians cimport gaussian
from bpnet._core.losses cimport ABSOLUTE_ERROR, GAMMA, HUBER, POISSON, QUANTILE
from bpnet._core.quantiles cimport quantile


cdef double points(
    int kind, const double* numbers, const floating* raw, const floating* y, floating* seed, int m
) noexcept nogil:
    """Of a loss that is a sum over its outputs."""
    cdef double value = 0, slope = 0
    cdef Py_ssize_t k
    for k in range(m):
        if kind == POISSON:
            value += deviances.poisson(raw[k], y[k], &slope)
        elif kind == GAMMA:
            value += deviances.gamma(raw[k], y[k], &slope)
        elif kind == ABSOLUTE_ERROR:
            value += residuals.absolute_error(<double> raw[k] - <double> y[k], &slope)
        elif kind == HUBER:
            value += residuals.huber(<double> raw[k] - <double> y[k], numbers[0], &slope)
        else:
            value += residuals.log_cosh(<double> raw[k] - <double> y[k], &slope)
        seed[k] = <floating> slope
    return value


cdef double blocks(
    int kind, const double* numbers, int size, const floating* raw, const floating* y, floating* seed, int m
) noexcept nogil:
    """Of a loss that reads several raw outputs for each target."""
    cdef double value = 0, by_mean = 0, by_spread = 0
    cdef Py_ssize_t k
    for k in range(m // size):
        if kind == QUANTILE:
            value += quantile(raw + k * size, y[k], numbers, size, seed + k * size)
        else:
            value += gaussian(raw[2 * k], raw[2 * k + 1], y[k], &by_mean, &by_spread)
            seed[2 * k], seed[2 * k + 1] = <floating> by_mean, <floating> by_spread
    return value
