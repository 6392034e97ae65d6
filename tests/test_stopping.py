# SPDX-License-Identifier: BSD-3-Clause
"""When training ends: tolerance and patience, schedules, early stopping, limits of lbfgs."""

import warnings

import numpy as np
import pytest
import sklearn.neural_network as theirs
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

import bpnet as ours
from bpnet import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = (scale(part)[:200] for part in load_diabetes(return_X_y=True))
HIGH = Y > 0
QUICK = {"hidden_layer_sizes": (5,), "random_state": 1, "learning_rate_init": 0.01}
SGD = QUICK | {"solver": "sgd"}


def regressor(**settings):
    return MLPRegressor(**QUICK | settings).fit(X, Y)


def stagnant_epochs(losses, tol):
    """Length of the run of epochs at the end that did not improve on the best before by tol."""
    run, best = 0, np.inf
    for loss in losses:
        run = run + 1 if loss > best - tol else 0
        best = min(best, loss)
    return run


@pytest.mark.parametrize("patience", [1, 3, 10])
@pytest.mark.parametrize("tol", [1e-4, 1e-2, 0.3])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_training_ends_after_patience_plus_one_stagnant_epochs(solver, tol, patience):
    est = regressor(solver=solver, tol=tol, n_iter_no_change=patience, max_iter=1000)
    assert stagnant_epochs(est.loss_curve_, tol) == patience + 1
    assert max(stagnant_epochs(est.loss_curve_[:k], tol) for k in range(est.n_iter_)) <= patience


def test_endless_patience_goes_on_to_max_iter():
    assert regressor(n_iter_no_change=np.inf, tol=10, max_iter=30).n_iter_ == 30


def test_best_loss_is_the_least_of_the_curve():
    est = regressor(max_iter=60, learning_rate_init=0.3)
    assert est.best_loss_ == min(est.loss_curve_) < est.loss_


def test_max_iter_ends_training_with_a_warning():
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(3\) reached"):
        assert regressor(max_iter=3).n_iter_ == 3


def test_training_that_stagnates_in_the_very_last_epoch_has_converged():
    n_iter = regressor(tol=0.1, n_iter_no_change=2, max_iter=500).n_iter_
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        assert regressor(tol=0.1, n_iter_no_change=2, max_iter=n_iter).n_iter_ == n_iter


def test_adaptive_rate_falls_by_five_until_a_millionth(capsys):
    settings = SGD | {"learning_rate": "adaptive", "tol": 10, "n_iter_no_change": 1, "verbose": True}
    est = MLPRegressor(**settings).fit(X, Y)
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Training loss")]
    rates = [float(line.rpartition(" ")[2]) for line in said[:-1]]
    assert_allclose(rates, [0.01 / 5**k for k in range(1, 7)], atol=1e-6)
    # The first epoch always improves on infinity; after it each rate bears two epochs.
    assert said[-1].endswith("Learning rate too small. Stopping.") and est.n_iter_ == 1 + 2 * 7


def test_inverse_scaling_slows_training_down():
    fits = [regressor(solver="sgd", learning_rate="invscaling", power_t=power, max_iter=9) for power in (0.1, 0.5, 0.9)]
    gains = [est.loss_curve_[0] - est.loss_ for est in fits]
    assert gains[0] > gains[1] > gains[2] > 0


def test_power_zero_of_inverse_scaling_is_a_constant_rate():
    a = regressor(solver="sgd", learning_rate="invscaling", power_t=0.0, max_iter=9)
    b = regressor(solver="sgd", max_iter=9)
    assert_array_equal(a.loss_curve_, b.loss_curve_)


@pytest.mark.parametrize("kind, y", [("MLPRegressor", Y), ("MLPClassifier", HIGH)])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("weighted", [False, True])
def test_early_stopping_sees_the_scores_scikit_learn_sees(kind, y, solver, weighted):
    settings = QUICK | {"solver": solver, "early_stopping": True, "n_iter_no_change": 3, "max_iter": 60}
    weight = np.arange(200) % 3 + 1.0 if weighted else None
    a, b = (getattr(library, kind)(**settings).fit(X, y, weight) for library in (theirs, ours))
    assert a.n_iter_ == b.n_iter_
    assert_allclose(a.validation_scores_, b.validation_scores_)
    assert_allclose(a.coefs_[0], b.coefs_[0])


