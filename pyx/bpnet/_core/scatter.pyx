# SPDX-License-Identifier: BSD-3-Clause
"""Packed sums of pairs of weights to their places in H: once, after the last chunk.

The parameter (signal i, unit j) of a complete layer lies at place_i + j. Everything goes above the diagonal of H; the
other half is its mirror image.
"""

from bpnet._core.signals cimport matrix_of
from bpnet._core.weight_pairs cimport SCALED, heard_by

#: Rows and columns of a square that is turned over at a time: 32 KB, a first-level cache.
DEF SQUARE = 32


cdef void scatter(Signals s, Way way, const double* w, int l, int k, const double* sums, double* h) noexcept nogil:
    """Add the packed sums of layers l <= k to H."""
    if l == k:
        _scatter_own(s, l, sums, h)
    else:
        _scatter_across(s, way, w, l, k, sums, h)


cdef void _scatter_own(Signals s, int l, const double* sums, double* h) noexcept nogil:
    cdef Py_ssize_t n = s.wiring.n_parameters, m = s.wiring.groups[l].n_units, d = heard_by(s, l)
    cdef Py_ssize_t n_columns = d * (d + 1) // 2, i, i_later, j, k, p, first, last
    cdef const Py_ssize_t* places = s.wiring.heard_places + s.wiring.first_heard[s.wiring.groups[l].column]
    cdef double* square
    cdef const double* row = sums
    for j in range(m):
        p = 0
        for i in range(d):
            for i_later in range(i, d):
                square = h + (places[i] + j) * n + places[i_later]
                for k in range(j, m):
                    square[k] += row[(k - j) * n_columns + p]
                p += 1
        row += (m - j) * n_columns
    # (i, k) with (i_later, j) is what (i, j) is with (i_later, k).
    for i in range(d):
        for i_later in range(i + 1, d):
            square = h + places[i] * n + places[i_later]
            for first from 0 <= first < m by SQUARE:
                last = min(first + SQUARE, m)
                for k in range(first, m):
                    for j in range(first, min(last, k)):
                        square[k * n + j] = square[j * n + k]


cdef void _scatter_across(
    Signals s, Way way, const double* w, int l, int k, const double* sums, double* h
) noexcept nogil:
    cdef Py_ssize_t n = s.wiring.n_parameters, d = heard_by(s, l), d_later = heard_by(s, k), n_columns = d * d_later
    cdef Py_ssize_t m = s.wiring.groups[l].n_units, m_later = s.wiring.groups[k].n_units, i, i_later, j, unit
    cdef const Py_ssize_t* places = s.wiring.heard_places + s.wiring.first_heard[s.wiring.groups[l].column]
    cdef const Py_ssize_t* places_later = s.wiring.heard_places + s.wiring.first_heard[s.wiring.groups[k].column]
    cdef const double* weights = NULL
    cdef const double* row = sums
    cdef double* out
    if way == SCALED:
        weights = matrix_of(s, &s.wiring.links[s.wiring.leads[s.wiring.groups[l].first_lead]], w)
    for j in range(m):
        for i in range(d):
            for i_later in range(d_later):
                out = h + (places[i] + j) * n + places_later[i_later]
                if way == SCALED:
                    for unit in range(m_later):
                        out[unit] += weights[j * m_later + unit] * row[i * d_later + i_later]
                else:
                    for unit in range(m_later):
                        out[unit] += row[unit * n_columns + i * d_later + i_later]
        row += n_columns * (1 if way == SCALED else m_later)


cdef void mirror(double* h, Py_ssize_t n) noexcept nogil:
    """The half below the diagonal of the (n, n) matrix becomes that above it."""
    cdef Py_ssize_t top, left, i, j
    for top from 0 <= top < n by SQUARE:
        for left from 0 <= left <= top by SQUARE:
            for i in range(top, min(top + SQUARE, n)):
                for j in range(left, min(left + SQUARE, i)):
                    h[i * n + j] = h[j * n + i]
