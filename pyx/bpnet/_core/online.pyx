# SPDX-License-Identifier: BSD-3-Clause
"""Batches of a single row: the sweeps of a chain without chunks, blocks and pieces.

One row of a small net is some hundred multiply-adds, less than it takes to find out what they are: the general sweeps
need .25 us for it where two calls of kernels need half. They serve chains of complete layers with dense inputs.
"""

import numpy as np

from bpnet._core.kernels cimport BPNET_SOFTMAX, table
from bpnet._core.losses cimport evaluate
from bpnet._core.own_activations cimport OWN_ACTIVATION
from bpnet._core.plan cimport Block, Layer
from bpnet._core.sweeps cimport RAW
from bpnet._core.tables cimport DENSE

LINK = np.dtype(
    [
        ("n_in", "i4"), ("n_out", "i4"), ("activation", "i4"),
        ("weights", np.intp), ("bias", np.intp), ("column", np.intp),
    ],
    align=True,
)


cdef class Chain:
    """The layers of a plan as links; none where it is no chain of complete layers, each of one activation."""

    def __init__(self, Plan plan not None, int reading):
        cdef Layer* layer
        cdef Block* block
        cdef int l, activation
        rows = []
        for l in range(1, plan.n_layers):
            layer, block = &plan.layers[l], &plan.blocks[plan.layers[l].first_block]
            activation = plan.spans[layer.first_span].activation
            if reading == RAW and l == plan.n_layers - 1:
                activation = -1
            is_link = layer.n_blocks == 1 and block.kind == DENSE and block.source == l - 1 and layer.n_spans == 1
            if not is_link or activation == BPNET_SOFTMAX or activation >= OWN_ACTIVATION or not plan.ends_plainly:
                return
            rows.append((block.n_in, block.n_out, activation, block.weight_offset, layer.bias_offset, layer.column))
        memory = np.array(rows, LINK)
        self._memory = memory
        self.links = <bpnet_link*> <size_t> memory.ctypes.data
        self.n_links = len(rows)


cdef double sweep_row(
    Chain chain, Loss loss, Data data, Workspace ws, Py_ssize_t row, double scale, const floating* w, floating* g
) noexcept nogil:
    """Returns s_n E_n of a row and sets g to scale times its gradient."""
    cdef Py_ssize_t m = data.n_targets, column = chain.links[chain.n_links - 1].column
    cdef const floating* x = <const floating*> data.x + row * data.plan.n_inputs
    cdef const floating* weight = <const floating*> data.weight
    cdef const floating* y = <const floating*> data.y + row * m
    cdef floating* target = <floating*> ws.target
    cdef floating* z = <floating*> ws.z
    cdef floating* slope = <floating*> ws.slope
    cdef floating* delta = <floating*> ws.delta
    cdef Py_ssize_t k
    cdef double value
    if data.codes != NULL:
        for k in range(m):
            target[k] = <floating> (data.hit if data.codes[row] == k else data.miss)
        if m == 1:
            target[0] = <floating> (data.hit if data.codes[row] else data.miss)
        y = target
    if floating is float:
        table.f32.forward_row(chain.links, chain.n_links, w, x, z, slope)
    else:
        table.f64.forward_row(chain.links, chain.n_links, w, x, z, slope)
    value = evaluate(
        loss, z + column, y, weight + row if weight != NULL else NULL, scale, delta + column,
        <floating*> ws.scratch, NULL, 1, data.plan.n_outputs, <int> m,
    )
    if floating is float:
        table.f32.backward_row(chain.links, chain.n_links, w, x, z, slope, delta, g)
    else:
        table.f64.backward_row(chain.links, chain.n_links, w, x, z, slope, delta, g)
    return value
