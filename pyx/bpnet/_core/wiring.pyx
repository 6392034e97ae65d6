# SPDX-License-Identifier: BSD-3-Clause
"""Wiring: the plan once more, as second derivatives need it.

First-order sweeps go from block to block. A second derivative belongs to a pair of weights, hence to a pair of units:
so here stands for each unit what it hears and through which parameters, for each pair of layers the connections
between them whatever kind of block holds them, and which pairs of layers have a second derivative at all. `_cells` is
the one place that knows the kinds of blocks.

What the loss reads of the outputs counts as one more layer per run of outputs, a *reader*, connected one to one. So an
output that feeds further units is a unit like any other: one of its successors happens to be a reader.

Second derivatives want the parameters of a layer side by side, as signal by unit. Where w has them otherwise, as sparse
blocks do, the wiring counts them in an order of its own.
"""

from itertools import accumulate

import numpy as np

from bpnet._core.activations import CODES

from bpnet._core.plan cimport Plan
from bpnet._core.tables cimport DENSE, SPARSE

LINK = np.dtype(
    [
        ("source", "i4"), ("target", "i4"), ("n_in", "i4"), ("n_out", "i4"), ("n_weights", np.intp),
        ("first", np.intp), ("first_row", np.intp), ("offset", np.intp), ("matrix", np.intp),
    ],
    align=True,
)
GROUP = np.dtype(
    [
        ("n_units", "i4"), ("first_lead", "i4"), ("n_leads", "i4"), ("is_complete", "i4"), ("is_stored", "i4"),
        ("is_softmax", "i4"), ("column", np.intp), ("ahead", np.intp), ("own", np.intp),
    ],
    align=True,
)


