# SPDX-License-Identifier: BSD-3-Clause
"""What the two presets share: prepare the columns, train a few nets, each judged on rows of its own."""

from copy import copy
from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from bpnet.estimators._checks import check_weights, too_large_is_a_value_error
from bpnet.estimators._topology import hidden_sizes
from bpnet.layers import Layer
from bpnet.tabular.columns import is_frame, make_preprocessor, na_as_nan, split_columns
from bpnet.tabular.folds import deal
from bpnet.tabular.ramps import Ramps

#: So many epochs without a better one are forgiven, then the net ends. Where nets overfit early, as on `adult` and
#: `higgs_small` of docs/guide/tabular.md, that saves a third of the time and more, on three small sets nearly half; on
#: splits of the training rows no score became worse by it. With 8 that of `satimage` did.
PATIENCE = 12

#: Up to so many rows every net reads ramps: steps of the training are few there, and a net that is given its bends has
#: less to find out. Of tables with more rows some lose by it, and all take longer.
FEW_ROWS = 2000


class BaseTabularMLP(BaseEstimator):
    """Base of the presets; parameters and attributes stand in the subclasses."""

    _parameter_constraints: dict = {
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [str],
        "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "input_dropout": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit the columns' transformers and the nets.

        Nothing of an earlier fit is lost if this one fails, or Ctrl-C ends it.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            NaN, None and pandas' NA are missing values.
        y : array-like of shape (n_samples,)
            A regressor's may have the shape (n_samples, n_outputs).
        sample_weight : array-like of shape (n_samples,), default=None
            At least 0; rows of weight 0 are left out. Weights count in the nets' losses and in the validation, not in
            the scaling of the columns.

        Returns
        -------
        self : object
        """
        draft = copy(self)
        draft._fit(X, y, sample_weight)
        self.__dict__ = draft.__dict__
        return self

    def _fit(self, X, y, sample_weight):
        X, y, sample_weight = self._validate(X, y, sample_weight)
        self.preprocessor_ = make_preprocessor(*split_columns(X, self.categorical_features))
        in_range = too_large_is_a_value_error("X of a size that can be squared")
        with in_range, np.errstate(over="raise", invalid="ignore"):  # invalid: the mean of a column without any number
            X = np.ascontiguousarray(self.preprocessor_.fit_transform(X), np.float32)
        self.ramps_ = Ramps().fit(X)
        y, classes = self._encode(y, sample_weight)
        sample_weight = self._weigh(y, sample_weight)
        random_state = check_random_state(self.random_state)
        self.folds_ = deal(self.n_estimators, len(X), random_state, classes)
        self._check_folds(sample_weight)
        # Drawn here and not by the nets, so that no net depends on when another one is trained.
        seeds = random_state.randint(np.iinfo(np.int32).max, size=self.n_estimators)
        self.ramped_ = np.arange(self.n_estimators) % 2 == 1 if len(X) > FEW_ROWS else np.ones(self.n_estimators, bool)
        # The core works without the GIL: threads share the rows, processes would copy them.
        self.estimators_ = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(self._train)(k, int(seed), view, y, sample_weight)
            for k, (seed, view) in enumerate(zip(seeds, self._views(X), strict=True))
        )
        self.n_iter_ = max(net.n_iter_ for net in self.estimators_)

    def _weigh(self, y, sample_weight):
        """Weights of the rows in the nets' losses."""
        return sample_weight

    def _check_folds(self, sample_weight):
        """Each net needs a row that counts to learn from, and one to be judged on: of a class with other rows."""
        counts = np.ones(len(self.folds_), bool) if sample_weight is None else sample_weight > 0
        for k in range(self.n_estimators):
            judged = self.folds_ == k
            if not (counts[judged].any() and counts[~judged].any()):
                cause = "class_weight makes the others 0" if not counts.all() else "the others are alone in their class"
                raise ValueError(
                    f"expected rows of a weight above 0 in every fold of {self.n_estimators} nets, got "
                    f"{np.count_nonzero(counts & (self.folds_ >= 0))} in all: {cause}"
                )

    def _validate(self, X, y, sample_weight):
        """Arguments of `fit`, checked; rows of weight 0 are gone."""
        X, y = self._check(X, y=y), self._check_y(y)
        check_consistent_length(X, y)
        if sample_weight is not None:
            sample_weight = check_weights(sample_weight, X, np.float64)
            counted = np.flatnonzero(sample_weight)
            X, y, sample_weight = X.iloc[counted] if is_frame(X) else X[counted], y[counted], sample_weight[counted]
        if len(y) < max(2, self.n_estimators):
            found = "1 sample" if len(y) == 1 else f"{len(y)} samples"
            raise ValueError(
                f"expected a row for each of {self.n_estimators} nets, and two at least, got {found}"
                + (" of a weight above 0" if sample_weight is not None else "")
            )
        return X, y, sample_weight

    def _check(self, X, **fitting):
        """X as a DataFrame or an array; with y, where that is to be fitted to, even if it is None."""
        X = na_as_nan(X)
        checks: dict
        if is_frame(X):
            checks = {"skip_check_array": True}
        else:
            # What is declared to be categories may be strings, and what is not will be converted by the scaler.
            declared = self.categorical_features is not None and not isinstance(self.categorical_features, str)
            checks = {"dtype": None if declared else (np.float64, np.float32), "ensure_all_finite": "allow-nan"}
            if fitting:
                checks["multi_output"] = True  # what y has to be beyond that the estimators know
        with too_large_is_a_value_error():
            checked = validate_data(self, X, **fitting, reset=bool(fitting), **checks)
        X = checked[0] if fitting else checked
        if is_frame(X):
            _refuse_empty(X)
        return X

    def _train(self, k, seed, X, y, sample_weight):
        """Net k: its best epoch on fold k."""
        judged = self.folds_ == k
        train, held_out = np.flatnonzero(~judged), np.flatnonzero(judged)
        net = self._net_class(
            topology=[Layer(size, self.activation) for size in hidden_sizes(self._resolve_sizes(len(y)))],
            solver="adam",
            alpha=0.0,
            dropout=self.dropout,
            input_dropout=self._resolve_input_dropout(len(y)),
            learning_rate="cosine",
            learning_rate_init=self.learning_rate_init,
            batch_size=min(self._resolve_batch_size(len(y)), len(train)),
            max_iter=self.max_iter,
            early_stopping=True,
            scoring="loss",
            tol=0.0,
            n_iter_no_change=PATIENCE,
            random_state=seed,
        )
        weights = (None, None) if sample_weight is None else (sample_weight[train], sample_weight[held_out])
        net.fit(X[train], y[train], weights[0], X_val=X[held_out], y_val=y[held_out], sample_weight_val=weights[1])
        if net._progress.interrupted:  # the net keeps what it has learnt; an average of cut nets helps nobody
            raise KeyboardInterrupt
        if self.verbose:
            best = int(np.nanargmin(net.validation_loss_curve_))
            print(
                f"Net {k + 1} of {self.n_estimators}: best epoch {best + 1} of {net.n_iter_}, "
                f"validation loss = {net.validation_loss_curve_[best]:.8f}"
            )
        return net

    def _resolve_sizes(self, n_samples):
        return self.hidden_layer_sizes

    def _resolve_batch_size(self, n_samples):
        """A ninetieth of the rows, as the nearest power of two from 16 to 128.

        The number of steps decides more than that of epochs: 32 epochs of these do as well as 64 with a thirtieth of
        the rows and up to 256, at half the cost. Smaller ones than 16 leave the processor idle.
        """
        if self.batch_size != "auto":
            return self.batch_size
        return int(2 ** np.clip(np.round(np.log2(n_samples / 90)), 4, 7))

    def _resolve_input_dropout(self, n_samples):
        """50 / n_samples, a fifth at most, to hundredths; none from 10,001 rows on.

        Noise in the inputs acts as a prior belief that no single column decides, and like a prior it has to count less
        the more rows there are. A fifth was best for 130 to 210 rows, a tenth for 460; a tenth added three quarters to
        the log-loss of `letter` with 13,000 rows.
        """
        if self.input_dropout != "auto":
            return self.input_dropout
        return round(min(0.2, 50 / n_samples), 2)

    def _prepare(self, X):
        """X of a prediction as each net reads it."""
        check_is_fitted(self, "estimators_")
        X = self._check(X)
        in_range = too_large_is_a_value_error("X of a size that float32 has once it is standardised")
        with in_range, np.errstate(over="raise"):
            return self._views(np.ascontiguousarray(self.preprocessor_.transform(X), np.float32))

    def _views(self, X):
        """An array for each net: the prepared columns, or these and their ramps.

        Where rows are many, nets 1, 3, ... read ramps. Nets that read different things err differently: with two of
        five, next to nothing is lost anywhere, for a fifth more time.
        """
        views = X, self.ramps_.transform(X) if self.ramped_.any() else X
        return [views[int(ramped)] for ramped in self.ramped_]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _refuse_empty(X):
    """Raise for a DataFrame without rows or columns, in scikit-learn's words for arrays."""
    if 0 in X.shape:
        raise ValueError(
            f"Found array with {X.shape[0]} sample(s) and {X.shape[1]} feature(s) (shape={X.shape}) while a minimum of "
            "1 is required."
        )
