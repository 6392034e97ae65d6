# SPDX-License-Identifier: BSD-3-Clause
"""Networks given unit by unit: what edges may say, how they become layers and blocks, and that work is O(W)."""

import pickle
import sys
from fractions import Fraction
from itertools import pairwise
from unittest.mock import patch

import numpy as np
import pytest
from graphs import complete
from hypothesis import given
from numpy.testing import assert_array_equal
from problems import assert_near, make
from random_problems import random_units

from bpnet import Layer, Network, Topology, train
from bpnet._core.plan import Workspace

ROUNDING = 1e-12
CHAIN = [(0, "a"), ("a", "b"), ("b", "c")]
HUGE = 2**40


def from_edges(edges, outputs="c", n_inputs=2, **more):
    return Topology.from_edges(n_inputs, edges, outputs=outputs, **more)


@pytest.mark.parametrize(
    ("error", "message", "build"),
    [
        (ValueError, "no cycles, got 'a' -> 'b' -> 'a'", lambda: from_edges([*CHAIN, ("b", "a")])),
        (ValueError, "no cycles, got 'b' -> 'b'", lambda: from_edges([*CHAIN, ("b", "b")])),
        (ValueError, "no cycles, got 7 -> 9 -> 8 -> 7", lambda: from_edges([(0, 7), (7, 9), (9, 8), (8, 7)], 8)),
        (
            ValueError,
            "an edge into every unit, for there is no way from an input to unit 'x'$",
            lambda: from_edges([*CHAIN, ("x", "c")]),
        ),
        (
            ValueError,
            "no way from an input to units 10, 11, 12, 13, 14 and 2 more$",
            lambda: from_edges([*CHAIN, *((k, "c") for k in range(10, 17))]),
        ),
        (
            ValueError,
            "a way from every unit to an output, got none from unit 'x'$",
            lambda: from_edges([*CHAIN, ("a", "x")]),
        ),
        (ValueError, "got none from units 'b', 'c'$", lambda: from_edges(CHAIN, "a")),
        (ValueError, r"each edge once, got \('a', 'b'\) 2 times", lambda: from_edges([*CHAIN, ("a", "b")])),
        (
            ValueError,
            r"inputs to hear nothing, got the edge \('a', 1\) into input 1",
            lambda: from_edges([*CHAIN, ("a", 1)]),
        ),
        (ValueError, r"got the edge \(1, 0\) into input 0", lambda: from_edges(np.array([[1, 0], [0, 5]]), 5)),
        (ValueError, "outputs that are units, got the input 1", lambda: from_edges(CHAIN, ["c", 1])),
        (ValueError, "outputs that are units, got 'z', which is in no edge", lambda: from_edges(CHAIN, ["z"])),
        (ValueError, "outputs that are units, got 5, which is in no edge", lambda: from_edges(CHAIN, 5)),
        (ValueError, "at least one output, each once, got ..$", lambda: from_edges(CHAIN, [])),
        (ValueError, "at least one output, each once, got .'c', 'c'.", lambda: from_edges(CHAIN, ["c", "c"])),
        (ValueError, "at least one edge, got none", lambda: from_edges([])),
        (ValueError, "at least one edge, got none", lambda: from_edges(np.zeros((0, 2), int))),
        (ValueError, r"pairs \(upstream, downstream\), got \('a', 'b', 'c'\)", lambda: from_edges([("a", "b", "c")])),
        (ValueError, r"pairs \(upstream, downstream\), got 'ab'", lambda: from_edges(["ab"])),
        (ValueError, r"array of edges of shape \(n_edges, 2\), got \(3,\)", lambda: from_edges(np.arange(3))),
        (TypeError, "labels that are integers, strings .*, got nan", lambda: from_edges([*CHAIN, (float("nan"), "c")])),
        (TypeError, "labels that are integers, strings .*, got 0.0", lambda: from_edges(np.array([[0, 1.5]]), 1.5)),
        (TypeError, "labels that are integers, strings .*, got Fraction", lambda: from_edges([(Fraction(1), "c")])),
        (TypeError, "labels that are integers, strings .*, got None", lambda: from_edges([*CHAIN, (None, "c")])),
        (TypeError, "labels that are integers, strings .*, got True", lambda: from_edges([*CHAIN, (True, "c")])),
        (TypeError, r"labels that are integers, strings .*, got \[1\]", lambda: from_edges([*CHAIN, ([1], "c")])),
        (ValueError, "an activation out of identity, .*got 'sine'", lambda: from_edges(CHAIN, activation="sine")),
        (ValueError, "an activation out of identity, .*got 'sine'", lambda: from_edges(CHAIN, out_activation="sine")),
        (
            ValueError,
            "an activation for every unit, got none for 'b'",
            lambda: from_edges(CHAIN, activation={"a": "tanh"}, out_activation="exp"),
        ),
        (
            ValueError,
            "activations of units, got one for 'z', which is none",
            lambda: from_edges(CHAIN, activation={"z": "tanh"}),
        ),
        (ValueError, "activations of units, got one for 0", lambda: from_edges(CHAIN, activation={0: "tanh"})),
        (ValueError, "bias to be told of every unit, got nothing for 'b'", lambda: from_edges(CHAIN, bias={"a": True})),
        (ValueError, "bias to be told of units, got 'z', which is none", lambda: from_edges(CHAIN, bias={"z": True})),
        (
            ValueError,
            "softmax couples exactly the outputs: .* got 'softmax' for unit 'a'",
            lambda: from_edges(CHAIN, activation="softmax"),
        ),
        (
            ValueError,
            "softmax couples exactly the outputs: .* got 'tanh' for the output 'd'",
            lambda: from_edges(
                [*CHAIN, ("a", "d")], ["c", "d"], activation=dict.fromkeys("abd", "tanh") | {"c": "softmax"}
            ),
        ),
        (
            ValueError,
            "which then feed nothing: expected no edge from 'b'",
            lambda: from_edges(CHAIN, ["b", "c"], out_activation="softmax"),
        ),
        (
            ValueError,
            "expected a bias for all of them or for none",
            lambda: from_edges(
                [*CHAIN, ("a", "d")], ["c", "d"], out_activation="softmax",
                bias={"a": True, "b": True, "c": True, "d": False},
            ),
        ),
        (TypeError, "n_inputs as an integer, got 2.0", lambda: from_edges(CHAIN, n_inputs=2.0)),
        (ValueError, "n_inputs from 1", lambda: from_edges(CHAIN, n_inputs=0)),
        (ValueError, "at most 16777216 inputs .* got 1000000000", lambda: from_edges(CHAIN, n_inputs=10**9)),
    ],
)  # fmt: skip
def test_impossible_graph_is_refused_by_the_names_of_its_units(error, message, build):
    with pytest.raises(error, match=message):
        build()


