# SPDX-License-Identifier: BSD-3-Clause
"""The catalogue of networks, as data: graph x hidden activation x loss x sample weights. Nets stand here only.

A new activation, loss or kind of block is tested by adding its name to a table.
"""

from collections import namedtuple
from functools import cached_property
from itertools import pairwise

import numpy as np
import reference
from hypothesis import assume, reject
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from own import ACTIVATIONS as OWN_ACTIVATIONS
from own import Cauchy

from bpnet import Layer, Network, Topology
from bpnet.losses import Huber, Quantile

HIDDEN = ("tanh", "logistic", "identity", "relu", "leaky_relu", "elu", "selu", "softplus", "gelu", "silu", "exp")

# Name: what Network calls the loss, what reference.py calls it, activation of the outputs.
LOSSES = {
    "least squares": ("squared_error", "squared_error", "identity"),
    "squares of tanh": ("squared_error", "squared_error", "tanh"),
    "squares of exp": ("squared_error", "squared_error", "exp"),
    "squares of softmax": ("squared_error", "squared_error", "softmax"),
    "binary": ("log_loss", "binary_log_loss", "logistic"),
    "multinomial": ("log_loss", "multinomial_log_loss", "softmax"),
    "poisson": ("poisson", "poisson", "exp"),
}
# More of those that read one output for each target.
MORE = {
    "gamma": ("gamma", "gamma", "exp"),
    "absolute": ("absolute_error", "absolute_error", "identity"),
    "huber": ("huber", "huber", "identity"),
    "absolute of logistic": ("absolute_error", "absolute_error", "logistic"),
    "huber of tanh": (Huber(0.4), "narrow_huber", "tanh"),
    "log cosh": ("log_cosh", "log_cosh", "identity"),
    "log cosh of softplus": ("log_cosh", "log_cosh", "softplus"),
}
# Those that read several outputs for each target.
GROUPED = {
    "quantiles": (Quantile(reference.LEVELS), "quantile", "identity"),
    "quantiles of tanh": (Quantile(reference.LEVELS), "quantile", "tanh"),
    "one quantile": (Quantile(0.7), "one_quantile", "identity"),
    "normal": ("gaussian_nll", "gaussian_nll", "identity"),
}
# Of a user.
OWN = {
    "own": (Cauchy(), "cauchy", "identity"),
    "own of softplus": (Cauchy(), "cauchy", "softplus"),
}
# Those that couple outputs, which may lie in several layers.
COUPLING = {"gaussian_nll", "cauchy"}
BASIC = LOSSES
LOSSES = BASIC | MORE
ALL = tuple(sorted(LOSSES | GROUPED))
ALL_LOSSES = LOSSES | GROUPED | OWN


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
    units = [unit for unit in dict.fromkeys(label for edge in edges for label in edge) if not _is_input(unit)]
    turns = (hidden, "tanh", hidden, "softplus", hidden, "silu")
    activation = {unit: turns[k % len(turns)] for k, unit in enumerate(units)}
    activation |= dict.fromkeys(outputs, out)
    if isinstance(bias, bool):
        return Wires(edges, activation, bias)
    return Wires(edges, activation, {unit: unit not in bias for unit in units})


def _is_input(label):
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


# Of a complex step: nothing is subtracted, so it may be as small as one likes.
STEP = 1e-30


def derivative(result):
    return reference.Result(*(np.imag(part) / STEP for part in result))


def _as_given(names):
    """A name, or one for each unit, with what stands for those of a user."""
    return OWN_ACTIVATIONS.get(names, names) if isinstance(names, str) else tuple(map(_as_given, names))


