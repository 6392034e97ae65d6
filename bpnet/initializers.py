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
    sizes = {"input": topology.n_inputs} | {layer.name: layer.n_units for layer in topology.layers}
    w = np.empty(topology.n_parameters)
    for layer, (start, stop) in zip(topology.layers, topology.plan.weight_ranges, strict=True):
        n_weights, n_heard = stop - start, sum(sizes[source] for source in layer.sources)
        fans = n_weights / layer.n_units + n_weights / n_heard
        scale = factor or (2.0 if layer.activation == "logistic" else 6.0)
        # A layer whose mask leaves nothing has biases all the same.
        bound = np.sqrt(scale / max(fans, 1.0))
        w[start:stop] = random_state.uniform(-bound, bound, stop - start)
        if layer.bias:
            w[stop : stop + layer.n_units] = random_state.uniform(-bound, bound, layer.n_units)
    return w
