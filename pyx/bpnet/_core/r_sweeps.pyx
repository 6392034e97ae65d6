# SPDX-License-Identifier: BSD-3-Clause
"""The sweeps differentiated along a direction v in w: R{x} = d/dt x(w + t v) at t = 0, for any signal x.

Each product of a block gives two by the product rule, R{z W} = z V + R{z} W, and so on; R of the inputs is zero. The
plain sweeps have gone before and left z, slope, delta and bend = h''(a) dE/dz in a workspace with room for second
order; one pair of them serves any number of directions.

Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 6 (1994); Bishop (2006), section 5.4.6.
Without what v does to the backward sweep, and without bend, R{delta} is J' L J v: the Gauss-Newton product.
"""

from libc.string cimport memcpy, memset

from bpnet._core cimport kernels
from bpnet._core.blocks cimport accumulate, accumulate_sparse, backpropagate, propagate, propagate_sparse
from bpnet._core.kernels cimport BPNET_SOFTMAX
from bpnet._core.loss_curvatures cimport hessian_product
from bpnet._core.plan cimport Block, Layer
from bpnet._core.sweeps cimport OUTPUT, RAW, add_seed, chain, outputs_of, place, read_outputs


cdef void r_forward(
    Plan plan, const floating* w, const floating* v, Workspace ws, const Chunk* chunk, Reading reading
) noexcept nogil:
    """R{a_j} = sum_i v_ji z_i + w_ji R{z_i} + v_j,  R{z_j} = h'(a_j) R{a_j}   (v_j that of the bias)."""
    cdef int l, b
    cdef Py_ssize_t at, source
    cdef bint is_plain
    cdef Layer* layer
    cdef Block* block
    cdef const floating* z = <const floating*> ws.z
    cdef const floating* slope = <const floating*> ws.slope
    cdef floating* rz = <floating*> ws.rz
    cdef floating* ra
    cdef const floating* a0
    cdef Py_ssize_t a0_row
    for l in range(1, plan.n_layers):
        layer = &plan.layers[l]
        at = place(layer, chunk)
        ra = <floating*> ws.ra + at
        a0 = v + layer.bias_offset if layer.bias_offset >= 0 else NULL
        a0_row = 0
        for b in range(layer.first_block, layer.first_block + layer.n_blocks):
            block = &plan.blocks[b]
            if block.source > 0:
                source = place(&plan.layers[block.source], chunk)
                propagate(plan, block, v, ws.room, chunk, z + source, a0, a0_row, ra)
                propagate(plan, block, w, ws.room, chunk, rz + source, <const floating*> ra, layer.n_units, ra)
            elif chunk.x != NULL:
                propagate(
                    plan, block, v, ws.room, chunk, <const floating*> chunk.x + chunk.first * block.n_in, a0, a0_row, ra
                )
            else:
                propagate_sparse(block, v, chunk, a0, a0_row, ra)
            a0, a0_row = ra, layer.n_units
        is_plain = plan.ends_plainly and l == plan.n_layers - 1
        if reading == OUTPUT or not is_plain:
            memcpy(rz + at, ra, <size_t> chunk.count * layer.n_units * sizeof(floating))
            chain(plan, layer, z + at, slope + at, rz + at, chunk.count)
        if not is_plain:
            read_outputs(plan, l, <const floating*> ra if reading == RAW else rz + at, <floating*> ws.r_raw, chunk)


cdef void r_read_loss(
    Plan plan, Loss loss, Workspace ws, const Chunk* chunk, Reading reading, const floating* tag, bint whole
) noexcept nogil:
    """R of the loss's derivative, s_n L R{a} or s_n L R{z} of the outputs, for r_backward.

    Without `whole` L is what the Gauss-Newton matrix takes.
    """
    cdef Py_ssize_t last = plan.layers[plan.n_layers - 1].column * chunk.n
    cdef Py_ssize_t at = <Py_ssize_t> chunk.first * plan.n_outputs
    cdef const floating* weight = <const floating*> chunk.weight
    cdef const floating* r_raw = <const floating*> ws.r_raw
    cdef floating* r_seed = <floating*> ws.r_seed
    if plan.ends_plainly:
        r_raw = (<const floating*> ws.ra if reading == RAW else <const floating*> ws.rz) + last
        r_seed = <floating*> ws.rdelta + last
    hessian_product(
        loss, outputs_of(plan, ws, chunk, tag) + at,
        <const floating*> chunk.y + <Py_ssize_t> chunk.first * chunk.n_targets,
        weight + chunk.first if weight != NULL else NULL, r_raw + at, r_seed + at, <floating*> ws.scratch + at,
        chunk.count, plan.n_outputs, chunk.n_targets, whole,
    )


