# SPDX-License-Identifier: BSD-3-Clause
"""Data: the door through which inputs, targets and weights enter the core.

Everything about shapes, types and memory order is checked here, once; the sweeps behind trust it. Rows that lie side
by side are read where they are, others are gathered chunk by chunk: nothing here copies a data set.
"""

import numpy as np

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.string cimport memcpy, memset

from bpnet._core.kernels cimport gather


cdef class Data:
    """Inputs, targets and sample weights, in the form the sweeps read.

    Parameters
    ----------
    plan : Plan
    X : ndarray of shape (n_rows, n_inputs), float32 or float64, C-contiguous; or tuple
        A tuple (values, columns, indptr) is a CSR matrix: values of the same types, columns int32, indptr intp.
    y : ndarray, optional
        (n_rows, n_targets) of the type of X; or (n_rows,) int32: class numbers, which stand for the 0/1 targets of
        that class: one column where the network has one output, else one per output.
    sample_weight : ndarray of shape (n_rows,), optional
        Of the type of X.
    label_smoothing : float, default=0.0
        Share of the targets of class numbers that is dealt out evenly to all classes.
    """

    def __init__(self, Plan plan not None, X, y=None, sample_weight=None, double label_smoothing=0):
        self.plan = plan
        values = X[0] if isinstance(X, tuple) else X
        self.dtype = values.dtype
        if self.dtype not in (np.float32, np.float64):
            raise TypeError(f"expected X of float32 or float64, got {self.dtype}")
        if isinstance(X, tuple):
            values, columns, indptr = X
            self.n_rows = len(indptr) - 1
            _check("columns", columns, np.int32, (len(values),))
            _check("indptr", indptr, np.intp, (self.n_rows + 1,))
            _check("values", values, self.dtype, (len(values),))
            _check_csr(columns, indptr, len(values), plan.n_inputs)
            self.values = _address(values)
            self.columns = <const int*> _address(columns)
            self.indptr = <const Py_ssize_t*> _address(indptr)
        else:
            self.n_rows = len(X)
            _check("X", X, self.dtype, (self.n_rows, plan.n_inputs))
            self.x = _address(X)
        if y is not None and y.dtype == np.int32:
            self.n_targets = plan.n_outputs
            _check("y", y, np.int32, (self.n_rows,))
            if len(y) and not 0 <= y.min() <= y.max() < max(2, self.n_targets):
                last = max(2, self.n_targets) - 1
                raise ValueError(f"expected class numbers from 0 to {last}, got {y.min()} to {y.max()}")
            self.codes = <const int*> _address(y)
            self.miss = label_smoothing / max(2, self.n_targets)   # one output stands for two classes
            self.hit = 1 - label_smoothing + self.miss
        elif y is not None:
            self.n_targets = y.shape[1]
            _check("y", y, self.dtype, (self.n_rows, self.n_targets))
            if self.n_targets > plan.n_outputs:
                raise ValueError(f"expected at most {plan.n_outputs} target columns, got {self.n_targets}")
            self.y = _address(y)
        if sample_weight is not None:
            _check("sample_weight", sample_weight, self.dtype, (self.n_rows,))
            self.weight = _address(sample_weight)
        self._arrays = (X, y, sample_weight)

    cdef bint gathers(self, bint ordered):
        """Whether `load` copies inputs together: rows in another order than they lie, or CSR rows spread out."""
        return ordered if self.x != NULL else not self.plan.reads_sparse


cdef Chunk load(
    Data data, Workspace ws, const Py_ssize_t* order, Py_ssize_t start, int n, int first, int count,
    const floating* tag,
) noexcept nogil:
    """Chunk of the rows order[start : start + n] (start ... where order is NULL); of it first .. first + count loaded.

    `tag` only names the precision.
    """
    cdef Chunk chunk
    cdef Py_ssize_t i, row, k, d = data.plan.n_inputs, m = data.n_targets
    cdef const floating* x = <const floating*> data.x
    cdef const floating* y = <const floating*> data.y
    cdef const floating* weight = <const floating*> data.weight
    cdef const floating* values = <const floating*> data.values
    cdef floating* rows = <floating*> ws.rows
    cdef floating* target = <floating*> ws.target
    cdef floating* gathered = <floating*> ws.weight
    cdef const Py_ssize_t* wanted = order + start + first
    chunk.n, chunk.first, chunk.count = n, first, count
    chunk.values, chunk.columns, chunk.starts, chunk.stops = data.values, data.columns, ws.starts, ws.stops
    if x != NULL and order == NULL and not ws.copies_inputs:
        chunk.x = x + start * d
    elif x != NULL and order == NULL:
        chunk.x = rows
        memcpy(rows + first * d, x + (start + first) * d, count * d * sizeof(floating))
    elif x != NULL:
        chunk.x = rows
        gather(x, wanted, rows + first * d, count, d)
    elif data.plan.reads_sparse and not ws.copies_inputs:
        chunk.x = NULL
        for i in range(first, first + count):
            row = start + i if order == NULL else order[start + i]
            ws.starts[i], ws.stops[i] = data.indptr[row], data.indptr[row + 1]
    else:
        chunk.x = rows
        memset(rows + first * d, 0, count * d * sizeof(floating))
        for i in range(first, first + count):
            row = start + i if order == NULL else order[start + i]
            for k in range(data.indptr[row], data.indptr[row + 1]):
                rows[i * d + data.columns[k]] += values[k]
    chunk.x_columns = NULL
    if data.plan.reads_columns:
        chunk.x_columns = ws.columns
        lay_out_columns(<const floating*> chunk.x, <floating*> ws.columns, n, d, first, count)

    chunk.y, chunk.n_targets = target, data.n_targets
    if data.codes != NULL:
        for i in range(first * m, (first + count) * m):
            target[i] = <floating> data.miss
        for i in range(first, first + count):
            row = start + i if order == NULL else order[start + i]
            if m == 1:
                target[i] = <floating> (data.hit if data.codes[row] else data.miss)
            else:
                target[i * m + data.codes[row]] = <floating> data.hit
    elif y != NULL and order == NULL:
        chunk.y = y + start * m
    elif y != NULL:
        gather(y, wanted, target + first * m, count, m)

    chunk.weight = weight
    if weight != NULL and order == NULL:
        chunk.weight = weight + start
    elif weight != NULL:
        chunk.weight = gathered
        gather(weight, wanted, gathered + first, count, 1)
    return chunk


