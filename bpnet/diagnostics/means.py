# SPDX-License-Identifier: BSD-3-Clause
"""Expected error signals at initialisation, from the mean mu and the variance s2 of the weights of each layer.

Unit j with output h_j and slope h'_j is heard by units k through weights w_kj of mean mu and variance s2. Stein's
identity, E[(w - mu) g(w)] = s2 E[g'(w)] for normal w, and d(delta_k)/dw_kj = M_kk h_j give for every loss and depth

    E[delta_j] = sum_k ( mu E[h'_j delta_k] + s2 E[h'_j h_j M_kk] ),      M_kk = d2E_n/da_k^2.                      (1)

Where the units k are outputs that feed nothing, delta_k and M_kk are functions of a_k, which given all that k hears is
normal with mean mu sum h_l + E[b_k] and variance s2 sum h_l^2 + Var[b_k]: they are averaged over it. For squared error
and identity outputs, where M_kk = 1, (1) then holds for weights of any distribution. Elsewhere delta_k and M_kk are
those of drawn networks. The independence approximation takes h'_j and delta_k for independent, and M_kk for zero:

    E[delta_j] ~ E[h'_j] mu sum_k E[delta_k],

and what it misses is exactly a sum of four parts (Cov over samples and weights; y_k of matched outputs k alone):

    curvature   s2 sum_k E[h'_j h_j M_kk]
    signals     mu sum_k Cov(h'_j, delta_k + y_k)
    targets    -mu sum_k Cov(h'_j, y_k)
    inherited   mu E[h'_j] sum_k (E[delta_k] - what was taken for it)
"""

import numpy as np

from bpnet.diagnostics.gauss import expected_output
from bpnet.diagnostics.graph import squared
from bpnet.layers import INPUT

PARTS = ("curvature", "signals", "targets", "inherited")


def sample_terms(net, graph, moments, X, y, weights):
    """The expectations of (1) for one network, averaged over the samples.

    Parameters
    ----------
    net : Network of float64
    graph : Graph
    moments : WeightMoments
    X, y, weights
        As of `as_data`.

    Returns
    -------
    dict of {(str, name) or (str, name, k): ndarray}
        "slope", "seed" and "delta" by layer; "slope delta", "curvature", "slope target" and "target" by layer and
        layer k that hears it.
    """
    z, slope = net.signals(X)
    delta = net.deltas(X, y)
    heard = {INPUT: X} | {name: z[:, own] for name, own in graph.columns.items()}
    inner = [k for k, layer in enumerate(graph.layers) if k not in graph.closing and layer.sources != (INPUT,)]
    M = net.curvatures(X, y) if inner else delta
    terms: dict[tuple, np.ndarray] = {}
    above = {}
    for k, layer in enumerate(graph.layers):
        own = graph.columns[layer.name]
        above[k] = delta[:, own], M[:, own], None
        if k in graph.closing:
            targets = y[:, graph.output_columns[layer.name]]
            above[k] = (*closed_output(net, graph, moments, k, heard, targets)[:2], targets if net._reads_raw else None)
        terms["delta", layer.name] = weights @ above[k][0]
        terms["slope", layer.name] = weights @ slope[:, own]
        terms["seed", layer.name] = np.zeros(layer.n_units)
        if layer.name in graph.topology.outputs and k not in graph.closing:
            terms["seed", layer.name] = weights @ _seed(net, graph, layer, X, y, slope[:, own])
    for name, own in graph.columns.items():
        for k in graph.followers[name]:
            D, Q, T = (0.0 if part is None else graph.heard_by(name, k, part) for part in above[k])
            terms["slope delta", name, k] = weights @ (slope[:, own] * D)
            terms["curvature", name, k] = weights @ (slope[:, own] * z[:, own] * Q)
            terms["slope target", name, k] = weights @ (slope[:, own] * T)
            terms["target", name, k] = weights @ np.broadcast_to(T, z[:, own].shape)
    return terms


def closed_output(net, graph, moments, k, heard, y):
    """E[delta], E[M_kk] and E[delta^2] of the units of output layer k, given the signals that it hears."""
    mean = moments.mean[k] * graph.hear(k, heard) + moments.bias_mean[k]
    variance = moments.variance[k] * graph.hear(k, squared(heard)) + moments.bias_variance[k]
    return expected_output(net, graph.layers[k], mean, variance, y)


def combine(graph, moments, terms):
    """Predicted mean, independence approximation and the parts of what it misses, unit by unit.

    Parameters
    ----------
    graph : Graph
    moments : WeightMoments
    terms : dict
        Of `sample_terms`, or means of such over draws.

    Returns
    -------
    dict of {str: ndarray of shape (n_units,)}
        "mean", "independent", "gap" and, for each of PARTS, "gap_...".
    """
    done: dict[str, dict] = {}
    for layer in reversed(graph.layers):
        name, slope = layer.name, terms["slope", layer.name]
        start = terms["seed", name] if graph.followers[name] else terms["delta", name]
        values = dict.fromkeys(("mean", "independent", *PARTS), np.zeros(layer.n_units))
        values |= {"mean": values["mean"] + start, "independent": values["mean"] + start}
        for k in graph.followers[name]:
            mu, other = moments.mean[k], graph.layers[k].name
            total = graph.heard_by(name, k, terms["delta", other][None])[0]
            taken = graph.heard_by(name, k, done[other]["independent"][None])[0]
            curvature = moments.variance[k] * terms["curvature", name, k]
            targets = -mu * (terms["slope target", name, k] - slope * terms["target", name, k])
            step = {
                "mean": mu * terms["slope delta", name, k] + curvature,
                "independent": mu * slope * taken,
                "curvature": curvature,
                "signals": mu * (terms["slope delta", name, k] - slope * total) - targets,
                "targets": targets,
                "inherited": mu * slope * (total - taken),
            }
            values = {key: values[key] + step[key] for key in values}
        done[name] = values
    units = {
        key: np.concatenate([done[name][key] for name in graph.columns]) for key in ("mean", "independent", *PARTS)
    }
    parts = {f"gap_{part}": units.pop(part) for part in PARTS}
    return units | {"gap": units["mean"] - units["independent"]} | parts


def _seed(net, graph, layer, X, y, slope):
    """The loss's own derivative to a of outputs that feed on."""
    raw = net.predict_raw(X) if net._reads_raw else net.predict(X)
    own = graph.output_columns[layer.name]
    gradient = net._loss.gradient(raw, y)[:, own]
    return gradient if net._reads_raw else slope * gradient
