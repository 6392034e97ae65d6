# SPDX-License-Identifier: BSD-3-Clause
"""The losses and label smoothing in the estimators, against scikit-learn's linear models and what mathematics says."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import GammaRegressor, HuberRegressor, QuantileRegressor
from sklearn.metrics import d2_pinball_score, r2_score

from bpnet import Layer, MLPClassifier, MLPRegressor, Topology
from bpnet.losses import Huber, Quantile

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:lbfgs failed", "ignore:Setting penalty")

LINEAR = {"hidden_layer_sizes": (), "solver": "lbfgs", "alpha": 0.0, "tol": 1e-10, "max_iter": 3000, "random_state": 0}


@pytest.fixture
def line(rng):
    """Data on a line with skewed noise."""
    X = rng.normal(size=(400, 2))
    return X, X @ [1.0, -2.0] + 0.5 + rng.exponential(0.5, 400) * (1 + (X[:, 0] > 0))


def pinball(q, y, level):
    return np.maximum(level * (y - q), (level - 1) * (y - q)).mean()


@pytest.mark.parametrize("level", [0.2, 0.5, 0.9])
def test_linear_quantile_reaches_the_optimum_of_the_linear_program(line, level):
    X, y = line
    optimum = QuantileRegressor(quantile=level, alpha=0).fit(X, y)
    # A loss with kinks: Adam with a falling rate gets within a thousandth of the linear program's value.
    model = MLPRegressor(Quantile(level), hidden_layer_sizes=(), alpha=0, learning_rate_init=0.02, max_iter=150,
                         n_iter_no_change=150, batch_size=50, random_state=0).fit(X, y)  # fmt: skip
    model.set_params(warm_start=True, learning_rate_init=0.001).fit(X, y)
    best = pinball(optimum.predict(X), y, level)
    assert best <= pinball(model.predict(X), y, level) < 1.002 * best


def test_linear_huber_is_scikit_learns_for_the_scale_it_finds(line):
    X, y = line
    judge = HuberRegressor(epsilon=1.35, alpha=0, tol=1e-12, max_iter=1000).fit(X, y)
    model = MLPRegressor(Huber(1.35 * judge.scale_), **LINEAR).fit(X, y)
    assert_allclose(model.coefs_[0].ravel(), judge.coef_, rtol=1e-4)
    assert_allclose(model.intercepts_[0], judge.intercept_, rtol=1e-4)


def test_linear_gamma_is_scikit_learns(line, rng):
    X, _ = line
    y = np.exp(0.3 * X @ [1.0, -1.0]) * rng.gamma(3, 0.5, 400)
    judge = GammaRegressor(alpha=0, tol=1e-10, max_iter=1000).fit(X, y)
    model = MLPRegressor("gamma", **LINEAR).fit(X, y)
    assert_allclose(model.coefs_[0].ravel(), judge.coef_, rtol=1e-4, atol=1e-6)
    assert_allclose(model.predict(X), judge.predict(X), rtol=1e-4)


def test_constant_fits_are_the_median_the_quantiles_and_the_moments(rng):
    y = rng.exponential(1.0, 501)
    X = np.zeros((501, 1))
    settings = {**LINEAR, "tol": 1e-8}
    for loss, level in [("absolute_error", 0.5), ("quantile", 0.5)]:
        model = MLPRegressor(loss, **{**settings, "solver": "adam", "max_iter": 400, "learning_rate_init": 0.005,
                                      "n_iter_no_change": 400}).fit(X, y)  # fmt: skip
        assert model.predict(X[:1])[0] == pytest.approx(np.quantile(y, level), abs=0.02)
    model = MLPRegressor("gaussian_nll", **settings).fit(X, y)
    mean, std = model.predict(X[:1], return_std=True)
    assert (mean[0], std[0]) == (pytest.approx(y.mean(), rel=1e-4), pytest.approx(y.std(), rel=1e-4))


@pytest.fixture(scope="module")
def banded():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (600, 1))
    y = np.sin(3 * X[:, 0]) + rng.normal(size=600) * (0.1 + 0.4 * (X[:, 0] > 0))
    return X, y


def test_quantiles_cover_their_share_and_never_cross(banded):
    X, y = banded
    levels = (0.1, 0.5, 0.9)
    model = MLPRegressor(Quantile(levels), hidden_layer_sizes=(20,), activation="tanh", learning_rate_init=0.01,
                         max_iter=200, batch_size=64, random_state=0).fit(X, y)  # fmt: skip
    q = model.predict(X)
    assert q.shape == (600, 3) and model.network_.topology.n_outputs == 3
    assert_allclose((y[:, None] <= q).mean(axis=0), levels, atol=0.05)
    far = model.predict(np.linspace(-50, 50, 1001)[:, None])
    assert (np.diff(far, axis=1) >= 0).all()
    expected = np.mean([d2_pinball_score(y, q[:, k], alpha=level) for k, level in enumerate(levels)])
    assert model.score(X, y) == pytest.approx(expected, rel=1e-12)
    assert model.fit(X, y).score(X, y) == clone(model).set_params(early_stopping=False).fit(X, y).score(X, y)


@pytest.mark.parametrize("loss", [Quantile([0.1, 0.5, 0.9]), Quantile(0.3), "gaussian_nll", "huber"])
def test_jacobian_of_the_predictions_is_their_difference_quotient(banded, loss):
    X, y = banded
    X, y = np.hstack([X, X**2]), np.column_stack([y, -2 * y])
    for targets in (y[:, 0], y):
        model = MLPRegressor(loss, hidden_layer_sizes=(6,), activation="tanh", max_iter=5, random_state=0)
        model.fit(X, targets)
        jacobian, x = model.predict_jacobian(X[:5]), X[:5]
        assert jacobian.shape == (*model.predict(x).shape, 2)
        for i, step in enumerate(1e-6 * np.eye(2)):
            quotient = (model.predict(x + step) - model.predict(x - step)) / 2e-6
            assert_allclose(jacobian[..., i], quotient, rtol=1e-6, atol=1e-8)


def test_standard_deviation_follows_the_noise_and_has_the_shape_of_the_mean(banded):
    X, y = banded
    settings = {"hidden_layer_sizes": (20,), "activation": "tanh", "learning_rate_init": 0.01, "random_state": 0}
    model = MLPRegressor("gaussian_nll", **settings).fit(X, y)
    mean, std = model.predict(X, return_std=True)
    assert mean.shape == std.shape == (600,) and (std > 0).all()
    assert 0.05 < std[X[:, 0] < -0.2].mean() < 0.25 < 0.35 < std[X[:, 0] > 0.2].mean() < 0.6
    assert model.score(X, y) == pytest.approx(r2_score(y, mean))
    both = MLPRegressor("gaussian_nll", **settings, max_iter=3).fit(X, np.column_stack([y, y]))
    assert [part.shape for part in both.predict(X, return_std=True)] == [(600, 2)] * 2
    half = MLPRegressor("gaussian_nll", **settings, max_iter=3).fit(X.astype(np.float32), y)
    assert {part.dtype for part in half.predict(X.astype(np.float32), return_std=True)} == {np.dtype(np.float32)}


def test_standard_deviation_of_a_loss_that_has_none_is_refused(banded):
    model = MLPRegressor("huber", hidden_layer_sizes=(2,), max_iter=1).fit(*banded)
    with pytest.raises(ValueError, match="return_std=True needs loss='gaussian_nll'.* got 'huber'"):
        model.predict(banded[0], return_std=True)


@pytest.mark.parametrize(
    "loss", ["absolute_error", "huber", "log_cosh", "gamma", "gaussian_nll", "quantile", Quantile([0.2, 0.8])]
)
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_every_loss_learns_with_every_solver_and_keeps_its_fit_in_a_pickle(banded, loss, solver):
    X, y = banded
    y = np.exp(y)
    settings = {"hidden_layer_sizes": (8,), "activation": "tanh", "random_state": 0, "max_iter": 60}
    model = MLPRegressor(loss, solver=solver, learning_rate_init=0.01, **settings).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(X), model.predict(X))
    assert model.score(X, y) > 0.15
    assert_array_equal(clone(model).fit(X, y).predict(X), model.predict(X))
    early = MLPRegressor(loss, early_stopping=True, **settings).fit(X, y)
    assert early.score(X, y) > -3 or solver == "lbfgs"


def test_zero_weight_leaves_the_row_out_of_every_loss(banded):
    X, y = banded
    s = np.arange(600) % 3 > 0
    wild = np.where(s, np.exp(y), 1e9)
    for loss in ("absolute_error", "log_cosh", "gamma", "gaussian_nll", Quantile([0.2, 0.8])):
        settings = {
            "hidden_layer_sizes": (4,),
            "activation": "tanh",
            "solver": "lbfgs",
            "random_state": 0,
            "max_iter": 9,
        }
        weighted = MLPRegressor(loss, **settings).fit(X, wild, s.astype(float))
        without = MLPRegressor(loss, **settings).fit(X[s], wild[s])
        assert_allclose(weighted.predict(X), without.predict(X), rtol=1e-6)


@pytest.mark.parametrize(("loss", "y"), [("gamma", 0.0), ("gamma", -1.0), ("poisson", -1.0)])
def test_targets_that_a_deviance_has_no_value_for_are_refused(loss, y):
    model = MLPRegressor(loss)
    with pytest.raises(ValueError, match=f"loss '{loss}' expects targets .* in y, got {y}"):
        model.fit(np.eye(3), np.array([1, 2, y]))
    assert not hasattr(model, "network_")


def test_out_activation_bounds_the_predictions(banded):
    X, y = banded
    y = 1 / (1 + np.exp(-5 * y))
    for loss in ("squared_error", "absolute_error", "huber", "log_cosh", "quantile"):
        model = MLPRegressor(loss, hidden_layer_sizes=(8,), out_activation="logistic", random_state=0, max_iter=30)
        predicted = model.fit(X, y).predict(100 * X)
        assert (0 <= predicted).all() and (predicted <= 1).all() and model.out_activation_ == "logistic"
    for loss, out in [("poisson", "identity"), ("gamma", "softplus"), ("gaussian_nll", "tanh")]:
        with pytest.raises(ValueError, match=f"loss '{loss}' expects outputs with activation .*, got {out}"):
            MLPRegressor(loss, out_activation=out).fit(X, y)


def test_topologies_get_the_outputs_that_the_loss_reads(banded):
    X, y = banded
    model = MLPRegressor(Quantile([0.1, 0.9]), topology=[Layer(4, "silu")], max_iter=2).fit(X, y)
    assert model.network_.topology.n_outputs == 2
    model = MLPRegressor("gaussian_nll", topology=Topology.layered([1, 4, 2]), max_iter=2).fit(X, y)
    assert model.predict(X).shape == (600,)
    with pytest.raises(ValueError, match="topology has 1 outputs, but y needs 2"):
        MLPRegressor("gaussian_nll", topology=Topology.layered([1, 4, 1])).fit(X, y)


def test_unknown_losses_are_named():
    with pytest.raises(ValueError, match="The 'loss' parameter of MLPRegressor must be .* Got 'log_loss' instead"):
        MLPRegressor("log_loss").fit(np.eye(3), np.arange(3.0))


@pytest.fixture
def classes(rng):
    X = rng.normal(size=(300, 3))
    return X, (X @ [1.0, -1.0, 0.5] + rng.normal(size=300) > 0) + 0 + (X[:, 2] > 1)


SMOOTH = {"hidden_layer_sizes": (5,), "activation": "tanh", "max_iter": 15, "random_state": 0}


def smoothed_loss(p, y, share):
    """Mean cross-entropy of the probabilities with the smoothed targets."""
    K = p.shape[1]
    targets = np.eye(K)[y] * (1 - share) + share / K
    return -(targets * np.log(p)).sum(axis=1).mean()


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(("solver", "batch_size"), [("sgd", 1), ("sgd", 32), ("adam", 32), ("lbfgs", 300)])
def test_smoothed_labels_are_soft_targets(classes, n_classes, solver, batch_size):
    """The optimum over p of one row is its smoothed target; a linear net finds the optimum of the mean."""
    X, y = classes
    y = np.minimum(y, n_classes - 1)
    plain = MLPClassifier(solver=solver, batch_size=batch_size, **SMOOTH).fit(X, y)
    zero = MLPClassifier(solver=solver, batch_size=batch_size, label_smoothing=0.0, **SMOOTH).fit(X, y)
    assert_array_equal(plain.predict_proba(X), zero.predict_proba(X))
    smooth = MLPClassifier(solver=solver, batch_size=batch_size, label_smoothing=0.3, **SMOOTH).fit(X, y)
    assert smooth.predict_proba(X).max() < plain.predict_proba(X).max()
    if solver == "lbfgs":
        penalty = 0.5 * 1e-4 * sum((W**2).sum() for W in smooth.coefs_) / len(X)
        assert smooth.loss_ == pytest.approx(smoothed_loss(smooth.predict_proba(X), y, 0.3) + penalty, rel=1e-9)


def test_smoothing_keeps_a_memorised_class_at_its_soft_target():
    X, y = np.eye(3), np.arange(3)
    model = MLPClassifier((), solver="lbfgs", alpha=0, label_smoothing=0.3, max_iter=500, tol=1e-9, random_state=0)
    assert_allclose(model.fit(X, y).predict_proba(X), np.eye(3) * 0.7 + 0.1, atol=1e-5)
    two = clone(model).fit(X[:2], y[:2])
    assert_allclose(two.predict_proba(X[:2]), [[0.85, 0.15], [0.15, 0.85]], atol=1e-5)
    labels = np.array([[1, 0], [0, 0], [1, 1]])
    several = clone(model).fit(X, labels)
    assert_allclose(several.predict_proba(X), labels * 0.7 + 0.15, atol=1e-5)
    assert_array_equal(several.predict(X), labels)
    assert several.set_params(early_stopping=False).score(X, labels) == 1


def test_smoothed_several_labels_score_by_their_classes(classes):
    X, y = classes
    labels = np.column_stack([y > 0, y > 1]).astype(int)
    model = MLPClassifier(label_smoothing=0.2, early_stopping=True, solver="adam", **SMOOTH).fit(X, labels)
    assert 0 < model.best_validation_score_ <= 1


@pytest.mark.parametrize("share", [-0.1, 1.0, "much"])
def test_smoothing_beyond_its_range_is_refused(share):
    with pytest.raises(
        ValueError, match="The 'label_smoothing' parameter of MLPClassifier must be a float in the range"
    ):
        MLPClassifier(label_smoothing=share).fit(np.eye(3), [0, 1, 1])
