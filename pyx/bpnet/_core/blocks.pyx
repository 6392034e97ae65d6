# SPDX-License-Identifier: BSD-3-Clause
"""One connection block: the three products that every sweep is made of.

A block is bilinear in its weights W and its signal, so every derivative needs only

    propagate       a = a0 + z W      (a0 the biases, or what other blocks have brought)
    backpropagate   error += delta W'
    accumulate      g += z' delta

on the rows first .. first + count of a chunk, the last one on all of them and for a piece of the weights: however rows
and pieces are dealt out to threads, the bits are the same. The first and the last have a twin for inputs in CSR form,
which meet dense weights row by row. What a sparse block does with the three stands in sparse.pyx.
"""

from libc.string cimport memcpy, memset

from bpnet._core.kernels cimport axpy
from bpnet._core.products cimport beyond_reach, product
from bpnet._core.sparse cimport accumulate_units, backpropagate_units, propagate_units, spread_units
from bpnet._core.tables cimport DENSE, SPARSE


cdef void propagate(
    Plan plan, const Block* block, const floating* w, void* room, const Chunk* chunk, const floating* z,
    const floating* a0, Py_ssize_t a0_row, floating* a,
) noexcept nogil:
    """a = a0 + z W; a0 may be a, or one row for all where a0_row is 0, or NULL: zeros."""
    cdef int n_in = block.n_in, n_out = block.n_out
    cdef const floating* weights
    cdef bint blas
    if block.kind == SPARSE:
        propagate_units(plan, block, w, <floating*> room, chunk, z, a0, a0_row, a)
        return
    weights = _dense(plan, block, w, <floating*> room)
    blas = beyond_reach(False, chunk.n, n_out, n_in, w)
    product(False, False, blas, chunk.count, n_out, n_in, z, n_in, weights, n_out, a0, a0_row, a)


cdef void backpropagate(
    Plan plan, const Block* block, const floating* w, void* room, const Chunk* chunk, const floating* delta,
    floating* error,
) noexcept nogil:
    """error += delta W', or = where no other block has brought anything yet."""
    cdef int n_in = block.n_in, n_out = block.n_out
    cdef const floating* weights
    cdef const floating* e0 = NULL if block.opens else error
    cdef bint blas
    if block.kind == SPARSE:
        backpropagate_units(plan, block, w, <floating*> room, chunk, delta, error)
        return
    weights = _dense(plan, block, w, <floating*> room)
    blas = beyond_reach(False, chunk.n, n_in, n_out, w)
    product(False, True, blas, chunk.count, n_in, n_out, delta, n_out, weights, n_out, e0, n_in, error)


cdef void accumulate(
    Plan plan, const Piece* piece, floating* g, bint fresh, void* room, const Chunk* chunk, const floating* z,
    const floating* delta,
) noexcept nogil:
    """g += z' delta for the weights of a piece, at those that exist; = where `fresh`."""
    cdef const Block* block = &plan.blocks[piece.block]
    cdef int n_in = block.n_in, n_out = block.n_out
    cdef Py_ssize_t k
    cdef bint blas = beyond_reach(True, piece.n_rows, n_out, chunk.n, g)
    cdef floating* full = <floating*> room
    cdef const floating* g0
    cdef const int* cells
    g += piece.start
    if block.kind == DENSE:
        g0 = NULL if fresh else g
        product(
            True, False, blas, piece.n_rows, n_out, chunk.n, z + piece.first_row, n_in, delta, n_out, g0, n_out, g
        )
        return
    if block.kind == SPARSE:
        accumulate_units(plan, block, g, fresh, full, chunk, z, delta)
        return
    product(True, False, blas, n_in, n_out, chunk.n, z, n_in, delta, n_out, <const floating*> NULL, n_out, full)
    cells = plan.cells + block.cell_offset
    if fresh:
        memset(g, 0, block.n_weights * sizeof(floating))
    for k in range(block.n_weights):
        g[k] += full[cells[k]]


cdef void propagate_sparse(
    const Block* block, const floating* w, const Chunk* chunk, const floating* a0, Py_ssize_t a0_row, floating* a,
) noexcept nogil:
    """a = a0 + x W for the CSR rows x of the chunk; entries of the same column add up."""
    cdef Py_ssize_t i, k, n_out = block.n_out
    cdef const floating* values = <const floating*> chunk.values
    w += block.weight_offset
    if a0 == NULL:
        memset(a, 0, chunk.n * n_out * sizeof(floating))
    for i in range(chunk.n):
        if a0 != NULL and a0 != a:
            memcpy(a + i * n_out, a0 + i * a0_row, n_out * sizeof(floating))
        for k in range(chunk.starts[i], chunk.stops[i]):
            axpy(values[k], w + chunk.columns[k] * n_out, a + i * n_out, n_out)


cdef void accumulate_sparse(
    const Block* block, floating* g, bint fresh, const Chunk* chunk, const floating* delta
) noexcept nogil:
    """g += x' delta for the CSR rows x of the chunk; = where `fresh`."""
    cdef Py_ssize_t i, k, n_out = block.n_out
    cdef const floating* values = <const floating*> chunk.values
    g += block.weight_offset
    if fresh:
        memset(g, 0, block.n_weights * sizeof(floating))
    for i in range(chunk.n):
        for k in range(chunk.starts[i], chunk.stops[i]):
            axpy(values[k], delta + i * n_out, g + chunk.columns[k] * n_out, n_out)


cdef const floating* _dense(Plan plan, const Block* block, const floating* w, floating* room) noexcept nogil:
    """W as a full matrix (n_in, n_out): in place where the block is dense, else spread out into room.

    Rows of a sparse block are the inputs, or all units before its target in the order of their columns; it needs room
    for Plan.largest_matrix, which a workspace does not have.
    """
    cdef Py_ssize_t k
    cdef const int* cells
    w += block.weight_offset
    if block.kind == DENSE:
        return w
    if block.kind == SPARSE:
        spread_units(plan, block, w, room)
        return room
    memset(room, 0, <size_t> block.n_in * block.n_out * sizeof(floating))
    cells = plan.cells + block.cell_offset
    for k in range(block.n_weights):
        room[cells[k]] = w[k]
    return room
