# SPDX-License-Identifier: BSD-3-Clause
"""Full-batch solvers, as functions of an objective: their minima, their steps, their ends."""

import time

import numpy as np
import pytest
import scipy.optimize
from numpy.testing import assert_allclose, assert_array_equal
from problems import ALL_LOSSES, CATALOGUE, GRAPHS, make

from bpnet import Network, Topology
from bpnet.objective import Objective
from bpnet.optimizers._variables import Variables
from bpnet.optimizers.full_batch import SOLVERS
from bpnet.optimizers.lm import Tenfold

NEWTONS = ("lm", "newton-cg", "trust-ncg", "scg")
OURS = (*NEWTONS, "rprop+")
BUDGET = {"max_iter": 3000, "max_fun": 10**5, "tol": 1e-9}
#: Second derivatives of the others are 0 or jump.
KINKED = [name for name, row in ALL_LOSSES.items() if "absolute" in row[1] or "quantile" in row[1]]
SMOOTH = [name for name, row in ALL_LOSSES.items() if name not in KINKED and "huber" not in row[1]]


def solve(name, objective, w, **more):
    return SOLVERS[name].minimise(objective, w, **BUDGET | more)


def objective_of(problem, alpha):
    s = np.ones(len(problem.X)) if problem.s is None else problem.s
    net = problem.net()
    return Objective(net, net._data(problem.X, problem.y, problem.s), s.sum(), alpha)


@pytest.fixture
def line(rng):
    """Linear least squares with sample weights and two outputs: the objective, and its minimum with a penalty."""
    X, y, s = rng.normal(size=(40, 3)), rng.normal(size=(40, 2)), rng.choice([0.5, 1, 3], 40)
    net, alpha = Network(Topology.layered([3, 2]), random_state=0), 2.0
    A = np.column_stack([X, np.ones(40)])
    solution = np.linalg.solve((A.T * s) @ A + alpha * np.diag([1, 1, 1, 0]), (A.T * s) @ y)
    return net, Objective(net, net._data(X, y, s), s.sum(), alpha), solution.ravel()


# Steps.


def test_one_step_of_lm_solves_linear_least_squares(line):
    net, objective, solution = line
    result = solve("lm", objective, net.parameters, mu=1e-14)
    assert_allclose(result.x, solution, rtol=1e-10)
    assert result.nit <= 2 and result.loss == pytest.approx(objective.value_and_gradient(solution)[0], rel=1e-13)


def test_a_step_of_lm_is_that_of_its_equation(rng):
    problem = make("all upstream", weighted=True, n_samples=30)
    objective, mu = objective_of(problem, 0.3), 0.7
    result = solve("lm", objective, problem.w, mu=mu, max_iter=1)
    weights = np.zeros(len(problem.w))
    for start, stop in problem.topology.plan.weight_ranges:
        weights[start:stop] = 1
    # J' S J of residuals, from another function of the network than the one the solver calls.
    J = problem.net().parameter_jacobian(problem.X)
    H = np.einsum("n,nkv,nkw->vw", problem.s, J, J) + 0.3 * np.diag(weights)
    g = problem.truth.gradient + 0.3 * weights * problem.w
    step = np.linalg.solve(H + mu * np.trace(H) / len(H) * np.eye(len(H)), -g)
    assert result.nfev == 2
    assert_allclose(result.x, problem.w + step, rtol=1e-9)


def test_scg_takes_the_steps_of_conjugate_gradients_where_the_objective_is_quadratic(line):
    net, objective, solution = line
    n, x = len(solution), net.parameters.copy()
    H = np.array([objective.product(x, v) for v in np.eye(n)])
    path, g = [], objective.value_and_gradient(x)[1]
    p = -g
    for _ in range(n):
        step = (g @ g) / (p @ H @ p)
        x, before = x + step * p, g
        g = g + step * H @ p
        p = -g + (g @ g) / (before @ before) * p
        path.append(x)
    ends = [solve("scg", objective, net.parameters, lambda_init=1e-14, max_iter=k, ftol=0.0).x for k in range(1, n + 1)]
    assert_allclose(ends, path, rtol=1e-6)
    assert_allclose(ends[-1], solution, rtol=1e-6)


