# SPDX-License-Identifier: BSD-3-Clause
"""Jacobians of the outputs: one backward sweep per output, or one forward sweep per input where these are fewer.

All sweeps of a chunk run at once: a signal has a row for each pair of a sample and an output (or input), so weights
meet all of them in one product, and the last product of the backward sweeps writes the Jacobian itself. In front of
linear outputs sits a shortcut: `jacobian_head.pyx`.
"""

import numpy as np

from bpnet._core.data import check_problem

from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from libc.string cimport memcpy, memset

from bpnet._core cimport kernels
from bpnet._core.blocks cimport accumulate, accumulate_sparse, backpropagate, propagate
from bpnet._core.data cimport Chunk, Data, load, rows_of_signals
from bpnet._core.jacobian_head cimport head_size, layer_passed, make_head, sweep_head
from bpnet._core.kernels cimport BPNET_IDENTITY, BPNET_SOFTMAX
from bpnet._core.own_errors cimport raise_pending
from bpnet._core.plan cimport Block, Layer, Output, Piece, Plan, Workspace
from bpnet._core.sweeps cimport HIDDEN, OUTPUT, RAW, Reading, chain, forward, read_outputs

#: Signals of a chunk should stay in a core's second-level cache ...
DEF CHUNK_BYTES = 256 * 1024
#: ... but products of fewer rows spend their time packing the weights.
DEF MIN_ROWS = 320


def jacobian(Plan plan not None, w, Data data not None, bint raw=False):
    """dz_k/dx_i of the outputs, or da_k/dx_i: shape (n_rows, n_outputs, n_inputs), type of the data.

    Parameters
    ----------
    plan : Plan
    w : ndarray of shape (n_parameters,), type of the data
    data : Data
    raw : bool, default=False
        a instead of z.
    """
    check_problem(plan, data, w)
    out = np.empty((data.n_rows, plan.n_outputs, plan.n_inputs), data.dtype)
    # Backwards a sparse block brings no error signals to the inputs.
    is_forward = plan.n_inputs < plan.n_outputs or plan.has_sparse
    ws, signals, seeds = _room(plan, data, plan.n_inputs if is_forward else plan.n_outputs, is_forward)
    reading = RAW if raw or _is_linear(plan) else OUTPUT
    head = None
    if reading == RAW and not is_forward:
        head = np.zeros(head_size(plan, data.n_rows, ws.capacity), data.dtype)
    if data.n_rows == 0:
        return out
    if data.dtype == np.float32:
        _jacobian[float](plan, w, data, ws, reading, is_forward, signals, seeds, head, out)
    else:
        _jacobian[double](plan, w, data, ws, reading, is_forward, signals, seeds, head, out)
    return out


def parameter_jacobian(Plan plan not None, w, Data data not None, bint raw=False):
    """dz_k/dw of the outputs, or da_k/dw: shape (n_rows, n_outputs, n_parameters), arguments as for `jacobian`."""
    check_problem(plan, data, w)
    out = np.empty((data.n_rows, plan.n_outputs, plan.n_parameters), data.dtype)
    ws, signals, _ = _room(plan, data, plan.n_outputs, False)
    reading = RAW if raw else OUTPUT
    if out.size == 0:
        return out
    if data.dtype == np.float32:
        _parameter_jacobian[float](plan, w, data, ws, reading, signals, out)
    else:
        _parameter_jacobian[double](plan, w, data, ws, reading, signals, out)
    return out


