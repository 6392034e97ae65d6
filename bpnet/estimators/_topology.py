# SPDX-License-Identifier: BSD-3-Clause
"""The parameters `topology` and `hidden_layer_sizes` of the estimators meet the data."""

from numbers import Integral

from bpnet.activations import name_of
from bpnet.layers import Layer
from bpnet.topology import Topology


def bind(topology, n_features, n_outputs, out_activation):
    """The topology for these data, or the one that has these hidden layers.

    Parameters
    ----------
    topology : Topology or sequence of Layer
    n_features, n_outputs : int
    out_activation : str
        What the loss wants of all outputs.

    Raises
    ------
    ValueError
        For a topology of other numbers of inputs and outputs, or with other activations of the outputs.
    TypeError
        For anything else than layers in the sequence.
    """
    if not isinstance(topology, Topology):
        return Topology(n_features, _close(list(topology), n_outputs, out_activation))
    if topology.n_inputs != n_features:
        raise ValueError(f"topology has {topology.n_inputs} inputs, but X has {n_features} features")
    if topology.n_outputs != n_outputs:
        raise ValueError(f"topology has {topology.n_outputs} outputs, but y needs {n_outputs}")
    if strange := set(topology.out_activations) - {out_activation}:
        got = ", ".join(sorted(map(name_of, strange)))
        raise ValueError(f"expected a topology whose outputs have the activation {out_activation!r}, got {got}")
    return topology


def _close(layers, n_outputs, out_activation):
    """The layers and the output layer."""
    for layer in layers:
        if not isinstance(layer, Layer):
            raise TypeError(f"expected topology to be a Topology or a list of Layer, got {layer!r} in it")
    is_open = bool(layers) and layers[-1].n_units is None
    last = layers.pop() if is_open else Layer(None)
    return [*layers, Layer(n_outputs, out_activation, last.sources, last.name, last.mask, last.bias)]


def hidden_sizes(sizes):
    """hidden_layer_sizes as a list of integers."""
    sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if any(not isinstance(size, Integral) for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be integers, got {sizes}.")
    if any(size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]
