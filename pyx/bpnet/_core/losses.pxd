# SPDX-License-Identifier: BSD-3-Clause
from cython cimport floating

from bpnet._core.own_losses cimport OwnLoss

cdef enum LossKind:
    SQUARED_ERROR
    BINARY_LOG_LOSS
    MULTINOMIAL_LOG_LOSS
    POISSON
    ABSOLUTE_ERROR
    HUBER
    LOG_COSH
    GAMMA
    QUANTILE
    GAUSSIAN_NLL
    OWN

cdef class Loss:
    cdef readonly str name
    cdef readonly str activation
    cdef readonly tuple parameters       # delta of huber, levels of quantile
    cdef readonly int n_each             # raw outputs per target; 0 where the user's loss decides
    cdef readonly bint couples           # the outputs, in its second derivative
    cdef readonly bint has_hessian
    cdef readonly OwnLoss own            # None but for a user's
    cdef LossKind kind
    cdef const double* numbers           # the parameters
    cdef object _memory

cdef double evaluate(
    Loss loss, const floating* raw, const floating* y, const floating* weight, double scale,
    floating* seed, floating* scratch, double* values, int n, int m, int n_targets,
) noexcept nogil
