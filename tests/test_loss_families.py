# SPDX-License-Identifier: BSD-3-Clause
"""Losses of residuals, deviances, quantiles and normal distributions against mpmath with 50 digits."""

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import mean_gamma_deviance, mean_pinball_loss

from bpnet import losses
from bpnet._core.losses import NAMES, Loss
from bpnet.losses import Huber, Quantile

POINTS = [0.0, 1e-300, 1e-12, 1e-5, 0.1, 0.3, 0.99, 1.0, 1.01, 2.0, 17.0, 40.0, 700.0, 1e9, 1e30]
SIGNED = POINTS + [-p for p in POINTS]


@pytest.fixture(autouse=True)
def digits():
    with mp.workdps(60):
        yield


def assert_exact(actual, truth, ulps, dtype=np.float64, scale=0):
    """To some units in the last place of the truth, or of the largest term it is a difference of."""
    info = np.finfo(dtype)
    for value, t in zip(np.ravel(actual), truth, strict=True):
        if abs(t) > float(info.max):
            assert value == mp.sign(t) * mp.inf
        else:
            place = max(max(abs(t), scale) * float(info.eps), mp.mpf(float(info.smallest_subnormal)))
            assert abs(mp.mpf(float(value)) - t) <= ulps * place, (value, mp.nstr(t, 20))


def abs_error(r):
    return abs(r), mp.sign(r), mp.mpf(0)


def huber(r, delta=1.5):
    inside = abs(r) <= delta
    value = r * r / 2 if inside else delta * (abs(r) - mp.mpf(delta) / 2)
    return value, r if inside else delta * mp.sign(r), mp.mpf(1 if inside else 0)


def log_cosh(r):
    value = mp.log1p(mp.sinh(r) ** 2) / 2 if abs(r) < 1 else abs(r) + mp.log1p(mp.exp(-2 * abs(r))) - mp.log(2)
    e = mp.exp(-2 * abs(r))
    return value, mp.tanh(r), 4 * e / (1 + e) ** 2


@pytest.mark.parametrize(
    ("loss", "truth"),
    [(Loss("absolute_error"), abs_error), (Loss("huber", (1.5,)), huber), (Loss("log_cosh"), log_cosh)],
    ids=["absolute_error", "huber", "log_cosh"],
)
def test_losses_of_residuals_are_exact_from_tail_to_tail(loss, truth, dtype):
    z = np.array([p for p in SIGNED if abs(p) < np.finfo(dtype).max], dtype).reshape(-1, 1)
    y = np.zeros_like(z)
    exact = [truth(mp.mpf(float(r))) for r in z.flat]
    assert_exact(loss.value(z, y), [t[0] for t in exact], 4)
    assert_exact(loss.gradient(z, y), [t[1] for t in exact], 4, dtype)
    assert_exact(loss.hessian(z, y), [t[2] for t in exact], 4, dtype)
    assert_exact(loss.hessian_product(z, y, 3 * np.ones_like(z)), [3 * t[2] for t in exact], 6, dtype)


def test_gamma_is_exact_as_far_as_the_logarithm_of_the_target_is(dtype):
    loss = Loss("gamma")
    pairs = [(a, t) for a in (-80, -20, -1, -1e-9, 0, 0.3, 1, 5, 80) for t in (1e-30, 0.01, 1, 1 + 1e-6, 3, 1e30)]
    raw, y = (np.array(column, dtype).reshape(-1, 1) for column in zip(*pairs))
    for a, t, value, slope, bend in zip(
        raw.flat, y.flat, loss.value(raw, y), loss.gradient(raw, y).flat, loss.hessian(raw, y).flat
    ):
        a, t = mp.mpf(float(a)), mp.mpf(float(t))
        ratio, d, eps = t * mp.exp(-a), a - mp.log(t), mp.mpf(2) ** -52
        size = abs(a) + abs(mp.log(t))  # d is a difference of rounded numbers
        if ratio < mp.mpf(float(np.finfo(dtype).max)):
            assert abs(value - (ratio - 1 + d)) <= 8 * eps * (ratio - 1 + d + abs(1 - ratio) * size + size**2 * eps)
            assert abs(slope - (1 - ratio)) <= 4 * float(np.finfo(dtype).eps) * abs(1 - ratio) + 4 * eps * ratio * (
                1 + size
            )
            assert_exact([bend], [ratio], 4, dtype)


def test_gamma_of_target_one_is_exact_on_both_sides_of_its_minimum():
    raw = np.concatenate([np.geomspace(1e-12, 300, 60), -np.geomspace(1e-12, 300, 60)]).reshape(-1, 1)
    ones, exact = np.ones_like(raw), [mp.mpf(float(a)) for a in raw.flat]
    assert_exact(Loss("gamma").value(raw, ones), [mp.expm1(-a) + a for a in exact], 8)
    assert_exact(Loss("gamma").gradient(raw, ones), [-mp.expm1(-a) for a in exact], 8)


