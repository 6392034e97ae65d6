# SPDX-License-Identifier: BSD-3-Clause
"""The same fit as scikit-learn's: a table of cases, printed by `python tests/test_same_fit.py`.

Where training is chaotic no two implementations agree, nor does one with itself: a case belongs to the table if
scikit-learn, started from weights one ulp away, ends less than 1e-8 away from scikit-learn.
"""

import importlib.util
import os
import warnings
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import sklearn.neural_network as theirs
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import minmax_scale, scale

import bpnet as ours

ITSELF, AGREEMENT = 1e-8, 1e-6

SETS = {  # name: estimator, further parameters
    "diabetes": ("MLPRegressor", {}),
    "linnerud": ("MLPRegressor", {}),
    "diabetes counts": ("MLPRegressor", {"loss": "poisson"}),
    "breast_cancer": ("MLPClassifier", {}),
    "wine": ("MLPClassifier", {}),
    "digits": ("MLPClassifier", {}),
    "digits bits": ("MLPClassifier", {}),
    "yeast": ("MLPClassifier", {}),
}
SOLVERS = {
    "sgd": {"solver": "sgd", "momentum": 0},
    "momentum": {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": False},
    "nesterov": {"solver": "sgd", "momentum": 0.8},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.3},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.01, "n_iter_no_change": 2},
    "adam": {"solver": "adam"},
}
VARIANTS = {
    "plain": {},
    "weights": {"weights": True},
    "early stopping": {"early_stopping": True},
    "early stopping, weights": {"early_stopping": True, "weights": True},
    "csr": {"csr": True},
    "csr, weights, early stopping": {"csr": True, "weights": True, "early_stopping": True},
    "two hidden layers": {"hidden_layer_sizes": (8, 6)},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "one batch": {"batch_size": 10_000},
    "unshuffled": {"shuffle": False, "batch_size": 17},
}
ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
# Every solver with every activation on three sets; every variant on every set, with solvers and activations in turn.
CASES = list(product(["diabetes", "breast_cancer", "digits bits"], SOLVERS, ACTIVATIONS, ["plain"]))
CASES += [
    (name, ("adam", "nesterov", "adaptive")[(j + k) % 3], ACTIVATIONS[(j + k) % 4], variant)
    for j, variant in enumerate(VARIANTS)
    for k, name in enumerate(SETS)
    if variant != "plain" or name not in ("diabetes", "breast_cancer", "digits bits")
]
# Adam without memory goes by the signs of the gradient: from some starts it magnifies every rounding.
SOLVERS["signs"] = {"solver": "adam", "beta_1": 0, "beta_2": 0, "learning_rate_init": 0.1, "batch_size": 10}
CASES += list(product(["diabetes"], ["signs"], ACTIVATIONS, ["plain"]))
# Out of the table: scikit-learn does not even agree with itself.
CHAOTIC = [("breast_cancer", "signs", "tanh", "two hidden layers")]


