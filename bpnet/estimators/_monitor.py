# SPDX-License-Identifier: BSD-3-Clause
"""What happens between two epochs apart from the stopping rules: validation, gradient norm, callbacks."""

from contextlib import ExitStack
from copy import copy, deepcopy
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import numpy as np

from bpnet.callbacks._record import EpochRecord
from bpnet.estimators._standing import SETTLED
from bpnet.network import Network


@dataclass
class Monitor:
    """Called by the optimizers before and after each epoch or iteration.

    Parameters
    ----------
    job : Job
    draft : MLPRegressor or MLPClassifier
        The estimator in the middle of its fit.
    network : Network
        With the parameters reached.
    progress : Progress
    began : float
        Time of `time.monotonic` when training began.
    callbacks : list of callable
    measure : callable, optional
        Gives the validation score, where the optimizer does not ask for it itself.
    judges : bool
        Whether training is to end when those scores do not improve.
    gradient_norm : callable, optional
        Of the parameters reached, for `gradient_tol`.
    standing : Standing, optional
        To be saved by checkpoints; its arrays are those that training changes.
    """

    job: Any
    draft: Any
    network: Network
    progress: Any
    began: float
    callbacks: list
    measure: Any = None
    judges: bool = False
    gradient_norm: Any = None
    standing: Any = None

    @property
    def is_needed(self):
        """Whether anything is to be done at all."""
        watched = self.callbacks or self.measure or self.job.tasks
        return bool(watched) or self.draft.gradient_tol is not None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with ExitStack() as ends:  # in order, also where one of them raises
            for callback in reversed(self.callbacks):
                if hasattr(callback, "end"):
                    ends.callback(callback.end)

    def begins(self):
        """Before an epoch."""
        if self.job.tasks is not None:
            self.job.tasks.epoch_begins()

    def ended(self, n_iter, rate, stops):
        """After an epoch; true ends the training."""
        progress = self.progress
        if self.judges:
            progress.judge_score(self.measure(), self.draft.tol, self.network.parameters)
            stops = stops or progress.n_stagnant > self.draft.n_iter_no_change
        elif self.measure is not None:
            progress.validation_scores.append(self.measure())
        norm = None if self.draft.gradient_tol is None else self.gradient_norm()
        stops = stops or (norm is not None and norm < self.draft.gradient_tol)
        if self.callbacks:
            record = self._record(n_iter, rate, norm, stops)
            # All are told, also where one of them stops.
            stops = any([bool(callback(record)) for callback in self.callbacks]) or stops
        if self.job.tasks is not None:
            stops = self.job.tasks.epoch_ended(lambda: self._fitted(n_iter)) or stops
        return stops

    def reached(self, n_iter, x, gradient):
        """After an iteration of a full-batch optimizer, which has the gradient at x at hand."""
        self.network.parameters = x
        self.gradient_norm = lambda: float(np.linalg.norm(gradient))
        return self.ended(n_iter, None, False)

    def _record(self, n_iter, rate, norm, stops):
        progress, elapsed = self.progress, monotonic() - self.began
        validated = bool(progress.validation_losses) and (self.measure or self.draft.early_stopping)
        standing = None
        if self.standing is not None:
            standing = lambda: (self.draft, self._stand(n_iter, elapsed, stops))  # noqa: E731
        return EpochRecord(
            epoch=n_iter,
            max_iter=self.draft.max_iter,
            loss=progress.loss_curve[-1],
            validation_loss=progress.validation_losses[-1] if validated else None,
            validation_score=progress.validation_scores[-1] if validated else None,
            learning_rate=rate,
            gradient_norm=norm,
            elapsed=elapsed,
            network=self.network,
            _make_estimator=lambda: self._fitted(n_iter),
            _standing=standing,
        )

    def _stand(self, n_iter, elapsed, stops):
        if self.standing.checksum is None:
            self.standing.checksum = self.job.checksum()
        settings = {name: getattr(self.draft, name) for name in ("loss", *SETTLED)}
        return replace(self.standing, n_iter=n_iter, elapsed=elapsed, stops=stops, settings=settings)

    def _fitted(self, n_iter):
        """A copy of the estimator as if training ended now."""
        fitted, progress = copy(self.draft), deepcopy(self.progress)
        # Full-batch solvers go by scores of a given set only, and then the monitor judges them.
        keeps_best = self.judges if progress.rule is None else fitted.early_stopping
        parameters = progress.best_parameters if keeps_best else self.network.parameters
        fitted.network_ = self.network._with(parameters.copy())
        if progress.rule is None:
            fitted._report_curves(progress)
            fitted.loss_ = progress.loss_curve[-1]
        else:
            fitted._report(progress)
        fitted.n_iter_ = n_iter
        fitted.__dict__.pop("_class_factors", None)  # of the data, for as long as training lasts
        return fitted
