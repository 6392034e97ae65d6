# SPDX-License-Identifier: BSD-3-Clause
"""What the full-batch optimizers see: one number and its gradient as a function of the flat w."""

import numpy as np

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
        return (
            0.5 * self.alpha / self.total_weight * sum(float(w[start:stop] @ w[start:stop]) for start, stop in ranges)
        )
