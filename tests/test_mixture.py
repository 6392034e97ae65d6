# SPDX-License-Identifier: BSD-3-Clause
"""Mixtures of normal and Student-t distributions against scipy.stats, quadrature and draws."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.integrate import quad

from bpnet.laplace._mixture import Mixture


@pytest.fixture(params=["normal", "student"])
def mixture(request, rng):
    mean, scale = 3 * rng.normal(size=(4, 5, 2)), np.exp(rng.normal(size=(4, 5, 2)))
    dof = None if request.param == "normal" else 2 + np.exp(rng.normal(1, 1, size=(4, 5, 2)))
    return Mixture(mean, scale, np.array([0.1, 0.2, 0.3, 0.4]), dof)


def component(mixture, c, *place):
    kind = stats.norm() if mixture.dof is None else stats.t(mixture.dof[c][place])
    return kind.dist(*kind.args, loc=mixture.means[c][place], scale=mixture.scales[c][place])


def test_density_and_distribution_are_weighted_sums(mixture, rng):
    y = 3 * rng.normal(size=(5, 2))
    cdf, log_density = mixture.cdf(y), mixture.log_density(y)
    for i in range(5):
        parts = [[component(mixture, c, i, k) for k in range(2)] for c in range(4)]
        joint = sum(w * parts[c][0].pdf(y[i, 0]) * parts[c][1].pdf(y[i, 1]) for c, w in enumerate(mixture.weight))
        assert_allclose(log_density[i], np.log(joint), rtol=1e-12)
        for k in range(2):
            assert_allclose(cdf[i, k], sum(w * parts[c][k].cdf(y[i, k]) for c, w in enumerate(mixture.weight)))


def test_mean_and_variance_are_integrals(mixture):
    for i, k in ((0, 0), (3, 1)):
        parts = [component(mixture, c, i, k) for c in range(4)]
        moments = [sum(w * part.moment(n) for w, part in zip(mixture.weight, parts)) for n in (1, 2)]
        assert_allclose(mixture.mean()[i, k], moments[0], rtol=1e-10)
        assert_allclose(mixture.variance()[i, k], moments[1] - moments[0] ** 2, rtol=1e-9)


@pytest.mark.parametrize("p", [1e-6, 0.05, 0.5, 0.95, 1 - 1e-9])
def test_quantiles_invert_the_distribution(mixture, p):
    # The slope there turns the rounding of the distribution function into more of the quantile's.
    assert_allclose(mixture.cdf(mixture.quantile(p)), p, rtol=1e-9)


def test_quantiles_of_one_normal_distribution_are_its_own(rng):
    mean, scale = rng.normal(size=(1, 6, 1)), np.exp(rng.normal(size=(1, 6, 1)))
    assert_allclose(Mixture(mean, scale, np.ones(1)).quantile(0.9), stats.norm(mean[0], scale[0]).ppf(0.9), rtol=1e-14)


def test_the_average_is_uniform(mixture, rng):
    dof = None if mixture.dof is None else mixture.dof[:2]
    other = Mixture(mixture.means[:2] + 1, mixture.scales[:2], np.array([0.5, 0.5]), dof)
    both, y = Mixture.average([mixture, other]), rng.normal(size=(5, 2))
    assert_allclose(both.cdf(y), (mixture.cdf(y) + other.cdf(y)) / 2, rtol=1e-12)
    assert_allclose(both.weight.sum(), 1)
    total = quad(lambda t: np.exp(both.log_density(np.broadcast_to([t, 0.0], (5, 2)))[0]), -200, 200, limit=400)[0]
    if both.dof is None:  # else the tails reach farther than that
        marginal = Mixture(both.means[:, :1, 1:], both.scales[:, :1, 1:], both.weight)
        assert_allclose(total, np.exp(marginal.log_density(np.zeros((1, 1))))[0], rtol=1e-7)