@cache
def load(name):
    """X and y of a set, of at most 150 rows in random order."""
    if name == "yeast":
        folder = os.environ.get("BPNET_DATA")
        if not folder:
            pytest.skip("BPNET_DATA names no folder of data sets")
        spec = importlib.util.spec_from_file_location("load", Path(folder, "load.py"))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        X, y = module.load("yeast")["X"][:150], module.load("yeast")["y"][:150]
        return scale(X.astype(float)), y.astype(int)
    X, y = getattr(datasets, f"load_{name.split()[0]}")(return_X_y=True)
    rows = np.random.RandomState(0).permutation(len(X))[:150]
    X, y = X[rows], y[rows]
    if name == "digits bits":
        return X / 16, y[:, np.newaxis] >> np.arange(4) & 1
    if name in ("diabetes", "linnerud"):
        y = scale(y)
    if name == "diabetes counts":
        y = (y // 40).astype(float)
    return (X / 16 if name == "digits" else minmax_scale(X)), y


def data_of(case):
    """X, y and the sample weights of a case."""
    X, y = load(case[0])
    settings = VARIANTS[case[3]]
    weights = np.random.RandomState(1).randint(1, 4, len(X)) / 2 if "weights" in settings else None
    return scipy.sparse.csr_array(np.where(X > 0.3, X, 0)) if "csr" in settings else X, y, weights


class OneUlpAway(np.random.RandomState):
    """Draws starting weights one ulp above those that scikit-learn would."""

    def uniform(self, low, high, size):
        return np.nextafter(super().uniform(low, high, size), np.inf)


def fit(library, case, random_state=3):
    """The fitted estimator of a case and its predictions, probabilities for classes."""
    name, solver, activation, variant = case
    X, y, weights = data_of(case)
    kind, extra = SETS[name]
    settings = {"hidden_layer_sizes": (10,), "batch_size": 40, "learning_rate_init": 0.01, "max_iter": 20, "tol": 0}
    settings |= {"n_iter_no_change": 20, "activation": activation, "random_state": random_state}
    settings |= extra | SOLVERS[solver]
    settings |= {key: value for key, value in VARIANTS[variant].items() if key not in ("csr", "weights")}
    estimator = getattr(library, kind)(**settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "Got `batch_size`")
        estimator.fit(X, y, sample_weight=weights)
    predict = estimator.predict_proba if hasattr(estimator, "predict_proba") else estimator.predict
    return estimator, predict(X)


def deviation(fitted, reference):
    """The largest max|difference| / max|array| of weights, biases, loss curves and predictions."""
    (a, p), (b, q) = fitted, reference
    pairs = [*zip(a.coefs_, b.coefs_), *zip(a.intercepts_, b.intercepts_), (a.loss_curve_, b.loss_curve_), (p, q)]
    pairs += [(a.validation_scores_, b.validation_scores_)] if a.early_stopping else []
    if len(a.loss_curve_) != len(b.loss_curve_):
        return np.inf
    return float(max(np.abs(np.subtract(x, y)).max() / (np.abs(y).max() or 1) for x, y in pairs))


def both_deviations(case):
    """scikit-learn against itself, and bpnet against scikit-learn."""
    reference = fit(theirs, case)
    return deviation(fit(theirs, case, OneUlpAway(3)), reference), deviation(fit(ours, case), reference)


@pytest.mark.parametrize("case", CASES, ids=" / ".join)
def test_fit_is_scikit_learns(case):
    itself, agreement = both_deviations(case)
    assert itself < ITSELF
    assert agreement <= AGREEMENT


@pytest.mark.parametrize("case", CHAOTIC, ids=" / ".join)
def test_a_case_is_left_out_only_where_scikit_learn_disagrees_with_itself(case):
    assert deviation(fit(theirs, case, OneUlpAway(3)), fit(theirs, case)) > ITSELF


# lbfgs takes other ways to the same minimum. With relu there are kinks on the way, where even scikit-learn's own fit,
# started one ulp away, ends in other minima.


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh"])
@pytest.mark.parametrize("name", ["diabetes", "diabetes counts", "breast_cancer", "wine"])
def test_lbfgs_reaches_scikit_learns_loss(name, activation):
    kind, extra = SETS[name]
    settings = {"hidden_layer_sizes": (5,), "solver": "lbfgs", "alpha": 1.0, "max_iter": 5000, "random_state": 3}
    settings |= extra | {"activation": activation, "tol": 1e-9}
    a, b = (getattr(library, kind)(**settings).fit(*load(name)) for library in (theirs, ours))
    # Where the valley is flat either may stop a little earlier: on one machine scikit-learn's ends 1.4e-6 above ours.
    assert b.loss_ <= a.loss_ * (1 + AGREEMENT)
    assert b.loss_ == pytest.approx(a.loss_, rel=10 * AGREEMENT)


if __name__ == "__main__":
    print(f"{'case':66}{'itself':>9}{'bpnet':>9}  in the table")
    for case in CASES + CHAOTIC:
        try:
            itself, agreement = both_deviations(case)
        except pytest.skip.Exception as reason:
            print(f"{' / '.join(case):66}{reason}")
            continue
        print(f"{' / '.join(case):66}{itself:9.0e}{agreement:9.0e}  {'yes' if itself < ITSELF else 'no'}")
