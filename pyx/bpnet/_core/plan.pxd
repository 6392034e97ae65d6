# SPDX-License-Identifier: BSD-3-Clause
"""The compiled form of a topology: integers only, so float32 and float64 and all threads share it."""

from libc.stdint cimport uint32_t

from bpnet._core.own_activations cimport OwnFunctions
from bpnet._core.tables cimport DENSE, MASKED, SPARSE, BlockKind

cdef enum:
    # Rows whose losses are summed together; rows that threads share are cut at its multiples, so that sums do not
    # depend on how many threads there are.
    GROUP = 16

cdef struct Span:
    # Neighbouring units of one layer with the same activation.
    int activation
    int first
    int n_units

cdef struct Block:
    # The connections of one source layer with one target layer; a sparse block hears either the inputs or all units
    # before its target, whose signals begin with those of layer 1: that is its source then.
    BlockKind kind
    int source
    int target
    int n_in
    int n_out
    Py_ssize_t weight_offset   # first weight of the block in w
    Py_ssize_t n_weights
    Py_ssize_t cell_offset     # MASKED: into Plan.cells; SPARSE: there, for each weight, the column it reads
    bint opens                 # backwards it is the first to bring an error signal to its source; never of SPARSE
    Py_ssize_t opens_offset    # SPARSE: into Plan.cells, the layers to which it is the first to bring one
    int n_opens
    Py_ssize_t start_offset    # SPARSE: into Plan.cells, the first weight of each target unit, and their number
    Py_ssize_t source_offset   # SPARSE: into Plan.cells, (layer, unit of it) for each column to be laid out,
    int n_sources              # or none where all units heard are layers of their own, or inputs

cdef struct Layer:
    int n_units
    Py_ssize_t column          # units of the layers before it, without the inputs: times n rows = offset in a buffer
    Py_ssize_t bias_offset     # into w, or -1
    int first_block
    int n_blocks
    int first_span
    int n_spans
    bint is_read               # a block leads on from here

cdef struct Piece:
    # Some rows of a block's weights, and the biases of its layer where it holds the last of them: what one thread
    # accumulates and updates at a time.
    int block
    int first_row
    int n_rows
    int n_biases
    Py_ssize_t start           # into w
    Py_ssize_t n_weights
    Py_ssize_t bias_start      # into w

cdef struct Output:
    # Neighbouring units of one layer that are outputs of the network.
    int layer
    int first
    int n_units
    int column                 # of the first of them among all outputs

cdef struct Drops:
    # What dropout leaves out. `below` and `scale` (float or double) hold a value for each input, then for each unit.
    const uint32_t* low          # of the key of each row of the chunk
    const uint32_t* high
    const uint32_t* below        # left out with probability below / 2^32
    const void* scale
    const unsigned char* layers  # whether a layer has units that may be left out; 0 is the inputs

cdef class Plan:
    cdef readonly int n_layers           # the input layer, number 0, included
    cdef readonly int n_inputs
    cdef readonly int n_outputs
    cdef readonly Py_ssize_t n_units     # without the inputs
    cdef readonly Py_ssize_t n_parameters
    cdef readonly Py_ssize_t largest_block     # cells of the largest masked block
    cdef readonly Py_ssize_t largest_matrix    # and of any block, were a sparse one a full matrix too
    cdef readonly Py_ssize_t n_room_columns    # of signals that a sparse block lays out
    cdef readonly bint is_dense          # every block is
    cdef readonly bint has_sparse        # some block is
    cdef readonly bint reads_columns     # a sparse block hears the inputs
    cdef readonly bint reads_sparse      # every block at the inputs is dense, so CSR rows meet its weights directly
    cdef readonly bint calls_python      # a user's activation needs the GIL
    cdef readonly tuple weight_ranges    # of each layer of the topology: (start, stop) of its weights; then its biases
    cdef Layer* layers
    cdef Block* blocks
    cdef Span* spans
    cdef Output* outputs
    cdef Piece* pieces
    cdef int n_output_spans
    cdef int n_pieces
    cdef const OwnFunctions* own         # of the users' activations, in the order of their codes
    cdef bint ends_plainly               # the last layer is the outputs: the loss reads and writes its signals in place
    cdef const int* cells
    cdef object _arrays                  # owns the memory behind the pointers
    cdef object _own

cdef class Workspace:
    cdef readonly Plan plan
    cdef readonly Py_ssize_t capacity    # rows that fit
    cdef readonly object dtype
    cdef Py_ssize_t _item                # bytes of a number
    cdef object _memory                  # owns what follows
    # Layer by layer, each an (n, n_units) row-major matrix at column * n.
    cdef void* z
    cdef void* slope
    cdef void* delta                     # error signals: first sum_k w_kj delta_k, then times h'(a_j)
    # (n, n_outputs): what the loss reads and writes unless that is the last layer, and room for it.
    cdef void* raw
    cdef void* seed
    cdef void* scratch
    cdef void* target
    cdef void* weight                    # (n,) sample weights
    cdef void* rows                      # (n, n_inputs) gathered inputs
    cdef double* sums                    # losses of each group of rows
    cdef void* columns                   # (n_inputs, n): the inputs once more, for sparse blocks
    cdef void* room                      # one masked block as a full matrix, or the signals that a sparse one reads
    cdef Py_ssize_t* starts              # CSR input: first and past-the-end entry of each gathered row
    cdef Py_ssize_t* stops
    cdef Drops* drops                    # NULL where there is no dropout
    cdef bint copies_inputs              # dense copies of the inputs whatever the data are: they will be changed
    # NULL unless asked for: what second derivatives need beside that, laid out as z is.
    cdef void* bend                      # h''(a), after the backward sweep times dE/dz
    cdef void* ra                        # derivatives of a, z and delta along a direction in w
    cdef void* rz
    cdef void* rdelta
    cdef void* r_raw                     # as raw and seed
    cdef void* r_seed
    cdef char* _cut(self, char* at, bint gathers, bint second_order, Py_ssize_t n_sweeps) noexcept

cdef bint needs_blas(Plan plan, Py_ssize_t n_rows, bint trans_a, bint is_float)