def test_rprop_plus_is_the_paper_weight_by_weight():
    problem = make("chain", loss="binary", n_samples=20)
    objective, n_iter = objective_of(problem, 0.1), 60
    w, sizes, before, steps = problem.w.copy(), [2.0] * len(problem.w), [0.0] * len(problem.w), [0.0] * len(problem.w)
    value_before, n_back = np.inf, 0
    for _ in range(n_iter):
        value, g = objective.value_and_gradient(w)
        g, w = g.copy(), w.copy()
        for i in range(len(w)):
            if g[i] * before[i] > 0:
                sizes[i] = min(sizes[i] * 1.2, 50.0)
                steps[i] = -np.sign(g[i]) * sizes[i]
                w[i] += steps[i]
            elif g[i] * before[i] < 0:
                sizes[i] = max(sizes[i] * 0.5, 1e-9)
                if value > value_before:
                    w[i] -= steps[i]
                    n_back += 1
                g[i] = 0.0
            else:
                steps[i] = -np.sign(g[i]) * sizes[i]
                w[i] += steps[i]
        before, value_before = g, value
    assert n_back > 5
    assert_allclose(solve("rprop+", objective, problem.w, size=2.0, max_iter=n_iter).x, w, rtol=1e-12)


def test_damping_by_constant_factors_is_matlabs():
    damping = Tenfold(0.001, 10.0, 0.1)
    damping.failed(), damping.failed(), damping.succeeded(0.1)
    assert damping.mu == pytest.approx(0.01)
    problem = make("chain", n_samples=30)
    matlab = {"mu": 0.001, "mu_dec": 0.1, "mu_inc": 10.0, "mu_max": 1e10}
    objective = objective_of(problem, 20.0)
    result = solve("lm", objective, problem.w, **matlab)
    assert result.status == 0 and result.loss == pytest.approx(solve("lbfgs", objective, problem.w).loss)


# Minima.


@pytest.mark.parametrize("solver", OURS)
@pytest.mark.parametrize("name", CATALOGUE)
def test_every_network_comes_down(name, solver):
    problem = make(*CATALOGUE[name])
    objective, curve = objective_of(problem, 0.5), []
    result = solve(solver, objective, problem.w, max_iter=8, loss_curve=curve)
    start = objective.value_and_gradient(problem.w)[0]
    assert result.loss == pytest.approx(objective.value_and_gradient(result.x)[0], rel=1e-12)
    if result.status == 3:
        # SciPy's Newton-CG gives up where biases have no curvature at all, and says so.
        assert solver == "newton-cg" and CATALOGUE[name][2] in KINKED
        return
    if solver == "rprop+":
        # Steps of .1 for each weight, whatever the gradient, may rise before they come down.
        assert min(curve) < start
        return
    assert result.loss < start and (np.diff([start, *curve]) < 0).all()
    assert len(curve) == result.nit <= 8 and result.nfev >= result.nit


@pytest.mark.parametrize("solver", OURS)
@pytest.mark.parametrize("loss", SMOOTH)
def test_under_a_strong_penalty_all_find_the_minimum_that_bfgs_finds(loss, solver):
    objective = objective_of(problem := make("two branches", "tanh", loss, weighted=True, n_samples=20), 20.0)
    expected = scipy.optimize.minimize(objective.value_and_gradient, problem.w, jac=True, options={"gtol": 1e-7})
    result = solve(solver, objective, problem.w, tol=1e-5, max_iter=500)
    # Biases have no penalty, and some run off to infinity along a slope that fades: hence not more digits.
    assert result.loss == pytest.approx(expected.fun, rel=3e-5)


