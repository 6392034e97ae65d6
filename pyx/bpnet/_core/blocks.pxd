# SPDX-License-Identifier: BSD-3-Clause
from cython cimport floating

from bpnet._core.data cimport Chunk
from bpnet._core.plan cimport Block, Piece, Plan

cdef void propagate(
    Plan plan, const Block* block, const floating* w, void* room, const Chunk* chunk, const floating* z,
    const floating* a0, Py_ssize_t a0_row, floating* a,
) noexcept nogil
cdef void backpropagate(
    Plan plan, const Block* block, const floating* w, void* room, const Chunk* chunk, const floating* delta,
    floating* error,
) noexcept nogil
cdef void accumulate(
    Plan plan, const Piece* piece, floating* g, bint fresh, void* room, const Chunk* chunk, const floating* z,
    const floating* delta,
) noexcept nogil
cdef void propagate_sparse(
    const Block* block, const floating* w, const Chunk* chunk, const floating* a0, Py_ssize_t a0_row, floating* a,
) noexcept nogil
cdef void accumulate_sparse(
    const Block* block, floating* g, bint fresh, const Chunk* chunk, const floating* delta
) noexcept nogil
