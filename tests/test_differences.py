# SPDX-License-Identifier: BSD-3-Clause
"""Where bpnet deliberately differs from scikit-learn: the tests behind docs/differences.md, each with both sides."""

import copy
import re
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import sklearn.neural_network as theirs
from numpy.testing import assert_allclose, assert_array_equal
from older import is_before
from sklearn.datasets import load_digits, load_iris
from sklearn.preprocessing import scale

import bpnet as ours
from bpnet import MLPClassifier, MLPRegressor
from bpnet.losses import Huber, Quantile

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y, LABELS = scale(load_iris().data), load_iris().data[:, 3], load_iris().target
SEVERAL = scale(load_iris().data[:, 2:])
QUICK = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}


class OwnLoss:
    """The squared error, in Python."""

    def value(self, a, y):
        return ((a - y) ** 2).sum(axis=1) / 2

    def gradient(self, a, y):
        return a - y


def both(kind, **settings):
    """An estimator of scikit-learn's and one of ours."""
    return getattr(theirs, kind)(**QUICK | settings), getattr(ours, kind)(**QUICK | settings)


def same_weights(a, b):
    return all(np.allclose(V, W, rtol=1e-6) for V, W in zip(a.coefs_, b.coefs_))


# Losses and probabilities.


def test_saturated_losses_are_exact_not_clipped():
    digits, y = (part[:200] for part in load_digits(return_X_y=True))
    settings = {"activation": "identity", "solver": "sgd", "learning_rate_init": 0.1, "alpha": 0}
    a, b = (est.fit(digits / 16, y) for est in both("MLPClassifier", **settings))
    assert_allclose(a.loss_curve_, b.loss_curve_)  # nothing saturates
    exact = -b.predict_log_proba(digits * 4)[np.arange(200), y].mean()
    a.partial_fit(digits * 4, y), b.partial_fit(digits * 4, y)
    assert same_weights(a, b)
    assert a.loss_ < b.loss_ == pytest.approx(exact)


def test_log_probabilities_stay_finite():
    a, b = (est.fit(X, LABELS) for est in both("MLPClassifier", max_iter=20))
    assert_allclose(a.predict_log_proba(X), b.predict_log_proba(X))
    with np.errstate(divide="ignore", over="ignore"):
        assert np.isneginf(a.predict_log_proba(X * 1e4)).any()
    assert np.isfinite(b.predict_log_proba(X * 1e4)).all()


def test_both_probabilities_keep_their_digits():
    a, b = (est.fit(X, LABELS == 1) for est in both("MLPClassifier", hidden_layer_sizes=()))
    for est in (a, b):
        est.coefs_, est.intercepts_ = [np.zeros((4, 1))], [np.array([50.0])]
    assert a.predict_proba(X[:1])[0, 0] == 0
    assert b.predict_proba(X[:1])[0, 0] == pytest.approx(1.928749847963918e-22, rel=1e-14, abs=0)  # 1 / (1 + exp(50))
    assert b.predict_proba(X[:1])[0, 1] == 1


def test_classes_are_read_from_raw_outputs():
    a, b = both("MLPClassifier", hidden_layer_sizes=())
    for est in (a, b):
        est.fit(X, LABELS)
        est.coefs_ = [np.outer(np.ones(4), [1.0, 2.0, 3.0])]
        est.intercepts_ = [np.zeros(3)]
    tiny = np.full((1, 4), 1e-18)  # all probabilities are 1/3 in double precision, raw outputs are not equal
    assert (a.predict(tiny), b.predict(tiny)) == (0, 2)


def test_decision_function_gives_raw_outputs():
    est = MLPClassifier(**QUICK).fit(X, LABELS)
    raw = np.exp(est.decision_function(X))
    assert_allclose(raw / raw.sum(axis=1, keepdims=True), est.predict_proba(X))
    two = MLPClassifier(**QUICK).fit(X, LABELS > 0)
    assert two.decision_function(X).shape == (150,) and not hasattr(theirs.MLPClassifier, "decision_function")
    assert_array_equal(two.decision_function(X) > 0, two.predict(X))


def test_losses_are_floats():
    est = MLPRegressor(**QUICK).fit(X, Y)
    assert {type(loss) for loss in [*est.loss_curve_, est.loss_, est.best_loss_]} == {float}


def test_training_raises_no_numerical_warnings():
    a, b = both("MLPRegressor", solver="sgd", learning_rate_init=1e300, max_iter=30)
    with pytest.raises(RuntimeWarning):
        a.fit(X, Y)
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        b.fit(X, Y)


def test_a_diverging_fit_ends_at_once(capsys):
    a, b = both("MLPRegressor", solver="sgd", learning_rate_init=1e308, max_iter=25, verbose=True)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="non-finite"):
        a.fit(X, Y)
    assert capsys.readouterr().out.count("Iteration") > 10
    with pytest.raises(ValueError, match="non-finite"):
        b.fit(X, Y)
    assert capsys.readouterr().out.count("Iteration") < 5