def test_lm_ends_where_scipys_least_squares_ends():
    problem = make("skip to the output", n_samples=40)
    objective, alpha = objective_of(problem, 0.1), 0.1
    weights = np.zeros(len(problem.w), bool)
    for start, stop in problem.topology.plan.weight_ranges:
        weights[start:stop] = True

    def residuals(w):
        return np.concatenate([(problem.net(w=w).predict(problem.X) - problem.y).ravel(), alpha**0.5 * w[weights]])

    def jacobian(w):
        J = problem.net(w=w).parameter_jacobian(problem.X)
        return np.vstack([J.reshape(-1, len(w)), alpha**0.5 * np.eye(len(w))[weights]])

    theirs = scipy.optimize.least_squares(residuals, problem.w, jacobian, method="lm")
    ours = solve("lm", objective, theirs.x + 0.01, ftol=0.0, tol=1e-8)
    # Theirs ends where a step lowers the sum by less than 1e-8 of it.
    assert theirs.cost / 40 * (1 - 1e-5) < ours.loss <= theirs.cost / 40


@pytest.mark.parametrize("solver", OURS)
def test_what_is_frozen_keeps_its_bits_and_the_rest_finds_its_minimum(solver, rng):
    problem = make("all upstream", loss="binary", weighted=True, n_samples=30)
    objective, frozen = objective_of(problem, 20.0), rng.random(len(problem.w)) < 0.4
    w = problem.w.copy()
    w[np.flatnonzero(frozen)[0]] = -0.0
    variables = Variables(w, 0.0, np.zeros(len(w), bool), frozen)
    result = solve(solver, objective, w, variables=variables, ftol=-1.0, tol=1e-8)
    assert_array_equal(result.x[frozen].view(np.uint64), w[frozen].view(np.uint64))
    assert np.abs(objective.value_and_gradient(result.x)[1][~frozen]).max() < 1e-5 and (result.x != w)[~frozen].all()
    assert result.loss == pytest.approx(solve("lbfgs", objective, w, variables=variables).loss, rel=1e-6)


def test_products_of_the_objective_are_differences_of_its_gradient(rng):
    problem = make("masked", loss="multinomial", weighted=True)
    objective, v, h = objective_of(problem, 0.7), rng.normal(size=len(problem.w)), 1e-5
    ahead, behind = (objective.value_and_gradient(problem.w + step * v)[1] for step in (h, -h))
    assert_allclose(objective.product(problem.w, v), (ahead - behind) / (2 * h), rtol=1e-5, atol=1e-9)


def test_matrix_of_an_objective_without_hidden_units_is_its_hessian(rng):
    problem = make("no hidden layer", loss="multinomial", weighted=True)
    objective, n = objective_of(problem, 0.7), len(problem.w)
    matrix = objective.gauss_newton(problem.w, np.empty((n, n)))
    assert_allclose(matrix, [objective.product(problem.w, v) for v in np.eye(n)], atol=1e-13)


# Ends.


@pytest.mark.parametrize("solver", OURS)
def test_every_limit_ends_the_search_and_says_so(solver):
    problem = make("chain", loss="binary", n_samples=20)
    objective = objective_of(problem, 0.1)
    plain, curve = solve(solver, objective, problem.w, tol=1e-3), []
    assert plain.status == 0 and np.abs(objective.value_and_gradient(plain.x)[1]).max() <= 1e-3
    limits = {
        "ITERATIONS REACHED LIMIT": {"max_iter": 3},
        "EVALUATIONS EXCEEDS LIMIT": {"max_fun": 3},
        "MAX_TIME": {"until": time.monotonic()},
        "LOSS IS NOT ABOVE GOAL": {"goal": plain.loss * 1.2},
        "RELATIVE REDUCTION": {"ftol": 1e-2},
        "LENGTH OF STEP": {"xtol": 0.5, "ftol": -1.0},
        "FROM THE START": {"tol": 1e3},
    }
    for words, limit in limits.items():
        result = solve(solver, objective, problem.w, loss_curve=curve, **limit)
        assert words in result.message and result.status == (not {"goal", "ftol", "xtol", "tol"} & set(limit))
        assert result.nit <= limit.get("max_iter", 10**4) and result.nfev <= limit.get("max_fun", 10**4)
        if "goal" in limit:
            assert curve[-1] <= plain.loss * 1.2 < curve[-2]


