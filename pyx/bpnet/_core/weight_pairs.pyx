# SPDX-License-Identifier: BSD-3-Clause
"""Sums over samples for pairs of weights: the part M_jk z_i z_l of d2E / dw_ji dw_kl, where nearly all the work is.

Between complete layers it is one matrix product over samples, pairs of units (j, k) times pairs of signals heard
(i, l). In one layer both kinds of pairs are symmetric, so a quarter of the products is enough. Pairs are made a tile at
a time, small enough to stay in cache until BLAS-3 has met all of them; the sums stay packed, a row for each pair of
signals, until `scatter`.

Where units hear different things, or are few, each pair of units has a product of its own, straight into H.
"""

from libc.string cimport memcpy

from bpnet._core.losses cimport SQUARED_ERROR
from bpnet._core.scatter cimport scatter
from bpnet._core.signals cimport TILE, correlate, hadamard, matrix_of
from bpnet._core.sweeps cimport RAW
from bpnet._core.unit_pairs cimport ahead_of, curve_row
from bpnet._core.wiring cimport Group, Link

#: A pair of signals is a multiplication that takes as long as a dozen multiply-adds of a product: where fewer pairs of
#: units than this share it, units go one by one.
DEF FEW = 24


cdef Way way_of(Signals s, Plan plan, Loss loss, int l, int k) noexcept nogil:
    """How the pairs of layers l <= k are summed."""
    cdef Group* group = &s.wiring.groups[l]
    cdef Group* later = &s.wiring.groups[k]
    cdef Py_ssize_t n_pairs
    cdef int target
    if not s.wiring.linked[l * s.wiring.n_groups + k]:
        return NONE
    if l == k and _is_apart(s, loss, k):
        return CONSTANT if group.is_complete and _is_constant(s, plan, loss, k) else SAME_UNIT
    n_pairs = group.n_units * later.n_units if l != k else group.n_units * (group.n_units + 1) // 2
    if not (group.is_complete and later.is_complete) or n_pairs < FEW:
        return BY_UNITS
    if group.n_leads == 1 and _n_read(plan, l) == 0 and (l == k or group.n_units >= FEW):
        target = s.wiring.links[s.wiring.leads[group.first_lead]].target
        if (k == l or k == target) and _is_constant(s, plan, loss, target):
            return SCALED
    return PACKED


cdef bint _is_apart(Signals s, Loss loss, int k) noexcept nogil:
    """Whether layer k feeds nothing and the loss does not couple its units."""
    cdef Group* group = &s.wiring.groups[k]
    return group.n_leads == 0 and not group.is_softmax and not loss.couples


cdef bint _is_constant(Signals s, Plan plan, Loss loss, int k) noexcept nogil:
    """Whether, beyond that, the second derivative of the loss to each unit is the weight of the sample."""
    return (
        _is_apart(s, loss, k) and loss.kind == SQUARED_ERROR and s.reading == RAW
        and _n_read(plan, k) == s.wiring.groups[k].n_units
    )


cdef Py_ssize_t packed_size(Signals s, Way way, int l, int k, bint single) noexcept nogil:
    """Number of packed sums; those of a `single` chunk go to H tile by tile."""
    cdef Py_ssize_t count = _n_signal_pairs(s, l, k)
    if way != PACKED and way != SCALED:
        return 0
    if single:
        count = min(count, TILE)
    if way == SCALED and l == k:
        count += 1   # a row of factors
    return count * _n_unit_pairs(s, way, l, k)


cdef Py_ssize_t _n_unit_pairs(Signals s, Way way, int l, int k) noexcept nogil:
    cdef Py_ssize_t n = s.wiring.groups[l].n_units
    if l == k:
        return n * (n + 1) // 2
    return n if way == SCALED else n * s.wiring.groups[k].n_units


cdef Py_ssize_t _n_signal_pairs(Signals s, int l, int k) noexcept nogil:
    cdef Py_ssize_t d = heard_by(s, l)
    return d * (d + 1) // 2 if l == k else d * heard_by(s, k)


cdef int _n_read(Plan plan, int l) noexcept nogil:
    """Units of layer l that are outputs."""
    cdef int o, count = 0
    for o in range(plan.n_output_spans):
        if plan.outputs[o].layer == l:
            count += plan.outputs[o].n_units
    return count


