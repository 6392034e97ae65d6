# SPDX-License-Identifier: BSD-3-Clause
"""What surrounds a step: L1, decoupled decay, clipping, frozen parameters; against the same loop in plain NumPy."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from problems import FEEDS_ON, GRAPHS, assert_near, make
from reference import RULES

from bpnet import Network, Topology, train
from bpnet._core.epoch import Epoch
from bpnet._core.regularisation import Regularisation
from bpnet._core.updates import Adam, GradientDescent, RMSProp

SAME = {np.dtype(np.float64): 1e-11, np.dtype(np.float32): 2e-4}
COMPILED = {"sgd": GradientDescent, "adam": Adam, "rmsprop": RMSProp}


def _is_weight(topology):
    marks = np.zeros(topology.n_parameters, bool)
    for start, stop in topology.plan.weight_ranges:
        marks[start:stop] = True
    return marks


def _shortest_subgradient(g, w, strength):
    """Of E + strength |w|_1: where w is 0, any number within strength of g is one; the one nearest to 0."""
    return np.where(w != 0, g + strength * np.sign(w), np.sign(g) * np.maximum(np.abs(g) - strength, 0))


def _plain_epoch(problem, w, step, rate, batch_size, alpha, l1, decay, max_norm, frozen):
    """One epoch in words; returns the sum of the penalties, batch by batch."""
    is_weight, penalty = _is_weight(problem.topology), 0.0
    for start in range(0, len(problem.X), batch_size):
        rows = np.arange(start, min(start + batch_size, len(problem.X)))
        g = problem.at(w, rows).gradient + alpha * w * is_weight
        penalty += alpha / 2 * (w[is_weight] ** 2).sum() / len(rows) * len(rows)
        penalty += l1 * np.abs(w[is_weight]).sum()
        g[is_weight] = _shortest_subgradient(g[is_weight], w[is_weight], l1)
        g /= len(rows)
        g[frozen] = 0
        norm = np.sqrt((g**2).sum())
        if max_norm and norm > max_norm:
            g *= max_norm / norm
        before = w.copy()
        w[is_weight] *= 1 - rate * decay
        step(w, g)
        if l1:
            side = np.where(before != 0, np.sign(before), -np.sign(g))
            w[is_weight & (side * w <= 0)] = 0
        w[frozen] = before[frozen]
    return penalty


OPTIONS = {
    "l1": {"l1": 0.8},
    "decay": {"decay": 3.0},
    "clipping": {"max_norm": 0.3},
    "no need to clip": {"max_norm": 1e6},
    "frozen": {"frozen": True},
    "all": {"l1": 0.8, "decay": 3.0, "max_norm": 0.5, "frozen": True, "alpha": 0.3},
}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("rule", ["sgd", "adam"])
@pytest.mark.parametrize("graph", GRAPHS)
def test_epoch_equals_the_loop_in_words(graph, rule, option, dtype):
    problem = make(graph, loss="binary" if graph in FEEDS_ON else "multinomial")
    options = {"alpha": 0.0, "l1": 0.0, "decay": 0.0, "max_norm": 0.0, "frozen": False} | OPTIONS[option]
    n, settings = len(problem.w), {"epsilon": 0.01} if rule == "adam" else {"momentum": 0.5}
    frozen = np.zeros(n, bool)
    if options["frozen"]:
        frozen[::3] = True  # pieces with some of each kind
        frozen[: n // 2] = True  # and whole ones
    net, step = problem.net(dtype), RULES[rule](0.02, **settings)
    more = Regularisation(
        problem.topology.plan, net.parameters, options["l1"], options["decay"], options["max_norm"], frozen
    )
    epoch = Epoch(
        problem.topology.plan, net._loss, net._reads_raw, net._data(problem.X, problem.y), net.parameters,
        COMPILED[rule](n, dtype, 0.02, **settings), 3, options["alpha"], regularisation=more,
    )  # fmt: skip
    expected, start = problem.w.copy(), net.parameters.copy()
    for _ in range(3):
        penalty = _plain_epoch(problem, expected, step, 0.02, 3, **(options | {"frozen": frozen}))
        epoch.begin()
        assert epoch.advance(1.0)
        assert_near(net.parameters, expected, SAME[dtype])
        assert epoch.penalty == pytest.approx(penalty, rel=10 * SAME[dtype])
    assert_array_equal(net.parameters[frozen], start[frozen])


def test_l1_ends_where_the_condition_of_optimality_holds(rng):
    # A linear model: the minimum is where |dE/dw_i| <= l1, with equality and opposite sign where w_i is not 0.
    X = rng.normal(size=(60, 8))
    y, l1 = X[:, 0] - 0.5 * X[:, 1] + 0.1 * rng.normal(size=60), 20.0
    for rule, rate in [("sgd", 0.003), ("adam", 0.01), ("rmsprop", 0.002), ("rprop", 0.01)]:
        net = Network(Topology.layered([8, 1]), random_state=0)
        schedule = None if rule == "rprop" else "cosine"
        train(net, X, y, rule=rule, learning_rate=rate, batch_size=60, n_epochs=2000, alpha_l1=l1, schedule=schedule)
        w, g = net.parameters[:8], net.gradient(X, y)
        assert (w == 0).sum() >= 5 and (w[:2] != 0).all()
        assert np.abs(g[:8][w == 0]).max() <= l1
        np.testing.assert_allclose(g[:8][w != 0], -l1 * np.sign(w[w != 0]), atol=0.05)


@pytest.mark.parametrize("rule", ["sgd", "adam", "rmsprop"])
def test_decay_without_a_gradient_is_a_geometric_sequence_and_leaves_biases_alone(rule, dtype):
    net = Network(Topology.layered([3, 4, 1], "relu"), dtype=dtype, random_state=0)
    net.intercepts[0][...] = -100.0  # all units are off, and the one output is on its target
    net.coefs[1][...], net.intercepts[1][...] = 0.5, 1.0
    weights = net.coefs[0].copy()
    train(net, np.eye(3), np.ones(3), rule=rule, learning_rate=0.1, batch_size=3, n_epochs=10, weight_decay=0.5)
    np.testing.assert_allclose(net.coefs[0], weights * 0.95**10, rtol=20 * np.finfo(dtype).eps)
    np.testing.assert_allclose(net.coefs[1], 0.5 * 0.95**10, rtol=20 * np.finfo(dtype).eps)
    assert (net.intercepts[0] == -100).all() and (net.intercepts[1] == 1).all()


def test_decay_follows_the_schedule(rng):
    net = Network(Topology.layered([3, 1]), random_state=0)
    net.intercepts[0][...] = 1.0
    w, X = net.coefs[0].copy(), np.zeros((4, 3))
    train(net, X, np.ones(4), learning_rate=0.1, batch_size=2, n_epochs=3, weight_decay=1.0, schedule=lambda t: 1 - t)
    expected = w * np.prod([1 - 0.1 * (1 - k / 6) for k in range(6)])
    np.testing.assert_allclose(net.coefs[0], expected, rtol=1e-14)


@pytest.mark.parametrize("max_norm", [1e-3, 0.05])
def test_first_clipped_step_of_gradient_descent_has_the_length_of_the_limit(max_norm, dtype, rng):
    net = Network(Topology.layered([4, 30, 2]), dtype=dtype, random_state=0)
    X, y = rng.normal(size=(20, 4)), rng.normal(size=(20, 2))
    w, g = net.parameters.copy(), net.gradient(X, y)
    train(net, X, y, learning_rate=1.0, batch_size=20, n_epochs=1, max_gradient_norm=max_norm, shuffle=False)
    step = w - net.parameters
    assert np.linalg.norm(step) == pytest.approx(max_norm, rel=1e-4 if dtype == np.float32 else 1e-10)
    np.testing.assert_allclose(step / max_norm, g / np.linalg.norm(g), atol=1e-3 if dtype == np.float32 else 1e-9)


OPTION_SETS = {
    "clipping": {"max_norm": 0.1},
    "decay and l1": {"weight_decay": 0.1, "alpha_l1": 0.2},
    "all": {"max_norm": 0.1, "weight_decay": 0.1, "alpha_l1": 0.2, "frozen": True},
}


@pytest.mark.parametrize("options", OPTION_SETS)
def test_bits_depend_neither_on_threads_nor_on_slices(options, dtype, rng):
    topology = Topology.layered([20, 150, 120, 3], "tanh")
    X, y = rng.normal(size=(500, 20)), rng.normal(size=(500, 3))
    more = OPTION_SETS[options] | {"frozen": None}
    if "frozen" in OPTION_SETS[options]:
        more["frozen"] = np.arange(topology.n_parameters) % 5 == 0

    def learn(n_threads, seconds=1.0):
        net = Network(topology, dtype=dtype, random_state=0)
        w = net.parameters
        epoch = Epoch(
            topology.plan, net._loss, net._reads_raw, net._data(X, y), w, Adam(len(w), dtype, 0.01), 220, 0.1,
            n_threads=n_threads, regularisation=Regularisation(topology.plan, w, **more),
        )  # fmt: skip
        for _ in range(3):
            epoch.begin()
            while not epoch.advance(seconds):
                pass
        return w, epoch.data_loss, epoch.penalty

    w, *sums = learn(1)
    for other, *others in (learn(2), learn(3), learn(1, 0.0), learn(3, 0.0)):
        assert_array_equal(other, w)
        assert others == sums


@pytest.mark.parametrize("batch_size", [1, 3])
def test_options_that_change_nothing_change_nothing(batch_size, rng):
    X, y, nets = rng.normal(size=(30, 4)), rng.normal(size=30), []
    for more in ({}, {"max_gradient_norm": 1e300}, {"frozen": []}):
        nets.append(Network(Topology.layered([4, 5, 1]), random_state=0))
        train(nets[-1], X, y, batch_size=batch_size, random_state=0, alpha=0.1, **more)
    assert_near(nets[1].parameters, nets[0].parameters, 1e-12)
    assert_array_equal(nets[2].parameters, nets[0].parameters)


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("expected alpha_l1 of at least 0 and finite, got -1", {"alpha_l1": -1}),
        ("expected alpha_l1 of at least 0 and finite, got nan", {"alpha_l1": np.nan}),
        ("expected weight_decay of at least 0 and finite, got inf", {"weight_decay": np.inf}),
        ("expected max_gradient_norm above 0 and finite, or None, got 0", {"max_gradient_norm": 0}),
        ("expected max_gradient_norm above 0 and finite, or None, got nan", {"max_gradient_norm": np.nan}),
        ("'rprop' does not take weight_decay", {"rule": "rprop", "weight_decay": 0.1}),
        ("'rprop' does not take max_gradient_norm", {"rule": "rprop", "max_gradient_norm": 0.1}),
    ],
)
def test_impossible_options_are_refused(message, arguments):
    net = Network(Topology.layered([2, 3, 1]), random_state=0)
    w = net.parameters.copy()
    with pytest.raises(ValueError, match=message):
        train(net, np.ones((4, 2)), np.ones(4), **arguments)
    assert_array_equal(net.parameters, w)


def test_core_refuses_what_does_not_fit():
    plan = Topology.layered([2, 3, 1]).plan
    with pytest.raises(ValueError, match="expected w as 13 floats"):
        Regularisation(plan, np.zeros(3))
    with pytest.raises(ValueError, match="expected frozen as 13 bools"):
        Regularisation(plan, np.zeros(13), frozen=np.zeros(13))
