# SPDX-License-Identifier: BSD-3-Clause
"""An epoch as the threads of a team work on it, turn by turn; a turn is a chunk of a batch.

The rows of the chunk are swept; then its gradient is accumulated and, at the end of the batch, the step taken piece by
piece of w, each piece while it is in the cache. Threads share first the rows, then the pieces, and meet after each.
"""

from cython cimport floating

from bpnet._core.clock cimport now
from bpnet._core.data cimport Chunk, load, total_weight
from bpnet._core.dropout cimport draw_keys, drop_inputs
from bpnet._core.kernels cimport decay
from bpnet._core.online cimport sweep_row
from bpnet._core.plan cimport Piece
from bpnet._core.regularisation cimport Regularisation, clipping, is_still, prepare, take_step
from bpnet._core.sweeps cimport backward, forward, gradient, read_loss, summed_loss
from bpnet._core.team cimport bpnet_team_meet, bpnet_team_take
from bpnet._core.updates cimport step

#: Work, in rows times parameters, between two looks at the clock: well under a millisecond, well over the look.
DEF WORK_PER_LOOK = 200_000

#: Parameters of a net that stays in the first-level cache: its step is taken at once, for the calls cost more.
DEF SMALL_NET = 2000


cdef class Turns:
    """What the threads read and where the epoch stands; `Epoch` fills it in."""


cdef void take_turns(Turns self, int rank, floating* w, floating* g, double until) noexcept nogil:
    """What one thread of the team does, rank 0 leading: to the end of the epoch, or until that time.

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


cdef void _learn_rows(Turns self, floating* w, floating* g, double until) noexcept nogil:
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


cdef void _take_turn(Turns self, const floating* tag, double until) noexcept nogil:
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


cdef Chunk _load_share(Turns self, const Turn* turn, int rank, const floating* tag) noexcept nogil:
    """The chunk, with the rows of one thread loaded."""
    cdef int groups, first = 0, last = turn.n
    if self.team.size > 1:
        groups = max(1, turn.n // self.rows_together)   # the last one takes what is left: no share is a single row
        first = rank * groups // self.team.size * self.rows_together
        last = (rank + 1) * groups // self.team.size * self.rows_together
        if rank == self.team.size - 1:
            last = turn.n
    return load(self.data, self.ws, self.order, turn.start, turn.n, first, last - first, tag)


cdef void _finish_pieces(Turns self, const Turn* turn, const Chunk* chunk, floating* w, floating* g) noexcept nogil:
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
    Turns self, Regularisation r, const Turn* turn, const Chunk* chunk, int rank, floating* w, floating* g
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
