# SPDX-License-Identifier: BSD-3-Clause
"""The forward sweep of a network as nodes of an ONNX graph, whoever keeps the nodes: onnx itself, or skl2onnx."""

import numpy as np

from bpnet.export._activations import forms
from bpnet.export._steps import output_columns, steps

#: Version of ONNX's operators that is used: that in which Split, Squeeze and Softmax took the form they have here.
OPSET = 13


class Graph:
    """Nodes and constants under construction: ``g("Add", a, b)`` adds a node and gives the name of its result.

    Parameters
    ----------
    dtype : numpy.dtype
        Of the numbers.
    add_node : callable(op, inputs, outputs, attributes)
    add_constant : callable(name, array)
    fresh_name : callable(hint)
        A name that nothing else has.
    """

    def __init__(self, dtype, add_node, add_constant, fresh_name):
        self.dtype = dtype
        self._add_node, self._add_constant, self._fresh_name = add_node, add_constant, fresh_name
        self._numbers = {}

    def __call__(self, op, *inputs, into=None, **attributes):
        """A node with one result: `into`, or a new name."""
        return self.split(op, *inputs, into=[into or self._fresh_name(op.lower())], **attributes)[0]

    def split(self, op, *inputs, into, **attributes):
        """A node of several results, whose names are given."""
        self._add_node(op, list(inputs), into, attributes)
        return into

    def names(self, n):
        """New names of tensors."""
        return [self._fresh_name("part") for _ in range(n)]

    def constant(self, array):
        """A constant tensor; floats become those of the graph."""
        array = np.asarray(array)
        name = self._fresh_name("constant")
        self._add_constant(name, array.astype(self.dtype) if array.dtype.kind == "f" else array)
        return name

    def number(self, value):
        """A constant number, made once."""
        if value not in self._numbers:
            self._numbers[value] = self.constant(np.array([value], np.float64))
        return self._numbers[value]

    def normal_distribution(self, a):
        """Phi(a), the cumulative distribution of the standard normal one."""
        if self.dtype == np.float32:
            erf = self("Erf", self("Mul", a, self.number(0.7071067811865476)))
            return self("Mul", self("Add", erf, self.number(1)), self.number(0.5))
        # onnxruntime has no Erf of doubles. Phi(-|a|) = erfc(x) / 2 with x = |a| / sqrt 2, and erfc(x) e^(x^2) / t is
        # smooth in t = 2 / (2 + x) from 0 to 1: a polynomial in 2 t - 1, by Horner's scheme, has fifteen digits of it.
        size = self("Abs", a)
        x = self("Mul", size, self.number(0.7071067811865476))
        t = self("Div", self.number(2), self("Add", x, self.number(2)))
        u = self("Sub", self("Add", t, t), self.number(1))
        *lower, value = map(self.number, _erfcx_coefficients())
        for coefficient in reversed(lower):
            value = self("Add", self("Mul", value, u), coefficient)
        bell = self("Exp", self("Mul", self("Mul", size, size), self.number(-0.5)))
        tail = self("Mul", self("Mul", self("Mul", t, value), bell), self.number(0.5))
        return self("Where", self("Greater", a, self.number(0)), self("Sub", self.number(1), tail), tail)


def _erfcx_coefficients():
    from scipy.special import erfcx

    def scaled(u):
        # x to infinity is t to 0, where erfcx(x) / t tends to 1 / (2 sqrt pi).
        t = np.maximum((u + 1) / 2, 1e-12)
        return erfcx(2 / t - 2) / t

    chebyshev = np.polynomial.chebyshev.chebinterpolate(scaled, 26)
    return np.polynomial.chebyshev.cheb2poly(chebyshev).tolist()


def forward(g, network, X):
    """Names of the tensors of the outputs and of their weighted sums, given that of the inputs."""
    layers = steps(network)
    topology = network.topology
    firsts = np.array([0, *(step.first for step in layers)])
    signals, sums = [X], [None]
    for step in layers:
        a = None
        if step.blocks:
            heard = [signals[np.searchsorted(firsts, first, side="right") - 1] for first, _ in step.blocks]
            a = _product(g, heard, np.vstack([weights for _, weights in step.blocks]))
        elif len(step.edges[1]):
            a = _gathered(g, signals, firsts, step, topology.n_inputs)
        if a is None:  # a layer that hears nothing: biases alone, in as many rows as the inputs have
            zeros = np.zeros((topology.n_inputs, step.n_units))
            a = g("MatMul", X, g.constant(zeros))
        a = g("Add", a, g.constant(step.biases.astype(np.float64)))
        sums.append(a)
        signals.append(_activate(g, step, a))
    columns = np.array(output_columns(network))
    return _pick(g, signals, firsts, columns), _pick(g, sums, firsts, columns)


def _product(g, heard, weights):
    z = heard[0] if len(heard) == 1 else g("Concat", *heard, axis=1)
    return g("MatMul", z, g.constant(weights))


def _gathered(g, signals, firsts, step, n_inputs):
    """Weighted sums of a layer in which connections are missing."""
    starts, heard, weights = step.edges
    columns, place = np.unique(heard, return_inverse=True)
    matrix = np.zeros((len(columns), step.n_units))
    matrix[place, np.repeat(np.arange(step.n_units), np.diff(starts))] = weights
    return g("MatMul", _pick(g, signals, firsts, columns), g.constant(matrix))


def _pick(g, tensors, firsts, columns):
    """Some columns of all signals, in their order."""
    layer = np.searchsorted(firsts, columns, side="right") - 1
    layers = list(dict.fromkeys(layer.tolist()))
    sizes = np.diff([*firsts, max(int(columns.max()) + 1, int(firsts[-1]) + 1)])
    part = tensors[layers[0]] if len(layers) == 1 else g("Concat", *[tensors[k] for k in layers], axis=1)
    begins = dict(zip(layers, np.cumsum([0, *sizes[layers[:-1]]]).tolist(), strict=True))
    places = np.array([begins[k] + column - firsts[k] for k, column in zip(layer.tolist(), columns, strict=True)])
    return g("Gather", part, g.constant(places.astype(np.int64)), axis=1)


def _activate(g, step, a):
    if len(step.runs) == 1:
        return forms(step.runs[0][0]).onnx(g, a)
    sizes = g.constant(np.array([n for *_, n in step.runs], np.int64))
    parts = g.split("Split", a, sizes, into=g.names(len(step.runs)), axis=1)
    return g("Concat", *[forms(name).onnx(g, part) for (name, *_), part in zip(step.runs, parts, strict=True)], axis=1)