def _room(Plan plan, Data data, n_seeds, is_forward):
    """A workspace, the signals of so many sweeps over its rows, and forwards the inputs' unit rows and the outputs."""
    row_bytes = data.dtype.itemsize * plan.n_units * (n_seeds + 2)
    n_rows = max(1, MIN_ROWS // n_seeds, CHUNK_BYTES // row_bytes)
    if plan.has_sparse and not is_forward:
        n_rows = 1   # the signals of a row that a sparse block reads are one matrix then
    ws = Workspace(plan, data.dtype, min(n_rows, data.n_rows), data.gathers(False), n_sweeps=n_seeds)
    rows = ws.capacity * n_seeds
    signals = np.empty(rows * plan.n_units, data.dtype)
    seeds = None
    if is_forward:
        seeds = np.empty((2, rows, max(plan.n_inputs, plan.n_outputs)), data.dtype)
        seeds[0].reshape(-1)[: rows * plan.n_inputs] = np.tile(np.eye(plan.n_inputs).ravel(), ws.capacity)
    return ws, signals, seeds


cdef bint _is_linear(Plan plan):
    """Whether z of all outputs is their a."""
    cdef int o, s
    cdef Layer* layer
    for o in range(plan.n_output_spans):
        layer = &plan.layers[plan.outputs[o].layer]
        for s in range(layer.first_span, layer.first_span + layer.n_spans):
            if plan.spans[s].activation != BPNET_IDENTITY:
                return False
    return True


cdef int _jacobian(
    Plan plan, const floating[::1] w, Data data, Workspace ws, Reading reading, bint is_forward,
    floating[::1] signals, floating[:, :, ::1] seeds, floating[::1] head, floating[:, :, ::1] out,
) except -1:
    cdef Py_ssize_t start = 0
    cdef const floating* weights = &w[0] if w.shape[0] else NULL   # a network may have none
    cdef floating* matrices = &head[0] if head is not None and head.shape[0] else NULL
    cdef int n
    if matrices != NULL:
        make_head(plan, weights, ws, matrices)
    cdef Chunk chunk
    while start < data.n_rows:
        PyErr_CheckSignals()
        with nogil:
            n = <int> min(ws.capacity, data.n_rows - start)
            chunk = load(data, ws, NULL, start, n, 0, n, weights)
            forward(plan, weights, ws, &chunk, reading if matrices == NULL else HIDDEN, True)
            if is_forward:
                _sweep_forward(
                    plan, weights, ws, n, reading, &seeds[0, 0, 0], &signals[0], &seeds[1, 0, 0], &out[start, 0, 0]
                )
            else:
                _sweep_backward(plan, weights, ws, n, reading, matrices, &signals[0], &out[start, 0, 0])
            start += n
        raise_pending()
    return 0


cdef int _parameter_jacobian(
    Plan plan, const floating[::1] w, Data data, Workspace ws, Reading reading, floating[::1] signals,
    floating[:, :, ::1] out,
) except -1:
    cdef Py_ssize_t start = 0
    cdef const floating* weights = &w[0]
    cdef int n, i
    cdef Chunk chunk
    while start < data.n_rows:
        PyErr_CheckSignals()
        with nogil:
            n = <int> min(ws.capacity, data.n_rows - start)
            chunk = load(data, ws, NULL, start, n, 0, n, weights)
            forward(plan, weights, ws, &chunk, reading, True)
            _sweep_backward(plan, weights, ws, n, reading, <floating*> NULL, &signals[0], <floating*> NULL)
            for i in range(n):
                _outer_products(plan, ws, &chunk, i, &signals[0], &out[start + i, 0, 0])
            start += n
        raise_pending()
    return 0


cdef void _sweep_backward(
    Plan plan, const floating* w, Workspace ws, int n, Reading reading, const floating* head, floating* delta,
    floating* out,
) noexcept nogil:
    """delta = dz_k/da_j, or da_k/da_j, of all outputs k; out, unless NULL, the same to the inputs.

    A layer's delta is (n n_outputs, n_units) row-major; z and slope are those of forward. With a head the outputs and
    the layer they hear are passed over.
    """
    cdef int l, b, passed = -1
    cdef bint has_slope
    cdef Py_ssize_t m
    cdef Layer* layer
    cdef Block* block
    cdef floating* d
    cdef floating* error
    cdef Chunk rows = rows_of_signals(n * plan.n_outputs)
    if head != NULL:
        passed = layer_passed(plan)
    for l in range(plan.n_layers - 1, 0, -1):
        layer = &plan.layers[l]
        if l == passed:
            sweep_head(plan, w, ws, n, head, delta, out)
        if l == passed or (head != NULL and l == plan.n_layers - 1):
            continue
        m = layer.n_units
        d = delta + layer.column * rows.n
        has_slope = reading == OUTPUT or layer.is_read
        if not layer.is_read:
            memset(d, 0, rows.n * m * sizeof(floating))
        if reading == OUTPUT:
            _add_units(plan, l, d, n)
        if has_slope:
            _chain_each(plan, layer, ws, n, plan.n_outputs, d)
        if reading == RAW:
            _add_units(plan, l, d, n)
        for b in range(layer.first_block, layer.first_block + layer.n_blocks):
            block = &plan.blocks[b]
            if block.source > 0:
                error = delta + plan.layers[block.source].column * rows.n
                backpropagate(plan, block, w, ws.room, &rows, <const floating*> d, error)
            elif out != NULL:
                backpropagate(plan, block, w, ws.room, &rows, <const floating*> d, out)
    if out != NULL and not plan.layers[0].is_read:
        memset(out, 0, <size_t> rows.n * plan.n_inputs * sizeof(floating))


cdef void _sweep_forward(
    Plan plan, const floating* w, Workspace ws, int n, Reading reading, const floating* units, floating* signals,
    floating* outputs, floating* out,
) noexcept nogil:
    """The same Jacobian from the inputs on: signals become da_j/dx_i, then dz_j/dx_i, rows n n_inputs.

    `units` are the inputs' own derivatives, `outputs` is room for (n n_inputs, n_outputs).
    """
    cdef int l, b, n_in = plan.n_inputs, n_out = plan.n_outputs
    cdef Py_ssize_t i, j, k
    cdef Layer* layer
    cdef Block* block
    cdef floating* a
    cdef const floating* a0
    cdef Chunk rows = rows_of_signals(n * n_in)
    for l in range(1, plan.n_layers):
        layer = &plan.layers[l]
        a = signals + layer.column * rows.n
        a0 = NULL
        for b in range(layer.first_block, layer.first_block + layer.n_blocks):
            block = &plan.blocks[b]
            propagate(
                plan, block, w, ws.room, &rows,
                <const floating*> signals + plan.layers[block.source].column * rows.n if block.source > 0 else units,
                a0, layer.n_units, a,
            )
            a0 = a
        if reading == RAW:
            read_outputs(plan, l, <const floating*> a, outputs, &rows)
        if reading == OUTPUT or layer.is_read:
            _chain_each(plan, layer, ws, n, n_in, a)
        if reading == OUTPUT:
            read_outputs(plan, l, <const floating*> a, outputs, &rows)
    for i in range(n):
        for k in range(n_out):
            for j in range(n_in):
                out[(i * n_out + k) * n_in + j] = outputs[(i * n_in + j) * n_out + k]


cdef void _chain_each(
    Plan plan, const Layer* layer, Workspace ws, int n, int n_sweeps, floating* signal
) noexcept nogil:
    """Multiply the rows of all sweeps by the slopes of their sample."""
    cdef Py_ssize_t i, _k, m = layer.n_units
    cdef const floating* z = <const floating*> ws.z + layer.column * n
    cdef const floating* slope = <const floating*> ws.slope + layer.column * n
    if plan.spans[layer.first_span].activation != BPNET_SOFTMAX:
        kernels.chain_each(slope, signal, n, n_sweeps, m)
        return
    for i in range(n):
        for _k in range(n_sweeps):
            chain(plan, layer, z + i * m, slope + i * m, signal, 1)
            signal += m


cdef void _add_units(Plan plan, int l, floating* delta, int n) noexcept nogil:
    """Add the derivative of output k to itself, 1, in the rows of the sweep of k."""
    cdef int o
    cdef Py_ssize_t i, j, m = plan.layers[l].n_units, k = plan.n_outputs
    cdef Output* part
    for o in range(plan.n_output_spans):
        part = &plan.outputs[o]
        if part.layer == l:
            for i in range(n):
                for j in range(part.n_units):
                    delta[(i * k + part.column + j) * m + part.first + j] += 1


cdef void _outer_products(
    Plan plan, Workspace ws, const Chunk* chunk, int i, const floating* delta, floating* out
) noexcept nogil:
    """delta_j z_i of row i of the chunk, for all outputs: its rows of the parameter Jacobian."""
    cdef int k, p
    cdef Block* block
    cdef Piece* piece
    cdef Layer* source
    cdef const floating* d
    cdef Chunk row = rows_of_signals(1)
    row.values, row.columns = chunk.values, chunk.columns
    if chunk.x == NULL:
        row.starts, row.stops = chunk.starts + i, chunk.stops + i
    for k in range(plan.n_outputs):
        for p in range(plan.n_pieces):
            piece = &plan.pieces[p]
            block = &plan.blocks[piece.block]
            source = &plan.layers[block.source]
            d = delta + plan.layers[block.target].column * chunk.n * plan.n_outputs
            d += (<Py_ssize_t> i * plan.n_outputs + k) * block.n_out
            if block.source > 0:
                accumulate(
                    plan, piece, out, True, ws.room, &row,
                    <const floating*> ws.z + source.column * chunk.n + <Py_ssize_t> i * block.n_in, d,
                )
            elif chunk.x != NULL:
                accumulate(
                    plan, piece, out, True, ws.room, &row,
                    <const floating*> chunk.x + <Py_ssize_t> i * block.n_in, d,
                )
            elif piece.first_row == 0:
                accumulate_sparse(block, out, True, &row, d)
            if piece.n_biases:
                memcpy(out + piece.bias_start, d, piece.n_biases * sizeof(floating))
        out += plan.n_parameters
