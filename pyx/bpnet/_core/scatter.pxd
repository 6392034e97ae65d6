# SPDX-License-Identifier: BSD-3-Clause
from bpnet._core.signals cimport Signals
from bpnet._core.weight_pairs cimport Way

cdef void scatter(
    Signals s, Way way, const double* factors, const double* w, int l, int k, Py_ssize_t i, Py_ssize_t i_later,
    Py_ssize_t count, const double* sums, double* h,
) noexcept nogil
cdef void mirror(
    double* h, Py_ssize_t n, Py_ssize_t row, Py_ssize_t column, Py_ssize_t n_rows, Py_ssize_t n_columns
) noexcept nogil
