# SPDX-License-Identifier: BSD-3-Clause
"""Wrappers of several networks against their members, draws, and one another."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks

from bpnet import LaplaceClassifier, LaplaceRegressor, MLPClassifier, MLPRegressor
from bpnet.laplace import _rows

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# Few iterations, so that the networks differ.
NET = {"hidden_layer_sizes": (5,), "activation": "tanh", "solver": "lbfgs", "alpha": 0.1, "max_iter": 30}
NUMBERS = ("alpha_", "noise_", "beta_", "n_effective_parameters_", "log_marginal_likelihood_")
NOISES = (None, "student_t", "heteroscedastic")


@pytest.fixture
def wave(rng):
    X = rng.normal(size=(60, 2))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] / 2 + 0.2 * rng.normal(size=60)


def several(**more):
    return LaplaceRegressor(MLPRegressor(random_state=0, **NET), n_estimators=3, **more)


@pytest.mark.parametrize("noise", NOISES)
def test_moments_are_those_of_a_mixture_of_the_members(wave, noise):
    X, y = wave
    model = several(noise=noise).fit(X, y)
    at = 1.5 * X[:20]
    parts = [member.predict(at, return_std=True) for member in model.estimators_]
    means, stds = (np.array(arrays) for arrays in zip(*parts))
    assert means.std(axis=0).max() > 0.05
    mean, std = model.predict(at, return_std=True)
    assert_allclose(mean, means.mean(axis=0), rtol=1e-12)
    assert_allclose(model.predict(at), mean, rtol=1e-12)
    assert_allclose(std**2, (stds**2).mean(axis=0) + means.var(axis=0), rtol=1e-10)
    _, cov = model.predict(at, return_cov=True)
    between = np.cov(means.T, bias=True)
    within = np.mean([member.predict(at, return_cov=True)[1] for member in model.estimators_], axis=0)
    assert_allclose(cov, within + between, rtol=1e-9, atol=1e-12)
    assert_allclose(np.sqrt(np.diag(cov)), std, rtol=1e-9)
    densities = [member.log_density(X, y) for member in model.estimators_]
    assert_allclose(model.log_density(X, y), np.log(np.mean(np.exp(densities), axis=0)), rtol=1e-10)


def test_intervals_are_quantiles_of_the_mixture(wave):
    X, y = wave
    model = several().fit(X, y)
    for include in (True, False):
        parts = [member.predict(X, return_std=True, include_noise=include) for member in model.estimators_]
        low, high = model.predict_interval(X, coverage=0.8, include_noise=include).T
        for end, p in ((low, 0.1), (high, 0.9)):
            assert_allclose(np.mean([stats.norm.cdf(end, *part) for part in parts], axis=0), p, rtol=1e-9)


@pytest.mark.parametrize("noise", NOISES)
def test_draws_have_the_moments_and_quantiles(wave, noise):
    X, y = wave
    model = several(noise=noise).fit(X, y)
    at = 1.5 * X[:4]
    mean, cov = model.predict(at, return_cov=True)
    draws = model.sample_y(at, 60000, random_state=1)
    spread = np.sqrt(np.diag(cov))
    assert (abs(draws.mean(axis=1) - mean) < 0.025 * spread).all()
    # Heavy tails make the variance of draws uncertain.
    assert (abs(np.cov(draws) - cov) < (0.2 if noise else 0.035) * np.outer(spread, spread)).all()
    (mixture,) = model._mixtures(at, True)
    for p in (0.1, 0.5, 0.9):
        assert (abs(np.mean(draws < mixture.quantile(p), axis=1) - p) < 0.015).all()


def test_a_draw_is_one_function_of_one_member(wave):
    X, y = wave
    model = several().fit(X, y)
    twice = np.vstack([X[:5], X[:5]])
    draws = model.sample_y(twice, 50, random_state=3, include_noise=False)
    assert_allclose(draws[:5], draws[5:], rtol=1e-9)
    assert_array_equal(draws, model.sample_y(twice, 50, random_state=3, include_noise=False))


@pytest.mark.filterwarnings("ignore:.*effective parameters:UserWarning")
def test_members_are_what_each_would_be_alone(wave):
    X, y = wave
    model = several(alpha="evidence").fit(X, y)
    for k, member in enumerate(model.estimators_):
        alone = clone(member).fit(X, y)
        assert alone.n_estimators == 1
        assert_array_equal(alone.predict(X, return_std=True), member.predict(X, return_std=True))
        for name in NUMBERS:
            assert getattr(model, name)[k] == getattr(alone, name)
    assert len({member.estimator.random_state for member in model.estimators_}) == 3


def test_several_groups_make_a_matrix_of_alphas(wave):
    X, y = wave
    model = several(alpha="evidence", groups="layer", max_refits=3).fit(X, y)
    assert model.alpha_.shape == (3, 2) and model.noise_.shape == (3,)


@pytest.mark.parametrize("noise", NOISES)
def test_the_number_of_threads_changes_no_bit(wave, noise):
    X, y = wave
    one, two, all_ = (several(noise=noise, n_jobs=n_jobs).fit(X, y) for n_jobs in (None, 2, -1))
    for other in (two, all_):
        assert_array_equal(other.predict(X, return_std=True), one.predict(X, return_std=True))
        assert_array_equal(other.log_marginal_likelihood_, one.log_marginal_likelihood_)


def test_a_random_state_of_the_users_is_left_as_it_is(wave):
    X, y = wave
    state = np.random.RandomState(0)
    net = MLPRegressor(random_state=state, **NET)
    first, second = (LaplaceRegressor(net, n_estimators=2).fit(X, y).predict(X) for _ in range(2))
    assert_array_equal(first, second)
    assert state.randint(1000) == np.random.RandomState(0).randint(1000)


def test_probabilities_are_the_mean_of_the_members(iris):
    X, y = iris
    bits = np.column_stack([y < 2, y > 0]).astype(int)
    for target in (y, y == 1, np.array(["a", "b"])[y // 2], bits):
        model = LaplaceClassifier(MLPClassifier(random_state=0, **NET), n_estimators=3, n_jobs=2).fit(X, target)
        for moderated in (True, False):
            members = [member.predict_proba(2 * X, moderated=moderated) for member in model.estimators_]
            proba = model.predict_proba(2 * X, moderated=moderated)
            assert_allclose(proba, np.mean(members, axis=0), rtol=1e-12)
        proba = model.predict_proba(X)
        if target is bits:
            assert_array_equal(model.predict(X), proba > 0.5)
        else:
            assert_array_equal(model.predict(X), model.classes_[proba.argmax(axis=1)])
        assert model.score(X, target) > 0.9
        assert model.alpha_.shape == model.log_marginal_likelihood_.shape == (3,)


def test_a_single_class_is_predicted_by_all(iris):
    model = LaplaceClassifier(MLPClassifier(random_state=0, **NET), n_estimators=2).fit(iris[0], np.full(150, "a"))
    assert set(model.predict(iris[0])) == {"a"}


@pytest.mark.filterwarnings("ignore:.*effective parameters:UserWarning")
def test_fits_leave_nothing_of_those_before(wave):
    X, y = wave
    model = several().fit(X, y)
    assert not hasattr(model, "estimator_")
    model.set_params(n_estimators=1, alpha="evidence").fit(X, y)
    assert not hasattr(model, "estimators_") and isinstance(model.noise_, float)
    model.set_params(n_estimators=2, alpha=None).fit(X, y)
    assert not hasattr(model, "estimator_") and not hasattr(model, "evidence_curve_")
    before = dict(vars(model))
    with pytest.raises(ValueError):
        model.fit(X, y[1:])
    assert vars(model) == before


def test_a_frozen_network_cannot_be_several(wave):
    net = FrozenEstimator(MLPRegressor(random_state=0, **NET).fit(*wave))
    with pytest.raises(ValueError, match="expected n_estimators=1 with a FrozenEstimator, got 2"):
        LaplaceRegressor(net, n_estimators=2).fit(*wave)
    with pytest.raises(TypeError, match="expected an MLPRegressor as estimator"):
        LaplaceRegressor(MLPClassifier(), n_estimators=2).fit(*wave)
    with pytest.raises(ValueError, match="'n_estimators' parameter"):
        LaplaceRegressor(n_estimators=0).fit(*wave)


def test_weights_frames_sparse_rows_types_and_pickles(wave, dtype):
    X, y = wave
    s = np.arange(60) % 3
    weighed = several().fit(X, y, s)
    assert_allclose(weighed.estimators_[1].predict(X), clone(weighed.estimators_[1]).fit(X, y, s).predict(X))
    frame = pd.DataFrame(X, columns=["a", "b"])
    named = several().fit(frame, y)
    assert list(named.feature_names_in_) == ["a", "b"] and named.n_features_in_ == 2
    with pytest.raises(ValueError, match="feature names"):
        named.predict_interval(frame[["b", "a"]])
    model = several().fit(X.astype(dtype), y.astype(dtype))
    mean, std = model.predict(X.astype(dtype), return_std=True)
    assert mean.dtype == std.dtype == model.predict(X.astype(dtype)).dtype == model.sample_y(X).dtype == dtype
    twin = pickle.loads(pickle.dumps(model))
    assert_array_equal(twin.predict(X.astype(dtype), return_std=True)[1], std)
    sparse = scipy.sparse.csr_array(X.astype(dtype))
    assert_allclose(model.predict(sparse, return_std=True)[1], std, rtol=1e-5)


def test_several_targets(rng):
    X, Y = rng.normal(size=(50, 2)), rng.normal(size=(50, 2))
    model = several().fit(X, Y)
    mean, cov = model.predict(X[:7], return_cov=True)
    assert mean.shape == (7, 2) and cov.shape == (7, 7, 2)
    assert_allclose(np.sqrt(np.einsum("nnk->nk", cov)), model.predict(X[:7], return_std=True)[1], rtol=1e-9)
    assert model.sample_y(X[:7], 3).shape == (7, 2, 3) and model.predict_interval(X[:7]).shape == (7, 2, 2)


def test_chunks_of_rows_change_nothing(wave, monkeypatch):
    X, y = wave
    model = several(noise="heteroscedastic").fit(X, y)
    whole = model.predict_interval(X), model.log_density(X, y)
    monkeypatch.setattr(_rows, "_CHUNK", 2**11)
    assert len(list(model._mixtures(X, True))) > 3
    for left, right in zip((model.predict_interval(X), model.log_density(X, y)), whole):
        assert_allclose(left, right, rtol=1e-9)


CHECKED = [
    LaplaceRegressor(MLPRegressor(random_state=0, **NET), n_estimators=2),
    LaplaceRegressor(MLPRegressor(random_state=0, **NET), noise="student_t"),
    LaplaceRegressor(MLPRegressor(random_state=0, **NET), noise="heteroscedastic", structure="diagonal", max_refits=4),
    LaplaceClassifier(MLPClassifier(random_state=0, **NET), n_estimators=2),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(CHECKED)
def test_scikit_learns_checks_pass(estimator, check):
    if isinstance(estimator, LaplaceRegressor) and "weight_equivalence" in str(check):
        # The settings it runs this with on its own perceptron: L-BFGS ends weighted and repeated rows apart by more.
        net = MLPRegressor(solver="sgd", tol=1e-2, random_state=42)
        estimator = clone(estimator).set_params(estimator=net, structure="diagonal", alpha=1.0)
    check(estimator)
