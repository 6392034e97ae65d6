# SPDX-License-Identifier: BSD-3-Clause
"""The shape of a network: layers, who hears whom, and where each parameter lies in the flat vector."""

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType

import numpy as np

from bpnet._core.activations import CODES
from bpnet._core.plan import Plan
from bpnet._core.wiring import Wiring

INPUT = "input"

# A BLAS dimension is a C int, and so is a cell number of a masked block.
MAX_UNITS = 2**31 - 1


class Layer:
    """Some units side by side, and the layers they hear.

    Parameters
    ----------
    n_units : int
        At least 1.
    activation : str or sequence of str, default="tanh"
        One name for the layer, or one per unit: "identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "selu",
        "softplus", "gelu", "silu", "exp"; "softmax" for a layer that is the whole output.
    sources : sequence of str, optional
        Names of the layers heard, "input" among them; by default the layer before.
    name : str, optional
        By default "h1", "h2", ... by position, and "output" for the last layer.
    mask : dict of {str: array-like of bool of shape (n_source, n_units)}, optional
        For some of the sources, which connections exist; those left out of the dict are complete.
    bias : bool, default=True
        Whether the units have a bias.

    Examples
    --------
    >>> Layer(3, "relu", sources=("input", "h1"))
    Layer(3, 'relu', sources=('input', 'h1'))
    """

    n_units: int
    activation: str | tuple[str, ...]
    sources: tuple[str, ...]  # None only until a Topology fills it in
    name: str | None
    mask: Mapping[str, np.ndarray]
    bias: bool

    def __init__(self, n_units, activation="tanh", sources=None, name=None, mask=None, bias=True):
        n_units = _count(n_units, "n_units")
        if not isinstance(activation, str):
            activation = tuple(map(str, activation))
            if len(activation) != n_units:
                raise ValueError(f"expected one activation or {n_units}, one per unit, got {len(activation)}")
        for function in {activation} if isinstance(activation, str) else set(activation):
            if function not in CODES:
                raise ValueError(f"expected an activation out of {', '.join(CODES)}, got {function!r}")
        if not isinstance(activation, str) and "softmax" in activation:
            raise ValueError(
                "softmax couples all units of a layer: expected it for the whole layer, got it for some units"
            )
        if isinstance(sources, str):
            sources = (sources,)
        if name is not None and (not isinstance(name, str) or name == INPUT):
            raise ValueError(f"expected a name that is a string other than {INPUT!r}, got {name!r}")
        set_ = object.__setattr__
        set_(self, "n_units", n_units)
        set_(self, "activation", activation)
        set_(self, "sources", None if sources is None else tuple(sources))
        set_(self, "name", name)
        set_(self, "mask", MappingProxyType({source: _frozen_mask(cells) for source, cells in (mask or {}).items()}))
        set_(self, "bias", bool(bias))

    def __setattr__(self, key, value=None):
        raise AttributeError("a Layer is immutable")

    __delattr__ = __setattr__

    @property
    def activations(self):
        """Activation of each unit, as a tuple of names."""
        return (self.activation,) * self.n_units if isinstance(self.activation, str) else self.activation

    def _key(self):
        masks = tuple(sorted((source, cells.shape, cells.tobytes()) for source, cells in self.mask.items()))
        return (self.n_units, self.activation, self.sources, self.name, masks, self.bias)

    def __eq__(self, other):
        return self._key() == other._key() if isinstance(other, Layer) else NotImplemented

    def __hash__(self):
        return hash(self._key())

    def __reduce__(self):
        return Layer, (self.n_units, self.activation, self.sources, self.name, dict(self.mask), self.bias)

    def __repr__(self):
        parts = [repr(self.n_units), repr(self.activation)]
        parts += [f"{key}={value!r}" for key in ("sources", "name") if (value := getattr(self, key)) is not None]
        if self.mask:
            parts.append(f"mask={ {source: cells.tolist() for source, cells in self.mask.items()}!r}")
        return f"Layer({', '.join(parts)}{'' if self.bias else ', bias=False'})"