def test_units_are_grouped_by_the_longest_way_from_an_input():
    edges = [(0, "a"), ("a", "b"), (0, "b"), (1, "c"), ("b", "y"), ("c", "y"), ("c", "x")]
    topology = from_edges(edges, ["x", "y"], out_activation="identity")
    assert topology.units == ["a", "c", "b", "x", "y"]
    assert topology.layers == (
        Layer(2, "tanh", ("input",), "h1"),
        Layer(1, "tanh", ("input", "h1"), "h2"),
        Layer(2, "identity", ("h1", "h2"), "output"),
    )
    assert topology.outputs == ("x", "y") and topology.out_activations == ["identity"] * 2


def test_outputs_have_the_order_asked_for():
    problem = make("output units that feed on")
    outputs = list(problem.outputs)
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        wires = problem.wires
        topology = Topology.from_edges(
            2, wires.edges, outputs=[outputs[k] for k in order], activation=wires.activation, bias=wires.bias
        )
        w = np.empty(topology.n_parameters)
        for unit in problem.layers:
            for label, place in unit.upstream:
                w[topology.weight_index(problem.label(label), unit.label)] = problem.w[place]
            w[topology.bias_index(unit.label)] = problem.w[unit.bias]
        net = Network.from_parameters(topology, w)
        assert_near(net.predict(problem.X), problem.truth.outputs[:, order], ROUNDING)