def test_gamma_is_infinite_only_where_the_truth_is():
    raw = np.array([[-1e300], [-709.0], [-800.0], [-800.0], [1e300]])
    value = Loss("gamma").value(raw, np.array([[1.0], [1.0], [1.0], [1e-200], [1.0]]))
    assert_array_equal(np.isinf(value), [True, False, True, False, False])
    assert not np.isnan(Loss("gamma").gradient(raw, np.ones_like(raw))).any()


def normal(m, s, y):
    """Value, both slopes, and the three second derivatives."""
    r, e = m - y, mp.exp(-s)
    return (s + r * r * e) / 2, (r * e, (1 - r * r * e) / 2), (e, -r * e, r * r * e / 2)


def test_gaussian_likelihood_is_exact_for_every_mean_and_spread(dtype):
    loss, levels = Loss("gaussian_nll"), [0.0, 1e-9, 0.7, 5.0, 60.0]
    rows = [(m, s, y) for m in (0.0, 1e-8, 1.5, 1e4) for s in levels + [-v for v in levels] for y in (0.0, -2.0, 1e4)]
    m, s, y = np.array(rows, dtype).T
    raw, y = np.column_stack([m, s]), y[:, None]
    value, slope, bend = loss.value(raw, y), loss.gradient(raw, y), loss.hessian(raw, y)
    for k in range(len(raw)):
        exact = [mp.mpf(float(v)) for v in (*raw[k], y[k, 0])]
        v, slopes, (mm, ms, ss) = normal(*exact)
        square = abs(v - exact[1] / 2)
        assert_exact([value[k]], [v], 8, scale=abs(exact[1]) + square)
        assert_exact([slope[k, 0]], [slopes[0]], 8, dtype)
        assert_exact([slope[k, 1]], [slopes[1]], 8, dtype, scale=mp.sqrt(abs(slopes[1])) * 1e-8 + abs(slopes[1]))
        assert_exact(bend[k].ravel(), [mm, ms, ms, ss], 8, dtype)
    v = np.random.default_rng(0).normal(size=raw.shape).astype(dtype)
    product = np.einsum("njk,nk->nj", bend.astype(float), v.astype(float))
    expected = np.abs(bend.astype(float)) @ np.ones(2) * 4
    difference = np.abs(loss.hessian_product(raw, y, v) - product)
    assert (difference <= 20 * np.finfo(dtype).eps * expected).all()


def test_gaussian_likelihood_is_infinite_only_where_the_truth_is():
    raw, y = (
        np.array([[0.0, 1e300], [1e-200, -800.0], [1.0, -800.0], [0.0, -1e300], [1e-300, -1380.0]]),
        np.zeros((5, 1)),
    )
    value, slope = Loss("gaussian_nll").value(raw, y), Loss("gaussian_nll").gradient(raw, y)
    assert_array_equal(np.isinf(value), [False, False, True, False, False])
    assert not np.isnan(slope).any() and np.isfinite(slope[[0, 1, 3]]).all()
    truth = normal(*(mp.mpf(v) for v in (1e-300, -1380.0, 0)))[0]
    assert value[4] == pytest.approx(float(truth), rel=1e-13)


def test_what_gauss_newton_takes_of_a_gaussian_is_fishers_matrix(rng):
    raw, y = rng.normal(size=(5, 4)), rng.normal(size=(5, 2))
    fisher = Loss("gaussian_nll").hessian(raw, y, whole=False)
    diagonal = np.exp(-raw[:, 1::2])
    expected = np.stack([np.diag(row) for row in np.stack([diagonal, 0 * diagonal + 0.5], 2).reshape(5, 4)])
    assert_allclose(fisher, expected, rtol=1e-14)
    # It is the mean of the Hessian over targets of that distribution.
    draws = rng.normal(size=(200_000, 1)) * np.exp(raw[0, 1] / 2) + raw[0, 0]
    mean = Loss("gaussian_nll").hessian(np.tile(raw[:1, :2], (len(draws), 1)), draws).mean(axis=0)
    assert_allclose(mean, expected[0, :2, :2], atol=0.02)
    v = rng.normal(size=raw.shape)
    product = Loss("gaussian_nll").hessian_product(raw, y, v, whole=False)
    assert_allclose(product, np.einsum("njk,nk->nj", fisher, v), rtol=1e-14)


