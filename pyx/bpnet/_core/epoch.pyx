# SPDX-License-Identifier: BSD-3-Clause
"""One pass over the data in mini-batches, compiled end to end and resumable at any chunk.

The rows of a chunk are swept; then its gradient is accumulated and the step taken piece by piece of w, each piece while
it is in the cache. Threads share first the rows, then the pieces. Where the pieces are cut depends on the plan alone,
where rows may be cut changes no sum, and no number depends on who computed it: the bits are the same for any number of
threads.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from bpnet._core.data import check_order, check_problem
from bpnet._core.plan import aligned

from cython cimport floating
from libc.stdint cimport uint64_t

from bpnet._core.clock cimport now
from bpnet._core.data cimport Chunk, Data, load, total_weight
from bpnet._core.dropout cimport Dropout, draw_keys, drop_inputs
from bpnet._core.kernels cimport decay
from bpnet._core.losses cimport Loss
from bpnet._core.online cimport Chain, sweep_row
from bpnet._core.own_errors cimport raise_pending
from bpnet._core.plan cimport GROUP, Piece, Plan, Workspace, needs_blas
from bpnet._core.products cimport BLAS_ROWS
from bpnet._core.regularisation cimport Regularisation, clipping, is_still, prepare, take_step
from bpnet._core.sweeps cimport OUTPUT, RAW, Reading, backward, forward, gradient, read_loss, summed_loss
from bpnet._core.team cimport (
    BPNET_MAX_THREADS, bpnet_flush_subnormals, bpnet_restore_subnormals, bpnet_team, bpnet_team_dismiss,
    bpnet_team_free, bpnet_team_init, bpnet_team_meet, bpnet_team_recall, bpnet_team_take,
)
from bpnet._core.updates cimport UpdateRule, step

#: Work, in rows times parameters, between two looks at the clock: well under a millisecond, well over the look.
DEF WORK_PER_LOOK = 200_000
#: Work of a chunk that makes one more thread pay: some 30 microseconds of it, against two meetings of one to five.
DEF WORK_PER_THREAD = 400_000

#: Parameters of a net that stays in the first-level cache: its step is taken at once, for the calls cost more.
DEF SMALL_NET = 2000


cdef struct Turn:
    # A chunk of a batch, which all threads work on before any takes the next.
    Py_ssize_t start
    int n                  # its rows; 0 where there is no more, or no time for it
    bint opens_batch
    bint closes_batch
    double scale           # of the derivative of the losses: 1 / weight of the batch where the mean counts
    Py_ssize_t times       # how often the batch's losses count


cdef class Epoch:
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

    cdef Plan plan
    cdef Loss loss
    cdef Data data
    cdef UpdateRule rule
    cdef Dropout dropout
    cdef Regularisation regularisation
    cdef Workspace ws
    cdef Chain chain
    cdef Reading reading
    cdef object _w, _g, _order, _penalties, _helpers, _rates
    cdef void* w
    cdef void* g
    cdef double* penalties               # of each piece: summed over the batches done
    cdef const Py_ssize_t* order
    cdef readonly Py_ssize_t batch_size
    cdef const double* rates             # of the step of each batch, or NULL: that of the rule
    cdef Py_ssize_t n_rows
    cdef double alpha
    cdef bint mean, is_float
    cdef bpnet_team team
    cdef int rows_together               # rows are dealt out to threads in multiples of it
    cdef bint rows_alone                 # each is a batch, and the net is a chain
    # Where the epoch stands.
    cdef Py_ssize_t position             # rows taken so far
    cdef double batch_weight             # of the batch that is under way
    cdef Py_ssize_t work                 # since the last look at the clock
    cdef readonly double data_loss       # sum over the batches done; means count as often as their batches have rows
    cdef Turn turn                       # what comes next

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
        """What one thread of the team does; rank 0 leads."""
        cdef uint64_t before
        with nogil:
            before = bpnet_flush_subnormals()
            if self.is_float:
                _advance(self, rank, <float*> self.w, <float*> self.g, until)
            else:
                _advance(self, rank, <double*> self.w, <double*> self.g, until)
            bpnet_restore_subnormals(before)
        raise_pending()

    def _count_threads(self, Py_ssize_t most):
        """As many threads as a chunk has work and rows for."""
        if not self.plan.is_dense or self.data.indptr != NULL or self.plan.calls_python or self.loss.calls_python:
            return 1
        n = self.ws.capacity
        fitting = min(n * self.plan.n_parameters // WORK_PER_THREAD, n // self.rows_together, BPNET_MAX_THREADS)
        return max(1, min(most, fitting))


cdef void _advance(Epoch self, int rank, floating* w, floating* g, double until) noexcept nogil:
    """Turn by turn to the end of the epoch, or until that time.

    Between two meetings no thread reads what another one writes.
    """
    cdef Turn turn
    cdef Chunk chunk
    if self.rows_alone and self.rates == NULL:
        _learn_rows(self, w, g, until)
        return
    if rank == 0:
        _take_turn(self, w, until)
    bpnet_team_meet(&self.team, rank)
    while self.turn.n > 0:
        turn = self.turn
        chunk = _load_share(self, &turn, rank, w)
        if self.ws.drops != NULL:
            draw_keys(self.dropout, self.order, turn.start, &chunk)
            drop_inputs(self.dropout, self.ws, &chunk, w)
        forward(self.plan, w, self.ws, &chunk, self.reading, True)
        read_loss(self.plan, self.loss, self.ws, &chunk, turn.scale, w)
        backward(self.plan, w, self.ws, &chunk, self.reading)
        if rank == 0:
            self.team.next_piece = 0
            if turn.closes_batch:
                if self.rates != NULL:
                    self.rule.rate = self.rates[turn.start // self.batch_size]
                self.rule.begin_step()
        bpnet_team_meet(&self.team, rank)
        if rank == 0:
            self.data_loss += turn.times * turn.scale * summed_loss(self.ws, &chunk)
            _take_turn(self, w, until)
        if self.regularisation is None:
            _finish_pieces(self, &turn, &chunk, w, g)
        else:
            _finish_regularised(self, self.regularisation, &turn, &chunk, rank, w, g)
        bpnet_team_meet(&self.team, rank)


cdef void _learn_rows(Epoch self, floating* w, floating* g, double until) noexcept nogil:
    """Batches of one row each, to the end of the epoch or until that time."""
    cdef Py_ssize_t row, start
    cdef double weight, scale, strength
    cdef Piece* piece
    cdef int p
    while self.position < self.n_rows:
        start = self.position
        row = start if self.order == NULL else self.order[start]
        weight = total_weight(self.data, self.order, start, 1, w)
        self.position += 1
        if weight == 0:
            continue
        scale = 1 / weight if self.mean else 1.0
        self.data_loss += scale * sweep_row(self.chain, self.loss, self.data, self.ws, row, scale, w, g)
        strength = self.alpha * scale
        if strength != 0:
            for p in range(self.plan.n_pieces):
                piece = &self.plan.pieces[p]
                self.penalties[p] += 0.5 * strength * decay(
                    strength, w + piece.start, g + piece.start, piece.n_weights
                )
        self.rule.begin_step()
        step(self.rule, g, w, 0, self.plan.n_parameters)
        self.work += self.plan.n_parameters
        if self.work > WORK_PER_LOOK:
            self.work = 0
            if now() > until:
                return


cdef void _take_turn(Epoch self, const floating* tag, double until) noexcept nogil:
    """Decide which rows come next."""
    cdef Py_ssize_t batch_start, batch_stop
    cdef Turn* turn = &self.turn
    turn.n = 0
    while self.position < self.n_rows:
        batch_start = self.position - self.position % self.batch_size
        batch_stop = min(batch_start + self.batch_size, self.n_rows)
        turn.opens_batch = self.position == batch_start
        if turn.opens_batch:
            self.batch_weight = total_weight(self.data, self.order, batch_start, batch_stop - batch_start, tag)
            if self.batch_weight == 0:
                self.position = batch_stop
                continue
        if self.work > WORK_PER_LOOK:
            self.work = 0
            if now() > until:
                return
        turn.start = self.position
        turn.n = <int> min(self.ws.capacity, batch_stop - self.position)
        turn.scale = 1 / self.batch_weight if self.mean else 1.0
        turn.times = batch_stop - batch_start if self.mean else 1
        self.position += turn.n
        turn.closes_batch = self.position == batch_stop
        self.work += turn.n * self.plan.n_parameters
        return


cdef Chunk _load_share(Epoch self, const Turn* turn, int rank, const floating* tag) noexcept nogil:
    """The chunk, with the rows of one thread loaded."""
    cdef int groups, first = 0, last = turn.n
    if self.team.size > 1:
        groups = max(1, turn.n // self.rows_together)   # the last one takes what is left: no share is a single row
        first = rank * groups // self.team.size * self.rows_together
        last = (rank + 1) * groups // self.team.size * self.rows_together
        if rank == self.team.size - 1:
            last = turn.n
    return load(self.data, self.ws, self.order, turn.start, turn.n, first, last - first, tag)


cdef void _finish_pieces(Epoch self, const Turn* turn, const Chunk* chunk, floating* w, floating* g) noexcept nogil:
    """Gradient of one piece after the other and, at the end of a batch, its penalty and step."""
    cdef double strength = self.alpha * turn.scale
    cdef bint steps_at_once = self.plan.n_parameters <= SMALL_NET and self.team.size == 1
    cdef Piece* piece
    cdef int p = bpnet_team_take(&self.team)
    while p < self.plan.n_pieces:
        piece = &self.plan.pieces[p]
        gradient(self.plan, self.ws, chunk, piece, g, turn.opens_batch)
        if turn.closes_batch:
            if strength != 0:
                self.penalties[p] += turn.times * 0.5 * strength * decay(
                    strength, w + piece.start, g + piece.start, piece.n_weights
                )
            if not steps_at_once and piece.bias_start == piece.start + piece.n_weights:
                step(self.rule, g, w, piece.start, piece.n_weights + piece.n_biases)
            elif not steps_at_once:
                step(self.rule, g, w, piece.start, piece.n_weights)
                step(self.rule, g, w, piece.bias_start, piece.n_biases)
        p = bpnet_team_take(&self.team)
    if steps_at_once and turn.closes_batch:
        step(self.rule, g, w, 0, self.plan.n_parameters)


cdef void _finish_regularised(
    Epoch self, Regularisation r, const Turn* turn, const Chunk* chunk, int rank, floating* w, floating* g
) noexcept nogil:
    """The same with what `Regularisation` adds; to clip the gradient, threads meet between it and the steps."""
    cdef double factor, strength = self.alpha * turn.scale
    cdef bint clips = r.max_norm > 0
    cdef Piece* piece
    cdef int p = bpnet_team_take(&self.team)
    while p < self.plan.n_pieces:
        piece = &self.plan.pieces[p]
        if not is_still(r, p):
            gradient(self.plan, self.ws, chunk, piece, g, turn.opens_batch)
        if turn.closes_batch:
            if strength != 0:
                self.penalties[p] += turn.times * 0.5 * strength * decay(
                    strength, w + piece.start, g + piece.start, piece.n_weights
                )
            self.penalties[p] += turn.times * prepare(r, p, piece, w, g, turn.scale)
            if not clips:
                take_step(r, self.rule, p, piece, g, w, 1)
        p = bpnet_team_take(&self.team)
    if clips and turn.closes_batch:
        bpnet_team_meet(&self.team, rank)
        factor = clipping(r)
        for p from rank <= p < self.plan.n_pieces by self.team.size:
            take_step(r, self.rule, p, &self.plan.pieces[p], g, w, factor)
