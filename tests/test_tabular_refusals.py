# SPDX-License-Identifier: BSD-3-Clause
"""The presets for tables: what they refuse, and what they say."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import make_regression
from sklearn.exceptions import NotFittedError
from tables import LABELS, QUICK, TARGET, N, X, both

from bpnet import TabularMLPClassifier, TabularMLPRegressor, export_c, save_model, to_onnx


@pytest.mark.parametrize(
    ("settings", "change", "said"),
    [
        ({}, {"y": np.c_[LABELS == "low", LABELS == "mid"].astype(int)}, "takes one label a row.*MLPClassifier"),
        ({}, {"y": np.repeat("low", N)}, "at least two classes in y, got one class: .'low'."),
        ({}, {"y": LABELS[:-1]}, "inconsistent numbers of samples"),
        ({}, {"y": TARGET}, "Unknown label type"),
        ({}, {"y": None}, "requires y to be passed"),
        ({}, {"X": np.where(X > 2, np.inf, X)}, "contains infinity"),
        ({}, {"sample_weight": np.zeros(N)}, "non-zero number|got 0 samples of a weight"),
        ({}, {"sample_weight": -np.ones(N)}, "Negative values"),
        ({"n_estimators": 61}, {}, "a row for each of 61 nets.*got 60 samples"),
        ({"n_estimators": 0}, {}, "'n_estimators' parameter"),
        ({"activation": "sine"}, {}, "sine"),
        ({"dropout": [0.1, 0.1, 0.1]}, {}, "dropout"),
        ({"input_dropout": 1.0}, {}, "'input_dropout' parameter"),
        ({"input_dropout": "none"}, {}, "'input_dropout' parameter"),
        ({"hidden_layer_sizes": (0,)}, {}, r"hidden_layer_sizes must be > 0, got \[0\]"),
        ({"hidden_layer_sizes": ["auto"]}, {}, r"hidden_layer_sizes must be integers, got \['auto'\]"),
        ({"categorical_features": [4]}, {}, "positions below 4"),
        ({"categorical_features": [True]}, {}, "mask categorical_features of 4 columns, got 1"),
        ({"categorical_features": ["a"]}, {}, "X has no names"),
        ({"categorical_features": [0.5]}, {}, "names, positions or a mask"),
        ({"categorical_features": [[0]]}, {}, "one dimension"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_errors_come_before_anything_has_changed(settings, change, said):
    model = TabularMLPClassifier(**QUICK).fit(X, LABELS)
    expected = model.predict_proba(X)
    model.set_params(**settings)
    with pytest.raises((ValueError, TypeError), match=said):
        model.fit(**{"X": X, "y": LABELS} | change)
    assert_array_equal(model.predict_proba(X), expected)


def test_sparse_input_is_refused():
    sparse = pytest.importorskip("scipy.sparse").csr_matrix(X)
    with pytest.raises(TypeError, match="dense data is required"):
        TabularMLPRegressor(**QUICK).fit(sparse, TARGET)


def test_dates_unknown_names_and_mixed_columns_are_named(frame):
    pd = pytest.importorskip("pandas")
    model = TabularMLPRegressor(**QUICK)
    with pytest.raises(ValueError, match=r"got 'when' of type datetime64.*: turn it into numbers"):
        model.fit(frame.assign(when=pd.Timestamp("2020-01-01")), TARGET)
    with pytest.raises(ValueError, match=re.escape("X does not have: ['city']")):
        model.set_params(categorical_features=["city"]).fit(frame, TARGET)
    with pytest.raises(ValueError, match="could not convert string to float"):
        model.set_params(categorical_features=None).fit(frame, TARGET)
    model.set_params(categorical_features="from_dtype").fit(frame, TARGET)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"town": "city"}))
    with pytest.raises(ValueError, match="0 sample"):
        model.predict(frame[:0])


def test_labels_that_cannot_be_sorted_are_refused():
    labels = np.resize(np.array(["a", 1.5], object), len(X))
    with pytest.raises(ValueError, match="all numbers or all strings"):
        TabularMLPClassifier(**QUICK).fit(X, labels)


def test_prediction_needs_a_fit():
    with pytest.raises(NotFittedError):
        TabularMLPRegressor().predict(X)
    with pytest.raises(NotFittedError):
        TabularMLPClassifier().predict_proba(X)


def test_verbose_says_how_each_net_did(capsys):
    model = TabularMLPRegressor(**QUICK, verbose=True).fit(X, TARGET)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    best = [int(np.argmin(net.validation_loss_curve_)) + 1 for net in model.estimators_]
    assert [line.split(",")[0] for line in lines] == [f"Net {k + 1} of 5: best epoch {best[k]} of 5" for k in range(5)]
    TabularMLPRegressor(**QUICK).fit(X, TARGET)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("which", "said"),
    [("X", "expected X of a size"), ("y", "expected y and sample_weight"), ("w", "expected y and sample_weight")],
)
def test_numbers_whose_squares_overflow_are_refused(which, said):
    given = dict(zip("Xyw", (*make_regression(60, 3, random_state=0), np.ones(60)), strict=True))
    given[which] = given[which] * 1e300
    with pytest.raises(ValueError, match=said):
        TabularMLPRegressor().fit(*given.values())


def test_numbers_that_no_float_holds_are_refused():
    X, y = np.array([[10**400, 1]] * 20, object), np.arange(20.0)
    with pytest.raises(ValueError, match="expected numbers of a size that floats have"):
        TabularMLPRegressor().fit(X, y)
    model = TabularMLPRegressor(hidden_layer_sizes=(4,), max_iter=2).fit(np.c_[y], y)
    with pytest.raises(ValueError, match="expected X of a size that float32 has"):
        model.predict([[1e300]])


@pytest.mark.parametrize("kind", [TabularMLPRegressor, TabularMLPClassifier])
def test_targets_and_weights_that_no_float_holds_are_refused(kind):
    huge = np.array([10**400, *[1] * (N - 1)], object)
    said = "expected numbers of a size that floats have"
    y = TARGET if kind is TabularMLPRegressor else LABELS
    with pytest.raises(ValueError, match=said):
        kind(**QUICK).fit(X, y, sample_weight=huge)
    with pytest.raises(ValueError, match=said):
        if kind is TabularMLPRegressor:
            kind(**QUICK).fit(X, huge)
        else:
            kind(class_weight={"low": 10**400}, **QUICK).fit(X, y)


def test_classes_of_one_row_leave_nobody_to_judge():
    with pytest.raises(ValueError, match="in every fold of 5 nets, got 0 in all: the others are alone in their class"):
        TabularMLPClassifier(**QUICK).fit(X[:6], list("abcdef"))
    with pytest.raises(ValueError, match="in every fold of 5 nets, got 2 in all"):
        TabularMLPClassifier(**QUICK).fit(X[:7], list("abcdeff"))


@both
def test_presets_are_no_single_network_to_export(kind, y, tmp_path):
    model = kind(**QUICK).fit(X, y)
    message = f"expected a Network, an MLPRegressor or an MLPClassifier, got {kind.__name__}"
    for export in (save_model, export_c):
        with pytest.raises(TypeError, match=message):
            export(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())
    pytest.importorskip("skl2onnx")
    for rows in ((), (X[:1],)):
        with pytest.raises(TypeError, match=message):
            to_onnx(model, *rows)
