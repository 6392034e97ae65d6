# SPDX-License-Identifier: BSD-3-Clause
"""The presets for tables: folds, nets and their average."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.estimator_checks import parametrize_with_checks
from tables import BOTH, LABELS, QUICK, TARGET, N, X, both, outputs, views

from bpnet import Layer, MLPClassifier, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor
from bpnet.tabular.folds import deal

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


# Sizes and ends; conventions.


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
