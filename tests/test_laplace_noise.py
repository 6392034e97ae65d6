# SPDX-License-Identifier: BSD-3-Clause
"""Noise that depends on the inputs, and noise with heavy tails, against known ones, closed forms and scipy.stats."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from bpnet import LaplaceRegressor, Layer, MLPRegressor, Topology, _threads
from bpnet.laplace._student import StudentNoise, left_out
from bpnet.laplace._variance_net import VarianceNet

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NET = {"hidden_layer_sizes": (6,), "activation": "tanh", "solver": "lm", "alpha": 0.1, "random_state": 0}
LINE = {"topology": Topology(2, [Layer(1, "identity", bias=False)]), "solver": "lm", "tol": 1e-12, "random_state": 0}
NOISES = ("heteroscedastic", "student_t")


def sine(n, seed, noise):
    """Rows, targets of a sine with noise that `noise(rng, x)` draws, and the sine."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, n)
    return x[:, None], np.sin(2 * x) + noise(rng, x), np.sin(2 * x)


def uneven(rng, x):
    return np.exp(0.7 * x - 1) * rng.standard_normal(len(x))


def heavy(rng, x):
    return 0.2 * rng.standard_t(3, len(x))


@pytest.fixture(params=[None, "evidence"])
def alpha(request):
    return request.param


# Variances that depend on the inputs


def test_known_variances_are_found_within_their_standard_error(alpha):
    X, y, _ = sine(1500, 0, uneven)
    model = LaplaceRegressor(MLPRegressor(**NET), noise="heteroscedastic", alpha=alpha).fit(X, y)
    at = np.linspace(-1.8, 1.8, 13)[:, None]
    s, spread = model.noise_model_.log_variance(at)
    z = (s - 2 * (0.7 * at - 1)) / np.sqrt(spread)
    # Neighbours share their error, so they are 13 numbers of fewer degrees of freedom.
    assert (z**2).mean() < 2.5 and abs(z).max() < 3.5
    assert np.sqrt(spread).max() < 0.3
    assert_allclose(model.predict(at, return_std=True)[1], np.exp(0.7 * at[:, 0] - 1), rtol=0.2)


def test_intervals_hold_their_share_where_noise_is_small_and_where_it_is_large():
    model = LaplaceRegressor(MLPRegressor(**NET), noise="heteroscedastic").fit(*sine(1500, 0, uneven)[:2])
    plain = LaplaceRegressor(MLPRegressor(**NET)).fit(*sine(1500, 0, uneven)[:2])
    X, y, _ = sine(20000, 1, uneven)
    for part in (X[:, 0] < -1, X[:, 0] > 1):
        low, high = model.predict_interval(X[part], coverage=0.8).T
        # Standard deviations known to 5 % or so.
        assert abs(np.mean((low <= y[part]) & (y[part] <= high)) - 0.8) < 0.04
    assert model.log_density(X, y).mean() > plain.log_density(X, y).mean() + 0.2


def test_where_noise_is_even_its_logarithm_is_known_like_that_of_a_mean_of_squares():
    X, y, _ = sine(800, 2, lambda rng, x: 0.3 * rng.standard_normal(len(x)))
    model = LaplaceRegressor(MLPRegressor(**NET), noise="heteroscedastic").fit(X, y)
    s, spread = model.noise_model_.log_variance(X)
    assert s.std() < 0.15
    # Fisher's information is 1/2 a row: 2 / n for one number, a few times that where s may bend.
    assert 2 / 800 * 0.99 < spread.min() and np.median(spread) < 5 * 2 / 800
    assert_allclose(model.noise_, 0.09, rtol=0.15)


class Known:
    """Stands for a network of variances that is right."""

    def __init__(self, s):
        self.s = s

    def log_variance(self, X):
        return self.s[:, None], None


