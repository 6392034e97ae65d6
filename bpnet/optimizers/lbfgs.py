# SPDX-License-Identifier: BSD-3-Clause
"""L-BFGS on the whole data set, by SciPy."""

import warnings
from time import monotonic
from types import SimpleNamespace

import numpy as np
from scipy.optimize import minimize


class _Ended(Exception):  # noqa: N818 it is no error
    """Ends the search from within what SciPy calls, with the status and the message of its result."""


def lbfgs(
    objective, w, *, max_iter, max_fun, tol, verbose=False, loss_scale=1.0, variables=None, loss_curve=None,
    watch=None, until=np.inf,
):  # fmt: skip
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
    loss_curve : list, optional
        The value reported of each iteration is appended to it.
    watch : object, optional
        Its `begins()` is called before each iteration, and `reached(n_iter, w, gradient)` after it, with the gradient
        there of what moves: true ends the search with this iterate, as converged.
    until : float, optional
        Time of `time.monotonic` from which on the objective is not computed any more; the search ends with the last
        iterate, as not converged.

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
    last = SimpleNamespace(x=None, gradient=None)
    loss_curve = [] if loss_curve is None else loss_curve

    def evaluate(x):
        if monotonic() >= until:
            raise _Ended(1, "STOP: MAX_TIME REACHED")
        value, last.gradient = function(x)
        last.x = x.copy() if watch is not None else None
        return value, last.gradient

    def parameters(x):
        return x if variables is None else variables.parameters(x)

    def loss(x, value):
        penalty = objective.penalty(parameters(x)) + (0.0 if variables is None else variables.penalty(x))
        return loss_scale * (float(value) - penalty) + penalty

    def record(intermediate_result):
        x = reached.x = intermediate_result.x.copy()
        reached.fun = float(intermediate_result.fun)
        reached.nit += 1
        loss_curve.append(loss(x, reached.fun))
        if verbose:
            print(f"Iteration {reached.nit}, loss = {intermediate_result.fun:.8f}")
        if watch is not None:
            # SciPy has computed the gradient there, as a rule last of all.
            gradient = last.gradient if np.array_equal(last.x, x) else function(x)[1]
            if variables is not None:
                gradient = variables.projected(x, gradient)
            if watch.reached(reached.nit, parameters(x), gradient):
                raise _Ended(0, "STOP: ENDED BY WHO WATCHED")
            if reached.nit < max_iter:
                watch.begins()

    try:
        if watch is not None:
            watch.begins()
        result = minimize(
            evaluate,
            reached.x,
            method="L-BFGS-B",
            jac=True,
            bounds=bounds,
            callback=record,
            options={"maxiter": max_iter, "maxfun": max_fun, "gtol": tol},
        )
    except _Ended as ended:
        result = reached
        result.status, result.message = ended.args
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
        result = reached
    result.loss = loss(result.x, result.fun)
    result.x = parameters(result.x).astype(w.dtype)
    return result
