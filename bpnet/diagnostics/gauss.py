# SPDX-License-Identifier: BSD-3-Clause
"""Expectations over a ~ N(mean, variance): of activations, and of the loss's derivatives at the outputs."""

import numpy as np
from scipy.special import log_ndtr, ndtr

from bpnet._core import activations

#: Nodes of Gauss-Hermite quadrature. For the loss 20: E[sigma'(a)] to 1e-10 at a standard deviation of 1, 2e-5 at 2.
#: For activations 64: E[tanh'(a)^2] to 5e-8 and 5e-4; what has a kink is integrated in closed form.
LOSS_NODES, ACTIVATION_NODES = 20, 64
#: Normal vectors that stand for the a of softmax outputs, which no product rule reaches: half of them, and their
#: opposites. Turned round so that each number stands at each unit they give E[p] exactly and E[p^2] to about 1 %.
SOFTMAX_NODES = 500
#: Rows of outputs that are evaluated together, nodes times samples.
ROWS = 5000
# c of h(a) = a above zero and c a below it.
STRAIGHT = {"identity": 1.0, "relu": 0.0, "leaky_relu": 0.01}
# Scale and alpha of h(a) = scale a above zero and scale alpha (exp(a) - 1) below it.
BENT = {"elu": (1.0, 1.0), "selu": (1.0507009873554805, 1.6732632423543772)}


def expected_activation(layer, mean, variance):
    """E[h(a)], E[h(a)^2], E[h'(a)], E[h'(a)^2] of a layer's units, elementwise activations only.

    Parameters
    ----------
    layer : Layer
    mean, variance : ndarray of shape (n_samples, 1) or (n_samples, n_units)

    Returns
    -------
    tuple of four ndarrays of that shape, or of (n_samples, n_units) if the units' activations differ
    """
    if isinstance(layer.activation, str):
        return _expected(layer.activation, mean, variance)
    wide = [np.broadcast_to(values, (len(values), layer.n_units)) for values in (mean, variance)]
    results = np.empty((4, *wide[0].shape))
    for name in set(layer.activation):
        own = np.array([activation == name for activation in layer.activation])
        results[:, :, own] = _expected(name, wide[0][:, own], wide[1][:, own])
    return tuple(results)


def _expected(name, mean, variance):
    deviation = np.sqrt(variance)
    if name in STRAIGHT or name in BENT:
        return _expected_pieces(name, mean, variance, np.maximum(deviation, np.finfo(float).tiny))
    sums = np.zeros((4, *np.broadcast_shapes(mean.shape, variance.shape)))
    for t, weight in zip(*_nodes(ACTIVATION_NODES), strict=True):
        h, slope, _ = activations.evaluate(name, mean + deviation * t)
        sums += weight * np.stack([h, h**2, slope, slope**2])
    return tuple(sums)


def _expected_pieces(name, mean, variance, deviation):
    """In closed form: h is straight above zero, and straight or an exponential below."""
    t = mean / deviation
    above = ndtr(t)
    positive = mean * above + deviation * np.exp(-t * t / 2) / np.sqrt(2 * np.pi)  # E[max(a, 0)]
    square = mean * positive + variance * above  # E[max(a, 0)^2]
    if name in STRAIGHT:
        c = STRAIGHT[name]
        values = positive + c * (mean - positive), square + c**2 * (mean**2 + variance - square)
        return (*values, above + c * (1 - above), above + c**2 * (1 - above))
    scale, alpha = BENT[name]
    # E[exp(a)] and E[exp(2 a)] over a < 0.
    once, twice = (np.exp(k * mean + k * k * variance / 2 + log_ndtr(-t - k * deviation)) for k in (1, 2))
    return (
        scale * (positive + alpha * (once - (1 - above))),
        scale**2 * (square + alpha**2 * (twice - 2 * once + (1 - above))),
        scale * (above + alpha * once),
        scale**2 * (above + alpha**2 * twice),
    )


def expected_output(net, layer, mean, variance, y):
    """E[delta], E[d2E/da^2] and E[delta^2] of output units that feed nothing.

    Parameters
    ----------
    net : Network
    layer : Layer
    mean, variance : ndarray of shape (n_samples, 1) or (n_samples, n_units)
        Of their a, independent of each other.
    y : ndarray of shape (n_samples, n_units)

    Returns
    -------
    tuple of three ndarrays of shape (n_samples, n_units)
    """
    if layer.activation == "softmax":
        nodes = _softmax_nodes(layer.n_units)
        weights = np.full(len(nodes), 1 / len(nodes))
    else:
        nodes, weights = _nodes(LOSS_NODES)
    sums, deviation, shape = np.zeros((3, *y.shape)), np.sqrt(variance), y.shape
    step = max(1, ROWS // max(len(y), 1))
    for first in range(0, len(nodes), step):
        t, weight = nodes[first : first + step], weights[first : first + step]
        a = mean + deviation * t.reshape(len(t), 1, -1)
        rows = np.broadcast_to(a, (len(t), *shape)).reshape(-1, shape[1])
        delta, curvature = output_derivatives(net, layer, rows, np.tile(y, (len(t), 1)))
        for total, values in zip(sums, (delta, curvature, delta**2), strict=True):
            total += np.tensordot(weight, values.reshape(len(t), *shape), 1)
    return tuple(sums)


def output_derivatives(net, layer, a, y):
    """delta = dE/da and d2E/da_k^2 of output units that feed nothing: two arrays like `a`."""
    loss, a = net._loss, np.ascontiguousarray(a)
    if layer.activation == "softmax":
        p = np.exp(a - a.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        if net._reads_raw:
            return loss.gradient(a, y), y.sum(axis=1, keepdims=True) * p * (1 - p)
        # Half the squared error of p, whose slope is P = diag p - p p': delta = P (p - y), and P P' plus the rest.
        delta = p * (p - y - ((p - y) * p).sum(axis=1, keepdims=True))
        return delta, p**2 * (1 - 2 * p + (p**2).sum(axis=1, keepdims=True)) + (1 - 2 * p) * delta
    if net._reads_raw:
        return loss.gradient(a, y), _curvature(loss, a, y)
    h, slope, bend = np.empty((3, *a.shape))
    for name in set(layer.activations):
        own = np.array([activation == name for activation in layer.activations])
        h[:, own], slope[:, own], bend[:, own] = activations.evaluate(name, a[:, own])
    error = loss.gradient(h, y)
    return slope * error, slope**2 * _curvature(loss, h, y) + bend * error


def _curvature(loss, raw, y):
    """d2E/draw_k^2 of a loss that is a sum over outputs: each output is taken as a sample of its own."""
    return loss.hessian(raw.reshape(-1, 1), y.reshape(-1, 1)).reshape(raw.shape)


def _softmax_nodes(n_units):
    """About SOFTMAX_NODES normal vectors."""
    turns = np.linspace(0, n_units, min(n_units, SOFTMAX_NODES // 2), endpoint=False).astype(int)
    draws = np.random.default_rng(0).normal(size=(-(-SOFTMAX_NODES // (2 * len(turns))), n_units))
    turned = np.concatenate([np.roll(draws, turn, axis=1) for turn in turns])
    return np.concatenate([turned, -turned])


def _nodes(n):
    """Nodes and weights of the normal distribution."""
    t, weights = np.polynomial.hermite_e.hermegauss(n)
    return t, weights / weights.sum()
