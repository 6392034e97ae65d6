# SPDX-License-Identifier: BSD-3-Clause
"""The presets for tables: columns, folds, nets and their average."""

import pickle
import re

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_regression
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.estimator_checks import parametrize_with_checks

from bpnet import Layer, MLPClassifier, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor
from bpnet.tabular._base import FEW_ROWS
from bpnet.tabular.columns import MAX_CATEGORIES, make_preprocessor, split_columns
from bpnet.tabular.folds import deal
from bpnet.tabular.ramps import Ramps

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


@pytest.fixture
def frame():
    """A table with all kinds of columns, each with something missing."""
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "age": np.where(np.arange(N) % 7 == 0, np.nan, X[:, 0]),
            "town": pd.Series(rng.choice(["Oslo", "Rome", "Bern"], N)).where(np.arange(N) % 11 != 0),
            "rank": pd.Categorical(rng.choice(["a", "b"], N)),
            "member": rng.random(N) > 0.5,
            "visits": pd.array([None, *rng.integers(0, 9, N - 1)], dtype="Int64"),
            "mood": pd.array([None, *(rng.random(N - 1) > 0.5)], dtype="boolean"),
        }
    )
    return table.set_index(np.arange(N)[::-1])  # rows are counted by place, not by label


# The average.


def test_probabilities_are_the_mean_of_the_nets():
    model = TabularMLPClassifier(**QUICK).fit(X, LABELS)
    assert len(model.estimators_) == 5
    logits = [net.decision_function(Z).astype(float) for net, Z in zip(model.estimators_, views(model, X), strict=True)]
    mean = np.mean([np.exp(a) / np.exp(a).sum(axis=1, keepdims=True) for a in logits], axis=0)
    # The nets are float32.
    assert_allclose(model.predict_proba(X), mean, atol=1e-6)
    assert_allclose(model.predict_log_proba(X), np.log(mean), atol=1e-5)
    assert_allclose(model.predict_proba(X).sum(axis=1), 1, atol=1e-15)
    assert_array_equal(model.predict(X), model.classes_[mean.argmax(axis=1)])


def test_means_are_the_mean_of_the_nets_in_the_units_of_the_target():
    model = TabularMLPRegressor(**QUICK).fit(X, TARGET)
    scaled = np.array([net.predict(Z) for net, Z in zip(model.estimators_, views(model, X), strict=True)], float)
    each = np.clip(scaled * TARGET.std() + TARGET.mean(), TARGET.min(), TARGET.max())
    assert_allclose(model.predict(X), each.mean(axis=0), rtol=1e-12)


def test_no_prediction_leaves_the_range_of_the_targets():
    model = TabularMLPRegressor(**QUICK | {"max_iter": 30, "hidden_layer_sizes": (32, 32)}).fit(X, TARGET)
    far = model.predict(100 * X)
    assert far.min() >= TARGET.min()
    assert far.max() <= TARGET.max()
    assert_allclose(far.max(), TARGET.max(), rtol=1e-14)  # all nets agree somewhere


def test_several_targets_have_a_column_each():
    Y = np.column_stack([TARGET, -1000 * TARGET + X[:, 2]])
    model = TabularMLPRegressor(**QUICK | {"max_iter": 60, "learning_rate_init": 0.05}).fit(X, Y)
    assert model.predict(X).shape == (N, 2)
    assert model.score(X, Y) > 0.8
    with pytest.warns(DataConversionWarning):
        assert TabularMLPRegressor(**QUICK).fit(X, TARGET[:, None]).predict(X).shape == (N,)


# Ramps.


def test_every_piecewise_linear_function_is_linear_in_the_ramps():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(41, 1))
    ramps = Ramps().fit(x)
    (knots,) = ramps.knots_
    assert_array_equal(knots, np.sort(x, axis=0)[[0, 5, 11, 17, 22, 28, 34, 40], 0])  # sevenths of 40, rounded down
    values = rng.normal(size=len(knots))
    new = rng.normal(size=(60, 1)) * 3  # also beyond the knots, where the function is constant
    found = ramps.transform(new)
    assert_array_equal(found[:, 0], new[:, 0])
    assert_allclose(values[0] + found[:, 1:] @ np.diff(values), np.interp(new[:, 0], knots, values), atol=1e-14)


def test_two_values_have_no_ramps():
    flags, constant = np.repeat([0.0, 1.0], 50), np.zeros(100)
    table = np.column_stack([flags, constant]).astype(np.float32)
    assert_array_equal(Ramps().fit_transform(table), table)