def test_labels_may_be_of_any_kind_but_are_found_by_what_they_equal():
    labels = ["p", -3, HUGE, ("q", 1), frozenset({1})]
    edges = [(0, labels[0]), *pairwise(labels)]
    topology = from_edges(edges, labels[-1:])
    assert topology.units == labels and topology.weight_index(np.int64(-3), np.int64(HUGE)) == 4
    for strange in (1.5, None, True, [1], "nobody"):
        with pytest.raises(KeyError, match="no connection from"):
            topology.weight_index(strange, "p")
        with pytest.raises(KeyError, match="no unit .* with a bias"):
            topology.bias_index(strange)


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8, object, str])
@pytest.mark.parametrize("far", [12, 90])
def test_arrays_of_edges_equal_lists(kind, far):
    pairs = [(0, 20), (1, far), (far, 30), (20, 30)]  # named first: 20, then `far`; last the other way round
    edges = np.array(pairs).astype(kind)
    expected = [(str(i), str(j)) for i, j in pairs] if kind is str else pairs
    if kind is str:  # where no label is an integer there is no input
        with pytest.raises(ValueError, match="no way from an input"):
            from_edges(edges, ["30"])
        return
    topology = from_edges(edges, [30])
    assert topology.units == [20, far, 30]
    assert topology == from_edges(expected, [30]) and all(type(unit) is int for unit in topology.units)


@given(random_units())
def test_graph_equals_the_one_that_its_repr_and_its_pickle_build(problem):
    topology = problem.topology
    for twin in (eval(repr(topology)), pickle.loads(pickle.dumps(topology))):
        assert twin == topology and hash(twin) == hash(topology) and repr(twin) == repr(topology)
        assert (twin.units, twin.layers, twin.outputs) == (topology.units, topology.layers, topology.outputs)


def test_whatever_differs_makes_graphs_different():
    edges = [(0, "a"), (1, "b"), ("a", "c"), ("b", "c"), (0, "c")]
    topologies = [
        from_edges(edges),
        from_edges(edges[:4]),
        from_edges(edges, n_inputs=3),
        from_edges([(1, "b"), (0, "a"), *edges[2:]]),
        from_edges(edges, ["c", "a"]),
        from_edges(edges, ["a", "c"]),
        from_edges(edges, activation="relu"),
        from_edges(edges, out_activation="relu"),
        from_edges(edges, bias=False),
        from_edges(edges, bias={"a": True, "b": True, "c": False}),
        Topology(2, from_edges(edges).layers),
    ]
    assert len(set(topologies)) == len(topologies)
    assert from_edges(edges[::-1], activation=dict.fromkeys("abc", "tanh")) == from_edges(
        [edges[4], ("b", "c"), ("a", "c"), (1, "b"), (0, "a")]
    )


def _moved(topology, problem):
    """The parameters of the problem, each at its place in another topology of the same units."""
    w = np.empty(topology.n_parameters)
    for unit in problem.layers:
        for label, place in unit.upstream:
            w[topology.weight_index(problem.label(label), unit.label)] = problem.w[place]
        if unit.bias is not None:
            w[topology.bias_index(unit.label)] = problem.w[unit.bias]
    return w


FORMS = {"sparse": (2, 1), "masked": (0, 1), "both": (0.5, 3)}


@pytest.mark.parametrize("form", FORMS)
@given(problem=random_units())
def test_outputs_and_derivatives_do_not_depend_on_the_kind_of_block(form, problem):
    density, n_weights = FORMS[form]
    with (
        patch("bpnet._unitwise.MATRIX_DENSITY", density),
        patch("bpnet._unitwise.MATRIX_WEIGHTS", n_weights),
    ):
        topology = problem.build()
        w = _moved(topology, problem)
        net = Network.from_parameters(topology, w, problem.loss_name)
    assert not topology.plan.has_sparse or form != "masked"
    assert_near(net.predict(problem.X), problem.truth.outputs, 1e-11)
    assert_near(net.deltas(problem.X, problem.y, problem.s), problem.truth.deltas, 1e-11)
    gradient = net.gradient(problem.X, problem.y, problem.s)
    for unit in problem.layers:
        for label, place in unit.upstream:
            there = gradient[topology.weight_index(problem.label(label), unit.label)]
            assert there == pytest.approx(problem.truth.gradient[place], rel=1e-9, abs=1e-12 * np.abs(gradient).max())


