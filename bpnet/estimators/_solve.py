# SPDX-License-Identifier: BSD-3-Clause
"""The two ways to fit a network: all rows at once, and mini-batches epoch by epoch."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.optimize import _check_optimize_result

from bpnet._core.epoch import Epoch
from bpnet._threads import count_threads
from bpnet.estimators._gradient_norm import gradient_norm
from bpnet.estimators._options import epoch_options, moving_variables
from bpnet.estimators._standing import Standing
from bpnet.estimators._validation_set import ValidationSet
from bpnet.objective import Objective
from bpnet.optimizers.full_batch import SOLVERS
from bpnet.optimizers.stochastic import Progress, stochastic


class Outcome(NamedTuple):
    """How a training ended: what warns that it did not converge, if that is so, and whether Ctrl-C ended it."""

    warn: Callable[[], Any] | None
    interrupted: bool


def fit(estimator, network, job, random_state):
    """Train the network of an estimator, whose attributes are set; its `Outcome`."""
    solve = fit_full_batch if estimator.solver in SOLVERS else fit_stochastic
    return solve(estimator, network, job, random_state)


def fit_full_batch(estimator, network, job, random_state):
    """All rows at once.

    Early stopping goes by a given validation set only: without one it is ignored, as by lbfgs in scikit-learn.
    """
    solver = SOLVERS[estimator.solver]
    objective = _objective(estimator, network, job, solver.derivatives)
    progress = Progress(None, None)
    validation = None if job.given is None else ValidationSet.given(estimator, network, job.given)
    stops_early = estimator.early_stopping and validation is not None
    if validation is not None:
        validation.watch(progress, stops_early)
    with job.monitor(estimator, network, progress, validation, judges=stops_early) as monitor:
        result = solver.minimise(
            objective,
            network.parameters,
            max_iter=estimator.max_iter,
            max_fun=estimator.max_fun,
            tol=estimator.tol,
            verbose=estimator.verbose,
            loss_scale=estimator._loss_scale(),
            variables=moving_variables(estimator, network, 1 / objective.total_weight),
            loss_curve=progress.loss_curve,
            watch=monitor if monitor.is_needed else None,
            until=job.until(estimator),
            **(estimator.solver_options or {}),
        )
    network.parameters = progress.best_parameters if stops_early else result.x
    estimator.n_iter_, estimator.loss_ = min(result.nit, estimator.max_iter), result.loss
    estimator.n_evaluations_ = result.nfev
    estimator._report_curves(progress)
    return Outcome(partial(_warn_of, estimator, result) if result.status else None, result.interrupted)


def _objective(estimator, network, job, derivatives):
    """What a solver minimises; in float64 where it asks for second derivatives."""
    total_weight = len(job.y) if job.weight is None else float(job.weight.sum(dtype=np.float64))
    if derivatives is not None:
        network, job = _in_float64(network, job)
    objective = Objective(network, job.data(network), total_weight, estimator.alpha)
    if derivatives is not None:
        objective.check(derivatives)
    return objective


def _in_float64(network, job):
    """A network and its data, or their twins."""
    if network.dtype == np.float64:
        return network, job
    y = job.y.astype(np.float64) if job.y.dtype.kind == "f" else job.y
    weight = None if job.weight is None else job.weight.astype(np.float64)
    job = job._replace(X=job.X.astype(np.float64), y=y, weight=weight)
    return network._in_float64(), job


def fit_stochastic(estimator, network, job, random_state):
    """Mini-batch training, or what is left of them where an interrupted training is resumed."""
    early, incremental = estimator.early_stopping, job.incremental
    if early and incremental:
        raise ValueError("partial_fit does not support early_stopping=True")
    w = network.parameters
    standing = job.interrupted() or _start(estimator, network, job, random_state)
    standing.check_network(network)
    w[:], standing.w = standing.w, w
    progress, train = standing.progress, standing.order
    data = job.data(network)
    validation = _set_aside(estimator, network, job, data, standing.rows_set_aside)
    if validation is not None:
        validation.watch(progress, early)
    epoch = make_epoch(estimator, network, data, progress, len(train), standing.random_state)
    # With early stopping the optimizer itself asks for the score.
    with job.monitor(estimator, network, progress, None if early else validation) as monitor:
        monitor.standing = None if incremental else standing
        if estimator.gradient_tol is not None:
            monitor.gradient_norm = gradient_norm(estimator, network, job, train, epoch.batch_size)
        estimator.n_iter_, converged = stochastic(
            epoch,
            w,
            progress,
            train,
            random_state=standing.random_state,
            shuffle=estimator.shuffle,
            max_iter=1 if incremental else standing.n_iter if standing.stops else estimator.max_iter,
            tol=estimator.tol,
            n_iter_no_change=estimator.n_iter_no_change,
            loss_scale=estimator._loss_scale(),
            score=validation.measure if early else None,
            verbose=estimator.verbose,
            watch=monitor if monitor.is_needed else None,
            until=job.until(estimator),
            n_iter=standing.n_iter,
        )
    if early:
        network.parameters = progress.best_parameters
    estimator._report(progress)
    warns = not (converged or standing.stops or incremental)
    return Outcome(partial(_warn, estimator) if warns else None, progress.interrupted)


def make_epoch(estimator, network, data, progress, n_rows, random_state):
    """The compiled epoch of an estimator, bound to the network's parameters."""
    return Epoch(
        network.topology.plan, network._loss, network._reads_raw, data, network.parameters, progress.rule,
        estimator._resolve_batch_size(n_rows), estimator.alpha, n_threads=count_threads(estimator.n_jobs),
        **epoch_options(estimator, network, progress, random_state),
    )  # fmt: skip


def _start(estimator, network, job, random_state):
    """Where a training begins: all rows, or what a split leaves for training."""
    w = network.parameters
    progress, train, aside = estimator._resume(w, job.goes_on, job.incremental), np.arange(len(job.y)), None
    if estimator.early_stopping and job.given is None:
        train, aside = estimator._split(train, job.y, random_state)
        if len(aside) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        if job.weight is not None and not (job.weight[train].any() and job.weight[aside].any()):
            raise ValueError("expected weights above 0 among the rows set aside and among those left for training")
    return Standing(w, progress, train, aside, random_state, topology=network.topology)


def _set_aside(estimator, network, job, data, rows):
    """The rows that are not trained on, or None where there are none."""
    if job.given is not None:
        return ValidationSet.given(estimator, network, job.given)
    if rows is None:
        return None
    weight = None if job.sample_weight is None else job.sample_weight[rows]
    return ValidationSet(estimator, network, job.X, job.y[rows], weight, data, rows)


def _warn_of(estimator, result):
    """A full-batch solver has ended before it converged."""
    if estimator.solver == "lbfgs":
        _check_optimize_result("lbfgs", result, estimator.max_iter)
        return
    message = f"{estimator.solver} failed to converge after {estimator.n_iter_} iteration(s) (status={result.status}):"
    warnings.warn(f"{message}\n{result.message}", ConvergenceWarning, stacklevel=2)


def _warn(estimator):
    """Training has ended before it converged."""
    if estimator.n_iter_ >= estimator.max_iter:
        reached = f"Maximum iterations ({estimator.max_iter}) reached"
    else:
        reached = f"max_time ({estimator.max_time} seconds) reached"
    warnings.warn(
        f"Stochastic Optimizer: {reached} and the optimization hasn't converged yet.", ConvergenceWarning, stacklevel=2
    )
