# SPDX-License-Identifier: BSD-3-Clause
"""Wiring: the plan once more, as second derivatives need it.

First-order sweeps go from block to block. A second derivative belongs to a pair of weights, hence to a pair of units:
so here stands for each unit what it hears and through which parameters, for each pair of layers the connections
between them whatever kind of block holds them, and which pairs of layers have a second derivative at all. `_cells` is
the one place that knows the kinds of blocks.

What the loss reads of the outputs counts as one more layer per run of outputs, a *reader*, connected one to one. So an
output that feeds further units is a unit like any other: one of its successors happens to be a reader.
"""

from itertools import accumulate

import numpy as np

from bpnet._core.activations import CODES

from bpnet._core.plan cimport DENSE, Plan

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
    """

    def __init__(self, Plan plan not None):
        cdef int l, o
        self.n_layers, self.n_inputs, self.n_outputs = plan.n_layers, plan.n_inputs, plan.n_outputs
        self.n_units, self.n_parameters = plan.n_units, plan.n_parameters
        self.n_groups = plan.n_layers + plan.n_output_spans
        self.n_links = int(sum([plan.layers[l].n_blocks for l in range(plan.n_layers)]))
        links = [_cells(plan, b) for b in range(self.n_links)]
        sizes = [plan.layers[l].n_units for l in range(plan.n_layers)]
        sizes += [plan.outputs[o].n_units for o in range(plan.n_output_spans)]
        after = [[] for _ in sizes]                            # groups that hear or read this one
        for source, target, *_ in links:
            after[source].append(target)
        for o in range(plan.n_output_spans):
            after[plan.outputs[o].layer].append(plan.n_layers + o)
        self._arrays = (
            *self._link_arrays(links, sizes), *self._heard(plan, links, sizes), *self._pairs(after),
            self._group_array(plan, links, sizes),
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

    def _heard(self, Plan plan, links, sizes):
        """For each unit the signals it hears and the parameters it hears them through, in the order of these."""
        columns = [plan.layers[l].column for l in range(plan.n_layers)]
        units, signals, places = [], [], []
        for source, target, rows, units_of, places_of in links:
            units.append(columns[target] + units_of)
            signals.append(rows + (0 if source == 0 else self.n_inputs + columns[source]))
            places.append(places_of)
        for l in range(1, plan.n_layers):
            if plan.layers[l].bias_offset >= 0:
                own = np.arange(sizes[l])
                units.append(columns[l] + own)
                signals.append(np.full(sizes[l], self.n_inputs + self.n_units))
                places.append(plan.layers[l].bias_offset + own)
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
    """Of one block: source, target, and for each connection source unit, target unit and place in w, in that order."""
    block = &plan.blocks[number]
    cdef Py_ssize_t k
    if block.kind == DENSE:
        cells = np.arange(block.n_weights)
    else:
        cells = np.array([plan.cells[block.cell_offset + k] for k in range(block.n_weights)], np.intp)
    rows, columns = np.divmod(cells, block.n_out)
    return block.source, block.target, rows, columns, block.weight_offset + np.arange(block.n_weights)


cdef void* _address(array) except? NULL:
    """First byte of a contiguous array."""
    if not array.flags.c_contiguous:
        raise SystemError("expected a contiguous array")
    return <void*> <size_t> array.ctypes.data
