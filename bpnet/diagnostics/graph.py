# SPDX-License-Identifier: BSD-3-Clause
"""A topology as sums over the units that a unit hears and over those that hear it; and the arguments of a data set.

Sums over a complete layer are one column for all units; NumPy's broadcasting does the rest.
"""

import numpy as np

from bpnet._core.data import Data
from bpnet._validation import as_inputs, as_targets, as_weights
from bpnet.layers import INPUT
from bpnet.network import check_network


class Graph:
    """Where the layers' columns are and who hears whom.

    Attributes
    ----------
    columns : dict of {str: slice}
        Columns of each layer among all units.
    followers : dict of {str: list of int}
        Numbers of the layers that hear a layer.
    closing : list of int
        Numbers of the output layers that feed nothing.
    is_layered : bool
        Whether the topology was given layer by layer: if not, nothing is known here of who hears whom.
    output_layers : set of str
        Names of the layers of outputs alone.
    """

    def __init__(self, topology):
        self.topology, self.layers = topology, topology.layers
        stops = np.cumsum([layer.n_units for layer in self.layers])
        self.columns = {
            layer.name: slice(stop - layer.n_units, stop) for layer, stop in zip(self.layers, stops, strict=True)
        }
        names = [INPUT, *self.columns]
        self.followers = {name: [k for k, layer in enumerate(self.layers) if name in layer.sources] for name in names}
        self.closing = [k for k, layer in enumerate(self.layers) if not self.followers[layer.name]]
        sizes = {layer.name: layer.n_units for layer in self.layers}
        self.is_layered = set(topology.outputs) <= set(sizes)
        if not self.is_layered:  # outputs are units
            units, outputs = topology.units, set(topology.outputs)
            self.output_layers = {name for name, own in self.columns.items() if outputs.issuperset(units[own])}
            return
        self.output_layers = set(topology.outputs)
        stops = np.cumsum([sizes[name] for name in topology.outputs])
        self.output_columns = {
            name: slice(stop - sizes[name], stop) for name, stop in zip(topology.outputs, stops, strict=True)
        }

    def hear(self, k, signals):
        """For each unit of layer k the sum over the units it hears; `signals`: matrix by name of the layer."""
        mask = self.layers[k].mask
        return sum(_sum(signals[source], mask.get(source)) for source in self.layers[k].sources)

    def heard_by(self, name, k, values):
        """For each unit of a layer the sum over the units of layer k that hear it; `values`: one column for each."""
        mask = self.layers[k].mask.get(name)
        if values.shape[1] != self.layers[k].n_units:
            values = np.broadcast_to(values, (len(values), self.layers[k].n_units))
        return _sum(values, None if mask is None else mask.T)

    def n_hearing(self, name, k):
        """Number of units of layer k that hear each unit of a layer: shape (1, 1) or (1, n_units)."""
        return self.heard_by(name, k, np.ones((1, 1)))

    def layer_means(self, values):
        """Mean over each layer's units of the last axis: shape (..., n_layers)."""
        return np.stack([values[..., columns].mean(axis=-1) for columns in self.columns.values()], axis=-1)

    def growth(self, mean_squares):
        """Root mean square in the first hidden layer over that in the last, from the mean square of each layer."""
        hidden = [k for k, layer in enumerate(self.layers) if layer.name not in self.output_layers]
        if not hidden:
            return 1.0
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.sqrt(np.divide(mean_squares[hidden[0]], mean_squares[hidden[-1]])))


def as_data(net, X, y, sample_weight):
    """X, y and sample weights, checked: float64 matrices (X may be sparse), weights of sum 1, no rows of weight 0."""
    check_network(net)
    Data(net.topology.plan, as_inputs(X, net.topology.n_inputs, np.float64))  # looks at the pointers of sparse rows
    X = X.tocsr().astype(np.float64) if hasattr(X, "tocsr") else np.asarray(X, np.float64)
    n_samples = X.shape[0]
    y = as_targets(y, n_samples, net.topology.n_outputs, net._loss, np.float64)
    if y.ndim == 1:
        y = np.eye(net.topology.n_outputs)[y]
    weights = as_weights(sample_weight, n_samples, np.float64)
    weights = np.ones(n_samples) if weights is None else weights
    if not weights.sum() > 0:
        raise ValueError(f"expected samples of positive weight, got {n_samples} of weight {weights.sum()} together")
    present = weights > 0  # their loss may be infinite
    return X[present], y[present], weights[present] / weights.sum()


def squared(signals):
    """Squares of a dict of matrices; the one of the inputs may be sparse."""
    return {name: z.multiply(z) if hasattr(z, "multiply") else z**2 for name, z in signals.items()}


def _sum(values, mask):
    """Sums of the columns, for each column of the mask: one column where all are complete."""
    return np.asarray(values.sum(axis=1)).reshape(-1, 1) if mask is None else values @ mask.astype(np.float64)