def test_posterior_and_evidence_for_known_variances_are_those_of_weighted_least_squares(rng):
    X, s, rows = rng.normal(size=(40, 2)), rng.normal(size=40) - 2, rng.integers(1, 3, 40)
    y = X @ [1.0, -2.0] + np.exp(s / 2) * rng.normal(size=40)
    model = LaplaceRegressor(MLPRegressor(alpha=0.7, **LINE))
    given = model.estimator
    task, network = model._fit_one(given, X, y, rows.astype(float))
    model._refit(task, network, given, X, y, Known(s))
    V = np.repeat(np.exp(s), rows)
    many, targets = np.repeat(X, rows, axis=0), np.repeat(y, rows)
    precision = model.alpha_ * model.beta_
    assert_allclose(1 / model.noise_, np.mean(1 / V))
    cov = np.linalg.inv(many.T / V @ many + precision * np.eye(2))
    mode = cov @ (many.T / V) @ targets
    mean, std = model.predict(X, return_std=True, include_noise=False)
    assert_allclose(mean, X @ mode, rtol=1e-6, atol=1e-7)
    assert_allclose(std, np.sqrt(np.einsum("ni,ij,nj->n", X, cov, X)), rtol=1e-9)
    judge = stats.multivariate_normal(cov=many @ many.T / precision + np.diag(V))
    assert_allclose(model.log_marginal_likelihood_, judge.logpdf(targets), rtol=1e-9)


def test_the_variance_is_the_mean_of_its_exponential_and_its_uncertainty_is_capped():
    X, y, _ = sine(200, 0, uneven)
    noise = LaplaceRegressor(MLPRegressor(**NET), noise="heteroscedastic").fit(X, y).noise_model_
    s, spread = noise.log_variance(X)
    assert_allclose(noise.variance(X), np.exp(s + spread / 2), rtol=1e-9)
    far, most = noise.log_variance(np.array([[1e6]]))[1], 4.0
    assert far <= most
    draws = noise.draws(X[:3], (3, 1, 200000), np.random.RandomState(0))
    # Squares of normal variables scatter by 140 %, and these a little more.
    assert_allclose((draws**2).mean(axis=2), noise.variance(X[:3]), rtol=0.02)


def test_variances_scale_with_the_targets():
    X, y, _ = sine(200, 0, uneven)
    one, large = (
        VarianceNet.fitted(X, factor * y[:, None] ** 2, None, 0, 30, 4.0).log_variance(X)[0] for factor in (1, 2.0**40)
    )
    assert_allclose(large - one, np.log(2.0**40), rtol=1e-12)


def test_a_frozen_network_stays_and_gets_variances():
    X, y, _ = sine(400, 0, uneven)
    net = MLPRegressor(**NET).fit(X, y)
    w = net.network_.parameters.copy()
    model = LaplaceRegressor(FrozenEstimator(net), noise="heteroscedastic").fit(X, y)
    assert_array_equal(net.network_.parameters, w)
    std = model.predict([[-1.5], [1.5]], return_std=True)[1]
    assert std[1] > 3 * std[0]


def test_fits_go_on_with_weights_and_settings_stay():
    X, y, _ = sine(300, 0, uneven)
    model = LaplaceRegressor(MLPRegressor(n_restarts=2, **NET), noise="heteroscedastic").fit(X, y)
    assert (model.estimator_.n_restarts, model.estimator_.warm_start) == (2, False)
    s = model.noise_model_.log_variance(X)[0][:, 0]
    weight = np.exp(-s) / np.exp(-s).mean()
    net, held = model.estimator_.network_, np.zeros(len(model.estimator_.network_.parameters))
    for start, stop in net.topology.plan.weight_ranges:
        held[start:stop] = model.alpha_ * net.parameters[start:stop]
    weighed, plain = (abs(net.gradient(X, y, each) + held).max() for each in (weight, None))
    # The weights of the fit are those of the round before, which are nearly these.
    assert weighed < 0.2 * plain


def test_variances_are_learnt_at_one_blas_thread(monkeypatch):
    depths, fitted = [], VarianceNet.fitted
    monkeypatch.setattr(VarianceNet, "fitted", lambda *args: depths.append(_threads._depth) or fitted(*args))
    LaplaceRegressor(MLPRegressor(**NET), noise="heteroscedastic").fit(*sine(60, 0, uneven)[:2])
    assert depths == [1]


# Heavy tails


@pytest.mark.parametrize("dof", [3.0, 6.0])
def test_student_noise_is_scipys_fit(dof):
    error = 0.01 * stats.t.rvs(dof, size=2000, random_state=0)
    ours = StudentNoise.fitted(error[:, None], np.zeros((2000, 1)))
    nu, _, scale = stats.t.fit(error, floc=0)
    assert_allclose([ours.dof, ours.scale], [nu, scale], rtol=2e-3)
    twice = StudentNoise.fitted(error[:1000, None], np.zeros((1000, 1)), np.full(1000, 2.0))
    once = StudentNoise.fitted(np.repeat(error[:1000], 2)[:, None], np.zeros((2000, 1)))
    assert_allclose([twice.dof, twice.scale], [once.dof, once.scale], rtol=1e-4)


