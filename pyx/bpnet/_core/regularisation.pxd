# SPDX-License-Identifier: BSD-3-Clause
from cython cimport floating

from bpnet._core.plan cimport Piece, Plan
from bpnet._core.updates cimport UpdateRule

cdef class Regularisation:
    cdef readonly Plan plan
    cdef readonly object dtype
    cdef readonly double alpha_l1
    cdef readonly double weight_decay
    cdef readonly double max_norm        # 0: no clipping
    cdef const unsigned char* frozen     # of each parameter, or NULL
    cdef const unsigned char* states     # of each piece: FREE, MIXED or STILL
    cdef const void* kept                # values of what is frozen
    cdef void* before                    # w before the step
    cdef double* norms                   # squared, of the gradient of each piece
    cdef object _arrays

cdef bint is_still(Regularisation r, int p) noexcept nogil
cdef double prepare(
    Regularisation r, int p, const Piece* piece, const floating* w, floating* g, double share
) noexcept nogil
cdef double clipping(Regularisation r) noexcept nogil
cdef void take_step(
    Regularisation r, UpdateRule rule, int p, const Piece* piece, floating* g, floating* w, double factor
) noexcept nogil
