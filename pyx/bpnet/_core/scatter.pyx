# SPDX-License-Identifier: BSD-3-Clause
"""Packed sums of pairs of weights to their places in H: once, in the last chunk, while they are in cache.

The parameter (signal i, unit j) of a complete layer lies at place_i + j. So what belongs to a pair of signals is a
block of H, with a row and a column for each unit, and the block on the other side of the diagonal. H is larger than any
cache, and memory is what takes the time here: each block is written once.
"""

from libc.string cimport memcpy

from bpnet._core.signals cimport matrix_of
from bpnet._core.weight_pairs cimport SCALED, heard_by

#: Rows and columns of a square that is turned over at a time: with its mirror image 16 KB, and 64 pages of memory.
DEF SQUARE = 32


cdef void scatter(
    Signals s, Way way, const double* factors, const double* w, int l, int k, Py_ssize_t i, Py_ssize_t i_later,
    Py_ssize_t count, const double* sums, double* h,
) noexcept nogil:
    """Blocks of `count` pairs of signals, from (i, i_later) on, for the units of layers l <= k."""
    cdef Py_ssize_t n = s.wiring.n_parameters, m = s.wiring.groups[l].n_units, m_later = s.wiring.groups[k].n_units
    cdef const Py_ssize_t* places = s.wiring.heard_places + s.wiring.first_heard[s.wiring.groups[l].column]
    cdef const Py_ssize_t* later = s.wiring.heard_places + s.wiring.first_heard[s.wiring.groups[k].column]
    cdef const double* weights = NULL
    if way == SCALED:
        weights = matrix_of(s, &s.wiring.links[s.wiring.leads[s.wiring.groups[l].first_lead]], w)
    for _ in range(count):
        if l == k:
            _fill_own(h, n, places[i], later[i_later], m, factors if way == SCALED else NULL, sums)
            sums += m * (m + 1) // 2
        else:
            _add_across(h + places[i] * n + later[i_later], n, m, m_later, weights, sums)
            mirror(h, n, places[i], later[i_later], m, m_later)
            sums += m if way == SCALED else m * m_later
        i_later += 1
        if i_later == heard_by(s, k):
            i += 1
            i_later = i if l == k else 0


cdef void _fill_own(
    double* h, Py_ssize_t n, Py_ssize_t row, Py_ssize_t column, Py_ssize_t m, const double* factors, const double* sums
) noexcept nogil:
    """The blocks of two signals of a layer: symmetric, hence the same on both sides of the diagonal."""
    cdef Py_ssize_t j, k
    cdef double* block = h + row * n + column
    for j in range(m):
        if factors == NULL:
            memcpy(block + j * n + j, sums, (m - j) * sizeof(double))
        else:
            for k in range(m - j):
                block[j * n + j + k] = factors[k] * sums[k]
            factors += m - j
        sums += m - j
    _turn(block, block, n, m, m, True)
    if row != column:
        for j in range(m):
            memcpy(h + (column + j) * n + row, block + j * n, m * sizeof(double))


cdef void _add_across(
    double* block, Py_ssize_t n, Py_ssize_t m, Py_ssize_t m_later, const double* weights, const double* sums
) noexcept nogil:
    """A block of two layers, which has forward sensitivities already; with weights, its rows are these times a sum."""
    cdef Py_ssize_t j, unit
    for j in range(m):
        if weights != NULL:
            for unit in range(m_later):
                block[j * n + unit] += weights[j * m_later + unit] * sums[j]
        else:
            for unit in range(m_later):
                block[j * n + unit] += sums[j * m_later + unit]


cdef void mirror(
    double* h, Py_ssize_t n, Py_ssize_t row, Py_ssize_t column, Py_ssize_t n_rows, Py_ssize_t n_columns
) noexcept nogil:
    """Below the diagonal H becomes what a block right of it is, or one upon it."""
    _turn(h + row * n + column, h + column * n + row, n, n_rows, n_columns, row == column)


cdef void _turn(
    const double* block, double* out, Py_ssize_t n, Py_ssize_t n_rows, Py_ssize_t n_columns, bint triangle
) noexcept nogil:
    """out = block'; with `triangle` of what lies right of its diagonal alone."""
    cdef Py_ssize_t top, left, i, j
    for left from 0 <= left < n_columns by SQUARE:
        for top from 0 <= top < n_rows by SQUARE:
            for j in range(left, min(left + SQUARE, n_columns)):
                for i in range(top, min(top + SQUARE, n_rows, j) if triangle else min(top + SQUARE, n_rows)):
                    out[j * n + i] = block[i * n + j]