def test_a_frequent_value_leaves_knots_to_the_others():
    counts = np.repeat([0.0, 1.0, 4.0], [96, 2, 2])  # of the eight quantiles all but the last are 0
    found = Ramps().fit_transform(counts[:, None].astype(np.float32))
    assert found.dtype == np.float32
    assert_array_equal(found.T, [counts, np.minimum(counts, 1), np.maximum(counts - 1, 0) / 3])
    amounts = np.concatenate([np.zeros(92), np.arange(1.0, 9.0)])
    (knots,) = Ramps().fit(amounts[:, None]).knots_
    assert_array_equal(knots, [0, 1, 2, 3, 4, 5, 6, 8])  # sevenths of eight steps, rounded down; the least and largest
    crowded = np.concatenate([np.full(1000, 33.0), np.arange(72.0)])
    (knots,) = Ramps().fit(crowded[:, None]).knots_
    assert_array_equal(knots, [0, 10, 20, 30, 33, 40, 50, 60, 71])  # 33 is most quantiles of the rows


@pytest.mark.parametrize(("n_columns", "n_ramps"), [(16, 7), (17, 4)])
def test_ramps_are_fewer_where_columns_are_many(n_columns, n_ramps):
    flags = np.arange(40) % 2  # without ramps, they do not count
    table = np.column_stack([np.random.default_rng(6).normal(size=(40, n_columns)), flags])
    assert Ramps().fit_transform(table).shape == (40, n_columns + 1 + n_columns * n_ramps)


@both
@pytest.mark.parametrize("n_estimators", [1, 5])
def test_every_second_net_reads_ramps_and_every_one_where_rows_are_few(kind, y, n_estimators):
    settings = QUICK | {"max_iter": 1}
    few = kind(n_estimators, **settings).fit(np.resize(X, (FEW_ROWS, 4)), np.resize(y, FEW_ROWS))
    assert [net.n_features_in_ for net in few.estimators_] == [32] * n_estimators  # 7 ramps a column
    many = kind(n_estimators, **settings).fit(np.resize(X, (FEW_ROWS + 1, 4)), np.resize(y, FEW_ROWS + 1))
    assert [net.n_features_in_ for net in many.estimators_] == [4, 32, 4, 32, 4][:n_estimators]
    assert_array_equal(many.ramped_, [False, True, False, True, False][:n_estimators])
    assert len(outputs(many, X)) == N  # each net is given what it was trained on


@pytest.mark.parametrize(
    ("n_classes", "n_rows", "n_hidden"), [(9, 2001, 2), (10, 2001, 3), (10, 2000, 2)], ids=["few", "many", "few rows"]
)
def test_many_classes_and_rows_get_a_third_layer(n_classes, n_rows, n_hidden):
    settings = {"max_iter": 1, "random_state": 0}
    table, y = np.resize(X, (n_rows, 4)), np.arange(n_rows) % n_classes
    (net,) = TabularMLPClassifier(1, **settings).fit(table, y).estimators_
    assert [layer.n_units for layer in net.network_.topology.layers] == [128] * n_hidden + [n_classes]
    (net,) = TabularMLPClassifier(1, hidden_layer_sizes=[5], **settings).fit(table, y).estimators_
    assert [layer.n_units for layer in net.network_.topology.layers] == [5, n_classes]


# Folds.


@pytest.mark.parametrize("n_estimators", [1, 3, 5, 8])
def test_folds_are_disjoint_cover_all_rows_and_are_even(n_estimators):
    folds = deal(n_estimators, 63, np.random.RandomState(0))
    counts = np.bincount(folds)
    assert len(counts) == max(n_estimators, 5)
    assert counts.max() - counts.min() <= 1
    assert not np.array_equal(folds, np.sort(folds))


def test_classes_are_spread_evenly_over_folds():
    classes = np.repeat([0, 1, 2], [40, 17, 6])
    folds = deal(5, 63, np.random.RandomState(0), classes)
    for number in range(3):
        counts = np.bincount(folds[classes == number], minlength=5)
        assert counts.max() - counts.min() <= 1
    counts = np.bincount(folds)
    assert counts.max() - counts.min() <= 1


def test_every_net_learns_of_every_class():
    y = LABELS.copy().astype(object)
    y[:3] = ["once", "twice", "twice"]
    model = TabularMLPClassifier(**QUICK).fit(X, y)
    assert model.folds_[0] == -1
    assert_array_equal([len(net.classes_) for net in model.estimators_], len(model.classes_))
    assert model.predict_proba(X).shape == (N, 5)


