# SPDX-License-Identifier: BSD-3-Clause
"""The graphs of the catalogue, as data: layer by layer, or unit by unit.

A new kind of block is tested by adding a graph to the table.
"""

from collections import namedtuple
from itertools import pairwise

import numpy as np


def layer(name, n_units, activation, *sources, **more):
    return {"name": name, "n_units": n_units, "activation": activation, "sources": sources, **more}


def some(n_source, n_units, seed=0):
    """A mask with about half of its cells, among them the first."""
    mask = np.random.default_rng(seed).random((n_source, n_units)) < 0.5
    mask[0, 0] = True
    return mask


# A graph unit by unit, in place of layers: what Topology.from_edges takes.
Wires = namedtuple("Wires", "edges activation bias", defaults=(True,))


def wires(edges, hidden, out, outputs, bias=True):
    """Activations in turn, three of them given, for all units but the outputs."""
    units = [unit for unit in dict.fromkeys(label for edge in edges for label in edge) if not is_input(unit)]
    turns = (hidden, "tanh", hidden, "softplus", hidden, "silu")
    activation = {unit: turns[k % len(turns)] for k, unit in enumerate(units)}
    activation |= dict.fromkeys(outputs, out)
    if isinstance(bias, bool):
        return Wires(edges, activation, bias)
    return Wires(edges, activation, {unit: unit not in bias for unit in units})


def is_input(label):
    # In this catalogue units have other labels than small integers.
    return type(label) is int and 0 <= label < 50


def heard(sets):
    """Edges of upstream sets."""
    return [(i, j) for j, upstream in sets.items() for i in upstream]


def complete(*sizes):
    """Edges of a chain of complete layers whose units are (layer, number)."""
    layers = [[i if k == 0 else (k, i) for i in range(n)] for k, n in enumerate(sizes)]
    return [(i, j) for before, behind in pairwise(layers) for i in before for j in behind]


def near_chain(n):
    """Edges of a chain of units 100, 101, ... in which each hears also one of those some way before it."""
    skips = [(k // 2 + 50, k) for k in range(103, 100 + n)]
    return [(0, 100), (1, 101), *pairwise(range(100, 100 + n)), *skips]


# Name: (hidden, out) -> n_inputs, layers or Wires, outputs.
GRAPHS = {
    "no hidden layer": lambda h, o: (4, [layer("out", 3, o, "input")], ["out"]),
    "chain": lambda h, o: (4, [layer("p", 5, h, "input"), layer("q", 3, h, "p"), layer("out", 2, o, "q")], ["out"]),
    "single units": lambda h, o: (1, [layer("p", 1, h, "input"), layer("out", 1, o, "p")], ["out"]),
    "wide": lambda h, o: (9, [layer("p", 33, h, "input"), layer("out", 3, o, "p")], ["out"]),
    "skip to the output": lambda h, o: (3, [layer("p", 4, h, "input"), layer("out", 2, o, "p", "input")], ["out"]),
    "all upstream": lambda h, o: (
        3,
        [layer("p", 4, h, "input"), layer("q", 5, h, "p", "input"), layer("out", 2, o, "input", "q", "p")],
        ["out"],
    ),
    "two branches": lambda h, o: (
        3,
        [layer("p", 4, h, "input"), layer("q", 2, "softplus", "input"), layer("out", 2, o, "q", "p")],
        ["out"],
    ),
    "no bias": lambda h, o: (
        3,
        [layer("p", 4, h, "input", bias=False), layer("q", 3, h, "p"), layer("out", 2, o, "q", "input", bias=False)],
        ["out"],
    ),
    "masked": lambda h, o: (
        4,
        [
            layer("p", 5, h, "input", mask={"input": some(4, 5)}),
            layer("q", 4, h, "p", "input", mask={"p": some(5, 4, 1)}),
            layer("out", 2, o, "input", "q", mask={"input": some(4, 2), "q": some(4, 2, 1)}),
        ],
        ["out"],
    ),
    "empty mask": lambda h, o: (
        3,
        [
            layer("p", 2, h, "input", mask={"input": np.zeros((3, 2), bool)}),
            layer("out", 2, o, "p", "input", mask={"p": np.eye(2, dtype=bool)}),
        ],
        ["out"],
    ),
    "an activation per unit": lambda h, o: (
        3,
        [
            layer("p", 6, ("tanh", "relu", "relu", h, "gelu", "identity"), "input"),
            layer("q", 3, ("exp", h, h), "p", "input"),
            layer("out", 2, o, "q", "p"),
        ],
        ["out"],
    ),
    "outputs that feed on": lambda h, o: (
        3,
        [layer("aux", 2, o, "input"), layer("p", 3, h, "aux", "input"), layer("out", 2, o, "p", "aux")],
        ["out", "aux"],
    ),
    "unit by unit": lambda h, o: (
        3,
        wires(heard({"p": (0, 1), -7: ("p", 2), ("q", 1): (0, -7), "y": ("p", ("q", 1), 1)}), h, o, ["y"]),
        ["y"],
    ),
    "units of several depths": lambda h, o: (
        4,
        wires(
            heard({"p": (3,), "q": (0, "p"), "r": (2, "q"), "x": ("p", 1), "y": (0,), "z": ("r", "p")}),
            h,
            o,
            ["z", "x", "y"],
            bias=["q", "r"],
        ),
        ["z", "x", "y"],
    ),
    "output units that feed on": lambda h, o: (
        2,
        wires(
            heard({"p": (0,), "x": (1, "p"), "q": ("x", "p", 0), "y": ("q", "x"), "z": ("y", 1)}), h, o, ["y", "z", "x"]
        ),
        ["y", "z", "x"],
    ),
    "near-chain of units": lambda h, o: (2, wires(near_chain(20), h, o, [119]), [119]),
    "layers by edges": lambda h, o: (8, wires(complete(8, 9, 2), h, o, [(2, 0), (2, 1)], bias=False), [(2, 1), (2, 0)]),
    "layers by edges with holes": lambda h, o: (
        9,
        wires(
            [
                *(edge for k, edge in enumerate(complete(9, 12, 10, 2)) if k % 7 not in (0, 3)),
                (1, (3, 0)),
                ((1, 4), (3, 1)),
                (2, "r"),
                ("r", (3, 0)),
                ((2, 0), "s"),
                ((1, 4), "s"),
                ("s", (3, 1)),
            ],
            h,
            o,
            [(3, 0), (3, 1)],
            bias=[(1, 2)],
        ),
        [(3, 0), (3, 1)],
    ),
}
FEEDS_ON = {"outputs that feed on", "output units that feed on"}  # where softmax is no choice
