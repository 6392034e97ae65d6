# SPDX-License-Identifier: BSD-3-Clause
from cython cimport floating

from bpnet._core.data cimport Chunk
from bpnet._core.losses cimport Loss
from bpnet._core.plan cimport Piece, Plan, Workspace
from bpnet._core.sweeps cimport Reading

cdef void r_forward(
    Plan plan, const floating* w, const floating* v, Workspace ws, const Chunk* chunk, Reading reading
) noexcept nogil
cdef void r_read_loss(
    Plan plan, Loss loss, Workspace ws, const Chunk* chunk, Reading reading, const floating* tag, bint whole
) noexcept nogil
cdef void r_backward(
    Plan plan, const floating* w, const floating* v, Workspace ws, const Chunk* chunk, Reading reading
) noexcept nogil
cdef void r_gradient(
    Plan plan, Workspace ws, const Chunk* chunk, const Piece* piece, floating* hv, bint fresh, bint whole
) noexcept nogil
