# SPDX-License-Identifier: BSD-3-Clause
"""What may stand in a topology, what it equals, and where each parameter lies."""

import copy
import pickle
import sys

import numpy as np
import pytest
import reference
from hypothesis import given
from problems import CATALOGUE, make
from random_problems import random_problems

from bpnet import Layer, Topology

PROBLEMS = {graph: make(graph) for graph, *_ in CATALOGUE.values()}
HUGE = 2**31 - 1


@pytest.fixture(params=PROBLEMS)
def problem(request):
    return PROBLEMS[request.param]


def _check_places(problem):
    units, n_parameters = reference.units(problem.n_inputs, problem.layers)
    topology, places = problem.topology, []
    for unit in units:
        for upstream, place in unit.upstream:
            assert topology.weight_index(problem.label(upstream), unit.label) == place
            places.append(place)
        if unit.bias is not None:
            assert topology.bias_index(unit.label) == unit.bias
            places.append(unit.bias)
    assert topology.units == [unit.label for unit in units]
    assert sorted(places) == list(range(n_parameters)) == list(range(topology.n_parameters))


def test_places_of_parameters_equal_a_count_one_by_one(problem):
    _check_places(problem)


@given(random_problems())
def test_places_in_any_graph_equal_a_count_one_by_one(problem):
    _check_places(problem)


def test_connections_that_do_not_exist_have_no_place(problem):
    units, _ = reference.units(problem.n_inputs, problem.layers)
    labels = [("input", i) for i in range(problem.n_inputs)] + [unit.label for unit in units]
    for unit in units:
        for label in set(labels) - {label for label, _ in unit.upstream}:
            with pytest.raises(KeyError, match="no connection from"):
                problem.topology.weight_index(problem.label(label), unit.label)
        if unit.bias is None:
            with pytest.raises(KeyError, match="no unit .* with a bias"):
                problem.topology.bias_index(unit.label)


@pytest.mark.parametrize(
    ("upstream", "downstream"),
    [
        (("input", 4), ("p", 0)),
        (("input", -1), ("p", 0)),
        (("input", 0), ("p", 5)),
        (("p", 0), ("out", 0)),
        (("x", 0), ("p", 0)),
    ],
)
def test_units_that_do_not_exist_have_no_place(upstream, downstream):
    with pytest.raises(KeyError, match="no connection from"):
        PROBLEMS["chain"].topology.weight_index(upstream, downstream)


@pytest.mark.parametrize("unit", [("p", 5), ("p", -1), ("input", 0), ("x", 0)])
def test_units_that_do_not_exist_have_no_bias(unit):
    with pytest.raises(KeyError, match="no unit .* with a bias"):
        PROBLEMS["chain"].topology.bias_index(unit)


def test_copies_are_equal_and_have_one_hash(problem):
    topology = problem.topology
    twins = [
        problem.build(),
        eval(repr(topology)),
        copy.copy(topology),
        copy.deepcopy(topology),
        *(pickle.loads(pickle.dumps(topology, protocol)) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)),
    ]
    for twin in twins:
        assert twin == topology and not twin != topology
        assert hash(twin) == hash(topology) and repr(twin) == repr(topology)
        assert (twin.n_inputs, twin.n_outputs, twin.n_parameters) == (
            problem.n_inputs,
            topology.n_outputs,
            len(problem.w),
        )


def test_whatever_differs_makes_topologies_different():
    mask = {"input": [[True, False, True], [True, True, True]]}
    topologies = [
        Topology(2, [Layer(3, "tanh"), Layer(1, "tanh")]),
        Topology(3, [Layer(3, "tanh"), Layer(1, "tanh")]),
        Topology(2, [Layer(4, "tanh"), Layer(1, "tanh")]),
        Topology(2, [Layer(3, "relu"), Layer(1, "tanh")]),
        Topology(2, [Layer(3, ("tanh", "tanh", "relu")), Layer(1, "tanh")]),
        Topology(2, [Layer(3, "tanh", bias=False), Layer(1, "tanh")]),
        Topology(2, [Layer(3, "tanh", name="first"), Layer(1, "tanh")]),
        Topology(2, [Layer(3, "tanh", mask=mask), Layer(1, "tanh")]),
        Topology(2, [Layer(3, "tanh"), Layer(1, "tanh", sources=("h1", "input"))]),
        Topology(2, [Layer(3, "tanh"), Layer(1, "tanh", sources=("input", "h1"))]),
        Topology(2, [Layer(3, "tanh"), Layer(1, "tanh")], outputs=("h1", "output")),
        Topology(2, [Layer(3, "tanh"), Layer(1, "tanh")], outputs=("output", "h1")),
    ]
    assert len(set(topologies)) == len(topologies)
    assert topologies[0] != "a string" and topologies[0].layers[0] != 3


