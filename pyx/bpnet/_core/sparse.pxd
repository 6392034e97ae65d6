# SPDX-License-Identifier: BSD-3-Clause
from cython cimport floating

from bpnet._core.data cimport Chunk
from bpnet._core.plan cimport Block, Plan

cdef void propagate_units(
    Plan plan, const Block* block, const floating* w, floating* room, const Chunk* chunk, const floating* z,
    const floating* a0, Py_ssize_t a0_row, floating* a,
) noexcept nogil
cdef void backpropagate_units(
    Plan plan, const Block* block, const floating* w, floating* room, const Chunk* chunk, const floating* delta,
    floating* error,
) noexcept nogil
cdef void accumulate_units(
    Plan plan, const Block* block, floating* g, bint fresh, floating* room, const Chunk* chunk, const floating* z,
    const floating* delta,
) noexcept nogil
cdef void spread_units(Plan plan, const Block* block, const floating* w, floating* full) noexcept nogil
