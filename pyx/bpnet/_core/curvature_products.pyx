# SPDX-License-Identifier: BSD-3-Clause
"""Door to products of the Hessian and of the Gauss-Newton matrix with vectors: the matrix is never formed."""

import numpy as np

from bpnet._core.data import check_problem

from cpython.exc cimport PyErr_CheckSignals
from cython cimport floating

from bpnet._core.clock cimport now
from bpnet._core.data cimport Chunk, Data, load
from bpnet._core.losses cimport Loss
from bpnet._core.own_errors cimport raise_pending
from bpnet._core.plan cimport Plan, Workspace
from bpnet._core.r_sweeps cimport r_backward, r_forward, r_gradient, r_read_loss
from bpnet._core.sweeps cimport OUTPUT, RAW, Reading, backward, forward, read_loss

#: Seconds between two looks for signals.
DEF SLICE = 0.05


def products(
    Plan plan not None, Loss loss not None, bint reads_raw, w, Data data not None, directions, bint gauss_newton=False
):
    """H v, or the Gauss-Newton matrix times v, for each row v of `directions`.

    The plain sweeps of a chunk of rows serve all directions. Each of these costs another two of each product of a
    block, that is about two gradients.

    Parameters
    ----------
    plan : Plan
    loss : Loss
    reads_raw : bool
        Whether the loss is matched with the output activation.
    w : ndarray of shape (n_parameters,), type of the data
    data : Data
        With targets.
    directions : C-contiguous ndarray of shape (n_directions, n_parameters), type of the data
    gauss_newton : bool, default=False
        J' L J instead of H, J the derivative of what the loss reads and L the loss's second derivative to it.

    Returns
    -------
    ndarray of the shape and type of `directions`
    """
    check_problem(plan, data, w, loss)
    if directions.ndim != 2 or directions.shape[1] != plan.n_parameters or directions.dtype != data.dtype:
        expected = f"directions of shape (n_directions, {plan.n_parameters}) and type {data.dtype}"
        raise ValueError(f"expected {expected}, got {directions.shape} and {directions.dtype}")
    out = (np.empty if data.n_rows else np.zeros)(directions.shape, data.dtype)
    ws = Workspace(plan, data.dtype, data.n_rows, data.gathers(False), second_order=True)
    reading = RAW if reads_raw else OUTPUT
    if not out.size:
        return out
    if data.dtype == np.float32:
        _products[float](plan, loss, reading, w, data, ws, directions, not gauss_newton, out)
    else:
        _products[double](plan, loss, reading, w, data, ws, directions, not gauss_newton, out)
    return out


cdef int _products(
    Plan plan, Loss loss, Reading reading, const floating[::1] w, Data data, Workspace ws,
    const floating[:, ::1] directions, bint whole, floating[:, ::1] out,
) except -1:
    cdef Py_ssize_t start = 0, k = 0
    cdef const floating* weights = &w[0] if w.shape[0] else NULL   # a network may have none
    cdef int n = 0
    cdef double until
    cdef Chunk chunk
    while start < data.n_rows:
        PyErr_CheckSignals()
        until = now() + SLICE
        with nogil:
            while start < data.n_rows and now() < until:
                if k == 0:
                    n = <int> min(ws.capacity, data.n_rows - start)
                    chunk = load(data, ws, NULL, start, n, 0, n, weights)
                    forward(plan, weights, ws, &chunk, reading, True)
                    if whole:   # Gauss-Newton needs no error signals
                        read_loss(plan, loss, ws, &chunk, 1.0, weights)
                        backward(plan, weights, ws, &chunk, reading)
                _add_product(
                    plan, loss, reading, weights, &directions[k, 0], ws, &chunk, start == 0, whole, &out[k, 0]
                )
                k += 1
                if k == directions.shape[0]:
                    k = 0
                    start += n
        raise_pending()
    return 0


cdef void _add_product(
    Plan plan, Loss loss, Reading reading, const floating* w, const floating* v, Workspace ws, const Chunk* chunk,
    bint fresh, bint whole, floating* hv,
) noexcept nogil:
    """hv += H v over the rows of the chunk, whose plain sweeps are done; = if `fresh`."""
    cdef int p
    r_forward(plan, w, v, ws, chunk, reading)
    r_read_loss(plan, loss, ws, chunk, reading, w, whole)
    r_backward(plan, w, v if whole else NULL, ws, chunk, reading)
    for p in range(plan.n_pieces):
        r_gradient(plan, ws, chunk, &plan.pieces[p], hv, fresh, whole)