class Problem:
    """One network with data: what one can ask bpnet, and what the reference says."""

    def __init__(self, n_inputs, layers, outputs, loss="least squares", weighted=False, n_samples=7, seed=0):
        rng = np.random.default_rng(seed)
        self.n_inputs, self.layers, self.outputs = n_inputs, layers, outputs
        self.loss_name, self.reference_loss, _ = ALL_LOSSES[loss]
        self.topology = self.build()
        self.wires = layers if isinstance(layers, Wires) else None
        if self.wires:
            self.layers = self._units()
        n_outputs = self.topology.n_outputs // outputs_per_target(loss)
        # float32 numbers, so that networks of both types are asked the very same question.
        self.X = rng.normal(size=(n_samples, n_inputs)).astype(np.float32).astype(np.float64)
        self.y = (
            {
                "gamma": lambda: rng.gamma(2, 0.7, (n_samples, n_outputs)),
                "binary_log_loss": lambda: rng.choice([0, 1, 0.25, 0.7], (n_samples, n_outputs)),
                "multinomial_log_loss": lambda: rng.choice([0, 1, 1, 0.25, 2], (n_samples, n_outputs)),
                "poisson": lambda: rng.poisson(2, (n_samples, n_outputs)),
            }.get(self.reference_loss, lambda: rng.normal(size=(n_samples, n_outputs)))()
            .astype(np.float32)
            .astype(np.float64)
        )
        self.s = rng.choice([0, 0.5, 1, 3], n_samples) if weighted else None
        self.w = rng.normal(0, 0.4, self.topology.n_parameters).astype(np.float32).astype(np.float64)

    def build(self):
        """The topology, anew."""
        wired = self.layers if isinstance(self.layers, Wires) else getattr(self, "wires", None)
        if wired:
            return Topology.from_edges(
                self.n_inputs,
                wired.edges,
                outputs=self.outputs,
                activation={unit: _as_given(name) for unit, name in wired.activation.items()},
                bias=wired.bias,
            )
        rows = [{**row, "activation": _as_given(row["activation"])} for row in self.layers]
        return Topology(self.n_inputs, [Layer(**row) for row in rows], self.outputs)

    @property
    def is_scattered(self):
        """Whether the loss couples outputs of several layers: second derivatives unit by unit are refused then."""
        return self.reference_loss in COUPLING and self.topology.plan.n_output_runs > 1

    def label(self, label):
        """The label that the topology has for an input or unit of the reference."""
        return label[1] if self.wires and isinstance(label, tuple) and label[0] == "input" else label

    def _units(self):
        """The units as the reference reads them, in the order of the topology, with its places of their parameters."""
        edges, topology, units = dict.fromkeys(map(tuple, self.layers.edges)), self.topology, []
        for unit in topology.units:
            upstream = [
                (("input", i) if _is_input(i) else i, topology.weight_index(i, j)) for i, j in edges if j == unit
            ]
            bias = self.layers.bias[unit] if isinstance(self.layers.bias, dict) else self.layers.bias
            place = topology.bias_index(unit) if bias else None
            units.append(reference.Unit(unit, self.layers.activation[unit], upstream, place))
        return units

    def net(self, dtype=np.float64, w=None):
        parameters = (self.w if w is None else w).astype(dtype)
        return Network.from_parameters(self.topology, parameters, self.loss_name)

    @cached_property
    def truth(self):
        return self.at(self.w)

    def at(self, w, rows=slice(None), X=None):
        s = None if self.s is None else self.s[rows]
        X = self.X[rows] if X is None else X
        return reference.evaluate(self.n_inputs, self.layers, self.outputs, self.reference_loss, w, X, self.y[rows], s)

    def along(self, v):
        """Derivatives of all results along a direction in w, each exact to rounding."""
        return derivative(self.at(self.w + STEP * 1j * v))

    def along_input(self, i):
        """Derivatives of all results to input i."""
        return derivative(self.at(self.w, X=self.X + STEP * 1j * (np.arange(self.n_inputs) == i)))


def make(graph, hidden="tanh", loss="least squares", weighted=False, **more):
    return Problem(*GRAPHS[graph](hidden, ALL_LOSSES[loss][2]), loss, weighted, **more)


def outputs_per_target(loss):
    """Of a loss of the tables above."""
    return reference.GROUPED.get(ALL_LOSSES[loss][1], [1])[0]


def hidden_activations(loss):
    """Those that random networks with this loss choose from: with one of a user, the user's too."""
    return (*HIDDEN, *OWN_ACTIVATIONS) if loss in OWN else HIDDEN


def _n_outputs(graph):
    _, layers, outputs = GRAPHS[graph]("tanh", "identity")
    return (
        len(outputs) if isinstance(layers, Wires) else sum(row["n_units"] for row in layers if row["name"] in outputs)
    )


def _names():
    """Every graph with every loss, hidden activations in turn; the chain and the graph of all with every activation."""
    pairs = [
        (graph, loss) for graph in GRAPHS for loss in BASIC if graph not in FEEDS_ON or "softmax" != BASIC[loss][2]
    ]
    for k, (graph, loss) in enumerate(pairs):
        yield graph, HIDDEN[k % len(HIDDEN)], loss, bool(k % 2)
    # The others with every third graph: what they add is at the outputs.
    pairs = [
        (graph, loss)
        for i, graph in enumerate(GRAPHS)
        for j, loss in enumerate(MORE | GROUPED)
        if (i + j) % 3 == 0 and _n_outputs(graph) % outputs_per_target(loss) == 0
    ]
    for k, (graph, loss) in enumerate(pairs):
        is_tower = HIDDEN[k % len(HIDDEN)] == ALL_LOSSES[loss][2] == "exp"
        yield graph, "softplus" if is_tower else HIDDEN[k % len(HIDDEN)], loss, bool(k % 2)
    for graph in ("chain", "all upstream"):
        for hidden in HIDDEN:
            yield graph, hidden, "least squares", True