def test_early_stopping_keeps_the_parameters_of_the_best_score():
    est = regressor(early_stopping=True, tol=0, n_iter_no_change=5, max_iter=300, learning_rate_init=0.1)
    best = int(np.argmax(est.validation_scores_))
    same = regressor(early_stopping=True, n_iter_no_change=np.inf, max_iter=best + 1, learning_rate_init=0.1)
    assert est.best_validation_score_ == max(est.validation_scores_) > est.validation_scores_[-1]
    assert_array_equal(est.coefs_[0], same.coefs_[0])


def test_early_stopping_ends_after_patience_plus_one_stagnant_scores():
    est = regressor(early_stopping=True, tol=1e-3, n_iter_no_change=4, max_iter=500)
    assert stagnant_epochs(np.negative(est.validation_scores_), 1e-3) >= 5


def test_early_stopping_has_no_best_loss_and_losses_no_scores():
    watched, plain = regressor(early_stopping=True, max_iter=3), regressor(max_iter=3)
    assert watched.best_loss_ is None and len(watched.validation_scores_) == 3
    assert plain.validation_scores_ is None and plain.best_validation_score_ is None


def test_validation_rows_are_not_trained_on():
    est = regressor(early_stopping=True, validation_fraction=0.3, max_iter=5)
    assert est.t_ == 5 * 140


def test_labels_are_split_in_proportion():
    y = np.arange(200) < 20
    est = MLPClassifier(**QUICK, early_stopping=True, max_iter=2).fit(X, y)
    assert set(np.round(np.array(est.validation_scores_) * 20, 9)) <= set(range(21))


def test_a_score_that_is_not_a_number_is_neither_best_nor_stagnation():
    est = regressor(solver="sgd", early_stopping=True, learning_rate_init=1e150, max_iter=12, n_iter_no_change=3)
    assert np.isnan(est.validation_scores_[1:]).all() and est.n_iter_ == 12
    assert est.best_validation_score_ == -np.inf and np.isfinite(est.coefs_[0]).all()


@pytest.mark.parametrize("more", [{}, {"early_stopping": True}])
def test_a_warm_start_goes_on_with_the_curve_and_the_count(more):
    settings = QUICK | {"warm_start": True, "max_iter": 5} | more
    a, b = (library.MLPRegressor(**settings) for library in (theirs, ours))
    for _ in range(3):
        a.fit(X, Y), b.fit(X, Y)
    assert b.t_ == a.t_ and b.n_iter_ == a.n_iter_ and len(b.loss_curve_) == 15
    assert_allclose(a.loss_curve_, b.loss_curve_)


def test_a_warm_start_that_stagnated_before_ends_at_once():
    est = MLPRegressor(**QUICK, warm_start=True, tol=10, n_iter_no_change=2, max_iter=50).fit(X, Y)
    assert (est.n_iter_, est.fit(X, Y).n_iter_) == (4, 1)


def test_lbfgs_ends_at_max_iter_or_max_fun_with_a_warning():
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge"):
        assert regressor(solver="lbfgs", max_iter=3).n_iter_ == 3
    with pytest.warns(ConvergenceWarning, match="(?i)total no. of f"):
        assert regressor(solver="lbfgs", max_fun=3).n_iter_ <= 3


def test_lbfgs_ends_where_the_gradient_is_below_tol():
    est = regressor(solver="lbfgs", activation="tanh", tol=1e-2, max_iter=5000, alpha=1)
    gradient = est.network_.gradient(X, Y)
    for start, stop in est.network_.topology.plan.weight_ranges:
        gradient[start:stop] += est.alpha * est.network_.parameters[start:stop]
    assert np.abs(gradient / 200).max() < 1e-2 and est.score(X, Y) > 0.5


def test_tolerances_of_lbfgs_are_scikit_learns():
    for tol in (0.1, 0.03):
        a, b = (
            library.MLPRegressor(**QUICK, solver="lbfgs", activation="tanh", tol=tol).fit(X, Y)
            for library in (theirs, ours)
        )
        assert a.n_iter_ == b.n_iter_