def test_scores_of_classes_from_outputs_that_are_no_numbers_are_nan():
    a, b = both("MLPClassifier", solver="sgd", learning_rate_init=1e308, max_iter=5, early_stopping=True)
    with np.errstate(all="ignore"):
        a.fit(X, LABELS)
    assert not np.isnan(a.validation_scores_).any()
    assert np.isnan(b.fit(X, LABELS).validation_scores_[1:]).all() and np.isfinite(b.coefs_[0]).all()


# lbfgs.


def test_lbfgs_refuses_to_start_from_an_infinite_loss():
    a, b = both("MLPRegressor", solver="lbfgs")
    with np.errstate(all="ignore"):
        a.fit(X, 1e300 * Y)
    assert a.n_iter_ == 0 and not np.isfinite(a.loss_)
    with pytest.raises(ValueError, match="expected data of a size that can be squared, got a loss of inf"):
        b.fit(X, 1e300 * Y)


def objective(est):
    """The sum over outputs that both minimise, or mean to: half squared errors and penalty, per sample."""
    penalty = sum((W**2).sum() for W in est.coefs_)
    return (0.5 * ((est.predict(X) - SEVERAL) ** 2).sum() + 0.5 * est.alpha * penalty) / 150


def test_lbfgs_of_several_outputs_minimises_their_sum():
    settings = {"solver": "lbfgs", "activation": "tanh", "max_iter": 2000, "tol": 1e-8, "alpha": 0.1}
    a, b = (est.fit(X, SEVERAL) for est in both("MLPRegressor", **settings))
    assert objective(b) < objective(a)
    penalty = 0.5 * 0.1 * sum((W**2).sum() for W in b.coefs_) / 150
    assert_allclose(b.loss_, 0.5 * ((b.predict(X) - SEVERAL) ** 2).mean() + penalty)


def test_lbfgs_keeps_float32():
    a, b = (est.fit(X.astype(np.float32), Y) for est in both("MLPRegressor", solver="lbfgs"))
    assert (a.coefs_[0].dtype, b.coefs_[0].dtype) == (np.float64, np.float32)
    assert_allclose(a.coefs_[0], b.coefs_[0], rtol=1e-3)


def test_lbfgs_has_a_loss_curve():
    a, b = (est.fit(X, Y) for est in both("MLPRegressor", solver="lbfgs"))
    assert not hasattr(a, "loss_curve_") and len(b.loss_curve_) == b.n_iter_ and b.loss_curve_[-1] == b.loss_


def test_lbfgs_prints_a_line_per_iteration(capsys):
    MLPRegressor(**QUICK, solver="lbfgs", verbose=True).fit(X, Y)
    assert re.fullmatch(r"(Iteration [123], loss = \d\.\d{8}\n){3}", capsys.readouterr().out)


# Types, targets and weights.


def test_predictions_have_the_type_of_the_fit():
    a, b = (est.fit(X.astype(np.float32), Y) for est in both("MLPRegressor"))
    assert (a.predict(X).dtype, b.predict(X).dtype) == (np.float64, np.float32)


def test_targets_take_the_type_of_the_inputs():
    a, b = both("MLPRegressor")
    with np.errstate(all="ignore"):
        a.fit(X.astype(np.float32), Y * 1e100)
    with pytest.raises(ValueError, match="y contains infinity or a value too large for dtype..float32"):
        b.fit(X.astype(np.float32), Y * 1e100)


def test_negative_weights_are_refused():
    a, b = both("MLPRegressor")
    weight = np.where(LABELS == 0, -0.5, 1)
    assert np.isfinite(a.fit(X, Y, weight).loss_)
    with pytest.raises(ValueError, match="Negative values"):
        b.fit(X, Y, weight)


def test_a_batch_without_weight_is_skipped():
    a, b = both("MLPRegressor", batch_size=50, shuffle=False)
    weight = (LABELS != 1) * 1.0
    with pytest.raises(ZeroDivisionError):
        a.fit(X, Y, weight)
    c = MLPRegressor(**QUICK, batch_size=50, shuffle=False).fit(X[LABELS != 1], Y[LABELS != 1])
    assert_array_equal(b.fit(X, Y, weight).coefs_[0], c.coefs_[0])


def test_negative_targets_are_refused_for_poisson():
    a, b = both("MLPRegressor", loss="poisson")
    with np.errstate(all="ignore"):
        assert np.isnan(a.fit(X, Y - 1).loss_)
    with pytest.raises(ValueError, match="targets of at least 0"):
        b.fit(X, Y - 1)


