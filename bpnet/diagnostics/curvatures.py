# SPDX-License-Identifier: BSD-3-Clause
"""Second derivatives of E_n to the weighted sum of each unit, M_jj = d2E_n/da_j^2."""

import numpy as np

from bpnet._core import activations
from bpnet.diagnostics.gauss import output_derivatives
from bpnet.layers import INPUT

ROWS = 64  # at a time: each block of M is (rows, n_units, n_units)


def curvatures(net, X, y):
    """M_jj of all units, without sample weights: shape (n_samples, n_units), in the columns of `Network.deltas`.

    For networks whose outputs feed nothing. Cost O(n_samples n_units W).
    """
    if any(set(layer.sources) & set(net.topology.outputs) for layer in net.topology.layers):
        raise NotImplementedError("expected outputs that feed no further units")
    return np.vstack([_curvatures(net, X[k : k + ROWS], y[k : k + ROWS]) for k in range(0, X.shape[0], ROWS)])


def _curvatures(net, X, y):
    """M_lk = h'_l sum_m W_lm M_mk + [l = k] h''_l error_l: layers m that hear l, from the outputs backwards."""
    layers = net.topology.layers
    weights, z, slope, bend, a = _forward(net, X)
    M, delta, column = {}, {}, 0
    for name in net.topology.outputs:
        layer = next(layer for layer in layers if layer.name == name)
        targets = y[:, column : column + layer.n_units]
        delta[name], diagonal = output_derivatives(net, layer, a[name], targets)
        M[name, name] = _softmax_block(net, z[name], targets) if layer.activation == "softmax" else _diagonal(diagonal)
        column += layer.n_units
    order = [layer.name for layer in layers]
    for at in reversed(range(len(order))):
        name = order[at]
        followers = [m for m in order[at + 1 :] if (name, m) in weights]
        error = sum(delta[m] @ weights[name, m].T for m in followers)
        delta.setdefault(name, slope[name] * error)
        for k in [*order[at + 1 :], name]:
            if followers:
                M[name, k] = slope[name][:, :, None] * sum(weights[name, m] @ M[m, k] for m in followers)
            else:
                M.setdefault((name, k), np.zeros((len(y), z[name].shape[1], z[k].shape[1])))
            if k == name and followers:
                M[name, k] += _diagonal(bend[name] * error)
            M[k, name] = np.swapaxes(M[name, k], 1, 2)
    return np.hstack([np.diagonal(M[name, name], axis1=1, axis2=2) for name in order])


def _forward(net, X):
    """Weights by (source, layer), and z, h', h'' and a by layer."""
    weights, z, slope, bend, sums = {}, {INPUT: X}, {}, {}, {}
    for layer, stack, bias in zip(net.topology.layers, net.coefs, net.intercepts, strict=True):
        a, first = np.zeros((X.shape[0], layer.n_units)), 0
        for source in layer.sources:
            weights[source, layer.name] = W = stack[first : first + z[source].shape[1]]
            a, first = a + z[source] @ W, first + len(W)
        sums[layer.name] = a = a + bias if layer.bias else a
        z[layer.name], slope[layer.name], bend[layer.name] = np.empty((3, *a.shape))
        if layer.activation == "softmax":
            p = np.exp(a - a.max(axis=1, keepdims=True))
            z[layer.name] = p / p.sum(axis=1, keepdims=True)
            continue
        for name in set(layer.activations):
            own = np.array([activation == name for activation in layer.activations])
            results = activations.evaluate(name, a[:, own])
            z[layer.name][:, own], slope[layer.name][:, own], bend[layer.name][:, own] = results
    return weights, z, slope, bend, sums


def _softmax_block(net, p, y):
    """d2E/da da' of the outputs p = softmax(a): P = diag p - p p' is the slope of p."""
    P = _diagonal(p) - p[:, :, None] * p[:, None, :]
    if net._reads_raw:
        return y.sum(axis=1)[:, None, None] * P
    # Half the squared error: P P' + sum_m error_m d2p_m/da da'.
    error = p - y - ((p - y) * p).sum(axis=1, keepdims=True)
    pairs = p[:, :, None] * p[:, None, :] * (error[:, :, None] + error[:, None, :])
    return P @ P + _diagonal(p * error) - pairs


def _diagonal(values):
    return values[:, :, None] * np.eye(values.shape[1])
