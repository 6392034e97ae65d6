# SPDX-License-Identifier: BSD-3-Clause
"""A data set, checked once, and the chunks of its rows that the sweeps work on."""
from cython cimport floating
from libc.string cimport memset

from bpnet._core.plan cimport Plan, Workspace

cdef struct Chunk:
    # Some rows of a data set. The pointers are into the data itself or into a workspace; float or double.
    # A sweep works on the rows first .. first + count of them.
    int n
    int first
    int count
    const void* x               # (n, n_inputs), or NULL where the rows are CSR:
    const void* x_columns       # (n_inputs, n): the same once more where a sparse block reads it
    const void* values
    const int* columns
    const Py_ssize_t* starts    # entries of row i: starts[i] .. stops[i]
    const Py_ssize_t* stops
    const void* y               # (n, n_targets)
    int n_targets
    const void* weight          # (n,), or NULL: all ones

cdef class Data:
    cdef readonly Plan plan
    cdef readonly Py_ssize_t n_rows
    cdef readonly int n_targets
    cdef readonly object dtype
    cdef const void* x
    cdef const void* values
    cdef const int* columns
    cdef const Py_ssize_t* indptr
    cdef const void* y
    cdef const int* codes
    cdef const void* weight
    cdef double hit, miss        # targets of a row's own class, and of the others
    cdef object _arrays
    cdef bint gathers(self, bint ordered)

cdef Chunk load(
    Data data, Workspace ws, const Py_ssize_t* order, Py_ssize_t start, int n, int first, int count,
    const floating* tag,
) noexcept nogil
cdef void lay_out_columns(
    const floating* x, floating* columns, Py_ssize_t n, Py_ssize_t d, Py_ssize_t first, Py_ssize_t count
) noexcept nogil
cdef bint is_finite(const floating* x, Py_ssize_t n) noexcept nogil
cdef double total_weight(
    Data data, const Py_ssize_t* order, Py_ssize_t start, Py_ssize_t n, const floating* tag
) noexcept nogil


cdef inline Chunk rows_of_signals(int n) noexcept nogil:
    """A chunk of so many rows of a signal, without data."""
    cdef Chunk rows
    memset(&rows, 0, sizeof(Chunk))
    rows.n = rows.count = n
    return rows
