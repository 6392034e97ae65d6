# SPDX-License-Identifier: BSD-3-Clause
"""M_jk = d2E_n / da_j da_k for pairs of units, back-propagated.

Let u_j be added to a_j; then delta_j = dE_n/du_j and M_jk = d2E_n/du_j du_k, for any two units of any graph. From
delta_j = h'_j error_j, for a unit j and one k that comes not before it,

    M_jk = h'_j sum_m w_mj M_mk + [j = k] h''_j error_j        (m: the units that hear j)

(Bishop, exercise 5.22, on any graph). Where the loss reads an output's a, its reader joins the sum outside the factor
h'; where it reads z, inside. The readers' own pairs are the second derivatives of the loss.

Per layer l, last layer first: the pairs *ahead*, a row M_jk for each unit j of it and each k of a later group, then the
pairs of its *own*. For all k at once a sum over m is one product with the weights from l to the layer of m.
"""

from libc.string cimport memcpy, memset

from bpnet._core.kernels cimport axpy
from bpnet._core.signals cimport hadamard, is_sparse, matrix_of, multiply
from bpnet._core.sweeps cimport RAW, largest
from bpnet._core.wiring cimport Group, Link


cdef void curve_ahead(Signals s, Plan plan, const double* w, int l, const unsigned char* wanted) noexcept nogil:
    """The pairs ahead of layer l, those of them that are wanted."""
    cdef Group* group = &s.wiring.groups[l]
    cdef Py_ssize_t j, u, n = s.n, width = width_of(s, l)
    cdef double* rows = s.ahead + group.ahead * n
    cdef const double* slope = s.slope + group.column * n
    cdef double* row
    cdef int k
    memset(rows, 0, group.n_units * width * n * sizeof(double))
    for k in range(group.first_lead, group.first_lead + group.n_leads):
        _pull(s, &s.wiring.links[s.wiring.leads[k]], w, wanted)
    if group.is_softmax:
        _softmax_ahead(s, plan, l)
        return
    if s.reading != RAW:
        _read_ahead(s, plan, l)
    for j in range(group.n_units):
        row = rows + j * width * n
        for u in range(width):
            hadamard(slope + j * n, row + u * n, row + u * n, n)
    if s.reading == RAW:
        _read_ahead(s, plan, l)


cdef void _pull(Signals s, const Link* link, const double* w, const unsigned char* wanted) noexcept nogil:
    """Add sum_m w_mj M_mk over the units m of one layer, for all k after the layer l of j."""
    cdef int k = link.source + 1, l = link.source, m = link.target, first, n_groups = s.wiring.n_groups
    cdef Py_ssize_t i, n = s.n, width = width_of(s, l), length
    cdef const unsigned char* linked = s.wiring.linked + m * n_groups
    cdef double* out
    wanted += l * n_groups
    while k < n_groups:
        if not (wanted[k] and linked[k]):
            k += 1
            continue
        out = ahead_of(s, l, 0, k)
        if k < m:      # M_mk is kept as M_km
            for i in range(s.wiring.groups[k].n_units):
                _weigh(s, link, w, 0, link.n_in, n, ahead_of(s, k, i, m), n, out + i * n, width * n, False)
            k += 1
        elif k == m:
            length = link.n_out * n
            _weigh(s, link, w, 0, link.n_in, length, s.own + s.wiring.groups[m].own * n, length, out, width * n, False)
            k += 1
        else:          # groups that follow each other together
            first = k
            while k < n_groups and wanted[k] and linked[k]:
                k += 1
            length = (s.wiring.groups[k].column - s.wiring.groups[first].column) * n
            _weigh(
                s, link, w, 0, link.n_in, length, ahead_of(s, m, 0, first), width_of(s, m) * n, out, width * n, False
            )


cdef void _weigh(
    Signals s, const Link* link, const double* w, Py_ssize_t first, Py_ssize_t count, Py_ssize_t length,
    const double* rows, Py_ssize_t row, double* out, Py_ssize_t out_row, bint fresh,
) noexcept nogil:
    """out += W rows for `count` source units from the first on; = where `fresh`."""
    cdef Py_ssize_t i, q
    cdef const Py_ssize_t* starts = s.wiring.row_starts + link.first_row + first
    if not is_sparse(link):
        multiply(
            count, length, link.n_out, matrix_of(s, link, w) + first * link.n_out, link.n_out, 1, rows, row,
            NULL if fresh else out, out, out_row,
        )
        return
    for i in range(count):
        if fresh:
            memset(out + i * out_row, 0, length * sizeof(double))
        for q in range(link.first + starts[i], link.first + starts[i + 1]):
            axpy(w[s.wiring.places[q]], rows + s.wiring.columns[q] * row, out + i * out_row, length)


cdef void _read_ahead(Signals s, Plan plan, int l) noexcept nogil:
    """Add the pairs of the readers that read layer l: with themselves, for no loss couples outputs of two layers."""
    cdef int o, r
    cdef Py_ssize_t j, n = s.n, size
    for o in range(plan.n_output_spans):
        if plan.outputs[o].layer == l:
            r, size = plan.n_layers + o, plan.outputs[o].n_units
            for j in range(size):
                axpy(
                    <double> 1, s.own + (s.wiring.groups[r].own + j * size) * n,
                    ahead_of(s, l, plan.outputs[o].first + j, r), size * n,
                )