def pinball(a, y, levels):
    q = [a[0]]
    for x in a[1:]:
        q.append(q[-1] + max(x, mp.mpf(0)) + mp.log1p(mp.exp(-abs(x))))
    own = [-t if p < y else 1 - t if p > y else mp.mpf(0) for p, t in zip(q, levels)]
    tail = [mp.fsum(own[j:]) for j in range(len(a))]
    sigma = [1 / (1 + mp.exp(-x)) for x in a]
    slopes = [tail[j] * (sigma[j] if j else 1) for j in range(len(a))]
    bends = [tail[j] * sigma[j] * (1 - sigma[j]) if j else mp.mpf(0) for j in range(len(a))]
    sizes = [mp.fsum(map(abs, own[j:])) * (sigma[j] if j else 1) for j in range(len(a))]
    return mp.fsum(g * (p - y) for g, p in zip(own, q)), slopes, bends, sizes


def test_quantile_loss_is_exact(dtype, rng):
    levels = (0.05, 0.25, 0.5, 0.9)
    loss = Loss("quantile", levels)
    raw = np.concatenate([rng.normal(0, scale, (40, 8)) for scale in (0.1, 1, 10, 100)]).astype(dtype)
    y = rng.normal(0, 3, (160, 2)).astype(dtype)
    value, slope, bend = loss.value(raw, y), loss.gradient(raw, y), loss.hessian(raw, y)
    for k in range(len(raw)):
        parts = [pinball([mp.mpf(float(v)) for v in raw[k, 4 * j : 4 * j + 4]], mp.mpf(float(y[k, j])),
                         [mp.mpf(level) for level in levels]) for j in (0, 1)]  # fmt: skip
        assert_exact([value[k]], [parts[0][0] + parts[1][0]], 8)
        # Sums of levels, which may cancel, are rounded in the type of the network.
        for got, which in ((slope[k], 1), (np.diag(bend[k]), 2)):
            for j in range(8):
                part, i = parts[j // 4], j % 4
                assert_exact([got[j]], [part[which][i]], 8, dtype, scale=part[3][i])
        assert_array_equal(bend[k] - np.diag(np.diag(bend[k])), 0)
    assert_array_equal(loss.hessian(raw, y, whole=False), 0)


def test_pinball_loss_of_each_level_is_that_of_scikit_learn(rng):
    raw, y, levels = rng.normal(size=(50, 3)), rng.normal(size=(50, 1)), (0.2, 0.5, 0.7)
    loss = losses.compiled(Quantile(levels))
    from bpnet.predictions import predictions

    q = predictions(loss, raw)[:, 0]
    expected = sum(mean_pinball_loss(y[:, 0], q[:, k], alpha=level) for k, level in enumerate(levels))
    assert loss.value(raw, y).mean() == pytest.approx(expected, rel=1e-14)


def test_gamma_loss_is_half_the_deviance_of_scikit_learn(rng):
    raw, y = rng.normal(size=(50, 1)), rng.gamma(2, 1, (50, 1))
    assert Loss("gamma").value(raw, y).mean() == pytest.approx(mean_gamma_deviance(y, np.exp(raw)) / 2, rel=1e-14)


@pytest.mark.parametrize("size", [1e-300, 1e-30, 1, 1e30, 1e300])
def test_a_prediction_that_is_right_costs_nothing_and_pulls_nowhere(size):
    one = np.array([[size]])
    for name in ("absolute_error", "huber", "log_cosh", "quantile"):
        assert Loss(name).value(one, one)[0] == 0 and Loss(name).gradient(one, one)[0, 0] == 0


@pytest.mark.parametrize("name", [name for name in NAMES if name != "multinomial_log_loss"])
def test_raw_outputs_that_are_no_numbers_give_no_numbers(name):
    n_each = Loss(name).n_each
    raw, y = np.full((1, 2 * n_each), np.nan), np.full((1, 2), 0.5)
    assert np.isnan(Loss(name).value(raw, y)).all()


@pytest.mark.parametrize(("levels", "shown"), [(0.5, "(0.5,)"), ([0.1, 0.9], "(0.1, 0.9)")])
def test_quantile_shows_compares_and_hashes_its_levels(levels, shown):
    loss = Quantile(levels)
    assert repr(loss) == f"Quantile(levels={shown})" and loss == Quantile(levels) != Quantile(0.3)
    assert hash(loss) == hash(Quantile(levels)) and losses.compiled(loss).n_raw(3) == 3 * len(loss.levels)


@pytest.mark.parametrize("levels", [[], [0.5, 0.1], [0.1, 0.1], 0, 1, [0.5, 1.2], [np.nan]])
def test_levels_that_do_not_rise_between_0_and_1_are_refused(levels):
    with pytest.raises(ValueError, match="expected rising levels between 0 and 1"):
        Quantile(levels)


@pytest.mark.parametrize("delta", [0, -1, np.inf, np.nan])
def test_a_delta_that_is_not_positive_is_refused(delta):
    with pytest.raises(ValueError, match="expected delta above 0 and finite"):
        Huber(delta)
