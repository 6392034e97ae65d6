# SPDX-License-Identifier: BSD-3-Clause
"""Doors to exact second derivatives: the Hessian, the Gauss-Newton matrix, their diagonals, and M_jj of every unit.

Per chunk of samples: signals, then layer by layer, last layer first, the pairs of units and with them the pairs of
weights; sums wait packed for the end. Samples of weight zero are left out, so nothing of them, infinities included,
reaches a sum. Each door looks for Ctrl-C between chunks. All is float64.
"""

import os

import numpy as np

from bpnet._core.data import check_problem
from bpnet._core.scratch import borrow, give_back

from cpython.exc cimport PyErr_CheckSignals

from bpnet._core.data cimport Chunk, Data, load
from bpnet._core.losses cimport Loss
from bpnet._core.own_errors cimport raise_pending
from bpnet._core.plan cimport Plan, Workspace
from bpnet._core.scatter cimport mirror
from bpnet._core.sensitivities cimport add_sensitivities
from bpnet._core.signals cimport Signals, correlate, spread, sweep
from bpnet._core.unit_pairs cimport curve_ahead, curve_own, curve_row
from bpnet._core.weight_pairs cimport NONE, PACKED, SCALED, Way, add_by_units, add_packed, packed_size, way_of
from bpnet._core.wiring cimport Group, Link, Wiring

#: Bytes below which nobody asks how much memory there is: the question takes 30 us.
DEF SMALL = 64 * 1024 * 1024


def hessian(
    Plan plan not None, Wiring wiring not None, Loss loss not None, bint reads_raw, w, Data data not None,
    bint gauss_newton=False, out=None,
):
    """d2E / dw dw, or the Gauss-Newton matrix.

    Parameters
    ----------
    plan : Plan
    wiring : Wiring
        Of the plan.
    loss : Loss
    reads_raw : bool
        Whether the loss is matched with the output activation.
    w : ndarray of shape (n_parameters,), float64
    data : Data
        With targets, float64.
    gauss_newton : bool, default=False
    out : C-contiguous ndarray of shape (n_parameters, n_parameters), float64, optional
        Overwritten.

    Returns
    -------
    ndarray of shape (n_parameters, n_parameters), float64

    Raises
    ------
    MemoryError
        If the matrix and the sums that become it are larger than the memory.
    """
    _check(plan, wiring, loss, w, data)
    n = wiring.n_parameters
    if n == 0:
        return np.zeros((0, 0)) if out is None else out
    order = _weighted_rows(data)
    n_rows = data.n_rows if order is None else len(order)
    s = Signals(wiring, n_rows, reads_raw, True)
    n_sums = _n_sums(s, plan, loss, n_rows <= s.capacity)
    n_matrices = (out is None) + (wiring.order is not None)
    check_memory(n, 8 * (n_sums + n_matrices * n * n))
    if out is None:
        out = np.zeros((n, n))
    else:
        out.fill(0)
    sums = borrow("sums", 8 * max(1, n_sums))
    try:
        _hessian(s, plan, loss, _arranged(wiring, w), data, order, not gauss_newton, sums.view(np.float64), out)
    finally:
        give_back("sums", sums)
    if wiring.order is not None:
        place = np.argsort(wiring.order)
        out[:] = out[np.ix_(place, place)]
    return out


def curvatures(
    Plan plan not None, Wiring wiring not None, Loss loss not None, bint reads_raw, w, Data data not None,
    bint gauss_newton=False,
):
    """M_jj = s_n d2E_n / da_j^2 of every unit: shape (n_rows, n_units), layer after layer, float64."""
    _check(plan, wiring, loss, w, data)
    order = _weighted_rows(data)
    s = Signals(wiring, data.n_rows if order is None else len(order), reads_raw, False)
    out = np.zeros((data.n_rows, plan.n_units))
    _diagonal(s, plan, loss, _arranged(wiring, w), data, order, not gauss_newton, out, None)
    return out


