# SPDX-License-Identifier: BSD-3-Clause
"""The fit of a regressor: network and posterior, then the model of the noise."""

from dataclasses import replace

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state

from bpnet._threads import one_blas_thread
from bpnet.laplace import _rows
from bpnet.laplace._base import BaseLaplace
from bpnet.laplace._minimum import minimum
from bpnet.laplace._normal import NormalNoise
from bpnet.laplace._posterior import approximate
from bpnet.laplace._student import StudentNoise, left_out
from bpnet.laplace._variance_net import VarianceNet

#: Rounds of variances from residuals and of parameters from the weights that these make. The variances are smooth, so
#: that the second round changes little.
_ALTERNATIONS = 2


class NoisyLaplace(BaseLaplace):
    """Base of the regressor: what its `noise` says."""

    def _fit_one(self, given, X, y, sample_weight):
        if self.noise == "heteroscedastic":
            columns = np.asarray(y).shape[1:]
            if columns and columns[0] > 1:
                raise ValueError(
                    f"noise='heteroscedastic' weighs rows, not their targets: expected one target, got {columns[0]}"
                )
        task, network = super()._fit_one(given, X, y, sample_weight)
        if self.noise == "heteroscedastic":
            with one_blas_thread():
                self._learn_variances(task, network, given, X, y)
        elif self.noise == "student_t":
            residual, leverage = self._residuals(task)
            error, spread = left_out(residual, leverage, self.noise_)
            self.noise_model_ = StudentNoise.fitted(error, spread, task.weight)
        else:
            self.noise_model_ = NormalNoise(self.noise_)
        return task, network

    def _residuals(self, task):
        """Of the rows of the fit: residuals, and variances of the model over that of the noise, both (n, K)."""
        return _rows.residuals(self.estimator_.network_._in_float64(), self._laplace.posterior, task.X, task.y)

    def _learn_variances(self, task, network, given, X, y):
        """Variances out of the residuals and the model's own variance, and the network anew with weights they give."""
        seed = check_random_state(clone(self.estimator_).random_state).randint(np.iinfo(np.int32).max)
        net = VarianceNet.fitted(task.X, self._squares(task), task.weight, seed, self.max_refits, self.max_memory)
        for _ in range(_ALTERNATIONS):
            self._refit(task, network, given, X, y, net)
            net = net.refitted(task.X, self._squares(task), task.weight)
        self.noise_model_ = net

    def _squares(self, task):
        residual, leverage = self._residuals(task)
        return residual**2 + self.noise_ * leverage

    def _refit(self, task, network, given, X, y, net):
        """Fit and posterior for targets of those variances.

        Rows get weights that are `noise_` over their variance, with `noise_` such that they add up to what they did.
        """
        rows = np.ones(len(task.y)) if task.weight is None else task.weight
        s = net.log_variance(task.X)[0][:, 0]
        self.noise_ = float(1 / np.average(np.exp(-s), weights=rows))
        relative = self.noise_ * np.exp(-s)
        weighed, alphas = replace(task, weight=rows * relative, noise=self.noise_), self._laplace.alphas
        if isinstance(self.alpha, str):
            # The prior keeps its precision, alpha over the noise.
            alphas = alphas * (self.noise_ / self._laplace.noise)
            network.parameters = minimum(weighed, network, network.parameters, alphas)
            self.estimator_.network_.parameters = network.parameters
        elif not isinstance(given, FrozenEstimator):
            self._go_on(X, y, weighed.weight)
            network.parameters = self.estimator_.network_.parameters
        fit = approximate(weighed, network, alphas)
        self._report(weighed, fit)
        # Weights that say how sure a target is, not how often it was seen.
        self.log_marginal_likelihood_ += float(rows @ np.log(relative)) / 2

    def _go_on(self, X, y, weight):
        """Train the estimator, which is a clone of the user's, on from its parameters."""
        estimator = self.estimator_
        own = {name: getattr(estimator, name) for name in ("warm_start", "n_restarts")}
        estimator.set_params(warm_start=True, n_restarts=1).fit(X, y, weight).set_params(**own)

    def _noise_of(self, estimator):
        return True, None if self.noise is None or isinstance(self.noise, str) else float(self.noise)

    def _report(self, task, fit):
        super()._report(task, fit)
        self.noise_ = fit.noise
        self.beta_ = 1 / fit.noise
