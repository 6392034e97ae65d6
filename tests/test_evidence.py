# SPDX-License-Identifier: BSD-3-Clause
"""The search for alpha: by the evidence, and by rows set aside."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal, norm
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import scale

from bpnet import LaplaceClassifier, LaplaceRegressor, Layer, MLPClassifier, MLPRegressor, Network, Topology
from bpnet.laplace import _evidence, _held_out, _minimum, _prior
from bpnet.laplace._posterior import Task

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL = {
    "hidden_layer_sizes": (4,), "activation": "tanh", "alpha": 0.5, "solver": "lbfgs", "tol": 1e-10, "max_iter": 50,
    "max_fun": 50000, "random_state": 0,
}  # fmt: skip
NET = {**SMALL, "max_iter": 5000}


@pytest.fixture
def scarce(rng):
    X = rng.normal(size=(80, 3))
    y = np.tanh(2 * X[:, 0]) + 0.3 * X[:, 1] + 0.3 * rng.normal(size=80)
    return X, (y - y.mean()) / y.std()


def test_the_best_is_kept_and_more_fits_do_no_harm(scarce):
    fits = [LaplaceRegressor(MLPRegressor(**SMALL), alpha="evidence", max_refits=n).fit(*scarce) for n in (3, 30, 90)]
    for model in fits:
        assert model.log_marginal_likelihood_ == max(model.evidence_curve_)
    few, many, more = fits
    assert many.log_marginal_likelihood_ > few.log_marginal_likelihood_
    assert len(more.evidence_curve_) < 90
    assert more.log_marginal_likelihood_ >= many.log_marginal_likelihood_
    assert more.evidence_curve_[:30] == many.evidence_curve_
    assert more.n_effective_parameters_ < 0.3 * 80


@pytest.mark.parametrize("structure", ["full", "kronecker"])
def test_the_evidence_falls_on_both_sides_of_what_was_found(scarce, structure):
    X, y = scarce
    model = LaplaceRegressor(MLPRegressor(**SMALL), alpha="evidence", structure=structure).fit(X, y)
    for factor in (1 / 20, 20):
        other = clone(model.estimator_).set_params(alpha=model.alpha_ * factor, warm_start=True, max_iter=2000)
        other.fit(X, y, coef_init=model.estimator_.coefs_, intercept_init=model.estimator_.intercepts_)
        beside = LaplaceRegressor(FrozenEstimator(other), structure=structure).fit(X, y)
        assert beside.log_marginal_likelihood_ < model.log_marginal_likelihood_


def test_parameters_of_the_model_are_at_the_minimum_of_its_alpha(scarce):
    X, y = scarce
    model = LaplaceRegressor(MLPRegressor(**SMALL), alpha="evidence").fit(X, y)
    net = model.estimator_.network_
    again = LaplaceRegressor(FrozenEstimator(model.estimator_), alpha=model.alpha_).fit(X, y)
    assert_allclose(again.log_marginal_likelihood_, model.log_marginal_likelihood_, rtol=1e-10)
    assert_array_equal(again.predict(X, return_std=True)[1], model.predict(X, return_std=True)[1])
    held = np.zeros(len(net.parameters))
    for start, stop in net.topology.plan.weight_ranges:
        held[start:stop] = model.alpha_ * net.parameters[start:stop]
    assert abs(net.gradient(X, y) + held).max() < 1e-2 * abs(held).max()


def test_inputs_that_do_not_matter_get_a_large_alpha(rng):
    X = rng.normal(size=(300, 3))
    y = scale(np.tanh(2 * X[:, 0]) + 0.7 * X[:, 1] + 0.2 * rng.normal(size=300))
    models = [
        LaplaceRegressor(MLPRegressor(**SMALL), alpha="evidence", groups=groups, max_refits=60).fit(X, y)
        for groups in ("input", "layer", "one")
    ]
    by_input, by_layer, by_one = models
    assert by_input.alpha_.shape == (4,) and by_layer.alpha_.shape == (2,) and isinstance(by_one.alpha_, float)
    assert by_input.alpha_[2] > 10 * by_input.alpha_[:2].max()
    assert by_input.log_marginal_likelihood_ > by_one.log_marginal_likelihood_ + 3


def test_evidence_by_input_of_a_linear_model_is_a_normal_density_and_found_at_its_top(rng):
    """Targets are normal with covariance v + X diag(v / alpha) X': no approximation."""
    X = rng.normal(size=(60, 4))
    y = X @ [1, -2, 0.1, 0] + 0.5 * rng.normal(size=60)
    net = MLPRegressor(topology=Topology(4, [Layer(1, "identity", bias=False)]))
    model = LaplaceRegressor(net, alpha="evidence", groups="input", noise=0.25, max_refits=60).fit(X, y)

    def judge(alphas):
        return multivariate_normal.logpdf(y, cov=0.25 * (np.eye(60) + X / alphas @ X.T))

    assert_allclose(model.log_marginal_likelihood_, judge(model.alpha_), rtol=1e-9)
    for factor in (0.5, 2.0):
        for k in range(4):
            beside = model.alpha_.copy()
            beside[k] *= factor
            # Where a step gains less than a tenth the search ends.
            assert judge(beside) < model.log_marginal_likelihood_ + 0.1


