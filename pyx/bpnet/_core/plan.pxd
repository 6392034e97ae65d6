# SPDX-License-Identifier: BSD-3-Clause
"""The compiled form of a topology: integers only, so float32 and float64 and all threads share it."""

cdef enum BlockKind:
    DENSE    # every cell (i, j) has a weight; row-major in w
    MASKED   # weights for some cells only; `cells` lists them in row-major order

cdef struct Span:
    # Neighbouring units of one layer with the same activation.
    int activation
    int first
    int n_units

cdef struct Block:
    # The connections of one source layer with one target layer.
    BlockKind kind
    int source
    int target
    int n_in
    int n_out
    Py_ssize_t weight_offset   # first weight of the block in w
    Py_ssize_t n_weights
    Py_ssize_t cell_offset     # MASKED: into Plan.cells

cdef struct Layer:
    int n_units
    Py_ssize_t column          # units of the layers before it, without the inputs: times n rows = offset in a buffer
    Py_ssize_t bias_offset     # into w, or -1
    int first_block
    int n_blocks
    int first_span
    int n_spans

cdef struct Output:
    # Neighbouring units of one layer that are outputs of the network.
    int layer
    int first
    int n_units
    int column                 # of the first of them among all outputs

cdef class Plan:
    cdef readonly int n_layers           # the input layer, number 0, included
    cdef readonly int n_inputs
    cdef readonly int n_outputs
    cdef readonly Py_ssize_t n_units     # without the inputs
    cdef readonly Py_ssize_t n_parameters
    cdef readonly Py_ssize_t largest_block
    cdef readonly bint reads_sparse      # every block at the inputs is dense, so CSR rows meet its weights directly
    cdef readonly tuple weight_ranges    # (start, stop) of all weights that are not biases
    cdef Layer* layers
    cdef Block* blocks
    cdef Span* spans
    cdef Output* outputs
    cdef int n_blocks
    cdef int n_output_spans
    cdef int n_weight_ranges
    cdef const int* cells
    cdef const Py_ssize_t* ranges
    cdef object _arrays                  # owns the memory behind the pointers

cdef class Workspace:
    cdef readonly Plan plan
    cdef readonly Py_ssize_t capacity    # rows that fit
    cdef readonly object dtype
    cdef object _memory                  # owns what follows
    # Layer by layer, each an (n, n_units) row-major matrix at column * n.
    cdef void* z
    cdef void* slope
    cdef void* error
    cdef void* delta
    # (n, n_outputs): what the loss reads, what it writes, and room for it.
    cdef void* raw
    cdef void* seed
    cdef void* scratch
    cdef void* target
    cdef void* weight                    # (n,) sample weights
    cdef void* rows                      # (n, n_inputs) gathered inputs
    cdef void* room                      # one masked block as a full matrix
    cdef void* zeros                     # n_units: the biases of layers without
    cdef Py_ssize_t* starts              # CSR input: first and past-the-end entry of each gathered row
    cdef Py_ssize_t* stops