def hessian_diagonal(
    Plan plan not None, Wiring wiring not None, Loss loss not None, bint reads_raw, w, Data data not None,
    bint gauss_newton=False,
):
    """The diagonal d2E / dw_ji^2 = sum_n M_jj z_i^2: shape (n_parameters,), float64."""
    _check(plan, wiring, loss, w, data)
    order = _weighted_rows(data)
    s = Signals(wiring, data.n_rows if order is None else len(order), reads_raw, False)
    out = np.zeros(plan.n_parameters)
    if out.size:   # a network may have none
        _diagonal(s, plan, loss, _arranged(wiring, w), data, order, not gauss_newton, None, out)
    return out if wiring.order is None else out[np.argsort(wiring.order)]


def _arranged(Wiring wiring, w):
    """w in the order of the wiring."""
    return w if wiring.order is None else w[wiring.order]


def _check(Plan plan, Wiring wiring, Loss loss, w, Data data):
    check_problem(plan, data, w, loss)
    if data.dtype != np.float64:
        raise TypeError(f"expected data of float64, got {data.dtype}")
    if wiring.n_parameters != plan.n_parameters or wiring.n_layers != plan.n_layers:
        raise ValueError("expected the wiring of this plan, got that of another")


def check_memory(n, n_bytes, otherwise="hessian_diagonal needs no matrix"):
    """Raise MemoryError where so much can never fit: what is only promised would end the process when it is used."""
    if n_bytes > SMALL and n_bytes > _memory():
        raise MemoryError(
            f"a matrix of {n} x {n} second derivatives and the sums that become it take {n_bytes / 2**30:.1f} GiB, but "
            f"there are {_memory() / 2**30:.1f} GiB of memory; {otherwise}"
        )


def _memory():
    """Bytes that this machine can give to a process: those available, or all where it does not tell."""
    try:
        with open("/proc/meminfo") as lines:
            return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else np.inf


cdef _weighted_rows(Data data):
    """Numbers of the rows whose weight is not zero; None for all."""
    weight = data._arrays[2]
    return None if weight is None or weight.all() else np.flatnonzero(weight)


cdef Py_ssize_t _n_sums(Signals s, Plan plan, Loss loss, bint single):
    """Packed sums of all pairs of layers; where there is a single chunk, one pair at a time goes to H."""
    cdef int l, k
    cdef Py_ssize_t size, total = 0
    for l in range(1, plan.n_layers):
        for k in range(l, plan.n_layers):
            size = packed_size(s, way_of(s, plan, loss, l, k), l, k, single)
            total = max(total, size) if single else total + size
    return total


cdef int _hessian(
    Signals s, Plan plan, Loss loss, const double[::1] w, Data data, const Py_ssize_t[::1] order, bint curved,
    double[::1] sums, double[:, ::1] out,
) except -1:
    cdef Py_ssize_t start = 0, n_rows = data.n_rows if order is None else order.shape[0]
    cdef const Py_ssize_t* rows = &order[0] if order is not None and n_rows else NULL
    cdef const double* weights = &w[0]
    cdef double* h = &out[0, 0]
    cdef Workspace ws = Workspace(plan, data.dtype, s.capacity, data.gathers(order is not None))
    cdef int n
    cdef Chunk chunk
    with nogil:
        spread(s, weights)
    while start < n_rows:
        PyErr_CheckSignals()
        with nogil:
            n = <int> min(s.capacity, n_rows - start)
            chunk = load(data, ws, rows, start, n, 0, n, weights)
            sweep(s, plan, loss, weights, &chunk, curved)
            _add_chunk(s, plan, loss, weights, start == 0, start + n == n_rows, &sums[0], h)
            start += n
        raise_pending()
    return 0


cdef void _add_chunk(
    Signals s, Plan plan, Loss loss, const double* w, bint first, bint last, double* sums, double* h
) noexcept nogil:
    """All pairs of weights of one chunk; the last one fills H, on both sides of the diagonal."""
    cdef int l, k
    cdef Way way
    for l in range(plan.n_layers - 1, 0, -1):
        curve_ahead(s, plan, w, l, s.wiring.linked)
        if s.wiring.groups[l].is_stored:
            curve_own(s, plan, w, l)
        if s.curved:
            add_sensitivities(s, w, l, h)
        for k in range(l, plan.n_layers):
            way = way_of(s, plan, loss, l, k)
            if way == PACKED or way == SCALED:
                add_packed(s, plan, w, way, l, k, sums, first, last, h)
                if not (first and last):   # else the next pair may have the place
                    sums += packed_size(s, way, l, k, False)
            elif way != NONE:
                add_by_units(s, plan, w, way, l, k, h)
                if last:
                    mirror(
                        h, plan.n_parameters, s.wiring.starts[l], s.wiring.starts[k],
                        s.wiring.starts[l + 1] - s.wiring.starts[l], s.wiring.starts[k + 1] - s.wiring.starts[k],
                    )