def test_wrong_regression_targets_are_named():
    wrong = {"Sparse data was passed for y": scipy.sparse.csr_matrix(SEVERAL), "could not convert string": ["a"] * 150}
    for said, y in wrong.items():
        a, b = both("MLPRegressor")
        with pytest.raises(Exception) as caught:
            a.fit(X, y)
        assert said not in str(caught.value)
        with pytest.raises((TypeError, ValueError), match=said):
            b.fit(X, y)


def test_integers_beyond_floats_are_value_errors():
    rows = X.astype(object)
    rows[0, 0] = 10**400
    for est, error in zip(both("MLPRegressor"), (OverflowError, ValueError)):
        with pytest.raises(error, match="int too large to convert to float"):
            est.fit(rows, Y)
    for est, error in zip(both("MLPRegressor"), (OverflowError, ValueError)):
        with pytest.raises(error, match="int too large to convert to float"):
            est.fit(X, Y, sample_weight=np.array([10**400, *[1] * (len(X) - 1)], object))
    with pytest.raises(ValueError, match="int too large to convert to float"):
        ours.MLPClassifier(class_weight={True: 10**400}).fit(X, Y > np.median(Y))


def test_labels_that_cannot_be_sorted_are_value_errors():
    labels = np.array([None, "a"] * (len(X) // 2), object)
    for est, error in zip(both("MLPClassifier"), (TypeError, ValueError)):
        with pytest.raises(error, match="'<' not supported between"):
            est.fit(X[: len(labels)], labels)


def test_fractional_units_are_named():
    a, b = both("MLPRegressor", hidden_layer_sizes=(2.5,))
    with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
        a.fit(X, Y)
    with pytest.raises(ValueError, match="hidden_layer_sizes must be integers"):
        b.fit(X, Y)


def test_the_split_error_names_labels():
    labels = np.where(np.arange(150) == 7, "rare", "frequent")
    for est, named in zip(both("MLPClassifier", early_stopping=True), ("True", "rare")):
        told = "only 1 member" if is_before("1.8") else rf"too few members are: \['{named}'\]"
        with pytest.raises(ValueError, match=told):
            est.fit(X, labels)


# The fitted network.


def test_the_network_can_be_taken_out():
    est = MLPRegressor(**QUICK).fit(X, Y)
    assert_array_equal(est.network_.predict(X).ravel(), est.predict(X))


def test_assigning_coefs_changes_the_network():
    est = MLPRegressor(**QUICK).fit(X, Y)
    assert isinstance(est.coefs_, list) and type(copy.deepcopy(est.coefs_)) is list
    est.coefs_ = [0 * W for W in est.coefs_]
    est.intercepts_[-1][:] = 5
    assert (est.predict(X) == 5).all() and not est.network_.coefs[0].any()
    with pytest.raises(ValueError, match=r"expected an array of shape \(4, 4\) for item 0"):
        est.coefs_[0] = np.ones((3, 3))


def test_a_fitted_network_keeps_its_activation():
    a, b = (est.fit(X, Y) for est in both("MLPRegressor"))
    before = b.predict(X)
    assert (a.set_params(activation="tanh").predict(X) != before).any()
    assert_array_equal(b.set_params(activation="tanh").predict(X), before)


def test_training_a_shallow_copy_leaves_the_original_alone():
    a, b = (est.fit(X, Y) for est in both("MLPRegressor"))
    before = b.predict(X)
    copy.copy(a).partial_fit(X, Y), copy.copy(b).partial_fit(X, Y)
    assert (a.predict(X) != before).any()
    assert_array_equal(b.predict(X), before)


def test_predictions_during_a_fit_are_those_of_the_old_one():
    est = MLPRegressor(**QUICK).fit(X, Y)
    before = est.predict(X)
    est.set_params(max_iter=10**9, n_iter_no_change=100, learning_rate_init=1e-6, warm_start=True, tol=1e-12)
    with ThreadPoolExecutor(1) as pool:
        fit = pool.submit(est.set_params(max_iter=2000).fit, X, Y)
        seen = [est.predict(X) for _ in range(5) if not fit.done()]
        fit.result()
    assert all((p == before).all() for p in seen)


def test_a_failed_fit_keeps_the_old_one():
    a, b = (est.fit(X, Y) for est in both("MLPRegressor", solver="sgd"))
    before = b.predict(X)
    for est in (a, b):
        with np.errstate(all="ignore"), pytest.raises(ValueError, match="non-finite"):
            est.set_params(learning_rate_init=1e308, max_iter=50).fit(X, Y)
    assert not np.isfinite(a.coefs_[0]).all()
    assert_array_equal(b.predict(X), before)


def test_private_attributes_of_scikit_learn_are_absent():
    a, b = (est.fit(X, LABELS) for est in both("MLPClassifier"))
    private = {"_optimizer", "_no_improvement_count", "_random_state", "_best_coefs", "_best_intercepts"}
    assert private <= set(vars(a)) and not private & set(dir(b))


# Going on.


def test_a_warm_start_needs_the_same_network():
    for change in ({"hidden_layer_sizes": (9,)}, {"activation": "tanh"}, {"loss": "poisson"}):
        a, b = (est.fit(X, Y).set_params(**change) for est in both("MLPRegressor", warm_start=True))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            a.fit(X, Y)  # goes on with the old layers, or with outputs that do not fit the loss
        with pytest.raises(ValueError, match="a warm start needs the same network as before"):
            b.fit(X, Y)


@pytest.mark.parametrize(
    "before, after",
    [
        ("squared_error", "absolute_error"),
        ("huber", Huber(2.0)),
        (Quantile([0.1, 0.9]), Quantile([0.2, 0.9])),
        ("absolute_error", OwnLoss()),
        (OwnLoss(), OwnLoss()),
    ],
)
def test_a_warm_start_needs_the_same_loss(before, after):
    their = theirs.MLPRegressor("squared_error", **QUICK, warm_start=True).fit(X, np.exp(Y))
    assert len(their.set_params(loss="poisson").fit(X, np.exp(Y)).loss_curve_) == 6
    est = ours.MLPRegressor(before, **QUICK, warm_start=True).fit(X, Y)
    fitted = est.predict(X)
    for fit in (est.set_params(loss=after).fit, est.partial_fit):
        with pytest.raises(ValueError, match="a warm start needs the same loss as before: expected .*, got"):
            fit(X, Y)
    assert_array_equal(est.set_params(loss=before).predict(X), fitted)
    same = Huber(1) if before == "huber" else before  # a name is the object with its defaults
    assert len(est.set_params(loss=same).fit(X, Y).loss_curve_) == 2 * est.n_iter_


def test_a_warm_start_may_change_early_stopping():
    a, b = both("MLPRegressor", warm_start=True)
    for early, error in ((False, None), (True, AttributeError), (False, TypeError)):
        if error:
            with pytest.raises(error):
                a.set_params(early_stopping=True).fit(X, Y).set_params(early_stopping=False).fit(X, Y)
            a = theirs.MLPRegressor(**QUICK, warm_start=True, early_stopping=True)
        b.set_params(early_stopping=early).fit(X, Y)
        a = a if error else a.fit(X, Y)
    assert len(b.loss_curve_) == 9 and len(b.validation_scores_) == 3 and np.isfinite(b.best_loss_)


def test_a_warm_start_with_early_stopping_keeps_the_best_of_all_fits():
    a, b = both("MLPRegressor", warm_start=True, early_stopping=True, max_iter=30)
    for est in (a, b):
        best = est.fit(X, Y).predict(X)
        est.set_params(learning_rate_init=10.0).fit(X, Y)  # does nothing but harm
    assert max(b.validation_scores_) == b.best_validation_score_
    assert_array_equal(b.predict(X), best)
    assert (a.predict(X) != best).any()


def test_mini_batches_may_go_on_after_lbfgs():
    for go_on in ("fit", "partial_fit"):
        pair = both("MLPRegressor", solver="lbfgs", warm_start=True)
        a, b = (est.fit(X, Y).set_params(solver="adam") for est in pair)
        with pytest.raises(AttributeError, match="loss_curve_"):
            getattr(a, go_on)(X, Y)
        assert getattr(b, go_on)(X, Y).loss_curve_[0] < 1


def test_partial_fit_of_lbfgs_is_absent_from_both_kinds():
    assert hasattr(theirs.MLPRegressor(solver="lbfgs"), "partial_fit")
    assert not hasattr(MLPRegressor(solver="lbfgs"), "partial_fit")
    assert not hasattr(MLPClassifier(solver="lbfgs"), "partial_fit")


def test_one_label_and_several_do_not_mix():
    bits = np.column_stack([LABELS > 0, LABELS > 1]).astype(int)
    a, b = (est.fit(X, bits) for est in both("MLPClassifier"))
    a.partial_fit(X, LABELS > 0)  # one column is stretched over both outputs
    with pytest.raises(ValueError, match="one label per sample or several"):
        b.partial_fit(X, LABELS > 0)


# The document.

TESTS = Path(__file__).parent
DOCUMENT = TESTS.parent / "docs" / "differences.md"


def names_of_tests(*paths):
    return set(re.findall(r"^def (test_\w+)\(", "".join(path.read_text() for path in paths), re.M))


@pytest.mark.skipif(not DOCUMENT.exists(), reason="the tests stand without the documents")
def test_every_difference_has_a_row_that_names_its_test():
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("|")][2:]
    named = {row.split("|")[-2].strip().strip("`") for row in rows}
    assert named <= names_of_tests(*TESTS.glob("test_*.py"))
    assert names_of_tests(Path(__file__)) - named == {"test_every_difference_has_a_row_that_names_its_test"}
