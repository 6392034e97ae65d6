# SPDX-License-Identifier: BSD-3-Clause
"""L-BFGS on the whole data set, by SciPy."""

import warnings
from types import SimpleNamespace

import numpy as np
from scipy.optimize import minimize


def lbfgs(objective, w, *, max_iter, max_fun, tol, verbose=False, loss_scale=1.0, variables=None):
    """Minimise an objective from w.

    Parameters
    ----------
    objective : Objective
    w : ndarray of shape (n_parameters,)
        The start; not changed.
    max_iter, max_fun : int
        Most iterations and most values of the objective.
    tol : float
        Largest component of the gradient at which the search ends; SciPy's own limit on the decrease may end it before.
    verbose : bool
        Print a line for each iteration.
    loss_scale : float, default=1.0
        Factor of the data term in the value reported.
    variables : Variables, optional
        What moves in place of w.

    Returns
    -------
    result : scipy.optimize.OptimizeResult
        With the minimum `x`, of the type of w, and `loss`, the value reported there; NaN where Ctrl-C came before the
        first iterate.

    Warns
    -----
    UserWarning
        On Ctrl-C, which ends the search with the last iterate: at once, without another pass over the data.
    """
    function, start, bounds = objective.value_and_gradient, w.astype(np.float64), None
    if variables is not None:
        function, start, bounds = variables.objective(function), variables.start(), variables.bounds()
    reached = SimpleNamespace(x=start, fun=np.nan, nit=0, status=0, message="interrupted")

    def record(intermediate_result):
        reached.x, reached.fun = intermediate_result.x.copy(), float(intermediate_result.fun)
        reached.nit += 1
        if verbose:
            print(f"Iteration {reached.nit}, loss = {intermediate_result.fun:.8f}")

    try:
        result = minimize(
            function,
            reached.x,
            method="L-BFGS-B",
            jac=True,
            bounds=bounds,
            callback=record,
            options={"maxiter": max_iter, "maxfun": max_fun, "gtol": tol},
        )
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
        result = reached
    penalty = 0.0
    if variables is not None:
        penalty, result.x = variables.penalty(result.x), variables.parameters(result.x)
    penalty += objective.penalty(result.x)
    result.loss = loss_scale * (float(result.fun) - penalty) + penalty
    result.x = result.x.astype(w.dtype)
    return result
