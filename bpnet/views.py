# SPDX-License-Identifier: BSD-3-Clause
"""Weights and biases layer by layer, as views of a network's flat vector."""

import numpy as np

from bpnet._validation import as_array


class ParameterViews(list):
    """List of arrays that are views of a network's flat vector of parameters.

    Writing into an array, or assigning to an item, changes the network. Where no view is possible (some connections of
    the layer do not exist) the array is a read-only copy, and only assigning to the item changes the network.
    Copied or pickled it becomes a plain list of arrays.
    """

    def __init__(self, arrays, network, assign):
        super().__init__(arrays)
        self._network, self._assign = network, assign

    def __setitem__(self, index, values):
        places = range(len(self))[index]
        if isinstance(index, slice) and not np.iterable(values):
            raise TypeError(f"expected {len(places)} arrays, got {values!r}")
        places, values = (list(places), list(values)) if isinstance(index, slice) else ([places], [values])
        if len(values) != len(places):
            raise ValueError(f"expected {len(places)} arrays, got {len(values)}")
        # All are checked before the first is written.
        arrays = [as_array(value, "an item", self._network.dtype) for value in values]
        for k, array in zip(places, arrays, strict=True):
            if array.shape != self[k].shape:
                raise ValueError(f"expected an array of shape {self[k].shape} for item {k}, got {array.shape}")
        for k, array in zip(places, arrays, strict=True):
            super().__setitem__(k, self._assign(self._network, k, array))

    def _refuse(self, *args, **kwargs):
        raise TypeError("the layers of a network are fixed: expected an assignment to an item")

    append = extend = insert = pop = remove = clear = sort = reverse = __delitem__ = __iadd__ = __imul__ = _refuse

    def __reduce__(self):
        return list, ([np.array(array) for array in self],)

    def __deepcopy__(self, memo):
        return [np.array(array) for array in self]


def of_layers(net, view, assign):
    """`ParameterViews` of all layers: `view` gives the array of one, `assign` writes it."""
    return ParameterViews([view(net, k) for k in range(len(net.topology.layers))], net, assign)


def coefs(net, k):
    """Weights of layer k: the stack of its sources."""
    form, (start, stop) = net.topology._form, net.topology.plan.weight_ranges[k]
    weights, layer, cells = net.parameters[start:stop], form.layers[k], form.cells(k)
    if cells is None:
        return weights.reshape(-1, layer.n_units)
    full = np.zeros((sum(form.sizes[source] for source in layer.sources), layer.n_units), net.dtype)
    full[cells] = weights
    full.setflags(write=False)
    return full


def set_coefs(net, k, value):
    """Write the weights of layer k that exist; returns what `coefs` does then."""
    start, stop = net.topology.plan.weight_ranges[k]
    cells = net.topology._form.cells(k)
    net.parameters[start:stop] = value.reshape(-1) if cells is None else value[cells]
    return coefs(net, k)


def intercepts(net, k):
    """Biases of layer k, a view."""
    layer, stop = net.topology.layers[k], net.topology.plan.weight_ranges[k][1]
    return net.parameters[stop : stop + layer.n_units * layer.bias]


def set_intercepts(net, k, value):
    """Write the biases of layer k; returns what `intercepts` does then."""
    intercepts(net, k)[...] = value
    return intercepts(net, k)
