# SPDX-License-Identifier: BSD-3-Clause
"""Plan and Workspace: what every sweep reads, and where it writes.

A plan is frozen and holds no floating-point number; a workspace holds every scratch buffer of one thread.
"""

import numpy as np

from bpnet._core.products import load_blas
from bpnet._core.scratch import borrow, give_back
from bpnet._core.tables import BLOCK, LAYER, OUTPUT, PIECE, SPAN, Tables

from bpnet._core.own_activations cimport OwnActivations
from bpnet._core.products cimport beyond_reach
from bpnet._core.scratch cimport ALIGNMENT, cut, start_of

#: Rows that a chunk of full-batch work should hold: its buffers then stay in a core's second-level cache ...
DEF CHUNK_BYTES = 256 * 1024
#: ... but a product of fewer rows than this spends its time packing the weights instead of multiplying,
DEF MIN_ROWS = 256
#: where units are heard one by one it is a column of fewer than this that is too short for its overhead,
DEF MIN_COLUMN = 128
#: and more rows than this gain nothing.
DEF MAX_ROWS = 2048


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
        tables = Tables(n_inputs, layers)
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
        self._item = self.dtype.itemsize
        cdef Py_ssize_t n_signals = 7 if second_order else 3
        cdef Py_ssize_t row_bytes = self._item * (n_signals * plan.n_units + plan.n_inputs)
        cdef Py_ssize_t fitting = max(CHUNK_BYTES // row_bytes, MIN_COLUMN if plan.has_sparse else MIN_ROWS)
        cdef bint is_float = self._item == sizeof(float)
        self.capacity = max(1, min(n_rows, fitting, MAX_ROWS))
        cdef Py_ssize_t most = self.capacity * n_sweeps
        if needs_blas(plan, most, False, is_float) or needs_blas(plan, most, True, is_float):
            load_blas()
        cdef Py_ssize_t n_bytes = <Py_ssize_t> self._cut(NULL, gathers, second_order, n_sweeps)
        self._memory = borrow("workspace", n_bytes)
        self._cut(start_of(self._memory), gathers, second_order, n_sweeps)

    def __del__(self):
        if self._memory is not None:
            give_back("workspace", self._memory)

    cdef char* _cut(self, char* at, bint gathers, bint second_order, Py_ssize_t n_sweeps) noexcept:
        """Cut the buffers from `at` on; returns where they end."""
        cdef Plan plan = self.plan
        cdef Py_ssize_t n = self.capacity
        cdef Py_ssize_t signal = self._item * n * plan.n_units, output = self._item * n * plan.n_outputs
        cdef Py_ssize_t inputs = self._item * n * plan.n_inputs
        self.z, self.slope, self.delta = cut(&at, signal), cut(&at, signal), cut(&at, signal)
        self.raw, self.seed = cut(&at, output), cut(&at, output)
        self.scratch, self.target = cut(&at, output), cut(&at, output)
        self.weight, self.rows = cut(&at, self._item * n), cut(&at, inputs * gathers)
        self.columns = cut(&at, inputs * plan.reads_columns)
        self.room = cut(&at, self._item * max(plan.largest_block, n * n_sweeps * plan.n_room_columns))
        self.starts = <Py_ssize_t*> cut(&at, n * sizeof(Py_ssize_t))
        self.stops = <Py_ssize_t*> cut(&at, n * sizeof(Py_ssize_t))
        self.sums = <double*> cut(&at, (n // GROUP + 1) * sizeof(double))
        if second_order:
            self.bend, self.ra = cut(&at, signal), cut(&at, signal)
            self.rz, self.rdelta = cut(&at, signal), cut(&at, signal)
            self.r_raw, self.r_seed = cut(&at, output), cut(&at, output)
        return at


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
    cdef unsigned char[::1] buffer = memory
    start = <size_t> start_of(memory) - <size_t> &buffer[0]
    copy = memory[start : start + n_bytes].view(dtype)
    copy[:] = vector
    return copy


cdef void* _address(array, size_t itemsize) except? NULL:
    """First byte of a contiguous array whose items have the size that C expects."""
    if array.itemsize != itemsize or not array.flags.c_contiguous:
        raise SystemError(f"array of {array.dtype} does not match its C struct of {itemsize} bytes")
    return <void*> <size_t> array.ctypes.data