cdef void curve_row(
    Signals s, Plan plan, const double* w, int l, Py_ssize_t j, Py_ssize_t count, double* out
) noexcept nogil:
    """M_jk for unit j of layer l and the `count` units k of the same layer from j on; needs the pairs ahead of j."""
    cdef Group* group = &s.wiring.groups[l]
    cdef Link* link
    cdef Py_ssize_t n = s.n
    cdef const double* slope = s.slope + (group.column + j) * n
    cdef int k
    if group.is_softmax:
        _softmax_row(s, plan, l, j, count, out)
        return
    if group.n_leads == 0:
        memset(out, 0, count * n * sizeof(double))
    for k in range(group.n_leads):
        link = &s.wiring.links[s.wiring.leads[group.first_lead + k]]
        _weigh(s, link, w, j, count, n, ahead_of(s, l, j, link.target), n, out, n, k == 0)
    if s.reading != RAW:
        _read_row(s, plan, l, j, count, out)
    hadamard(slope, out, out, count * n)
    if s.reading == RAW:
        _read_row(s, plan, l, j, count, out)
    axpy(<double> 1, s.bend + (group.column + j) * n, out, n)


cdef void _read_row(Signals s, Plan plan, int l, Py_ssize_t j, Py_ssize_t count, double* out) noexcept nogil:
    """Add M_rj for those of the units that have a reader r."""
    cdef int o
    cdef Py_ssize_t i, unit, n = s.n
    for o in range(plan.n_output_spans):
        if plan.outputs[o].layer == l:
            for i in range(plan.outputs[o].n_units):
                unit = plan.outputs[o].first + i
                if j <= unit < j + count:
                    axpy(<double> 1, ahead_of(s, l, j, plan.n_layers + o) + i * n, out + (unit - j) * n, n)


cdef void curve_own(Signals s, Plan plan, const double* w, int l) noexcept nogil:
    """All pairs of units of layer l, M_jk and M_kj."""
    cdef Py_ssize_t j, k, n = s.n, m = s.wiring.groups[l].n_units
    cdef double* own = s.own + s.wiring.groups[l].own * n
    for j in range(m):
        curve_row(s, plan, w, l, j, m - j, own + (j * m + j) * n)
        for k in range(j + 1, m):
            memcpy(own + (k * m + j) * n, own + (j * m + k) * n, n * sizeof(double))


cdef void _softmax_ahead(Signals s, Plan plan, int l) noexcept nogil:
    """M_jr = sum_k dz_k/da_j L_kr, dz_k/da_j = z_j ([j = k] - z_k); where the loss reads a, M_jr = L_jr.

    Such a layer is all outputs and feeds nothing: a single reader comes after it. As in `chain` of the sweeps, what is
    compared with its mean is counted from that of the largest output.
    """
    cdef Py_ssize_t b, j, k, r, n = s.n, m = s.wiring.groups[l].n_units
    cdef double* out = s.ahead + s.wiring.groups[l].ahead * n
    cdef const double* curvature = s.own + s.wiring.groups[plan.n_layers].own * n
    cdef const double* z = s.z + (s.wiring.n_inputs + s.wiring.groups[l].column) * n
    cdef double mean, top
    if s.reading == RAW:
        memcpy(out, curvature, m * m * n * sizeof(double))
        return
    for r in range(m):
        for b in range(n):
            mean, top = 0, curvature[(largest(z + b, m, n) * m + r) * n + b]
            for k in range(m):
                mean += z[k * n + b] * (curvature[(k * m + r) * n + b] - top)
            for j in range(m):
                out[(j * m + r) * n + b] = z[j * n + b] * (curvature[(j * m + r) * n + b] - top - mean)


cdef void _softmax_row(Signals s, Plan plan, int l, Py_ssize_t j, Py_ssize_t count, double* out) noexcept nogil:
    """M_jk = sum_r M_jr dz_r/da_k + sum_r error_r d2z_r/da_j da_k.

    The second sum is [j = k] delta_j - z_k delta_j - z_j delta_k, and no part of the Gauss-Newton matrix.
    """
    cdef Py_ssize_t b, k, r, n = s.n, m = s.wiring.groups[l].n_units, at = s.wiring.groups[l].column * n
    cdef const double* ahead = ahead_of(s, l, j, plan.n_layers)
    cdef const double* z = s.z + s.wiring.n_inputs * n + at
    cdef const double* delta = s.delta + at
    cdef double mean, top
    if s.reading == RAW:
        memcpy(out, ahead + j * n, count * n * sizeof(double))
        return
    for b in range(n):
        mean, top = 0, ahead[largest(z + b, m, n) * n + b]
        for r in range(m):
            mean += (ahead[r * n + b] - top) * z[r * n + b]
        for k in range(j, j + count):
            out[(k - j) * n + b] = z[k * n + b] * (ahead[k * n + b] - top - mean)
            if s.curved:
                out[(k - j) * n + b] -= z[k * n + b] * delta[j * n + b] + z[j * n + b] * delta[k * n + b]
        if s.curved:
            out[b] += delta[j * n + b]
