# SPDX-License-Identifier: BSD-3-Clause
"""Training from several starts, of which the best is kept."""

from copy import copy, deepcopy

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from bpnet._threads import one_blas_thread
from bpnet.estimators._options import set_start
from bpnet.estimators._solve import fit
from bpnet.optimizers.full_batch import SOLVERS


def fit_starts(estimator, job, start):
    """Fit the estimator from `n_restarts` starts; `Outcome` of the best, whose attributes it gets.

    The first start is that of a fit with `n_restarts=1`. Seeds are drawn for the others before any training, so neither
    the number of workers nor their order matters. A start from which the training diverges has the loss infinity; the
    error is raised where all do. One that `max_time` ends before its first epoch has the loss NaN, which is never less.
    """
    if job.resumed is not None and any(values is not None for values in start):
        raise ValueError(
            "expected neither coef_init nor intercept_init where a training is resumed, which goes on with its weights"
        )
    random_state, n_more = job.random_state(estimator), estimator.n_restarts - 1
    if not n_more:
        return _train(*_begin(estimator, job, random_state, start))
    _check(estimator, job)
    # A copy, for the first start is to go on as if it were alone.
    seeds = deepcopy(random_state).randint(2**31 - 1, size=n_more)
    starts = [_begin(copy(estimator), job, seed, start) for seed in (random_state, *map(int, seeds))]
    if effective_n_jobs(estimator.n_jobs) == 1:
        fits = _in_turn(starts)
    else:
        fits = Parallel(estimator.n_jobs)(delayed(_try)(*begun) for begun in starts)
    ended = [(draft, outcome) for draft, outcome in fits if not isinstance(outcome, ValueError)]
    if not ended:
        raise fits[0][1]
    on_given = estimator.early_stopping and job.given
    judged = [-draft.best_validation_score_ if on_given else draft.loss_ for draft, _ in ended]
    best, outcome = ended[int(np.argmin(np.where(np.isnan(judged), np.inf, judged)))]
    losses = [np.inf if isinstance(outcome, ValueError) else draft.loss_ for draft, outcome in fits]
    vars(estimator).update(vars(best), restart_losses_=losses)
    return outcome


def _in_turn(starts):
    """One after the other; Ctrl-C ends the one that runs, and none is begun after it."""
    fits = []
    for begun in starts:
        draft, outcome = _try(*begun)
        fits.append((draft, outcome))
        if not isinstance(outcome, ValueError) and outcome.interrupted:
            break
    return fits


def _begin(estimator, job, seed, start):
    """What `_train` takes: the estimator with a network at its start, which it keeps on its way to a worker."""
    random_state = check_random_state(seed)
    network = estimator._build(job.X, job.y, random_state, job.goes_on)
    set_start(network, *start)
    estimator.network_ = network
    return estimator, job, random_state


def _train(estimator, job, random_state):
    """The outcome of the fit of the estimator."""
    with one_blas_thread():
        return fit(estimator, estimator.network_, job, random_state)


def _try(estimator, job, random_state):
    """The estimator, fitted, and the outcome; or the error, where the training diverged: other starts may not.

    All arguments have been checked by now, so a ValueError is that of numbers which are not finite any more.
    """
    try:
        return estimator, _train(estimator, job, random_state)
    except ValueError as error:
        return estimator, error


def _check(estimator, job):
    """Raise ValueError where several starts make no sense."""
    reasons = {
        "for a fit that goes on from the last": job.goes_on or job.incremental or job.resumed is not None,
        "with callbacks, which see one training": bool(estimator.callbacks) or job.tasks is not None,
        "with early_stopping on rows split off, which differ by start: give X_val and y_val": (
            estimator.early_stopping and job.given is None and estimator.solver not in SOLVERS
        ),
    }
    for reason, holds in reasons.items():
        if holds:
            raise ValueError(f"expected n_restarts=1 {reason}; got {estimator.n_restarts}")