cdef void r_backward(
    Plan plan, const floating* w, const floating* v, Workspace ws, const Chunk* chunk, Reading reading
) noexcept nogil:
    """R{delta_j} = h'(a_j) R{error_j} + h''(a_j) R{a_j} error_j,  R{error_j} = sum_k w_kj R{delta_k} + v_kj delta_k.

    With v NULL the terms without R are left out: Gauss-Newton.
    """
    cdef int l, b
    cdef Py_ssize_t at, source
    cdef bint is_plain
    cdef Layer* layer
    cdef Block block
    cdef const floating* z = <const floating*> ws.z
    cdef const floating* slope = <const floating*> ws.slope
    cdef const floating* delta = <const floating*> ws.delta
    cdef floating* rdelta = <floating*> ws.rdelta
    for l in range(plan.n_layers - 1, 0, -1):
        layer = &plan.layers[l]
        at = place(layer, chunk)
        is_plain = plan.ends_plainly and l == plan.n_layers - 1
        if not (layer.is_read or is_plain):
            memset(rdelta + at, 0, <size_t> chunk.count * layer.n_units * sizeof(floating))
        if reading == OUTPUT and not is_plain:
            add_seed(plan, l, <const floating*> ws.r_seed, chunk, rdelta + at)
        if reading == OUTPUT or not is_plain:
            chain(plan, layer, z + at, slope + at, rdelta + at, chunk.count)
            if v != NULL:
                _add_bend(plan, layer, ws, at, chunk.count, rdelta + at)
        if reading == RAW and not is_plain:
            add_seed(plan, l, <const floating*> ws.r_seed, chunk, rdelta + at)
        for b in range(layer.first_block, layer.first_block + layer.n_blocks):
            block = plan.blocks[b]
            if block.source > 0:
                source = place(&plan.layers[block.source], chunk)
                backpropagate(plan, &block, w, ws.room, chunk, <const floating*> rdelta + at, rdelta + source)
                if v != NULL:
                    block.opens = False   # the first product has been there
                    block.n_opens = 0
                    backpropagate(plan, &block, v, ws.room, chunk, delta + at, rdelta + source)


cdef void r_gradient(
    Plan plan, Workspace ws, const Chunk* chunk, const Piece* piece, floating* hv, bint fresh, bint whole
) noexcept nogil:
    """(H v)_ji += sum_n R{delta_j} z_i + delta_j R{z_i} for one piece of w, or = if `fresh`.

    The second term only where `whole`.
    """
    cdef Block* block = &plan.blocks[piece.block]
    cdef Py_ssize_t target = plan.layers[block.target].column * chunk.n
    cdef Py_ssize_t source = plan.layers[block.source].column * chunk.n
    cdef const floating* delta = <const floating*> ws.delta + target
    cdef const floating* rdelta = <const floating*> ws.rdelta + target
    cdef floating* biases = hv + piece.bias_start
    if block.source > 0:
        accumulate(plan, piece, hv, fresh, ws.room, chunk, <const floating*> ws.z + source, rdelta)
        if whole:
            accumulate(plan, piece, hv, False, ws.room, chunk, <const floating*> ws.rz + source, delta)
    elif chunk.x != NULL:
        accumulate(plan, piece, hv, fresh, ws.room, chunk, <const floating*> chunk.x, rdelta)
    elif piece.first_row == 0:
        accumulate_sparse(block, hv, fresh, chunk, rdelta)
    if piece.n_biases:
        if fresh:
            memset(biases, 0, piece.n_biases * sizeof(floating))
        kernels.add_rows(rdelta, biases, chunk.n, piece.n_biases)


cdef void _add_bend(
    Plan plan, const Layer* layer, Workspace ws, Py_ssize_t at, int n, floating* rdelta
) noexcept nogil:
    """Add what the curvature of h brings: bend R{a}; for softmax R{z_j} bend_j - z_j sum_k R{z_k} bend_k."""
    cdef Py_ssize_t i, j, m = layer.n_units
    cdef const floating* z = <const floating*> ws.z + at
    cdef const floating* ra = <const floating*> ws.ra + at
    cdef const floating* rz = <const floating*> ws.rz + at
    cdef const floating* bend = <const floating*> ws.bend + at
    cdef floating mean
    if plan.spans[layer.first_span].activation != BPNET_SOFTMAX:
        for i in range(n * m):   # R{a} may be infinite where a row of weight zero overflows
            rdelta[i] += bend[i] * ra[i] if bend[i] != 0 else 0
        return
    for i from 0 <= i < n * m by m:
        mean = 0
        for j in range(i, i + m):
            mean += rz[j] * bend[j]
        for j in range(i, i + m):
            rdelta[j] += rz[j] * bend[j] - z[j] * mean
