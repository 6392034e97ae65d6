# SPDX-License-Identifier: BSD-3-Clause
"""Moller's scaled conjugate gradients: no line search, but curvature along the direction, damped where it misleads."""

import numpy as np

from bpnet.optimizers._search import Search

#: Attempts in a row without a decrease after which it is rounding: the damping has grown beyond all scales.
_PATIENCE = 60


def scg(objective, w, *, lambda_init=1e-6, ftol=2.2e-9, **more):
    """Minimise an objective from w by scaled conjugate gradients.

    Parameters
    ----------
    objective : Objective
        In float64.
    w : ndarray of shape (n_parameters,)
        The start; not changed.
    lambda_init : float, default=1e-6
        First damping of the curvature, 0 < lambda <= 1e-6 in the paper. Whatever its value, it soon follows how well
        the quadratic model foresees the decrease.
    ftol : float, default=2.2e-9
        As of `Search`; that of L-BFGS-B.
    **more
        As of `Search`.

    Returns
    -------
    result : scipy.optimize.OptimizeResult
        As of `Search.run`.

    Notes
    -----
    The curvature p'Hp along the direction p comes from an exact Hessian-vector product, where the paper takes the
    difference of two gradients: so there is no step `sigma` to choose. An iteration that succeeds costs some three
    gradients, an attempt that fails one; memory is O(W). Directions begin anew at the gradient every W iterations.

    References
    ----------
    Moller, "A scaled conjugate gradient algorithm for fast supervised learning", Neural Networks 6, 1993.
    """
    if not lambda_init > 0:
        raise ValueError(f"expected lambda_init above 0, got {lambda_init}")
    return Search(objective, w, ftol=ftol, **more).run(lambda search: _descend(search, lambda_init))


# Numbers overflow where a step is too long; then it is no decrease, and shorter ones follow.
@np.errstate(over="ignore", invalid="ignore")
def _descend(search, damping):
    """Steps until the search ends; the names in comments are the paper's."""
    x = search.x
    value, gradient = search.start()
    direction, curvature, square = -gradient, None, 0.0  # p, delta before damping, |p|^2
    n_steps = n_failures = 0
    while True:
        if curvature is None:
            square = direction @ direction
            curvature = direction @ search.product(x, direction)
        damped = curvature + damping * square
        if damped <= 0:
            # As much damping as makes the curvature as positive as it was negative: lambda-bar.
            damping = 2 * (damping - damped / square)
            damped = curvature + damping * square
        slope = -(direction @ gradient)  # mu
        tried = x + slope / damped * direction
        new_value, new_gradient = search.evaluate(tried)
        ratio = 2 * damped * (value - new_value) / slope**2  # Delta
        decreased = new_value < value and np.isfinite(new_gradient).all()
        if ratio < 0.25 or not decreased:
            # An infinite value says no more than that the step is too long.
            damping += damped * (1 - max(ratio, -1e3) if np.isfinite(ratio) else 4.0) / square
        elif ratio > 0.75:
            damping = max(damping / 4, 1e-100)
        if not decreased:
            n_failures += 1
            if n_failures > _PATIENCE:
                search.stuck()
            continue
        n_steps, n_failures, curvature = n_steps + 1, 0, None
        search.judge(tried, new_value)
        turn = 0.0 if n_steps % len(x) == 0 else new_gradient @ (new_gradient - gradient) / slope  # beta
        direction = turn * direction - new_gradient
        x, value, gradient = tried, new_value, new_gradient
        if direction @ gradient >= 0:
            direction = -gradient
