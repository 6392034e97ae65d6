# SPDX-License-Identifier: BSD-3-Clause
"""The tables of integers that a plan is made of: layers, blocks, spans, pieces and cells."""

from itertools import groupby

import numpy as np

from bpnet._core.activations import CODES

from bpnet._core.own_activations cimport OWN_ACTIVATION

SPAN = np.dtype([("activation", "i4"), ("first", "i4"), ("n_units", "i4")], align=True)
BLOCK = np.dtype(
    [
        ("kind", "i4"), ("source", "i4"), ("target", "i4"), ("n_in", "i4"), ("n_out", "i4"),
        ("weight_offset", np.intp), ("n_weights", np.intp), ("cell_offset", np.intp), ("opens", "i4"),
        ("opens_offset", np.intp), ("n_opens", "i4"),
        ("start_offset", np.intp), ("source_offset", np.intp), ("n_sources", "i4"),
    ],
    align=True,
)
LAYER = np.dtype(
    [
        ("n_units", "i4"), ("column", np.intp), ("bias_offset", np.intp),
        ("first_block", "i4"), ("n_blocks", "i4"), ("first_span", "i4"), ("n_spans", "i4"), ("is_read", "i4"),
    ],
    align=True,
)
PIECE = np.dtype(
    [
        ("block", "i4"), ("first_row", "i4"), ("n_rows", "i4"), ("n_biases", "i4"),
        ("start", np.intp), ("n_weights", np.intp), ("bias_start", np.intp),
    ],
    align=True,
)
OUTPUT = np.dtype([("layer", "i4"), ("first", "i4"), ("n_units", "i4"), ("column", "i4")], align=True)

#: A block is cut into so many pieces at most, each of at least so many weights: threads then have work to share, and
#: one alone loses nothing.
MAX_PIECES = 4
MIN_PIECE = 2048
#: A source of a sparse block: all units before the target.
EARLIER = -1


