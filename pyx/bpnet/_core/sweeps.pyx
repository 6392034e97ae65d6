# SPDX-License-Identifier: BSD-3-Clause
"""The sweeps over a plan: loops over layers and their blocks.

Buffers hold one layer after another, each as an (n, n_units) row-major matrix; the inputs are read from the chunk. A
sweep works on some rows of the chunk, so threads may share it; `gradient` needs all rows swept.
Equation numbers are those of Bishop, Pattern Recognition and Machine Learning (2006), chapter 5.
"""

from libc.string cimport memcpy, memset

from bpnet._core cimport kernels
from bpnet._core.activations cimport softmax
from bpnet._core.blocks cimport accumulate, accumulate_sparse, backpropagate, propagate, propagate_sparse
from bpnet._core.dropout cimport drop_layer
from bpnet._core.kernels cimport BPNET_SOFTMAX
from bpnet._core.losses cimport evaluate
from bpnet._core.own_activations cimport OWN_ACTIVATION, activate_own, curve_own
from bpnet._core.plan cimport GROUP, Block, Layer, Output


cdef void forward(
    Plan plan, const floating* w, Workspace ws, const Chunk* chunk, Reading reading, bint slopes
) noexcept nogil:
    """a_j = sum_i w_ji z_i + b_j,  z_j = h(a_j)   (5.48, 5.49).

    `outputs_of` finds a or z of the outputs, where `reading` asks for them; ws.slope becomes h'(a) where `slopes` asks
    for it, and ws.bend, if there is one, h''(a).
    """
    cdef int l, b
    cdef Layer* layer
    cdef Block* block
    cdef floating* z = <floating*> ws.z
    cdef floating* bend = <floating*> ws.bend
    cdef floating* slope
    cdef floating* a
    cdef const floating* a0
    cdef Py_ssize_t a0_row
    for l in range(1, plan.n_layers - (reading == HIDDEN)):
        layer = &plan.layers[l]
        a = z + place(layer, chunk)
        a0 = w + layer.bias_offset if layer.bias_offset >= 0 else NULL
        a0_row = 0
        for b in range(layer.first_block, layer.first_block + layer.n_blocks):
            block = &plan.blocks[b]
            if block.source > 0:
                propagate(
                    plan, block, w, ws.room, chunk, z + place(&plan.layers[block.source], chunk), a0, a0_row, a
                )
            elif chunk.x != NULL:
                propagate(
                    plan, block, w, ws.room, chunk, <const floating*> chunk.x + chunk.first * block.n_in, a0, a0_row, a
                )
            else:
                propagate_sparse(block, w, chunk, a0, a0_row, a)
            a0, a0_row = a, layer.n_units
        if plan.ends_plainly and l == plan.n_layers - 1:
            if reading == RAW:
                return
        elif reading == RAW:
            read_outputs(plan, l, a, <floating*> ws.raw, chunk)
        slope = <floating*> ws.slope + place(layer, chunk) if slopes else NULL
        _activate(plan, layer, a, slope, bend + place(layer, chunk) if bend != NULL else NULL, chunk.count)
        if ws.drops != NULL and ws.drops.layers[l]:
            drop_layer(plan, l, ws.drops, chunk, a, slope)
        if reading == OUTPUT and not plan.ends_plainly:
            read_outputs(plan, l, a, <floating*> ws.raw, chunk)


cdef void read_loss(
    Plan plan, Loss loss, Workspace ws, const Chunk* chunk, double scale, const floating* tag
) noexcept nogil:
    """The rows' s_n E_n after forward, for `summed_loss`; leaves `scale` times the derivative for backward."""
    cdef const floating* weight = <const floating*> chunk.weight
    cdef floating* raw = outputs_of(plan, ws, chunk, tag)
    cdef floating* seed = seed_of(plan, ws, chunk, tag)
    cdef const floating* y = <const floating*> chunk.y
    cdef int i, n, last = chunk.first + chunk.count
    cdef Py_ssize_t at
    if loss.own is not None and loss.own.is_python:   # all rows in one call; there is one thread then
        read_python_loss(plan, loss, ws, chunk, scale, tag)
        return
    for i from chunk.first <= i < last by GROUP:
        at, n = <Py_ssize_t> i * plan.n_outputs, min(GROUP, last - i)
        ws.sums[i // GROUP] = evaluate(
            loss, raw + at, y + <Py_ssize_t> i * chunk.n_targets, weight + i if weight != NULL else NULL, scale,
            seed + at, <floating*> ws.scratch + at, NULL, n, plan.n_outputs, chunk.n_targets,
        )


