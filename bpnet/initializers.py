# SPDX-License-Identifier: BSD-3-Clause
"""Starting values of the parameters: functions of (topology, random_state) that return the vector."""

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

    Examples
    --------
    >>> import numpy as np
    >>> from bpnet import Topology
    >>> w = glorot_uniform(Topology.layered([2, 4, 1]), np.random.RandomState(0))
    >>> w.shape, bool(abs(w[:12]).max() <= np.sqrt(6 / (2 + 4)))
    ((17,), True)
    """
    w = np.empty(topology.n_parameters)
    ranges = zip(topology.layers, topology.plan.weight_ranges, glorot_bounds(topology, factor), strict=True)
    for layer, (start, stop), bound in ranges:
        w[start:stop] = random_state.uniform(-bound, bound, stop - start)
        if layer.bias:
            w[stop : stop + layer.n_units] = random_state.uniform(-bound, bound, layer.n_units)
    return w


def glorot_normal(topology, random_state):
    """Normal weights of variance 2 / (fan_in + fan_out), biases 0; Glorot and Bengio, 2010."""
    fan_in, fan_out = fans(topology)
    return _draw(topology, random_state.standard_normal, np.sqrt(2 / np.maximum(fan_in + fan_out, 1)))


def he_normal(topology, random_state):
    """Normal weights of variance 2 / fan_in, biases 0, for relu; He et al., "Delving deep into rectifiers", 2015."""
    return _draw(topology, random_state.standard_normal, np.sqrt(2 / np.maximum(fans(topology)[0], 1)))


def he_uniform(topology, random_state):
    """Uniform weights of the variance of `he_normal`, biases 0."""
    return _draw(topology, _unit_uniform(random_state), np.sqrt(2 / np.maximum(fans(topology)[0], 1)))


def lecun_normal(topology, random_state):
    """Normal weights of variance 1 / fan_in, biases 0; LeCun et al., "Efficient backprop", 1998. For selu and tanh."""
    return _draw(topology, random_state.standard_normal, np.sqrt(1 / np.maximum(fans(topology)[0], 1)))


def lecun_uniform(topology, random_state):
    """Uniform weights of the variance of `lecun_normal`, biases 0."""
    return _draw(topology, _unit_uniform(random_state), np.sqrt(1 / np.maximum(fans(topology)[0], 1)))


def orthogonal(topology, random_state):
    """Random orthogonal matrices, biases 0; Saxe, McClelland and Ganguli, 2014.

    The matrix of a layer, the stack of its sources' weights, has orthonormal rows or columns, whichever are fewer,
    drawn evenly from all such matrices. Connections that do not exist are left out of it afterwards.
    """
    w = np.zeros(topology.n_parameters)
    for k, (layer, (start, stop)) in enumerate(zip(topology.layers, topology.plan.weight_ranges, strict=True)):
        n_heard = sum(layer_sizes(topology)[source] for source in layer.sources)
        n, m = max(n_heard, layer.n_units), min(n_heard, layer.n_units)
        q, r = np.linalg.qr(random_state.standard_normal(size=(n, m)))
        q *= np.where(np.diag(r) < 0, -1.0, 1.0)  # else not all matrices are as likely: Mezzadri, 2007
        matrix, cells = q if n_heard >= layer.n_units else q.T, topology._form.cells(k)
        w[start:stop] = matrix.ravel() if cells is None else matrix[cells]
    return w


#: What `draw` knows by name. "lsuv" needs data besides: orthogonal, then `bpnet.scale_to_data`.
NAMES = {
    "glorot_uniform": glorot_uniform,
    "glorot_normal": glorot_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
    "lecun_uniform": lecun_uniform,
    "lecun_normal": lecun_normal,
    "orthogonal": orthogonal,
    "lsuv": orthogonal,
}


def draw(initializer, topology, random_state):
    """Starting parameters.

    Parameters
    ----------
    initializer : str or callable
        One of `NAMES`; or a function of (topology, random_state) that returns the vector.
    topology : Topology
    random_state : numpy.random.RandomState or numpy.random.Generator

    Returns
    -------
    ndarray of shape (n_parameters,), float64

    Raises
    ------
    ValueError
        For an unknown name, and for what is no vector of n_parameters finite numbers.
    TypeError
        For what is neither a name nor callable.

    Examples
    --------
    >>> import numpy as np
    >>> from bpnet import Topology
    >>> bool(draw("he_normal", Topology.layered([3, 1]), np.random.RandomState(0))[3] == 0)  # the bias
    True
    """
    if isinstance(initializer, str):
        if initializer not in NAMES:
            raise ValueError(f"expected an initializer out of {', '.join(NAMES)}, or a callable, got {initializer!r}")
        initializer = NAMES[initializer]
    elif not callable(initializer):
        raise TypeError(f"expected an initializer as a name or a callable, got {initializer!r}")
    w = np.asarray(initializer(topology, random_state), np.float64)
    if w.shape != (topology.n_parameters,):
        raise ValueError(f"expected an initializer that gives {topology.n_parameters} parameters, got shape {w.shape}")
    if not np.isfinite(w).all():
        raise ValueError("expected an initializer that gives finite parameters, got NaN or infinity")
    return w


def _draw(topology, draw_unit, deviations):
    """Weights of a unit distribution, times the standard deviation of their layer."""
    w = np.zeros(topology.n_parameters)
    for (start, stop), deviation in zip(topology.plan.weight_ranges, deviations, strict=True):
        w[start:stop] = deviation * draw_unit(size=stop - start)
    return w


def _unit_uniform(random_state):
    """Uniform numbers of variance 1."""
    return lambda size: random_state.uniform(-np.sqrt(3), np.sqrt(3), size=size)


def glorot_bounds(topology, factor=None):
    """sqrt(factor / (fan_in + fan_out)) of each layer: an array; arguments as of `glorot_uniform`."""
    factors = [factor or (2.0 if layer.activation == "logistic" else 6.0) for layer in topology.layers]
    # A layer whose mask leaves nothing has biases all the same.
    return np.sqrt(np.array(factors) / np.maximum(np.add(*fans(topology)), 1.0))


def fans(topology):
    """Mean number of units that a unit of each layer hears, and of those in it that hear a unit: two arrays."""
    sizes = layer_sizes(topology)
    n_weights = np.array([stop - start for start, stop in topology.plan.weight_ranges])
    n_heard = np.array([sum(sizes[source] for source in layer.sources) for layer in topology.layers])
    return n_weights / np.array([layer.n_units for layer in topology.layers]), n_weights / n_heard


def layer_sizes(topology):
    """Units of each layer by its name, the inputs among them."""
    return {"input": topology.n_inputs} | {layer.name: layer.n_units for layer in topology.layers}
