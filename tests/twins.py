# SPDX-License-Identifier: BSD-3-Clause
"""Estimators of scikit-learn's and of ours, alike but for their module, and what they are fitted to."""

import numpy as np
import sklearn.neural_network as theirs
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

import bpnet as ours
from bpnet import MLPClassifier

X, LABELS = scale(load_iris().data), load_iris().target
TARGET = load_iris().data[:, 3]
SEVERAL = scale(load_iris().data[:, 2:])
BITS = np.column_stack([LABELS < 2, LABELS > 0]).astype(int)
NAMES = np.array(["virginica", "setosa", "ü"])[LABELS]
QUICK = {"hidden_layer_sizes": (4,), "max_iter": 4, "random_state": 0, "learning_rate_init": 0.01}

# Name: kind of estimator, targets, settings.
TASKS = {
    "regression": ("MLPRegressor", TARGET, {}),
    "several outputs": ("MLPRegressor", SEVERAL, {}),
    "poisson": ("MLPRegressor", TARGET, {"loss": "poisson"}),
    "binary": ("MLPClassifier", LABELS > 0, {}),
    "classes": ("MLPClassifier", NAMES, {}),
    "labels": ("MLPClassifier", BITS, {}),
}
# Name: settings, and what is done with the estimator, X and y.
MODES = {
    "adam": ({}, lambda est, *data: est.fit(*data)),
    "sgd": ({"solver": "sgd"}, lambda est, *data: est.fit(*data)),
    "lbfgs": ({"solver": "lbfgs"}, lambda est, *data: est.fit(*data)),
    "early stopping": ({"early_stopping": True}, lambda est, *data: est.fit(*data)),
    "fit twice": ({"learning_rate": "adaptive", "solver": "sgd"}, lambda est, *data: est.fit(*data).fit(*data)),
    "warm start": ({"warm_start": True, "solver": "sgd"}, lambda est, *data: est.fit(*data).fit(*data)),
    "warm start, lbfgs": ({"warm_start": True, "solver": "lbfgs"}, lambda est, *data: est.fit(*data).fit(*data)),
    "fit, then part": ({}, lambda est, *data: est.fit(*data).partial_fit(*data)),
    "parts": ({"solver": "sgd", "learning_rate": "invscaling"}, lambda est, *data: in_parts(est, *data)),
    "parts, adam": ({}, lambda est, *data: in_parts(est, *data)),
}


def in_parts(est, X, y):
    """Three times partial_fit, with the classes where there are any."""
    more = {"classes": np.unique(y)} if isinstance(est, MLPClassifier | theirs.MLPClassifier) else {}
    return est.partial_fit(X[::2], y[::2], **more).partial_fit(X[1::2], y[1::2]).partial_fit(X, y)


def twins(kind, **settings):
    """An estimator of scikit-learn's and one of ours."""
    return getattr(theirs, kind)(**QUICK | settings), getattr(ours, kind)(**QUICK | settings)


def fitted_attributes(est):
    return {name for name in dir(est) if name.endswith("_") and not name.startswith("_") and hasattr(est, name)}
