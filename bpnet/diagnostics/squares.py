# SPDX-License-Identifier: BSD-3-Clause
"""Expected squares of the error signals at initialisation: how fast they vanish or explode.

For wide layers a is normal over the weights, for each sample with its own variance q, and the weights are taken for
independent of the error signals that they carry back. With mu, s2 the moments of the weights of the layer that hears,
sums over the units k of that layer and t ~ N(0, 1),

    q_k = s2 sum_l E[h(sqrt(q_l) t)^2] + Var[b_k],             q of the inputs' own: s2 sum x_i^2 + Var[b]
    E[delta_j^2] = E[h'(sqrt(q_j) t)^2] ( s2 sum_k E[delta_k^2] + mu^2 E[(sum_k delta_k)^2] ).                      (2)

Means mu sum E[h] + E[b] of a are carried along, as is E[delta_k delta_k'] for the last term. At the last hidden layer
under squared error and identity outputs, mu = 0, the expectation over the M output units' weights is exact,

    E[delta_j^2] = h'_j^2 ( s2 sum_k (s2 sum_l h_l^2 + Var[b_k] + (y_k - E[b_k])^2)
                            + M (M + kurtosis - 2) s2^2 h_j^2 ),                                                    (3)

of which (2) drops the last term, some (M + 1) / n of the whole.
"""

import numpy as np

from bpnet.diagnostics.gauss import expected_activation, expected_output
from bpnet.diagnostics.graph import squared
from bpnet.layers import INPUT


def predict_squares(net, graph, moments, X, y, weights):
    """E[delta_j^2] of all units by (2), averaged over the samples: shape (n_units,)."""
    slope, slope_square, spread = _forward(graph, moments, X)
    squares, products, result = {}, {}, {}
    for k in reversed(range(len(graph.layers))):
        layer = graph.layers[k]
        name, n = layer.name, layer.n_units
        squares[k], products[k] = np.zeros((len(y), 1)), np.zeros((len(y), 1))
        if name in graph.topology.outputs:
            (mean, variance), targets = spread[k], y[:, graph.output_columns[name]]
            delta, _, squares[k] = expected_output(net, layer, mean, variance, targets)
            products[k] = _mean_product(layer, delta, squares[k])
        for m in graph.followers[name]:
            mu2, s2 = moments.mean[m] ** 2, moments.variance[m]
            hearing = graph.n_hearing(name, m)
            total = graph.heard_by(name, m, squares[m])
            pairs = mu2 * (total + hearing * (hearing - 1) * products[m])
            squares[k] = squares[k] + slope_square[name] * (s2 * total + pairs)
            products[k] = products[k] + (slope[name] ** 2 * pairs).mean(axis=1, keepdims=True)
        result[name] = weights @ np.broadcast_to(squares[k], (len(y), n))
    return np.concatenate([result[layer.name] for layer in graph.layers])


def refined_squares(net, graph, moments, z, slope, X, y, weights):
    """E[delta_j^2] by (3) where it holds, else NaN, for the hidden signals given: shape (n_units,)."""
    result = np.full(z.shape[1], np.nan)
    heard = {INPUT: X} | {name: z[:, own] for name, own in graph.columns.items()}
    squares = squared(heard)
    for name, own in graph.columns.items():
        if len(graph.followers[name]) != 1 or name in graph.topology.outputs:
            continue
        k = graph.followers[name][0]
        layer, s2 = graph.layers[k], moments.variance[k]
        is_least_squares = net._reads_raw and net._loss.name == "squared_error"
        if k not in graph.closing or not is_least_squares or layer.mask or moments.mean[k] != 0:
            continue
        M, residual = layer.n_units, y[:, graph.output_columns[layer.name]] - moments.bias_mean[k]
        variance = s2 * graph.hear(k, squares) + moments.bias_variance[k]
        of_others = s2 * (M * variance + (residual**2).sum(axis=1, keepdims=True))
        of_own = M * (M + moments.kurtosis[k] - 2) * s2**2 * z[:, own] ** 2
        result[own] = weights @ (slope[:, own] ** 2 * (of_others + of_own))
    return result


def _forward(graph, moments, X):
    """For each sample E[h'] and E[h'^2] by layer, and mean and variance of a by number of the layer."""
    value, square = {INPUT: X}, squared({INPUT: X})
    slope, slope_square, spread = {}, {}, {}
    for k, layer in enumerate(graph.layers):
        mean = moments.mean[k] * graph.hear(k, value) + moments.bias_mean[k]
        variance = moments.variance[k] * graph.hear(k, square) + moments.bias_variance[k]
        spread[k] = mean, variance
        if layer.activation != "softmax":
            results = expected_activation(layer, mean, variance)
            wide = [np.broadcast_to(result, (len(mean), layer.n_units)) for result in results]
            value[layer.name], square[layer.name], slope[layer.name], slope_square[layer.name] = wide
    return slope, slope_square, spread


def _mean_product(layer, delta, squares):
    """E[delta_k delta_k'] over pairs of different outputs: independent, but deltas of softmax sum to zero."""
    n = layer.n_units
    if n == 1:
        return np.zeros((len(delta), 1))
    total = 0.0 if layer.activation == "softmax" else delta.sum(axis=1, keepdims=True) ** 2
    own = squares if layer.activation == "softmax" else delta**2
    return (total - own.sum(axis=1, keepdims=True)) / (n * (n - 1))