cdef class Wiring:
    """A plan's connections, unit by unit.

    Parameters
    ----------
    plan : Plan

    Attributes
    ----------
    n_layers, n_units, n_parameters : int
        As in the plan.
    n_ahead, n_own : int
        Pairs of units for which the exact Hessian keeps M_jk, per sample.
    order : ndarray of shape (n_parameters,), intp, or None
        Places in w of the parameters as the wiring counts them; None where that is the order of w.
    """

    def __init__(self, Plan plan not None):
        cdef int l, o
        self.n_layers, self.n_inputs, self.n_outputs = plan.n_layers, plan.n_inputs, plan.n_outputs
        self.n_units, self.n_parameters = plan.n_units, plan.n_parameters
        self.n_groups = plan.n_layers + plan.n_output_spans
        n_blocks = int(sum([plan.layers[l].n_blocks for l in range(plan.n_layers)]))
        links = [link for b in range(n_blocks) for link in _cells(plan, b)]
        self.n_links = len(links)
        biases = np.array([plan.layers[l].bias_offset for l in range(plan.n_layers)], np.intp)
        sizes = [plan.layers[l].n_units for l in range(plan.n_layers)]
        links, biases, starts, self.order = _side_by_side(links, biases, sizes, plan.has_sparse)
        sizes += [plan.outputs[o].n_units for o in range(plan.n_output_spans)]
        after = [[] for _ in sizes]                            # groups that hear or read this one
        for source, target, *_ in links:
            after[source].append(target)
        for o in range(plan.n_output_spans):
            after[plan.outputs[o].layer].append(plan.n_layers + o)
        self._arrays = (
            *self._link_arrays(links, sizes), *self._heard(plan, links, sizes, biases),
            *self._pairs(after), self._group_array(plan, links, sizes), biases, starts,
        )
        arrays = self._arrays
        self.links, self.leads = <Link*> _address(arrays[0]), <const int*> _address(arrays[1])
        self.rows, self.columns = <const int*> _address(arrays[2]), <const int*> _address(arrays[3])
        self.places, self.row_starts = <const Py_ssize_t*> _address(arrays[4]), <const Py_ssize_t*> _address(arrays[5])
        self.first_heard, self.heard = <const Py_ssize_t*> _address(arrays[6]), <const int*> _address(arrays[7])
        self.heard_places = <const Py_ssize_t*> _address(arrays[8])
        self.linked, self.for_diagonal = (
            <const unsigned char*> _address(arrays[9]), <const unsigned char*> _address(arrays[10])
        )
        self.reaches, self.groups = <const unsigned char*> _address(arrays[11]), <Group*> _address(arrays[12])
        self.biases, self.starts = <const Py_ssize_t*> _address(arrays[13]), <const Py_ssize_t*> _address(arrays[14])

    def __reduce__(self):
        raise TypeError("a Wiring is not pickled: pickle the Topology and make it again")

    def _link_arrays(self, links, sizes):
        """Links, their numbers by source, and their connections."""
        table, starts = [], []
        first = first_row = matrix = 0
        for source, target, rows, _, places in links:
            n_in, n_out = sizes[source], sizes[target]
            is_full = len(places) == n_in * n_out
            table.append((
                source, target, n_in, n_out, len(places), first, first_row,
                places[0] if is_full else -1, -1 if is_full else matrix,
            ))
            starts.append(np.searchsorted(rows, np.arange(n_in + 1)))
            first += len(places)
            first_row += n_in + 1
            matrix += 0 if is_full else n_in * n_out
        self.n_cells = matrix
        sources = np.array([link[0] for link in links])
        return (
            np.array(table, LINK), np.argsort(sources, kind="stable").astype(np.int32),
            np.concatenate([link[2] for link in links]).astype(np.int32),
            np.concatenate([link[3] for link in links]).astype(np.int32),
            np.concatenate([link[4] for link in links]).astype(np.intp),
            np.concatenate(starts).astype(np.intp),
        )

    def _heard(self, Plan plan, links, sizes, biases):
        """For each unit the signals it hears and the parameters it hears them through, in the order of these."""
        columns = [plan.layers[l].column for l in range(plan.n_layers)]
        units, signals, places = [], [], []
        for source, target, rows, units_of, places_of in links:
            units.append(columns[target] + units_of)
            signals.append(rows + (0 if source == 0 else self.n_inputs + columns[source]))
            places.append(places_of)
        for l in range(1, plan.n_layers):
            if biases[l] >= 0:
                own = np.arange(sizes[l])
                units.append(columns[l] + own)
                signals.append(np.full(sizes[l], self.n_inputs + self.n_units))
                places.append(biases[l] + own)
        units, places = np.concatenate(units), np.concatenate(places)
        order = np.lexsort((places, units))
        first = np.searchsorted(units[order], np.arange(self.n_units + 1)).astype(np.intp)
        self.most_heard = int(np.diff(first).max())
        return first, np.concatenate(signals)[order].astype(np.int32), places[order].astype(np.intp)

    def _pairs(self, after):
        """Which pairs of groups have a second derivative, which the diagonal needs, and which layers lead to which."""
        linked = np.zeros((self.n_groups, self.n_groups), np.uint8)
        wanted, reaches = np.zeros_like(linked), np.zeros((self.n_layers, self.n_layers), np.uint8)
        for r in range(self.n_layers, self.n_groups):   # no loss couples outputs of different layers
            linked[r, r] = wanted[r, r] = 1
        for l in range(self.n_layers - 1, 0, -1):
            linked[l, l:] = linked[l:, l] = linked[after[l], l:].any(axis=0)
            linked[l, l] = 1
            for m in after[l]:
                if m < self.n_layers:
                    reaches[l] |= reaches[m]
                    reaches[l, m] = 1
        for l in range(1, self.n_layers):
            wanted[l, after[l]] = 1
            others = l + 1 + np.flatnonzero(wanted[l, l + 1:])
            for m in after[l]:
                needed = others[linked[m, others] > 0]
                wanted[m, needed[needed >= m]] = 1
                wanted[needed[needed < m], m] = 1
        return linked, wanted, reaches

    def _group_array(self, Plan plan, links, sizes):
        columns = list(accumulate([0, 0, *sizes[1:]]))
        all_units, softmax = columns[len(columns) - 1], CODES["softmax"]
        complete, n_leads = [True] * len(sizes), [0] * len(sizes)
        stored = [g >= self.n_layers for g in range(len(sizes))]
        for source, target, _, _, places in links:
            complete[target] &= len(places) == sizes[source] * sizes[target]
            stored[target] |= source > 0
            n_leads[source] += 1
        first_lead, rows, ahead, own = list(accumulate([0, *n_leads])), [], 0, 0
        for g, size in enumerate(sizes):
            is_softmax = 0 < g < plan.n_layers and plan.spans[plan.layers[g].first_span].activation == softmax
            rows.append((
                size, first_lead[g], n_leads[g], complete[g], stored[g], is_softmax, columns[g], ahead, own
            ))
            if g:
                ahead += size * (all_units - columns[g] - size)
                own += size * size * stored[g]
        rows.append((0, len(links), 0, 0, 0, 0, all_units, ahead, own))   # past the end
        self.n_ahead, self.n_own, self.widest = ahead, own, max(sizes[1:])
        return np.array(rows, GROUP)


