# SPDX-License-Identifier: BSD-3-Clause
"""The sweeps over a plan: loops over layers and their blocks.

Buffers hold one layer after another, each as an (n, n_units) row-major matrix; the inputs are read from the chunk.
Equation numbers are those of Bishop, Pattern Recognition and Machine Learning (2006), chapter 5.
"""

from libc.string cimport memcpy, memset

from bpnet._core cimport kernels
from bpnet._core.activations cimport softmax
from bpnet._core.blocks cimport accumulate, accumulate_sparse, backpropagate, propagate, propagate_sparse
from bpnet._core.kernels cimport BPNET_SOFTMAX
from bpnet._core.plan cimport Block, Layer, Output


cdef void forward(
    Plan plan, const floating* w, Workspace ws, const Chunk* chunk, Reading reading, bint slopes
) noexcept nogil:
    """a_j = sum_i w_ji z_i + b_j,  z_j = h(a_j)   (5.48, 5.49).

    ws.raw becomes a or z of the outputs; ws.slope becomes h'(a) where `slopes` asks for it.
    """
    cdef int l, b, n = chunk.n
    cdef Layer* layer
    cdef Block* block
    cdef floating* z = <floating*> ws.z
    cdef floating* slope
    cdef floating* a
    cdef const floating* a0
    cdef const floating* source
    cdef Py_ssize_t a0_row
    for l in range(1, plan.n_layers):
        layer = &plan.layers[l]
        a = z + layer.column * n
        slope = <floating*> ws.slope + layer.column * n if slopes else NULL
        a0 = w + layer.bias_offset if layer.bias_offset >= 0 else <const floating*> ws.zeros
        a0_row = 0
        for b in range(layer.first_block, layer.first_block + layer.n_blocks):
            block = &plan.blocks[b]
            if block.source > 0:
                source = z + plan.layers[block.source].column * n
                propagate(plan, block, w, ws.room, source, a0, a0_row, a, n)
            elif chunk.x != NULL:
                propagate(plan, block, w, ws.room, <const floating*> chunk.x, a0, a0_row, a, n)
            else:
                propagate_sparse(block, w, chunk, a0, a0_row, a)
            a0, a0_row = a, layer.n_units
        if reading == RAW:
            _read_outputs(plan, l, a, <floating*> ws.raw, n)
        _activate(plan, layer, a, slope, n)
        if reading == OUTPUT:
            _read_outputs(plan, l, a, <floating*> ws.raw, n)


cdef void backward(
    Plan plan, const floating* w, Workspace ws, const Chunk* chunk, Reading reading, floating* g
) noexcept nogil:
    """delta_j = h'(a_j) sum_k w_kj delta_k,  dE/dw_ji = delta_j z_i   (5.56, 5.53).

    On entry ws.seed is dE/da of the outputs where reading is RAW, dE/dz where it is OUTPUT; z and slope are those
    of forward. g is added to; NULL asks for ws.error and ws.delta alone.
    """
    cdef int l, b, n = chunk.n
    cdef Py_ssize_t at, source_at
    cdef Layer* layer
    cdef Block* block
    cdef floating* z = <floating*> ws.z
    cdef floating* slope = <floating*> ws.slope
    cdef floating* error = <floating*> ws.error
    cdef floating* delta = <floating*> ws.delta
    memset(error, 0, plan.n_units * n * sizeof(floating))
    memset(delta, 0, plan.n_units * n * sizeof(floating))
    _plant_seed(plan, <const floating*> ws.seed, delta if reading == RAW else error, n)
    for l in range(plan.n_layers - 1, 0, -1):
        layer = &plan.layers[l]
        at = layer.column * n
        _add_delta(plan, layer, z + at, slope + at, error + at, delta + at, n)
        if g != NULL and layer.bias_offset >= 0:
            kernels.add_rows(delta + at, g + layer.bias_offset, n, layer.n_units)
        for b in range(layer.first_block, layer.first_block + layer.n_blocks):
            block = &plan.blocks[b]
            if block.source > 0:
                source_at = plan.layers[block.source].column * n
                backpropagate(plan, block, w, ws.room, delta + at, error + source_at, n)
                if g != NULL:
                    accumulate(plan, block, g, ws.room, z + source_at, delta + at, n)
            elif g != NULL and chunk.x != NULL:
                accumulate(plan, block, g, ws.room, <const floating*> chunk.x, delta + at, n)
            elif g != NULL:
                accumulate_sparse(block, g, chunk, delta + at)


cdef void _activate(Plan plan, const Layer* layer, floating* a, floating* slope, int n) noexcept nogil:
    """a becomes z = h(a); slope, unless NULL, becomes h'(a)."""
    cdef int s, i, kind, n_units, m = layer.n_units
    cdef Py_ssize_t at
    for s in range(layer.first_span, layer.first_span + layer.n_spans):
        kind, n_units = plan.spans[s].activation, plan.spans[s].n_units
        if kind == BPNET_SOFTMAX:   # the whole layer: Topology sees to it
            softmax(a, a, n, m)
        elif n_units == m:
            kernels.activate(kind, a, a, slope, <Py_ssize_t> n * m)
        else:
            for i in range(n):
                at = <Py_ssize_t> i * m + plan.spans[s].first
                kernels.activate(kind, a + at, a + at, slope + at if slope != NULL else NULL, n_units)


cdef void _add_delta(
    Plan plan, const Layer* layer, const floating* z, const floating* slope, const floating* error, floating* delta,
    int n,
) noexcept nogil:
    """delta += h'(a) error; for softmax delta_j += z_j (error_j - sum_k z_k error_k)."""
    cdef Py_ssize_t i, j, m = layer.n_units
    cdef floating mean
    if plan.spans[layer.first_span].activation != BPNET_SOFTMAX:
        kernels.add_product(slope, error, delta, n * m)
        return
    for i in range(n):
        mean = 0
        for j in range(m):
            mean += z[i * m + j] * error[i * m + j]
        for j in range(m):
            delta[i * m + j] += z[i * m + j] * (error[i * m + j] - mean)


cdef void _read_outputs(Plan plan, int l, const floating* signal, floating* raw, int n) noexcept nogil:
    """Copy what layer l has of the outputs into raw."""
    cdef int o
    cdef Py_ssize_t i, m = plan.layers[l].n_units, k = plan.n_outputs
    cdef Output* part
    for o in range(plan.n_output_spans):
        part = &plan.outputs[o]
        if part.layer == l:
            for i in range(n):
                memcpy(raw + i * k + part.column, signal + i * m + part.first, part.n_units * sizeof(floating))


cdef void _plant_seed(Plan plan, const floating* seed, floating* signal, int n) noexcept nogil:
    """Copy the loss's derivative to its places in delta or error."""
    cdef int o
    cdef Py_ssize_t i, m, k = plan.n_outputs
    cdef Output* part
    cdef floating* at
    for o in range(plan.n_output_spans):
        part = &plan.outputs[o]
        m = plan.layers[part.layer].n_units
        at = signal + plan.layers[part.layer].column * n + part.first
        for i in range(n):
            memcpy(at + i * m, seed + i * k + part.column, part.n_units * sizeof(floating))
