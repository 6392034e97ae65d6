# SPDX-License-Identifier: BSD-3-Clause
from bpnet._core.losses cimport Loss
from bpnet._core.plan cimport Plan
from bpnet._core.signals cimport Signals

cdef enum Way:
    # How the pairs of weights of two layers are summed.
    NONE        # they have no second derivative
    BY_UNITS    # for each pair of units a product of what the one hears with what the other hears
    SAME_UNIT   # the same for the pairs of a unit with itself: no other has a second derivative
    CONSTANT    # the same for all units of a layer: outputs with the squared error
    PACKED      # pairs of units times pairs of signals heard
    SCALED      # the same but for factors that no sample changes: h'_j times w_kj, h'_j h'_k times sum_m w_mj w_mk

cdef Way way_of(Signals s, Plan plan, Loss loss, int l, int k) noexcept nogil
cdef Py_ssize_t packed_size(Signals s, Way way, int l, int k, bint single) noexcept nogil
cdef void add_packed(
    Signals s, Plan plan, const double* w, Way way, int l, int k, double* sums, bint first, bint last, double* h
) noexcept nogil
cdef void add_by_units(Signals s, Plan plan, const double* w, Way way, int l, int k, double* h) noexcept nogil


cdef inline Py_ssize_t heard_by(Signals s, int l) noexcept nogil:
    """Number of signals that each unit of a complete layer hears, the bias included."""
    cdef Py_ssize_t unit = s.wiring.groups[l].column
    return s.wiring.first_heard[unit + 1] - s.wiring.first_heard[unit]
