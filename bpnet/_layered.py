# SPDX-License-Identifier: BSD-3-Clause
"""The form of a topology that is given layer by layer."""

from functools import cached_property
from itertools import accumulate

import numpy as np

from bpnet._core.plan import Plan
from bpnet.layers import INPUT, MAX_UNITS, Layer, as_names, count


class Layered:
    """Layers that hear whole layers, or by masks some units of them; the arguments are those of `Topology`.

    Weights are ordered layer by layer; in a layer by source, each source's as a row-major matrix; then the biases.
    """

    def __init__(self, n_inputs, layers, outputs=None):
        self.n_inputs = count(n_inputs, "n_inputs")
        if not np.iterable(layers):
            raise TypeError(f"expected a sequence of Layer, got {layers!r}")
        self.layers = _resolve(self.n_inputs, tuple(layers))
        names = [layer.name for layer in self.layers]
        outputs = names[-1] if outputs is None else outputs
        self.outputs = as_names(outputs, "outputs")
        self.sizes = {INPUT: self.n_inputs} | {layer.name: layer.n_units for layer in self.layers}
        if not self.outputs or len(set(self.outputs)) != len(self.outputs) or not set(self.outputs) <= set(names):
            raise ValueError(f"expected outputs out of the layers {names}, each once, got {list(self.outputs)}")
        _check_reach(self.layers, self.outputs)
        _check_softmax(self.layers, self.outputs)
        self.n_outputs = sum(self.sizes[name] for name in self.outputs)
        self.n_parameters = sum(
            sum(self._n_weights(layer, source) for source in layer.sources) + layer.n_units * layer.bias
            for layer in self.layers
        )

    @property
    def key(self):
        """Equal for equal topologies."""
        return (self.n_inputs, self.layers, self.outputs)

    def __reduce__(self):
        return Layered, self.key

    def __repr__(self):
        return f"Topology({self.n_inputs}, {list(self.layers)!r}, outputs={self.outputs!r})"

    def compile(self):
        """The `Plan`."""
        first = dict(zip(self.sizes, accumulate([-self.n_inputs, *self.sizes.values()]), strict=False))
        return Plan(self.n_inputs, self.plan_rows, [(first[name], self.sizes[name]) for name in self.outputs])

    @property
    def plan_rows(self):
        """What the `Plan` reads of each layer."""
        number = {INPUT: 0} | {layer.name: k for k, layer in enumerate(self.layers, start=1)}
        return [
            {
                "activations": layer.activations,
                "sources": [number[source] for source in layer.sources],
                "masks": [layer.mask.get(source) for source in layer.sources],
                "bias": layer.bias,
            }
            for layer in self.layers
        ]

    @property
    def units(self):
        """Label (layer name, number) of each unit."""
        return [(layer.name, k) for layer in self.layers for k in range(layer.n_units)]

    @property
    def output_labels(self):
        """Label of each output."""
        return [(name, k) for name in self.outputs for k in range(self.sizes[name])]

    @property
    def activations(self):
        """Of each unit."""
        return [name for layer in self.layers for name in layer.activations]

    @property
    def out_activations(self):
        """Of each output."""
        layers = {layer.name: layer for layer in self.layers}
        return [activation for name in self.outputs for activation in layers[name].activations]

    def edges(self):
        """Arrays of the upstream and the downstream unit of each weight, in their order: inputs, then units."""
        first = dict(zip(self.sizes, accumulate([0, *self.sizes.values()]), strict=False))
        pairs = [
            np.argwhere(self._exists(layer, source)) + (first[source], first[layer.name])
            for layer in self.layers
            for source in layer.sources
        ]
        return np.concatenate(pairs).T

    def weight_index(self, upstream, downstream):
        """Place of a weight, or None."""
        (source, i), (name, j) = _as_label(upstream), _as_label(downstream)
        weights = self._places.get((source, name))
        if weights is None or not (0 <= i < weights.shape[0] and 0 <= j < weights.shape[1]) or weights[i, j] < 0:
            return None
        return int(weights[i, j])

    def bias_index(self, unit):
        """Place of a bias, or None."""
        name, j = _as_label(unit)
        stop = 0
        for layer in self.layers:
            stop += sum(self._n_weights(layer, source) for source in layer.sources)
            if layer.name == name and layer.bias and 0 <= j < layer.n_units:
                return stop + j
            stop += layer.n_units * layer.bias
        return None

    def cells(self, k):
        """Rows and columns of the weights of layer k in the stack of its sources; None if they fill it in order."""
        layer = self.layers[k]
        if not layer.mask:
            return None
        return np.nonzero(np.vstack([self._exists(layer, source) for source in layer.sources]))

    @cached_property
    def _places(self):
        """Place of every weight as a matrix per (source, target), -1 where there is no connection."""
        places, start = {}, 0
        for layer in self.layers:
            for source in layer.sources:
                exists = self._exists(layer, source)
                numbers = start - 1 + np.cumsum(exists).reshape(exists.shape)
                places[source, layer.name] = np.where(exists, numbers, -1)
                start += self._n_weights(layer, source)
            start += layer.n_units * layer.bias
        return places

    def _exists(self, layer, source):
        return layer.mask.get(source, np.ones((self.sizes[source], layer.n_units), bool))

    def _n_weights(self, layer, source):
        return int(layer.mask[source].sum()) if source in layer.mask else self.sizes[source] * layer.n_units