class Topology:
    """Which units there are, which of them hear which, and with what activations.

    A topology is immutable, can be compared and hashed, and its repr builds it again. It holds no weights: those are
    one flat vector, ordered layer by layer; in a layer one (n_source, n_units) row-major block for each source, in the
    order of `sources`, of the connections that exist; then the biases.

    Parameters
    ----------
    n_inputs : int
    layers : sequence of Layer
        In an order in which each hears only layers before it.
    outputs : sequence of str, optional
        Names of the layers whose units are the outputs; by default the last. They may feed further layers.

    Attributes
    ----------
    layers : tuple of Layer
        With names and sources filled in.
    n_inputs, n_outputs, n_parameters : int

    Raises
    ------
    ValueError
        For layers that hear unknown or later ones, or that no output hears, and for masks of the wrong shape.

    Examples
    --------
    >>> skip = Topology(2, [Layer(3, "tanh"), Layer(1, "identity", sources=("h1", "input"))])
    >>> skip.n_parameters
    15
    >>> skip == eval(repr(skip))
    True
    """

    n_inputs: int
    layers: tuple[Layer, ...]
    outputs: tuple[str, ...]
    n_outputs: int
    n_parameters: int

    def __init__(self, n_inputs, layers, outputs=None):
        n_inputs = _count(n_inputs, "n_inputs")
        layers = _resolve(n_inputs, tuple(layers))
        outputs = (layers[-1].name,) if outputs is None else (outputs,) if isinstance(outputs, str) else tuple(outputs)
        sizes = {layer.name: layer.n_units for layer in layers}
        if not outputs or len(set(outputs)) != len(outputs) or not set(outputs) <= set(sizes):
            raise ValueError(f"expected outputs out of the layers {list(sizes)}, each once, got {list(outputs)}")
        _check_reach(layers, outputs)
        _check_softmax(layers, outputs)
        n_parameters = sum(
            sum(_n_weights(layer, source, n_inputs if source == INPUT else sizes[source]) for source in layer.sources)
            + layer.n_units * layer.bias
            for layer in layers
        )
        if n_parameters * np.dtype(np.float64).itemsize > np.iinfo(np.intp).max:
            raise ValueError(f"a network of {n_parameters} parameters does not fit into the address space")
        set_ = object.__setattr__
        set_(self, "n_inputs", n_inputs)
        set_(self, "layers", layers)
        set_(self, "outputs", outputs)
        set_(self, "n_outputs", sum(sizes[name] for name in outputs))
        set_(self, "n_parameters", n_parameters)

    @classmethod
    def layered(cls, sizes, activation="tanh", out_activation="identity"):
        """Chain of complete layers.

        Parameters
        ----------
        sizes : sequence of int
            Numbers of inputs, of units of each hidden layer, and of outputs.
        activation : str or sequence of str, default="tanh"
            Of the hidden layers: one name, or one per layer.
        out_activation : str, default="identity"

        Examples
        --------
        >>> Topology.layered([8, 32, 1]).n_parameters
        321
        """
        sizes = list(sizes)
        if len(sizes) < 2:
            raise ValueError(f"expected sizes of at least the inputs and the outputs, got {sizes}")
        n_inputs, *hidden, n_outputs = sizes
        names = [activation] * len(hidden) if isinstance(activation, str) else list(activation)
        if len(names) != len(hidden):
            raise ValueError(f"expected one activation or {len(hidden)}, one per hidden layer, got {len(names)}")
        return cls(n_inputs, [*map(Layer, hidden, names), Layer(n_outputs, out_activation)])

    def __setattr__(self, key, value=None):
        raise AttributeError("a Topology is immutable")

    __delattr__ = __setattr__

    @property
    def units(self):
        """Labels (layer name, number) of all units but the inputs, in the order of the columns of the deltas."""
        return [(layer.name, k) for layer in self.layers for k in range(layer.n_units)]

    def weight_index(self, upstream, downstream):
        """Place in the flat vector of the weight from one unit to another.

        Parameters
        ----------
        upstream, downstream : tuple of (str, int)
            Labels as in `units`; ("input", i) is the i-th input.

        Raises
        ------
        KeyError
            If there is no such unit or no such connection.
        """
        (source, i), (name, j) = upstream, downstream
        weights = self._blocks.get((source, name))
        if weights is None or not (0 <= i < weights.shape[0] and 0 <= j < weights.shape[1]) or weights[i, j] < 0:
            raise KeyError(f"no connection from {upstream} to {downstream}")
        return int(weights[i, j])

    def bias_index(self, unit):
        """Place in the flat vector of the bias of a unit, given by its label; KeyError where it has none."""
        name, j = unit
        for layer, (_, stop) in zip(self.layers, self.plan.weight_ranges, strict=True):
            if layer.name == name and layer.bias and 0 <= j < layer.n_units:
                return stop + j
        raise KeyError(f"no unit {unit} with a bias")

    @cached_property
    def plan(self):
        """The compiled form: `bpnet._core.plan.Plan`."""
        number = {INPUT: 0} | {layer.name: k for k, layer in enumerate(self.layers, start=1)}
        rows = [
            {
                "activations": layer.activations,
                "sources": [number[source] for source in layer.sources],
                "masks": [layer.mask.get(source) for source in layer.sources],
                "bias": layer.bias,
            }
            for layer in self.layers
        ]
        return Plan(self.n_inputs, rows, [number[name] for name in self.outputs])

    @cached_property
    def wiring(self):
        """The plan unit by unit, for second derivatives: `bpnet._core.wiring.Wiring`."""
        return Wiring(self.plan)

    @cached_property
    def _blocks(self):
        """Place of every weight as a matrix per (source, target), -1 where there is no connection."""
        sizes = {INPUT: self.n_inputs} | {layer.name: layer.n_units for layer in self.layers}
        blocks = {}
        for layer, (start, _) in zip(self.layers, self.plan.weight_ranges, strict=True):
            for source in layer.sources:
                exists = layer.mask.get(source, np.ones((sizes[source], layer.n_units), bool))
                blocks[source, layer.name] = np.where(exists, start - 1 + np.cumsum(exists).reshape(exists.shape), -1)
                start += int(exists.sum())
        return blocks

    def _key(self):
        return (self.n_inputs, self.layers, self.outputs)

    def __eq__(self, other):
        return self._key() == other._key() if isinstance(other, Topology) else NotImplemented

    def __hash__(self):
        return hash(self._key())

    def __reduce__(self):
        return Topology, self._key()

    def __repr__(self):
        return f"Topology({self.n_inputs}, {list(self.layers)!r}, outputs={self.outputs!r})"


def _resolve(n_inputs, layers):
    """The layers with names and sources filled in, after checks of both."""
    if not layers:
        raise ValueError("expected at least one layer")
    for layer in layers:
        if not isinstance(layer, Layer):
            raise TypeError(f"expected a sequence of Layer, got {layer!r}")
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


def _n_weights(layer, source, n_source):
    return int(layer.mask[source].sum()) if source in layer.mask else n_source * layer.n_units


def _frozen_mask(cells):
    cells = np.array(cells)
    if cells.dtype != bool or cells.ndim != 2:
        raise ValueError(f"expected a mask as a matrix of bool, got {cells.ndim} dimension(s) of {cells.dtype}")
    cells.setflags(write=False)
    return cells


def _count(value, name):
    """An integer from 1 to MAX_UNITS."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"expected {name} as an integer, got {value!r}")
    if not 1 <= value <= MAX_UNITS:
        raise ValueError(f"expected {name} from 1 to {MAX_UNITS}, got {value}")
    return int(value)