def test_complete_layers_given_by_edges_are_matrices():
    sizes = (8, 9, 10, 8)
    layered = Topology.layered(sizes, "relu", "logistic")
    wired = Topology.from_edges(
        8, complete(*sizes), outputs=[(3, k) for k in range(8)], activation="relu", out_activation="logistic"
    )
    assert wired.layers == layered.layers and wired.plan.is_dense
    one, other = (Network(topology, "log_loss", random_state=0) for topology in (layered, wired))
    X = np.random.default_rng(0).normal(size=(5, 8))
    assert_array_equal(one.parameters, other.parameters)
    assert_array_equal(one.predict(X), other.predict(X))
    assert all(np.shares_memory(coefs, other.parameters) for coefs in other.coefs)


def chain(n):
    """n units one after the other, each hears the two before it."""
    edges = [(0, 1), *((k, k + 1) for k in range(1, n)), *((k, k + 2) for k in range(n - 1))]
    return Topology.from_edges(1, np.array(edges), outputs=[n])


def random_graph(n, n_heard, seed=0):
    """n units, each of which hears so many of the inputs and units before it."""
    rng = np.random.default_rng(seed)
    edges = np.concatenate([[(i, k) for i in rng.choice(k, min(k, n_heard), replace=False)] for k in range(10, 10 + n)])
    silent = np.setdiff1d(np.arange(10, 10 + n), edges[:, 0])
    return Topology.from_edges(10, edges, outputs=silent)


@pytest.mark.parametrize(
    "build",
    [chain, lambda n: random_graph(n, 3), lambda n: random_graph(n, 20)],
    ids=["chain", "3 a unit", "20 a unit"],
)
def test_a_plan_takes_room_as_it_has_weights(build):
    topology = build(2000)
    plan = topology.plan
    assert plan.has_sparse and plan.n_blocks <= 2 * len(topology.units)
    # For each weight the number of the column it reads; for each block its weights' bounds and the layers it opens.
    assert plan.n_cells <= 3 * topology.n_parameters
    assert plan.n_room_columns <= 1 + topology.n_inputs and plan.largest_block == 1
    row = 8 * (4 * plan.n_units + 2 * topology.n_inputs + 16)
    assert Workspace(plan, np.float64, 10**6).capacity * row < 16 * 2**20


def test_room_for_dense_and_sparse_parts_of_one_graph_is_that_of_what_they_hear():
    skips = [((0, k), (2, k)) for k in range(5)]
    edges = [*complete(20, 30, 30, 1), *[(k, (3, 0)) for _, (_, k) in skips]]
    plan = Topology.from_edges(20, edges, outputs=[(3, 0)]).plan
    assert plan.has_sparse and not plan.is_dense and plan.n_blocks == 4 and plan.n_room_columns == 1 + 30


@pytest.mark.parametrize("build", [chain, lambda n: random_graph(n, 20)], ids=["chain", "random"])
def test_large_graph_trains_and_keeps_its_signals(build, dtype):
    topology = build(500)
    net = Network(topology, dtype=dtype, random_state=0)
    X = np.random.default_rng(0).normal(size=(300, topology.n_inputs))  # several chunks
    y = np.zeros((300, topology.n_outputs))
    value, gradient = net.value_and_gradient(X, y)
    parts = [net.value_and_gradient(X[rows], y[rows]) for rows in np.split(np.arange(300), [1, 100, 231])]
    tolerance = 1e-12 if dtype == np.float64 else 1e-4
    assert value == pytest.approx(sum(part[0] for part in parts), rel=tolerance)
    assert_near(gradient, sum(part[1] for part in parts), tolerance)
    assert_array_equal(net.gradient(X, y), gradient)


def test_step_of_a_large_graph_moves_every_parameter_along_its_gradient(dtype):
    net = Network(random_graph(500, 20), dtype=dtype, random_state=0)
    X = np.random.default_rng(0).normal(size=(200, net.topology.n_inputs))
    y = np.ones((200, net.topology.n_outputs))
    before, gradient = net.parameters.copy(), net.gradient(X, y)
    train(net, X, y, rule="sgd", learning_rate=0.01, batch_size=200, n_epochs=1, momentum=0.0)
    assert len(before) > 2000 and np.count_nonzero(gradient) > 0.99 * len(gradient)
    assert_near(net.parameters - before, -0.01 * gradient, 1e-12 if dtype == np.float64 else 1e-4)