def test_layer_equals_its_copies():
    layer = Layer(2, ("tanh", "relu"), sources="input", name="p", mask={"input": [[True, False]]}, bias=False)
    for twin in (eval(repr(layer)), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert twin == layer and hash(twin) == hash(layer)
    assert layer.activations == ("tanh", "relu") and layer.sources == ("input",)


def test_defaults_are_the_layer_before_and_names_by_position():
    topology = Topology(2, [Layer(3), Layer(4, "relu"), Layer(1, "identity")])
    assert [layer.name for layer in topology.layers] == ["h1", "h2", "output"]
    assert [layer.sources for layer in topology.layers] == [("input",), ("h1",), ("h2",)]
    assert topology.outputs == ("output",)
    assert topology == Topology(2, topology.layers) == Topology(2, iter(topology.layers), "output")


def test_layered_is_a_chain_of_complete_layers():
    assert Topology.layered([2, 3, 4, 1]) == Topology(2, [Layer(3), Layer(4), Layer(1, "identity")])
    mixed = Topology.layered((2, 3, 4, 1), ["relu", "elu"], "logistic")
    assert mixed == Topology(2, [Layer(3, "relu"), Layer(4, "elu"), Layer(1, "logistic")])
    assert Topology.layered([2, 1]) == Topology(2, [Layer(1, "identity")])
    with pytest.raises(ValueError, match="expected one activation or 2, one per hidden layer, got 1"):
        Topology.layered([2, 3, 4, 1], ["relu"])
    with pytest.raises(ValueError, match=r"expected sizes of at least the inputs and the outputs, got \[3\]"):
        Topology.layered([3])


@pytest.mark.parametrize("thing", [Topology.layered([2, 1]), Layer(2)], ids=["Topology", "Layer"])
def test_topology_and_layer_are_immutable(thing):
    for name in ("n_inputs", "n_units", "layers", "anything"):
        with pytest.raises(AttributeError, match="is immutable"):
            setattr(thing, name, 1)
    with pytest.raises(AttributeError, match="is immutable"):
        del thing.n_inputs


def test_masks_are_copies_that_cannot_be_written():
    cells = np.ones((2, 3), bool)
    layer = Layer(3, mask={"input": cells})
    cells[0, 0] = False
    assert layer.mask["input"].all()
    with pytest.raises(ValueError, match="read-only"):
        layer.mask["input"][0, 0] = False
    with pytest.raises(TypeError, match="does not support item"):
        layer.mask["h1"] = cells


@pytest.mark.parametrize(
    ("error", "message", "make"),
    [
        (ValueError, "expected at least one layer", lambda: Topology(2, [])),
        (TypeError, "expected a sequence of Layer, got 3", lambda: Topology(2, [3])),
        (ValueError, r"expected layers of known size, got Layer\(None, 'tanh'\)", lambda: Topology(2, [Layer(None)])),
        (
            ValueError,
            "layers of different names, got .'a', 'a'.",
            lambda: Topology(2, [Layer(1, name="a"), Layer(1, name="a")]),
        ),
        (
            ValueError,
            "different names, got .'h2', 'h2', 'o",
            lambda: Topology(2, [Layer(1, name="h2"), Layer(1), Layer(1)]),
        ),
        (
            ValueError,
            "layer 'output': expected sources out of .'input', 'h1'., the layers before it, got .'h7'.",
            lambda: Topology(2, [Layer(3), Layer(1, sources=("h7",))]),
        ),
        (
            ValueError,
            "layer 'h1': expected sources out of .'input'., the layers before it, got .'output'.",
            lambda: Topology(2, [Layer(3, sources=("input", "output")), Layer(1)]),
        ),
        (
            ValueError,
            "layer 'p': expected sources out of .'input'., the layers before it, got .'p'.",
            lambda: Topology(2, [Layer(3, sources=("p",), name="p")]),
        ),
        (
            ValueError,
            "layer 'output': expected at least one source, each once, got ..",
            lambda: Topology(2, [Layer(1, sources=())]),
        ),
        (
            ValueError,
            "at least one source, each once, got .'input', 'input'.",
            lambda: Topology(2, [Layer(1, sources=("input", "input"))]),
        ),
        (
            ValueError,
            "layer 'output': expected masks for its sources .'input'., got one for .'h1'.",
            lambda: Topology(2, [Layer(1, mask={"h1": [[True]]})]),
        ),
        (
            ValueError,
            r"layer 'output': expected a mask of shape \(2, 3\) for source 'input', got \(3, 2\)",
            lambda: Topology(2, [Layer(3, mask={"input": np.ones((3, 2), bool)})]),
        ),
        (
            ValueError,
            r"expected a mask as a matrix of bool, got 2 dimension\(s\) of int64",
            lambda: Layer(3, mask={"input": np.ones((2, 3), np.int64)}),
        ),
        (ValueError, r"matrix of bool, got 1 dimension\(s\) of bool", lambda: Layer(3, mask={"input": [True, False]})),
        (
            ValueError,
            "layer 'h2' reaches no output: expected another layer to hear it",
            lambda: Topology(2, [Layer(3), Layer(3), Layer(1, sources=("h1",))]),
        ),
        (
            ValueError,
            "layer 'output' reaches no output",
            lambda: Topology(2, [Layer(3), Layer(1)], outputs=["h1"]),
        ),
        (
            ValueError,
            "expected outputs out of the layers .'output'., each once, got .'input'.",
            lambda: Topology(2, [Layer(1)], outputs=["input"]),
        ),
        (ValueError, "expected outputs out of the layers", lambda: Topology(2, [Layer(1)], outputs=[])),
        (
            ValueError,
            "expected outputs out of the layers",
            lambda: Topology(2, [Layer(1)], outputs=["output", "output"]),
        ),
        (ValueError, "expected an activation out of identity, .*got 'sine'", lambda: Layer(2, "sine")),
        (ValueError, "expected an activation out of identity, .*got 'sine'", lambda: Layer(2, ["tanh", "sine"])),
        (ValueError, "expected one activation or 2, one per unit, got 3", lambda: Layer(2, ["tanh"] * 3)),
        (ValueError, "expected it for the whole layer, got it for some units", lambda: Layer(2, ["tanh", "softmax"])),
        (
            ValueError,
            "expected it for the one output layer, which feeds nothing, got it for layer 'h1' with outputs .'output'., "
            "which feeds .'output'.",
            lambda: Topology(2, [Layer(3, "softmax"), Layer(1)]),
        ),
        (
            ValueError,
            "softmax couples all outputs.*got it for layer 'output' with outputs .'h1', 'output'.$",
            lambda: Topology(2, [Layer(3), Layer(2, "softmax")], outputs=["h1", "output"]),
        ),
        (
            ValueError,
            "expected a name that is a string other than 'input', got 'input'",
            lambda: Layer(2, name="input"),
        ),
        (ValueError, "expected a name that is a string other than 'input', got 3", lambda: Layer(2, name=3)),
    ],
)
def test_impossible_topology_is_refused(error, message, make):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("count", [0, -1, HUGE + 1, 10**30])
def test_sizes_out_of_range_are_refused(count):
    with pytest.raises(ValueError, match=f"expected n_units from 1 to {HUGE}, got {count}"):
        Layer(count)
    with pytest.raises(ValueError, match=f"expected n_inputs from 1 to {HUGE}, got {count}"):
        Topology(count, [Layer(1)])


@pytest.mark.parametrize("count", [1.0, 2.5, True, "3", None, np.float64(2), np.True_])
def test_sizes_that_are_no_integers_are_refused(count):
    if count is not None:  # a layer may leave its size open
        with pytest.raises(TypeError, match="expected n_units as an integer, got"):
            Layer(count)
    with pytest.raises(TypeError, match="expected n_inputs as an integer, got"):
        Topology(count, [Layer(1)])


def test_integers_of_numpy_are_integers():
    assert Topology(np.int64(2), [Layer(np.uint8(3), "identity")]) == Topology.layered([2, 3])
    assert type(Topology(np.int64(2), [Layer(np.uint8(3))]).n_inputs) is int


@pytest.mark.skipif(sys.maxsize < 2**62, reason="counts in 64 bits")
def test_number_of_parameters_is_exact_beyond_32_bits_and_bounded_by_the_address_space():
    assert Topology.layered([2**20, 2**20, 1]).n_parameters == 2**40 + 2**20 + 2**20 + 1
    with pytest.raises(ValueError, match="does not fit into the address space"):
        Topology.layered([HUGE, HUGE, 1])


def test_same_layer_may_stand_twice():
    assert [layer.name for layer in Topology(2, [Layer(3)] * 2).layers] == ["h1", "output"]
