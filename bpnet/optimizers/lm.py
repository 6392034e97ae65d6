# SPDX-License-Identifier: BSD-3-Clause
"""Levenberg-Marquardt: Gauss-Newton steps, damped until they decrease the objective."""

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from bpnet._core.hessian import check_memory
from bpnet.optimizers._search import Search


def lm(objective, w, *, mu=0.01, mu_inc=None, mu_dec=None, mu_max=1e10, ftol=2.2e-9, **more):
    """Minimise an objective from w by Levenberg-Marquardt.

    Each step d solves (H + mu m I) d = -g with the gradient g, the Gauss-Newton matrix H of the objective, penalty
    included, and the mean m of its diagonal; an iteration tries steps until one decreases the objective. For other
    losses than squares H is the generalised Gauss-Newton matrix J' L J, L the Hessian of the loss in the outputs.

    Parameters
    ----------
    objective : Objective
        In float64.
    w : ndarray of shape (n_parameters,)
        The start; not changed.
    mu : float, default=0.01
        Damping of the first step. Anything from 1e-4 to 1 does about as well.
    mu_inc, mu_dec : float, optional
        By default, mu changes by Nielsen's rule: after a step it is multiplied by max(1/3, 1 - (2 r - 1)^3), r the
        decrease over what the quadratic model had foreseen; after attempts that failed by 2, 4, 8, ... With numbers,
        which go together, by `mu_dec` after a step and by `mu_inc` after a failure.
    mu_max : float, default=1e10
        The search ends, as converged, where still more damping is wanted: nothing is left but rounding.
    ftol : float, default=2.2e-9
        As of `Search`; that of L-BFGS-B.
    **more
        As of `Search`.

    Returns
    -------
    result : scipy.optimize.OptimizeResult
        As of `Search.run`; `nhev` counts the matrices.

    Raises
    ------
    MemoryError
        If the matrix, its factor and the sums it is made of are larger than the memory.

    Notes
    -----
    MATLAB's `trainlm` has the same parameters; its defaults are mu = 0.001, mu_dec = 0.1, mu_inc = 10, mu_max = 1e10,
    and it adds mu I to J'J of the mean squared error, without the factor m. On the UCI sets energy and concrete that
    rule had half of all steps rejected, and Nielsen's went lower in as many iterations; Marquardt's scaling by the
    diagonal itself did worse than both.

    An iteration costs O(n_samples W^2 + W^3) in time, O(W^2) in memory. Where rounding makes the damped matrix
    indefinite, so that it has no Cholesky factor, that counts as an attempt which failed.

    References
    ----------
    Levenberg 1944; Marquardt 1963; Hagan and Menhaj, "Training feedforward networks with the Marquardt algorithm", IEEE
    Transactions on Neural Networks 5, 1994; Nielsen, "Damping parameter in Marquardt's method", IMM, Technical
    University of Denmark, 1999.
    """
    if (mu_inc is None) != (mu_dec is None):
        raise ValueError(f"expected mu_inc and mu_dec together, got {mu_inc} and {mu_dec}")
    if not 0 < mu <= mu_max or (mu_inc is not None and not 0 < mu_dec < 1 < mu_inc):
        raise ValueError(
            f"expected 0 < mu <= mu_max and 0 < mu_dec < 1 < mu_inc, got mu={mu}, mu_max={mu_max}, mu_dec={mu_dec} and "
            f"mu_inc={mu_inc}"
        )
    n = len(w)
    # H, its factor, and half as much again for the core's packed sums.
    check_memory(n, 8 * (5 * n * n // 2), "solvers without it are 'lbfgs', 'scg', 'newton-cg' and 'trust-ncg'")
    damping = Nielsen(mu) if mu_inc is None else Tenfold(mu, mu_inc, mu_dec)
    return Search(objective, w, ftol=ftol, **more).run(lambda search: _descend(search, damping, mu_max, n))


class Nielsen:
    """Damping that follows how well the quadratic model foresees the decrease."""

    def __init__(self, mu):
        self.mu, self._factor = mu, 2.0

    def succeeded(self, ratio):
        """After a step whose decrease was so many times the one foreseen."""
        self.mu, self._factor = self.mu * max(1 / 3, 1 - (2 * min(ratio, 1.0) - 1) ** 3), 2.0

    def failed(self):
        """After an attempt that decreased nothing."""
        self.mu, self._factor = self.mu * self._factor, 2 * self._factor


class Tenfold:
    """Damping by a constant factor up or down."""

    def __init__(self, mu, mu_inc, mu_dec):
        self.mu, self._up, self._down = mu, mu_inc, mu_dec

    def succeeded(self, ratio):
        """After a step whose decrease was so many times the one foreseen."""
        # Below the smallest normal numbers it could not rise again.
        self.mu = max(self.mu * self._down, 1e-100)

    def failed(self):
        """After an attempt that decreased nothing."""
        self.mu *= self._up


def _descend(search, damping, mu_max, n):
    """Steps until the search ends."""
    x = search.x
    value, gradient = search.start()
    memory, factor = np.empty((n, n)), np.empty((len(x), len(x)))
    while True:
        matrix = search.gauss_newton(x, memory)
        # A matrix of zeros is damped as the unit matrix.
        scale = float(np.mean(np.diagonal(matrix))) or 1.0
        while True:
            if damping.mu > mu_max:
                search.stuck()
            step = _step(matrix, gradient, damping.mu * scale, factor)
            if step is not None:
                tried = x + step
                new_value, new_gradient = search.evaluate(tried)
                foreseen = 0.5 * step @ (damping.mu * scale * step - gradient)
                if new_value < value and foreseen > 0 and np.isfinite(new_gradient).all():
                    break
            damping.failed()
        damping.succeeded((value - new_value) / foreseen)
        x, value, gradient = tried, new_value, new_gradient
        search.judge(x, value)


def _step(matrix, gradient, damping, factor):
    """-(H + damping I)^-1 g, or None where that matrix has no Cholesky factor."""
    np.copyto(factor, matrix)
    factor.flat[:: len(factor) + 1] += damping
    try:
        # The transpose lies as LAPACK wants it, and is the same.
        whole = cho_factor(factor.T, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return None
    step = cho_solve(whole, -gradient, check_finite=False)
    return step if np.isfinite(step).all() else None