cdef void read_python_loss(
    Plan plan, Loss loss, Workspace ws, const Chunk* chunk, double scale, const floating* tag
) noexcept nogil:
    """The same for a loss whose calls cost more than their rows; only the first group has a sum."""
    memset(ws.sums, 0, ((chunk.n + GROUP - 1) // GROUP) * sizeof(double))
    ws.sums[0] = evaluate(
        loss, outputs_of(plan, ws, chunk, tag), <const floating*> chunk.y, <const floating*> chunk.weight, scale,
        seed_of(plan, ws, chunk, tag), <floating*> ws.scratch, NULL, chunk.n, plan.n_outputs, chunk.n_targets,
    )


cdef double summed_loss(Workspace ws, const Chunk* chunk) noexcept nogil:
    """sum_n s_n E_n over all rows of the chunk."""
    cdef double total = 0
    cdef int i
    for i in range((chunk.n + GROUP - 1) // GROUP):
        total += ws.sums[i]
    return total


cdef void backward(Plan plan, const floating* w, Workspace ws, const Chunk* chunk, Reading reading) noexcept nogil:
    """delta_j = h'(a_j) sum_k w_kj delta_k   (5.56).

    On entry the loss's derivative lies where `read_loss` has put it: dE/da of the outputs where reading is RAW, dE/dz
    where it is OUTPUT; z and slope are those of forward. ws.bend, if there is one, becomes h''(a_j) dE/dz_j.
    """
    cdef int l, b
    cdef Py_ssize_t at
    cdef bint is_plain, has_error
    cdef Layer* layer
    cdef Block* block
    cdef floating* z = <floating*> ws.z
    cdef floating* slope = <floating*> ws.slope
    cdef floating* delta = <floating*> ws.delta
    cdef floating* bend = <floating*> ws.bend
    for l in range(plan.n_layers - 1, 0, -1):
        layer = &plan.layers[l]
        at = place(layer, chunk)
        is_plain = plan.ends_plainly and l == plan.n_layers - 1
        has_error = layer.is_read or is_plain
        if not has_error:
            memset(delta + at, 0, <size_t> chunk.count * layer.n_units * sizeof(floating))
        if reading == OUTPUT and not is_plain:
            add_seed(plan, l, <const floating*> ws.seed, chunk, delta + at)
        if reading == OUTPUT or not is_plain:
            if bend != NULL:
                _bend(plan, layer, z + at, delta + at, bend + at, chunk.count)
            chain(plan, layer, z + at, slope + at, delta + at, chunk.count)
        if reading == RAW and not is_plain:
            add_seed(plan, l, <const floating*> ws.seed, chunk, delta + at)
        for b in range(layer.first_block, layer.first_block + layer.n_blocks):
            block = &plan.blocks[b]
            if block.source > 0:
                backpropagate(
                    plan, block, w, ws.room, chunk, delta + at, delta + place(&plan.layers[block.source], chunk)
                )


cdef void gradient(
    Plan plan, Workspace ws, const Chunk* chunk, const Piece* piece, floating* g, bint fresh
) noexcept nogil:
    """dE/dw_ji = sum_n delta_j z_i   (5.53) of one piece, over all rows of the chunk: added to g, or set if `fresh`."""
    cdef Block* block = &plan.blocks[piece.block]
    cdef const floating* delta = <const floating*> ws.delta + plan.layers[block.target].column * chunk.n
    cdef floating* biases = g + piece.bias_start
    if block.source > 0:
        accumulate(
            plan, piece, g, fresh, ws.room, chunk,
            <const floating*> ws.z + plan.layers[block.source].column * chunk.n, delta,
        )
    elif chunk.x != NULL:
        accumulate(plan, piece, g, fresh, ws.room, chunk, <const floating*> chunk.x, delta)
    elif piece.first_row == 0:
        accumulate_sparse(block, g, fresh, chunk, delta)
    if piece.n_biases:
        if fresh:
            memset(biases, 0, piece.n_biases * sizeof(floating))
        kernels.add_rows(delta, biases, chunk.n, piece.n_biases)


cdef inline floating* seed_of(Plan plan, Workspace ws, const Chunk* chunk, const floating* tag) noexcept nogil:
    """Where the loss leaves its derivative: (n, n_outputs)."""
    if plan.ends_plainly:
        return <floating*> ws.delta + plan.layers[plan.n_layers - 1].column * chunk.n
    return <floating*> ws.seed


cdef void _activate(
    Plan plan, const Layer* layer, floating* a, floating* slope, floating* bend, int n
) noexcept nogil:
    """a becomes z = h(a); slope and bend, unless NULL, become h'(a) and h''(a)."""
    cdef int s, i, kind, n_units, m = layer.n_units
    cdef Py_ssize_t at
    for s in range(layer.first_span, layer.first_span + layer.n_spans):
        kind, n_units = plan.spans[s].activation, plan.spans[s].n_units
        if kind == BPNET_SOFTMAX:   # the whole layer: Topology sees to it
            softmax(a, a, n, m)
        elif kind >= OWN_ACTIVATION:
            at = plan.spans[s].first
            if bend != NULL:
                curve_own(&plan.own[kind - OWN_ACTIVATION], a + at, bend + at, n, n_units, m)
            activate_own(
                &plan.own[kind - OWN_ACTIVATION], a + at, a + at, slope + at if slope != NULL else NULL, n, n_units, m
            )
        elif n_units == m:
            if bend != NULL:
                kernels.curve(kind, a, bend, <Py_ssize_t> n * m)
            kernels.activate(kind, a, a, slope, <Py_ssize_t> n * m)
        else:
            for i in range(n):
                at = <Py_ssize_t> i * m + plan.spans[s].first
                if bend != NULL:
                    kernels.curve(kind, a + at, bend + at, n_units)
                kernels.activate(kind, a + at, a + at, slope + at if slope != NULL else NULL, n_units)


cdef void chain(
    Plan plan, const Layer* layer, const floating* z, const floating* slope, floating* delta, int n
) noexcept nogil:
    """The error becomes delta = h'(a) error; for softmax delta_j = z_j (error_j - sum_k z_k error_k)."""
    cdef Py_ssize_t i, j, m = layer.n_units
    if plan.spans[layer.first_span].activation != BPNET_SOFTMAX:
        kernels.chain(slope, delta, n * m)
        return
    for i in range(n):
        _center(z + i * m, delta + i * m, delta + i * m, m)
        for j in range(m):
            delta[i * m + j] *= z[i * m + j]


cdef void _center(const floating* z, const floating* error, floating* out, Py_ssize_t m) noexcept nogil:
    """out_j = error_j - sum_k z_k error_k, for one row of softmax outputs; out may be error.

    The error of the largest output is taken from all: that of a sure class, z = 1, is nearly the mean, and the
    difference of the two would have no digit right.
    """
    cdef Py_ssize_t j
    cdef floating mean = 0, top = error[largest(z, m, 1)]
    for j in range(m):
        out[j] = error[j] - top
        mean += z[j] * out[j]
    for j in range(m):
        out[j] -= mean


cdef void _bend(
    Plan plan, const Layer* layer, const floating* z, const floating* error, floating* bend, int n
) noexcept nogil:
    """h''(a) becomes h''(a) error; for softmax, that has no h'', bend_j becomes error_j - sum_k z_k error_k."""
    cdef Py_ssize_t i, m = layer.n_units
    if plan.spans[layer.first_span].activation != BPNET_SOFTMAX:
        for i in range(n * m):   # no error, no matter how h is bent: h'' may be infinite
            bend[i] = bend[i] * error[i] if error[i] != 0 else 0
        return
    for i in range(n):
        _center(z + i * m, error + i * m, bend + i * m, m)


cdef void read_outputs(
    Plan plan, int l, const floating* signal, floating* raw, const Chunk* chunk
) noexcept nogil:
    """Copy what layer l has of the outputs into raw."""
    cdef int o
    cdef Py_ssize_t i, m = plan.layers[l].n_units, k = plan.n_outputs
    cdef Output* part
    raw += chunk.first * k
    for o in range(plan.n_output_spans):
        part = &plan.outputs[o]
        if part.layer == l:
            for i in range(chunk.count):
                memcpy(raw + i * k + part.column, signal + i * m + part.first, part.n_units * sizeof(floating))


cdef void add_seed(
    Plan plan, int l, const floating* seed, const Chunk* chunk, floating* delta
) noexcept nogil:
    """Add what the loss brings, (n, n_outputs), to the signals of the outputs that layer l has."""
    cdef int o
    cdef Py_ssize_t i, j, m = plan.layers[l].n_units, k = plan.n_outputs
    cdef Output* part
    seed += chunk.first * k
    for o in range(plan.n_output_spans):
        part = &plan.outputs[o]
        if part.layer == l:
            for i in range(chunk.count):
                for j in range(part.n_units):
                    delta[i * m + part.first + j] += seed[i * k + part.column + j]