def test_normal_errors_have_many_degrees_of_freedom(rng):
    error = rng.normal(size=(5000, 1))
    noise = StudentNoise.fitted(error, np.zeros_like(error))
    assert noise.dof > 20
    assert_allclose(noise.variance(error)[0], 1, rtol=0.06)
    assert StudentNoise.fitted(np.zeros((5, 1)), np.zeros((5, 1))).scale > 0


def test_noise_and_model_add_up_in_variance_and_nearly_in_distribution(rng):
    noise = StudentNoise(0.5, 5.0)
    sums = noise.draws(None, (1, 1, 400000), np.random.RandomState(0)) + 0.3 * rng.normal(size=(1, 1, 400000))
    predicted = noise.predictive(None, np.zeros((1, 1)), np.full((1, 1), 0.09))
    assert_allclose(predicted.variance(), 0.09 + noise.variance(np.zeros((1, 1))), rtol=1e-12)
    assert_allclose(sums.var(), predicted.variance()[0, 0], rtol=0.02)
    for p in (0.001, 0.05, 0.25, 0.9):
        assert abs(np.mean(sums < predicted.quantile(p)) - p) < 0.004
    # Where the model's error is nearly all, the distribution is nearly normal.
    wide = noise.predictive(None, np.zeros((1, 1)), np.full((1, 1), 1e4))
    assert_allclose(wide.quantile(1e-4), stats.norm.ppf(1e-4, scale=np.sqrt(wide.variance())), rtol=1e-3)


def test_errors_left_out_are_those_of_fits_without_the_row(rng):
    X, y = rng.normal(size=(30, 2)), rng.normal(size=30)
    model = LaplaceRegressor(MLPRegressor(alpha=2.0, **LINE), noise=0.5)
    task, _ = model._fit_one(model.estimator, X, y, None)
    model.n_estimators = 1
    error, spread = left_out(*model._residuals(task), model.noise_)
    for i in (0, 7):
        others = np.delete(np.arange(30), i)
        without = clone(model).fit(X[others], y[others])
        mean, std = without.predict(X[[i]], return_std=True, include_noise=False)
        assert_allclose(error[i], y[i] - mean, rtol=1e-6)
        assert_allclose(spread[i], std**2, rtol=1e-6)


def test_heavy_tails_are_seen_and_their_density_is_the_better():
    model = LaplaceRegressor(MLPRegressor(**NET), noise="student_t").fit(*sine(1500, 0, heavy)[:2])
    plain = LaplaceRegressor(MLPRegressor(**NET)).fit(*sine(1500, 0, heavy)[:2])
    # The standard error of the degrees of freedom is a tenth.
    assert_allclose([model.noise_model_.scale, model.noise_model_.dof], [0.2, 3], rtol=0.3)
    X, y, _ = sine(20000, 1, heavy)
    assert model.log_density(X, y).mean() > plain.log_density(X, y).mean() + 0.05
    assert_array_equal(model.predict(X), plain.predict(X))
    low, high = model.predict_interval(X, coverage=0.5).T
    assert abs(np.mean((low <= y) & (y <= high)) - 0.5) < 0.03


def test_several_targets_share_heavy_tails_and_are_refused_variances(rng):
    X, Y = rng.normal(size=(100, 2)), rng.standard_t(3, size=(100, 2))
    model = LaplaceRegressor(MLPRegressor(**NET), noise="student_t").fit(X, Y)
    assert model.log_density(X, Y).shape == (100,)
    assert model.predict_interval(X).shape == (100, 2, 2)
    with pytest.raises(ValueError, match="expected one target, got 2"):
        LaplaceRegressor(MLPRegressor(**NET), noise="heteroscedastic").fit(X, Y)


# Both


