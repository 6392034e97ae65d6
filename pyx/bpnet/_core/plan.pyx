# SPDX-License-Identifier: BSD-3-Clause
"""Plan and Workspace: what every sweep reads, and where it writes.

A plan is frozen and holds no floating-point number; a workspace holds every scratch buffer of one thread.
"""

from itertools import accumulate, groupby

import numpy as np

from bpnet._core.activations import CODES

SPAN = np.dtype([("activation", "i4"), ("first", "i4"), ("n_units", "i4")], align=True)
BLOCK = np.dtype(
    [
        ("kind", "i4"), ("source", "i4"), ("target", "i4"), ("n_in", "i4"), ("n_out", "i4"),
        ("weight_offset", np.intp), ("n_weights", np.intp), ("cell_offset", np.intp), ("opens", "i4"),
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
        ("start", np.intp), ("n_weights", np.intp),
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
#: and more rows than this gain nothing.
MAX_ROWS = 2048


cdef class Plan:
    """A topology as flat arrays of layers, blocks and spans.

    Parameters
    ----------
    n_inputs : int
    layers : sequence of dict
        One per layer after the inputs, in topological order: ``activations`` (a name per unit), ``sources`` (a list
        of layer numbers, 0 the inputs), ``masks`` (for each source None or a boolean array (n_source, n_units)) and
        ``bias`` (bool). Trusted: `bpnet.Topology` has checked it.
    outputs : sequence of int
        Numbers of the layers whose units are the outputs, in order.
    """

    def __init__(self, n_inputs, layers, outputs):
        sizes = [n_inputs] + [len(layer["activations"]) for layer in layers]
        layer_rows, block_rows, span_rows, output_rows = [(n_inputs, -1, -1, 0, 0, 0, 0)], [], [], []
        cells, ranges, pieces = [], [], []
        offset = column = n_cells = n_outputs = 0
        self.largest_block = 1
        self.reads_sparse = True
        for number, layer in enumerate(layers, start=1):
            n_out = sizes[number]
            first_block, first_span, first_weight = len(block_rows), len(span_rows), offset
            for source, mask in zip(layer["sources"], layer["masks"]):
                n_in = sizes[source]
                if mask is None:
                    n_weights = n_in * n_out
                    block_rows.append((DENSE, source, number, n_in, n_out, offset, n_weights, -1))
                    pieces += _cut(len(block_rows) - 1, n_in, n_out, offset)
                else:
                    present = np.flatnonzero(mask).astype(np.int32)
                    n_weights = len(present)
                    block_rows.append((MASKED, source, number, n_in, n_out, offset, n_weights, n_cells))
                    pieces.append([len(block_rows) - 1, 0, n_in, 0, offset, n_weights])
                    cells.append(present)
                    n_cells += n_weights
                    self.largest_block = max(self.largest_block, n_in * n_out)
                    self.reads_sparse &= source != 0
                offset += n_weights
            ranges.append((first_weight, offset))
            pieces[len(pieces) - 1][3] = n_out if layer["bias"] else 0
            first = 0
            for name, run in groupby(layer["activations"]):
                n_units = len(list(run))
                span_rows.append((CODES[name], first, n_units))
                first += n_units
            layer_rows.append((
                n_out, column, offset if layer["bias"] else -1,
                first_block, len(block_rows) - first_block, first_span, len(span_rows) - first_span,
            ))
            column += n_out
            offset += n_out if layer["bias"] else 0
        for number in outputs:
            output_rows.append((number, 0, sizes[number], n_outputs))
            n_outputs += sizes[number]

        is_read = {row[1] for row in block_rows}
        layer_rows = [(*row, number in is_read) for number, row in enumerate(layer_rows)]
        opening = {row[1]: number for number, row in enumerate(block_rows)}   # the last to read it, backwards the first
        block_rows = [(*row, opening[row[1]] == number) for number, row in enumerate(block_rows)]

        self.n_layers = len(layer_rows)
        self.n_output_spans = len(output_rows)
        self.n_pieces = len(pieces)
        self.n_inputs, self.n_outputs, self.n_units, self.n_parameters = n_inputs, n_outputs, column, offset
        self.weight_ranges = tuple(ranges)
        self.is_dense = not cells
        self.ends_plainly = tuple(outputs) == (self.n_layers - 1,)
        arrays = (
            np.array(layer_rows, LAYER),
            np.array(block_rows, BLOCK),
            np.array(span_rows, SPAN),
            np.array(output_rows, OUTPUT),
            np.array([tuple(piece) for piece in pieces], PIECE),
            np.concatenate(cells) if cells else np.zeros(1, np.int32),
        )
        self._arrays = arrays
        self.layers = <Layer*> _address(arrays[0], sizeof(Layer))
        self.blocks = <Block*> _address(arrays[1], sizeof(Block))
        self.spans = <Span*> _address(arrays[2], sizeof(Span))
        self.outputs = <Output*> _address(arrays[3], sizeof(Output))
        self.pieces = <Piece*> _address(arrays[4], sizeof(Piece))
        self.cells = <const int*> _address(arrays[5], sizeof(int))

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
    """

    def __init__(
        self, Plan plan not None, dtype, Py_ssize_t n_rows, bint gathers=True, bint second_order=False
    ):
        self.plan = plan
        self.dtype = np.dtype(dtype)
        item = self.dtype.itemsize
        n_signals = 7 if second_order else 3
        row_bytes = item * (n_signals * plan.n_units + plan.n_inputs)
        fitting = min(max(CHUNK_BYTES // row_bytes, MIN_ROWS), MAX_ROWS)
        self.capacity = max(1, min(n_rows, fitting))
        # One allocation, cut into the buffers.
        n = int(self.capacity)
        sizes = [item * n * plan.n_units] * 3 + [item * n * plan.n_outputs] * 4
        sizes += [item * n, item * n * plan.n_inputs * gathers, item * plan.largest_block]
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
        self.weight, self.rows, self.room = _pointer(places[7]), _pointer(places[8]), _pointer(places[9])
        self.starts, self.stops = <Py_ssize_t*> _pointer(places[10]), <Py_ssize_t*> _pointer(places[11])
        self.sums = <double*> _pointer(places[12])
        if second_order:
            self.bend, self.ra = _pointer(places[13]), _pointer(places[14])
            self.rz, self.rdelta = _pointer(places[15]), _pointer(places[16])
            self.r_raw, self.r_seed = _pointer(places[17]), _pointer(places[18])


def _cut(block, n_in, n_out, offset):
    """Pieces of a dense block: block, first row, rows, biases, first weight, weights."""
    n_pieces = max(1, min(MAX_PIECES, n_in * n_out // MIN_PIECE, n_in // 8))
    cuts = [8 * (k * n_in // (8 * n_pieces)) for k in range(n_pieces)] + [n_in]   # whole tiles
    return [
        [block, start, stop - start, 0, offset + start * n_out, (stop - start) * n_out]
        for start, stop in zip(cuts, cuts[1:])
    ]


cdef inline void* _pointer(size_t address) noexcept:
    return <void*> address


cdef void* _address(array, size_t itemsize) except? NULL:
    """First byte of a contiguous array whose items have the size that C expects."""
    if array.itemsize != itemsize or not array.flags.c_contiguous:
        raise SystemError(f"array of {array.dtype} does not match its C struct of {itemsize} bytes")
    return <void*> <size_t> array.ctypes.data
