# SPDX-License-Identifier: BSD-3-Clause
"""Forward sensitivities, and the part of the Hessian that is due to them.

The gradient to w_ji is delta_j z_i. Beside delta_j, a weight w_kl moves z_i, where unit k leads to unit i:

    d2E_n / dw_ji dw_kl  has the term  delta_j dz_i/da_k z_l,        dz_i/da_k = h'_i G_ik,
    G_ik = sum_m w_im h'_m G_mk        (m: the units that i hears; G_kk = 1)

Layer by layer k: first dz_i/da_k for all units i behind it that are heard in their turn, then the terms of all links
that lead on from there. They go straight into H: the earlier weight w_kl has the row, the later w_ji the column.
"""

from libc.string cimport memcpy, memset

from bpnet._core.kernels cimport axpy
from bpnet._core.signals cimport TILE, correlate, hadamard, is_sparse, matrix_of, multiply
from bpnet._core.wiring cimport Group, Link


cdef void add_sensitivities(Signals s, const double* w, int l, double* h) noexcept nogil:
    """Add delta_j dz_i/da_k z_l for all units k of layer l."""
    cdef Group* group = &s.wiring.groups[l]
    cdef Link* link
    cdef Py_ssize_t k, first, last
    cdef int number
    if group.n_leads == 0:
        return
    _reach(s, w, l)
    if group.is_complete:
        _hear(s, group.column)
    for number in range(s.wiring.n_links):
        link = &s.wiring.links[number]
        if link.source == l and group.is_complete:   # the units hear the same, so all connections go at once
            _add_link(s, link, l, -1, link.first, link.first + link.n_weights, h)
        elif link.source == l or (link.source > l and s.wiring.reaches[l * s.wiring.n_layers + link.source]):
            for k in range(group.n_units):
                if not group.is_complete:
                    _hear(s, group.column + k)
                first, last = link.first, link.first + link.n_weights
                if link.source == l:
                    last = first + s.wiring.row_starts[link.first_row + k + 1]
                    first += s.wiring.row_starts[link.first_row + k]
                _add_link(s, link, l, k, first, last, h)


cdef void _reach(Signals s, const double* w, int l) noexcept nogil:
    """dz_i/da_k, a row for each unit i behind layer l that is heard, and unit k of l."""
    cdef Group* group = &s.wiring.groups[l]
    cdef Group* target
    cdef Link* link
    cdef Py_ssize_t i, k, b, n = s.n, m = group.n_units, end = group.column + m
    cdef const double* weights
    cdef const double* moved
    cdef const double* slope
    cdef double* out
    cdef int number, last = -1
    for number in range(s.wiring.n_links):
        link = &s.wiring.links[number]
        target = &s.wiring.groups[link.target]
        if target.n_leads == 0 or link.target <= l or not s.wiring.reaches[l * s.wiring.n_layers + link.target]:
            continue
        out = s.reach + (target.column - end) * m * n
        if link.target != last:
            memset(out, 0, target.n_units * m * n * sizeof(double))
        last = link.target
        weights = matrix_of(s, link, w)
        if link.source == l:
            for i in range(link.n_out):
                for k in range(m):
                    axpy(weights[k * link.n_out + i], s.slope + (group.column + k) * n, out + (i * m + k) * n, n)
        elif link.source > l and s.wiring.reaches[l * s.wiring.n_layers + link.source]:
            moved = s.reach + (s.wiring.groups[link.source].column - end) * m * n
            if is_sparse(link):
                for i in range(link.first, link.first + link.n_weights):
                    k, b = s.wiring.rows[i] * m * n, s.wiring.columns[i] * m * n
                    axpy(w[s.wiring.places[i]], moved + k, out + b, m * n)
            else:
                multiply(link.n_out, m * n, link.n_in, weights, 1, link.n_out, moved, m * n, out, out, m * n)
        if number + 1 == s.wiring.n_links or s.wiring.links[number + 1].target != link.target:
            slope = s.slope + target.column * n
            for i in range(link.n_out):
                for k in range(m):
                    hadamard(slope + i * n, out + (i * m + k) * n, out + (i * m + k) * n, n)


cdef void _hear(Signals s, Py_ssize_t unit) noexcept nogil:
    """Rows of all that a unit hears, one below the other."""
    cdef Py_ssize_t i, first = s.wiring.first_heard[unit]
    for i in range(s.wiring.first_heard[unit + 1] - first):
        memcpy(s.heard + i * s.n, s.z + s.wiring.heard[first + i] * s.n, s.n * sizeof(double))


cdef void _add_link(
    Signals s, const Link* link, int l, Py_ssize_t k, Py_ssize_t first, Py_ssize_t last, double* h
) noexcept nogil:
    """The terms of connections first .. last of a link with unit k; k < 0: of each with its own source unit."""
    cdef Group* group = &s.wiring.groups[l]
    cdef Py_ssize_t n = s.n, m = group.n_units, end = group.column + m, q, start, count, i, unit, heard, d
    cdef const double* delta
    cdef const double* moved
    cdef const Py_ssize_t* places
    unit = group.column + max(k, 0)
    d = s.wiring.first_heard[unit + 1] - s.wiring.first_heard[unit]
    if d == 0:
        return
    for start from first <= start < last by TILE:
        count = min(last - start, TILE)
        for q in range(count):
            i = s.wiring.rows[start + q]
            delta = s.delta + (s.wiring.groups[link.target].column + s.wiring.columns[start + q]) * n
            if link.source == l:
                moved = s.slope + (group.column + i) * n
            else:
                moved = s.reach + ((s.wiring.groups[link.source].column - end + i) * m + k) * n
            hadamard(delta, moved, s.tile + q * n, n)
        correlate(count, d, n, s.tile, n, s.heard, n, NULL, s.result, d)
        if k < 0:
            for q in range(count):
                places = s.wiring.heard_places + s.wiring.first_heard[group.column + s.wiring.rows[start + q]]
                for heard in range(d):
                    h[places[heard] * s.wiring.n_parameters + s.wiring.places[start + q]] += s.result[q * d + heard]
        else:
            places = s.wiring.heard_places + s.wiring.first_heard[unit]
            for heard in range(d):
                for q in range(count):
                    h[places[heard] * s.wiring.n_parameters + s.wiring.places[start + q]] += s.result[q * d + heard]
