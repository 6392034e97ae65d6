# SPDX-License-Identifier: BSD-3-Clause
"""Plan and Workspace: what every sweep reads, and where it writes.

A plan is frozen and holds no floating-point number; a workspace holds every scratch buffer of one thread.
"""

from itertools import accumulate, groupby

import numpy as np

from bpnet._core.activations import CODES
from bpnet._core.products import load_blas

from bpnet._core.own_activations cimport OWN_ACTIVATION, OwnActivations
from bpnet._core.products cimport beyond_reach

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
#: Buffers start at cache lines.
ALIGNMENT = 64
#: Rows that a chunk of full-batch work should hold: its buffers then stay in a core's second-level cache ...
CHUNK_BYTES = 256 * 1024
#: ... but a product of fewer rows than this spends its time packing the weights instead of multiplying,
MIN_ROWS = 256
#: where units are heard one by one it is a column of fewer than this that is too short for its overhead,
MIN_COLUMN = 128
#: and more rows than this gain nothing.
MAX_ROWS = 2048


#: A source of a sparse block: all units before the target.
EARLIER = -1


cdef class Plan:
    """A topology as flat arrays of layers, blocks and spans.

    Parameters
    ----------
    n_inputs : int
    layers : sequence of dict
        One per layer after the inputs, in topological order: ``activations`` (a name per unit), ``sources`` (a list
        of layer numbers, 0 the inputs, or `EARLIER`: all units before), ``masks`` and ``bias`` (bool). Of the masks
        there is one for each source: None; a boolean array (n_source, n_units); or for a sparse block a tuple (starts,
        heard) of integer arrays: unit j hears the inputs, or the units by column, heard[starts[j] : starts[j + 1]].
        With ``apart`` (bool) every unit becomes a layer of its own; its sources must be sparse.
        Trusted: `bpnet.Topology` has checked it.
    outputs : sequence of (int, int)
        Runs of units that are the outputs, in order: column of the first one, and how many.
    """

    def __init__(self, n_inputs, layers, outputs):
        tables = _Tables(n_inputs, layers)
        output_rows = tables.outputs(outputs)
        tables.open()
        blocks = np.array([tuple(row) for row in tables.blocks], BLOCK)
        self.n_layers = len(tables.layers)
        self.n_output_spans = len(output_rows)
        self.n_pieces = len(tables.pieces)
        self.n_inputs, self.n_units, self.n_parameters = n_inputs, len(tables.layer_of), tables.n_parameters
        self.n_outputs = sum(row[2] for row in output_rows)
        self.weight_ranges = tuple(tables.weight_ranges)
        kinds = {(row[0], row[1] == 0) for row in tables.blocks}     # and whether they read the inputs
        self.is_dense = not any(kind != DENSE for kind, _ in kinds)
        self.has_sparse = any(kind == SPARSE for kind, _ in kinds)
        self.reads_columns = (SPARSE, True) in kinds
        self.reads_sparse = not any(kind != DENSE for kind, at_inputs in kinds if at_inputs)
        self.largest_block = max([row[3] * row[4] for row in tables.blocks if row[0] == MASKED], default=1)
        self.largest_matrix = max([row[3] * row[4] for row in tables.blocks])
        self.n_room_columns = tables.n_room_columns
        self.ends_plainly = output_rows == [(self.n_layers - 1, 0, tables.layers[self.n_layers - 1][0], 0)]
        self._own = OwnActivations(tables.own)
        self.own, self.calls_python = (<OwnActivations> self._own).functions, self._own.calls_python
        arrays = (
            np.array([tuple(row) for row in tables.layers], LAYER),
            blocks,
            np.array(tables.spans, SPAN),
            np.array(output_rows, OUTPUT),
            np.array([tuple(row) for row in tables.pieces], PIECE),
            np.concatenate([*tables.cells, np.zeros(1, np.int32)]) if tables.cells else np.zeros(1, np.int32),
        )
        self._arrays = arrays
        self.layers = <Layer*> _address(arrays[0], sizeof(Layer))
        self.blocks = <Block*> _address(arrays[1], sizeof(Block))
        self.spans = <Span*> _address(arrays[2], sizeof(Span))
        self.outputs = <Output*> _address(arrays[3], sizeof(Output))
        self.pieces = <Piece*> _address(arrays[4], sizeof(Piece))
        self.cells = <const int*> _address(arrays[5], sizeof(int))

    @property
    def n_blocks(self):
        """Number of blocks."""
        return len(self._arrays[1])

    @property
    def has_own(self):
        """Whether some activation is a user's."""
        return len(self._own) > 0

    @property
    def n_output_runs(self):
        """Runs of units, each in one layer, that the outputs are."""
        return self.n_output_spans

    @property
    def n_cells(self):
        """Integers that say where the weights of masked and sparse blocks stand."""
        return len(self._arrays[5]) - 1

    def __reduce__(self):
        raise TypeError("a Plan is not pickled: pickle the Topology and compile it again")


