# SPDX-License-Identifier: BSD-3-Clause
"""Noise whose variance depends on the inputs: a small network of its own learns the logarithm of the variance."""

import numpy as np

from bpnet.laplace import _evidence, _prior, _rows, _structures
from bpnet.laplace._minimum import minimum
from bpnet.laplace._mixture import Mixture
from bpnet.laplace._posterior import Task
from bpnet.layers import Layer
from bpnet.network import Network
from bpnet.topology import Topology

#: Hidden units. A variance is told by squares that scatter by 140 % about it: only its broad features can be learnt.
_UNITS = 20

#: Most that the logarithm of a variance is taken to be uncertain by, as a variance. Away from the data it grows without
#: limit, and the mean of its exponential with it.
_MOST_UNCERTAIN = 4.0

#: Nodes of the mean over the logarithm of the variance: at that uncertainty, eight digits of the variance.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


class VarianceNet:
    """Normal noise of variance exp(s), s the output of a network, itself normal by Laplace's approximation.

    A square r^2 of a normal residual of variance e^s has the negative log-likelihood (s + r^2 e^-s) / 2: half the gamma
    deviance, with weight 1/2. The data are r^2 plus the model's variance, the mean of (y - f)^2 over the posterior of
    f. The penalty of this network is chosen by the evidence.

    Attributes
    ----------
    network : Network
        Its outputs are variances in units of `unit`.
    unit : float
    """

    def __init__(self, network, posterior, alphas, unit):
        self.network, self.unit = network, unit
        self._posterior, self._alphas = posterior, alphas

    @classmethod
    def fitted(cls, X, squares, weight, seed, max_refits, max_memory):
        """The network of the largest evidence.

        Parameters
        ----------
        X : {ndarray, csr matrix} of shape (n, p)
        squares : ndarray of shape (n, 1)
            Squared residuals plus variances of the model.
        weight : ndarray of shape (n,) or None
        seed : int
        max_refits : int
        max_memory : float
            In GiB.
        """
        topology = Topology(X.shape[1], [Layer(_UNITS, "tanh"), Layer(1, "exp")])
        needed = _structures.memory(topology, "full")
        if needed > max_memory * 2**30:
            raise MemoryError(
                f"noise='heteroscedastic' has a network of {topology.n_parameters} parameters whose posterior takes "
                f"{needed / 2**30:.1f} GiB, more than max_memory={max_memory} GiB; other noise takes none"
            )
        task, unit = _task(topology, X, squares, weight)
        network = Network(topology, "gamma", random_state=seed)
        fit, _, _ = _evidence.ascend(task, network, max_refits)
        return cls._around(network, task, fit.alphas, unit)

    def refitted(self, X, squares, weight):
        """Another, for other squares: the same penalty, and from the same parameters."""
        topology, w = self.network.topology, self.network.parameters
        task, unit = _task(topology, X, squares, weight)
        network = Network.from_parameters(topology, w.copy(), "gamma")
        network.parameters = minimum(task, network, w, self._alphas)
        return self._around(network, task, self._alphas, unit)

    @classmethod
    def _around(cls, network, task, alphas, unit):
        """With the posterior of Fisher's information, 1/2 for each row: that of squares which are as expected."""
        prior = _prior.precisions(task.number, alphas)
        expected = np.maximum(network.predict(task.X), np.finfo(np.float64).tiny)
        posterior = _structures.Full(network, task.X, expected, task.weight, task.places, prior)
        return cls(network, posterior, alphas, unit)

    def log_variance(self, X):
        """Mean and variance of s, which is what the gamma loss reads, each (n, 1)."""
        parts = [(s, np.einsum("nkr,nkr->nk", B, B)) for _, s, B in _rows.linearised(self.network, self._posterior, X)]
        s, spread = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return s + np.log(self.unit), np.minimum(spread, _MOST_UNCERTAIN)

    def _variances(self, X):
        """At each node those of the noise, (15, n, 1)."""
        s, spread = self.log_variance(X)
        return np.exp(s + np.sqrt(spread) * _NODES[:, None, None])

    def variance(self, X):
        """Variance of the noise of each row, (n, 1)."""
        return np.einsum("c,cnk->nk", _WEIGHTS, self._variances(X))

    def predictive(self, X, mean, spread):
        """Distribution of targets whose means have mean and variance (n, 1)."""
        return Mixture(mean, np.sqrt(self._variances(X) + spread), _WEIGHTS)

    def draws(self, X, shape, random_state):
        """Noise of shape (n, 1, draws), each of a variance that is drawn too."""
        s, spread = self.log_variance(X)
        s = s[..., None] + np.sqrt(spread)[..., None] * random_state.standard_normal(shape)
        return np.exp(s / 2) * random_state.standard_normal(shape)


def _task(topology, X, squares, weight):
    """The task of the evidence, and the unit in which its targets are."""
    # An exact 0 has no logarithm; with a model's variance added there is none but of a model that is sure.
    squares = np.maximum(squares, np.finfo(np.float64).tiny)
    unit = float(np.average(squares[:, 0], weights=weight))
    half = np.full(len(squares), 0.5) if weight is None else weight / 2
    number, places = _prior.groups_of(topology, "one"), np.arange(topology.n_parameters)
    return Task(X, squares / unit, half, number, places, "full", False, 1.0), unit
