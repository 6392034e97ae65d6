# SPDX-License-Identifier: BSD-3-Clause
from cython cimport floating

from bpnet._core.losses cimport Loss

cdef void hessian_product(
    Loss loss, const floating* raw, const floating* y, const floating* weight, const floating* r_raw,
    floating* r_seed, floating* scratch, int n, int m, int n_targets, bint whole,
) noexcept nogil
cdef void curve(
    Loss loss, const floating* raw, const floating* y, const floating* weight, floating* scratch, floating* out,
    int n, int m, int n_targets, bint whole,
) noexcept nogil
