# SPDX-License-Identifier: BSD-3-Clause
"""One connection block: the three products that every sweep is made of.

A block is bilinear in its weights W and its signal, so every derivative needs only

    propagate       a = a0 + z W      (a0 the biases, or what other blocks have brought)
    backpropagate   error += delta W'
    accumulate      g += z' delta

The first and the last have a twin for inputs in CSR form, which meet dense weights row by row.
"""

from libc.string cimport memcpy, memset

from bpnet._core.kernels cimport axpy
from bpnet._core.plan cimport DENSE
from bpnet._core.products cimport product


cdef void propagate(
    Plan plan, const Block* block, const floating* w, void* room, const floating* z,
    const floating* a0, Py_ssize_t a0_row, floating* a, int n,
) noexcept nogil:
    """a = a0 + z W; a0 may be a, or one row for all where a0_row is 0."""
    cdef int n_in = block.n_in, n_out = block.n_out
    cdef const floating* weights = _dense(plan, block, w, <floating*> room)
    product(False, False, n, n_out, n_in, z, n_in, weights, n_out, a0, a0_row, a)


cdef void backpropagate(
    Plan plan, const Block* block, const floating* w, void* room, const floating* delta, floating* error, int n,
) noexcept nogil:
    """error += delta W'."""
    cdef int n_in = block.n_in, n_out = block.n_out
    cdef const floating* weights = _dense(plan, block, w, <floating*> room)
    product(False, True, n, n_in, n_out, delta, n_out, weights, n_out, error, n_in, error)


cdef void accumulate(
    Plan plan, const Block* block, floating* g, void* room, const floating* z, const floating* delta, int n,
) noexcept nogil:
    """g += z' delta, at the weights that exist."""
    cdef int n_in = block.n_in, n_out = block.n_out
    cdef Py_ssize_t k
    cdef floating* full = <floating*> room
    cdef const int* cells
    g += block.weight_offset
    if block.kind == DENSE:
        product(True, False, n_in, n_out, n, z, n_in, delta, n_out, g, n_out, g)
        return
    memset(full, 0, <size_t> n_in * n_out * sizeof(floating))
    product(True, False, n_in, n_out, n, z, n_in, delta, n_out, full, n_out, full)
    cells = plan.cells + block.cell_offset
    for k in range(block.n_weights):
        g[k] += full[cells[k]]


cdef void propagate_sparse(
    const Block* block, const floating* w, const Chunk* chunk, const floating* a0, Py_ssize_t a0_row, floating* a,
) noexcept nogil:
    """a = a0 + x W for the CSR rows x of the chunk; entries of the same column add up."""
    cdef Py_ssize_t i, k, n_out = block.n_out
    cdef const floating* values = <const floating*> chunk.values
    w += block.weight_offset
    for i in range(chunk.n):
        if a0 != a:
            memcpy(a + i * n_out, a0 + i * a0_row, n_out * sizeof(floating))
        for k in range(chunk.starts[i], chunk.stops[i]):
            axpy(values[k], w + chunk.columns[k] * n_out, a + i * n_out, n_out)


cdef void accumulate_sparse(const Block* block, floating* g, const Chunk* chunk, const floating* delta) noexcept nogil:
    """g += x' delta for the CSR rows x of the chunk."""
    cdef Py_ssize_t i, k, n_out = block.n_out
    cdef const floating* values = <const floating*> chunk.values
    g += block.weight_offset
    for i in range(chunk.n):
        for k in range(chunk.starts[i], chunk.stops[i]):
            axpy(values[k], delta + i * n_out, g + chunk.columns[k] * n_out, n_out)


cdef const floating* _dense(Plan plan, const Block* block, const floating* w, floating* room) noexcept nogil:
    """W as a full matrix: in place where the block is dense, else spread out into room."""
    cdef Py_ssize_t k
    cdef const int* cells
    w += block.weight_offset
    if block.kind == DENSE:
        return w
    memset(room, 0, <size_t> block.n_in * block.n_out * sizeof(floating))
    cells = plan.cells + block.cell_offset
    for k in range(block.n_weights):
        room[cells[k]] = w[k]
    return room
