# SPDX-License-Identifier: BSD-3-Clause
"""Frozen parameters keep their bits, the others go their way as if the frozen ones were constants."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import GRAPHS, make
from scipy.optimize import check_grad

from bpnet import MLPClassifier, MLPRegressor, Network, Topology, train
from bpnet.frozen import frozen_parameters
from bpnet.optimizers._variables import Variables

SETTINGS = {
    "sgd": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    "adam": {"alpha": 0.5, "weight_decay": 0.1, "alpha_l1": 0.1, "max_gradient_norm": 0.1},
    "rmsprop": {"momentum": 0.5, "dropout": 0.3},
    "rprop": {},
}


def _bits(w):
    return w.view(np.uint64 if w.dtype == np.float64 else np.uint32)


@pytest.mark.parametrize("rule", SETTINGS)
@pytest.mark.parametrize("graph", GRAPHS)
def test_frozen_parameters_keep_their_bits_and_all_others_move(graph, rule, dtype, rng):
    problem = make(graph, "tanh", loss="binary", n_samples=30)
    net, frozen = problem.net(dtype), rng.random(len(problem.w)) < 0.5
    frozen[0] = False
    net.parameters[frozen & (rng.random(len(frozen)) < 0.3)] = -0.0  # a bit that sums lose
    start, has_gradient = net.parameters.copy(), net.gradient(problem.X, problem.y) != 0
    train(net, problem.X, problem.y, rule=rule, frozen=frozen, n_epochs=3, random_state=0, **SETTINGS[rule])
    assert_array_equal(_bits(net.parameters)[frozen], _bits(start)[frozen])
    assert (net.parameters != start)[~frozen & has_gradient].all()


def test_free_parameters_move_as_in_the_network_with_the_others_constant(rng):
    # Gradient descent in the space of the free ones alone.
    problem, rate = make("all upstream", n_samples=20), 0.01
    net, twin = problem.net(), problem.net()
    frozen = rng.random(len(problem.w)) < 0.4
    train(net, problem.X, problem.y, learning_rate=rate, batch_size=20, n_epochs=5, frozen=frozen)
    for _ in range(5):
        twin.parameters[~frozen] -= rate * twin.gradient(problem.X, problem.y)[~frozen]
    assert_allclose(net.parameters, twin.parameters, rtol=1e-12)


TOPOLOGY = Topology.layered([2, 3, 4, 1])  # 9, 16 and 5 parameters


@pytest.mark.parametrize(
    ("frozen", "places"),
    [
        ("h1", range(9)),
        (0, range(9)),
        (["h2"], range(9, 25)),
        ([-1], range(25, 30)),
        (np.int64(1), range(9, 25)),
        (("h1", 2), [*range(9), *range(25, 30)]),
        (np.arange(30) < 4, range(4)),
        ([True] * 3 + [False] * 27, range(3)),
    ],
    ids=str,
)
def test_layers_are_named_or_counted_and_parameters_marked(frozen, places):
    assert_array_equal(np.flatnonzero(frozen_parameters(TOPOLOGY, frozen)), list(places))


@pytest.mark.parametrize("frozen", [None, [], np.zeros(30, bool)], ids=str)
def test_nothing_frozen_is_none(frozen):
    assert frozen_parameters(TOPOLOGY, frozen) is None


def test_layers_of_units_can_be_frozen_too():
    topology = Topology.from_edges(2, [(0, "p"), (1, "q"), ("p", "q"), ("q", "r")], outputs=["r"])
    marks = frozen_parameters(topology, "h2")
    assert {topology.weight_index(1, "q"), topology.weight_index("p", "q"), topology.bias_index("q")} == set(
        np.flatnonzero(marks)
    )


@pytest.mark.parametrize(
    ("error", "message", "frozen"),
    [
        (ValueError, "expected frozen layers out of h1, h2, output, got 'h3'", "h3"),
        (ValueError, "expected numbers of frozen layers from -3 to 2, got 3", [0, 3]),
        (ValueError, "expected frozen as 30 bools, one per parameter, got 2", [True, False]),
        (ValueError, "at least one parameter that is not frozen", [0, 1, 2]),
        (TypeError, "expected frozen layers as names or numbers, got 0.5", [0.5]),
        (TypeError, "expected frozen layers as names or numbers, got True", [0, True]),
    ],
)
def test_what_cannot_be_frozen_is_refused(error, message, frozen):
    net = Network(TOPOLOGY, random_state=0)
    w = net.parameters.copy()
    with pytest.raises(error, match=message):
        train(net, np.ones((3, 2)), np.ones(3), frozen=frozen)
    with pytest.raises(error, match=message):
        MLPRegressor(hidden_layer_sizes=(3, 4), frozen=frozen).fit(np.ones((3, 2)), np.ones(3))
    assert_array_equal(net.parameters, w)


@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam", "rmsprop", "rprop"])
def test_estimators_go_on_from_a_first_fit_with_some_layers_frozen(solver, dtype, rng):
    X = rng.normal(size=(60, 4)).astype(dtype)
    y = (X[:, 0] > X[:, 1] ** 2).astype(int)
    est = MLPClassifier((8, 6), solver=solver, random_state=0, max_iter=5, warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        est.fit(X, y)
        before = [array.copy() for array in [*est.coefs_, *est.intercepts_]]
        est.set_params(frozen=["h1", 1]).fit(X, 1 - y)
    for k, array in enumerate([*est.coefs_, *est.intercepts_]):
        assert (array != before[k]).any() == (k % 3 == 2)


def test_lbfgs_reaches_the_minimum_over_what_is_free(rng):
    X = rng.normal(size=(50, 3))
    y = X @ [1.0, 2.0, -1.0] + 0.5
    settings = {"hidden_layer_sizes": (), "solver": "lbfgs", "alpha": 0.0, "tol": 1e-10}
    start = {"coef_init": [[[7.0], [0.0], [0.0]]], "intercept_init": [[0.0]]}
    est = MLPRegressor(**settings, frozen=[True, False, False, False]).fit(X, y, **start)
    free = np.column_stack([X[:, 1:], np.ones(50)])
    expected = np.linalg.lstsq(free, y - 7 * X[:, 0], rcond=None)[0]
    assert est.network_.parameters[0] == 7
    assert_allclose(est.network_.parameters[1:], expected, rtol=1e-6)


@pytest.mark.parametrize("frozen", [None, np.arange(6) == 1])
def test_lbfgs_with_l1_is_the_lasso(frozen, rng):
    from sklearn.linear_model import Lasso

    X = rng.normal(size=(80, 5))
    y = X[:, 0] - 2 * X[:, 3] + 0.1 * rng.normal(size=80) + 1
    # (1/2 |Xw - y|^2 + l1 |w|_1) / n, as scikit-learn's Lasso with its alpha = l1 / n.
    est = MLPRegressor(
        hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, alpha_l1=16.0, tol=1e-10, max_iter=5000, frozen=frozen
    )
    start = [np.array([[1.0], [0.3], [0], [0], [0]])]
    est.fit(X, y, coef_init=start)
    w = est.network_.parameters
    if frozen is None:
        lasso = Lasso(alpha=0.2, tol=1e-12).fit(X, y)
        assert_allclose(w, [*lasso.coef_, lasso.intercept_], atol=1e-5)
        assert ((w == 0) == (np.append(lasso.coef_, 1) == 0)).all() and (w == 0).sum() == 3
    else:
        lasso = Lasso(alpha=0.2, tol=1e-12).fit(X[:, [0, 2, 3, 4]], y - 0.3 * X[:, 1])
        assert_allclose(w, [*np.insert(lasso.coef_, 1, 0.3), lasso.intercept_], atol=1e-5)
        assert w[1] == 0.3
    objective = 0.5 * ((X @ w[:5] + w[5] - y) ** 2).mean() + 0.2 * np.abs(w[:5]).sum()
    assert est.loss_ == pytest.approx(objective, rel=1e-10)


@pytest.mark.parametrize("strength", [0.0, 0.7])
def test_variables_of_lbfgs_have_the_right_gradient(strength, rng):
    problem = make("chain")
    net, is_weight = problem.net(), np.zeros(len(problem.w), bool)
    for start, stop in problem.topology.plan.weight_ranges:
        is_weight[start:stop] = True
    frozen = rng.random(len(problem.w)) < 0.3
    variables = Variables(problem.w, strength, is_weight, frozen)

    def value_and_gradient(w):
        other = problem.net(w=w)
        return other.value_and_gradient(problem.X, problem.y)

    function, x = variables.objective(value_and_gradient), variables.start()
    assert_array_equal(variables.parameters(x), problem.w)
    value = net.loss(problem.X, problem.y) + strength * np.abs(problem.w[is_weight]).sum()
    assert function(x)[0] == pytest.approx(value, rel=1e-12)
    x = x + rng.uniform(0.1, 0.5, len(x))
    error = check_grad(lambda x: function(x)[0], lambda x: function(x)[1], x)
    assert error < 1e-5 * np.linalg.norm(function(x)[1])
