# SPDX-License-Identifier: BSD-3-Clause
"""The catalogue of networks, as data: graph x hidden activation x loss x sample weights. Nets stand here only.

A new activation or loss is tested by adding its name to a table; graphs stand in `graphs`, random ones in
`random_problems`.
"""

from functools import cached_property

import numpy as np
import reference
from graphs import FEEDS_ON, GRAPHS, Wires, is_input
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
                (("input", i) if is_input(i) else i, topology.weight_index(i, j)) for i, j in edges if j == unit
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


def assert_near(actual, expected, tolerance):
    """The largest difference is at most `tolerance` times the largest number expected."""
    expected = np.asarray(expected)
    scale = np.abs(expected).max(initial=np.finfo(np.float64).tiny)
    assert_allclose(actual, expected, rtol=0, atol=tolerance * scale)
