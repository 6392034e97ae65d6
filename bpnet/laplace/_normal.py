# SPDX-License-Identifier: BSD-3-Clause
"""Noise of one variance, and the face that all models of the noise share."""

import numpy as np

from bpnet.laplace._mixture import Mixture


class NormalNoise:
    """Normal noise of one variance.

    `variance(X)` is that of the noise, `predictive(X, mean, spread)` the distribution of new targets where the model
    says mean and variance, and `draws(X, shape, random_state)` are of the noise alone. All noise is independent from
    row to row.

    Parameters
    ----------
    level : float
        The variance.
    """

    def __init__(self, level):
        self.level = level

    def variance(self, X):
        """Variance of the noise of each row and target, (n, 1)."""
        return np.full((X.shape[0], 1), self.level)

    def predictive(self, X, mean, spread):
        """Distribution of targets whose means have mean and variance (n, K)."""
        return Mixture(mean[None], np.sqrt(spread + self.level)[None], np.ones(1))

    def draws(self, X, shape, random_state):
        """Noise of shape (n, K, draws)."""
        return np.sqrt(self.level) * random_state.standard_normal(shape)
