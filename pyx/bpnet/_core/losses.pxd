# SPDX-License-Identifier: BSD-3-Clause
from cython cimport floating

cdef enum LossKind:
    SQUARED_ERROR
    BINARY_LOG_LOSS
    MULTINOMIAL_LOG_LOSS
    POISSON

cdef class Loss:
    cdef readonly str name
    cdef readonly str activation
    cdef LossKind kind

cdef double evaluate(
    LossKind kind, const floating* raw, const floating* y, const floating* weight, double scale,
    floating* seed, floating* scratch, double* values, int n, int m,
) noexcept nogil
cdef void hessian_product(
    LossKind kind, const floating* raw, const floating* y, const floating* weight, const floating* r_raw,
    floating* r_seed, floating* scratch, int n, int m,
) noexcept nogil
cdef void curve(
    LossKind kind, const floating* raw, const floating* y, const floating* weight, floating* scratch, floating* out,
    int n, int m,
) noexcept nogil
