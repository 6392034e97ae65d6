# SPDX-License-Identifier: BSD-3-Clause
"""Laplace's approximation and its evidence against closed forms, finite differences, quadrature and scikit-learn."""

import numpy as np
import pytest
from laplace_nets import FINE, NET, STRUCTURES, numeric_jacobian
from numpy.testing import assert_allclose
from scipy.special import expit, log_expit, logsumexp
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import BayesianRidge, Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from bpnet import LaplaceClassifier, LaplaceRegressor, Layer, MLPClassifier, MLPRegressor, Topology
from bpnet.laplace import _prior

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

BARE = Topology(3, [Layer(1, "identity", bias=False)])


def test_linear_model_is_scikit_learns_bayesian_ridge(line):
    judge = BayesianRidge(
        fit_intercept=False, compute_score=True, tol=1e-13, max_iter=2000,
        alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0,
    ).fit(*line)  # fmt: skip
    net = MLPRegressor(topology=BARE, **{**FINE, "alpha": judge.lambda_ / judge.alpha_})
    model = LaplaceRegressor(net).fit(*line)
    far = 10 * line[0]
    for ours, theirs in zip(model.predict(far, return_std=True), judge.predict(far, return_std=True)):
        assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
    # At its fixed point, which the judge reaches up to rounding, noise and evidence are the same.
    assert_allclose(model.beta_, judge.alpha_, rtol=1e-6)
    assert_allclose(model.log_marginal_likelihood_, judge.scores_[-1], rtol=1e-8)
    found = LaplaceRegressor(net, alpha="evidence").fit(*line)
    # The evidence is flat at its top: a tenth of a nat there is some per cent of alpha.
    assert judge.scores_[-1] - found.log_marginal_likelihood_ < 0.01
    assert_allclose(found.alpha_, judge.lambda_ / judge.alpha_, rtol=0.1)


def test_linear_model_is_the_closed_form_with_weights_bias_and_several_targets(wave, rng):
    X, y = wave
    s = rng.uniform(0, 2, len(X))
    model = LaplaceRegressor(MLPRegressor(hidden_layer_sizes=(), **{**FINE, "alpha": 3.0}), noise=0.7).fit(X, y, s)
    ones = np.column_stack([X, np.ones(len(X))])
    prior = np.diag([3.0, 3.0, _prior.BIAS_PRECISION])
    cov = 0.7 * np.linalg.inv(ones.T @ (s[:, None] * ones) + prior)
    at = np.column_stack([3 * X, np.ones(len(X))])
    expected = at @ cov @ at.T
    _, std = model.predict(3 * X, return_std=True, include_noise=False)
    _, joint = model.predict(3 * X, return_cov=True)
    for k in range(2):
        assert_allclose(std[:, k], np.sqrt(np.diag(expected)), rtol=1e-9)
        assert_allclose(joint[..., k], expected + 0.7 * np.eye(len(X)), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("out", [None, "logistic"])
def test_covariances_are_those_of_a_jacobian_by_finite_differences(wave, out):
    X, y = wave
    model = LaplaceRegressor(MLPRegressor(out_activation=out, **NET)).fit(X, y)
    net = model.estimator_.network_
    J = numeric_jacobian(net, X)
    is_weight = np.zeros(J.shape[2], bool)
    for start, stop in net.topology.plan.weight_ranges:
        is_weight[start:stop] = True
    prior = np.where(is_weight, 0.5, _prior.BIAS_PRECISION)
    cov = np.linalg.inv(np.einsum("nkv,nkw->vw", J, J) + np.diag(prior))
    used = J.shape[2] - prior @ np.diag(cov)
    noise = ((y - net.predict(X)) ** 2).sum() / (y.size - used)
    # Differences of float64 give some nine digits, and the inverse keeps six.
    assert_allclose(model.n_effective_parameters_, used, rtol=1e-5)
    assert_allclose(model.noise_, noise, rtol=1e-5)
    _, std = model.predict(X, return_std=True)
    assert_allclose(std, np.sqrt(noise * (1 + np.einsum("nkv,vw,nkw->nk", J, cov, J))), rtol=1e-5)
    _, joint = model.predict(X, return_cov=True, include_noise=False)
    assert_allclose(joint, noise * np.einsum("nkv,vw,mkw->nmk", J, cov, J), rtol=1e-4, atol=1e-7)


def test_evidence_of_a_tiny_net_approaches_the_integral_of_likelihood_times_prior(rng):
    """Two weights, no biases; of the mode and its mirror image, with the signs of both turned, one is integrated."""
    noise, alpha, errors = 0.01, 0.02, []
    X = rng.normal(size=(1280, 1))
    y = 1.3 * np.tanh(0.8 * X[:, 0]) + np.sqrt(noise) * rng.normal(size=len(X))
    topology = Topology(1, [Layer(1, "tanh", bias=False), Layer(1, "identity", bias=False)])
    for n in (80, 1280):
        net = MLPRegressor(topology=topology, **{**FINE, "alpha": alpha})
        model = LaplaceRegressor(net, noise=noise).fit(X[:n], y[:n])
        mode, sd = model.estimator_.network_.parameters, np.sqrt(noise * model._laplace.posterior.variances())
        axes = mode[:, None] + sd[:, None] * np.linspace(-8, 8, 161)
        u, v = np.meshgrid(*axes, indexing="ij")
        exponent = -alpha / noise * (u**2 + v**2) / 2 + np.log(alpha / noise / (2 * np.pi))
        for x, target in zip(X[:n, 0], y[:n]):
            exponent -= (v * np.tanh(u * x) - target) ** 2 / (2 * noise) + np.log(2 * np.pi * noise) / 2
        truth = logsumexp(exponent) + np.log(sd / 10).sum()
        errors.append(abs(model.log_marginal_likelihood_ - truth))
    # What the approximation leaves out is of order 1 / n.
    assert errors[0] < 0.1 and errors[1] < 0.01
    assert abs(truth) > 100


def test_evidence_of_a_classifier_approaches_the_integral_as_rows_grow(rng):
    X = rng.normal(size=(600, 2))
    y = (rng.random(600) < expit(X @ [1.0, -0.5])).astype(int)
    errors = []
    for n in (20, 600):
        topology = Topology(2, [Layer(1, "logistic", bias=False)])
        model = LaplaceClassifier(MLPClassifier(topology=topology, **{**FINE, "alpha": 0.7})).fit(X[:n], y[:n])
        grid = np.arange(-6, 6, 0.02)
        u, v = np.meshgrid(grid, grid, indexing="ij")
        exponent = -0.7 * (u**2 + v**2) / 2 + np.log(0.7 / (2 * np.pi))
        for x, target in zip(X[:n], y[:n]):
            exponent += log_expit((2 * target - 1) * (u * x[0] + v * x[1]))
        errors.append(abs(model.log_marginal_likelihood_ - logsumexp(exponent) - 2 * np.log(0.02)))
    assert errors[1] < errors[0] / 10 and errors[1] < 0.005


@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_weight_counts_like_repetition(wave, structure):
    X, y = wave
    s = np.arange(len(X)) % 3
    net = FrozenEstimator(MLPRegressor(**NET).fit(X, y, s))
    ours = LaplaceRegressor(net, structure=structure).fit(X, y, s)
    theirs = LaplaceRegressor(net, structure=structure).fit(np.repeat(X, s, axis=0), np.repeat(y, s, axis=0))
    for name in ("noise_", "log_marginal_likelihood_", "n_effective_parameters_"):
        assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-10)