@pytest.mark.parametrize("noise", NOISES)
def test_draws_follow_the_predicted_distribution(noise):
    X, y, _ = sine(300, 0, uneven if noise == "heteroscedastic" else heavy)
    model = LaplaceRegressor(MLPRegressor(**NET), noise=noise).fit(X, y)
    at = np.array([[-1.0], [1.0], [2.5]])
    draws = model.sample_y(at, 40000, random_state=0)
    (mixture,) = model._mixtures(at, True)
    for p in (0.05, 0.5, 0.8):
        # The error of a share is .0025 at most; the sum of t and normal is not quite a t where the model is unsure.
        assert (abs(np.mean(draws < mixture.quantile(p), axis=1) - p) < 0.012).all()
    std, joint = model.predict(at, return_std=True)[1], model.predict(at, return_cov=True)[1]
    assert_allclose(np.sqrt(np.diag(joint)), std, rtol=1e-9)
    assert_array_equal(draws[:, :0], model.sample_y(at, 40000, random_state=0)[:, :0])


@pytest.mark.parametrize("noise", NOISES)
def test_a_weight_counts_like_repetition(noise):
    X, y, _ = sine(200, 0, uneven)
    rows = np.arange(200) % 3
    net = MLPRegressor(**{**NET, "tol": 1e-10, "max_iter": 500})
    ours = LaplaceRegressor(net, noise=noise).fit(X, y, rows)
    theirs = LaplaceRegressor(net, noise=noise).fit(np.repeat(X, rows, axis=0), np.repeat(y, rows))
    for name in ("noise_", "log_marginal_likelihood_", "n_effective_parameters_"):
        assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=2e-3)
    assert_allclose(ours.predict(X, return_std=True)[1], theirs.predict(X, return_std=True)[1], rtol=5e-3)


@pytest.mark.parametrize("noise", NOISES)
def test_sparse_rows_float32_pickles_and_clones(noise, dtype):
    X, y, _ = sine(120, 0, uneven)
    X, y = np.column_stack([X, np.zeros(120)]).astype(dtype), y.astype(dtype)
    model = LaplaceRegressor(MLPRegressor(**NET), noise=noise).fit(X, y)
    std = model.predict(X, return_std=True)[1]
    assert std.dtype == dtype and model.predict_interval(X).dtype == model.sample_y(X).dtype == dtype
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X, return_std=True)[1], std)
    assert_array_equal(clone(model).fit(X, y).predict(X, return_std=True)[1], std)
    sparse = scipy.sparse.csr_array(X)
    again = LaplaceRegressor(FrozenEstimator(model.estimator_), noise=noise).fit(X, y)
    there = LaplaceRegressor(FrozenEstimator(model.estimator_), noise=noise).fit(sparse, y)
    assert_allclose(there.predict(sparse, return_std=True)[1], again.predict(X, return_std=True)[1], rtol=1e-3)


@pytest.mark.parametrize("structure", ["last_layer", "kronecker", "diagonal"])
@pytest.mark.parametrize("noise", NOISES)
def test_every_structure_has_them(structure, noise):
    X, y, _ = sine(200, 0, uneven)
    model = LaplaceRegressor(MLPRegressor(**NET), noise=noise, structure=structure).fit(X, y)
    full = LaplaceRegressor(MLPRegressor(**NET), noise=noise).fit(X, y)
    assert_allclose(model.log_density(X, y).mean(), full.log_density(X, y).mean(), atol=0.1)


def test_memory_of_the_variances_is_checked():
    X, y, _ = sine(50, 0, uneven)
    net = FrozenEstimator(MLPRegressor(**{**NET, "hidden_layer_sizes": ()}).fit(X, y))
    with pytest.raises(MemoryError, match="network of 61 parameters"):
        LaplaceRegressor(net, noise="heteroscedastic", max_memory=1e-6).fit(X, y)


def test_wrong_arguments_are_named():
    X, y, _ = sine(50, 0, uneven)
    model = LaplaceRegressor(MLPRegressor(**NET)).fit(X, y)
    with pytest.raises(ValueError, match=r"targets of shape \(50, 1\), got \(49, 1\)"):
        model.log_density(X, y[1:])
    with pytest.raises(ValueError, match="'noise' parameter"):
        LaplaceRegressor(MLPRegressor(**NET), noise="gaussian").fit(X, y)


def test_the_density_of_normal_noise_is_scipys():
    X, y, _ = sine(60, 0, uneven)
    model = LaplaceRegressor(MLPRegressor(**NET)).fit(X, y)
    assert_allclose(model.log_density(X, y), stats.norm.logpdf(y, *model.predict(X, return_std=True)), rtol=1e-9)