def _as_label(label):
    """Layer and number of a unit; of no layer where it is no such pair."""
    is_pair = isinstance(label, tuple | list) and len(label) == 2
    is_label = is_pair and isinstance(label[0], str) and isinstance(label[1], int | np.integer)
    return label if is_label else (None, 0)


def _resolve(n_inputs, layers):
    """The layers with names and sources filled in, after checks of both."""
    if not layers:
        raise ValueError("expected at least one layer")
    for layer in layers:
        if not isinstance(layer, Layer):
            raise TypeError(f"expected a sequence of Layer, got {layer!r}")
        if layer.n_units is None:
            raise ValueError(
                f"expected layers of known size, got {layer!r}: only an estimator fills it in, for its output"
            )
    names = [layer.name or ("output" if k == len(layers) else f"h{k}") for k, layer in enumerate(layers, start=1)]
    if len(set(names)) != len(names):
        raise ValueError(f"expected layers of different names, got {names}")
    sizes, resolved, before = {INPUT: n_inputs}, [], INPUT
    for name, layer in zip(names, layers, strict=True):
        sources = (before,) if layer.sources is None else layer.sources
        if not sources or len(set(sources)) != len(sources):
            raise ValueError(f"layer {name!r}: expected at least one source, each once, got {list(sources)}")
        if unknown := [source for source in sources if source not in sizes]:
            raise ValueError(
                f"layer {name!r}: expected sources out of {list(sizes)}, the layers before it, got {unknown}"
            )
        if strange := set(layer.mask) - set(sources):
            raise ValueError(
                f"layer {name!r}: expected masks for its sources {list(sources)}, got one for {sorted(strange)}"
            )
        for source, cells in layer.mask.items():
            if cells.shape != (sizes[source], layer.n_units):
                raise ValueError(
                    f"layer {name!r}: expected a mask of shape {(sizes[source], layer.n_units)} for source {source!r}, "
                    f"got {cells.shape}"
                )
            if cells.size > MAX_UNITS:
                raise ValueError(
                    f"layer {name!r}: a mask of {cells.size} cells is too large, at most {MAX_UNITS} are possible"
                )
        resolved.append(Layer(layer.n_units, layer.activation, sources, name, layer.mask, layer.bias))
        sizes[name] = layer.n_units
        before = name
    return tuple(resolved)


def _check_reach(layers, outputs):
    """Every layer must have a way to an output: nothing else could ever train it."""
    heard = set(outputs)
    for layer in reversed(layers):
        if layer.name not in heard:
            raise ValueError(f"layer {layer.name!r} reaches no output: expected another layer to hear it")
        heard.update(layer.sources)


def _check_softmax(layers, outputs):
    for layer in layers:
        feeds = [other.name for other in layers if layer.name in other.sources]
        if layer.activation == "softmax" and (outputs != (layer.name,) or feeds):
            raise ValueError(
                f"softmax couples all outputs: expected it for the one output layer, which feeds nothing, got it for "
                f"layer {layer.name!r} with outputs {list(outputs)}" + (f", which feeds {feeds}" if feeds else "")
            )
