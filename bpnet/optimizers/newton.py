# SPDX-License-Identifier: BSD-3-Clause
"""Newton's method without a matrix, by SciPy: conjugate gradients on exact Hessian-vector products."""

import numpy as np
from scipy.optimize import minimize

from bpnet.optimizers._search import Search

#: Iterations in a row at the same place after which nothing is left but rounding: a trust radius shrinks by 4 each.
_PATIENCE = 60


def newton_cg(objective, w, **more):
    """Minimise an objective from w: conjugate gradients find each Newton step, a line search its length.

    Parameters
    ----------
    objective : Objective
        In float64.
    w : ndarray of shape (n_parameters,)
        The start; not changed.
    **more
        As of `Search`; `ftol` is 2.2e-9 by default, as that of L-BFGS-B.

    Returns
    -------
    result : scipy.optimize.OptimizeResult
        As of `Search.run`.

    Notes
    -----
    An iteration costs some gradients and as many products, two gradients each, as the conjugate gradients take steps:
    few far from the minimum, up to 20 W near it. Memory is O(W). Where they meet negative curvature they stop. See
    SciPy's ``minimize(method="Newton-CG")``; Nocedal and Wright, "Numerical Optimization", 2006, section 7.1.
    """
    # 0: all limits are those of the search.
    return _minimise(objective, w, "Newton-CG", {"xtol": 0.0}, more)


def trust_ncg(objective, w, *, initial_trust_radius=1.0, max_trust_radius=1000.0, eta=0.15, **more):
    """Minimise an objective from w: conjugate gradients find each step within a radius in which the model is trusted.

    Parameters
    ----------
    objective : Objective
        In float64.
    w : ndarray of shape (n_parameters,)
        The start; not changed.
    initial_trust_radius, max_trust_radius : float, default=1.0 and 1000.0
        Length of the first step at most, and of all.
    eta : float, default=0.15
        Part of the decrease foreseen that makes a step acceptable, at least 0 and below 0.25.
    **more
        As of `Search`; `ftol` is 2.2e-9 by default, as that of L-BFGS-B.

    Returns
    -------
    result : scipy.optimize.OptimizeResult
        As of `Search.run`; attempts that were not accepted are no iterations.

    Notes
    -----
    Directions of negative curvature are followed to the edge, so saddle points are left quickly. Costs are those of
    `newton_cg`. See SciPy's ``minimize(method="trust-ncg")``; Steihaug 1983; Nocedal and Wright, "Numerical
    Optimization", 2006, algorithms 4.1 and 7.2.
    """
    if not 0 < initial_trust_radius < max_trust_radius or not 0 <= eta < 0.25:
        raise ValueError(
            "expected 0 < initial_trust_radius < max_trust_radius and 0 <= eta < 0.25, got "
            f"{initial_trust_radius}, {max_trust_radius} and {eta}"
        )
    options = {"initial_trust_radius": initial_trust_radius, "max_trust_radius": max_trust_radius, "eta": eta}
    return _minimise(objective, w, "trust-ncg", {**options, "gtol": 0.0}, more)


def _minimise(objective, w, method, options, more):
    """Run SciPy's method under the limits of a search."""
    search, n_idle = Search(objective, w, **{"ftol": 2.2e-9, **more}), 0

    def ended(intermediate_result):
        nonlocal n_idle
        if np.array_equal(intermediate_result.x, search.x):
            n_idle += 1
            if n_idle > _PATIENCE:
                search.stuck()
            return
        n_idle = 0
        search.judge(intermediate_result.x, intermediate_result.fun)

    def product(x, direction):
        along = search.product(x, direction)
        if not np.isfinite(direction @ along):  # steps of conjugate gradients would be NaN
            search.overflowed()
        return along

    def minimise(search):
        search.start()
        # SciPy ends by itself only where its line search fails.
        most = np.iinfo(np.int32).max
        # Where there is next to no curvature its steps overflow, and its line search finds out.
        with np.errstate(over="ignore", invalid="ignore"):
            result = minimize(
                search.evaluate, search.x, method=method, jac=True, hessp=product, callback=ended,
                options={**options, "maxiter": most},
            )  # fmt: skip
        search.finish(result)

    return search.run(minimise)