cdef void lay_out_columns(
    const floating* x, floating* columns, Py_ssize_t n, Py_ssize_t d, Py_ssize_t first, Py_ssize_t count
) noexcept nogil:
    """Rows first .. first + count of x (n, d) into columns (d, n), eight inputs, a cache line, at a time."""
    cdef Py_ssize_t i, j, left
    for left in range(0, d, 8):
        for i in range(first, first + count):
            for j in range(left, min(left + 8, d)):
                columns[j * n + i] = x[i * d + j]


cdef bint is_finite(const floating* x, Py_ssize_t n) noexcept nogil:
    """Whether none of n numbers is NaN or infinite: x - x is NaN for those and 0 for all others, large or tiny."""
    cdef floating lanes[16]     # as many sums side by side: vectors
    cdef floating total = 0
    cdef Py_ssize_t i, k, whole = n - n % 16
    for k in range(16):
        lanes[k] = 0
    for i in range(0, whole, 16):
        for k in range(16):
            lanes[k] += x[i + k] - x[i + k]
    for k in range(16):
        total += lanes[k]
    for i in range(whole, n):
        total += x[i] - x[i]
    return total == 0


def all_finite(array):
    """Whether a contiguous array of float32 or float64 holds neither NaN nor infinities."""
    cdef const void* values = _address(array)
    cdef Py_ssize_t n = array.size
    cdef bint finite, is_float = array.dtype == np.float32
    if not is_float and array.dtype != np.float64:
        raise TypeError(f"expected an array of float32 or float64, got {array.dtype}")
    with nogil:
        finite = is_finite(<const float*> values, n) if is_float else is_finite(<const double*> values, n)
    return finite


cdef double total_weight(
    Data data, const Py_ssize_t* order, Py_ssize_t start, Py_ssize_t n, const floating* tag
) noexcept nogil:
    """Sum of the sample weights of these rows; their number where there are none."""
    cdef const floating* weight = <const floating*> data.weight
    cdef double total = 0
    cdef Py_ssize_t i
    if weight == NULL:
        return n
    for i in range(start, start + n):
        total += weight[i if order == NULL else order[i]]
    return total


def check_problem(Plan plan, Data data, w, loss=None):
    """Raise ValueError unless data, parameters and, where given, the loss fit the plan and each other."""
    if data.plan is not plan:
        raise ValueError("the data were prepared for another plan")
    if w.shape != (plan.n_parameters,) or w.dtype != data.dtype:
        raise ValueError(f"expected a vector of {plan.n_parameters} {data.dtype}, got {w.shape} of {w.dtype}")
    if loss is not None and (data.n_targets == 0 or loss.n_raw(data.n_targets) != plan.n_outputs):
        raise ValueError(f"expected targets for {plan.n_outputs} outputs, got {data.n_targets} columns")


def check_order(order, n_rows):
    """Raise ValueError unless `order` is a contiguous vector of intp with row numbers below n_rows."""
    if order.dtype != np.intp or order.ndim != 1 or not order.flags.c_contiguous:
        raise ValueError(f"expected order as a contiguous vector of intp, got {order.dtype} of shape {order.shape}")
    if len(order) and not 0 <= order.min() <= order.max() < n_rows:
        raise ValueError(f"expected row numbers from 0 to {n_rows - 1}, got {order.min()} to {order.max()}")


def _check(name, array, dtype, shape):
    """Raise unless array is contiguous and of this type and shape."""
    if array.dtype != dtype or array.shape != shape:
        expected = f"{name} of shape {shape} and type {np.dtype(dtype)}"
        raise ValueError(f"expected {expected}, got {array.shape} and {array.dtype}")
    if not array.flags.c_contiguous or not array.dtype.isnative:
        raise ValueError(f"expected {name} to be C-contiguous and in native byte order")


def _check_csr(columns, indptr, n_entries, n_inputs):
    """Raise unless every entry of a CSR matrix lies inside it."""
    n_rows = len(indptr) - 1
    if indptr[0] != 0 or indptr[n_rows] != n_entries or (indptr[1:] < indptr[:n_rows]).any():
        raise ValueError(f"expected indptr to rise from 0 to {n_entries}, got {indptr[0]} to {indptr[n_rows]}")
    if n_entries and not 0 <= columns.min() <= columns.max() < n_inputs:
        raise ValueError(f"expected columns from 0 to {n_inputs - 1}, got {columns.min()} to {columns.max()}")


cdef const void* _address(array) except? NULL:
    """First byte of a contiguous array; whoever keeps the address keeps the array. `array.ctypes` takes 5 us."""
    cdef Py_buffer view
    PyObject_GetBuffer(array, &view, PyBUF_SIMPLE)
    PyBuffer_Release(&view)
    return view.buf
