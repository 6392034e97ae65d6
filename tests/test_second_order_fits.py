# SPDX-License-Identifier: BSD-3-Clause
"""Full-batch solvers and restarts through the estimators."""

import contextlib
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from bpnet import Layer, MLPClassifier, MLPRegressor, load_model, save_model
from bpnet.losses import NAMES

X, Y = (scale(part)[:80] for part in load_diabetes(return_X_y=True))
FLOWERS, KINDS = scale(load_iris().data), load_iris().target
NEWTONS = ("lm", "newton-cg", "trust-ncg", "scg")
SOLVERS = (*NEWTONS, "rprop+")
QUICK = {"hidden_layer_sizes": (4,), "activation": "tanh", "alpha": 5.0, "random_state": 0, "max_iter": 500}
QUICK |= {"tol": 1e-6}


def regressor(solver, **more):
    return MLPRegressor(**QUICK | more, solver=solver)


@pytest.mark.parametrize("solver", SOLVERS)
def test_fits_report_what_they_took(solver):
    est = regressor(solver, **{"tol": 1e-4} if solver == "rprop+" else {}).fit(X, Y)
    assert len(est.loss_curve_) == est.n_iter_ < est.n_evaluations_ and est.loss_ == est.loss_curve_[-1]
    g = est.network_.gradient(X, Y)
    for start, stop in est.network_.topology.plan.weight_ranges:
        g[start:stop] += 5.0 * est.network_.parameters[start:stop]
    assert np.abs(g / 80).max() <= 1e-4 and est.score(X, Y) > 0.4
    assert type(est.n_evaluations_) is int and type(est.loss_) is float


@pytest.mark.parametrize("solver", SOLVERS)
def test_zero_weight_leaves_a_row_out_and_two_is_the_row_twice(solver):
    s = np.arange(80) % 3
    rows = np.repeat(np.arange(80), s)
    for kind, y in ((MLPRegressor, Y), (MLPClassifier, Y > 0)):
        settings = QUICK | {"solver": solver, "alpha": 20.0}
        a, b = kind(**settings).fit(X, y, s), kind(**settings).fit(X[rows], y[rows])
        # To the tolerance of the minimum, not of rounding: sums are taken in another order.
        assert_allclose(a.network_.parameters, b.network_.parameters, atol=1e-4)


@pytest.mark.parametrize("solver", NEWTONS)
def test_float32_is_fitted_in_float64_and_kept(solver):
    few = X.astype(np.float32), Y.astype(np.float32)
    start = regressor("lbfgs", max_iter=1)
    with pytest.warns(ConvergenceWarning):
        start.fit(*few)
    begin = {"coef_init": start.coefs_, "intercept_init": start.intercepts_}
    a = regressor(solver).fit(*few, **begin)
    b = regressor(solver).fit(*(part.astype(np.float64) for part in few), **begin)
    assert a.predict(few[0]).dtype == np.float32 and a.loss_ == pytest.approx(b.loss_, rel=1e-12)
    assert_array_equal(a.network_.parameters, b.network_.parameters.astype(np.float32))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("y", [KINDS, KINDS > 0, np.eye(3, dtype=int)[KINDS]], ids=["classes", "binary", "labels"])
