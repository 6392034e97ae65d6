# SPDX-License-Identifier: BSD-3-Clause
"""Starting parameters: their bounds, and the order in which they are drawn."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from problems import GRAPHS, make

from bpnet import Layer, Network, Topology
from bpnet.initializers import glorot_uniform


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