cdef int _diagonal(
    Signals s, Plan plan, Loss loss, const double[::1] w, Data data, const Py_ssize_t[::1] order, bint curved,
    double[:, ::1] by_unit, double[::1] by_weight,
) except -1:
    """M_jj into `by_unit`, sum_n M_jj z_i^2 into `by_weight`, where they are given."""
    cdef Py_ssize_t start = 0, i, u, row, n_rows = data.n_rows if order is None else order.shape[0]
    cdef const Py_ssize_t* rows = &order[0] if order is not None and n_rows else NULL
    cdef const double* weights = &w[0] if w.shape[0] else NULL   # a network may have none
    cdef Workspace ws = Workspace(plan, data.dtype, s.capacity, data.gathers(order is not None))
    cdef int n
    cdef Chunk chunk
    with nogil:
        spread(s, weights)
    while start < n_rows:
        PyErr_CheckSignals()
        with nogil:
            n = <int> min(s.capacity, n_rows - start)
            chunk = load(data, ws, rows, start, n, 0, n, weights)
            sweep(s, plan, loss, weights, &chunk, curved)
            _curve_units(s, plan, weights)
            if by_weight is not None:
                _add_squares(s, plan, &by_weight[0])
            else:
                for i in range(n):
                    row = start + i if rows == NULL else rows[start + i]
                    for u in range(plan.n_units):
                        by_unit[row, u] = s.a[u * n + i]
            start += n
        raise_pending()
    return 0


cdef void _curve_units(Signals s, Plan plan, const double* w) noexcept nogil:
    """M_jj of every unit in the place of its a, which nobody reads any more."""
    cdef int l
    cdef Group* group
    cdef Py_ssize_t j, n = s.n
    for l in range(plan.n_layers - 1, 0, -1):
        group = &s.wiring.groups[l]
        curve_ahead(s, plan, w, l, s.wiring.for_diagonal)
        if s.wiring.for_diagonal[l * (s.wiring.n_groups + 1)]:
            curve_own(s, plan, w, l)
        for j in range(group.n_units):
            curve_row(s, plan, w, l, j, 1, s.a + (group.column + j) * n)


cdef void _add_squares(Signals s, Plan plan, double* out) noexcept nogil:
    """sum_n M_jj z_i^2; the z become their squares."""
    cdef Py_ssize_t i, u, q, b, n = s.n
    cdef double total
    cdef int k
    cdef Link* link
    cdef const double* curvature
    cdef double* z
    for i in range((plan.n_inputs + plan.n_units + 1) * n):
        s.z[i] *= s.z[i]
    for k in range(s.wiring.n_links):
        link = &s.wiring.links[k]
        z = s.z if link.source == 0 else s.z + (plan.n_inputs + s.wiring.groups[link.source].column) * n
        curvature = s.a + s.wiring.groups[link.target].column * n
        if link.offset >= 0:
            correlate(
                link.n_in, link.n_out, n, z, n, curvature, n, out + link.offset, out + link.offset, link.n_out
            )
            continue
        for q in range(link.first, link.first + link.n_weights):
            total = 0
            for b in range(n):
                total += z[s.wiring.rows[q] * n + b] * curvature[s.wiring.columns[q] * n + b]
            out[s.wiring.places[q]] += total
    for k in range(1, plan.n_layers):
        if s.wiring.biases[k] >= 0:
            for u in range(plan.layers[k].n_units):
                total = 0
                for b in range(n):
                    total += s.a[(plan.layers[k].column + u) * n + b]
                out[s.wiring.biases[k] + u] += total