def _cells(Plan plan, int number):
    """Links of one block: source, target, and for each connection source unit, target unit and place in w, in order."""
    block = &plan.blocks[number]
    cdef Py_ssize_t k
    places = block.weight_offset + np.arange(block.n_weights)
    if block.kind == SPARSE:
        return _sparse_cells(plan, number, places)
    if block.kind == DENSE:
        cells = np.arange(block.n_weights)
    else:
        cells = np.array([plan.cells[block.cell_offset + k] for k in range(block.n_weights)], np.intp)
    rows, columns = np.divmod(cells, block.n_out)
    return [(block.source, block.target, rows, columns, places)]


def _sparse_cells(Plan plan, int number, places):
    """The same for a sparse block: a link for each layer that it hears."""
    block = &plan.blocks[number]
    cdef Py_ssize_t k
    cdef int l
    starts = [plan.cells[block.start_offset + k] for k in range(block.n_out + 1)]
    columns = np.repeat(np.arange(block.n_out), np.diff(starts))
    heard = np.array([plan.cells[block.cell_offset + k] for k in range(block.n_weights)], np.intp)
    if block.source == 0:
        layers, rows = np.zeros(len(heard), np.intp), heard
    elif block.n_sources:
        laid_out = np.array([plan.cells[block.source_offset + k] for k in range(2 * block.n_sources)], np.intp)
        layers, rows = laid_out.reshape(-1, 2)[heard].T
    else:   # every unit heard is a layer of its own
        first = np.array([plan.layers[l].column for l in range(1, block.target)])
        layers, rows = 1 + np.searchsorted(first, heard), np.zeros(len(heard), np.intp)
    order = np.lexsort((columns, rows, layers))
    layers, rows, columns, places = layers[order], rows[order], columns[order], places[order]
    cuts = np.flatnonzero(np.diff(layers)) + 1
    parts = zip(*[np.split(array, cuts) for array in (layers, rows, columns, places)])
    return [(int(source[0]), block.target, *rest) for source, *rest in parts if len(source)]


def _side_by_side(links, biases, sizes, bint is_sparse):
    """The links and biases with places such that each layer's parameters are neighbours, and how these stand in w.

    Returns the links, the biases, the first place of each layer and the order, None where nothing moves.
    """
    counts = np.zeros(len(sizes), np.intp)
    by_layer = [[] for _ in sizes]
    for _, target, _, _, places in links:
        by_layer[target].append(places)
    for l, bias in enumerate(biases):
        if bias >= 0:
            by_layer[l].append(bias + np.arange(sizes[l]))
        counts[l] = sum(map(len, by_layer[l]))
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)
    if not is_sparse:
        return links, biases, starts, None
    order = np.concatenate([places for parts in by_layer for places in parts]).astype(np.intp)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    links = [(source, target, rows, columns, place[places]) for source, target, rows, columns, places in links]
    return links, np.where(biases >= 0, place[biases], -1), starts, order


cdef void* _address(array) except? NULL:
    """First byte of a contiguous array."""
    if not array.flags.c_contiguous:
        raise SystemError("expected a contiguous array")
    return <void*> <size_t> array.ctypes.data
