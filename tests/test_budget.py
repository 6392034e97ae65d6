# SPDX-License-Identifier: BSD-3-Clause
"""Training that ends by the clock or by the norm of the gradient."""

import time
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from problems import make
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from bpnet import MLPClassifier, MLPRegressor
from bpnet._core.epoch import Epoch
from bpnet._core.updates import GradientDescent
from bpnet.training import run_epoch

X, Y = (scale(part)[:200] for part in load_diabetes(return_X_y=True))
QUICK = {"hidden_layer_sizes": (5,), "random_state": 1, "learning_rate_init": 0.01, "max_iter": 6}
LONG = {"max_iter": 10**6, "n_iter_no_change": np.inf, "tol": 0.0, "max_fun": 10**6}

# Time.


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_an_epoch_cut_short_has_taken_the_steps_of_its_first_batches(batch_size):
    problem, order = make("chain", n_samples=30_000), np.random.RandomState(0).permutation(30_000)

    def start():
        net, rule = problem.net(), GradientDescent(problem.topology.n_parameters, np.dtype("f8"), 0.01, 0.9)
        data = net._data(problem.X, problem.y)
        return Epoch(problem.topology.plan, net._loss, net._reads_raw, data, net.parameters, rule, batch_size), net

    (cut, w), (short, v) = start(), start()
    assert run_epoch(cut, order, until=-np.inf) is False
    assert 0 < cut.n_learnt < 30_000 and cut.n_learnt % batch_size == 0
    assert run_epoch(short, order[: cut.n_learnt]) is True and short.n_learnt == cut.n_learnt
    assert_array_equal(w.parameters, v.parameters)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_max_time_ends_within_an_epoch_which_is_not_counted(solver):
    rows = np.random.default_rng(0).standard_normal((200_000, 20))
    settings = {"hidden_layer_sizes": (100,), "random_state": 0, "shuffle": False, "solver": solver}
    begin = time.monotonic()
    with pytest.warns(ConvergenceWarning, match=r"max_time \(0.3 seconds\) reached"):
        est = MLPRegressor(**settings, max_time=0.3, max_iter=1000).fit(rows, rows[:, 0])
    assert time.monotonic() - begin < 20  # a thousand epochs would take minutes
    assert len(est.loss_curve_) == est.n_iter_ < 1000
    rest = est.t_ - est.n_iter_ * 200_000
    assert 0 <= rest < 200_000 and rest % 200 == 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same = MLPRegressor(**settings, max_iter=max(est.n_iter_, 1))
        same.fit(rows, rows[:, 0]) if est.n_iter_ else same.partial_fit(rows[:rest], rows[:rest, 0])
        if est.n_iter_ and rest:
            same.partial_fit(rows[:rest], rows[:rest, 0])
    assert_array_equal(est.network_.parameters, same.network_.parameters)
    assert np.isnan(est.loss_) == (est.n_iter_ == 0)


@pytest.mark.parametrize("more", [{}, {"early_stopping": True}, {"solver": "lbfgs"}])
def test_max_time_ends_between_epochs_and_iterations(more):
    def wait_in_the_third(record):
        if record.epoch == 3:
            time.sleep(1)

    est = MLPRegressor(**QUICK | LONG | more, max_time=1, callbacks=[wait_in_the_third])
    with pytest.warns(ConvergenceWarning, match=r"max_time|MAX_TIME"):
        est.fit(X, Y)
    assert est.n_iter_ == len(est.loss_curve_) == 3
    if "early_stopping" in more:
        assert est.best_validation_score_ == max(est.validation_scores_)
        return
    with pytest.warns(ConvergenceWarning):
        assert_array_equal(est.coefs_[0], MLPRegressor(**QUICK | {"max_iter": 3} | more).fit(X, Y).coefs_[0])


def test_time_that_is_never_up_changes_nothing():
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        plain = MLPRegressor(**QUICK).fit(X, Y)
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        timed = MLPRegressor(**QUICK, max_time=1e9).fit(X, Y)
    assert_array_equal(plain.coefs_[0], timed.coefs_[0])


def test_no_time_at_all_leaves_the_starting_weights():
    for more in ({}, {"early_stopping": True}, {"solver": "lbfgs"}):
        with pytest.warns(ConvergenceWarning, match="max_time|MAX_TIME"):
            est = MLPRegressor(**QUICK, max_time=1e-9, **more).fit(X, Y)
        assert est.n_iter_ == 0 and est.loss_curve_ == [] and np.isnan(est.loss_) and np.isfinite(est.predict(X)).all()


@pytest.mark.parametrize("more", [{}, {"solver": "rprop"}, {"solver": "lbfgs"}, {"solver": "lm"}])
def test_starts_that_time_leaves_without_an_epoch_have_no_loss_and_lose(more):
    settings = QUICK | LONG | more
    with pytest.warns(ConvergenceWarning, match="max_time|MAX_TIME"):
        none, alone = (MLPRegressor(**settings | {"n_restarts": n}, max_time=1e-9).fit(X, Y) for n in (3, 1))
    assert np.isnan(none.restart_losses_).all() and len(none.restart_losses_) == 3
    assert np.isnan(none.loss_) and none.n_iter_ == 0 and none.loss_curve_ == []
    assert_array_equal(none.network_.parameters, alone.network_.parameters)