cdef void add_packed(
    Signals s, Plan plan, const double* w, Way way, int l, int k, double* sums, bint first, bint last, double* h
) noexcept nogil:
    """Add the pairs of layers l <= k to their packed sums, in the `first` chunk set these; the `last` one fills H."""
    cdef Py_ssize_t i = 0, i_later = 0, i_tile, i_later_tile, count, j, n_pairs, pair, rest = _n_signal_pairs(s, l, k)
    cdef Py_ssize_t width = _n_unit_pairs(s, way, l, k)
    cdef const double* factors = sums
    cdef double* out
    if way == SCALED and l == k:
        if last:
            _scale(s, plan, w, l, sums)
        sums += width
    while rest > 0:
        count = min(TILE, rest)
        i_tile, i_later_tile = i, i_later
        _pair_signals(s, l, k, &i, &i_later, count)
        j = pair = 0
        while j < s.wiring.groups[l].n_units:
            n_pairs = _pair_units(s, plan, w, way, l, k, &j)
            out = sums + pair
            correlate(count, n_pairs, s.n, s.heard, s.n, s.tile, s.n, NULL if first else out, out, width)
            pair += n_pairs
        if last:
            scatter(s, way, factors, w, l, k, i_tile, i_later_tile, count, sums, h)
        if not (first and last):   # else the next tile may have the place
            sums += count * width
        rest -= count


cdef void _pair_signals(Signals s, int l, int k, Py_ssize_t* i, Py_ssize_t* i_later, Py_ssize_t count) noexcept nogil:
    """z_i z_l for the next pairs of signals, from (i, i_later) on; in one layer for i <= i_later."""
    cdef const int* heard = s.wiring.heard + s.wiring.first_heard[s.wiring.groups[l].column]
    cdef const int* heard_later = s.wiring.heard + s.wiring.first_heard[s.wiring.groups[k].column]
    cdef Py_ssize_t n = s.n, d_later = heard_by(s, k)
    cdef double* out = s.heard
    for _ in range(count):
        hadamard(s.z + heard[i[0]] * n, s.z + heard_later[i_later[0]] * n, out, n)
        out += n
        i_later[0] += 1
        if i_later[0] == d_later:
            i[0] += 1
            i_later[0] = i[0] if l == k else 0


cdef Py_ssize_t _pair_units(
    Signals s, Plan plan, const double* w, Way way, int l, int k, Py_ssize_t* j
) noexcept nogil:
    """A tile of rows M_jk for the next units j of layer l, as many as fit; returns their number."""
    cdef Group* group = &s.wiring.groups[l]
    cdef Py_ssize_t i, n = s.n, rows = 0, count, m = group.n_units
    cdef const double* slope
    cdef const double* weight
    cdef double* out
    while j[0] < m:
        count = m - j[0] if l == k else 1 if way == SCALED else s.wiring.groups[k].n_units
        if rows and rows + count > TILE:
            break
        out = s.tile + rows * n
        if l != k and way != SCALED:
            memcpy(out, ahead_of(s, l, j[0], k), count * n * sizeof(double))
        elif l == k and group.is_stored and way != SCALED:
            memcpy(out, s.own + (group.own + j[0] * (m + 1)) * n, count * n * sizeof(double))
        elif l == k:
            curve_row(s, plan, w, l, j[0], 1 if way == SCALED else count, out)
        if way == SCALED:
            weight = _weights(s, plan, s.wiring.links[s.wiring.leads[group.first_lead]].target)
            slope = s.slope + (group.column + j[0]) * n
            hadamard(slope, weight, s.row if l == k else out, n)
            for i in range(1, count):
                hadamard(s.row, slope + i * n, out + i * n, n)
        rows += count
        j[0] += 1
    return rows


cdef void _scale(Signals s, Plan plan, const double* w, int l, double* factors) noexcept nogil:
    """What the pairs (j, k) of a layer's units lack: sum_m w_mj w_mk, and 1 for j = k, whose M_jj is whole."""
    cdef Link* link = &s.wiring.links[s.wiring.leads[s.wiring.groups[l].first_lead]]
    cdef const double* weights = matrix_of(s, link, w)
    cdef Py_ssize_t j, k, m
    for j in range(link.n_in):
        for k in range(j, link.n_in):
            factors[0] = 1
            if k > j:
                factors[0] = 0
                for m in range(link.n_out):
                    factors[0] += weights[j * link.n_out + m] * weights[k * link.n_out + m]
            factors += 1


cdef const double* _weights(Signals s, Plan plan, int l) noexcept nogil:
    """The second derivative of the squared error to an output of layer l: the sample weights."""
    cdef int o
    for o in range(plan.n_output_spans):
        if plan.outputs[o].layer == l:
            return s.own + s.wiring.groups[plan.n_layers + o].own * s.n
    return NULL


