# SPDX-License-Identifier: BSD-3-Clause
"""The head of a Jacobian: linear outputs and the layer they hear, passed over in one product.

The deltas of that layer are h'_j w_jk, so what it brings to a layer i before it is h' times a matrix that is the same
for all samples, sum_j h'_j (w_jk w_ij).
"""

from cython cimport floating

from bpnet._core.blocks cimport backpropagate
from bpnet._core.data cimport Chunk, rows_of_signals
from bpnet._core.plan cimport Block, Layer, Plan, Workspace
from bpnet._core.products cimport beyond_reach, product

#: It pays where its matrices stay in the second-level cache, 64 K numbers, and many samples share their making.
DEF HEAD_SIZE = 64 * 1024
DEF HEAD_ROWS = 4


cdef Py_ssize_t head_size(Plan plan, Py_ssize_t n_rows, Py_ssize_t n_together):
    """Room for the head of n_rows, so many at a time: what `make_head` writes; 0 where it does not apply or not pay."""
    cdef Layer* last = &plan.layers[plan.n_layers - 1]
    cdef Layer* source
    cdef Py_ssize_t size
    cdef int b, number = layer_passed(plan)
    if not plan.ends_plainly or last.n_blocks > 1 or number == 0:
        return 0
    for b in range(last.first_block):
        if plan.blocks[b].source == number:
            return 0
    source = &plan.layers[number]
    size = source.n_units
    for b in range(source.first_block, source.first_block + source.n_blocks):
        size += plan.blocks[b].n_in
    if size * source.n_units * plan.n_outputs > HEAD_SIZE:
        return 0
    if n_rows < HEAD_ROWS * source.n_units or n_together < source.n_units:
        return 0
    return _head_start(plan, source) + size * source.n_units * plan.n_outputs


cdef int layer_passed(Plan plan) noexcept nogil:
    """The layer that the outputs hear."""
    return plan.blocks[plan.layers[plan.n_layers - 1].first_block].source


cdef inline Py_ssize_t _head_start(Plan plan, const Layer* layer) noexcept nogil:
    """Numbers in front of the matrices of the head of a layer: two sets of unit rows and what their sweeps bring."""
    cdef int b
    cdef Py_ssize_t widest = 0, m = layer.n_units, n_out = plan.n_outputs
    for b in range(layer.first_block, layer.first_block + layer.n_blocks):
        widest = max(widest, plan.blocks[b].n_in)
    return n_out * (n_out + m) + m * (m + widest)


cdef void make_head(Plan plan, const floating* w, Workspace ws, floating* head) noexcept nogil:
    """For each block of the layer that the outputs hear the matrix (j, k, i) of w_jk w_ij; `head` comes full of zeros.

    In front of them stand unit rows for the outputs, w_jk as (k, j), unit rows for the layer, and w_ij as (j, i).
    """
    cdef int b, n_out = plan.n_outputs
    cdef Py_ssize_t i, j, k
    cdef Block block = plan.blocks[plan.layers[plan.n_layers - 1].first_block]
    cdef Layer* layer = &plan.layers[layer_passed(plan)]
    cdef Py_ssize_t m = layer.n_units
    cdef floating* weights = head + n_out * n_out
    cdef floating* units = weights + n_out * m
    cdef floating* own = units + m * m
    cdef floating* matrix = head + _head_start(plan, layer)
    cdef Chunk rows = rows_of_signals(n_out)
    for k in range(n_out):
        head[k * n_out + k] = 1
    backpropagate(plan, &block, w, ws.room, &rows, <const floating*> head, weights)
    for j in range(m):
        units[j * m + j] = 1
    rows = rows_of_signals(<int> m)
    for b in range(layer.first_block, layer.first_block + layer.n_blocks):
        block = plan.blocks[b]
        block.opens = True
        backpropagate(plan, &block, w, ws.room, &rows, <const floating*> units, own)
        for j in range(m):
            for k in range(n_out):
                for i in range(block.n_in):
                    matrix[i] = weights[k * m + j] * own[j * block.n_in + i]
                matrix += block.n_in


cdef void sweep_head(
    Plan plan, const floating* w, Workspace ws, int n, const floating* head, floating* delta, floating* out
) noexcept nogil:
    """What the layer that the outputs hear brings to its sources: error signals, or the Jacobian itself."""
    cdef int b, n_out = plan.n_outputs, columns
    cdef Layer* layer = &plan.layers[layer_passed(plan)]
    cdef Block* block
    cdef floating* error
    cdef int m = layer.n_units
    cdef const floating* slope = <const floating*> ws.slope + layer.column * n
    cdef const floating* matrix = head + _head_start(plan, layer)
    for b in range(layer.first_block, layer.first_block + layer.n_blocks):
        block = &plan.blocks[b]
        columns = n_out * block.n_in
        error = out if block.source == 0 else delta + plan.layers[block.source].column * n * n_out
        product(
            False, False, beyond_reach(False, n, columns, m, w), n, columns, m, slope, m, matrix, columns,
            <const floating*> NULL if block.opens else <const floating*> error, columns, error,
        )
        matrix += m * columns
