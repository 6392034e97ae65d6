# SPDX-License-Identifier: BSD-3-Clause
"""Measured: what the error signals of a network are like on data, and on average over new starts."""

import numpy as np

from bpnet import initializers
from bpnet._validation import as_random_state, check_count
from bpnet.diagnostics.graph import Graph, as_data
from bpnet.diagnostics.table import LayerTable

#: A slope below this share of the one at the origin is flat: half of leaky_relu's lower slope, which is meant to pass
#: signals on; tanh is flat beyond 0.9975.
FLAT = 0.005
# The slope at the origin, from above; near enough to 1 for all other activations.
ORIGIN = {"logistic": 0.25}


def delta_statistics(
    net, X, y, sample_weight=None, *, n_restarts=0, initializer=None, random_state=None, quantiles=(0.05, 0.5, 0.95)
):
    """Statistics of the error signals delta_j = dE_n/da_j in each layer.

    Parameters
    ----------
    net : Network
        Not changed.
    X, y
        As for `Network.deltas`.
    sample_weight : array-like of shape (n_samples,), optional
        How often each sample counts; delta itself is that of E_n, without the weight.
    n_restarts : int, default=0
        0: for the parameters of `net`. Else for so many new starts, and every number is the mean of theirs.
    initializer : callable, optional
        Of the new starts: (topology, random_state) -> parameters, by default `initializers.glorot_uniform`; a
        `WeightMoments` is one.
    random_state : None, int, RandomState or Generator, default=None
        Of the new starts.
    quantiles : sequence of float, default=(0.05, 0.5, 0.95)

    Returns
    -------
    LayerTable
        With columns

        - mean, variance, mean_square, q...: of delta over the samples and units of the layer;
        - norm_of_mean: Euclidean norm of the vector of the units' means over samples;
        - dead: share of units that are flat on every sample: next to nothing trains them;
        - saturated: share of the pairs of unit and sample that are flat, that is h'(a) is below 0.005 of its value at
          the origin (for relu: the inactive ones); NaN for softmax;
        - ratio: root mean square of delta over that of the next layer.

        and by unit in `units`: mean and mean_square of delta, and the means of h, h', h'^2 and h' h as output, slope,
        slope_square and slope_output.

    Notes
    -----
    Cost: that of `Network.deltas` and `Network.signals`, times n_restarts.

    Examples
    --------
    >>> import numpy as np
    >>> from bpnet import Network, Topology
    >>> net = Network(Topology.layered([2, 8, 8, 1], "relu"), random_state=0)
    >>> X, y = np.random.default_rng(0).normal(size=(50, 2)), np.ones(50)
    >>> delta_statistics(net, X, y)["norm_of_mean"].round(2)
    array([0.53, 0.89, 1.35])
    >>> delta_statistics(net, X, y, n_restarts=20, random_state=0).standard_errors["dead"].shape
    (3,)
    """
    n_restarts = check_count(n_restarts, "n_restarts")
    levels = np.asarray(quantiles, float)
    if levels.ndim != 1 or not ((levels >= 0) & (levels <= 1)).all():
        raise ValueError(f"expected quantiles as a sequence of numbers from 0 to 1, got {quantiles!r}")
    X, y, weights = as_data(net, X, y, sample_weight)
    draw, random_state = initializer or initializers.glorot_uniform, as_random_state(random_state)
    nets = (net._with(draw(net.topology, random_state).astype(net.dtype)) for _ in range(n_restarts))
    graph = Graph(net.topology)
    measured = [_measure(one, graph, X, y, weights, levels) for one in (nets if n_restarts else [net])]
    columns, errors = average([by_layer for by_layer, _ in measured])
    units, unit_standard_errors = average([by_unit for _, by_unit in measured])
    over = f"mean over {n_restarts} new starts" if n_restarts else "weights of this network"
    about = {name: f"over samples; {over}" for name in units}
    about |= {name: f"over samples and units; {over}" for name in columns}
    about |= {"norm_of_mean": f"of the means over samples; {over}", "dead": f"over units; {over}"}
    about |= {"ratio": f"to the next layer; {over}"}
    columns["n_units"] = np.array([layer.n_units for layer in graph.layers])
    return LayerTable(
        columns,
        about,
        shown=["n_units", *measured[0][0]],
        main="mean_square",
        growth=graph.growth(columns["mean_square"]),
        units=units,
        standard_errors=errors,
        unit_standard_errors=unit_standard_errors,
        n_draws=n_restarts,
        layers=graph.columns,
    )


def average(draws):
    """Mean of dicts of arrays, key by key, and its standard error; no errors for less than two."""
    stacks = {name: np.stack([draw[name] for draw in draws]) for name in draws[0]}
    means = {name: values.mean(axis=0) for name, values in stacks.items()}
    if len(draws) < 2:
        return means, {}
    return means, {name: values.std(axis=0, ddof=1) / np.sqrt(len(draws)) for name, values in stacks.items()}


def _measure(net, graph, X, y, weights, levels):
    """The statistics of one network: by layer, and by unit. `weights` sum to 1."""
    z, slope = net.signals(X)
    delta = net.deltas(X, y).astype(np.float64)
    reach = np.array([ORIGIN.get(name, 1.0) for layer in graph.layers for name in layer.activations])
    flat = np.where(np.isnan(slope), np.nan, slope < FLAT * reach)
    units = {"mean": weights @ delta, "mean_square": weights @ delta**2}
    units |= {"output": weights @ z, "slope": weights @ slope}
    units |= {"slope_square": weights @ slope**2, "slope_output": weights @ (slope * z)}
    mean, mean_square = graph.layer_means(units["mean"]), graph.layer_means(units["mean_square"])
    layers = {"mean": mean, "variance": np.maximum(mean_square - mean**2, 0), "mean_square": mean_square}
    layers["norm_of_mean"] = np.array([np.linalg.norm(units["mean"][own]) for own in graph.columns.values()])
    quantiles = np.stack([_quantiles(delta[:, own], weights, levels) for own in graph.columns.values()])
    layers |= {f"q{100 * level:g}": values for level, values in zip(levels, quantiles.T, strict=True)}
    layers["dead"] = graph.layer_means(flat.min(axis=0))
    layers["saturated"] = graph.layer_means(weights @ flat)
    with np.errstate(divide="ignore", invalid="ignore"):
        layers["ratio"] = np.append(np.sqrt(mean_square[:-1] / mean_square[1:]), np.nan)
    return layers, units


def _quantiles(delta, weights, levels):
    """Of all numbers of a matrix, each row with its weight: a zero row is a row left out, 2 stands for two rows."""
    weights = np.repeat(weights, delta.shape[1])
    return np.quantile(delta.ravel(), levels, weights=weights, method="inverted_cdf")
