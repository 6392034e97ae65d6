# SPDX-License-Identifier: BSD-3-Clause
from cython cimport floating

from bpnet._core.data cimport Chunk
from bpnet._core.losses cimport Loss
from bpnet._core.plan cimport Layer, Piece, Plan, Workspace

cdef enum Reading:
    # What the loss or the caller reads.
    RAW       # a of the outputs
    OUTPUT    # z of the outputs
    HIDDEN    # signals of the layers before the outputs, of a plan that ends plainly

cdef void forward(
    Plan plan, const floating* w, Workspace ws, const Chunk* chunk, Reading reading, bint slopes
) noexcept nogil
cdef void read_loss(
    Plan plan, Loss loss, Workspace ws, const Chunk* chunk, double scale, const floating* tag
) noexcept nogil
cdef double summed_loss(Workspace ws, const Chunk* chunk) noexcept nogil
cdef void backward(Plan plan, const floating* w, Workspace ws, const Chunk* chunk, Reading reading) noexcept nogil
cdef void gradient(
    Plan plan, Workspace ws, const Chunk* chunk, const Piece* piece, floating* g, bint fresh
) noexcept nogil


cdef void chain(
    Plan plan, const Layer* layer, const floating* z, const floating* slope, floating* delta, int n
) noexcept nogil
cdef void read_outputs(Plan plan, int l, const floating* signal, floating* raw, const Chunk* chunk) noexcept nogil
cdef void add_seed(Plan plan, int l, const floating* seed, const Chunk* chunk, floating* delta) noexcept nogil


cdef inline Py_ssize_t place(const Layer* layer, const Chunk* chunk) noexcept nogil:
    """Where the rows that a sweep works on begin in a layer's buffer."""
    return layer.column * chunk.n + <Py_ssize_t> chunk.first * layer.n_units


cdef inline floating* outputs_of(Plan plan, Workspace ws, const Chunk* chunk, const floating* tag) noexcept nogil:
    """What forward has left of the outputs: (n, n_outputs). `tag` only names the precision."""
    if plan.ends_plainly:
        return <floating*> ws.z + plan.layers[plan.n_layers - 1].column * chunk.n
    return <floating*> ws.raw


cdef inline Py_ssize_t largest(const floating* z, Py_ssize_t m, Py_ssize_t stride) noexcept nogil:
    """Which of m numbers is the largest."""
    cdef Py_ssize_t j, top = 0
    for j in range(1, m):
        if z[j * stride] > z[top * stride]:
            top = j
    return top