def test_classifiers_are_fitted(solver, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        est = MLPClassifier((5,), "tanh", solver=solver, alpha=0.1, random_state=0, max_iter=200).fit(FLOWERS, y)
    assert est.score(FLOWERS, y) > 0.9


@pytest.mark.parametrize("loss", sorted(set(NAMES) - {"log_loss", "absolute_error", "quantile"}))
def test_lm_fits_every_loss_that_has_curvature(loss):
    layers = [Layer(4, "tanh", name="h"), Layer(None, sources=("h", "input"))]
    est = MLPRegressor(loss, topology=layers, solver="lm", alpha=1.0, random_state=0, max_iter=50)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        est.fit(X, np.exp(Y) if loss in ("gamma", "poisson") else Y)
    # Iteration by iteration: the curve falls without exception.
    assert (np.diff(est.loss_curve_) < 0).all() and est.n_iter_ > 2


@pytest.mark.parametrize("solver", SOLVERS)
def test_validation_callbacks_and_gradient_norm_work_as_with_lbfgs(solver):
    told = []
    est = regressor(solver, callbacks=[lambda record: told.append(record) or record.epoch == 5], gradient_tol=0.0)
    est.fit(X[:60], Y[:60], X_val=X[60:], y_val=Y[60:])
    assert est.n_iter_ == len(est.validation_scores_) == len(told) == 5 and told[-1].loss == est.loss_
    assert est.validation_scores_[-1] == pytest.approx(est.score(X[60:], Y[60:]))
    norms = [record.gradient_norm for record in told]
    assert regressor(solver, gradient_tol=norms[3] * 1.001).fit(X[:60], Y[:60]).n_iter_ <= 4


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_unfinished_fit_warns_and_says_why(solver):
    with pytest.warns(ConvergenceWarning, match=rf"{solver.replace('+', '.')} failed .* 2 iteration.*\n.*LIMIT"):
        regressor(solver, max_iter=2).fit(X, Y)
    with pytest.warns(ConvergenceWarning, match="MAX_TIME"):
        est = regressor(solver, max_time=1e-9).fit(X, Y)
    assert est.n_iter_ == 0 and np.isnan(est.loss_)


@pytest.mark.parametrize("solver", SOLVERS)
def test_goal_ends_the_training_at_a_loss(solver):
    goal = (Y**2).mean() / 4
    curve = regressor(solver, alpha=0.01, solver_options={"goal": goal}).fit(X, Y).loss_curve_
    assert curve[-1] <= goal and all(loss > goal for loss in curve[:-1])


def test_solvers_of_all_rows_have_no_partial_fit_but_others_go_on_after_them():
    est = regressor("lm", warm_start=True).fit(X, Y)
    assert not hasattr(est, "partial_fit")
    best = est.loss_
    with pytest.warns(ConvergenceWarning):
        est.set_params(solver="adam", max_iter=1, learning_rate_init=1e-6).fit(X, Y)
    assert est.loss_ == pytest.approx(best, rel=0.1)


def test_options_and_restarts_survive_pickling_and_json(tmp_path):
    est = regressor("lm", solver_options={"mu": 0.1}, n_restarts=2).fit(X, Y)
    save_model(est, tmp_path / "model.json")
    for twin in (pickle.loads(pickle.dumps(est)), load_model(tmp_path / "model.json")):
        assert twin.get_params() == est.get_params() and twin.restart_losses_ == est.restart_losses_
        assert_array_equal(twin.predict(X), est.predict(X))


class OwnLoss:
    """Squares without second derivatives."""

    def value(self, y, t):
        return ((y - t) ** 2).sum(1)

    def gradient(self, y, t):
        return 2 * (y - t)


@pytest.mark.parametrize(
    ("error", "message", "solver", "more"),
    [
        (ValueError, "'lm' does not take alpha_l1", "lm", {"alpha_l1": 0.1}),
        (ValueError, "'scg' does not take dropout", "scg", {"dropout": 0.1}),
        (ValueError, "'lm' does not take learning_rate", "lm", {"learning_rate": "cosine"}),
        (ValueError, "solver_options of 'lm', some of mu, .*goal, got 'eta'", "lm", {"solver_options": {"eta": 1}}),
        (ValueError, "expected solver_options of 'adam', none, got 'mu'", "adam", {"solver_options": {"mu": 1}}),
        (ValueError, "of 'lbfgs', none", "lbfgs", {"solver_options": {"ftol": 1}}),
        (TypeError, r"expected solver_options\['mu'\] as a number, got 'a'", "lm", {"solver_options": {"mu": "a"}}),
        (ValueError, "expected 0 < mu <= mu_max", "lm", {"solver_options": {"mu": -1}}),
        (ValueError, "'solver_options' parameter", "lm", {"solver_options": 3}),
        (ValueError, "'n_restarts' parameter", "lm", {"n_restarts": 0}),
        (ValueError, "OwnLoss has no hessian", "lm", {"loss": OwnLoss()}),
        (ValueError, "OwnLoss has no hessian", "scg", {"loss": OwnLoss()}),
        (ValueError, "n_restarts=1 with callbacks", "lm", {"n_restarts": 2, "callbacks": print}),
        (ValueError, "n_restarts=1 with early_stopping", "adam", {"n_restarts": 2, "early_stopping": True}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_makes_no_sense_is_refused(error, message, solver, more):
    est = regressor(solver, **more)
    with pytest.raises(error, match=message):
        est.fit(X, Y)
    assert not hasattr(est, "network_")


# Several starts.


@pytest.mark.parametrize("solver", ["lm", "lbfgs", "adam"])
def test_the_best_of_several_starts_is_kept_and_the_first_is_that_of_a_plain_fit(solver):
    settings = {"alpha": 0.01, "max_iter": 20, "hidden_layer_sizes": (6,)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        plain, several = (regressor(solver, **settings, n_restarts=n).fit(X, Y) for n in (1, 5))
    assert several.restart_losses_[0] == plain.loss_ and len(set(several.restart_losses_)) == 5
    assert several.loss_ == min(several.restart_losses_) == several.loss_curve_[-1]
    assert not hasattr(plain, "restart_losses_")


@pytest.mark.parametrize("solver", ["lm", "adam"])
def test_restarts_do_not_depend_on_the_number_of_workers(solver):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # workers are processes: joblib may warn of their start
        fits = [regressor(solver, alpha=0.01, max_iter=10, n_restarts=4, n_jobs=n).fit(X, Y) for n in (None, 2, 3)]
    for est in fits[1:]:
        assert est.restart_losses_ == fits[0].restart_losses_
        assert_array_equal(est.network_.parameters, fits[0].network_.parameters)


@pytest.mark.parametrize("solver", [*SOLVERS, "lbfgs", "sgd"])
def test_a_start_that_diverges_is_the_worst_and_an_error_where_all_do(solver):
    scales = iter([1e200, 1, 1e200])

    def start(topology, random_state):
        return next(scales) * random_state.normal(size=topology.n_parameters)

    settings = {"activation": "relu", "max_iter": 5, "n_restarts": 3, "initializer": start}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        est = regressor(solver, **settings).fit(X, Y)
    assert est.restart_losses_ == [np.inf, est.loss_, np.inf] and np.isfinite(est.network_.parameters).all()
    scales = iter([1e200] * 3)
    with pytest.raises(ValueError, match="non-finite parameter|size that can be squared"):
        regressor(solver, **settings).fit(X, Y)


@pytest.mark.parametrize("solver", ["newton-cg", "trust-ncg"])
def test_curvature_beyond_all_numbers_ends_the_search_where_it_is(solver):
    with pytest.warns(ConvergenceWarning, match="CURVATURE BEYOND ALL NUMBERS"):
        est = regressor(solver).fit(X, 1e150 * Y)
    assert est.n_iter_ == 0 and np.isfinite(est.network_.parameters).all()


def test_one_warning_tells_of_the_start_that_is_kept():
    with pytest.warns(ConvergenceWarning) as record:
        regressor("lm", max_iter=2, n_restarts=3).fit(X, Y)
    assert len(record) == 1


def test_with_a_validation_set_and_early_stopping_the_best_score_decides():
    settings = {"alpha": 0.01, "early_stopping": True, "max_iter": 30, "n_restarts": 4}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        est = regressor("lm", **settings).fit(X[:60], Y[:60], X_val=X[60:], y_val=Y[60:])
        alone = regressor("lm", **settings | {"n_restarts": 1}).fit(X[:60], Y[:60], X_val=X[60:], y_val=Y[60:])
    assert est.best_validation_score_ >= alone.best_validation_score_
    assert est.score(X[60:], Y[60:]) == pytest.approx(est.best_validation_score_)


def test_a_fit_that_goes_on_has_one_start():
    est = regressor("lm", warm_start=True, n_restarts=2).fit(X, Y)
    w = est.network_.parameters.copy()
    with pytest.raises(ValueError, match="n_restarts=1 for a fit that goes on from the last; got 2"):
        est.fit(X, Y)
    assert_array_equal(est.network_.parameters, w)
    with pytest.raises(ValueError, match="n_restarts=1 for a fit that goes on"):
        MLPRegressor(n_restarts=2).partial_fit(X, Y)


class CtrlCAtLine:
    """A screen on which a certain line, when it comes again, makes the user press Ctrl-C."""

    def __init__(self, words, times):
        self.words, self.left = words, times

    def write(self, text):
        self.left -= text.startswith(self.words)
        if not self.left:
            self.left = -1
            raise KeyboardInterrupt


@pytest.mark.parametrize("solver", ["lm", "adam"])
def test_ctrl_c_keeps_the_best_so_far_and_begins_no_other_start(solver):
    est = regressor(solver, alpha=0.01, max_iter=6, n_restarts=5, verbose=True)
    screen = CtrlCAtLine("Iteration 2,", times=3)
    with contextlib.redirect_stdout(screen), pytest.warns(UserWarning, match="Training interrupted by user"):
        with warnings.catch_warnings(record=False):
            warnings.simplefilter("ignore", ConvergenceWarning)
            est.fit(X, Y)
    assert len(est.restart_losses_) == 3 and est.loss_ == min(est.restart_losses_)