cdef class Workspace:
    """Every scratch buffer that the sweeps need for up to `capacity` rows; one per thread.

    Parameters
    ----------
    plan : Plan
    dtype : numpy.dtype
        float32 or float64.
    n_rows : int
        The most rows the caller will ever want at once; less is allocated where full speed needs less.
    gathers : bool, default=True
        Whether inputs are copied together: not where rows lie side by side, nor where CSR rows meet their weights.
    second_order : bool, default=False
        Whether there are buffers for the R sweeps.
    n_sweeps : int, default=1
        How many signals of each row go through a product together.
    """

    def __init__(
        self, Plan plan not None, dtype, Py_ssize_t n_rows, bint gathers=True, bint second_order=False,
        Py_ssize_t n_sweeps=1,
    ):
        self.plan = plan
        self.dtype = np.dtype(dtype)
        item = self.dtype.itemsize
        n_signals = 7 if second_order else 3
        row_bytes = item * (n_signals * plan.n_units + plan.n_inputs)
        fitting = min(max(CHUNK_BYTES // row_bytes, MIN_COLUMN if plan.has_sparse else MIN_ROWS), MAX_ROWS)
        self.capacity = max(1, min(n_rows, fitting))
        is_float = self.dtype == np.float32
        most = self.capacity * n_sweeps
        if needs_blas(plan, most, False, is_float) or needs_blas(plan, most, True, is_float):
            load_blas()
        # One allocation, cut into the buffers.
        n = int(self.capacity)
        sizes = [item * n * plan.n_units] * 3 + [item * n * plan.n_outputs] * 4
        sizes += [item * n, item * n * plan.n_inputs * gathers, item * n * plan.n_inputs * plan.reads_columns]
        sizes += [item * max(plan.largest_block, n * n_sweeps * plan.n_room_columns)]
        sizes += [sizeof(Py_ssize_t) * n] * 2 + [sizeof(double) * (n // GROUP + 1)]
        if second_order:
            sizes += [item * n * plan.n_units] * 4 + [item * n * plan.n_outputs] * 2
        starts = list(accumulate((size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT for size in [0, *sizes]))
        self._memory = np.zeros(starts[len(sizes)] + ALIGNMENT, np.uint8)
        cdef size_t base = self._memory.ctypes.data
        base += -base % ALIGNMENT
        places = [base + start for start in starts]
        self.z, self.slope, self.delta = _pointer(places[0]), _pointer(places[1]), _pointer(places[2])
        self.raw, self.seed = _pointer(places[3]), _pointer(places[4])
        self.scratch, self.target = _pointer(places[5]), _pointer(places[6])
        self.weight, self.rows = _pointer(places[7]), _pointer(places[8])
        self.columns, self.room = _pointer(places[9]), _pointer(places[10])
        self.starts, self.stops = <Py_ssize_t*> _pointer(places[11]), <Py_ssize_t*> _pointer(places[12])
        self.sums = <double*> _pointer(places[13])
        if second_order:
            self.bend, self.ra = _pointer(places[14]), _pointer(places[15])
            self.rz, self.rdelta = _pointer(places[16]), _pointer(places[17])
            self.r_raw, self.r_seed = _pointer(places[18]), _pointer(places[19])


class _Tables:
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


cdef bint needs_blas(Plan plan, Py_ssize_t n_rows, bint trans_a, bint is_float):
    """Whether any product of so many rows is for BLAS: of the gradient (`trans_a`), or of the sweeps."""
    cdef Piece* piece
    cdef Block* block
    cdef float[1] single
    cdef double[1] real
    cdef Py_ssize_t p, n_in
    for p in range(plan.n_pieces):
        piece = &plan.pieces[p]
        block = &plan.blocks[piece.block]
        if block.kind == SPARSE:
            continue
        n_in = piece.n_rows if trans_a else block.n_in
        if is_float and beyond_reach(trans_a, n_in, block.n_out, n_rows, single):
            return True
        if not is_float and beyond_reach(trans_a, n_in, block.n_out, n_rows, real):
            return True
    return False


def aligned(vector, dtype):
    """Copy of a vector that begins at a cache line: what crosses from one line to the next takes twice the time."""
    n_bytes = vector.size * np.dtype(dtype).itemsize
    memory = np.empty(n_bytes + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    copy = memory[start : start + n_bytes].view(dtype)
    copy[:] = vector
    return copy


def _cut(block, n_in, n_out, offset):
    """Pieces of a dense block: block, first row, rows, biases, first weight, weights, first bias."""
    n_pieces = max(1, min(MAX_PIECES, n_in * n_out // MIN_PIECE, n_in // 8))
    cuts = [8 * (k * n_in // (8 * n_pieces)) for k in range(n_pieces)] + [n_in]   # whole tiles
    return [
        [block, start, stop - start, 0, offset + start * n_out, (stop - start) * n_out, offset + stop * n_out]
        for start, stop in zip(cuts, cuts[1:])
    ]


cdef inline void* _pointer(size_t address) noexcept:
    return <void*> address


cdef void* _address(array, size_t itemsize) except? NULL:
    """First byte of a contiguous array whose items have the size that C expects."""
    if array.itemsize != itemsize or not array.flags.c_contiguous:
        raise SystemError(f"array of {array.dtype} does not match its C struct of {itemsize} bytes")
    return <void*> <size_t> array.ctypes.data