def test_a_start_with_a_loss_is_better_than_those_without():
    with pytest.warns(ConvergenceWarning, match="max_time"):
        est = MLPRegressor(**QUICK | LONG, max_time=1.0, n_restarts=3).fit(X, Y)
    assert est.restart_losses_[0] == est.loss_ == est.loss_curve_[-1] and np.isnan(est.restart_losses_[1:]).all()


# Norm of the gradient.


def norms_told(solver, X=X, y=Y, weight=None, kind=MLPRegressor, **settings):
    """Norms in the records, and the parameters at each of them."""
    norms, reached = [], []

    def note(record):
        norms.append(record.gradient_norm)
        reached.append(record.network.parameters.copy())

    settings = QUICK | {"solver": solver, "gradient_tol": 0.0, "callbacks": [note]} | settings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return norms, reached, kind(**settings).fit(X, y, weight)


@pytest.mark.parametrize("weight", [None, np.arange(200) % 4 + 0.5])
@pytest.mark.parametrize("y", [Y, np.c_[Y, X[:, 0]]])
def test_the_norm_is_the_length_of_the_next_full_batch_step(y, weight):
    norms, reached, _ = norms_told("sgd", y=y, weight=weight, momentum=0, alpha=2.0, batch_size=200)
    steps = np.linalg.norm(np.diff(reached, axis=0), axis=1)
    assert norms[:-1] == pytest.approx(steps / 0.01, rel=1e-9)


def test_the_norm_is_that_of_the_loss_reported_for_all_batches():
    # A rate of almost nothing: the loss of an epoch is the objective at the weights it begins with.
    settings = {"batch_size": 30, "alpha": 3.0, "max_iter": 1, "learning_rate_init": 1e-200, "momentum": 0}
    norms, (w,), est = norms_told("sgd", **settings)
    gradient = est.network_.gradient(X, Y)
    for start, stop in est.network_.topology.plan.weight_ranges:
        gradient[start:stop] += 7 * 3.0 * w[start:stop]  # seven batches
    direction = gradient / np.linalg.norm(gradient)
    est.set_params(warm_start=True, gradient_tol=None, callbacks=None)

    def loss(h):
        est.network_.parameters = w + h * direction
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return est.fit(X, Y).loss_

    assert norms[0] == pytest.approx((loss(1e-5) - loss(-1e-5)) / 2e-5, rel=1e-8)


def test_rows_set_aside_are_not_in_the_norm():
    inner, *_ = norms_told("sgd", early_stopping=True, batch_size=200, momentum=0, max_iter=1)
    norms, reached, _ = norms_told("sgd", early_stopping=True, batch_size=200, momentum=0, max_iter=2)
    assert inner[0] == norms[0] == pytest.approx(np.linalg.norm(reached[1] - reached[0]) / 0.01, rel=1e-9)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("kind", [MLPRegressor, MLPClassifier])
def test_lbfgs_has_the_same_norm_at_hand(kind, sparse):
    import scipy.sparse

    rows = scipy.sparse.csr_array(X) if sparse else X
    norms, reached, est = norms_told("lbfgs", X=rows, y=Y > 0 if kind is MLPClassifier else Y, kind=kind, alpha=2.0)
    for norm, w in zip(norms, reached, strict=True):
        est.network_.parameters = w
        gradient = est.network_.gradient(rows, (Y > 0).astype(float) if kind is MLPClassifier else Y)
        for start, stop in est.network_.topology.plan.weight_ranges:
            gradient[start:stop] += 2.0 * w[start:stop]
        assert norm == pytest.approx(np.linalg.norm(gradient) / 200, rel=1e-9)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_training_ends_where_the_norm_falls_below_and_has_converged(solver, recwarn):
    norms, _, est = norms_told(
        solver, gradient_tol=0.05, alpha=1.0, activation="tanh", learning_rate_init=0.05, **LONG, batch_size=200
    )
    assert norms[-1] < 0.05 <= min(norms[:-1]) and est.n_iter_ == len(norms) > 1
    assert not [w for w in recwarn if issubclass(w.category, ConvergenceWarning)]


def test_the_norm_may_stop_a_classifier_of_names_and_weights():
    names = np.array(["a", "b", "c"])[load_iris().target]
    settings = {"class_weight": "balanced", "gradient_tol": 0.3, "max_iter": 500, "learning_rate_init": 0.05}
    est = MLPClassifier(**QUICK | settings).fit(scale(load_iris().data), names, np.arange(150) % 2 + 1.0)
    assert 1 < est.n_iter_ < 500


@pytest.mark.parametrize(
    "name, value", [("max_time", 0), ("max_time", -1), ("max_time", "1 s"), ("gradient_tol", -1e-3)]
)
def test_budgets_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        MLPRegressor(**{name: value}).fit(X, Y)
