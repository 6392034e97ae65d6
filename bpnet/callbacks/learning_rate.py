# SPDX-License-Identifier: BSD-3-Clause
"""A learning rate for an estimator and its data: the range test."""

from dataclasses import dataclass

import numpy as np

from bpnet._core.shuffling import shuffle_rows
from bpnet._threads import one_blas_thread
from bpnet._validation import check_count, check_number
from bpnet.training import RULES, run_epoch

#: Share of the past in the moving average of the losses: some twenty batches count.
MEMORY = 0.95
#: Steps before the average has settled.
SETTLED = 10
#: Steps over which its fall is measured, at least: from one step to the next it follows the noise of the batches.
SPAN = 20


@dataclass(frozen=True, eq=False)
class LearningRateSearch:
    """What `find_learning_rate` has seen.

    Attributes
    ----------
    rates, losses : ndarray of shape (n_steps,)
        Learning rate of each step, and the loss of its batch before it.
    smoothed : ndarray of shape (n_steps,)
        Moving averages of the losses.
    suggestion : float
        The rate in the middle of the steps, a tenth of the test, over which the smoothed loss falls most.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    suggestion: float


def find_learning_rate(
    estimator, X, y, sample_weight=None, *, min_rate=1e-6, max_rate=10.0, n_steps=200, random_state=None
):
    """Smith's range test: train for some batches while the rate grows, and see where the loss falls fastest.

    The rate grows by the same factor at each step, from `min_rate` on; the test ends at `max_rate`, or where the
    smoothed loss is four times its least. Estimator and data are left as they are.

    Parameters
    ----------
    estimator : MLPRegressor or MLPClassifier
        With solver 'sgd', 'adam' or 'rmsprop'; fitted or not.
    X, y, sample_weight
        As for its `fit`. A set smaller than `n_steps` batches is gone through several times.
    min_rate, max_rate : float
    n_steps : int, default=200
        At least 10.
    random_state : int, RandomState instance or None, default=None
        Of starting weights and batches; None is the estimator's own.

    Returns
    -------
    LearningRateSearch

    Notes
    -----
    Costs `n_steps` steps of training. L. N. Smith, "Cyclical learning rates for training neural networks" (2017), has
    the test; moving averages and end are those that fast.ai made customary. The fall is measured over a tenth of the
    steps, 20 at least, for that from one step to the next follows the noise of small batches.

    Examples
    --------
    >>> from bpnet import MLPClassifier
    >>> from bpnet.callbacks import find_learning_rate
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> search = find_learning_rate(MLPClassifier(random_state=0), X / 16, y)
    >>> 1e-3 < search.suggestion < 1e-1
    True
    """
    from sklearn.base import clone
    from sklearn.utils import check_random_state

    from bpnet.estimators._base import BaseMLP

    if not isinstance(estimator, BaseMLP):
        raise TypeError(f"expected an MLPRegressor or MLPClassifier, got {estimator!r}")
    if estimator.solver not in RULES or estimator.solver == "rprop":  # that has a rate for its first step alone
        raise ValueError(
            f"expected a solver with a learning rate, 'sgd', 'adam' or 'rmsprop', got {estimator.solver!r}"
        )
    for name, value in {"min_rate": min_rate, "max_rate": max_rate, "n_steps": n_steps}.items():
        check_number(name, value)
    if not 0 < min_rate < max_rate < np.inf or n_steps < 10:
        raise ValueError(
            f"expected 0 < min_rate < max_rate and n_steps of at least 10, got {min_rate}, {max_rate} and {n_steps}"
        )
    n_steps = check_count(n_steps, "n_steps")
    draft = clone(estimator)
    draft._validate_params()
    random_state = check_random_state(draft.random_state if random_state is None else random_state)
    rates = np.geomspace(min_rate, max_rate, n_steps)
    losses, averages, average = [], [], 0.0
    with one_blas_thread():
        for k, loss in enumerate(_batch_losses(draft, X, y, sample_weight, rates, random_state)):
            average = MEMORY * average + (1 - MEMORY) * loss
            losses.append(loss)
            averages.append(average / (1 - MEMORY ** (k + 1)))  # as if it had not begun at zero
            if not averages[-1] <= 4 * min(averages) and k >= SETTLED:
                break
    rates, smoothed = rates[: len(losses)], np.array(averages)
    return LearningRateSearch(rates, np.array(losses), smoothed, float(rates[_steepest(smoothed, n_steps)]))


def _steepest(smoothed, n_steps):
    """The step in the middle of those over which the average falls most."""
    first = min(SETTLED, len(smoothed)) - 1
    span = max(1, min(max(SPAN, n_steps // 10), (len(smoothed) - first) // 2))
    with np.errstate(invalid="ignore"):  # of infinite losses
        falls = smoothed[first:-span] - smoothed[first + span :]
    # The first step that leads to a NaN, at the end, is no descent.
    middle = first + span // 2
    return middle + int(np.argmax(np.where(np.isnan(falls), -np.inf, falls))) if len(falls) else first


def _batch_losses(draft, X, y, sample_weight, rates, random_state):
    """The loss of one batch after the other, before its step at the next rate."""
    from bpnet.estimators._solve import make_epoch

    job = draft._take_job(X, y, sample_weight, incremental=False)
    network = draft._build(job.X, job.y, random_state, goes_on=False)
    data = job.data(network)
    progress = draft._resume(network.parameters, goes_on=False, incremental=False)
    epoch = make_epoch(draft, network, data, progress, data.n_rows, random_state)
    order, start = np.arange(data.n_rows), data.n_rows
    for rate in rates:
        if start + epoch.batch_size > data.n_rows:  # the rest of an epoch is no whole batch, and noisier
            shuffle_rows(random_state, order)
            start = 0
        batch = order[start : start + epoch.batch_size]
        start += epoch.batch_size
        progress.rule.rate = rate
        run_epoch(epoch, batch)
        yield (draft._loss_scale() * epoch.data_loss + epoch.penalty) / len(batch)
