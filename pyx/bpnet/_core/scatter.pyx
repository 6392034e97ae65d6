# SPDX-License-Identifier: BSD-3-Clause
"""Packed sums of pairs of weights to their places in H: once, after the last chunk.

The parameter (signal i, unit j) of a complete layer lies at place_i + j, so the rows of H for one signal i are a band.
A band is filled right of the diagonal and mirrored below it at once, while it is in cache: H is larger than any cache,
and memory is what takes the time here.
"""

from bpnet._core.signals cimport matrix_of
from bpnet._core.weight_pairs cimport SCALED, heard_by

#: Rows and columns of a square that is turned over at a time: with its mirror image 16 KB, and 64 pages of memory.
DEF SQUARE = 32


cdef void scatter(Signals s, Way way, const double* w, int l, int k, const double* sums, double* h) noexcept nogil:
    """Add the packed sums of layers l <= k to H, on both sides of the diagonal."""
    cdef Py_ssize_t n = s.wiring.n_parameters, m = s.wiring.groups[l].n_units, d = heard_by(s, l), i, first, last
    cdef const Py_ssize_t* places = s.wiring.heard_places + s.wiring.first_heard[s.wiring.groups[l].column]
    cdef const Py_ssize_t* later = s.wiring.heard_places + s.wiring.first_heard[s.wiring.groups[k].column]
    last = later[heard_by(s, k) - 1] + s.wiring.groups[k].n_units
    for i in range(d):
        if l == k:
            _fill_own(h, n, m, d, i, places, sums)
        else:
            _fill_across(s, way, w, l, k, i, places, later, sums, h)
        first = places[i] if l == k else later[0]
        mirror(h, n, places[i], places[i] + m, first, last)


cdef void _fill_own(
    double* h, Py_ssize_t n, Py_ssize_t m, Py_ssize_t d, Py_ssize_t i, const Py_ssize_t* places, const double* sums
) noexcept nogil:
    """The band of signal i within its layer."""
    cdef Py_ssize_t n_columns = d * (d + 1) // 2, first = i * d - i * (i - 1) // 2, i_later, j, k
    cdef double* square
    for j in range(m):
        for i_later in range(i, d):
            square = h + (places[i] + j) * n + places[i_later]
            for k in range(j, m):
                square[k] += sums[(k - j) * n_columns + first + i_later - i]
        sums += (m - j) * n_columns
    # (i, k) with (i_later, j) is what (i, j) is with (i_later, k).
    for i_later in range(i + 1, d):
        square = h + places[i] * n + places[i_later]
        for k in range(1, m):
            for j in range(k):
                square[k * n + j] = square[j * n + k]


cdef void _fill_across(
    Signals s, Way way, const double* w, int l, int k, Py_ssize_t i, const Py_ssize_t* places,
    const Py_ssize_t* later, const double* sums, double* h,
) noexcept nogil:
    """The band of signal i of layer l, as far as it meets layer k."""
    cdef Py_ssize_t n = s.wiring.n_parameters, d = heard_by(s, k), n_columns = heard_by(s, l) * d
    cdef Py_ssize_t m = s.wiring.groups[l].n_units, m_later = s.wiring.groups[k].n_units, i_later, j, unit
    cdef const double* weights = NULL
    cdef double* out
    sums += i * d
    if way == SCALED:
        weights = matrix_of(s, &s.wiring.links[s.wiring.leads[s.wiring.groups[l].first_lead]], w)
    for j in range(m):
        for i_later in range(d):
            out = h + (places[i] + j) * n + later[i_later]
            if way == SCALED:
                for unit in range(m_later):
                    out[unit] += weights[j * m_later + unit] * sums[i_later]
            else:
                for unit in range(m_later):
                    out[unit] += sums[unit * n_columns + i_later]
        sums += n_columns * (1 if way == SCALED else m_later)


cdef void mirror(
    double* h, Py_ssize_t n, Py_ssize_t row, Py_ssize_t last_row, Py_ssize_t column, Py_ssize_t last_column
) noexcept nogil:
    """Columns of H become what its rows are, for some rows and columns on or right of the diagonal."""
    cdef Py_ssize_t top, left, i, j
    for left from column <= left < last_column by SQUARE:
        for top from row <= top < last_row by SQUARE:
            for j in range(left, min(left + SQUARE, last_column)):
                for i in range(top, min(top + SQUARE, last_row, j)):
                    h[j * n + i] = h[i * n + j]
