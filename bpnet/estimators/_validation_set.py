# SPDX-License-Identifier: BSD-3-Clause
"""Rows that are not trained on: loss and score of the network on them, as it stands."""

from copy import copy
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import check_scoring

from bpnet._core import derivatives
from bpnet._core.data import Data
from bpnet._validation import as_csr
from bpnet.estimators._checks import check_data, check_weights
from bpnet.estimators._standing import checksum


class Given(NamedTuple):
    """A validation set given to `fit`: X, encoded targets and weights, all checked."""

    X: Any
    y: np.ndarray
    sample_weight: np.ndarray | None


def check_given(estimator, given, like):
    """`X_val`, `y_val` and `sample_weight_val` as a `Given`, or None where there are none.

    `like` is the pair of inputs and encoded targets trained on.
    """
    X, y, sample_weight = given
    if X is None and y is None:
        if sample_weight is not None:
            raise ValueError("sample_weight_val was given without X_val and y_val")
        return None
    if X is None or y is None:
        raise ValueError(f"X_val and y_val must be given together, but {'X_val' if X is None else 'y_val'} was not")
    dtype = like[0].dtype
    try:
        X, y = check_data(estimator, X, y, dtype=dtype)
        y = estimator._encode_validation(y, dtype)
        if y.shape[1:] != like[1].shape[1:]:
            raise ValueError(f"expected {like[1].shape[1]} columns of targets as in training, got {y.shape[1]}")
        sample_weight = check_weights(sample_weight, X, dtype)
    except ValueError as error:
        raise ValueError(f"In the validation set (X_val, y_val, sample_weight_val): {error}") from None
    return Given(X, y, sample_weight)


class ValidationSet:
    """Measures a network on rows set aside.

    Parameters
    ----------
    estimator : MLPRegressor or MLPClassifier
        In the middle of its fit.
    network : Network
        The one that is being trained.
    X : ndarray or sparse matrix of shape (n_samples, n_features)
        Of the type of the network.
    y : ndarray
        Encoded targets.
    sample_weight : ndarray of shape (n_samples,) or None
    data : Data
        With the inputs.
    rows : ndarray of intp or None
        Of these, those set aside; None for all.
    """

    def __init__(self, estimator, network, X, y, sample_weight, data, rows=None):
        self._estimator, self._network, self._data, self._rows = estimator, network, data, rows
        self._X, self._targets, self._weight = X, y, sample_weight
        self._loss_weight = estimator._weigh(y, sample_weight)
        self._labels = estimator._decode_targets(y)
        self._progress: Any = None
        self._score = None
        if estimator.scoring not in (None, "loss"):
            self._score = self._bind_scorer(X if rows is None else X[rows])

    @classmethod
    def given(cls, estimator, network, held_out):
        """Of a set given to `fit`."""
        X = held_out.X
        arrays = as_csr(X, X.shape[1], X.dtype) if hasattr(X, "tocsr") else X
        data = Data(network.topology.plan, arrays)
        return cls(estimator, network, X, held_out.y, held_out.sample_weight, data)

    def watch(self, progress, early_stopping):
        """Note losses in `progress` from now on, and scores too; with early stopping it will judge by them."""
        if progress.validation_losses is None:
            progress.validation_losses = []
        if progress.validation_scores is None and not early_stopping:
            progress.validation_scores = []
        self._progress = progress
        if early_stopping:
            # By default the first of equally good parameters are kept, as scikit-learn keeps them.
            scoring, is_given = self._estimator.scoring, self._rows is None
            progress.last_of_ties = is_given or scoring is not None
            judged_by = f"{scoring!r}, {self._name() if is_given else 'split'}" if progress.last_of_ties else None
            progress.watch_validation(self._network.parameters, judged_by)

    def _name(self):
        """What tells a set given to a fit from that of the next one, if there may be a next."""
        return f"given {checksum(self._X, self._targets, self._loss_weight)}" if self._estimator.warm_start else "given"

    def measure(self):
        """Note the loss and return the score; both are NaN where an output is not finite, or Ctrl-C comes before."""
        loss = np.nan
        try:
            raw = self._outputs(self._network._reads_raw)
            is_finite = np.isfinite(raw).all()
            if is_finite:
                values = self._network._loss.value(raw, self._as_matrix(raw))
                loss = self._estimator._loss_scale() * _mean(values, self._loss_weight)
            score = self._judge(raw, loss) if is_finite else np.nan
        except KeyboardInterrupt:
            # The epoch counts, so it has its place in all curves.
            self._progress.validation_scores.append(np.nan)
            raise
        finally:
            self._progress.validation_losses.append(loss)
        return score

    def _judge(self, raw, loss):
        """The score of outputs that are all finite."""
        scoring = self._estimator.scoring
        if scoring == "loss":
            return -loss
        if self._score is None:
            return self._default_score(raw)
        score = self._score()
        try:
            return float(score)
        except (TypeError, ValueError):
            raise ValueError(f"expected a number from scoring={scoring!r}, got {score!r}") from None

    def _default_score(self, raw):
        """Accuracy or R^2."""
        estimator, network = self._estimator, self._network
        wanted = estimator._predicts_from_raw
        if wanted != network._reads_raw and set(network.topology.out_activations) != {"identity"}:
            raw = self._outputs(wanted)
        with np.errstate(over="ignore"):  # squares of large residuals: the score is -inf
            finite = np.isfinite(raw).all()
            return estimator._score(self._labels, estimator._decode(raw), self._weight) if finite else np.nan

    def _outputs(self, raw):
        return derivatives.outputs(self._network.topology.plan, self._network.parameters, self._data, raw, self._rows)

    def _as_matrix(self, raw):
        """Targets as the loss's own door takes them, smoothed as in training: one column for each output."""
        y = self._targets
        if y.ndim == 2:  # of several labels the estimator has smoothed them
            return y
        is_own = y[:, np.newaxis] == (1 if raw.shape[1] == 1 else np.arange(raw.shape[1]))
        share = self._estimator._smoothing()
        return (is_own * (1 - share) + share / max(2, raw.shape[1])).astype(raw.dtype)

    def _bind_scorer(self, X):
        """The user's scorer, bound to an estimator that predicts with the network as it stands."""
        fitted = copy(self._estimator)
        fitted.network_ = self._network
        # Names were compared when the data were checked; what the scorer sees are arrays.
        fitted.__dict__.pop("feature_names_in_", None)
        scorer = check_scoring(fitted, self._estimator.scoring)
        y = self._labels
        y = y.ravel() if y.ndim == 2 and y.shape[1] == 1 else y
        if self._weight is None or not _takes_weights(scorer):
            return lambda: scorer(fitted, X, y)
        return lambda: scorer(fitted, X, y, sample_weight=self._weight)


def _mean(values, weight):
    if weight is None:
        return float(values.mean())
    total = weight.sum(dtype=np.float64)
    return float(values @ weight.astype(np.float64) / total) if total else np.nan  # classes of weight 0 may be all


def _takes_weights(scorer):
    """Whether a scorer has a parameter `sample_weight`; scikit-learn's own have it among their keywords."""
    parameters = signature(scorer).parameters.values()
    return any(parameter.name == "sample_weight" or parameter.kind == parameter.VAR_KEYWORD for parameter in parameters)
