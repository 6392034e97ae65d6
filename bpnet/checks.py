# SPDX-License-Identifier: BSD-3-Clause
"""Checks of derivatives against differences, for anyone who adds a loss, an activation or a block kind."""

import numpy as np

from bpnet._validation import as_random_state
from bpnet.network import Network


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
    w = net.parameters.astype(np.float64)
    probe = Network.from_parameters(net.topology, w.copy(), net.loss_name)
    gradient = probe.gradient(X, y, sample_weight)
    if n_directions is None and len(w) <= 1000:
        directions = np.eye(len(w))
    else:
        directions = as_random_state(random_state).normal(size=(n_directions or 100, len(w)))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    # The cube root of the precision balances rounding, eps / step, against the difference's own error, step^2.
    step = np.cbrt(np.finfo(np.float64).eps) * max(1.0, float(np.abs(w).max()))
    slopes = []
    for direction in directions:
        probe.parameters = w + step * direction
        ahead = probe.loss(X, y, sample_weight)
        probe.parameters = w - step * direction
        slopes.append((ahead - probe.loss(X, y, sample_weight)) / (2 * step))
    exact = directions @ gradient
    return float(np.abs(slopes - exact).max() / max(np.abs(exact).max(), np.finfo(np.float64).tiny))
