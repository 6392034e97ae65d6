# SPDX-License-Identifier: BSD-3-Clause
"""Starting weights made to fit data: sums of unit variance in every layer."""

import numpy as np

from bpnet._validation import as_array, as_inputs, check_count
from bpnet.initializers import layer_sizes
from bpnet.network import check_network


def scale_to_data(net, X, n_rows=1000):
    """Scale the weights so that the weighted sums a of every layer have unit variance on the first rows of X.

    Layer by layer, from the inputs on, all weights of a layer are divided by the root of the variance of its a over
    rows, averaged over its units; layers whose a do not vary, or beyond all numbers, are left alone, and so are biases.

    Parameters
    ----------
    net : Network
        Its parameters are changed in place.
    X : {array-like, sparse matrix} of shape (n_samples, n_inputs)
    n_rows : int, default=1000
        Rows to look at.

    Notes
    -----
    The rescaling of Mishkin and Matas, "All you need is a good init", 2016, who start from orthogonal matrices. The
    variance is the square of its scale, so one pass is exact. Cost O(n_rows W L) for L layers.

    Examples
    --------
    >>> import numpy as np
    >>> from bpnet import Network, Topology, scale_to_data
    >>> net, X = Network(Topology.layered([3, 5, 1])), np.random.default_rng(0).normal(size=(50, 3))
    >>> scale_to_data(net, 100 * X)
    >>> round(float(net.predict_raw(100 * X).var()), 6)
    1.0
    """
    check_network(net)
    n_rows, topology = check_count(n_rows, "n_rows", 1), net.topology
    as_inputs(X, topology.n_inputs, net.dtype)
    X = (X.tocsr() if hasattr(X, "tocsr") else as_array(X, "X", net.dtype))[:n_rows]
    if not X.shape[0]:
        raise ValueError("expected at least one sample, got none")
    sizes = layer_sizes(topology)
    columns = np.cumsum([0, *[layer.n_units for layer in topology.layers]])
    place = {layer.name: slice(columns[k], columns[k + 1]) for k, layer in enumerate(topology.layers)}
    for k, (layer, (start, stop)) in enumerate(zip(topology.layers, topology.plan.weight_ranges, strict=True)):
        z, weights = net.signals(X)[0], net.coefs[k]
        cuts = np.cumsum([sizes[source] for source in layer.sources])[:-1]
        heard = [X if source == "input" else z[:, place[source]] for source in layer.sources]
        a = sum(signal @ part for signal, part in zip(heard, np.split(weights, cuts), strict=True))
        with np.errstate(over="ignore"):
            variance = np.asarray(a).var(axis=0, dtype=np.float64).mean()
        if 0 < variance < np.inf:
            net.parameters[start:stop] /= np.sqrt(variance)
