# SPDX-License-Identifier: BSD-3-Clause
"""Who hears whom, connection by connection and unit by unit: what the second-order rooms read. Integers only."""

cdef struct Link:
    # All connections of one layer with a later one, ordered by source unit.
    int source
    int target
    int n_in
    int n_out
    Py_ssize_t n_weights
    Py_ssize_t first       # of its connections, into Wiring.rows, .columns and .places
    Py_ssize_t first_row   # into Wiring.row_starts: the connections of source unit i are row_starts[i] .. [i + 1]
    Py_ssize_t offset      # of the weights in w where they are a full row-major matrix, else -1
    Py_ssize_t matrix      # else of the full matrix in the room for such

cdef struct Group:
    # A layer, the inputs being number 0; behind the last layer one reader for each run of outputs: what the loss reads
    # of them, as if it were one more layer.
    int n_units
    int first_lead
    int n_leads            # links that lead on from here
    bint is_complete       # its units hear the same units, all of them
    bint is_stored         # the pairs of its own units are needed by an earlier layer
    bint is_softmax
    Py_ssize_t column      # units before it
    Py_ssize_t ahead       # pairs (unit of it, unit of a later group) of the groups before it
    Py_ssize_t own         # pairs of units of one group, of those before it that are stored

cdef class Wiring:
    cdef readonly object order          # place in w of each parameter in the wiring's own order; None: the same
    cdef readonly int n_layers
    cdef readonly int n_groups          # layers and readers
    cdef readonly int n_inputs
    cdef readonly int n_outputs
    cdef readonly int n_links
    cdef readonly Py_ssize_t n_units          # without inputs and readers
    cdef readonly Py_ssize_t n_parameters
    cdef readonly Py_ssize_t n_ahead          # pairs of units of different groups
    cdef readonly Py_ssize_t n_own            # pairs of one group that are stored
    cdef readonly Py_ssize_t n_cells          # of the full matrices that are no part of w
    cdef readonly Py_ssize_t widest           # units of the widest group
    cdef readonly Py_ssize_t most_heard       # units that one unit hears, its bias included
    cdef Group* groups
    cdef Link* links
    cdef const int* leads
    cdef const int* rows
    cdef const int* columns
    cdef const Py_ssize_t* places
    cdef const Py_ssize_t* row_starts
    cdef const Py_ssize_t* first_heard        # unit u hears the signals heard[first_heard[u] .. [u + 1]] ...
    cdef const int* heard                     # input i is signal i, unit u is n_inputs + u, the last one is always 1
    cdef const Py_ssize_t* heard_places       # ... through the parameters heard_places
    cdef const unsigned char* linked          # (n_groups, n_groups), k >= l: whether M_lk can be other than zero
    cdef const unsigned char* for_diagonal    # the same for the blocks that the diagonal of M is made of
    cdef const unsigned char* reaches         # (n_layers, n_layers): whether layer l leads to layer k
    cdef const Py_ssize_t* biases             # of each layer the place of its first bias, or -1
    cdef const Py_ssize_t* starts             # and that of its first parameter; past the end at last
    cdef object _arrays
