# SPDX-License-Identifier: BSD-3-Clause
"""One call of `fit` or `partial_fit`: its data, checked, and how it was called."""

from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from bpnet._core.data import Data
from bpnet._validation import as_csr
from bpnet.estimators._monitor import Monitor
from bpnet.estimators._standing import Standing, checksum
from bpnet.estimators._validation_set import Given
from bpnet.training import RULES


class Job(NamedTuple):
    """What stays the same while a network is fitted.

    `y` is encoded; `sample_weight` is the user's, `weight` with the weights of classes in it.
    """

    X: Any
    y: np.ndarray
    sample_weight: np.ndarray | None
    weight: np.ndarray | None
    given: Given | None
    goes_on: bool
    incremental: bool
    tasks: Any
    began: float
    resumed: Standing | None
    smoothing: float = 0.0

    def check(self, estimator):
        """Raise for callbacks that cannot be called, and for a checkpoint of another training."""
        for callback in self._callbacks(estimator):
            if not callable(callback):
                raise TypeError(f"expected functions or other callables in callbacks, got {callback!r}")
        if self.weight is not None and not self.weight.any():
            raise ValueError("expected a row with a weight above 0, but class_weight makes all of them 0")
        if self.resumed is None:
            return
        if self.incremental or type(self.resumed.progress.rule) is not RULES.get(estimator.solver):
            raise ValueError("a checkpoint goes on with fit and the solver that it was written with")
        if self.resumed.checksum != self.checksum():
            raise ValueError("the checkpoint belongs to a training with other data: expected X, y, sample_weight and "
                             "validation set as they were")  # fmt: skip
        self.resumed.check(estimator, self.given is not None)

    def random_state(self, estimator):
        """The estimator's; where a training is resumed its own go on later, and none are to be drawn before."""
        return check_random_state(estimator.random_state if self.resumed is None else 0)

    def data(self, network, weight=None):
        """The rows as the core reads them, with the job's weights or others."""
        inputs = as_csr(self.X, self.X.shape[1], self.X.dtype) if hasattr(self.X, "tocsr") else self.X
        return Data(network.topology.plan, inputs, self.y, self.weight if weight is None else weight, self.smoothing)

    def interrupted(self):
        """Where the interrupted training stood; a copy, for this one may fail."""
        return deepcopy(self.resumed)

    def checksum(self):
        """A number that tells these data from others."""
        return checksum(self.X, self.y, self.sample_weight, self.given)

    def monitor(self, estimator, network, progress, validation, judges=False):
        """What watches the training."""
        measure = None if validation is None else validation.measure
        began, callbacks = self.began - self._elapsed, self._callbacks(estimator)
        return Monitor(self, estimator, network, progress, began, callbacks, measure, judges)

    def until(self, estimator):
        """When time is up, by the clock of `time.monotonic`."""
        return np.inf if estimator.max_time is None else self.began - self._elapsed + estimator.max_time

    @property
    def _elapsed(self):
        return 0.0 if self.resumed is None else self.resumed.elapsed

    def _callbacks(self, estimator):
        callbacks = estimator.callbacks
        return [] if callbacks is None else [callbacks] if callable(callbacks) else list(callbacks)
