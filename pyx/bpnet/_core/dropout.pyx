# SPDX-License-Identifier: BSD-3-Clause
"""Dropout: which signals a row loses in an epoch.

A signal stays or goes by a hash of (seed, epoch, row, unit), not by a stream that has to be drawn in order: so the
bits depend neither on threads, nor on the batches, nor on where training was taken up again. What stays is divided by
the probability of staying, so that a weighted sum keeps its expectation and the trained network is used as it is.
"""

import numpy as np

cimport cython

from bpnet._core.data cimport lay_out_columns
from bpnet._core.kernels cimport drop


cdef class Dropout:
    """Shares of signals left out, and where the epochs stand.

    Parameters
    ----------
    plan : Plan
    dtype : numpy.dtype
        float32 or float64, that of the signals.
    shares : ndarray of shape (n_inputs + n_units,)
        Probability of being left out, in [0, 1), of each input, then of each unit. Outputs of the network stay.
    seed : int
        From 0 to 2^64 - 1.
    n_epochs : int, default=0
        Epochs that are over.
    """

    def __init__(self, Plan plan not None, dtype, shares, seed, n_epochs=0):
        cdef int o, l
        cdef const unsigned char[::1] layers
        cdef const uint32_t[::1] below
        self.plan, self.dtype, self.seed, self.n_epochs = plan, np.dtype(dtype), seed, n_epochs
        shares = np.array(shares, np.float64)
        if shares.shape != (plan.n_inputs + plan.n_units,):
            raise ValueError(f"expected {plan.n_inputs + plan.n_units} shares of dropout, got {shares.shape}")
        if not ((shares >= 0) & (shares < 1)).all():
            raise ValueError(
                f"expected shares of dropout of at least 0 and below 1, got {shares.min()} to {shares.max()}"
            )
        for o in range(plan.n_output_spans):
            first = plan.n_inputs + plan.layers[plan.outputs[o].layer].column + plan.outputs[o].first
            shares[first : first + plan.outputs[o].n_units] = 0
        threshold = np.minimum(np.rint(shares * 2.0**32), 2.0**32 - 1).astype(np.uint32)
        factor = (1 / (1 - shares)).astype(self.dtype)
        bounds = [0, plan.n_inputs]
        for l in range(1, plan.n_layers):
            bounds.append(plan.n_inputs + plan.layers[l].column + plan.layers[l].n_units)
        touched = np.array([threshold[a:b].any() for a, b in zip(bounds, bounds[1:])], np.uint8)
        self._arrays = (threshold, factor, touched)
        below, layers = threshold, touched
        self.drops.below, self.drops.layers = &below[0], &layers[0]
        self.drops.scale = <const void*> <size_t> factor.ctypes.data
        self.drops_inputs = touched[0]

    def prepare(self, Workspace ws not None):
        """Attach to a workspace: its forward sweeps leave signals out from now on."""
        cdef uint32_t[:, ::1] keys
        self._keys = np.zeros((2, ws.capacity), np.uint32)
        keys = self._keys
        self.low, self.high = &keys[0, 0], &keys[1, 0]
        self.drops.low, self.drops.high = self.low, self.high
        ws.drops = &self.drops
        ws.copies_inputs = self.drops_inputs

    def begin_epoch(self):
        """Other signals are left out from now on."""
        self.base = _mix(_mix(self.seed, 0), self.n_epochs)
        self.n_epochs += 1

    def factors(self, rows):
        """What the signals of these rows of the data are multiplied by in this epoch: 0, or 1 / (1 - share).

        Returns
        -------
        ndarray of shape (n_rows, n_inputs + n_units)
        """
        rows = np.ascontiguousarray(rows, np.intp)
        cdef Py_ssize_t n = len(rows), m = self.plan.n_inputs + self.plan.n_units
        out, keys = np.ones((n, m), self.dtype), np.zeros((2, n), np.uint32)
        cdef uint32_t[:, ::1] drawn = keys
        cdef const Py_ssize_t[::1] order = rows
        cdef Py_ssize_t i
        cdef void* z = <void*> <size_t> out.ctypes.data
        for i in range(n):
            _draw(self.base, order[i], &drawn[0, i], &drawn[1, i])
        if n == 0:
            return out
        if self.dtype == np.float32:
            drop(
                &drawn[0, 0], &drawn[1, 0], 0, self.drops.below, <const float*> self.drops.scale, <float*> z,
                <float*> NULL, n, m,
            )
        else:
            drop(
                &drawn[0, 0], &drawn[1, 0], 0, self.drops.below, <const double*> self.drops.scale, <double*> z,
                <double*> NULL, n, m,
            )
        return out

    def __reduce__(self):
        raise TypeError("a Dropout is not pickled: keep its seed and number of epochs, and make it again")


cdef void draw_keys(
    Dropout dropout, const Py_ssize_t* order, Py_ssize_t start, const Chunk* chunk
) noexcept nogil:
    """Keys of the rows of the chunk that the sweep works on."""
    cdef Py_ssize_t i
    for i in range(chunk.first, chunk.first + chunk.count):
        _draw(dropout.base, start + i if order == NULL else order[start + i], dropout.low + i, dropout.high + i)


cdef void drop_inputs(Dropout dropout, Workspace ws, const Chunk* chunk, const floating* tag) noexcept nogil:
    """Leave out inputs of these rows, which are copies: the workspace has been told. `tag` names the precision."""
    cdef Py_ssize_t first = chunk.first, d = dropout.plan.n_inputs
    if not dropout.drops_inputs:
        return
    drop(
        dropout.low + first, dropout.high + first, 0, dropout.drops.below, <const floating*> dropout.drops.scale,
        <floating*> ws.rows + first * d, <floating*> NULL, chunk.count, d,
    )
    if chunk.x_columns != NULL:
        lay_out_columns(<const floating*> ws.rows, <floating*> ws.columns, chunk.n, d, first, chunk.count)


cdef void drop_layer(
    Plan plan, int l, const Drops* drops, const Chunk* chunk, floating* z, floating* slope
) noexcept nogil:
    """Leave out signals of layer l, and their slopes with them: no error goes back where no signal went on."""
    cdef Py_ssize_t unit = plan.n_inputs + plan.layers[l].column
    drop(
        drops.low + chunk.first, drops.high + chunk.first, unit, drops.below + unit,
        <const floating*> drops.scale + unit, z, slope, chunk.count, plan.layers[l].n_units,
    )


cdef inline void _draw(uint64_t base, Py_ssize_t row, uint32_t* low, uint32_t* high) noexcept nogil:
    """Key of a row, in two halves."""
    cdef uint64_t key = _mix(base, <uint64_t> row)
    low[0], high[0] = <uint32_t> key, <uint32_t> (key >> 32)


@cython.overflowcheck(False)   # numbers modulo 2^64, in debug builds too
cdef inline uint64_t _mix(uint64_t x, uint64_t y) noexcept nogil:
    """SplitMix64 (Steele, Lea and Flood, 2014) of x + y: neighbours become as good as independent."""
    x += y + <uint64_t> 0x9e3779b97f4a7c15
    x = (x ^ (x >> 30)) * <uint64_t> 0xbf58476d1ce4e5b9
    x = (x ^ (x >> 27)) * <uint64_t> 0x94d049bb133111eb
    return x ^ (x >> 31)
