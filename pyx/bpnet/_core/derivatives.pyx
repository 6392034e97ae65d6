# SPDX-License-Identifier: BSD-3-Clause
"""Full-batch doors: outputs, value, gradient and the signals of all units, in chunks of rows.

Memory is that of one workspace whatever the number of rows, and the order of summation is fixed by plan and data
alone. Each door releases the GIL and looks for Ctrl-C some twenty times a second.
"""

import numpy as np

from bpnet._core.data import check_order, check_problem

from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating
from libc.string cimport memcpy

from bpnet._core.clock cimport now
from bpnet._core.data cimport Chunk, Data, is_finite, load
from bpnet._core.kernels cimport BPNET_SOFTMAX
from bpnet._core.losses cimport Loss
from bpnet._core.own_errors cimport raise_pending
from bpnet._core.plan cimport Plan, Workspace
from bpnet._core.sweeps cimport OUTPUT, RAW, Reading, backward, forward, gradient, outputs_of, read_loss, summed_loss

#: Seconds between two looks for signals.
DEF SLICE = 0.05


def outputs(Plan plan not None, w, Data data not None, bint raw=False, order=None, bint check_finite=False):
    """Outputs z of the network, or their a.

    Parameters
    ----------
    plan : Plan
    w : ndarray of shape (n_parameters,), type of the data
    data : Data
    raw : bool, default=False
        a instead of z.
    order : contiguous ndarray of intp, optional
        Rows to take; all by default.
    check_finite : bool, default=False
        Whether to look at dense inputs too: chunk by chunk, in cache, where a pass of its own would read them from
        memory once more.

    Returns
    -------
    ndarray of shape (n_rows, n_outputs), type of the data

    Raises
    ------
    ValueError
        For NaN and infinities, if they are looked for.
    """
    cdef Reading reading = RAW if raw else OUTPUT
    check_problem(plan, data, w)
    if order is not None:
        check_order(order, data.n_rows)
    n = data.n_rows if order is None else len(order)
    out = np.empty((n, plan.n_outputs), data.dtype)
    ws = Workspace(plan, data.dtype, n, data.gathers(order is not None))
    if data.dtype == np.float32:
        finite = _outputs[float](plan, w, data, ws, reading, order, check_finite, out)
    else:
        finite = _outputs[double](plan, w, data, ws, reading, order, check_finite, out)
    if not finite:
        raise_pending()
        raise ValueError(f"expected finite numbers in X, got NaN, infinity or one too large for {data.dtype}")
    return out


def value_and_gradient(Plan plan not None, Loss loss not None, bint reads_raw, w, Data data not None, g=None):
    """E = sum_n s_n E_n, and its gradient added to g where that is given.

    Parameters
    ----------
    plan : Plan
    loss : Loss
    reads_raw : bool
        Whether the loss is matched with the output activation.
    w, g : ndarray of shape (n_parameters,), type of the data
        Only g is changed.
    data : Data
        With targets.

    Returns
    -------
    float
    """
    check_problem(plan, data, w, loss)
    if g is not None:
        check_problem(plan, data, g)
    ws = Workspace(plan, data.dtype, data.n_rows, data.gathers(False))
    reading = RAW if reads_raw else OUTPUT
    if data.dtype == np.float32:
        return _value_and_gradient[float](plan, loss, reading, w, data, ws, g)
    return _value_and_gradient[double](plan, loss, reading, w, data, ws, g)


def deltas(Plan plan not None, Loss loss not None, bint reads_raw, w, Data data not None):
    """Error signals delta_j = s_n dE_n/da_j: shape (n_rows, n_units), layer after layer, type of the data."""
    check_problem(plan, data, w, loss)
    out = np.empty((data.n_rows, plan.n_units), data.dtype)
    ws = Workspace(plan, data.dtype, data.n_rows, data.gathers(False))
    reading = RAW if reads_raw else OUTPUT
    if data.dtype == np.float32:
        _deltas[float](plan, loss, reading, w, data, ws, out)
    else:
        _deltas[double](plan, loss, reading, w, data, ws, out)
    return out


def signals(Plan plan not None, w, Data data not None):
    """Outputs z_j and slopes h'(a_j) of all units: two arrays (n_rows, n_units), layer after layer, type of the data.

    Softmax units have no slope of their own: theirs is NaN.
    """
    check_problem(plan, data, w)
    z = np.empty((data.n_rows, plan.n_units), data.dtype)
    slope = np.full_like(z, np.nan)
    ws = Workspace(plan, data.dtype, data.n_rows, data.gathers(False))
    if data.dtype == np.float32:
        _signals[float](plan, w, data, ws, z, slope)
    else:
        _signals[double](plan, w, data, ws, z, slope)
    return z, slope


