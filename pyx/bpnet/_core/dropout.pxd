# SPDX-License-Identifier: BSD-3-Clause
from cython cimport floating
from libc.stdint cimport uint32_t, uint64_t

from bpnet._core.data cimport Chunk
from bpnet._core.plan cimport Drops, Plan, Workspace

cdef class Dropout:
    cdef readonly Plan plan
    cdef readonly object dtype
    cdef readonly uint64_t seed
    cdef readonly uint64_t n_epochs    # begun so far
    cdef bint drops_inputs
    cdef uint64_t base                 # of the keys of this epoch's rows
    cdef Drops drops
    cdef uint32_t* low                 # keys of the rows of a chunk
    cdef uint32_t* high
    cdef object _arrays, _keys

cdef void drop_inputs(Dropout dropout, Workspace ws, const Chunk* chunk, const floating* tag) noexcept nogil
cdef void draw_keys(
    Dropout dropout, const Py_ssize_t* order, Py_ssize_t start, const Chunk* chunk
) noexcept nogil
cdef void drop_layer(
    Plan plan, int l, const Drops* drops, const Chunk* chunk, floating* z, floating* slope
) noexcept nogil