# The prior


def test_mini_batches_count_the_penalty_once_each():
    net = MLPRegressor(solver="sgd", alpha=2.0, batch_size=2)
    assert _prior.effective_alpha(net, 2) == 2.0
    assert _prior.effective_alpha(net, 8) == 8.0
    # Batches of 2, 2 and 1 out of 5.
    assert_allclose(_prior.effective_alpha(net, 5), 2 * (5 / 2 + 5 / 2 + 5) / 3)
    assert _prior.effective_alpha(clone(net).set_params(batch_size="auto"), 450) == 2 * (2 * 450 / 200 + 9) / 3
    assert _prior.effective_alpha(clone(net).set_params(early_stopping=True, validation_fraction=0.2), 10) == 8.0
    assert _prior.effective_alpha(clone(net).set_params(solver="lbfgs"), 5) == 2.0


def test_sgd_ends_at_the_ridge_of_the_effective_alpha(line):
    X, y = line
    net = MLPRegressor(topology=BARE, solver="sgd", alpha=4.0, batch_size=10, learning_rate_init=2e-3, momentum=0,
                       max_iter=1500, tol=0, n_iter_no_change=2000, random_state=0).fit(X, y)  # fmt: skip
    model = LaplaceRegressor(FrozenEstimator(net)).fit(X, y)
    assert model.alpha_ == 24.0
    near, far = (Ridge(alpha, fit_intercept=False).fit(X, y).coef_ for alpha in (24.0, 4.0))
    got = net.coefs_[0].ravel()
    # Small steps wander little about the minimum.
    assert abs(got - near).max() < 0.1 * abs(got - far).max()


# scikit-learn's own checks

SMALL = {**NET, "max_iter": 50}

CHECKED = [
    LaplaceRegressor(),
    LaplaceRegressor(MLPRegressor(**{**SMALL, "hidden_layer_sizes": (2,)}), structure="kronecker", alpha="evidence"),
    LaplaceRegressor(MLPRegressor(**{**SMALL, "hidden_layer_sizes": (2,)}), alpha="validation"),
    LaplaceClassifier(),
    LaplaceClassifier(MLPClassifier(**SMALL), structure="diagonal"),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.filterwarnings("ignore:.*effective parameters:UserWarning")
@parametrize_with_checks(CHECKED)
def test_scikit_learns_checks_pass(estimator, check):
    if isinstance(estimator, LaplaceRegressor) and "weight_equivalence" in str(check):
        # The settings it runs this with on its own perceptron: L-BFGS ends weighted and repeated rows apart by more.
        net = MLPRegressor(solver="sgd", tol=1e-2, random_state=42)
        estimator = LaplaceRegressor(net, structure="diagonal", alpha=1.0)
    check(estimator)