@both
def test_each_net_is_the_best_epoch_on_its_fold(kind, y):
    settings = QUICK | {"max_iter": 20, "learning_rate_init": 0.05}
    model = kind(**settings).fit(X, y)
    last = []
    for k, (net, inside) in enumerate(zip(model.estimators_, views(model, X), strict=True)):
        held_out = model.folds_ == k
        if kind is TabularMLPClassifier:
            codes = np.searchsorted(model.classes_, y[held_out])
            loss = -np.mean(net.predict_log_proba(inside[held_out])[np.arange(len(codes)), codes])
        else:
            scaled = (y[held_out] - y.mean()) / y.std()
            loss = np.mean((net.predict(inside[held_out]) - scaled) ** 2) / 2
        assert len(net.validation_loss_curve_) == 20
        assert_allclose(loss, min(net.validation_loss_curve_), rtol=2e-5)  # float32
        last.append(net.validation_loss_curve_[-1] == min(net.validation_loss_curve_))
    assert not all(last)


@both
def test_a_net_is_the_plain_estimator_trained_on_the_other_folds(kind, y):
    model = kind(**QUICK, dropout=0.1).fit(X, y)
    inside = model.ramps_.transform(((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32))
    if kind is TabularMLPClassifier:
        plain, codes, activation = MLPClassifier, np.searchsorted(model.classes_, y), "silu"
    else:
        plain, codes, activation = MLPRegressor, ((y - y.mean()) / y.std()).astype(np.float32), "relu"
    net, fold = model.estimators_[2], model.folds_ == 2
    twin = plain(
        topology=[Layer(8, activation), Layer(6, activation)], alpha=0.0, dropout=0.1, learning_rate="cosine",
        learning_rate_init=0.008, batch_size=16, max_iter=5, early_stopping=True, scoring="loss", tol=0.0,
        n_iter_no_change=12, random_state=net.random_state, input_dropout=0.2 if kind is TabularMLPClassifier else 0.0,
    )  # fmt: skip
    twin.fit(inside[~fold], codes[~fold], X_val=inside[fold], y_val=codes[fold])
    assert_allclose(net.network_.parameters, twin.network_.parameters, atol=1e-5)


# Columns.


def test_columns_are_prepared_as_by_hand(frame):
    pd = pytest.importorskip("pandas")
    model = TabularMLPRegressor(**QUICK).fit(frame, TARGET)
    expected = []
    for name in ("age", "visits"):
        values = frame[name].to_numpy(float, na_value=np.nan)
        expected.append(np.nan_to_num((values - np.nanmean(values)) / np.nanstd(values)))
    expected += [frame["age"].isna().to_numpy(float), frame["visits"].isna().to_numpy(float)]
    for name in ("town", "rank", "member", "mood"):
        values = frame[name].astype(object).where(frame[name].notna(), "missing").astype(str)
        order = sorted(set(values), key=lambda value: (value == "missing", value))
        expected += [(values == value).to_numpy(float) for value in order]
    found = model.preprocessor_.transform(frame)
    assert_allclose(found, np.column_stack(expected), atol=1e-14)
    names = model.preprocessor_.get_feature_names_out()
    assert len(names) == found.shape[1]
    assert {"numeric__age", "categorical__town_Oslo", "categorical__mood_None"} <= set(names)
    assert pd.Index(model.feature_names_in_).equals(frame.columns)


@both
def test_what_is_missing_or_unseen_is_predicted_all_the_same(kind, y, frame):
    model = kind(**QUICK).fit(frame, y)
    other = frame.copy()
    other["town"] = "Paris"
    other.loc[:, "rank"] = np.nan
    other["age"] = np.nan
    assert np.isfinite(outputs(model, other)).all()
    # Numbers that are missing in prediction alone are the mean.
    plain = kind(**QUICK).fit(X, y)
    blank, mean = X.copy(), X.copy()
    blank[:, 2], mean[:, 2] = np.nan, X[:, 2].mean()
    assert_allclose(outputs(plain, blank), outputs(plain, mean), rtol=1e-6)


@both
def test_array_and_frame_of_the_same_numbers_are_the_same(kind, y):
    pd = pytest.importorskip("pandas")
    a, b = kind(**QUICK).fit(X, y), kind(**QUICK).fit(pd.DataFrame(X, columns=list("abcd")), y)
    assert_array_equal(outputs(a, X), outputs(b, pd.DataFrame(X, columns=list("abcd"))))


@both
@pytest.mark.parametrize("chosen", [["town", "rank", "member", "mood"], [1, 2, 3, -1], "mask"], ids=str)
def test_categories_may_be_named_counted_or_masked(kind, y, frame, chosen):
    if chosen == "mask":
        chosen = np.array([False, True, True, True, False, True])
    model, expected = kind(**QUICK, categorical_features=chosen).fit(frame, y), kind(**QUICK).fit(frame, y)
    assert_array_equal(outputs(model, frame), outputs(expected, frame))


def test_codes_in_an_array_may_be_categories():
    codes = np.column_stack([X[:, 0], np.arange(N) % 3, X[:, 1]])
    codes[5, 1] = np.nan
    model = TabularMLPRegressor(**QUICK, categorical_features=[1]).fit(codes, TARGET)
    encoded = model.preprocessor_.transform(codes)
    assert_array_equal(encoded[:, 2:].sum(axis=1), 1)
    assert encoded.shape == (N, 2 + 4)
    mixed = codes.astype(object)
    mixed[:, 1] = np.array(["red", "green", "blue"])[np.arange(N) % 3]
    assert TabularMLPRegressor(**QUICK, categorical_features=[1]).fit(mixed, TARGET).predict(mixed).shape == (N,)


def test_numbers_in_objects_are_numbers_where_they_are_not_named_categories(frame):
    frame["age"] = frame["age"].astype(object)
    assert split_columns(frame, "from_dtype")[1] == [0, 1, 2, 3, 5]
    assert split_columns(frame, ["town", "rank", "member", "mood"])[0] == [0, 4]


def test_rare_categories_share_a_column_beyond_a_limit():
    names = np.array([f"name {k:03}" for k in range(400)], dtype=object)[:, np.newaxis]
    encoder = make_preprocessor([], [0]).fit(np.vstack([names, names[:5]]))
    assert encoder.transform(names).shape == (400, MAX_CATEGORIES)


def test_arrays_inside_whatever_scikit_learn_is_set_to(frame):
    expected = TabularMLPRegressor(**QUICK).fit(frame, TARGET).predict(frame)
    with sklearn.config_context(transform_output="pandas"):
        assert_array_equal(TabularMLPRegressor(**QUICK).fit(frame, TARGET).predict(frame), expected)


def test_a_column_without_any_value_is_no_harm():
    empty = np.column_stack([X, np.full(N, np.nan)])
    assert np.isfinite(TabularMLPRegressor(**QUICK).fit(empty, TARGET).predict(empty)).all()


# Bits.


@both
def test_bits_depend_on_the_seed_alone(kind, y):
    first = outputs(kind(**QUICK).fit(X, y), X)
    for n_jobs in (2, -1):
        assert_array_equal(outputs(kind(**QUICK, n_jobs=n_jobs).fit(X, y), X), first)
    assert_array_equal(outputs(kind(**QUICK | {"random_state": np.random.RandomState(0)}).fit(X, y), X), first)
    assert not np.array_equal(outputs(kind(**QUICK | {"random_state": 1}).fit(X, y), X), first)


@both
def test_pickled_and_cloned_models_are_the_same(kind, y, frame):
    model = kind(**QUICK).fit(frame, y)
    assert_array_equal(outputs(pickle.loads(pickle.dumps(model)), frame), outputs(model, frame))
    assert_array_equal(outputs(clone(model).fit(frame, y), frame), outputs(model, frame))


# Weights.


@both
def test_rows_of_weight_zero_are_the_same_as_rows_left_out(kind, y, frame):
    weight = np.where(np.arange(N) % 4 == 0, 0.0, 1.0 + np.arange(N) % 3)
    kept = weight > 0
    a = kind(**QUICK).fit(frame, y, sample_weight=weight)
    b = kind(**QUICK).fit(frame[kept], y[kept], sample_weight=weight[kept])
    assert_array_equal(outputs(a, frame), outputs(b, frame))
    assert not np.array_equal(outputs(kind(**QUICK).fit(frame[kept], y[kept]), frame), outputs(a, frame))


def unbalanced():
    """Three classes of 42, 12 and 6 rows, by their labels."""
    return np.array(["common", "rare", "rarest"])[np.digitize(X[:, 0].argsort().argsort(), [42, 54])]


@pytest.mark.parametrize("class_weight", ["balanced", {"rare": 3.0, "rarest": 0.5}])
def test_class_weights_are_the_same_as_weights_of_the_rows(class_weight):
    y = unbalanced()
    model = TabularMLPClassifier(2, class_weight=class_weight, **QUICK).fit(X, y)
    if class_weight == "balanced":
        weights = compute_sample_weight("balanced", y)
    else:
        weights = np.select([y == "rare", y == "rarest"], [3.0, 0.5], 1.0)
    by_rows = TabularMLPClassifier(2, **QUICK).fit(X, y, weights)
    assert_array_equal(model.predict_proba(X), by_rows.predict_proba(X))
    for net, other in zip(model.estimators_, by_rows.estimators_, strict=True):  # the epoch was chosen by them too
        assert_array_equal(net.validation_loss_curve_, other.validation_loss_curve_)
    assert (model.predict_proba(X) != TabularMLPClassifier(2, **QUICK).fit(X, y).predict_proba(X)).any()


def test_balance_counts_rows_by_their_weights():
    y, weights = unbalanced(), np.random.default_rng(5).integers(1, 4, N).astype(float)
    share = {label: weights[y == label].sum() for label in np.unique(y)}
    factors = np.array([weights.sum() / (3 * share[label]) for label in y])
    model = TabularMLPClassifier(2, class_weight="balanced", **QUICK).fit(X, y, weights)
    by_rows = TabularMLPClassifier(2, **QUICK).fit(X, y, weights * factors)
    # Rounding of the sums differs in the last digit of float64; the nets compute in float32.
    assert_allclose(model.predict_proba(X), by_rows.predict_proba(X), rtol=1e-4)


@pytest.mark.parametrize(
    ("class_weight", "said"),
    [
        ("even", "class_weight"),
        ([{0: 1}], "class_weight"),
        ({"low": -1.0}, "finite weights of at least 0"),
        ({"low": 0, "mid": 0, "top": 0}, "got 0 in all: class_weight makes the others 0"),
    ],
)
def test_class_weights_that_are_none_are_named(class_weight, said):
    with pytest.raises(ValueError, match=said):
        TabularMLPClassifier(2, class_weight=class_weight, **QUICK).fit(X, LABELS)


@both
def test_weights_that_are_all_the_same_change_next_to_nothing(kind, y):
    a, b = kind(**QUICK).fit(X, y), kind(**QUICK).fit(X, y, sample_weight=np.full(N, 2.0))
    assert_allclose(outputs(a, X), outputs(b, X), rtol=1e-3)  # a float32 step's rounding, over some steps


# What is said.


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
        ({"hidden_layer_sizes": (0,)}, {}, "n_units from 1"),
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


def test_batches_are_a_ninetieth_of_the_rows_in_powers_of_two():
    sizes = [TabularMLPRegressor()._resolve_batch_size(n) for n in (10, 1440, 2100, 2900, 8000, 10**6)]
    assert sizes == [16, 16, 32, 32, 64, 128]


def test_inputs_are_left_out_less_often_the_more_rows_there_are():
    model = TabularMLPClassifier()
    shares = [model._resolve_input_dropout(n) for n in (2, 250, 500, 5000, 10**4, 10**4 + 1)]
    assert shares == [0.2, 0.2, 0.1, 0.01, 0.01, 0]  # 50 / 10^4 is 0.005 in floating point, and rounds up
    assert model.set_params(input_dropout=0.3)._resolve_input_dropout(5000) == 0.3
    assert TabularMLPRegressor()._resolve_input_dropout(50) == 0.0
    settings = [{}, {"input_dropout": 0.2}, {"input_dropout": 0.0}]
    auto, fifth, none = (TabularMLPClassifier(**QUICK, **each).fit(X, LABELS).predict_proba(X) for each in settings)
    assert_array_equal(auto, fifth)
    assert not np.array_equal(auto, none)


@both
def test_a_net_ends_when_more_than_twelve_epochs_were_no_better(kind, y):
    noise = np.random.default_rng(3).permutation(y)  # nothing to learn, so that nets overfit at once
    model = kind(**QUICK | {"max_iter": 200, "learning_rate_init": 0.05}, input_dropout=0.0).fit(X, noise)
    for net in model.estimators_:
        assert net.n_iter_ == np.argmin(net.validation_loss_curve_) + 1 + 13
    assert model.n_iter_ == max(net.n_iter_ for net in model.estimators_) < 200


# scikit-learn's own checks. Those of weights cannot hold: folds and batches are dealt to rows, however heavy.

REASON = "folds and batches are dealt to rows, so a row of weight 2 is not two rows"
FAILING = {"check_sample_weight_equivalence_on_dense_data": REASON}


@parametrize_with_checks(
    [kind(hidden_layer_sizes=(16,), max_iter=60) for kind, _ in BOTH], expected_failed_checks=lambda _: FAILING
)
def test_scikit_learns_checks_pass(estimator, check):
    check(estimator)


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