@pytest.mark.parametrize("solver", NEWTONS)
def test_a_search_that_asks_for_more_than_rounding_allows_ends(solver):
    problem = make("chain", n_samples=20)
    result = solve(solver, objective_of(problem, 1.0), problem.w, tol=0.0, ftol=-1.0, max_iter=10**6, max_fun=10**5)
    assert result.nfev < 5000 and np.abs(objective_of(problem, 1.0).value_and_gradient(result.x)[1]).max() < 1e-6


@pytest.mark.parametrize("solver", OURS)
def test_ctrl_c_ends_the_search_with_the_last_iterate(solver, monkeypatch):
    problem = make("chain", loss="binary")
    objective = objective_of(problem, 0.1)
    expected = solve(solver, objective, problem.w, max_iter=2)
    value_and_gradient, values = objective.value_and_gradient, []

    def interrupted(w):
        values.append(value_and_gradient(w))
        if len(values) > expected.nfev:
            raise KeyboardInterrupt
        return values[-1]

    monkeypatch.setattr(objective, "value_and_gradient", interrupted)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        result = solve(solver, objective, problem.w)
    assert (result.nit, result.message, result.interrupted) == (2, "interrupted", True)
    assert_array_equal(result.x, expected.x)


@pytest.mark.parametrize("solver", OURS)
def test_a_search_is_the_same_each_time_and_leaves_its_start_alone(solver):
    problem = make("two branches", loss="poisson", n_samples=30)
    w, objective = problem.w.copy(), objective_of(problem, 0.1)
    a, b = (solve(solver, objective, w, max_iter=20) for _ in range(2))
    assert_array_equal(a.x, b.x)
    assert_array_equal(w, problem.w)
    assert (a.nfev, a.nhev) == (b.nfev, b.nhev) and (a.nhev > 0) == (solver != "rprop+")


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_matrix_without_a_cholesky_factor_is_damped_until_it_has_one(graph, monkeypatch):
    problem = make(graph, n_samples=30)
    objective = objective_of(problem, 0.5)
    gauss_newton, start = objective.gauss_newton, objective.value_and_gradient(problem.w)[0]

    def indefinite(w, out):
        matrix = gauss_newton(w, out)
        matrix -= 0.5 * np.diag(np.diag(matrix))
        return matrix

    monkeypatch.setattr(objective, "gauss_newton", indefinite)
    assert solve("lm", objective, problem.w, max_iter=20).loss < start


@pytest.mark.parametrize(
    ("solver", "options"),
    [
        ("lm", {"mu": 0.0}),
        ("lm", {"mu": 1.0, "mu_max": 0.5}),
        ("lm", {"mu_inc": 10.0}),
        ("lm", {"mu_inc": 0.5, "mu_dec": 0.1}),
        ("scg", {"lambda_init": 0.0}),
        ("trust-ncg", {"initial_trust_radius": 2000.0}),
        ("trust-ncg", {"eta": 0.3}),
        ("rprop+", {"shrink": 1.0}),
        ("rprop+", {"size": 0.0}),
    ],
    ids=str,
)
def test_options_out_of_range_are_refused(solver, options):
    problem = make("chain")
    with pytest.raises(ValueError, match="expected"):
        solve(solver, objective_of(problem, 0.1), problem.w, **options)


def test_a_matrix_larger_than_the_memory_is_refused_and_the_error_names_other_solvers():
    net = Network(Topology.layered([300, 3000, 1]), random_state=0)
    objective = Objective(net, net._data(np.zeros((1, 300)), np.zeros(1)), 1, 0.1)
    with pytest.raises(MemoryError, match=r"GiB, but .* 'lbfgs', 'scg', 'newton-cg' and 'trust-ncg'"):
        solve("lm", objective, net.parameters)
