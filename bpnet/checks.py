# SPDX-License-Identifier: BSD-3-Clause
"""Checks of derivatives against differences, for anyone who adds a loss, an activation or a block kind."""

import numpy as np

from bpnet._validation import as_random_state, check_count
from bpnet.network import check_network


def check_gradient(net, X, y, sample_weight=None, *, n_directions=None, random_state=0):
    """Worst relative error of `net.gradient` against central differences of `net.loss`.

    Parameters
    ----------
    net : Network
        Not changed. A float32 network is checked at its parameters in float64: differences of float32 say little.
    X, y, sample_weight
        As for `Network.gradient`.
    n_directions : int, optional
        Number of random directions to differentiate along, at two values of E each. By default every parameter is
        moved by itself where there are at most 1,000 of them, and 100 directions are drawn where there are more.
    random_state : None, int, RandomState or Generator, default=0
        Of the directions.

    Returns
    -------
    float
        max |difference quotient - g . d| / max |g . d| over the directions d; some 1e-9 for a right gradient, and
        around 1 for a wrong one. At kinks (relu) neither side is wrong where they disagree.

    Examples
    --------
    >>> import numpy as np
    >>> from bpnet import Network, Topology
    >>> net = Network(Topology.layered([2, 3, 1]), random_state=0)
    >>> check_gradient(net, np.eye(2), np.array([1.0, -1.0])) < 1e-7
    True
    """
    check_network(net)
    w = net.parameters.astype(np.float64)
    probe = net._with(w.copy())
    gradient = probe.gradient(X, y, sample_weight)
    if n_directions is None and len(w) <= 1000:
        directions = np.eye(len(w))
    else:
        directions = _random_directions(n_directions, len(w), random_state)
    step = _step(w)
    slopes = []
    for direction in directions:
        probe.parameters = w + step * direction
        ahead = probe.loss(X, y, sample_weight)
        probe.parameters = w - step * direction
        slopes.append((ahead - probe.loss(X, y, sample_weight)) / (2 * step))
    return _worst(np.array(slopes), directions @ gradient)


def check_jacobian(net, X, of="output"):
    """Worst relative error of `net.jacobian` against central differences of the outputs.

    Parameters
    ----------
    net : Network
        Not changed. A float32 network is checked at its parameters in float64.
    X : array-like of shape (n_samples, n_inputs)
    of : {"output", "raw"}, default="output"
        As for `Network.jacobian`.

    Returns
    -------
    float
        max |difference quotient - J_nki| / max |J_nki|; some 1e-9 for a right Jacobian. At kinks (relu) neither side is
        wrong where they disagree.

    Examples
    --------
    >>> import numpy as np
    >>> from bpnet import Network, Topology
    >>> net = Network(Topology.layered([2, 3, 1]), random_state=0)
    >>> check_jacobian(net, np.eye(2)) < 1e-7
    True
    """
    check_network(net)
    probe = net._in_float64()
    exact = probe.jacobian(X, of)
    predict = probe.predict_raw if of == "raw" else probe.predict
    X = np.array(X.toarray() if hasattr(X, "toarray") else X, np.float64)
    quotients = np.empty_like(exact)
    for i, step in enumerate(np.cbrt(np.finfo(np.float64).eps) * np.maximum(1, np.abs(X).max(axis=0, initial=0))):
        shift = step * (np.arange(X.shape[1]) == i)
        quotients[:, :, i] = (predict(X + shift) - predict(X - shift)) / (2 * step)
    return _worst(quotients, exact)


def check_hessian(net, X, y, sample_weight=None, *, n_directions=None, random_state=0):
    """Worst relative error of the Hessian against central differences of `net.gradient`.

    Parameters
    ----------
    net : Network
        Not changed. A float32 network is checked at its parameters in float64.
    X, y, sample_weight
        As for `Network.gradient`.
    n_directions : int, optional
        Number of random directions v whose `net.hessian_product` is checked. By default every column of `net.hessian`
        is checked where there are at most 1,000 parameters, and 100 directions where there are more.
    random_state : None, int, RandomState or Generator, default=0
        Of the directions.

    Returns
    -------
    float
        max |difference quotient - H v| / max |H v| over all v and all their components; some 1e-9 for a right Hessian.

    Examples
    --------
    >>> import numpy as np
    >>> from bpnet import Network, Topology
    >>> net = Network(Topology.layered([2, 3, 1]), random_state=0)
    >>> check_hessian(net, np.eye(2), np.array([1.0, -1.0])) < 1e-7
    True
    """
    check_network(net)
    w = net.parameters.astype(np.float64)
    probe = net._with(w.copy())
    if n_directions is None and len(w) <= 1000:
        directions, exact = np.eye(len(w)), probe.hessian(X, y, sample_weight)
    else:
        directions = _random_directions(n_directions, len(w), random_state)
        exact = probe.hessian_product(X, y, directions, sample_weight)
    step = _step(w)
    quotients = np.empty_like(exact)
    for k, direction in enumerate(directions):
        probe.parameters = w + step * direction
        ahead = probe.gradient(X, y, sample_weight)
        probe.parameters = w - step * direction
        quotients[k] = (ahead - probe.gradient(X, y, sample_weight)) / (2 * step)
    return _worst(quotients, exact)


def _random_directions(n_directions, n_parameters, random_state):
    """Unit vectors, one a row; 100 where nobody says how many."""
    n_directions = 100 if n_directions is None else check_count(n_directions, "n_directions", 1)
    directions = as_random_state(random_state).normal(size=(n_directions, n_parameters))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def _step(w):
    """Cube root of the precision: it balances rounding, eps / step, against the difference's own error, step^2."""
    return np.cbrt(np.finfo(np.float64).eps) * np.abs(w).max(initial=1.0)


def _worst(quotients, exact):
    """Largest difference over the largest exact number."""
    largest = np.abs(exact).max(initial=np.finfo(np.float64).tiny)
    return float(np.abs(quotients - exact).max(initial=0) / largest)