def test_groups_cover_all_weights_and_no_bias():
    topology = Topology(2, [Layer(2, "tanh"), Layer(1, "identity", sources=("h1", "input"))])
    assert_array_equal(_prior.groups_of(topology, "one"), [0, 0, 0, 0, -1, -1, 0, 0, 0, 0, -1])
    assert_array_equal(_prior.groups_of(topology, "layer"), [0, 0, 0, 0, -1, -1, 1, 1, 1, 1, -1])
    assert_array_equal(_prior.groups_of(topology, "input"), [0, 0, 1, 1, -1, -1, 2, 2, 0, 1, -1])


def test_many_effective_parameters_are_warned_of(rng):
    X = rng.normal(size=(9, 3))
    with pytest.warns(UserWarning, match="effective parameters are .* of 9 targets"):
        LaplaceRegressor(MLPRegressor(**NET), alpha="evidence").fit(X, X @ [1, 2, 3] + 0.01 * rng.normal(size=9))


def test_a_fit_that_fails_at_its_end_leaves_the_last_one_whole(rng):
    X = rng.normal(size=(9, 3))
    y = X @ [1, 2, 3] + 0.01 * rng.normal(size=9)
    model = LaplaceRegressor(MLPRegressor(**NET)).fit(X, y).set_params(alpha="evidence")
    before = dict(vars(model))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="effective parameters"):
            model.fit(X, y)
    assert vars(model) == before


def test_evidence_of_classes_is_ascended(iris):
    X, y = iris
    model = LaplaceClassifier(MLPClassifier(**SMALL), alpha="evidence").fit(X, y)
    assert model.log_marginal_likelihood_ == max(model.evidence_curve_) > model.evidence_curve_[0]
    assert model.score(X, y) > 0.95


def test_evidence_is_refused_where_it_cannot_be_had(scarce):
    net = MLPRegressor(**SMALL).fit(*scarce)
    with pytest.raises(ValueError, match="not frozen"):
        LaplaceRegressor(FrozenEstimator(net), alpha="evidence").fit(*scarce)
    with pytest.raises(ValueError, match="other than 'last_layer'"):
        LaplaceRegressor(net, alpha="evidence", structure="last_layer").fit(*scarce)


# The fits


@pytest.fixture
def task(scarce):
    topology = Topology.layered([3, 4, 1], "tanh", "identity")
    X, y = scarce
    number = _prior.groups_of(topology, "layer")
    return topology, Task(X, y[:, None], None, number, np.arange(len(number)), "full", True, None)


