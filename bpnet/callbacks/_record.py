# SPDX-License-Identifier: BSD-3-Clause
"""What a callback is told after each epoch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class EpochRecord:
    """One epoch of 'sgd', 'adam', 'rmsprop' or 'rprop', or one iteration of another solver.

    Attributes
    ----------
    epoch : int
        Its number in this fit, from 1 on.
    max_iter : int
        How many there will be at most.
    loss : float
        The item of `loss_curve_`.
    validation_loss, validation_score : float or None
        Those of `validation_loss_curve_` and `validation_scores_`; None without rows set aside.
    learning_rate : float or None
        The rate of the epoch's last step; None for solvers without, such as 'lbfgs'.
    gradient_norm : float or None
        What `gradient_tol` is compared with; None where it is not set.
    elapsed : float
        Seconds since training began, those before an interruption that was resumed included.
    network : Network
        The network as it stands: the one that is being trained, so copy what is to be kept, and change nothing.
    estimator : MLPRegressor or MLPClassifier
        A fitted copy, as if training ended now, with its own parameters: with early stopping the best so far, not those
        of `network`. It is made when first asked for, which is to be while the callback runs, at a cost of O(W).
    """

    epoch: int
    max_iter: int
    loss: float
    validation_loss: float | None
    validation_score: float | None
    learning_rate: float | None
    gradient_norm: float | None
    elapsed: float
    network: Any = field(repr=False)
    _make_estimator: Callable[[], Any] = field(repr=False, compare=False)
    #: Gives all that the next epochs depend on; None where that cannot be had.
    _standing: Callable[[], Any] | None = field(repr=False, compare=False)

    @cached_property
    def estimator(self):
        return self._make_estimator()
