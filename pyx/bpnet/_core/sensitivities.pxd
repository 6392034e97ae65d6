# SPDX-License-Identifier: BSD-3-Clause
from bpnet._core.signals cimport Signals

cdef void add_sensitivities(Signals s, const double* w, int l, double* h) noexcept nogil