def test_what_is_minimised_has_the_derivatives_of_differences(task, rng):
    topology, task = task
    net, alphas = Network(topology, random_state=0), np.array([0.3, 2.0])
    objective, w = _minimum.Held(task, net, alphas, scale=7.0), rng.normal(size=topology.n_parameters)

    def value(w):
        net.parameters = w
        held = sum(a * w[i:j] @ w[i:j] for a, (i, j) in zip(alphas, topology.plan.weight_ranges, strict=True))
        return (net.loss(task.X, task.y) + held / 2) / 7

    assert_allclose(objective.value_and_gradient(w)[0], value(w), rtol=1e-14)
    assert_allclose(objective.data_term_and_gradient(w)[0] + objective.penalty(w), value(w), rtol=1e-14)
    steps = 1e-6 * np.eye(len(w))
    slopes = [(value(w + step) - value(w - step)) / 2e-6 for step in steps]
    assert_allclose(objective.value_and_gradient(w)[1], slopes, atol=1e-8)
    net.parameters = w
    expected = (net.gauss_newton(task.X, task.y) + np.diag(np.where(task.number < 0, 0, alphas[task.number]))) / 7
    assert_allclose(objective.gauss_newton(w, np.empty((len(w),) * 2)), expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_fits_settle_whatever_the_unit_of_the_targets(task, structure):
    """By Levenberg-Marquardt and by L-BFGS; frozen parameters stay, to the bit."""
    topology, task = task
    places = np.arange(3, topology.n_parameters)
    for unit in (0.01, 1.0, 100.0):
        net = Network(topology, random_state=0)
        # The last layer in the unit of the targets, with its penalty: the same problem, times the unit squared.
        units = np.where(np.arange(topology.n_parameters) < 16, 1.0, unit)
        scaled, alphas = replace(task, y=unit * task.y, structure=structure, places=places), np.array([unit**2, 0.1])
        start = units * net.parameters
        w = _minimum.minimum(scaled, net, start, alphas)
        assert_array_equal(w[:3], start[:3])
        objective = _minimum.Held(scaled, net, alphas, scale=unit**2)
        before, after = (objective.value_and_gradient(each) for each in (start, w))
        assert after[0] < before[0] / 2
        assert abs(units * after[1])[places].max() < 0.02 * abs(units * before[1])[places].max()


def test_ctrl_c_ends_the_search_and_leaves_the_model(scarce, monkeypatch):
    model = LaplaceRegressor(MLPRegressor(**SMALL)).fit(*scarce).set_params(alpha="evidence")
    before = dict(vars(model))

    def interrupted(self, w, out):
        raise KeyboardInterrupt

    monkeypatch.setattr(_minimum.Held, "gauss_newton", interrupted)
    with pytest.warns(UserWarning, match="interrupted by user"), pytest.raises(KeyboardInterrupt):
        model.fit(*scarce)
    assert vars(model) == before


# Rows set aside


@pytest.fixture
def walked(monkeypatch):
    """Task, alphas and parameters of each fit of the walk, and of the last one, to all rows."""
    walk, last = [], []

    def noted(seen):
        def minimum(task, net, w, alphas):
            w = _minimum.minimum(task, net, w, alphas)
            seen.append((task, alphas, w))
            return w

        return minimum

    monkeypatch.setattr(_evidence, "minimum", noted(walk))
    monkeypatch.setattr(_held_out, "minimum", noted(last))
    return walk, last


class Seeing(MLPRegressor):
    """Notes what it is fitted to."""

    def fit(self, X, y, sample_weight=None):
        self.seen_ = X
        return super().fit(X, y, sample_weight)


def test_rows_set_aside_have_no_part_in_the_fits_that_they_judge(scarce, walked):
    X, y = scarce
    s = 1 + np.arange(len(X)) % 2
    model = LaplaceRegressor(Seeing(validation_fraction=0.25, **SMALL), alpha="validation").fit(X, y, s)
    train, aside = _held_out.split(MLPRegressor(validation_fraction=0.25, random_state=0), X, y)
    assert len(aside) == 20 and sorted([*train, *aside]) == list(range(80))
    assert_array_equal(model.estimator_.seen_, X[train])
    walk, last = walked
    assert len(walk) == len(model.validation_scores_)
    for task, _, _ in walk:
        assert_array_equal(task.X, X[train])
        assert_array_equal(task.y[:, 0], y[train])
        assert_array_equal(task.weight, s[train])
    ((task, alphas, w),) = last
    assert_array_equal(task.X, X)
    assert_array_equal(model.estimator_.network_.parameters, w)
    best = int(np.argmax(model.validation_scores_))
    assert model.alpha_ == alphas[0] == walk[best][1][0]


@pytest.mark.parametrize("noise", [None, 0.2])
def test_scores_are_log_densities_and_the_noise_is_the_likeliest(scarce, walked, noise):
    X, y = scarce
    s = 1.0 + np.arange(len(X)) % 3
    model = LaplaceRegressor(MLPRegressor(**SMALL), alpha="validation", noise=noise).fit(X, y, s)
    train, aside = _held_out.split(model.estimator_, X, y)
    best = int(np.argmax(model.validation_scores_))
    _, alphas, w = walked[0][best]
    estimator = clone(model.estimator_).fit(X, y)
    estimator.network_.parameters = w

    def judge(v):
        judge = LaplaceRegressor(FrozenEstimator(estimator), alpha=alphas[0], noise=v).fit(X[train], y[train], s[train])
        mean, std = judge.predict(X[aside], return_std=True)
        return np.average(norm.logpdf(y[aside], mean, std), weights=s[aside])

    assert_allclose(judge(model.noise_), model.validation_scores_[best], rtol=1e-9)
    if noise is None:
        assert judge(model.noise_) > max(judge(1.02 * model.noise_), judge(0.98 * model.noise_))
    else:
        assert model.noise_ == noise
    again = LaplaceRegressor(FrozenEstimator(model.estimator_), alpha=model.alpha_, noise=model.noise_).fit(X, y, s)
    assert_allclose(again.log_marginal_likelihood_, model.log_marginal_likelihood_, rtol=1e-12)


@pytest.mark.parametrize("kind", ["two classes", "classes", "labels"])
def test_scores_of_classes_are_those_of_moderated_probabilities(iris, walked, kind):
    X, y = iris
    labels = np.column_stack([y < 2, y > 0]).astype(int)
    y = {"two classes": y % 2, "classes": y, "labels": labels}[kind]
    model = LaplaceClassifier(MLPClassifier(**SMALL), alpha="validation", max_refits=5).fit(X, y)
    train, aside = _held_out.split(model.estimator_, X, y)
    for (_, alphas, w), score in zip(walked[0], model.validation_scores_, strict=True):
        estimator = clone(model.estimator_).fit(X, y)
        estimator.network_.parameters = w
        p = (
            LaplaceClassifier(FrozenEstimator(estimator), alpha=alphas[0])
            .fit(X[train], y[train])
            .predict_proba(X[aside])
        )
        t = y[aside] if kind == "labels" else np.eye(p.shape[1])[y[aside]]
        of_row = t * np.log(p) + ((1 - t) * np.log1p(-p) if kind == "labels" else 0)
        assert_allclose(of_row.sum(axis=1).mean(), score, rtol=1e-9)
    if kind != "labels":
        assert_array_equal(np.bincount(y[aside]), np.bincount(y) // 10)


def test_the_same_seed_sets_the_same_rows_aside(scarce):
    X, y = scarce
    models = [
        LaplaceRegressor(MLPRegressor(**{**SMALL, "random_state": seed}), alpha="validation").fit(*data)
        for seed, data in [(0, (X, y)), (0, (pd.DataFrame(X, columns=["a", "b", "c"]), list(y))), (1, (X, y))]
    ]
    assert models[0].validation_scores_ == models[1].validation_scores_ != models[2].validation_scores_
    assert list(models[1].feature_names_in_) == ["a", "b", "c"]
    sparse = LaplaceRegressor(MLPRegressor(**SMALL), alpha="validation").fit(scipy.sparse.csr_array(X), y)
    # Sparse products add in another order.
    assert_allclose(sparse.validation_scores_[:3], models[0].validation_scores_[:3], rtol=1e-6)


def test_noise_is_not_underestimated_where_the_network_learns_it(rng):
    """Of 40 rows and 20 features a fit without restraint leaves no residual to speak of."""
    X = rng.normal(size=(60, 15))
    y = scale(X[:, 0] + rng.normal(size=60))
    model = LaplaceRegressor(MLPRegressor(**{**SMALL, "validation_fraction": 0.5}), alpha="validation").fit(X, y)
    assert 0.3 < model.noise_ < 1.0
    assert not hasattr(model, "evidence_curve_")


def test_a_search_by_rows_set_aside_is_refused_where_it_cannot_be_had(scarce):
    X, y = scarce
    net = MLPRegressor(**SMALL)
    with pytest.raises(ValueError, match="alpha='validation' fits the network anew"):
        LaplaceRegressor(FrozenEstimator(net.fit(X, y)), alpha="validation").fit(X, y)
    with pytest.raises(TypeError, match="expected an MLPRegressor"):
        LaplaceRegressor(MLPClassifier(), alpha="validation").fit(X, y)
    train, _ = _held_out.split(net, X, y)
    s = np.zeros(len(X))
    s[train] = 1
    with pytest.raises(ValueError, match="weights above 0 among the rows set aside"):
        LaplaceRegressor(net, alpha="validation").fit(X, y, s)
