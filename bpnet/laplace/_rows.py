# SPDX-License-Identifier: BSD-3-Clause
"""Sums over rows of J' L J, the Gauss-Newton matrix, in the parts that the structures need; and J itself in chunks.

J is the derivative of what the loss reads to the parameters, L the second derivative of s_n E_n to that.
"""

import numpy as np

from bpnet._threads import one_blas_thread

#: Bytes that the Jacobian of a chunk of rows takes: it stays near the cache, and calls are few.
_CHUNK = 2**24


def chunks(net, n_samples):
    """Slices of rows whose Jacobians are small."""
    each = 8 * net.topology.n_outputs * net.topology.n_parameters
    size = max(1, _CHUNK // each)
    return [slice(start, min(start + size, n_samples)) for start in range(0, n_samples, size)]


def linearised(net, posterior, X):
    """For each chunk of rows: the slice, what the loss reads, (m, K), and whitened Jacobians B, (m, K, r).

    B B' are covariances of what the loss reads, in units of the noise variance, the network linear in its parameters.
    """
    of = "raw" if net._reads_raw else "output"
    for rows in chunks(net, X.shape[0]):
        with one_blas_thread():
            J = net.parameter_jacobian(X[rows], of)
            read = net.predict_raw(X[rows]) if net._reads_raw else net.predict(X[rows])
            B = posterior.whiten(J.reshape(-1, J.shape[2]))
        yield rows, read, B.reshape(*J.shape[:2], -1)


def residuals(net, posterior, X, y):
    """Of all rows: residuals, and variances of the model in units of the noise variance, both (n_samples, K)."""
    parts = [(y[rows] - read, np.einsum("nkr,nkr->nk", B, B)) for rows, read, B in linearised(net, posterior, X)]
    residual, spread = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return residual, spread


def weighed_jacobians(net, X, y, sample_weight):
    """For each chunk of rows: the slice, J (n, K, W) and s L J of the same shape."""
    of = "raw" if net._reads_raw else "output"
    for rows in chunks(net, X.shape[0]):
        J = net.parameter_jacobian(X[rows], of)
        read = net.predict_raw(X[rows]) if net._reads_raw else net.predict(X[rows])
        curvature = net._loss.hessian(read, np.ascontiguousarray(y[rows]), whole=False)
        if sample_weight is not None:
            curvature = curvature * sample_weight[rows][:, None, None]
        yield rows, J, np.matmul(curvature, J)


def full(net, X, y, sample_weight, places):
    """J' L J of all parameters at `places`."""
    if len(places) == len(net.parameters):
        return net.gauss_newton(X, y, sample_weight)
    total = np.zeros((len(places),) * 2)
    for _, J, weighed in weighed_jacobians(net, X, y, sample_weight):
        some = J[..., places].reshape(-1, len(places))
        total += some.T @ weighed[..., places].reshape(some.shape)
    return (total + total.T) / 2


def diagonal(net, X, y, sample_weight, places):
    """The diagonal of J' L J at `places`."""
    total = np.zeros(len(net.parameters))
    for _, J, weighed in weighed_jacobians(net, X, y, sample_weight):
        total += np.einsum("nkw,nkw->w", J, weighed)
    return total[places]


def kronecker(net, X, y, sample_weight):
    """Two matrices for each layer, of its sources and of its units.

    Means over rows of z z', z the sources, 1 for the bias among them; and sums of g' L g, g the derivatives of what the
    loss reads to the layer's weighted sums. Their Kronecker product stands for the layer's block of J' L J: a mean of
    products is taken for the product of means (Martens and Grosse, ICML 2015; for the Gauss-Newton matrix Botev et al.,
    ICML 2017).
    """
    layers = net.topology.layers
    sums: list = [[0.0, 0.0] for _ in layers]
    weight = np.ones(X.shape[0]) if sample_weight is None else sample_weight
    for rows, J, weighed in weighed_jacobians(net, X, y, sample_weight):
        parts = []
        for k, z in enumerate(sources_of(net, X[rows])):
            g, lg = (_to_sums(net, k, z, derivative) for derivative in (J, weighed))
            n_units = layers[k].n_units
            parts.append([(z * weight[rows, None]).T @ z, g.reshape(-1, n_units).T @ lg.reshape(-1, n_units)])
        sums = [[p + q for p, q in zip(*pair, strict=True)] for pair in zip(sums, parts, strict=True)]
    return [(A / weight.sum(), (G + G.T) / 2) for A, G in sums]


def sources_of(net, X):
    """What each layer hears, (n_samples, n_sources), with a column of ones where it has biases."""
    X = X.toarray() if hasattr(X, "toarray") else X
    z, _ = net.signals(X)
    columns, at = {"input": np.asarray(X, np.float64)}, 0
    for layer in net.topology.layers:
        columns[layer.name] = z[:, at : at + layer.n_units]
        at += layer.n_units
    ones = np.ones((len(z), 1))
    return [
        np.hstack([*(columns[source] for source in layer.sources), *[ones] * layer.bias])
        for layer in net.topology.layers
    ]


def _to_sums(net, k, z, J):
    """Derivatives to the weighted sums of layer k, out of those to its parameters, z_i g_j."""
    layer, (start, stop) = net.topology.layers[k], net.topology.plan.weight_ranges[k]
    if layer.bias:
        return J[..., stop : stop + layer.n_units]
    # Where all sources are 0 the derivatives are too, whatever g is.
    squares = np.einsum("ni,ni->n", z, z)
    scale = np.divide(1, squares, out=np.zeros_like(squares), where=squares > 0)
    block = J[..., start:stop].reshape(*J.shape[:2], -1, layer.n_units)
    return np.einsum("ni,nkij->nkj", z * scale[:, None], block)
