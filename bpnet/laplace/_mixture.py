# SPDX-License-Identifier: BSD-3-Clause
"""What is predicted of a target: a mixture of normal or Student-t distributions, place by place."""

import numpy as np
from scipy.special import gammaln, logsumexp, ndtr, ndtri, stdtr, stdtrit

#: Halvings of the bracket of a quantile: float64 has no more digits than that.
_HALVINGS = 64


class Mixture:
    """Mixtures of C distributions at each of n rows and K targets.

    Parameters
    ----------
    mean, scale : ndarray of shape (C, n, K)
        Of each component; the scale of a normal one is its standard deviation.
    weight : ndarray of shape (C,)
        Adding up to 1.
    dof : ndarray of shape (C, n, K), optional
        Degrees of freedom, above 2, where the components are Student-t distributions and not normal ones.
    """

    def __init__(self, mean, scale, weight, dof=None):
        self.means, self.scales, self.weight = np.broadcast_to(mean, scale.shape), scale, weight
        self.dof = dof

    @classmethod
    def average(cls, mixtures):
        """The uniform mixture of several, which are all normal ones or all Student-t ones."""
        if len(mixtures) == 1:
            return mixtures[0]
        mean, scale = (np.concatenate([getattr(each, name) for each in mixtures]) for name in ("means", "scales"))
        weight = np.concatenate([each.weight for each in mixtures]) / len(mixtures)
        dof = None if mixtures[0].dof is None else np.concatenate([each.dof for each in mixtures])
        return cls(mean, scale, weight, dof)

    def mean(self):
        """(n, K)."""
        return np.einsum("c,cnk->nk", self.weight, self.means)

    def variance(self):
        """(n, K): mean of the variances plus variance of the means."""
        stretch = 1.0 if self.dof is None else self.dof / (self.dof - 2)
        apart = self.means - self.mean()
        return np.einsum("c,cnk->nk", self.weight, stretch * self.scales**2 + apart**2)

    def log_density(self, y):
        """Logarithm of the joint density of the targets of each row; (n, K) to (n,)."""
        r = (y - self.means) / self.scales
        if self.dof is None:
            log = -(r**2) / 2 - np.log(2 * np.pi) / 2
        else:
            half = self.dof / 2
            log = gammaln(half + 0.5) - gammaln(half) - np.log(self.dof * np.pi) / 2
            log = log - (half + 0.5) * np.log1p(r**2 / self.dof)
        return logsumexp((log - np.log(self.scales)).sum(axis=2), axis=0, b=self.weight[:, None])

    def cdf(self, y):
        """Probability of a smaller target; (n, K) to (n, K)."""
        r = (y - self.means) / self.scales
        return np.einsum("c,cnk->nk", self.weight, ndtr(r) if self.dof is None else stdtr(self.dof, r))

    def quantile(self, p):
        """(n, K): where the distribution function is p. It lies between the components' quantiles."""
        unit = ndtri(p) if self.dof is None else stdtrit(self.dof, p)
        ends = self.means + unit * self.scales
        low, high = ends.min(axis=0), ends.max(axis=0)
        for _ in range(_HALVINGS):
            middle = low + (high - low) / 2
            if ((middle == low) | (middle == high)).all():
                break
            below = self.cdf(middle) < p
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return low + (high - low) / 2
