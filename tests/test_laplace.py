# SPDX-License-Identifier: BSD-3-Clause
"""Laplace's approximation against closed forms, finite differences, quadrature, sampling and scikit-learn."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, log_expit, logsumexp, softmax
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import BayesianRidge, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils.estimator_checks import parametrize_with_checks

from bpnet import LaplaceClassifier, LaplaceRegressor, Layer, MLPClassifier, MLPRegressor, Topology
from bpnet.laplace import _prior, _rows, _structures
from bpnet.laplace._moderation import pairwise_probit

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FINE = {"solver": "lbfgs", "tol": 1e-10, "max_iter": 5000, "max_fun": 50000, "random_state": 0}
NET = {"hidden_layer_sizes": (4,), "activation": "tanh", "alpha": 0.5, **FINE}
BARE = Topology(3, [Layer(1, "identity", bias=False)])
STRUCTURES = ("full", "last_layer", "kronecker", "diagonal")


@pytest.fixture
def line(rng):
    """Data of a linear model without intercept."""
    X = rng.normal(size=(60, 3))
    return X, X @ [1, -2, 0.1] + 0.5 * rng.normal(size=60)


@pytest.fixture
def wave(rng):
    """Data of a function that is not linear, with two targets."""
    X = rng.normal(size=(50, 2))
    return X, np.column_stack([np.sin(X[:, 0]), X.prod(axis=1)]) + 0.2 * rng.normal(size=(50, 2))


@pytest.fixture
def iris():
    return scale(load_iris().data), load_iris().target


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


def numeric_jacobian(net, X):
    """dy/dw by central differences, (n, K, W)."""
    w, columns = net.parameters.copy(), []
    for k in range(len(w)):
        ends = []
        for step in (1e-5, -1e-5):
            net.parameters[k] = w[k] + step
            ends.append(net.predict_raw(X) if net._reads_raw else net.predict(X))
            net.parameters[k] = w[k]
        columns.append((ends[0] - ends[1]) / 2e-5)
    return np.stack(columns, axis=-1)


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


# Structures

SHAPES = {
    "chain": Topology.layered([2, 4, 3, 2]),
    "skip, no bias": Topology(2, [Layer(4, "relu"), Layer(2, "identity", sources=("h1", "input"), bias=False)]),
}


@pytest.mark.parametrize("topology", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_each_structure_inverts_its_matrix(wave, structure, topology):
    X, y = wave
    net = MLPRegressor(topology=topology, **{**FINE, "alpha": 0.5, "max_iter": 50})
    model = LaplaceRegressor(net, structure=structure).fit(X, y)
    net, posterior = model.estimator_.network_, model._laplace.posterior
    matrix, places = net.gauss_newton(X, y), posterior.places
    prior = _prior.precisions(_prior.groups_of(topology, "one"), [0.5])
    if structure == "diagonal":
        matrix = np.diag(np.diag(matrix))
    elif structure == "kronecker":
        matrix = of_layers(net, X)
    matrix = (matrix + np.diag(prior))[np.ix_(places, places)]
    B = posterior.whiten(np.eye(topology.n_parameters)[places])
    assert_allclose(B @ B.T @ matrix, np.eye(len(places)), atol=1e-9)
    assert_allclose(posterior.log_det, np.linalg.slogdet(matrix)[1], rtol=1e-10)
    assert_allclose(posterior.variances(), np.diag(np.linalg.inv(matrix)), rtol=1e-8)


def of_layers(net, X):
    """Kronecker products of each layer, row by row out of finite differences to its biases and to its weights."""
    J = numeric_jacobian(net, X)
    total, n = np.zeros((J.shape[2],) * 2), len(X)
    for layer, (start, stop), z in zip(
        net.topology.layers, net.topology.plan.weight_ranges, _rows.sources_of(net, X), strict=True
    ):
        end = stop + layer.n_units * layer.bias
        # z_i g_j of the source that is largest in each row.
        largest = abs(z).argmax(axis=1)
        g = J[..., start:end].reshape(n, -1, z.shape[1], layer.n_units)[np.arange(n), :, largest]
        g /= z[np.arange(n), largest][:, None, None]
        total[start:end, start:end] = np.kron(z.T @ z / n, np.einsum("nki,nkj->ij", g, g))
    return total


def test_structures_agree_where_they_must(rng):
    """One layer on features that are orthogonal: the posterior is diagonal, and the Kronecker product exact."""
    X = np.linalg.qr(rng.normal(size=(40, 3)))[0] * [3, 2, 1]
    Y = X @ rng.normal(size=(3, 2)) + 0.1 * rng.normal(size=(40, 2))
    topology = Topology(3, [Layer(2, "identity", bias=False)])
    net = FrozenEstimator(MLPRegressor(topology=topology, **{**FINE, "alpha": 1.0}).fit(X, Y))
    models = [LaplaceRegressor(net, structure=structure, noise=0.1).fit(X, Y) for structure in STRUCTURES]
    for model in models[1:]:
        assert_allclose(model.predict(X, return_std=True)[1], models[0].predict(X, return_std=True)[1], rtol=1e-10)
        assert_allclose(model.log_marginal_likelihood_, models[0].log_marginal_likelihood_, rtol=1e-10)


def test_kronecker_is_exact_for_one_layer_of_any_features(wave):
    X, y = wave
    net = FrozenEstimator(MLPRegressor(hidden_layer_sizes=(), **{**FINE, "alpha": 1.0}).fit(X, y))
    full, kronecker = (LaplaceRegressor(net, structure=name, noise=1).fit(X, y) for name in ("full", "kronecker"))
    assert_allclose(
        kronecker.predict(X, return_cov=True)[1], full.predict(X, return_cov=True)[1], rtol=1e-9, atol=1e-12
    )


def test_frozen_parameters_are_known(wave):
    X, y = wave
    model = LaplaceRegressor(MLPRegressor(frozen=0, **NET), noise=1).fit(X, y)
    last = LaplaceRegressor(FrozenEstimator(model.estimator_), structure="last_layer", noise=1).fit(X, y)
    for name in ("log_marginal_likelihood_", "n_effective_parameters_"):
        assert_allclose(getattr(model, name), getattr(last, name), rtol=1e-12)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_memory_is_checked_before_it_is_taken(wave, structure):
    model = LaplaceRegressor(MLPRegressor(**NET), structure=structure, max_memory=1e-7)
    with pytest.raises(MemoryError, match=f"structure='{structure}' of .* takes .*; cheaper: ") as caught:
        model.fit(*wave)
    cheaper = {name for name in STRUCTURES if f"{name!r} " in str(caught.value)}
    assert "diagonal" in cheaper or structure in ("diagonal", "last_layer")
    assert not hasattr(model, "estimator_")


def test_memory_of_a_large_network_names_all_that_are_cheaper():
    topology = Topology.layered([100, 300, 300, 1])
    with pytest.raises(MemoryError, match=r"'last_layer' .*'kronecker' .*'diagonal' "):
        _structures.check(topology, "full", None, np.arange(topology.n_parameters), 4.0)
    _structures.check(topology, "kronecker", None, np.arange(topology.n_parameters), 4.0)


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


# Regression


def test_intervals_hold_the_share_they_promise():
    rng = np.random.default_rng(1)

    def draw(n):
        X = rng.uniform(-2, 2, size=(n, 2))
        return X, np.sin(2 * X[:, 0]) + X[:, 1] ** 2 / 2 + 0.3 * rng.normal(size=n)

    model = LaplaceRegressor(MLPRegressor(**{**NET, "hidden_layer_sizes": (12,)})).fit(*draw(1000))
    X, y = draw(20000)
    for coverage in (0.5, 0.9, 0.95):
        low, high = model.predict_interval(X, coverage=coverage).T
        # 1000 rows tell the noise to some 4 %, which moves the shares by less than .02.
        assert abs(np.mean((low <= y) & (y <= high)) - coverage) < 0.02
    assert_allclose(model.noise_, 0.09, rtol=0.2)


def test_samples_have_the_predicted_moments(wave):
    X, y = wave
    for structure in STRUCTURES:
        model = LaplaceRegressor(MLPRegressor(**NET), structure=structure).fit(X, y)
        mean, cov = model.predict(X[:6], return_cov=True)
        draws = model.sample_y(X[:6], 40000, random_state=1)
        assert draws.shape == (6, 2, 40000)
        spread = np.sqrt(np.einsum("nnk->nk", cov))
        # The error of a mean of 40000 is 1/200 of the spread.
        assert (abs(draws.mean(axis=2) - mean) < 0.025 * spread).all()
        for k in range(2):
            bound = 0.035 * np.outer(spread[:, k], spread[:, k])
            assert (abs(np.cov(draws[:, k]) - cov[..., k]) < bound).all()
    one = model.sample_y(X, 3, random_state=5, include_noise=False)
    assert_array_equal(one, model.sample_y(X, 3, random_state=5, include_noise=False))


def test_chunks_of_rows_change_nothing(wave, monkeypatch):
    X, y = wave
    models = []
    for size in (2**24, 2**11):
        monkeypatch.setattr(_rows, "_CHUNK", size)
        for structure in STRUCTURES:
            model = LaplaceRegressor(MLPRegressor(**NET), structure=structure).fit(X, y)
            models.append((model.log_marginal_likelihood_, *model.predict(X, return_std=True)))
            if structure != "kronecker":  # whose eigenvectors, and so its draws, turn by rounding
                models[-1] += (model.sample_y(X, 2),)
    for left, right in zip(models[:4], models[4:]):
        for a, b in zip(left, right):
            assert_allclose(a, b, rtol=1e-10)


def test_shapes_and_types(line, wave, dtype):
    X, y = wave
    for target, more in ((y, (2,)), (y[:, 0], ())):
        model = LaplaceRegressor(MLPRegressor(**NET)).fit(X.astype(dtype), target.astype(dtype))
        mean, std = model.predict(X[:7], return_std=True)
        assert mean.shape == std.shape == (7, *more) and mean.dtype == std.dtype == dtype
        assert model.predict(X[:7], return_cov=True)[1].shape == (7, 7, *more)
        assert model.predict_interval(X[:7]).shape == (7, *more, 2)
        assert model.sample_y(X[:7], 3).shape == (7, *more, 3)
        assert model.sample_y(X[:7]).dtype == model.predict_interval(X[:7]).dtype == dtype
        assert_array_equal(model.predict(X), model.estimator_.predict(X))


def test_float32_nets_have_the_error_bars_of_float64(wave):
    X, y = (part.astype(np.float32) for part in wave)
    net = MLPRegressor(**NET).fit(X, y)
    exact = MLPRegressor(**NET).fit(X.astype(float), y.astype(float))
    exact.network_.parameters = net.network_.parameters
    stds = [LaplaceRegressor(FrozenEstimator(est)).fit(X, y).predict(X, return_std=True)[1] for est in (net, exact)]
    assert_allclose(*stds, rtol=1e-5)


def test_sparse_rows_and_frames(wave):
    X, y = wave
    net = FrozenEstimator(MLPRegressor(**NET).fit(X, y))
    for structure in STRUCTURES:
        model = LaplaceRegressor(net, structure=structure).fit(X, y)
        sparse = LaplaceRegressor(net, structure=structure).fit(scipy.sparse.csr_array(X), y)
        assert_allclose(
            sparse.predict(scipy.sparse.csr_array(X), return_std=True)[1], model.predict(X, return_std=True)[1]
        )
    frame = pd.DataFrame(X, columns=["a", "b"])
    named = LaplaceRegressor(MLPRegressor(**NET)).fit(frame, y)
    assert list(named.feature_names_in_) == ["a", "b"]
    with pytest.raises(ValueError, match="feature names"):
        named.predict(frame[["b", "a"]], return_std=True)


def test_pipelines_pass_return_std_on(wave):
    X, y = wave
    model = make_pipeline(StandardScaler(), LaplaceRegressor(MLPRegressor(**NET))).fit(X, y)
    assert model.predict(X, return_std=True)[1].shape == y.shape


@pytest.mark.parametrize("kind", [LaplaceRegressor, LaplaceClassifier])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_pickled_and_cloned_it_is_the_same(wave, kind, structure):
    X, y = wave
    net, target = (MLPRegressor, y) if kind is LaplaceRegressor else (MLPClassifier, y[:, 0] > 0)
    model = kind(net(**NET), structure=structure).fit(X, target)
    twin = pickle.loads(pickle.dumps(model))
    again = clone(model).fit(X, target)
    for other in (twin, again):
        if kind is LaplaceRegressor:
            assert_array_equal(other.predict(X, return_std=True)[1], model.predict(X, return_std=True)[1])
        else:
            assert_array_equal(other.predict_proba(X), model.predict_proba(X))


def test_what_makes_no_sense_is_refused(wave):
    X, y = wave
    model = LaplaceRegressor(MLPRegressor(**NET)).fit(X, y)
    with pytest.raises(RuntimeError, match="At most one of return_std or return_cov"):
        model.predict(X, return_std=True, return_cov=True)
    with pytest.raises(ValueError, match="between 0 and 1, got 1"):
        model.predict_interval(X, coverage=1)
    with pytest.raises(ValueError, match="n_samples of at least 1, got 0"):
        model.sample_y(X, 0)
    with pytest.raises(TypeError, match="n_samples as an integer, got 'a'"):
        model.sample_y(X, "a")
    with pytest.raises(ValueError, match="many targets as rows, 50, got 49"):
        LaplaceRegressor(FrozenEstimator(model.estimator_)).fit(X, y[1:])
    settings = {
        "expected loss='squared_error'": MLPRegressor(loss="huber", **NET),
        "alpha > 0, alpha_l1=0": MLPRegressor(**{**NET, "alpha": 0}),
        "alpha=None takes": MLPRegressor(alpha_l1=1.0, **NET),
    }
    for message, net in settings.items():
        with pytest.raises(ValueError, match=message):
            LaplaceRegressor(net).fit(X, y)
    for wrong in (MLPClassifier(**NET), Ridge(), FrozenEstimator(Ridge().fit(X, y))):
        with pytest.raises(TypeError, match="expected an MLPRegressor"):
            LaplaceRegressor(wrong).fit(X, y)
    masked = [Layer(3, "tanh", mask={"input": np.eye(2, 3, dtype=bool)})]
    with pytest.raises(ValueError, match="without missing connections"):
        LaplaceRegressor(MLPRegressor(topology=masked, **FINE), structure="kronecker").fit(X, y)
    with pytest.raises(ValueError, match="that of whole layers"):
        LaplaceRegressor(MLPRegressor(frozen=0, **NET), structure="kronecker").fit(X, y)
    with pytest.raises(ValueError, match="all those of the last layer are frozen"):
        LaplaceRegressor(MLPRegressor(frozen=-1, **NET), structure="last_layer").fit(X, y)
    with pytest.raises(ValueError, match="leave nothing of 2 targets"):
        LaplaceRegressor(MLPRegressor(**{**NET, "alpha": 1e-13}), alpha=1e-11).fit(X[:1], y[:1])


def test_a_failed_fit_leaves_the_model_as_it_was(wave):
    X, y = wave
    model = LaplaceRegressor(MLPRegressor(**NET)).fit(X, y)
    before = vars(model).copy()
    with pytest.raises(ValueError):
        model.fit(X, y[1:])
    assert vars(model) == before


def test_a_frozen_estimator_is_taken_as_it_is_and_another_is_cloned(wave):
    X, y = wave
    net = MLPRegressor(**NET).fit(X, y)
    w = net.network_.parameters.copy()
    model = LaplaceRegressor(FrozenEstimator(net)).fit(X[:20], y[:20])
    assert model.estimator_ is net
    assert_array_equal(net.network_.parameters, w)
    assert LaplaceRegressor(net).fit(X, y).estimator_ is not net


# Classification


def test_moderated_probabilities_are_mackays_and_the_mean_over_the_posterior(iris, rng):
    X, y = iris[0][50:], iris[1][50:]
    model = LaplaceClassifier(MLPClassifier(**NET)).fit(X, y)
    net = model.estimator_.network_
    J, p = numeric_jacobian(net, X)[:, 0], net.predict(X)[:, 0]
    prior = _prior.precisions(_prior.groups_of(net.topology, "one"), [0.5])
    v = np.einsum("nv,vw,nw->n", J, np.linalg.inv((J.T * p * (1 - p)) @ J + np.diag(prior)), J)
    a = net.predict_raw(X)[:, 0]
    moderated = model.predict_proba(X)
    assert_allclose(moderated[:, 1], expit(a / np.sqrt(1 + np.pi * v / 8)), rtol=1e-6)
    assert_allclose(moderated.sum(axis=1), 1)
    # The probit's error is at most .02 or so (Spiegelhalter and Lauritzen 1990).
    draws = expit(a[:, None] + np.sqrt(v)[:, None] * rng.normal(size=(len(a), 20000)))
    assert abs(moderated[:, 1] - draws.mean(axis=1)).max() < 0.025
    plain = model.predict_proba(X, moderated=False)
    assert_array_equal(plain, model.estimator_.predict_proba(X))
    assert (abs(moderated - 0.5) < abs(plain - 0.5)).all()
    assert_array_equal(model.predict(X), model.estimator_.predict(X))


def test_pairwise_probit_is_near_the_mean_of_the_softmax(rng):
    a, root = 2 * rng.normal(size=(50, 4)), rng.normal(size=(50, 4, 4))
    cov = root @ root.transpose(0, 2, 1)
    draws = a[:, None] + np.einsum("nij,nsj->nsi", root, rng.normal(size=(50, 20000, 4)))
    truth, ours = softmax(draws, axis=2).mean(axis=1), pairwise_probit(a, cov)
    plain = abs(softmax(a, axis=1) - truth)
    extended = softmax(a / np.sqrt(1 + np.pi / 8 * np.einsum("nkk->nk", cov)), axis=1)
    # Variances of 4 are an uncommonly hard case.
    assert abs(ours - truth).mean() < plain.mean() / 2
    assert abs(ours - truth).mean() < abs(extended - truth).mean() / 1.2
    assert_allclose(ours.sum(axis=1), 1)
    assert_allclose(pairwise_probit(a, 0 * cov), softmax(a, axis=1), rtol=1e-12)
    # What all outputs share means nothing.
    assert_allclose(pairwise_probit(a + 7, cov + 1e3), ours, rtol=1e-9)
    # Two classes are MacKay's.
    v = cov[:, 0, 0] + cov[:, 1, 1] - 2 * cov[:, 0, 1]
    two = pairwise_probit(a[:, :2], cov[:, :2, :2])
    assert_allclose(two[:, 0], expit((a[:, 0] - a[:, 1]) / np.sqrt(1 + np.pi * v / 8)), rtol=1e-12)
    assert np.isfinite(pairwise_probit(1e4 * a, cov)).all()


@pytest.mark.parametrize("structure", STRUCTURES)
def test_more_classes_and_labels_are_moderated(iris, structure):
    X, y = iris
    bits = np.column_stack([y < 2, y > 0]).astype(int)
    for target, total in ((np.array(["a", "b", "c"])[y], 1), (bits, None)):
        model = LaplaceClassifier(MLPClassifier(**NET), structure=structure).fit(X, target)
        moderated, plain = model.predict_proba(5 * X), model.predict_proba(5 * X, moderated=False)
        assert moderated.shape == plain.shape
        entropy = [-(p * np.log(p)).sum(axis=1).mean() for p in (moderated, plain)]
        assert entropy[0] > entropy[1]
        assert model.score(X, target) > 0.9
        if total:
            assert_allclose(moderated.sum(axis=1), 1)
            assert_array_equal(model.predict(X), model.classes_[model.predict_proba(X).argmax(axis=1)])


def test_classes_weigh_as_they_do_in_training(iris):
    X, y = iris
    net = MLPClassifier(class_weight={1: 3.0}, **NET)
    by_class = LaplaceClassifier(net).fit(X, y)
    s = np.where(y == 1, 3.0, 1.0)
    plain = clone(by_class.estimator_).set_params(class_weight=None).fit(X, y, s)
    plain.network_.parameters = by_class.estimator_.network_.parameters
    by_row = LaplaceClassifier(FrozenEstimator(plain)).fit(X, y, s)
    assert_allclose(by_class.log_marginal_likelihood_, by_row.log_marginal_likelihood_, rtol=1e-10)
    assert_allclose(by_class.predict_proba(X), by_row.predict_proba(X), rtol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_evidence_is_of_the_smoothed_targets(iris, n_classes):
    X, y = iris[0], iris[1] % n_classes
    model = LaplaceClassifier(MLPClassifier(label_smoothing=0.2, **NET)).fit(X, y)
    net, E = model.estimator_, model.estimator_.loss_ * len(X)  # with the penalty
    prior = _prior.precisions(_prior.groups_of(net.network_.topology, "one"), [0.5])
    targets = np.eye(n_classes)[y][:, n_classes == 2 :]
    log_det = np.linalg.slogdet(net.network_.gauss_newton(X, targets) + np.diag(prior))[1]
    assert_allclose(model.log_marginal_likelihood_, -E + (np.log(prior).sum() - log_det) / 2, rtol=1e-8)


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
