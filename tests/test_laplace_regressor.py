# SPDX-License-Identifier: BSD-3-Clause
"""Error bars of regression: coverage, samples, shapes and types, and what makes no sense."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from laplace_nets import FINE, NET, STRUCTURES
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bpnet import LaplaceClassifier, LaplaceRegressor, Layer, MLPClassifier, MLPRegressor
from bpnet.laplace import _rows

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


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
