# SPDX-License-Identifier: BSD-3-Clause
"""Predicted: what the error signals will be like at initialisation, from the moments of the starting weights."""

import numpy as np

from bpnet._validation import as_random_state, check_count
from bpnet.diagnostics.graph import Graph, as_data
from bpnet.diagnostics.means import PARTS, combine, sample_terms
from bpnet.diagnostics.measured import average
from bpnet.diagnostics.moments import WeightMoments
from bpnet.diagnostics.squares import predict_squares, refined_squares
from bpnet.diagnostics.table import LayerTable


def predict_delta_statistics(net, X, y, sample_weight=None, *, moments=None, n_restarts=100, random_state=None):
    """Expected error signals delta_j = dE_n/da_j of each layer at initialisation.

    Parameters
    ----------
    net : Network
        Its topology and loss; its parameters too where `n_restarts` is 0. Not changed.
    X, y
        As for `Network.deltas`.
    sample_weight : array-like of shape (n_samples,), optional
        How often each sample counts.
    moments : WeightMoments, optional
        Of the starting weights; by default those of `initializers.glorot_uniform`.
    n_restarts : int, default=100
        Number of networks to draw: the signals of the hidden layers are averaged over them. With 0 they are those of
        `net`: expectations are then over the weights of the outputs alone, given its hidden layers, and of hidden
        layers further below no more than what this one network suggests.
    random_state : None, int, RandomState or Generator, default=None
        Of the drawn networks.

    Returns
    -------
    LayerTable
        With columns, each the mean over the units of the layer,

        - mean: expected delta. At the last hidden layer exact for squared error with identity outputs; for other
          losses for normal weights and, to O(1 / fan-in), for others. For layers below the same, up to the error
          of the mean over the drawn networks, for their delta_k and M_kk stand in it;
        - independent: what follows if slopes and error signals were independent, E[h'_j] mu sum_k E[delta_k];
        - gap: mean - independent, exactly the sum of gap_curvature, gap_signals, gap_targets (which are all
          there is at the last hidden layer) and gap_inherited from the layers above;
        - mean_square: expected delta^2, for wide layers, over all weights;
        - refined: the same, exact at the last hidden layer for squared error, identity outputs and mu = 0, else NaN;
        - chi: mean_square over that of the next layer.

        and all but chi by unit in `units`.

    Notes
    -----
    Formulas: `docs/theory.md`. Where mu = 0, as with all usual initialisers, the approximation `independent` is zero,
    and wrong by all that there is, unless E[h' h] = 0 (tanh without biases). For one network of the many, delta^2 may
    lie off its expectation by its own size: the prediction is of the order and of the rate from layer to layer.

    Limits, each seen against Monte Carlo: the column mean asks for slopes without jumps. Those of relu, leaky relu and
    selu units and of the losses absolute_error and quantile jump, and what that adds is left out: nothing where mu = 0,
    as far as was seen, but with mu of about the deviation the column may be wrong by its own size, and in sign.
    Expectations over a logistic output use 20 nodes: 3 % too small at a deviation of its a of 4, 18 % at 6, of no use
    at 10. gaussian_nll, several quantiles, and activations and losses of one's own are not provided for and end in
    errors. mean_square and chi are the approximation of wide layers: with 20 relu units a layer a fifth too small three
    layers down.

    Cost: n_restarts times O(n_samples n_units W), for a single hidden layer O(n_samples W); and 64 evaluations of
    each activation.

    Examples
    --------
    >>> import numpy as np
    >>> from bpnet import Network, Topology
    >>> X, y = np.random.default_rng(0).normal(size=(50, 20)), np.ones(50)
    >>> net = Network(Topology.layered([20, 30, 30, 30, 1], "logistic"))
    >>> table = predict_delta_statistics(net, X, y, n_restarts=10, random_state=0)
    >>> table["chi"].round(4)
    array([0.0186, 0.0199, 0.0039,    nan])
    >>> table.verdict
    'vanishing'
    """
    n_restarts = check_count(n_restarts, "n_restarts")
    X, y, weights = as_data(net, X, y, sample_weight)
    graph, topology = Graph(net.topology), net.topology
    if not graph.is_layered:
        raise ValueError("expected a network given layer by layer, got one of single units")
    moments = WeightMoments.glorot_uniform(topology) if moments is None else moments
    if not isinstance(moments, WeightMoments) or len(moments.mean) != len(graph.layers):
        raise ValueError(f"expected WeightMoments of {len(graph.layers)} layers, got {moments!r}")
    random_state = as_random_state(random_state)
    terms, by_draw = [], []
    for _ in range(max(n_restarts, 1)):
        w = moments(topology, random_state) if n_restarts else net.parameters.astype(np.float64)
        one = net._with(w)
        terms.append(sample_terms(one, graph, moments, X, y, weights))
        z, slope = one.signals(X)
        refined = refined_squares(one, graph, moments, z, slope, X, y, weights)
        by_draw.append({"mean": combine(graph, moments, terms[-1])["mean"], "refined": refined})
    units = combine(graph, moments, average(terms)[0])
    means, unit_standard_errors = average(by_draw)
    units |= {"mean_square": predict_squares(net, graph, moments, X, y, weights), "refined": means["refined"]}
    columns = {name: graph.layer_means(values) for name, values in units.items()}
    errors = average([{name: graph.layer_means(values) for name, values in draw.items()} for draw in by_draw])[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        columns["chi"] = np.append(columns["mean_square"][:-1] / columns["mean_square"][1:], np.nan)
    columns["n_units"] = np.array([layer.n_units for layer in graph.layers])
    return LayerTable(
        columns,
        _about(n_restarts),
        graph.columns,
        shown=["n_units", "mean", "independent", *(f"gap_{part}" for part in PARTS), "mean_square", "refined", "chi"],
        main="mean_square",
        growth=graph.growth(columns["mean_square"]),
        units=units,
        standard_errors=errors,
        unit_standard_errors=unit_standard_errors,
        n_draws=n_restarts,
    )


def _about(n_restarts):
    """What each column is averaged over."""
    hidden = f"hidden weights by {n_restarts} draws" if n_restarts else "hidden weights of this network"
    drawn = f"expected over samples, units and output weights; {hidden}"
    names = ["mean", "independent", "gap", "refined", *(f"gap_{part}" for part in PARTS)]
    return dict.fromkeys(names, drawn) | {
        "mean_square": "expected over samples, units and all weights",
        "chi": "to the next layer, expected over samples and all weights",
    }
