# SPDX-License-Identifier: BSD-3-Clause
from cython cimport floating

from bpnet._core.data cimport Chunk
from bpnet._core.plan cimport Plan, Workspace

cdef enum Reading:
    # What forward leaves in Workspace.raw for the loss or the caller.
    RAW       # a of the outputs
    OUTPUT    # z of the outputs

cdef void forward(
    Plan plan, const floating* w, Workspace ws, const Chunk* chunk, Reading reading, bint slopes
) noexcept nogil
cdef void backward(
    Plan plan, const floating* w, Workspace ws, const Chunk* chunk, Reading reading, floating* g
) noexcept nogil
