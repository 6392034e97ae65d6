# SPDX-License-Identifier: BSD-3-Clause
"""The three products of a sparse block: the upstream sets of some units, one list of weights for each.

Its sources are the inputs, or all units before its target at once; in the latter case it names the first layer as its
source, where their signals begin. A weight times a signal is one vector operation over the samples, so signals must be
columns, samples side by side: those of a layer of one unit are, the inputs come as such with the chunk, and any others
are laid out in `room` first, which costs O(units heard).
"""

from libc.string cimport memset

from bpnet._core.kernels cimport add_to_columns, dot_columns, sum_columns
from bpnet._core.plan cimport Layer


cdef void propagate_units(
    Plan plan, const Block* block, const floating* w, floating* room, const Chunk* chunk, const floating* z,
    const floating* a0, Py_ssize_t a0_row, floating* a,
) noexcept nogil:
    """a = a0 + z W, as `blocks.propagate`."""
    cdef Py_ssize_t i, j, n = chunk.count, n_out = block.n_out, ld = chunk.n
    cdef const int* starts = plan.cells + block.start_offset
    cdef const int* heard = plan.cells + block.cell_offset
    cdef floating* out = a if n_out == 1 else room
    w += block.weight_offset
    z = _columns(plan, block, room + ld, chunk, z, chunk.first, n)
    for j in range(n_out):
        if a0 == NULL:
            memset(out, 0, n * sizeof(floating))
        elif out != a0:
            for i in range(n):
                out[i] = a0[i * a0_row + j]
        sum_columns(starts[j + 1] - starts[j], w + starts[j], heard + starts[j], z, ld, out, n)
        if n_out > 1:
            for i in range(n):
                a[i * n_out + j] = out[i]


cdef void backpropagate_units(
    Plan plan, const Block* block, const floating* w, floating* room, const Chunk* chunk, const floating* delta,
    floating* error,
) noexcept nogil:
    """error += delta W' for every unit heard; = where no other block has brought anything to its layer yet."""
    cdef Py_ssize_t i, j, k, m, n = chunk.count, n_out = block.n_out, ld = chunk.n
    cdef const int* starts = plan.cells + block.start_offset
    cdef const int* heard = plan.cells + block.cell_offset
    cdef const int* opened = plan.cells + block.opens_offset
    cdef const int* sources = plan.cells + block.source_offset
    cdef const Layer* layer
    cdef const floating* signal = delta
    cdef floating* columns = room + ld
    cdef floating* target
    error = error - chunk.first * plan.layers[1].n_units
    for k in range(block.n_opens):
        layer = &plan.layers[opened[k]]
        m = layer.n_units
        memset(error + layer.column * ld + chunk.first * m, 0, n * m * sizeof(floating))
    if block.n_sources:
        memset(columns, 0, block.n_sources * ld * sizeof(floating))
    else:
        columns = error + chunk.first
    w += block.weight_offset
    for j in range(n_out):
        if n_out > 1:
            signal = room
            for i in range(n):
                room[i] = delta[i * n_out + j]
        add_to_columns(starts[j + 1] - starts[j], w + starts[j], heard + starts[j], signal, columns, ld, n)
    for k in range(block.n_sources):
        layer = &plan.layers[sources[2 * k]]
        m = layer.n_units
        target = error + layer.column * ld + chunk.first * m + sources[2 * k + 1]
        for i in range(n):
            target[i * m] += columns[k * ld + i]


cdef void accumulate_units(
    Plan plan, const Block* block, floating* g, bint fresh, floating* room, const Chunk* chunk, const floating* z,
    const floating* delta,
) noexcept nogil:
    """g += z' delta over all rows of the chunk; = where `fresh`. g begins at the block's first weight."""
    cdef Py_ssize_t i, j, n = chunk.n, n_out = block.n_out
    cdef const int* starts = plan.cells + block.start_offset
    cdef const int* heard = plan.cells + block.cell_offset
    cdef const floating* signal = delta
    if fresh:
        memset(g, 0, block.n_weights * sizeof(floating))
    z = _columns(plan, block, room + n, chunk, z, 0, n)
    for j in range(n_out):
        if n_out > 1:
            signal = room
            for i in range(n):
                room[i] = delta[i * n_out + j]
        dot_columns(starts[j + 1] - starts[j], heard + starts[j], z, n, signal, g + starts[j], n)


cdef void spread_units(Plan plan, const Block* block, const floating* w, floating* full) noexcept nogil:
    """W as a full matrix: (inputs or all earlier units, n_out). w begins at the block's first weight."""
    cdef Py_ssize_t j, e, row, n_out = block.n_out
    cdef const int* starts = plan.cells + block.start_offset
    cdef const int* heard = plan.cells + block.cell_offset
    cdef const int* sources = plan.cells + block.source_offset
    memset(full, 0, <size_t> block.n_in * n_out * sizeof(floating))
    for j in range(n_out):
        for e in range(starts[j], starts[j + 1]):
            row = heard[e]
            if block.n_sources:
                row = plan.layers[sources[2 * row]].column + sources[2 * row + 1]
            full[row * n_out + j] = w[e]


cdef const floating* _columns(
    Plan plan, const Block* block, floating* room, const Chunk* chunk, const floating* z, Py_ssize_t first,
    Py_ssize_t n,
) noexcept nogil:
    """The signals heard as columns, rows first .. first + n of them; z as the sweeps give it."""
    cdef Py_ssize_t i, k, m, ld = chunk.n
    cdef const int* sources = plan.cells + block.source_offset
    cdef const Layer* layer
    cdef const floating* source
    if block.source == 0:
        if z == <const floating*> chunk.x + first * block.n_in:
            return <const floating*> chunk.x_columns + first
        # Other numbers than the chunk's: a sweep of tangents.
        for k in range(block.n_in):
            for i in range(n):
                room[k * ld + i] = z[i * block.n_in + k]
        return room
    z -= first * plan.layers[1].n_units
    if block.n_sources == 0:
        return z + first
    for k in range(block.n_sources):
        layer = &plan.layers[sources[2 * k]]
        m = layer.n_units
        source = z + layer.column * ld + first * m + sources[2 * k + 1]
        for i in range(n):
            room[k * ld + i] = source[i * m]
    return room
