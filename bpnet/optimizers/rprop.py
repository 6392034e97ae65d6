# SPDX-License-Identifier: BSD-3-Clause
"""iRprop+: steps of their own size for each parameter, taken back where a sign turned and the objective rose."""

import numpy as np

from bpnet.optimizers._search import Search


def rprop_plus(objective, w, *, size=0.1, shrink=0.5, grow=1.2, least=1e-9, most=50.0, **more):
    """Minimise an objective from w by iRprop+.

    Parameters
    ----------
    objective : Objective
    w : ndarray of shape (n_parameters,)
        The start; not changed.
    size : float, default=0.1
        Of the first step of each parameter.
    shrink, grow : float, default=0.5 and 1.2
        Factors of the size where the sign of the gradient turns, and where it stays.
    least, most : float, default=1e-9 and 50.0
        Bounds of the sizes.
    **more
        As of `Search`.

    Returns
    -------
    result : scipy.optimize.OptimizeResult
        As of `Search.run`.

    Notes
    -----
    An iteration costs one gradient, and memory is O(W). Where a sign turns, iRprop- ("rprop") waits for one step; this
    rule also takes the last step of that parameter back, if the objective has risen. The objective may rise, so its
    decrease does not end the search: `tol` and `max_iter` do.

    References
    ----------
    Igel and Huesken, "Empirical evaluation of the improved Rprop learning algorithms", Neurocomputing 50, 2003.
    """
    if not (size > 0 and 0 < shrink < 1 < grow and 0 <= least <= most):
        raise ValueError(
            f"expected size above 0, 0 < shrink < 1 < grow and 0 <= least <= most, got {size}, {shrink}, {grow}, "
            f"{least} and {most}"
        )
    # By default a rise of the objective ends nothing.
    search = Search(objective, w, **{"ftol": -np.inf, **more})
    return search.run(lambda search: _descend(search, size, shrink, grow, least, most))


def _descend(search, size, shrink, grow, least, most):
    """Steps until the search ends."""
    x = search.x
    value, gradient = search.start()
    sizes, steps, before, value_before = np.full(len(x), size), np.zeros(len(x)), np.zeros(len(x)), np.inf
    while True:
        product = np.sign(gradient) * before
        turned = product < 0
        sizes = np.where(product > 0, np.minimum(sizes * grow, most), sizes)
        sizes = np.where(turned, np.maximum(sizes * shrink, least), sizes)
        back = -steps if value > value_before else 0.0
        steps = np.where(turned, back, -np.sign(gradient) * sizes)
        x = x + steps
        before, value_before = np.where(turned, 0.0, np.sign(gradient)), value
        value, gradient = search.evaluate(x)
        search.judge(x, value)
