# SPDX-License-Identifier: BSD-3-Clause
from cython cimport floating

cdef class OwnLoss:
    cdef readonly object source          # what the user has given
    cdef object _value, _gradient, _hessian, _n_raw
    cdef readonly bint is_python
    cdef readonly bint has_hessian
    # Compiled functions and what they were bound to.
    cdef void* function
    cdef void* function_data
    cdef bint function_takes_data
    cdef void* second
    cdef void* second_data
    cdef bint second_takes_data

cdef double evaluate_own(
    OwnLoss loss, const floating* raw, const floating* y, const floating* weight, double scale,
    floating* seed, double* values, int n, int m, int n_targets,
) noexcept nogil
cdef void curve_own_loss(
    OwnLoss loss, const floating* raw, const floating* y, const floating* weight, floating* out,
    int n, int m, int n_targets,
) noexcept nogil
cdef void multiply_own_loss(
    OwnLoss loss, const floating* raw, const floating* y, const floating* weight, const floating* r_raw,
    floating* r_seed, int n, int m, int n_targets,
) noexcept nogil
