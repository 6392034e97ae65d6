# SPDX-License-Identifier: BSD-3-Clause
"""One pass over the data in mini-batches, compiled end to end and resumable at any chunk."""

import numpy as np

from bpnet._core.data import check_order, check_problem

from cython cimport floating
from libc.string cimport memset

from bpnet._core.clock cimport now
from bpnet._core.data cimport Chunk, Data, load, total_weight
from bpnet._core.kernels cimport decay
from bpnet._core.losses cimport Loss, evaluate
from bpnet._core.plan cimport Plan, Workspace
from bpnet._core.sweeps cimport OUTPUT, RAW, Reading, backward, forward
from bpnet._core.updates cimport UpdateRule, step

#: Work, in rows times parameters, between two looks at the clock: well under a millisecond, well over the look.
DEF WORK_PER_LOOK = 200_000


cdef class Epoch:
    """Mini-batch training, one epoch at a time.

    A batch is swept in chunks of at most the workspace's rows, so memory does not grow with the batch. Its gradient is
    (sum_n s_n dE_n/dw + alpha w) / sum_n s_n, the penalty on weights but not on biases; then the rule takes its step.
    A batch whose sample weights sum to zero is skipped.

    Parameters
    ----------
    plan : Plan
    loss : Loss
    reads_raw : bool
        Whether the loss is matched with the output activation.
    data : Data
        With targets.
    w : ndarray of shape (n_parameters,)
        Of the type of the data; changed in place.
    rule : UpdateRule
    batch_size : int
    alpha : float, default=0.0
        Strength of the penalty alpha / 2 |w|^2.
    mean : bool, default=True
        False leaves out the division by the batch's weight.
    """

    cdef Plan plan
    cdef Loss loss
    cdef Data data
    cdef UpdateRule rule
    cdef Workspace ws
    cdef Reading reading
    cdef object _w, _g, _order
    cdef void* w
    cdef void* g
    cdef const Py_ssize_t* order
    cdef Py_ssize_t batch_size, n_rows
    cdef double alpha
    cdef bint mean, is_float
    # Where the epoch stands.
    cdef Py_ssize_t position             # rows behind us
    cdef double batch_weight             # of the batch that is under way
    cdef readonly double data_loss       # sums over the batches done; means count as often as their batches have rows
    cdef readonly double penalty

    def __init__(
        self, Plan plan not None, Loss loss not None, bint reads_raw, Data data not None, w,
        UpdateRule rule not None, Py_ssize_t batch_size, double alpha=0.0, bint mean=True,
    ):
        check_problem(plan, data, w, loss)
        if not w.flags.c_contiguous or not w.flags.writeable:
            raise ValueError("expected w to be contiguous and writable")
        if rule.n_parameters != plan.n_parameters or rule.state.dtype != w.dtype:
            raise ValueError("the update rule was made for other parameters than these")
        if batch_size < 1:
            raise ValueError(f"expected batch_size of at least 1, got {batch_size}")
        self.plan, self.loss, self.data, self.rule = plan, loss, data, rule
        self.reading = RAW if reads_raw else OUTPUT
        self.ws = Workspace(plan, w.dtype, min(batch_size, data.n_rows), data.gathers(True))
        self._w, self._g = w, np.zeros_like(w)
        self.w = <void*> <size_t> w.ctypes.data
        self.g = <void*> <size_t> self._g.ctypes.data
        self.batch_size, self.alpha, self.mean = batch_size, alpha, mean
        self.is_float = w.dtype == np.float32

    def begin(self, order=None):
        """Start an epoch over the rows `order` (contiguous intp; None: all rows as they stand).

        The array is not copied. Its values are checked when it first comes; after that it may be permuted.
        """
        if order is not None and order is not self._order:
            check_order(order, self.data.n_rows)
        self._order = order
        self.order = NULL
        if order is not None:
            self.order = <const Py_ssize_t*> <size_t> order.ctypes.data
        self.n_rows = self.data.n_rows if order is None else len(order)
        self.position = 0
        self.data_loss = self.penalty = 0

    def advance(self, double seconds):
        """Work for about so many seconds without the GIL; True when the epoch is done."""
        cdef double until = now() + seconds
        with nogil:
            if self.is_float:
                _advance(self, <float*> self.w, <float*> self.g, until)
            else:
                _advance(self, <double*> self.w, <double*> self.g, until)
        return self.position == self.n_rows


cdef void _advance(Epoch self, floating* w, floating* g, double until) noexcept nogil:
    """Chunk by chunk to the end of the epoch, or until that time."""
    cdef Py_ssize_t batch_start, batch_stop, work = 0
    cdef int n
    cdef Py_ssize_t times
    while self.position < self.n_rows:
        batch_start = self.position - self.position % self.batch_size
        batch_stop = min(batch_start + self.batch_size, self.n_rows)
        if self.position == batch_start:
            self.batch_weight = total_weight(self.data, self.order, batch_start, batch_stop - batch_start, w)
            if self.batch_weight == 0:
                self.position = batch_stop
                continue
            memset(g, 0, self.plan.n_parameters * sizeof(floating))
        n = <int> min(self.ws.capacity, batch_stop - self.position)
        times = batch_stop - batch_start if self.mean else 1
        _add_gradient(self, w, g, n, times)
        self.position += n
        if self.position == batch_stop:
            self.penalty += times * _penalise(self, w, g)
            step(self.rule, g, w)
        work += n * self.plan.n_parameters
        if work > WORK_PER_LOOK:
            work = 0
            if now() > until:
                return


cdef void _add_gradient(Epoch self, const floating* w, floating* g, int n, Py_ssize_t times) noexcept nogil:
    """Add the gradient of the next n rows to g and their loss, so many times, to the epoch's."""
    cdef Chunk chunk = load(self.data, self.ws, self.order, self.position, n, w)
    cdef double scale = 1 / self.batch_weight if self.mean else 1.0
    cdef double value
    forward(self.plan, w, self.ws, &chunk, self.reading, True)
    value = evaluate(
        self.loss.kind, <const floating*> self.ws.raw, <const floating*> chunk.y, <const floating*> chunk.weight, scale,
        <floating*> self.ws.seed, <floating*> self.ws.scratch, NULL, n, self.plan.n_outputs,
    )
    self.data_loss += times * scale * value
    backward(self.plan, w, self.ws, &chunk, self.reading, g)


cdef double _penalise(Epoch self, const floating* w, floating* g) noexcept nogil:
    """Add the gradient of the penalty to g; returns its value."""
    cdef double strength = self.alpha / self.batch_weight if self.mean else self.alpha
    cdef double square = 0
    cdef Py_ssize_t r, start
    if strength == 0:
        return 0
    for r in range(self.plan.n_weight_ranges):
        start = self.plan.ranges[2 * r]
        square += decay(strength, w + start, g + start, self.plan.ranges[2 * r + 1] - start)
    return 0.5 * strength * square
