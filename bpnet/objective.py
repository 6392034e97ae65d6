# SPDX-License-Identifier: BSD-3-Clause
"""What the full-batch optimizers see: one number and its derivatives as functions of the flat w."""

import numpy as np

from bpnet import curvature, hessians
from bpnet._core import derivatives


class Objective:
    """(sum_n s_n E_n + alpha / 2 |w|^2) / sum_n s_n, the penalty on weights but not on biases.

    Parameters
    ----------
    network : Network
        Gives topology, loss and dtype; its parameters are not read.
    data : bpnet._core.data.Data
        With targets, for the network's plan.
    total_weight : float
        sum_n s_n.
    alpha : float
    """

    def __init__(self, network, data, total_weight, alpha):
        self.network, self.data = network, data
        self.total_weight, self.alpha = total_weight, alpha

    def value_and_gradient(self, w):
        """Value, and gradient as float64; w, of shape (n_parameters,), is not changed."""
        data_term, gradient = self.data_term_and_gradient(w)
        return data_term + self.penalty(w), gradient

    def data_term_and_gradient(self, w):
        """The part of the value without the penalty, and the whole gradient."""
        net = self.network
        w = np.ascontiguousarray(w, net.dtype)
        gradient = np.zeros_like(w)
        value = derivatives.value_and_gradient(net.topology.plan, net._loss, net._reads_raw, w, self.data, gradient)
        if self.alpha:
            for start, stop in net.topology.plan.weight_ranges:
                gradient[start:stop] += self.alpha * w[start:stop]
        return value / self.total_weight, gradient.astype(np.float64) / self.total_weight

    def penalty(self, w):
        """alpha / 2 |w|^2 / sum_n s_n."""
        ranges = self.network.topology.plan.weight_ranges if self.alpha else ()
        with np.errstate(over="ignore"):  # infinite then, which optimizers know how to take
            squares = sum(float(w[start:stop] @ w[start:stop]) for start, stop in ranges)
        return 0.5 * self.alpha / self.total_weight * squares

    def product(self, w, v):
        """Hessian at w times v, exact, with the penalty's part; for about two gradients."""
        product = curvature.products(self._network_at(w), self.data, v[np.newaxis], "hessian")[0]
        return self._with_penalty(product, v) / self.total_weight

    def gauss_newton(self, w, out):
        """Gauss-Newton matrix at w, with the penalty's part, in `out`, of shape (n_parameters, n_parameters).

        The network is to be one of float64.
        """
        hessians.gauss_newton_of(self._network_at(w), self.data, out)
        self._with_penalty(np.einsum("ii->i", out), 1.0)
        out /= self.total_weight
        return out

    def check(self, kind):
        """Raise ValueError unless loss and activations have the second derivatives for "hessian" or "gauss_newton"."""
        curvature.check(self.network, kind)

    def _network_at(self, w):
        return self.network._with(np.ascontiguousarray(w, self.network.dtype))

    def _with_penalty(self, values, factor):
        """Add alpha times the factor, a number or one of each parameter, for the weights in place."""
        if self.alpha:
            for start, stop in self.network.topology.plan.weight_ranges:
                values[start:stop] += self.alpha * (factor if np.ndim(factor) == 0 else factor[start:stop])
        return values
