# SPDX-License-Identifier: BSD-3-Clause
"""The full-batch objective: (sum_n s_n E_n + alpha / 2 |w|^2) / sum_n s_n, the penalty on weights alone."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from problems import GRAPHS, assert_near, make
from reference import units

from bpnet.objective import Objective


def _objective(problem, alpha, dtype=np.float64):
    net = problem.net(dtype)
    weight = len(problem.X) if problem.s is None else problem.s.sum()
    return Objective(net, net._data(problem.X, problem.y, problem.s), weight, alpha)


@pytest.mark.parametrize("alpha", [0.0, 0.7])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("graph", GRAPHS)
def test_value_and_gradient_equal_their_formula(graph, weighted, alpha, dtype):
    problem = make(graph, weighted=weighted)
    weight, free = (problem.s.sum() if weighted else 7), np.ones(len(problem.w), bool)
    free[[unit.bias for unit in units(problem.n_inputs, problem.layers)[0] if unit.bias is not None]] = False
    penalised = np.where(free, problem.w, 0)
    value, gradient = _objective(problem, alpha, dtype).value_and_gradient(problem.w)
    tolerance = 1e-12 if dtype == np.float64 else 2e-5  # the same formulas in another order of summation
    assert value == pytest.approx((problem.truth.value + alpha / 2 * penalised @ penalised) / weight, rel=tolerance)
    assert_near(gradient, (problem.truth.gradient + alpha * penalised) / weight, tolerance)
    assert gradient.dtype == np.float64


def test_gradient_is_the_difference_of_values(rng):
    problem, step = make("masked", loss="poisson", weighted=True), 1e-6
    objective, v = _objective(problem, 0.3), rng.normal(size=len(problem.w))
    ahead, behind = (objective.value_and_gradient(problem.w + sign * step * v)[0] for sign in (1, -1))
    assert objective.value_and_gradient(problem.w)[1] @ v == pytest.approx((ahead - behind) / (2 * step), rel=1e-7)


def test_value_is_data_term_and_penalty():
    problem = make("chain", weighted=True)
    objective = _objective(problem, 0.3)
    data_term, gradient = objective.data_term_and_gradient(problem.w)
    value, same = objective.value_and_gradient(problem.w)
    assert value == data_term + objective.penalty(problem.w)
    assert data_term == pytest.approx(problem.truth.value / problem.s.sum(), rel=1e-12)
    assert_array_equal(gradient, same)


def test_neither_w_nor_the_network_is_changed(rng):
    problem, w = make("chain"), rng.normal(size=51)
    before, objective = w.copy(), _objective(problem, 0.3)
    w.setflags(write=False)
    objective.value_and_gradient(w)
    assert_array_equal(w, before)
    assert_array_equal(objective.network.parameters, problem.w)