cdef void add_by_units(Signals s, Plan plan, const double* w, Way way, int l, int k, double* h) noexcept nogil:
    """Add the pairs of layers l <= k to H, a few pairs of units at a time."""
    cdef Group* group = &s.wiring.groups[l]
    cdef Group* later = &s.wiring.groups[k]
    cdef Py_ssize_t j, i, first, last, n_pairs = 0, most = 1, n = s.n
    cdef Py_ssize_t[TILE] units, units_later
    cdef const double* row
    cdef bint fresh = True
    if group.is_complete and later.is_complete:   # all pairs meet the same signals, as many as their tile has rows for
        most = max(1, TILE // max(1, heard_by(s, l)))
    if way == CONSTANT:
        _pair_heard(s, group.column, _weights(s, plan, l), 0)
        _multiply_heard(s, group.column, group.column, 1, True)
        for j in range(group.column, group.column + group.n_units):
            _add_result(s, j, j, s.result, h)
        return
    for j in range(group.n_units):
        first, last = 0, later.n_units
        if l == k:
            first, last = j, j + 1 if way == SAME_UNIT else last
        if l != k:
            row = ahead_of(s, l, j, k)
        elif group.is_stored:
            row = s.own + (group.own + j * group.n_units + first) * n
        else:
            curve_row(s, plan, w, l, j, last - first, s.row)
            row = s.row
        for i in range(first, last):
            units[n_pairs], units_later[n_pairs] = group.column + j, later.column + i
            _pair_heard(s, units[n_pairs], row + (i - first) * n, n_pairs)
            n_pairs += 1
            if n_pairs == most:
                _add_pairs(s, units, units_later, n_pairs, fresh, h)
                fresh = not later.is_complete
                n_pairs = 0
    if n_pairs:
        _add_pairs(s, units, units_later, n_pairs, fresh, h)


cdef void _pair_heard(Signals s, Py_ssize_t unit, const double* row, Py_ssize_t place) noexcept nogil:
    """M_jk z_i for all signals i that a unit hears: rows of the tile, after those of `place` such units."""
    cdef const int* heard = s.wiring.heard + s.wiring.first_heard[unit]
    cdef Py_ssize_t i, n = s.n, d = s.wiring.first_heard[unit + 1] - s.wiring.first_heard[unit]
    for i in range(d):
        hadamard(row, s.z + heard[i] * n, s.tile + (place * d + i) * n, n)


cdef void _add_pairs(
    Signals s, const Py_ssize_t* units, const Py_ssize_t* units_later, Py_ssize_t n_pairs, bint fresh, double* h
) noexcept nogil:
    """H += sum_n M_jk z_i z_l for the pairs of units that have rows in the tile."""
    cdef Py_ssize_t i, unit = units[0], later = units_later[0]
    cdef Py_ssize_t size = s.wiring.first_heard[unit + 1] - s.wiring.first_heard[unit]
    size *= s.wiring.first_heard[later + 1] - s.wiring.first_heard[later]
    _multiply_heard(s, unit, later, n_pairs, fresh)
    for i in range(n_pairs):
        _add_result(s, units[i], units_later[i], s.result + i * size, h)


cdef void _multiply_heard(
    Signals s, Py_ssize_t unit, Py_ssize_t later, Py_ssize_t n_pairs, bint fresh
) noexcept nogil:
    """The rows of the tile, as many for each pair as `unit` hears signals, times the signals that `later` hears."""
    cdef const int* heard_later = s.wiring.heard + s.wiring.first_heard[later]
    cdef Py_ssize_t d = s.wiring.first_heard[unit + 1] - s.wiring.first_heard[unit], i, n = s.n
    cdef Py_ssize_t d_later = s.wiring.first_heard[later + 1] - s.wiring.first_heard[later]
    if d == 0 or d_later == 0:
        return
    if fresh:
        for i in range(d_later):
            memcpy(s.heard + i * n, s.z + heard_later[i] * n, n * sizeof(double))
    correlate(n_pairs * d, d_later, n, s.tile, n, s.heard, n, NULL, s.result, d_later)


cdef void _add_result(Signals s, Py_ssize_t unit, Py_ssize_t later, const double* result, double* h) noexcept nogil:
    """H += the result, above the diagonal: in one layer the order of the units is not that of their parameters."""
    cdef const Py_ssize_t* places = s.wiring.heard_places + s.wiring.first_heard[unit]
    cdef const Py_ssize_t* places_later = s.wiring.heard_places + s.wiring.first_heard[later]
    cdef Py_ssize_t d = s.wiring.first_heard[unit + 1] - s.wiring.first_heard[unit], i, k, p, q
    cdef Py_ssize_t d_later = s.wiring.first_heard[later + 1] - s.wiring.first_heard[later]
    for i in range(d):
        p = places[i]
        for k in range(d_later):
            q = places_later[k]
            if p <= q:
                h[p * s.wiring.n_parameters + q] += result[i * d_later + k]
            elif unit != later:
                h[q * s.wiring.n_parameters + p] += result[i * d_later + k]
