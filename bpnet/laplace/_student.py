# SPDX-License-Identifier: BSD-3-Clause
"""Noise with heavy tails: Student's t, fitted to what each row would miss its target by if it had been left out."""

import numpy as np
from scipy.optimize import minimize

from bpnet.laplace._mixture import Mixture

#: Degrees of freedom. Fewer than 2 have no variance, and a little more than 2 one that says nothing of most targets;
#: beyond 200 the distribution is the normal one to three digits in any interval of interest.
_FEWEST, _MOST = 2.5, 200.0

#: Largest leverage: beyond it a residual is rounding, and structures other than 'full' may even exceed 1.
_LEVERAGE = 0.99


class StudentNoise:
    """Noise `scale` times a t variable of `dof` degrees of freedom, for all rows and targets.

    The sum of such noise and of the model's normal error of variance f has no distribution with a name. What stands for
    it is t of the squared scale plus f, with the degrees of freedom ``dof + (dof - 2) f / scale^2`` that give it the
    sum's variance: exact where either part vanishes, and in quantiles to a few thousandths of probability between.

    Parameters
    ----------
    scale, dof : float
    """

    def __init__(self, scale, dof):
        self.scale, self.dof = scale, dof

    @classmethod
    def fitted(cls, error, spread, weight=None):
        """The scale and the degrees of freedom that make the errors most probable.

        Parameters
        ----------
        error : ndarray of shape (n, K)
            Targets less what was predicted of them without them.
        spread : ndarray of shape (n, K)
            Variance of those predictions.
        weight : ndarray of shape (n,), optional
            So many times each row counts.
        """
        weight = np.ones(len(error)) if weight is None else weight
        level = np.average((error**2).mean(axis=1), weights=weight)
        # In the unit of the errors, so that the search depends on no scale.
        unit = np.sqrt(level) or 1.0
        error, spread = error / unit, spread / unit**2

        def cost(x):
            noise = cls(np.exp(x[0]), np.exp(x[1]))
            return -weight @ noise.predictive(None, np.zeros_like(error), spread).log_density(error) / weight.sum()

        # Residuals of 0 would make the scale 0, and the density infinite.
        bounds = [np.log([1e-6, 1e2]), np.log([_FEWEST, _MOST])]
        x = minimize(cost, np.log([0.7, 5.0]), method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-13}).x
        return cls(float(np.exp(x[0]) * unit), float(np.exp(x[1])))

    def variance(self, X):
        """Variance of the noise of each row and target, (n, 1)."""
        return np.full((X.shape[0], 1), self.scale**2 * self.dof / (self.dof - 2))

    def predictive(self, X, mean, spread):
        """Distribution of targets whose means have mean and variance (n, K)."""
        square = self.scale**2
        dof = self.dof + (self.dof - 2) * spread / square
        return Mixture(mean[None], np.sqrt(square + spread)[None], np.ones(1), dof[None])

    def draws(self, X, shape, random_state):
        """Noise of shape (n, K, draws)."""
        return self.scale * random_state.standard_t(self.dof, shape)


def left_out(residual, leverage, noise):
    """Error and variance of the prediction of each target from all others, the network taken to be linear.

    Parameters
    ----------
    residual, leverage : ndarray of shape (n, K)
        The leverage is the model's variance over that of the noise.
    noise : float
    """
    h = np.minimum(leverage, _LEVERAGE)
    return residual / (1 - h), noise * h / (1 - h)
