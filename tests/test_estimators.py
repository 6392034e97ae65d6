# SPDX-License-Identifier: BSD-3-Clause
"""The estimators from outside: scikit-learn's parameters, attributes, warnings and texts, in every mode of fitting."""

import inspect
import re
import warnings

import numpy as np
import pytest
import scipy.sparse
import sklearn.neural_network as theirs
from numpy.testing import assert_allclose, assert_array_equal
from older import skip_where_it_fails
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils.estimator_checks import check_sample_weight_equivalence_on_dense_data, parametrize_with_checks
from twins import LABELS, MODES, NAMES, QUICK, TARGET, TASKS, X, fitted_attributes, twins

import bpnet as ours
from bpnet import MLPClassifier, MLPRegressor

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
]


# Parameters.

#: What bpnet adds, with the values that leave everything as it is in scikit-learn.
OUR_OWN = {"n_jobs": None, "topology": None}
OUR_OWN |= {"initializer": None, "dropout": 0.0, "input_dropout": 0.0, "alpha_l1": 0.0, "weight_decay": 0.0}
OUR_OWN |= dict.fromkeys(["max_gradient_norm", "frozen", "scoring", "callbacks", "max_time", "gradient_tol"])
OUR_OWN |= {"solver_options": None, "n_restarts": 1}
CLASSIFIERS_OWN = {"class_weight": None, "label_smoothing": 0.0}
REGRESSORS_OWN = {"out_activation": None}
#: What bpnet adds to `fit` and `predict`.
OF_FIT = {"return_std", "X_val", "y_val", "sample_weight_val", "coef_init", "intercept_init"}


@pytest.mark.parametrize("kind", ["MLPRegressor", "MLPClassifier"])
@pytest.mark.parametrize("method", ["__init__", "fit", "partial_fit", "predict", "score"])
def test_signatures_are_scikit_learns(kind, method):
    a, b = (
        [*inspect.signature(getattr(getattr(library, kind), method)).parameters.values()] for library in (theirs, ours)
    )
    assert [p for p in b if p.name not in {*OUR_OWN, *CLASSIFIERS_OWN, *REGRESSORS_OWN, *OF_FIT}] == a


@pytest.mark.parametrize("kind", ["MLPRegressor", "MLPClassifier"])
def test_positional_parameters_are_scikit_learns(kind):
    first = ("squared_error",) if kind == "MLPRegressor" else ()
    a, b = getattr(theirs, kind)(*first, (3,), "tanh"), getattr(ours, kind)(*first, (3,), "tanh")
    ours_alone = OUR_OWN | (CLASSIFIERS_OWN if kind == "MLPClassifier" else REGRESSORS_OWN)
    assert b.get_params() == a.get_params() | ours_alone and repr(a) == repr(b)


@pytest.mark.parametrize("sizes", [(4, 3), [4, 3], np.array([4, 3]), 4, np.int64(4), (), [], (np.int32(4),)], ids=str)
def test_hidden_layer_sizes_may_be_any_sequence_or_one_number(sizes):
    a, b = twins("MLPRegressor", hidden_layer_sizes=sizes)
    assert [W.shape for W in a.fit(X, TARGET).coefs_] == [W.shape for W in b.fit(X, TARGET).coefs_]
    assert_allclose(a.predict(X), b.predict(X))


