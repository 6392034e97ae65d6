# SPDX-License-Identifier: BSD-3-Clause
"""One pass over the data in mini-batches, compiled end to end and resumable at any chunk: its door.

What the threads do stands in `turns.pyx`. Where pieces of w are cut depends on the plan alone, where rows may be cut
changes no sum, and no number depends on who computed it: the bits are the same for any number of threads.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from bpnet._core.data import check_order, check_problem
from bpnet._core.plan import aligned

from libc.stdint cimport uint64_t

from bpnet._core.clock cimport now
from bpnet._core.data cimport Data
from bpnet._core.dropout cimport Dropout
from bpnet._core.losses cimport Loss
from bpnet._core.online cimport Chain
from bpnet._core.own_errors cimport raise_pending
from bpnet._core.plan cimport GROUP, Plan, Workspace, needs_blas
from bpnet._core.products cimport BLAS_ROWS
from bpnet._core.regularisation cimport Regularisation
from bpnet._core.subnormals cimport bpnet_flush_subnormals, bpnet_restore_subnormals
from bpnet._core.sweeps cimport OUTPUT, RAW
from bpnet._core.team cimport (
    BPNET_MAX_THREADS, bpnet_team_dismiss, bpnet_team_free, bpnet_team_init, bpnet_team_recall,
)
from bpnet._core.turns cimport Turns, take_turns
from bpnet._core.updates cimport UpdateRule

#: Work of a chunk that makes one more thread pay: some 30 microseconds of it, against two meetings of one to five.
DEF WORK_PER_THREAD = 400_000


cdef class Epoch(Turns):
    """Mini-batch training, one epoch at a time.

    A batch is swept in chunks of at most the workspace's rows, so memory does not grow with the batch. Its gradient is
    (sum_n s_n dE_n/dw + alpha w) / sum_n s_n, the penalty on weights but not on biases; then the rule takes its step.
    A batch whose sample weights sum to zero is skipped. Subnormal numbers are zeros meanwhile.

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
    n_threads : int, default=1
        The most threads to use: fewer where a chunk has no work for them, one unless blocks and inputs are dense.
    dropout : Dropout, optional
    regularisation : Regularisation, optional
        Made for this plan and for w as it stands.
    """

    cdef object _w, _g, _order, _penalties, _helpers, _rates
    cdef void* w
    cdef void* g
    cdef bint is_float

    def __init__(
        self, Plan plan not None, Loss loss not None, bint reads_raw, Data data not None, w,
        UpdateRule rule not None, Py_ssize_t batch_size, double alpha=0.0, bint mean=True, Py_ssize_t n_threads=1,
        Dropout dropout=None, Regularisation regularisation=None,
    ):
        check_problem(plan, data, w, loss)
        if not w.flags.c_contiguous or not w.flags.writeable:
            raise ValueError("expected w to be contiguous and writable")
        if rule.n_parameters != plan.n_parameters or rule.state.dtype != w.dtype:
            raise ValueError("the update rule was made for other parameters than these")
        if batch_size < 1:
            raise ValueError(f"expected batch_size of at least 1, got {batch_size}")
        if n_threads < 1:
            raise ValueError(f"expected n_threads of at least 1, got {n_threads}")
        if self.team.size:
            raise TypeError("an Epoch is made once")
        for option in (dropout, regularisation):
            if option is not None and (option.plan is not plan or option.dtype != w.dtype):
                raise ValueError("dropout or regularisation were made for another plan or type")
        self.plan, self.loss, self.data, self.rule = plan, loss, data, rule
        self.dropout, self.regularisation = dropout, regularisation
        self.reading = RAW if reads_raw else OUTPUT
        copies = dropout is not None and dropout.drops_inputs
        self.ws = Workspace(plan, w.dtype, min(batch_size, data.n_rows), copies or data.gathers(True))
        if dropout is not None:
            dropout.prepare(self.ws)
        self._w, self._g, self._penalties = w, aligned(np.zeros_like(w), w.dtype), np.zeros(plan.n_pieces)
        self.w = <void*> <size_t> w.ctypes.data
        self.g = <void*> <size_t> self._g.ctypes.data
        self.penalties = <double*> <size_t> self._penalties.ctypes.data
        self.batch_size, self.alpha, self.mean = batch_size, alpha, mean
        self.is_float = w.dtype == np.float32
        self.rows_together = BLAS_ROWS if needs_blas(plan, self.ws.capacity, False, self.is_float) else GROUP
        if bpnet_team_init(&self.team, self._count_threads(n_threads)) < 0:
            raise MemoryError("no lock for a thread")
        self.chain = Chain(plan, self.reading)
        is_plain = dropout is None and regularisation is None
        self.rows_alone = is_plain and self.chain.n_links and data.x != NULL and batch_size == 1

    def __dealloc__(self):
        bpnet_team_free(&self.team)

    @property
    def n_threads(self):
        """Threads in use."""
        return self.team.size

    @property
    def penalty(self):
        """Sum of the penalties over the batches done, as for `data_loss`."""
        return float(self._penalties.sum())

    @property
    def n_learnt(self):
        """Rows of this epoch whose batches are done: a multiple of the batch size, or all."""
        if self.position == self.n_rows:
            return self.position
        return self.position - self.position % self.batch_size

    def begin(self, order=None, rates=None):
        """Start an epoch over the rows `order` (contiguous intp; None: all rows as they stand).

        The array is not copied. Its values are checked when it first comes; after that it may be permuted.
        `rates`, one for each batch (contiguous float64), become the rule's rates, each before its step.
        """
        cdef const double[::1] steps
        if order is not None and order is not self._order:
            check_order(order, self.data.n_rows)
        self._order = order
        self.order = NULL
        if order is not None:
            self.order = <const Py_ssize_t*> <size_t> order.ctypes.data
        self.n_rows = self.data.n_rows if order is None else len(order)
        self._rates, self.rates = rates, NULL
        if rates is not None:
            if len(rates) != self.count_batches(self.n_rows):
                raise ValueError(f"expected {self.count_batches(self.n_rows)} rates, one per batch, got {len(rates)}")
            steps = rates
            self.rates = &steps[0]
        self.position = 0
        self.data_loss = 0
        self._penalties[:] = 0
        if self.dropout is not None:
            self.dropout.begin_epoch()

    def count_batches(self, Py_ssize_t n_rows):
        """Batches of an epoch over so many rows."""
        return (n_rows + self.batch_size - 1) // self.batch_size

    def advance(self, double seconds):
        """Work for about so many seconds without the GIL; True when the epoch is done."""
        cdef double until = now() + seconds
        if self.team.size == 1:
            self._work(0, until)
            return self.position == self.n_rows
        if self._helpers is None:
            self._helpers = ThreadPoolExecutor(self.team.size - 1)
        try:
            helpers = [self._helpers.submit(self._work, rank, until) for rank in range(1, self.team.size)]
            self._work(0, until)
            for helper in helpers:
                helper.result()
        except BaseException:
            # Ctrl-C, or a thread that could not be started, before all were there: the others must not wait for it.
            bpnet_team_dismiss(&self.team)
            self._helpers.shutdown()
            self._helpers = None
            bpnet_team_recall(&self.team)
            raise
        return self.position == self.n_rows

    def _work(self, int rank, double until):
        """A thread of the team, until then."""
        cdef uint64_t before
        with nogil:
            before = bpnet_flush_subnormals()
            if self.is_float:
                take_turns(self, rank, <float*> self.w, <float*> self.g, until)
            else:
                take_turns(self, rank, <double*> self.w, <double*> self.g, until)
            bpnet_restore_subnormals(before)
        raise_pending()

    def _count_threads(self, Py_ssize_t most):
        """As many threads as a chunk has work and rows for."""
        if not self.plan.is_dense or self.data.indptr != NULL or self.plan.calls_python or self.loss.calls_python:
            return 1
        n = self.ws.capacity
        fitting = min(n * self.plan.n_parameters // WORK_PER_THREAD, n // self.rows_together, BPNET_MAX_THREADS)
        return max(1, min(most, fitting))