def networkx():
    return pytest.importorskip("networkx")


@pytest.mark.parametrize(
    "name", ["unit by unit", "units of several depths", "output units that feed on", "layers by edges"]
)
def test_graph_comes_back_from_networkx(name):
    networkx()
    topology = make(name, hidden="gelu").topology
    graph = topology.to_networkx()
    assert Topology.from_networkx(graph) == topology
    assert graph.number_of_edges() + sum(graph.nodes[unit]["bias"] for unit in topology.units) == topology.n_parameters
    for i, j, index in graph.edges(data="index"):
        assert topology.weight_index(i, j) == index


def test_units_keep_their_order_through_networkx():
    networkx()
    topology = from_edges([(1, "q"), (0, "p"), ("p", "y"), ("q", "y")], "y")
    assert Topology.from_networkx(topology.to_networkx()).units == topology.units == ["q", "p", "y"]


@pytest.mark.parametrize("name", ["all upstream", "masked", "outputs that feed on", "an activation per unit"])
def test_layers_become_units_through_networkx(name):
    networkx()
    problem = make(name)
    topology = Topology.from_networkx(problem.topology.to_networkx())
    w = np.empty(topology.n_parameters)
    for i, j, index in topology.to_networkx().edges(data="index"):
        w[index] = problem.w[problem.topology.weight_index(i if isinstance(i, tuple) else ("input", i), j)]
    for unit in topology.units:
        w[topology.bias_index(unit)] = problem.w[problem.topology.bias_index(unit)]
    assert_near(Network.from_parameters(topology, w).predict(problem.X), problem.truth.outputs, ROUNDING)


def test_nodes_of_networkx_tell_what_is_not_given():
    graph = networkx().DiGraph([("x2", "a"), ("x1", "a"), ("a", "b"), ("x1", "b")])
    topology = Topology.from_networkx(graph, out_activation="exp")
    assert topology == Topology.from_edges(
        2, [(1, "a"), (0, "a"), ("a", "b"), (0, "b")], outputs="b", out_activation="exp"
    )
    swapped = Topology.from_networkx(graph, inputs=["x2", "x1"], outputs=["b"], activation="relu", bias=False)
    assert swapped.weight_index(0, "a") == 0 and not any(layer.bias for layer in swapped.layers)
    graph.nodes["a"]["activation"] = "gelu"
    assert Topology.from_networkx(graph).activations == ["gelu", "tanh"]


def test_graphs_of_networkx_that_are_none_of_a_network_are_refused():
    nx = networkx()
    for graph in (nx.Graph([(0, 1)]), nx.MultiDiGraph([(0, 1)]), [(0, 1)]):
        with pytest.raises(TypeError, match="expected a networkx.DiGraph, got"):
            Topology.from_networkx(graph)
    with pytest.raises(ValueError, match="inputs and outputs that are nodes, got 'z'"):
        Topology.from_networkx(nx.DiGraph([(0, 1)]), inputs=["z"])
    with pytest.raises(ValueError, match="inputs to be given, for these cannot be sorted"):
        Topology.from_networkx(nx.DiGraph([(0, "y"), ("x", "y")]))
    with pytest.raises(ValueError, match="no unit with the label of an input, 0 to 0, got 0"):
        Topology.from_networkx(nx.DiGraph([("x", 0), (0, 5)]), inputs=["x"])
    with pytest.raises(ValueError, match="no cycles, got 'a' -> 'b' -> 'a'"):
        Topology.from_networkx(nx.DiGraph([("x", "a"), ("a", "b"), ("b", "a"), ("b", "y")]))


def test_without_networkx_the_error_says_what_to_install():
    with patch.dict(sys.modules, {"networkx": None}):
        for use in (lambda: make("unit by unit").topology.to_networkx(), lambda: Topology.from_networkx(None)):
            with pytest.raises(ImportError, match=r"pip install bpnet\[graph\]"):
                use()
