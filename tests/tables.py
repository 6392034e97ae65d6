# SPDX-License-Identifier: BSD-3-Clause
"""Small tables for the presets, quick settings, and what each of their nets reads."""

import numpy as np
import pytest

from bpnet import TabularMLPClassifier, TabularMLPRegressor

RNG = np.random.default_rng(0)
N = 60
X = RNG.normal(size=(N, 4))
TARGET = X[:, 0] * 3 + np.sin(X[:, 1]) + 50
LABELS = np.array(["low", "mid", "top"])[np.digitize(X[:, 0] + X[:, 1], [-0.7, 0.7])]
QUICK = {"hidden_layer_sizes": (8, 6), "max_iter": 5, "random_state": 0}
BOTH = [(TabularMLPRegressor, TARGET), (TabularMLPClassifier, LABELS)]
both = pytest.mark.parametrize(("kind", "y"), BOTH, ids=["regressor", "classifier"])


def outputs(model, X):
    return model.predict(X) if isinstance(model, TabularMLPRegressor) else model.predict_proba(X)


def views(model, X):
    """What each net reads."""
    inside = model.preprocessor_.transform(X).astype(np.float32)
    ramps = model.ramps_.transform(inside)
    return [ramps if ramped else inside for ramped in model.ramped_]
