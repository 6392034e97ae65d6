# SPDX-License-Identifier: BSD-3-Clause
"""Starting values of the parameters."""

import numpy as np


def glorot_uniform(topology, random_state, factor=None):
    """Uniform weights and biases in +- sqrt(factor / (fan_in + fan_out)), layer by layer.

    Weights are drawn before the biases of their layer, always as float64: for a chain these are the very draws of
    scikit-learn's multilayer perceptron.

    Parameters
    ----------
    topology : Topology
    random_state : numpy.random.RandomState or numpy.random.Generator
    factor : float, optional
        By default 2 for layers of logistic units and 6 for all others, which evens out the variance of their signals.

    Returns
    -------
    ndarray of shape (n_parameters,), float64

    Notes
    -----
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, equation 16.
    fan_in is the mean number of units that a unit of the layer hears, fan_out that of the units in it that hear a unit:
    in complete layers the number of units before and in it.
    """
    w = np.empty(topology.n_parameters)
    ranges = zip(topology.layers, topology.plan.weight_ranges, glorot_bounds(topology, factor), strict=True)
    for layer, (start, stop), bound in ranges:
        w[start:stop] = random_state.uniform(-bound, bound, stop - start)
        if layer.bias:
            w[stop : stop + layer.n_units] = random_state.uniform(-bound, bound, layer.n_units)
    return w


def glorot_bounds(topology, factor=None):
    """sqrt(factor / (fan_in + fan_out)) of each layer: an array; arguments as of `glorot_uniform`."""
    factors = [factor or (2.0 if layer.activation == "logistic" else 6.0) for layer in topology.layers]
    # A layer whose mask leaves nothing has biases all the same.
    return np.sqrt(np.array(factors) / np.maximum(np.add(*fans(topology)), 1.0))


def fans(topology):
    """Mean number of units that a unit of each layer hears, and of those in it that hear a unit: two arrays."""
    sizes = {"input": topology.n_inputs} | {layer.name: layer.n_units for layer in topology.layers}
    n_weights = np.array([stop - start for start, stop in topology.plan.weight_ranges])
    n_heard = np.array([sum(sizes[source] for source in layer.sources) for layer in topology.layers])
    return n_weights / np.array([layer.n_units for layer in topology.layers]), n_weights / n_heard
