# SPDX-License-Identifier: BSD-3-Clause
"""A loss and an activation as a user writes them, for the catalogue of networks."""

import numpy as np

from bpnet import Activation

# By the names that the catalogue calls them by, beside those of the package.
ACTIVATIONS = {"sine": Activation("sine", np.sin, np.cos, lambda a: -np.sin(a))}


class Cauchy:
    """The likelihood of Cauchy distributions, centre and log-width of each target side by side."""

    def n_raw(self, n_targets):
        return 2 * n_targets

    def _parts(self, a, y):
        """u and exp(-log-width)."""
        narrowness = np.exp(-a[:, 1::2])
        return (a[:, ::2] - y) * narrowness, narrowness

    def value(self, a, y):
        u, _ = self._parts(a, y)
        return (a[:, 1::2] + np.log1p(u**2)).sum(axis=1)

    def gradient(self, a, y):
        u, narrowness = self._parts(a, y)
        slopes = 2 * u * narrowness / (1 + u**2), (1 - u) * (1 + u) / (1 + u**2)
        return np.stack(slopes, axis=2).reshape(a.shape)

    def hessian(self, a, y):
        u, narrowness = self._parts(a, y)
        blocks = np.zeros((len(a), a.shape[1], a.shape[1]), a.dtype)
        centre, width = np.arange(0, a.shape[1], 2), np.arange(1, a.shape[1], 2)
        blocks[:, centre, centre] = 2 * narrowness**2 * (1 - u) * (1 + u) / (1 + u**2) ** 2
        blocks[:, centre, width] = blocks[:, width, centre] = -4 * u * narrowness / (1 + u**2) ** 2
        blocks[:, width, width] = 4 * u**2 / (1 + u**2) ** 2
        return blocks