cdef bint _outputs(
    Plan plan, const floating[::1] w, Data data, Workspace ws, Reading reading, const Py_ssize_t[::1] order,
    bint check_finite, floating[:, ::1] out,
) except -1:
    """False, and `out` incomplete, where an input is not finite."""
    cdef Py_ssize_t start = 0, n_rows = out.shape[0], n_inputs = plan.n_inputs
    cdef const Py_ssize_t* rows = &order[0] if order is not None and n_rows else NULL
    cdef const floating* weights = &w[0] if w.shape[0] else NULL   # a network may have none
    cdef int n
    cdef double until
    cdef Chunk chunk
    while start < n_rows:
        PyErr_CheckSignals()
        until = now() + SLICE
        with nogil:
            while start < n_rows and now() < until:
                n = <int> min(ws.capacity, n_rows - start)
                chunk = load(data, ws, rows, start, n, 0, n, weights)
                if check_finite and chunk.x != NULL and not is_finite(<const floating*> chunk.x, n * n_inputs):
                    return False
                forward(plan, weights, ws, &chunk, reading, False)
                memcpy(&out[start, 0], outputs_of(plan, ws, &chunk, weights), n * out.shape[1] * sizeof(floating))
                start += n
        raise_pending()
    return True


cdef double _value_and_gradient(
    Plan plan, Loss loss, Reading reading, const floating[::1] w, Data data, Workspace ws, floating[::1] g
) except? -1:
    cdef Py_ssize_t start = 0
    cdef const floating* weights = &w[0] if w.shape[0] else NULL   # a network may have none
    cdef floating* sums = &g[0] if g is not None and g.shape[0] else NULL
    cdef int n, p
    cdef double until, total = 0
    cdef Chunk chunk
    while start < data.n_rows:
        PyErr_CheckSignals()
        until = now() + SLICE
        with nogil:
            while start < data.n_rows and now() < until:
                n = <int> min(ws.capacity, data.n_rows - start)
                chunk = load(data, ws, NULL, start, n, 0, n, weights)
                forward(plan, weights, ws, &chunk, reading, sums != NULL)
                read_loss(plan, loss, ws, &chunk, 1.0, weights)
                total += summed_loss(ws, &chunk)
                if sums != NULL:
                    backward(plan, weights, ws, &chunk, reading)
                    for p in range(plan.n_pieces):
                        gradient(plan, ws, &chunk, &plan.pieces[p], sums, False)
                start += n
        raise_pending()
    return total


cdef int _deltas(
    Plan plan, Loss loss, Reading reading, const floating[::1] w, Data data, Workspace ws, floating[:, ::1] out
) except -1:
    cdef Py_ssize_t start = 0
    cdef const floating* weights = &w[0] if w.shape[0] else NULL   # a network may have none
    cdef const floating* delta = <const floating*> ws.delta
    cdef int n, l
    cdef Chunk chunk
    while start < data.n_rows:
        PyErr_CheckSignals()
        with nogil:
            n = <int> min(ws.capacity, data.n_rows - start)
            chunk = load(data, ws, NULL, start, n, 0, n, weights)
            forward(plan, weights, ws, &chunk, reading, True)
            read_loss(plan, loss, ws, &chunk, 1.0, weights)
            backward(plan, weights, ws, &chunk, reading)
            for l in range(1, plan.n_layers):
                _unload(plan, l, delta, &out[start, 0], n)
            start += n
        raise_pending()
    return 0


cdef int _signals(
    Plan plan, const floating[::1] w, Data data, Workspace ws, floating[:, ::1] z, floating[:, ::1] slope
) except -1:
    cdef Py_ssize_t start = 0
    cdef const floating* weights = &w[0] if w.shape[0] else NULL   # a network may have none
    cdef int n, l
    cdef Chunk chunk
    while start < data.n_rows:
        PyErr_CheckSignals()
        with nogil:
            n = <int> min(ws.capacity, data.n_rows - start)
            chunk = load(data, ws, NULL, start, n, 0, n, weights)
            # OUTPUT: with RAW the outputs' z are not computed.
            forward(plan, weights, ws, &chunk, OUTPUT, True)
            for l in range(1, plan.n_layers):
                _unload(plan, l, <const floating*> ws.z, &z[start, 0], n)
                if plan.spans[plan.layers[l].first_span].activation != BPNET_SOFTMAX:
                    _unload(plan, l, <const floating*> ws.slope, &slope[start, 0], n)
            start += n
        raise_pending()
    return 0


cdef void _unload(Plan plan, int l, const floating* signal, floating* out, int n) noexcept nogil:
    """Copy a layer's signals from the workspace into their columns of n rows of all units."""
    cdef Py_ssize_t i, m = plan.layers[l].n_units, column = plan.layers[l].column
    for i in range(n):
        memcpy(out + i * plan.n_units + column, signal + column * n + i * m, m * sizeof(floating))
