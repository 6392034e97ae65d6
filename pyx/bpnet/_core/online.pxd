# SPDX-License-Identifier: BSD-3-Clause
from cython cimport floating

from bpnet._core.data cimport Data
from bpnet._core.kernels cimport bpnet_link
from bpnet._core.losses cimport Loss
from bpnet._core.plan cimport Plan, Workspace

cdef class Chain:
    cdef bpnet_link* links
    cdef int n_links
    cdef object _memory

cdef double sweep_row(
    Chain chain, Loss loss, Data data, Workspace ws, Py_ssize_t row, double scale, const floating* w, floating* g
) noexcept nogil