@pytest.mark.parametrize("batch_size", [1, 7, 150, "auto"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_batches_are_scikit_learns(batch_size, shuffle):
    a, b = twins("MLPRegressor", batch_size=batch_size, shuffle=shuffle)
    assert_allclose(a.fit(X, TARGET).loss_curve_, b.fit(X, TARGET).loss_curve_)


def test_random_state_may_be_an_instance_and_is_used_up_alike():
    skip_where_it_fails(NAMES, {"early_stopping": True})
    states = np.random.RandomState(5), np.random.RandomState(5)
    for est, state in zip(twins("MLPClassifier", early_stopping=True), states):
        est.set_params(random_state=state).fit(X, NAMES)
    assert states[0].randint(10**9) == states[1].randint(10**9)


def test_without_random_state_fits_differ():
    a, b = (MLPRegressor(**QUICK | {"random_state": None}).fit(X, TARGET) for _ in range(2))
    assert (a.coefs_[0] != b.coefs_[0]).any()


def test_without_random_state_numpys_global_one_is_used():
    a, b = twins("MLPRegressor", random_state=None)
    for est in (a, b):
        np.random.seed(7)
        est.fit(X, TARGET)
    assert_allclose(a.coefs_[0], b.coefs_[0])


# Fitted attributes.


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("task", TASKS)
def test_fitted_attributes_are_scikit_learns(task, mode):
    kind, y, settings = TASKS[task]
    more, run = MODES[mode]
    skip_where_it_fails(y, more)
    a, b = (run(est, X, y) for est in twins(kind, **settings | more))
    added = {"network_", "validation_loss_curve_"}
    if "lbfgs" in mode:
        added |= {"loss_curve_", "validation_scores_", "best_validation_score_", "n_evaluations_"}
    assert fitted_attributes(b) - fitted_attributes(a) == added and fitted_attributes(a) <= fitted_attributes(b)
    if (task, mode.split(", ")[-1]) == ("several outputs", "lbfgs"):  # a row of docs/differences.md
        return
    for name in fitted_attributes(a) - {"coefs_", "intercepts_", "classes_", "out_activation_"}:
        expected = getattr(a, name)
        assert (getattr(b, name) is None) if expected is None else np.allclose(getattr(b, name), expected, rtol=1e-6)
    assert a.out_activation_ == b.out_activation_
    assert all(np.allclose(V, W) for V, W in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_))
    assert_array_equal(a.predict(X[:9]), b.predict(X[:9])) if y.dtype.kind in "Ub" else None


def test_a_network_counts_its_samples_and_epochs():
    est = MLPRegressor(**QUICK).fit(X, TARGET).partial_fit(X, TARGET)
    assert (est.t_, est.n_iter_, len(est.loss_curve_), est.loss_) == (5 * 150, 1, 5, est.loss_curve_[-1])


def test_predictions_and_coefs_stay_float32():
    est = MLPRegressor(**QUICK).fit(X.astype(np.float32), TARGET)
    assert {W.dtype for W in est.coefs_ + est.intercepts_} == {np.dtype(np.float32)}
    assert est.predict(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("first, second", [(np.float64, np.float32), (np.float32, np.float64)])
@pytest.mark.parametrize("more", [{}, {"warm_start": True}])
def test_a_network_that_goes_on_learning_keeps_its_type(first, second, more):
    est = MLPRegressor(**QUICK, **more).fit(X.astype(first), TARGET)
    est = (est.fit if more else est.partial_fit)(X.astype(second), TARGET)
    assert est.coefs_[0].dtype == first


# Derivatives of predict and predict_proba: those of the very method, by central differences.


@pytest.mark.parametrize("task", TASKS)
def test_predict_jacobian_is_the_derivative_of_the_prediction(task):
    kind, y, more = TASKS[task]
    est = getattr(ours, kind)(**QUICK | {"activation": "tanh"} | more).fit(X, y)
    predict = est.predict_proba if kind == "MLPClassifier" else est.predict
    jacobian, step = est.predict_jacobian(X), 1e-5
    assert jacobian.shape == (*predict(X).shape, 4)
    for i, move in enumerate(step * np.eye(4)):
        assert_allclose(jacobian[..., i], (predict(X + move) - predict(X - move)) / (2 * step), atol=1e-9)
    assert_allclose(est.predict_jacobian(scipy.sparse.csr_matrix(X)), jacobian, atol=1e-13)


def test_predict_jacobian_keeps_float32_and_needs_a_fit():
    assert MLPRegressor(**QUICK).fit(X.astype(np.float32), TARGET).predict_jacobian(X).dtype == np.float32
    for kind in (MLPRegressor, MLPClassifier):
        with pytest.raises(NotFittedError):
            kind().predict_jacobian(X)
    with pytest.raises(ValueError, match="contains NaN"):
        MLPRegressor(**QUICK).fit(X, TARGET).predict_jacobian(np.full((1, 4), np.nan))
    with pytest.raises(ValueError, match="X has 3 features"):
        MLPRegressor(**QUICK).fit(X, TARGET).predict_jacobian(X[:, :3])


def test_derivatives_of_probabilities_sum_to_zero():
    for y in (NAMES, LABELS > 0):
        jacobian = MLPClassifier(**QUICK).fit(X, y).predict_jacobian(X)
        assert_allclose(jacobian.sum(axis=1), 0, atol=1e-15)


# What is said: on the screen, in warnings, in errors.


@pytest.mark.parametrize(
    "settings",
    [
        {"max_iter": 3},
        {"early_stopping": True, "max_iter": 30, "n_iter_no_change": 2, "tol": 0.1},
        {"solver": "sgd", "tol": 0.1, "n_iter_no_change": 2, "max_iter": 20},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 1, "max_iter": 80},
    ],
    ids=str,
)
def test_verbose_prints_what_scikit_learn_prints(settings, capsys):
    skip_where_it_fails(NAMES, settings)
    a, b = twins("MLPClassifier", verbose=True, **settings)
    a.fit(X, NAMES)
    expected = capsys.readouterr().out
    b.fit(X, NAMES)
    assert capsys.readouterr().out == expected != ""


@pytest.mark.parametrize("settings", [{}, {"batch_size": 1000}, {"solver": "lbfgs", "max_iter": 1}], ids=str)
def test_warnings_are_scikit_learns(settings):
    heard = []
    for est in twins("MLPRegressor", **settings):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            est.fit(X, TARGET)
        heard.append([(warning.category, str(warning.message)) for warning in caught])
    assert heard[0] == heard[1] != []


def test_a_fit_that_converges_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        MLPRegressor(**QUICK | {"max_iter": 50}, tol=0.1, n_iter_no_change=3).fit(X, TARGET)


SAID = {
    "unfitted": lambda est: est.predict(X),
    "columns": lambda est: est.fit(X, LABELS).predict(X[:, :2]),
    "one dimension": lambda est: est.fit(X, LABELS).predict(X[0]),
    "three dimensions": lambda est: est.fit(X, LABELS).predict(X[np.newaxis]),
    "nothing to predict": lambda est: est.fit(X, LABELS).predict(X[:0]),
    "nan": lambda est: est.fit(np.where(X > 1, np.nan, X), LABELS),
    "nan to predict": lambda est: est.fit(X, LABELS).predict(np.where(X > 1, np.nan, X)),
    "nan in one row": lambda est: est.fit(X, LABELS).predict_proba(X[:1] * np.nan),
    "nan far down": lambda est: est.fit(X, LABELS).predict(np.vstack([*[X] * 40, X * np.nan])),
    "infinity to predict": lambda est: est.fit(X, LABELS).predict(np.full((3, 4), np.inf)),
    "complex to predict": lambda est: est.fit(X, LABELS).predict(X + 1j),
    "lengths": lambda est: est.fit(X, LABELS[:5]),
    "no targets": lambda est: est.fit(X, None),
    "empty": lambda est: est.fit(X[:0], LABELS[:0]),
    "continuous": lambda est: est.fit(X, TARGET),
    "new class": lambda est: est.fit(X, LABELS).partial_fit(X, LABELS + 1),
    "other classes": lambda est: est.set_params(warm_start=True).fit(X, LABELS).fit(X, LABELS + 1),
    "no classes": lambda est: est.partial_fit(X, LABELS),
    "classes changed": lambda est: est.partial_fit(X, LABELS, classes=[0, 1, 2]).partial_fit(X, LABELS, classes=[0, 1]),
    "part with early stopping": lambda est: est.fit(X, LABELS).set_params(early_stopping=True).partial_fit(X, LABELS),
    "part with lbfgs": lambda est: est.set_params(solver="lbfgs").partial_fit(X, LABELS),
    "units": lambda est: est.set_params(hidden_layer_sizes=(3, 0)).fit(X, LABELS),
    "validation": lambda est: est.set_params(early_stopping=True).fit(X[:5], LABELS[:5]),
    "diverging": lambda est: est.set_params(learning_rate_init=1e308, solver="sgd").fit(X, LABELS),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning:sklearn")
@pytest.mark.parametrize("action", SAID.values(), ids=SAID)
def test_errors_are_scikit_learns(action):
    heard = []
    for est in twins("MLPClassifier"):
        with pytest.raises((ValueError, AttributeError, NotFittedError)) as caught:
            action(est)
        # Sorted, for scikit-learn lists names in the order of a set.
        heard.append((caught.type, sorted(re.findall(r"[\w.-]+", str(caught.value)))))
    assert heard[0] == heard[1]


# scikit-learn's own checks, all of them; that of weights also with the settings it is run with on its own perceptrons.

EXACT = [MLPClassifier(solver="lbfgs"), MLPRegressor(solver="sgd", tol=1e-2, random_state=42)]


@parametrize_with_checks([MLPRegressor(max_iter=100), MLPClassifier(max_iter=100)])
def test_scikit_learns_checks_pass(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", EXACT, ids=str)
def test_a_weight_counts_like_repetition_where_scikit_learn_checks_it(estimator):
    check_sample_weight_equivalence_on_dense_data(type(estimator).__name__, estimator)