CATALOGUE = {", ".join([*names, "weighted" * weighted]): (*names, weighted) for *names, weighted in _names()}


@st.composite
def random_layers(draw, losses=ALL, max_layers=5, max_units=6):
    """Any layered graph of so many layers of so many units: skips, masks, mixed activations, outputs anywhere."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = {"input": draw(st.integers(1, max_units))}
    loss = draw(st.sampled_from(losses))
    layers, outputs, unheard = [], [], set()
    hidden, size = st.sampled_from(hidden_activations(loss)), outputs_per_target(loss)
    n_layers = draw(st.integers(1, max_layers))
    for k in range(n_layers):
        name, n_possible = f"layer {k}", range(1, max_units + 1)
        if k == n_layers - 1:
            others = [row["name"] for row in layers] if ALL_LOSSES[loss][2] != "softmax" else []
            outputs = draw(st.lists(st.sampled_from(others), unique=True)) if others else []
            n_others = sum(sizes[other] for other in outputs)
            outputs = [name, *outputs]
            # As many as make whole targets.
            n_possible = [n for n in n_possible if (n_others + n) % size == 0]
        n_units = draw(st.sampled_from(n_possible))
        sources = draw(st.lists(st.sampled_from(list(sizes)), min_size=1, unique=True))
        if k == n_layers - 1:
            sources += sorted(unheard - set(sources))
        unheard = unheard - set(sources) | {name}
        mask = {source: rng.random((sizes[source], n_units)) < 0.6 for source in sources if draw(st.booleans())}
        activation = draw(st.one_of(hidden, st.tuples(*[hidden] * n_units)))
        layers.append(layer(name, n_units, activation, *sources, mask=mask, bias=draw(st.booleans())))
        sizes[name] = n_units
    for row in layers:
        if row["name"] in outputs:
            row["activation"] = ALL_LOSSES[loss][2]
    return _computable(Problem(
        sizes["input"], layers, outputs, loss, draw(st.booleans()), n_samples=3, seed=draw(st.integers(0, 99))
    ))  # fmt: skip


@st.composite
def random_units(draw, losses=ALL):
    """Any graph of up to a dozen units: mixed activations and biases, outputs anywhere, labels of several kinds."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_inputs, n_units = draw(st.integers(1, 4)), draw(st.integers(1, 12))
    loss, density = draw(st.sampled_from(losses)), draw(st.sampled_from([0.1, 0.3, 1]))
    label = draw(st.sampled_from([lambda k: f"u{k}", lambda k: 1000 - k, lambda k: ("unit", k)]))
    nodes, edges = [*range(n_inputs), *map(label, range(n_units))], []
    for k in range(n_inputs, len(nodes)):
        heard = np.flatnonzero(rng.random(k) < density)
        edges += [(nodes[i], nodes[k]) for i in (heard if len(heard) else [rng.integers(k)])]
    edges = [edges[k] for k in rng.permutation(len(edges))]
    feeding = {upstream for upstream, _ in edges}
    outputs = [unit for unit in nodes[n_inputs:] if unit not in feeding]
    others = [unit for unit in nodes[n_inputs:] if unit in feeding] if ALL_LOSSES[loss][2] != "softmax" else []
    outputs += [unit for unit in others if rng.random() < 0.3]
    # As many as make whole targets.
    missing, others = -len(outputs) % outputs_per_target(loss), [unit for unit in others if unit not in outputs]
    assume(missing <= len(others))
    outputs += others[:missing]
    outputs = [outputs[k] for k in rng.permutation(len(outputs))]
    activation = {unit: draw(st.sampled_from(hidden_activations(loss))) for unit in nodes[n_inputs:]}
    activation |= dict.fromkeys(outputs, ALL_LOSSES[loss][2])
    bias = {unit: bool(rng.random() < 0.8) for unit in nodes[n_inputs:]}
    if ALL_LOSSES[loss][2] == "softmax":
        bias |= dict.fromkeys(outputs, draw(st.booleans()))
    wired = Wires(edges, activation, bias)
    return _computable(
        Problem(n_inputs, wired, outputs, loss, draw(st.booleans()), n_samples=3, seed=draw(st.integers(0, 99)))
    )


def _computable(problem):
    """The problem, unless a tower of exponentials overflows in it."""
    try:
        _ = problem.truth
    except (OverflowError, ValueError):  # too large, or the logarithm of a number too small
        reject()
    return problem


def random_problems():
    """Any network: layer by layer, or unit by unit."""
    return st.one_of(random_layers(), random_units())


def assert_near(actual, expected, tolerance):
    """The largest difference is at most `tolerance` times the largest number expected."""
    expected = np.asarray(expected)
    scale = np.abs(expected).max(initial=np.finfo(np.float64).tiny)
    assert_allclose(actual, expected, rtol=0, atol=tolerance * scale)
