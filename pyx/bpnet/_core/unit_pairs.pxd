# SPDX-License-Identifier: BSD-3-Clause
from bpnet._core.plan cimport Plan
from bpnet._core.signals cimport Signals

cdef void curve_ahead(Signals s, Plan plan, const double* w, int l, const unsigned char* wanted) noexcept nogil
cdef void curve_own(Signals s, Plan plan, const double* w, int l) noexcept nogil
cdef void curve_row(
    Signals s, Plan plan, const double* w, int l, Py_ssize_t j, Py_ssize_t count, double* out
) noexcept nogil


cdef inline double* ahead_of(Signals s, int l, Py_ssize_t j, int k) noexcept nogil:
    """M_jk for unit j of layer l and all units k of a later group: rows that lie one below the other."""
    cdef Py_ssize_t end = s.wiring.groups[l].column + s.wiring.groups[l].n_units
    cdef Py_ssize_t width = s.wiring.groups[s.wiring.n_groups].column - end
    return s.ahead + (s.wiring.groups[l].ahead + j * width + s.wiring.groups[k].column - end) * s.n


cdef inline Py_ssize_t width_of(Signals s, int l) noexcept nogil:
    """Units of the groups after l."""
    return s.wiring.groups[s.wiring.n_groups].column - s.wiring.groups[l].column - s.wiring.groups[l].n_units
