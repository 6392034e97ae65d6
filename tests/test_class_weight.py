# SPDX-License-Identifier: BSD-3-Clause
"""Weights of classes: scikit-learn's weights of samples by another name, and rows that are repeated."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.preprocessing import scale
from sklearn.utils.class_weight import compute_sample_weight

from bpnet import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, LABELS = scale(load_iris().data)[:130], load_iris().target[:130]  # 50, 50 and 30 of a class
NAMES = np.array(["b", "a", "c"])[LABELS]
BITS = np.column_stack([LABELS < 2, LABELS > 0]).astype(int)
QUICK = {"hidden_layer_sizes": (4,), "max_iter": 5, "random_state": 0}
LONG = QUICK | {"solver": "lbfgs", "activation": "tanh", "alpha": 1.0, "max_iter": 3000, "tol": 1e-10, "max_fun": 10**5}

WEIGHTS = {
    "two classes": ({True: 3.0, False: 0.5}, LABELS > 0),
    "names": ({"a": 2.0, "c": 0.25}, NAMES),
    "balanced": ("balanced", NAMES),
    "labels": ([{0: 2.0, 1: 1.0}, {1: 3.0}], BITS),
    "balanced labels": ("balanced", BITS),
}


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("case", WEIGHTS)
def test_class_weights_are_sample_weights_as_scikit_learn_computes_them(case, solver):
    class_weight, y = WEIGHTS[case]
    # compute_sample_weight wants every class named.
    named = [{0: 1.0} | weights for weights in class_weight] if isinstance(class_weight, list) else class_weight
    by_class = MLPClassifier(**QUICK, solver=solver, class_weight=class_weight).fit(X, y)
    by_row = MLPClassifier(**QUICK, solver=solver).fit(X, y, compute_sample_weight(named, y))
    assert_allclose(by_class.predict_proba(X), by_row.predict_proba(X), rtol=1e-9)
    plain = MLPClassifier(**QUICK, solver=solver).fit(X, y)
    assert np.abs(by_class.predict_proba(X) - plain.predict_proba(X)).max() > 1e-4


def test_class_weights_and_sample_weights_multiply():
    weight, names = np.arange(130) % 3 + 1.0, {"a": 2.0, "b": 3.0, "c": 0.5}
    a = MLPClassifier(**QUICK, class_weight=names).fit(X, NAMES, weight)
    b = MLPClassifier(**QUICK).fit(X, NAMES, weight * np.vectorize(names.get)(NAMES))
    assert_array_equal(a.predict_proba(X), b.predict_proba(X))


@pytest.mark.filterwarnings("ignore:Got `batch_size`")
@pytest.mark.parametrize("full", [{"solver": "lbfgs"}, {"batch_size": 10**4}, {"solver": "sgd", "batch_size": 10**4}])
@pytest.mark.parametrize(
    "class_weight, y", [(None, NAMES), ("balanced", NAMES), ({"a": 2.0}, NAMES), ("balanced", BITS), (None, LABELS)]
)
def test_integer_weights_are_repeated_rows_in_full_batches(class_weight, y, full):
    weight = np.random.RandomState(0).randint(0, 4, len(X))
    settings = QUICK | {"activation": "tanh", "alpha": 1.0, "max_iter": 8, "learning_rate_init": 0.1} | full
    est = MLPRegressor(**settings) if y is LABELS else MLPClassifier(**settings, class_weight=class_weight)
    predict = "predict" if y is LABELS else "predict_proba"
    a = getattr(est.fit(X, y, weight), predict)(X)
    b = getattr(est.fit(X.repeat(weight, axis=0), y.repeat(weight, axis=0)), predict)(X)
    # The sums differ in the order of their terms, by 1e-15; eight steps magnify that by less than 10^5.
    assert_allclose(a, b, rtol=1e-10, atol=1e-10)
    assert np.abs(a - getattr(est.fit(X, y), predict)(X)).max() > 1e-4


def test_balanced_weights_find_the_rare_class():
    X, y = load_breast_cancer(return_X_y=True)
    X, rare = scale(X)[:, :2], y == 0
    rows = np.flatnonzero(~rare | (np.arange(len(y)) % 8 == 0))
    fits = [MLPClassifier(**LONG | {"class_weight": weight}).fit(X[rows], rare[rows]) for weight in (None, "balanced")]
    recalls = [est.predict(X[rare]).mean() for est in fits]
    assert recalls[0] < 0.6 < 0.8 < recalls[1]


@pytest.mark.parametrize("weights", [np.zeros(130), [0.0] * 130])
@pytest.mark.parametrize("kind", [MLPRegressor, MLPClassifier])
def test_weights_that_are_all_zero_are_refused(kind, weights):
    with pytest.raises(ValueError, match="at least one non-zero"):
        kind(**QUICK).fit(X, LABELS, weights)


def test_class_weights_that_leave_nothing_are_refused():
    with pytest.raises(ValueError, match="class_weight makes all of them 0"):
        MLPClassifier(**QUICK, class_weight={0: 0, 1: 0, 2: 0}).fit(X, LABELS)


def test_a_split_that_leaves_one_side_without_weight_is_refused():
    for fraction in (0.1, 0.9):
        est = MLPClassifier(**QUICK, early_stopping=True, validation_fraction=fraction)
        with pytest.raises(ValueError, match="expected weights above 0 among the rows set aside and among those left"):
            est.fit(X, LABELS, np.arange(130) == 7)


@pytest.mark.parametrize(
    "class_weight, y, said",
    [
        ({"z": 1.0}, NAMES, "not in class_weight"),
        ({0: -1.0}, LABELS, "at least 0"),
        ({0: np.inf}, LABELS, "finite"),
        ([{0: 1.0}], LABELS, "got a list"),
        ({0: 1.0}, BITS, "a list with a dict for each label"),
        ([{0: 1.0}], BITS, "expected 2 dicts"),
        ([{0: 1.0}, {2: 1.0}], BITS, "weights for 0 and 1"),
        ("even", LABELS, "class_weight"),
    ],
)
def test_wrong_class_weights_are_refused_before_anything_changes(class_weight, y, said):
    est = MLPClassifier(**QUICK).fit(X, y)
    before = est.predict_proba(X)
    with pytest.raises(ValueError, match=said):
        est.set_params(class_weight=class_weight).fit(X, y)
    assert_array_equal(est.predict_proba(X), before)


def test_partial_fit_takes_dicts_and_refuses_balanced():
    weights, classes = {"a": 2.0, "b": 3.0}, np.unique(NAMES)
    a = MLPClassifier(**QUICK, class_weight=weights).partial_fit(X[:40], NAMES[:40], classes=classes)
    b = MLPClassifier(**QUICK).partial_fit(X[:40], NAMES[:40], np.vectorize(weights.get)(NAMES[:40]), classes=classes)
    assert_array_equal(a.predict_proba(X), b.predict_proba(X))
    with pytest.raises(ValueError, match="partial_fit sees a part"):
        a.set_params(class_weight="balanced").partial_fit(X, NAMES)


def test_class_weights_count_in_losses_and_not_in_scores():
    weights = {0: 5.0, 1: 1.0, 2: 0.1}
    est = MLPClassifier(**QUICK, class_weight=weights).fit(X, LABELS, X_val=X, y_val=LABELS)
    p = est.predict_proba(X)[np.arange(130), LABELS]
    row = np.vectorize(weights.get)(LABELS)
    assert est.validation_loss_curve_[-1] == pytest.approx(-(row * np.log(p)).sum() / row.sum(), rel=1e-12)
    assert est.validation_scores_[-1] == est.score(X, LABELS)
