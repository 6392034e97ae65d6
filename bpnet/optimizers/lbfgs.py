# SPDX-License-Identifier: BSD-3-Clause
"""L-BFGS on the whole data set, by SciPy."""

from scipy.optimize import minimize

from bpnet.optimizers._search import Search


def lbfgs(objective, w, *, max_iter, max_fun, tol, variables=None, **more):
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
    variables : Variables, optional
        What moves in place of w.
    **more
        As of `Search`.

    Returns
    -------
    result : scipy.optimize.OptimizeResult
        As of `Search.run`.
    """
    search = Search(objective, w, max_iter=max_iter, variables=variables, **more)
    options = {"maxiter": max_iter, "maxfun": max_fun, "gtol": tol}

    def record(intermediate_result):
        search.record(intermediate_result.x, intermediate_result.fun)

    def minimise(search):
        return minimize(
            search.evaluate,
            search.x,
            method="L-BFGS-B",
            jac=True,
            bounds=None if variables is None else variables.bounds(),
            callback=record,
            options=options,
        )

    return search.run(minimise)
