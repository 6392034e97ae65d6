# SPDX-License-Identifier: BSD-3-Clause
"""Signals: all scratch of second-order work on a chunk, and its first-order sweep.

Here a row is one unit and holds all samples of the chunk: pairs of units are products of rows, and a sum over samples
is a matrix product of rows with rows. In layers, Z and A being such matrices,

    A = W' Z + b        error = W delta        delta = h'(A) error
"""

from bpnet._core.scratch import borrow, give_back

from libc.string cimport memset

from bpnet._core cimport kernels
from bpnet._core.activations cimport softmax
from bpnet._core.data cimport Chunk
from bpnet._core.loss_curvatures cimport curve
from bpnet._core.losses cimport evaluate
from bpnet._core.own_activations cimport OWN_ACTIVATION, activate_own, curve_own
from bpnet._core.scratch cimport cut, start_of
from bpnet._core.sweeps cimport OUTPUT, RAW, largest
from bpnet._core.wiring cimport Group

#: Samples of a chunk: 128 and 200 differed by little more than the noise (nets of 241 to 3,855 parameters).
DEF CHUNK = 256
#: Bytes that the signals of a chunk may take: where units are many, pairs of units are more, and samples become fewer.
DEF CHUNK_BYTES = 128 * 1024 * 1024


cdef class Signals:
    """Scratch for up to `capacity` samples.

    Parameters
    ----------
    wiring : Wiring
    n_samples : int
        The most that the caller will want at once.
    reads_raw : bool
        Whether the loss reads a of the outputs, not z.
    pairs : bool
        Whether pairs of weights are wanted, not those of units alone.
    """

    def __init__(self, Wiring wiring not None, Py_ssize_t n_samples, bint reads_raw, bint pairs):
        self.wiring = wiring
        self.reading = RAW if reads_raw else OUTPUT
        cdef Py_ssize_t fixed = self._measure(0, pairs)
        cdef Py_ssize_t per_line = self._measure(8, pairs) - fixed   # rows of eight numbers are whole cache lines
        cdef Py_ssize_t capacity = max(1, min(CHUNK, n_samples, 8 * CHUNK_BYTES // per_line))
        self._memory = borrow("signals", self._measure(capacity, pairs))
        self._cut(start_of(self._memory), pairs)

    def __del__(self):
        if self._memory is not None:
            give_back("signals", self._memory)

    cdef Py_ssize_t _measure(self, Py_ssize_t capacity, bint pairs) noexcept:
        """Bytes of the buffers for so many samples, which are the capacity from now on."""
        self.capacity = capacity
        return <Py_ssize_t> self._cut(NULL, pairs)

    cdef char* _cut(self, char* at, bint pairs) noexcept:
        """Cut the buffers from `at` on; returns where they end."""
        cdef Wiring wiring = self.wiring
        cdef Py_ssize_t row = 8 * self.capacity, n_units = wiring.n_units, n_outputs = wiring.n_outputs
        cdef Py_ssize_t widest = wiring.widest, heard = wiring.most_heard, wide = max(TILE, heard)
        self.z = <double*> cut(&at, row * (wiring.n_inputs + n_units + 1))
        self.a, self.slope = <double*> cut(&at, row * n_units), <double*> cut(&at, row * n_units)
        self.bend, self.delta = <double*> cut(&at, row * n_units), <double*> cut(&at, row * n_units)
        self.ahead, self.own = <double*> cut(&at, row * wiring.n_ahead), <double*> cut(&at, row * wiring.n_own)
        self.raw, self.seed = <double*> cut(&at, row * n_outputs), <double*> cut(&at, row * n_outputs)
        self.target = <double*> cut(&at, row * n_outputs)
        self.curvature = <double*> cut(&at, row * n_outputs * n_outputs)
        self.row, self.matrices = <double*> cut(&at, row * widest), <double*> cut(&at, 8 * wiring.n_cells)
        if pairs:
            self.reach = <double*> cut(&at, row * _most_reached(wiring))
            self.tile, self.heard = <double*> cut(&at, row * max(wide, widest)), <double*> cut(&at, row * wide)
            self.result = <double*> cut(&at, 8 * max(TILE * wide, heard * heard))
        return at


cdef Py_ssize_t _most_reached(Wiring wiring) noexcept:
    """Rows that `reach` holds at most."""
    cdef Group* group
    cdef Py_ssize_t most = 0
    cdef int g, k
    for g in range(1, wiring.n_layers):
        group = &wiring.groups[g]
        for k in range(group.first_lead, group.first_lead + group.n_leads):
            if wiring.groups[wiring.links[wiring.leads[k]].target].n_leads:
                most = max(most, group.n_units * (wiring.n_units - group.column - group.n_units))
    return most


cdef void spread(Signals s, const double* w) noexcept nogil:
    """Full matrices of the links that have not all connections: once for a vector w."""
    cdef Py_ssize_t q
    cdef int k
    cdef Link* link
    memset(s.matrices, 0, s.wiring.n_cells * sizeof(double))
    for k in range(s.wiring.n_links):
        link = &s.wiring.links[k]
        if link.offset < 0:
            for q in range(link.first, link.first + link.n_weights):
                s.matrices[link.matrix + s.wiring.rows[q] * link.n_out + s.wiring.columns[q]] = w[s.wiring.places[q]]


cdef void sweep(
    Signals s, Plan plan, Loss loss, const double* w, const Chunk* chunk, bint curved
) noexcept nogil:
    """z, slope, delta and bend of every unit, and the second derivatives of the loss in the readers' `own` pairs.

    Without `curved` every bend is zero: the Gauss-Newton matrix is the Hessian of a network linearised as far as what
    the loss reads.
    """
    s.n, s.curved = chunk.n, curved
    _inputs(s, plan, chunk)
    _forward(s, plan, w)
    _read(s, plan, loss, chunk)
    _backward(s, plan, w)


cdef void _inputs(Signals s, Plan plan, const Chunk* chunk) noexcept nogil:
    """Rows of inputs, and the row of ones that biases are weights of."""
    cdef Py_ssize_t b, i, k, n = s.n, d = plan.n_inputs
    cdef const double* x = <const double*> chunk.x
    if x != NULL:
        for i in range(d):
            for b in range(n):
                s.z[i * n + b] = x[b * d + i]
    else:
        memset(s.z, 0, d * n * sizeof(double))
        for b in range(n):
            for k in range(chunk.starts[b], chunk.stops[b]):
                s.z[chunk.columns[k] * n + b] += (<const double*> chunk.values)[k]
    for b in range(n):
        s.z[(d + s.wiring.n_units) * n + b] = 1


cdef void _forward(Signals s, Plan plan, const double* w) noexcept nogil:
    cdef int l, k, first = 0
    cdef Py_ssize_t j, b, n = s.n, m, at
    cdef Link* link
    cdef double* units = s.z + s.wiring.n_inputs * n
    cdef double bias
    for l in range(1, plan.n_layers):
        m, at = plan.layers[l].n_units, plan.layers[l].column * n
        for j in range(m):
            bias = w[s.wiring.biases[l] + j] if s.wiring.biases[l] >= 0 else 0
            for b in range(n):
                s.a[at + j * n + b] = bias
        while first < s.wiring.n_links and s.wiring.links[first].target == l:
            link = &s.wiring.links[first]
            multiply(
                m, n, link.n_in, matrix_of(s, link, w), 1, m,
                s.z if link.source == 0 else units + plan.layers[link.source].column * n, n, s.a + at, s.a + at, n,
            )
            first += 1
        if s.wiring.groups[l].is_softmax:
            _rows(s.a + at, s.raw, m, n)
            softmax(s.raw, s.raw, <int> n, <int> m)
            _rows(s.raw, units + at, n, m)
            continue
        for k in range(plan.layers[l].first_span, plan.layers[l].first_span + plan.layers[l].n_spans):
            j = at + plan.spans[k].first * n
            if plan.spans[k].activation >= OWN_ACTIVATION:
                activate_own(
                    &plan.own[plan.spans[k].activation - OWN_ACTIVATION], s.a + j, units + j, s.slope + j, 1,
                    plan.spans[k].n_units * n, 0,
                )
                continue
            kernels.activate(plan.spans[k].activation, s.a + j, units + j, s.slope + j, plan.spans[k].n_units * n)


cdef void _read(Signals s, Plan plan, Loss loss, const Chunk* chunk) noexcept nogil:
    """Loss: seeds, and second derivatives as the own pairs of each reader."""
    cdef int o, n = <int> s.n, m = plan.n_outputs
    cdef Py_ssize_t b, i, k, size
    cdef double* units = s.a if s.reading == RAW else s.z + s.wiring.n_inputs * s.n
    cdef double* own
    cdef const double* source
    for o in range(plan.n_output_spans):
        source = units + (plan.layers[plan.outputs[o].layer].column + plan.outputs[o].first) * n
        for k in range(plan.outputs[o].n_units):
            for b in range(n):
                s.raw[b * m + plan.outputs[o].column + k] = source[k * n + b]
    evaluate(
        loss, s.raw, <const double*> chunk.y, <const double*> chunk.weight, 1.0, s.seed, s.target, NULL, n, m,
        chunk.n_targets,
    )
    curve(
        loss, s.raw, <const double*> chunk.y, <const double*> chunk.weight, s.target, s.curvature, n, m,
        chunk.n_targets, s.curved,
    )
    for o in range(plan.n_output_spans):
        size = plan.outputs[o].n_units
        own = s.own + s.wiring.groups[plan.n_layers + o].own * n
        for i in range(size):
            for k in range(size):
                source = s.curvature + (plan.outputs[o].column + i) * m + plan.outputs[o].column + k
                for b in range(n):
                    own[(i * size + k) * n + b] = source[b * m * m]


cdef void _backward(Signals s, Plan plan, const double* w) noexcept nogil:
    """error_j = sum_k w_kj delta_k, bend_j = h''(a_j) error_j, delta_j = h'(a_j) error_j."""
    cdef int l, k
    cdef Py_ssize_t j, n = s.n, at, m
    cdef Link* link
    cdef Group* group
    cdef bint is_raw = s.reading == RAW
    for l in range(plan.n_layers - 1, 0, -1):
        group = &s.wiring.groups[l]
        m, at = group.n_units, group.column * n
        memset(s.delta + at, 0, m * n * sizeof(double))
        for k in range(group.first_lead, group.first_lead + group.n_leads):
            link = &s.wiring.links[s.wiring.leads[k]]
            multiply(
                m, n, link.n_out, matrix_of(s, link, w), link.n_out, 1,
                s.delta + s.wiring.groups[link.target].column * n, n, s.delta + at, s.delta + at, n,
            )
        if not is_raw:
            _add_seed(s, plan, l)
        if group.is_softmax:
            if not is_raw:
                _softmax_delta(s.z + s.wiring.n_inputs * n + at, s.delta + at, m, n)
        else:
            if s.curved:
                for k in range(plan.layers[l].first_span, plan.layers[l].first_span + plan.layers[l].n_spans):
                    j = at + plan.spans[k].first * n
                    if plan.spans[k].activation >= OWN_ACTIVATION:
                        curve_own(
                            &plan.own[plan.spans[k].activation - OWN_ACTIVATION], s.a + j, s.bend + j, 1,
                            plan.spans[k].n_units * n, 0,
                        )
                        continue
                    kernels.curve(plan.spans[k].activation, s.a + j, s.bend + j, plan.spans[k].n_units * n)
                for j in range(at, at + m * n):   # no error stays none, even where the curvature is infinite
                    s.bend[j] = s.bend[j] * s.delta[j] if s.delta[j] != 0 else 0
            else:
                memset(s.bend + at, 0, m * n * sizeof(double))
            kernels.chain(s.slope + at, s.delta + at, m * n)
        if is_raw:
            _add_seed(s, plan, l)


cdef void _softmax_delta(const double* z, double* delta, Py_ssize_t m, Py_ssize_t n) noexcept nogil:
    """delta_j = z_j (error_j - sum_k z_k error_k), errors counted from that of the largest output, as in `chain`."""
    cdef Py_ssize_t b, j
    cdef double mean, top
    for b in range(n):
        mean, top = 0, delta[largest(z + b, m, n) * n + b]
        for j in range(m):
            mean += z[j * n + b] * (delta[j * n + b] - top)
        for j in range(m):
            delta[j * n + b] = z[j * n + b] * (delta[j * n + b] - top - mean)


cdef void _add_seed(Signals s, Plan plan, int l) noexcept nogil:
    """Add the loss's derivative to the signals of the outputs that layer l has."""
    cdef int o
    cdef Py_ssize_t b, k, n = s.n, m = plan.n_outputs
    cdef double* delta
    for o in range(plan.n_output_spans):
        if plan.outputs[o].layer == l:
            delta = s.delta + (plan.layers[l].column + plan.outputs[o].first) * n
            for k in range(plan.outputs[o].n_units):
                for b in range(n):
                    delta[k * n + b] += s.seed[b * m + plan.outputs[o].column + k]


cdef void _rows(const double* x, double* out, Py_ssize_t m, Py_ssize_t n) noexcept nogil:
    """out (n, m) = x (m, n)'."""
    cdef Py_ssize_t i, b
    for i in range(m):
        for b in range(n):
            out[b * m + i] = x[i * n + b]