class Tables:
    """The rows of the tables of a plan, in the order of the fields of their structs."""

    def __init__(self, n_inputs, layers):
        n_units = sum(len(layer["activations"]) for layer in layers)
        self.layers = [[n_inputs, -1, -1, 0, 0, 0, 0, 0]]
        self.blocks, self.spans, self.pieces, self.cells, self.weight_ranges = [], [], [], [], []
        self.own = []                                   # the users' activations
        self.numbers = [0]                              # of the layers given; those taken apart have none
        self.layer_of = np.zeros(n_units, np.int32)     # of each unit
        self.is_alone = np.zeros(n_units, bool)         # whether its signals are a column
        self.heard_by = []                              # for each sparse block of units: the layers it hears
        self.column = self.n_parameters = self.n_cells = self.n_room_columns = 0
        for layer in layers:
            self._add(layer)

    def _add(self, layer):
        names, sources, masks = layer["activations"], layer["sources"], layer["masks"]
        sizes = [self.layers[0 if source == EARLIER else self.numbers[source]][0] for source in sources]
        start = self.n_parameters
        stop = start + sum(_count(mask, size * len(names)) for mask, size in zip(masks, sizes))
        if layer.get("apart"):
            for j, name in enumerate(names):
                parts = [_row(mask, j) for mask in masks]
                heard = [(source, part) for source, part in zip(sources, parts) if len(part[1])]
                self._add_layer([name], heard, stop + j if layer["bias"] else -1)
        else:
            self._add_layer(names, list(zip(sources, masks)), stop if layer["bias"] else -1)
            self.numbers.append(len(self.layers) - 1)
        self.weight_ranges.append((start, stop))
        self.n_parameters = stop + len(names) * layer["bias"]

    def _add_layer(self, names, heard, bias):
        """One layer of the plan: its blocks, pieces and spans."""
        number, n_units, first_block, first_span = len(self.layers), len(names), len(self.blocks), len(self.spans)
        self.layer_of[self.column : self.column + n_units] = number
        self.is_alone[self.column : self.column + n_units] = n_units == 1
        for source, mask in heard:
            if isinstance(mask, tuple):
                self._add_sparse(source, number, n_units, *mask)
            else:
                self._add_matrix(self.numbers[source], number, n_units, mask)
        if bias >= 0:
            self.pieces[len(self.pieces) - 1][3] = n_units
            self.pieces[len(self.pieces) - 1][6] = bias
        first = 0
        for name, run in groupby(names):
            n = len(list(run))
            self.spans.append((self._code(name), first, n))
            first += n
        n_blocks, n_spans = len(self.blocks) - first_block, len(self.spans) - first_span
        self.layers.append([n_units, self.column, bias, first_block, n_blocks, first_span, n_spans, 0])
        self.column += n_units

    def _code(self, activation):
        """Of a name; of a user's activation its number in the order of appearance."""
        if isinstance(activation, str):
            return CODES[activation]
        if activation not in self.own:
            self.own.append(activation)
        return OWN_ACTIVATION + self.own.index(activation)

    def _add_matrix(self, source, number, n_out, mask):
        n_in, offset, block = self.layers[source][0], self.n_parameters, len(self.blocks)
        row = [DENSE, source, number, n_in, n_out, offset, n_in * n_out, -1, 0, 0, 0, 0, 0, 0]
        if mask is None:
            self.pieces += _cut(block, n_in, n_out, offset)
        else:
            present = np.flatnonzero(mask).astype(np.int32)
            row[0], row[6], row[7] = MASKED, len(present), self._keep(present)
            self.pieces.append([block, 0, n_in, 0, offset, len(present), offset + len(present)])
        self.blocks.append(row)
        self.n_parameters += row[6]

    def _add_sparse(self, source, number, n_out, starts, heard):
        """Where a unit heard is not alone in its layer, `heard` are numbers of columns to be laid out."""
        n_in, n_weights, offset, source_offset, n_sources = self.column, len(heard), self.n_parameters, 0, 0
        if source == 0:
            n_in = n_room = self.layers[0][0]
        else:
            source = 1
            layers = np.sort(self.layer_of[heard])   # np.unique takes longer
            self.heard_by.append((len(self.blocks), layers[np.diff(layers, prepend=-1) > 0]))
            if not self.is_alone[heard].all():
                units, heard = np.unique(heard, return_inverse=True)
                layers = self.layer_of[units]
                within = units - np.array([self.layers[layer][1] for layer in layers])
                n_sources, source_offset = len(units), self._keep(np.column_stack([layers, within]).ravel())
            n_room = n_sources
        cells, starts = self._keep(heard), self._keep(starts)
        self.pieces.append([len(self.blocks), 0, n_in, 0, offset, n_weights, offset + n_weights])
        self.blocks.append(
            [SPARSE, source, number, n_in, n_out, offset, n_weights, cells, 0, 0, 0, starts, source_offset, n_sources]
        )
        self.n_parameters += n_weights
        self.n_room_columns = max(self.n_room_columns, 1 + n_room)   # and the column of a target

    def _keep(self, integers):
        """Place among the cells."""
        self.cells.append(np.asarray(integers, np.int32))
        self.n_cells += len(integers)
        return self.n_cells - len(integers)

    def outputs(self, runs):
        """Runs of units, cut where layers end."""
        rows, column = [], 0
        for first, n in runs:
            while n:
                layer = self.layer_of[first]
                within = first - self.layers[layer][1]
                part = min(n, self.layers[layer][0] - within)
                rows.append((int(layer), within, part, column))
                first, n, column = first + part, n - part, column + part
        return rows

    def open(self):
        """The last block to read a layer is, backwards, the first to bring it an error signal."""
        heard_by = dict(self.heard_by)
        opening = np.full(len(self.layers), -1) if heard_by else [-1] * len(self.layers)
        for number, block in enumerate(self.blocks):
            opening[heard_by[number] if number in heard_by else block[1]] = number
        for layer in range(len(self.layers)):
            self.layers[layer][7] = opening[layer] >= 0
        for number, block in enumerate(self.blocks):
            if number in heard_by:
                opened = heard_by[number][opening[heard_by[number]] == number]
                block[9], block[10] = self._keep(opened), len(opened)
            elif block[0] != SPARSE:
                block[8] = opening[block[1]] == number


def _count(mask, n_cells):
    """Weights of a block with this mask."""
    return n_cells if mask is None else len(mask[1]) if isinstance(mask, tuple) else np.count_nonzero(mask)


def _row(mask, j):
    """What unit j hears, of a sparse mask, as a mask of its own."""
    heard = mask[1][mask[0][j] : mask[0][j + 1]]
    return (0, len(heard)), heard


def _cut(block, n_in, n_out, offset):
    """Pieces of a dense block: block, first row, rows, biases, first weight, weights, first bias."""
    n_pieces = max(1, min(MAX_PIECES, n_in * n_out // MIN_PIECE, n_in // 8))
    cuts = [8 * (k * n_in // (8 * n_pieces)) for k in range(n_pieces)] + [n_in]   # whole tiles
    return [
        [block, start, stop - start, 0, offset + start * n_out, (stop - start) * n_out, offset + stop * n_out]
        for start, stop in zip(cuts, cuts[1:])
    ]
