# SPDX-License-Identifier: BSD-3-Clause
"""Mini-batch training with the stopping rules of scikit-learn's multilayer perceptron."""

import warnings
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import numpy as np

from bpnet._core.shuffling import shuffle_rows
from bpnet.training import check_finite, draw_seed, run_epoch


@dataclass
class Progress:
    """What the training has seen; a warm start or a partial fit goes on with it."""

    rule: object
    schedule: object
    loss_curve: list = field(default_factory=list)
    best_loss: float | None = np.inf
    validation_scores: Any = None
    best_validation_score: float | None = None
    best_parameters: np.ndarray | None = None
    n_stagnant: int = 0
    n_seen: int = 0
    validation_losses: Any = None
    judged_by: Any = None
    last_of_ties: bool = False
    dropout_seed: int | None = None
    interrupted: bool = False

    def draw_seed(self, random_state):
        """Seed of dropout: drawn once, so that training goes on as if it had never been interrupted."""
        if self.dropout_seed is None:
            self.dropout_seed = draw_seed(random_state)
        return self.dropout_seed

    def watch_validation(self, w, judged_by=None):
        """Judge by a validation score from now on, and keep the parameters of the best."""
        if self.validation_scores is None:
            self.validation_scores = []
        if self.best_parameters is None or judged_by != self.judged_by:
            # Scores of another kind cannot be compared with those of an earlier fit.
            self.best_validation_score, self.best_parameters, self.judged_by = -np.inf, w.copy(), judged_by
            self.best_loss = None

    def judge_score(self, score, tol, w):
        """Note a validation score; one that is not a number counts as no stagnation, but never as the best."""
        self.validation_scores.append(score)
        self.n_stagnant = self.n_stagnant + 1 if score < self.best_validation_score + tol else 0
        if score > self.best_validation_score or (self.last_of_ties and score == self.best_validation_score):
            self.best_validation_score = score
            self.best_parameters = w.copy()

    def judge_loss(self, tol):
        """Note the last training loss."""
        loss, best = self.loss_curve[-1], np.inf if self.best_loss is None else self.best_loss
        self.n_stagnant = self.n_stagnant + 1 if loss > best - tol else 0
        self.best_loss = loss if loss < best else best


def stochastic(
    epoch, w, progress, order, *, random_state, shuffle, max_iter, tol, n_iter_no_change, loss_scale=1.0, score=None,
    verbose=False, watch=None, until=np.inf, n_iter=0,
):  # fmt: skip
    """Run epochs until nothing improves, or max_iter of them.

    Parameters
    ----------
    epoch : bpnet._core.epoch.Epoch
        Bound to w.
    w : ndarray of shape (n_parameters,)
        Changed in place.
    progress : Progress
        Changed in place.
    order : ndarray of intp
        Training rows; changed in place where `shuffle` is true.
    random_state : numpy.random.RandomState
    shuffle : bool
    max_iter : int
    tol : float
        The least improvement that counts.
    n_iter_no_change : int or float
        Epochs without improvement to bear.
    loss_scale : float, default=1.0
        Factor of the data term in the losses reported.
    score : callable, optional
        Gives the validation score of w; without it the training loss decides.
    verbose : bool
    watch : object, optional
        Its `begins()` is called before each epoch; `ended(n_iter, rate, stops)` after it, when all is ready for the
        next one, with the learning rate it ran at and whether training stops: true ends the training.
    until : float, optional
        Time of `time.monotonic` at which training ends, if need be within an epoch. That one is not counted, but its
        steps are taken.
    n_iter : int, default=0
        Epochs run before, by a training that this one resumes.

    Returns
    -------
    n_iter : int
        Epochs run.
    converged : bool
        False where max_iter ended the training before the schedule, or time did.

    Raises
    ------
    ValueError
        When the parameters are no longer finite. With a validation score the training goes on: the best are kept.
    """
    if score is not None:
        progress.watch_validation(w, progress.judged_by)
    progress.interrupted = False
    try:
        while n_iter < max_iter and monotonic() < until:
            if watch is not None:
                watch.begins()
            if shuffle:
                shuffle_rows(random_state, order)
            rates = progress.schedule.rates(epoch.count_batches(len(order)))
            if not run_epoch(epoch, order, rates, until):
                progress.n_seen += epoch.n_learnt
                break
            rate = progress.rule.rate
            n_iter += 1
            progress.n_seen += len(order)
            progress.loss_curve.append((loss_scale * epoch.data_loss + epoch.penalty) / len(order))
            if verbose:
                print(f"Iteration {n_iter}, loss = {progress.loss_curve[-1]:.8f}")
            if score is None:
                if not np.isfinite(progress.loss_curve[-1]):
                    check_finite(w)
                progress.judge_loss(tol)
            else:
                progress.judge_score(score(), tol, w)
                if verbose:
                    print(f"Validation score: {progress.validation_scores[-1]:f}")
            progress.schedule.epoch_ended(progress.rule, progress.n_seen)
            stops = progress.n_stagnant > n_iter_no_change and _stops(progress, tol, n_iter_no_change, score, verbose)
            if (watch is not None and watch.ended(n_iter, rate, stops)) or stops:
                return n_iter, True
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
        progress.interrupted = True
        return n_iter, True
    return n_iter, n_iter >= max_iter and progress.schedule.ends_as_planned


def _stops(progress, tol, n_iter_no_change, score, verbose):
    """Ask the schedule what stagnation means."""
    reason = progress.schedule.stagnated(progress.rule)
    if verbose:
        what = "Training loss" if score is None else "Validation score"
        outcome = f"Setting learning rate to {progress.rule.rate:f}" if reason is None else f"{reason}Stopping."
        print(f"{what} did not improve more than tol={tol:f} for {n_iter_no_change} consecutive epochs. {outcome}")
    if reason is None:
        progress.n_stagnant = 0
    return reason is not None
