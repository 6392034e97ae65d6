# SPDX-License-Identifier: BSD-3-Clause
"""Starting parameters: their bounds, and the order in which they are drawn."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from problems import GRAPHS, make
from reference import forward, units

from bpnet import Layer, MLPRegressor, Network, Topology, scale_to_data
from bpnet.initializers import NAMES, draw, glorot_uniform


def test_chain_draws_as_scikit_learn_does_weights_then_biases_layer_by_layer():
    random, expected = np.random.RandomState(7), []
    for n_in, n_out, factor in [(3, 5, 6.0), (5, 4, 6.0), (4, 2, 2.0)]:
        bound = np.sqrt(factor / (n_in + n_out))
        expected += [random.uniform(-bound, bound, (n_in, n_out)).ravel(), random.uniform(-bound, bound, n_out)]
    topology = Topology.layered([3, 5, 4, 2], "tanh", "logistic")
    assert_array_equal(glorot_uniform(topology, np.random.RandomState(7)), np.concatenate(expected))


@pytest.mark.parametrize("random_state", [0, np.random.RandomState, np.random.default_rng], ids=["int", "old", "new"])
def test_same_seed_gives_the_same_bits(random_state):
    seeds = [random_state if random_state == 0 else random_state(5) for _ in range(2)]
    topology = make("masked").topology
    first, second = (Network(topology, random_state=seed).parameters for seed in seeds)
    assert_array_equal(first, second)
    assert (first != Network(topology, random_state=1).parameters).any()


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("factor", [None, 0.5])
def test_draws_fill_their_interval_and_no_more(graph, factor):
    topology = make(graph, "logistic").topology
    sizes = {"input": topology.n_inputs} | {layer.name: layer.n_units for layer in topology.layers}
    draws = np.array([glorot_uniform(topology, np.random.RandomState(seed), factor) for seed in range(200)])
    for layer, (start, stop) in zip(topology.layers, topology.plan.weight_ranges):
        scale = factor or (2 if layer.activation == "logistic" else 6)
        n_weights, n_heard = stop - start, sum(sizes[source] for source in layer.sources)
        bound = np.sqrt(scale / max(1, n_weights / layer.n_units + n_weights / n_heard))
        own = np.abs(draws[:, start : stop + layer.n_units * layer.bias])
        # 200 draws of each: the largest is below 0.9 of the bound once in 1e9.
        assert own.size == 0 or 0.9 * bound < own.max() <= bound


def test_float32_network_starts_at_the_rounded_numbers_of_float64():
    topology = Topology(3, [Layer(4), Layer(2, "identity", sources=("h1", "input"))])
    exact, rounded = (Network(topology, dtype=t, random_state=3).parameters for t in (np.float64, np.float32))
    assert_array_equal(rounded, exact.astype(np.float32))


VARIANCES = {  # of the weights of a complete layer
    "glorot": lambda n_in, n_out: 2 / (n_in + n_out),
    "he": lambda n_in, n_out: 2 / n_in,
    "lecun": lambda n_in, n_out: 1 / n_in,
}


@pytest.mark.parametrize("name", ["glorot_normal", "he_normal", "he_uniform", "lecun_normal", "lecun_uniform"])
def test_weights_have_the_variance_and_the_shape_of_their_name(name):
    sizes = [30, 80, 40]
    w = [draw(name, Topology.layered(sizes, "relu"), np.random.RandomState(seed)) for seed in range(40)]
    nets = [Network.from_parameters(Topology.layered(sizes, "relu"), values) for values in w]
    for k, (n_in, n_out) in enumerate(pairwise(sizes)):
        weights = np.concatenate([net.coefs[k].ravel() for net in nets])
        variance = VARIANCES[name.split("_")[0]](n_in, n_out)
        # About 1e5 draws: five standard deviations of mean, variance and fourth moment.
        assert abs(weights.mean()) < 5 * np.sqrt(variance / len(weights))
        assert weights.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / len(weights)))
        kurtosis = (weights**4).mean() / weights.var() ** 2
        assert kurtosis == pytest.approx(3.0 if name.endswith("normal") else 1.8, rel=0.08)
        if name.endswith("uniform"):
            assert 0.99 < np.abs(weights).max() / np.sqrt(3 * variance) <= 1
    assert all((biases == 0).all() for net in nets for biases in net.intercepts)


@pytest.mark.parametrize("sizes", [[5, 9, 9, 4, 1], [12, 3, 7]])
def test_orthogonal_matrices_have_orthonormal_rows_or_columns(sizes, rng):
    net = Network(Topology.layered(sizes), random_state=rng, initializer="orthogonal")
    for matrix in net.coefs:
        product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
        assert_allclose(product, np.eye(len(product)), atol=1e-14)


def test_orthogonal_matrices_are_drawn_evenly(rng):
    # Of a random orthogonal 3 x 3 matrix every entry has mean 0 and mean square 1/3; without signs the mean is not 0.
    topology = Topology.layered([3, 3])
    w = np.array([draw("orthogonal", topology, rng)[:9] for _ in range(4000)])
    assert np.abs(w.mean(axis=0)).max() < 5 * np.sqrt(1 / 3 / 4000)
    assert_allclose((w**2).mean(axis=0), 1 / 3, atol=5 * 0.3 / np.sqrt(4000))


def test_orthogonal_with_skips_is_the_stack_of_its_sources():
    topology = Topology(3, [Layer(4), Layer(2, "identity", sources=("h1", "input"))])
    net = Network(topology, initializer="orthogonal", random_state=0)
    assert_allclose(net.coefs[1].T @ net.coefs[1], np.eye(2), atol=1e-14)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("graph", GRAPHS)
def test_every_name_draws_for_every_graph(graph, name):
    topology = make(graph).topology
    first, second, other = (draw(name, topology, np.random.RandomState(seed)) for seed in (1, 1, 2))
    assert_array_equal(first, second)
    assert first.shape == (topology.n_parameters,) and np.isfinite(first).all() and (first != other).any()


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("sparse", [False, True])
def test_scaled_sums_have_unit_variance_in_every_layer(graph, sparse, rng):
    problem = make(graph, "tanh", n_samples=60)
    net = problem.net()
    X = 30 * rng.normal(size=problem.X.shape) + 5
    scale_to_data(net, sp.csr_array(X) if sparse else X, n_rows=40)
    # The judge: a of every unit from the reference.

    unit_list, _ = units(problem.n_inputs, problem.layers)
    sums = [forward(unit_list, list(map(float, row)), [float(v) for v in net.parameters])[0] for row in X[:40]]
    names = problem.topology.units
    a = np.array([[row[unit.label] for unit in unit_list] for row in sums])
    column = {unit.label: k for k, unit in enumerate(unit_list)}
    first = 0
    for layer in problem.topology.layers:
        columns = [column[label] for label in names[first : first + layer.n_units]]
        first += layer.n_units
        variance = a[:, columns].var(axis=0).mean()
        assert variance == pytest.approx(1, rel=1e-9) or variance == 0


def test_layers_that_hear_nothing_that_varies_are_left_alone():
    net = Network(Topology.layered([2, 3, 1]), random_state=0)
    w = net.parameters.copy()
    scale_to_data(net, np.ones((5, 2)))
    assert_array_equal(net.parameters, w)


def test_estimators_begin_as_the_initializer_says(rng):
    X = 20 * rng.normal(size=(50, 4))
    settings = {"hidden_layer_sizes": (6,), "solver": "sgd", "learning_rate_init": 1.0, "max_iter": 1, "momentum": 0}
    settings |= {"random_state": 3, "learning_rate": lambda t: 0}
    topology = Topology.layered([4, 6, 1], "relu")

    def start(initializer):
        return MLPRegressor(**settings, initializer=initializer).fit(X, X[:, 0]).network_

    for name in set(NAMES) - {"lsuv"}:
        assert_array_equal(start(name).parameters, draw(name, topology, np.random.RandomState(3)))
    assert_array_equal(start(lambda topology, random_state: np.arange(37.0)).parameters, np.arange(37.0))
    assert start("lsuv").predict_raw(X).var() == pytest.approx(1)
    assert (start(None).parameters == start("glorot_uniform").parameters).all()  # but for logistic units


@pytest.mark.parametrize(
    ("error", "message", "initializer"),
    [
        (ValueError, "expected an initializer out of glorot_uniform, .*, got 'zeros'", "zeros"),
        (TypeError, "expected an initializer as a name or a callable, got 3", 3),
        (ValueError, r"gives 5 parameters, got shape \(2,\)", lambda topology, random_state: np.zeros(2)),
        (ValueError, "finite parameters", lambda topology, random_state: np.full(5, np.nan)),
    ],
)
def test_impossible_initializers_are_refused(error, message, initializer):
    with pytest.raises(error, match=message):
        Network(Topology.layered([2, 1, 1]), initializer=initializer)
