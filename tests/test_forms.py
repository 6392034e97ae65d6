# SPDX-License-Identifier: BSD-3-Clause
"""What inputs, targets and weights of the estimators may look like, and that their form changes nothing."""

import weakref

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from twins import BITS, LABELS, NAMES, QUICK, TARGET, TASKS, X, twins

import bpnet as ours
from bpnet import MLPClassifier, MLPRegressor

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
]

FORMATS = ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"]


@pytest.mark.filterwarnings("ignore:Constructing a DIA matrix")
@pytest.mark.parametrize("kind", [f"{name}_{what}" for name in FORMATS for what in ("matrix", "array")])
def test_every_sparse_format_gives_the_dense_fit(kind):
    dense = np.where(X > 0.5, X, 0)
    a, b = MLPClassifier(**QUICK).fit(dense, LABELS), MLPClassifier(**QUICK)
    b.fit(getattr(scipy.sparse, kind)(dense), LABELS)
    assert_allclose(a.predict_proba(dense), b.predict_proba(getattr(scipy.sparse, kind)(dense)))


LABELLINGS = {
    "strings": NAMES,
    "objects": NAMES.astype(object),
    "booleans": LABELS > 0,
    "negative": LABELS - 2,
    "huge": np.array([-(2**62), 0, 2**62])[LABELS],
    "unsigned": LABELS.astype(np.uint8),
    "floats": LABELS * 1.0,
    "list": NAMES.tolist(),
    "column of a frame": pd.Series(NAMES),
    "categorical": pd.Series(pd.Categorical(NAMES)),
    "nullable integers": pd.Series(LABELS, dtype="Int64"),
    "pandas strings": pd.Series(NAMES, dtype="string"),
}


@pytest.mark.parametrize("y", LABELLINGS.values(), ids=LABELLINGS)
def test_labels_may_be_of_any_type(y):
    a, b = (est.fit(X, y) for est in twins("MLPClassifier"))
    assert a.classes_.dtype == b.classes_.dtype and a.predict(X).dtype == b.predict(X).dtype
    assert_array_equal(a.classes_, b.classes_)
    assert_array_equal(a.predict(X), b.predict(X))


@pytest.mark.parametrize("form", [list, scipy.sparse.csr_matrix, scipy.sparse.csc_array, pd.DataFrame, np.bool_])
def test_several_labels_may_come_in_any_form(form):
    a, b = (est.fit(X, form(BITS)) for est in twins("MLPClassifier"))
    assert type(a.predict(X)) is type(b.predict(X)) and a.predict(X).dtype == b.predict(X).dtype
    assert_array_equal(scipy.sparse.csr_array(a.predict(X)).toarray(), scipy.sparse.csr_array(b.predict(X)).toarray())
    assert_allclose(a.predict_proba(X), b.predict_proba(X))


def test_a_column_of_targets_is_flattened_with_a_warning():
    with pytest.warns(UserWarning, match="column-vector y was passed"):
        assert MLPRegressor(**QUICK).fit(X, TARGET[:, np.newaxis]).predict(X).shape == (150,)


def test_feature_names_are_kept_and_compared():
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    est = MLPRegressor(**QUICK).fit(frame, TARGET)
    assert est.feature_names_in_.tolist() == ["a", "b", "c", "d"] and est.n_features_in_ == 4
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        est.predict(frame[["b", "a", "c", "d"]])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        est.predict(X)


FORMS = {
    "float64": lambda rows: rows.astype(np.float64),
    "Fortran": np.asfortranarray,
    "strided": lambda rows: np.repeat(rows, 2, axis=1)[:, ::2],
    "backwards": lambda rows: rows[::-1].copy()[::-1],
    "big-endian": lambda rows: rows.astype(">f4"),
    "unaligned": lambda rows: np.frombuffer(b" " + rows.tobytes(), np.float32, offset=1).reshape(rows.shape),
    "subclass": lambda rows: rows.view(np.memmap),
    "list": lambda rows: rows.tolist(),
    "frame": pd.DataFrame,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("n_rows", [1, 150])
@pytest.mark.parametrize("task", TASKS)
def test_rows_are_predicted_alike_in_every_form(task, n_rows, form):
    kind, y, more = TASKS[task]
    rows = X[:n_rows].astype(np.float32)
    for dtype in (np.float32, np.float64):
        est = getattr(ours, kind)(**QUICK | more).fit(X.astype(dtype), y)
        methods = ["predict", *(["predict_proba", "decision_function"] if kind == "MLPClassifier" else [])]
        for method in methods:
            assert_array_equal(getattr(est, method)(form(rows)), getattr(est, method)(rows))


def test_predictions_keep_nothing_of_their_input():
    est, rows = MLPRegressor(**QUICK).fit(X, TARGET), X[:3].copy()
    gone = weakref.ref(rows)
    est.predict(rows)
    del rows
    assert gone() is None


def test_numbers_too_large_for_a_float32_network_are_refused_in_the_same_words():
    est = MLPRegressor(**QUICK).fit(X.astype(np.float32), TARGET)
    for rows in ([[1e300] * 4], np.full((1, 4), 1e300)):
        with pytest.raises(ValueError, match="Input X contains infinity or a value too large"):
            with np.errstate(over="ignore"):
                est.predict(rows)


def test_refitting_without_names_forgets_them():
    est = MLPRegressor(**QUICK).fit(pd.DataFrame(X, columns=[*"abcd"]), TARGET).fit(X, TARGET)
    assert not hasattr(est, "feature_names_in_") and est.predict(X).shape == (150,)


def test_an_integer_weight_counts_like_repetition():
    weight = LABELS + 1
    settings = QUICK | {"solver": "lbfgs", "alpha": 1, "max_iter": 500, "hidden_layer_sizes": ()}
    a, b = MLPClassifier(**settings, tol=1e-8), MLPClassifier(**settings, tol=1e-8)
    a.fit(X, NAMES, sample_weight=weight)
    b.fit(np.repeat(X, weight, axis=0), np.repeat(NAMES, weight))
    assert_allclose(a.predict_proba(X), b.predict_proba(X), atol=1e-4)


def test_partial_fit_without_some_classes_keeps_all():
    est = MLPClassifier(**QUICK).partial_fit(X[:60], NAMES[:60], classes=np.unique(NAMES))
    assert est.predict_proba(X).shape == (150, 3)


@pytest.mark.parametrize("more", [{}, {"loss": "poisson"}, {"solver": "sgd", "learning_rate": "adaptive"}])
def test_partial_fit_repeated_is_fit_without_shuffling(more):
    settings = QUICK | more | {"shuffle": False}
    a, b = MLPRegressor(**settings).fit(X, TARGET), MLPRegressor(**settings)
    for _ in range(4):
        b.partial_fit(X, TARGET)
    assert_array_equal(a.loss_curve_, b.loss_curve_)
    assert_array_equal(a.coefs_[0], b.coefs_[0])


def test_predict_proba_is_a_distribution_over_classes():
    p = MLPClassifier(**QUICK).fit(X, NAMES).predict_proba(X)
    assert_allclose(p.sum(axis=1), 1)
    assert MLPClassifier(**QUICK).fit(X, LABELS > 0).predict_proba(X).shape == (150, 2)
