# SPDX-License-Identifier: BSD-3-Clause
"""Preset for numbers that belong to a table's rows."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array
from sklearn.utils.validation import column_or_1d

from bpnet.estimators._checks import too_large_is_a_value_error
from bpnet.estimators.regressor import MLPRegressor
from bpnet.tabular._base import BaseTabularMLP
from bpnet.tabular._docs import share_docs


@share_docs(sizes="(128, 128)", activation="relu", dropout="0.0", input_dropout="0.0")
class TabularMLPRegressor(RegressorMixin, BaseTabularMLP):
    """Regressor for tables as they come: prepared columns, and the average of several nets.

    {SUMMARY}

    Targets, one or several a row, are standardised inside. No net predicts beyond the targets it was given: its outputs
    are clipped to their range before they are averaged.

    Parameters
    ----------
    {PARAMETERS}

    Attributes
    ----------
    target_scaler_ : StandardScaler
        Fitted to the targets; the nets in `estimators_` predict scaled ones.
    target_range_ : ndarray of shape (2, n_outputs)
        Least and largest target.
    {ATTRIBUTES}

    See Also
    --------
    TabularMLPClassifier : The same for classes.
    MLPRegressor : One net, with all of its parameters.

    Notes
    -----
    {NOTES}

    Examples
    --------
    >>> from bpnet import TabularMLPRegressor
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    >>> X["sex"] = X["sex"].map({1: "f", 2: "m"})
    >>> model = TabularMLPRegressor(random_state=0).fit(X[:300], y[:300])
    >>> model.score(X[300:], y[300:]) > 0.4
    True
    """

    _net_class = MLPRegressor

    def __init__(
        self,
        n_estimators=5,
        *,
        hidden_layer_sizes=(128, 128),
        activation="relu",
        dropout=0.0,
        input_dropout=0.0,
        learning_rate_init=0.008,
        max_iter=32,
        batch_size="auto",
        categorical_features="from_dtype",
        n_jobs=None,
        random_state=None,
        verbose=False,
    ):
        self.n_estimators = n_estimators
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.categorical_features = categorical_features
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def predict(self, X):
        """Predicted targets: the mean over the nets.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs), float64
        """
        views = self._prepare(X)
        low, high = self.target_range_
        each = [net.predict(view) for net, view in zip(self.estimators_, views, strict=True)]
        outputs = [z.reshape(len(z), -1).astype(np.float64) for z in each]
        y = np.mean([np.clip(self.target_scaler_.inverse_transform(z), low, high) for z in outputs], axis=0)
        y = np.clip(y, low, high)  # the mean of equal numbers may round beyond them
        return y[:, 0] if y.shape[1] == 1 else y

    def _check_y(self, y):
        with too_large_is_a_value_error():
            y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return y.reshape(len(y), -1)

    def _encode(self, y, sample_weight):
        """Standardised targets; folds are dealt without a look at them."""
        scaler = StandardScaler().set_output(transform="default")
        in_range = too_large_is_a_value_error("y and sample_weight of a size that can be squared")
        with in_range, np.errstate(over="raise"):
            self.target_scaler_ = scaler.fit(y, sample_weight=sample_weight)
        self.target_range_ = np.array([y.min(axis=0), y.max(axis=0)])
        y = self.target_scaler_.transform(y).astype(np.float32)
        return y[:, 0] if y.shape[1] == 1 else y, None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
