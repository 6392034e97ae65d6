# SPDX-License-Identifier: BSD-3-Clause
from cython cimport floating

from bpnet._core.plan cimport Plan, Workspace

cdef Py_ssize_t head_size(Plan plan, Py_ssize_t n_rows, Py_ssize_t n_together)
cdef int layer_passed(Plan plan) noexcept nogil
cdef void make_head(Plan plan, const floating* w, Workspace ws, floating* head) noexcept nogil
cdef void sweep_head(
    Plan plan, const floating* w, Workspace ws, int n, const floating* head, floating* delta, floating* out
) noexcept nogil
