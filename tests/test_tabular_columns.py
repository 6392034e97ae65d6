# SPDX-License-Identifier: BSD-3-Clause
"""The presets for tables: what becomes of the columns."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from tables import QUICK, TARGET, N, X, both, outputs

from bpnet import TabularMLPClassifier, TabularMLPRegressor
from bpnet.tabular._base import FEW_ROWS
from bpnet.tabular.columns import MAX_CATEGORIES, make_preprocessor, split_columns
from bpnet.tabular.ramps import MANY_ROWS, Ramps

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


@pytest.mark.parametrize(
    ("n_rows", "n_columns", "n_ramps"),
    [(40, 16, 7), (40, 17, 4), (MANY_ROWS, 3, 7)]
    + [(MANY_ROWS + 1, n_columns, n_ramps) for n_columns, n_ramps in ((3, 15), (9, 13), (30, 4), (31, 4))],
)
def test_ramps_are_fewer_where_columns_are_many_or_rows_are_few(n_rows, n_columns, n_ramps):
    flags = np.arange(n_rows) % 2  # without ramps, they do not count
    table = np.column_stack([np.random.default_rng(6).normal(size=(n_rows, n_columns)), flags])
    assert Ramps().fit_transform(table).shape == (n_rows, n_columns + 1 + n_columns * n_ramps)


@pytest.mark.parametrize("n_columns", [1, 30])
def test_ramps_of_many_rows_have_mean_0(n_columns, rng):
    table = rng.normal(size=(MANY_ROWS + 1, n_columns)).astype(np.float32)
    found = Ramps().fit_transform(table)[:, n_columns:]
    assert found.dtype == np.float32
    assert_allclose(found.mean(axis=0, dtype=np.float64), 0, atol=1e-7)  # float32
    assert_allclose(np.ptp(found, axis=0), 1, rtol=1e-6)


@pytest.mark.parametrize(("n_rows", "n_columns"), [(MANY_ROWS, 1), (MANY_ROWS + 1, 31)])
def test_ramps_of_few_rows_or_many_columns_go_from_0_to_1(n_rows, n_columns, rng):
    found = Ramps().fit_transform(rng.normal(size=(n_rows, n_columns)))[:, n_columns:]
    assert_array_equal([found.min(axis=0), found.max(axis=0)], np.repeat([[0], [1]], found.shape[1], axis=1))


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


@both
def test_na_among_objects_is_missing_as_none_and_nan_are(kind, y):
    pd = pytest.importorskip("pandas")
    words = np.where(X[:, 1] > 0, "a", "b")
    frame = pd.DataFrame({"n": pd.array([*range(N - 1), None], "Int64"), "x": X[:, 0], "word": words})
    model = kind(**QUICK).fit(frame, y)
    rows = [pd.DataFrame([{"n": gap, "x": 1.0, "word": gap}]) for gap in (pd.NA, None, np.nan)]
    one, *others = (outputs(model, row) for row in rows)
    for other in others:
        assert_array_equal(other, one)
    table = frame.to_numpy()
    table[3, 2] = pd.NA  # a declared category
    filled = table.copy()
    filled[N - 1, 0] = filled[3, 2] = np.nan
    a, b = (kind(**QUICK, categorical_features=[2]).fit(each, y) for each in (table, filled))
    assert_array_equal(outputs(a, table), outputs(b, filled))
    assert table[3, 2] is pd.NA  # what was given is not changed
    c = kind(**QUICK, categorical_features=[2]).fit(table.tolist(), y)
    assert_array_equal(outputs(c, table.tolist()), outputs(a, table))


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
