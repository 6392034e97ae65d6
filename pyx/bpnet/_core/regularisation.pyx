# SPDX-License-Identifier: BSD-3-Clause
"""What may surround the step of a piece of w: L1 penalty, weight decay, clipping of the gradient, frozen parameters.

All of it happens to a piece while it is in the cache; clipping alone needs the gradient of all pieces before the first
step. Its norm is summed piece by piece in their order, whoever computed them.
"""

import numpy as np

from libc.math cimport sqrt
from libc.string cimport memcpy, memset

from bpnet._core.kernels cimport lasso, scale, settle, squares
from bpnet._core.updates cimport step

cdef enum:
    # What moves of a piece.
    FREE     # all of it
    MIXED    # a part
    STILL    # nothing: neither gradient nor step is computed


cdef class Regularisation:
    """Options of the steps of one training.

    Parameters
    ----------
    plan : Plan
    w : ndarray of shape (n_parameters,)
        The parameters as training begins.
    alpha_l1 : float, default=0.0
        Strength of the penalty alpha_l1 |w|_1 on weights, biases are free; divided as that of the squares is. The
        gradient becomes the shortest subgradient, and a step ends at 0 where it would leave the side of 0 that this
        gradient means (the rules of OWL-QN: Andrew and Gao, 2007).
    weight_decay : float, default=0.0
        Each step begins with w -= rate weight_decay w, for weights alone (Loshchilov and Hutter, 2019).
    max_norm : float, default=0.0
        Longer gradients, penalties included, are shortened to this norm; 0 leaves them alone.
    frozen : ndarray of bool of shape (n_parameters,), optional
        Parameters that keep their bits. Their gradient counts as 0.
    """

    def __init__(
        self, Plan plan not None, w, double alpha_l1=0.0, double weight_decay=0.0, double max_norm=0.0, frozen=None
    ):
        cdef const unsigned char[::1] marks, states
        cdef Piece* piece
        cdef int p
        if w.shape != (plan.n_parameters,) or w.dtype not in (np.float32, np.float64):
            raise ValueError(f"expected w as {plan.n_parameters} floats, got {w.shape} of {w.dtype}")
        for name, value in (("alpha_l1", alpha_l1), ("weight_decay", weight_decay), ("max_norm", max_norm)):
            if not (value >= 0 and np.isfinite(value)):
                raise ValueError(f"expected {name} of at least 0 and finite, got {value}")
        self.plan, self.dtype = plan, w.dtype
        self.alpha_l1, self.weight_decay, self.max_norm = alpha_l1, weight_decay, max_norm
        conditions = np.full(plan.n_pieces, FREE, np.uint8)
        before = np.zeros(plan.n_parameters if alpha_l1 else 0, w.dtype)
        norms, kept, mask = np.zeros(plan.n_pieces), None, None
        if frozen is not None:
            if frozen.shape != w.shape or frozen.dtype != bool:
                raise ValueError(f"expected frozen as {len(w)} bools, got {frozen.shape} of {frozen.dtype}")
            mask, kept = frozen.astype(np.uint8), w.copy()
            for p in range(plan.n_pieces):
                piece = &plan.pieces[p]
                own = np.concatenate([
                    frozen[piece.start : piece.start + piece.n_weights],
                    frozen[piece.bias_start : piece.bias_start + piece.n_biases],
                ])
                conditions[p] = STILL if own.all() else MIXED if own.any() else FREE
            marks = mask
            self.frozen, self.kept = &marks[0], <const void*> <size_t> kept.ctypes.data
        states = conditions
        self._arrays = (mask, kept, conditions, before, norms)
        self.states = &states[0]
        self.before = <void*> <size_t> before.ctypes.data
        self.norms = <double*> <size_t> norms.ctypes.data


cdef bint is_still(Regularisation r, int p) noexcept nogil:
    """Whether nothing of piece p moves."""
    return r.states[p] == STILL


cdef double prepare(
    Regularisation r, int p, const Piece* piece, const floating* w, floating* g, double share
) noexcept nogil:
    """Complete the gradient of a piece at the end of a batch; returns its L1 penalty. `share` is the batch's factor."""
    cdef double penalty = 0, strength = r.alpha_l1 * share
    if r.states[p] == STILL:
        memset(g + piece.start, 0, piece.n_weights * sizeof(floating))
        memset(g + piece.bias_start, 0, piece.n_biases * sizeof(floating))
    if strength > 0:
        penalty = strength * lasso(strength, w + piece.start, g + piece.start, piece.n_weights)
    if r.states[p] == STILL:
        r.norms[p] = 0
        return penalty
    if r.states[p] == MIXED:
        _clear(r.frozen + piece.start, g + piece.start, piece.n_weights)
        _clear(r.frozen + piece.bias_start, g + piece.bias_start, piece.n_biases)
    if r.max_norm > 0:
        r.norms[p] = squares(g + piece.start, piece.n_weights) + squares(g + piece.bias_start, piece.n_biases)
    return penalty


cdef double clipping(Regularisation r) noexcept nogil:
    """Factor of the gradient once all pieces are prepared."""
    cdef double total = 0
    cdef int p
    for p in range(r.plan.n_pieces):
        total += r.norms[p]
    total = sqrt(total)
    return r.max_norm / total if total > r.max_norm else 1


cdef void take_step(
    Regularisation r, UpdateRule rule, int p, const Piece* piece, floating* g, floating* w, double factor
) noexcept nogil:
    """The step of a piece along `factor` times its gradient."""
    cdef floating* weights = w + piece.start
    cdef floating* before = <floating*> r.before + piece.start
    if r.states[p] == STILL:
        return
    if factor != 1:
        scale(factor, g + piece.start, piece.n_weights)
        scale(factor, g + piece.bias_start, piece.n_biases)
    if r.alpha_l1 > 0:
        memcpy(before, weights, piece.n_weights * sizeof(floating))
    if r.weight_decay > 0:
        scale(1 - rule.rate * r.weight_decay, weights, piece.n_weights)
    step(rule, g, w, piece.start, piece.n_weights)
    step(rule, g, w, piece.bias_start, piece.n_biases)
    if r.alpha_l1 > 0:
        settle(before, g + piece.start, weights, piece.n_weights)
    if r.states[p] == MIXED:
        _restore(r.frozen + piece.start, <const floating*> r.kept + piece.start, weights, piece.n_weights)
        _restore(
            r.frozen + piece.bias_start, <const floating*> r.kept + piece.bias_start, w + piece.bias_start,
            piece.n_biases,
        )


cdef void _clear(const unsigned char* frozen, floating* g, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        g[i] = 0 if frozen[i] else g[i]


cdef void _restore(const unsigned char* frozen, const floating* kept, floating* w, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        w[i] = kept[i] if frozen[i] else w[i]
