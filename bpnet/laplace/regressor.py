# SPDX-License-Identifier: BSD-3-Clause
"""Regression with error bars, after any solver."""

from numbers import Real

import numpy as np
from scipy.special import ndtri
from sklearn.base import RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from bpnet.estimators.regressor import MLPRegressor
from bpnet.laplace._base import BaseLaplace
from bpnet.laplace._docs import share_docs


@share_docs(kind="MLPRegressor")
class LaplaceRegressor(RegressorMixin, BaseLaplace):
    """Regression with error bars: Laplace's approximation around a fitted `MLPRegressor`.

    Predictions are the estimator's. Their uncertainty has two parts: the noise of the targets, one variance for all
    rows and targets, and that of the model, which is small where there was much data and grows away from it.

    Parameters
    ----------
    estimator : MLPRegressor or FrozenEstimator, default=None
        Of loss 'squared_error'; a clone of it is fitted. A fitted one in a `sklearn.frozen.FrozenEstimator` is taken as
        it is. None is ``MLPRegressor(activation="tanh", solver="lbfgs", alpha=1.0, max_iter=1000, random_state=0)``.
    {PARAMETERS}
    noise : float, default=None
        Variance of the noise, in the square of the unit of y. None estimates it: the sum of squared residuals over the
        number of targets less the effective parameters; of structures other than 'full', which count these wrongly, the
        sum of squared residuals and the penalty over the number of targets.

    Attributes
    ----------
    {ATTRIBUTES}
    noise_ : float
        Variance of the noise.
    beta_ : float
        Its precision, ``1 / noise_``. That of the prior of the weights is ``alpha_ * beta_``.

    See Also
    --------
    LaplaceClassifier : The same for classes.

    Notes
    -----
    With G the Gauss-Newton matrix of the sum of losses and D the precisions of the prior, in units of the noise, the
    posterior of the parameters is normal around the fitted ones with covariance ``noise_ * (G + D)^-1``. The network is
    taken to be linear in its parameters there: the model's variance of an output is ``noise_ * J (G + D)^-1 J'``, J its
    derivatives to the parameters. Fit: O(n_samples W^2 + W^3) for 'full', O(n_samples W) for 'diagonal'; predictions
    with uncertainty O(W^2) and O(W) for each row and target.

    References
    ----------
    D. J. C. MacKay, "A practical Bayesian framework for backpropagation networks", Neural Computation 4, 1992.
    C. M. Bishop, Pattern Recognition and Machine Learning, 2006, section 5.7.
    A. Immer, M. Korzepa, M. Bauer, "Improving predictions of Bayesian neural nets via local linearization", 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from bpnet import LaplaceRegressor, MLPRegressor
    >>> X = np.linspace(-2, 2, 40)[:, None]
    >>> y = np.sin(3 * X[:, 0]) + 0.1 * np.cos(40 * X[:, 0])
    >>> net = MLPRegressor(hidden_layer_sizes=10, activation="tanh", solver="lbfgs", alpha=0.01, max_iter=5000,
    ...                    random_state=0)
    >>> model = LaplaceRegressor(net).fit(X, y)
    >>> mean, std = model.predict([[0.0], [4.0]], return_std=True)
    >>> bool(std[0] < std[1])
    True
    >>> model.predict_interval(X, coverage=0.9).shape
    (40, 2)
    """

    _parameter_constraints: dict = {
        **BaseLaplace._parameter_constraints,
        "noise": [Interval(Real, 0, None, closed="neither"), None],
    }

    def __init__(
        self, estimator=None, *, structure="full", alpha=None, groups="one", max_refits=30, max_memory=4.0, noise=None
    ):
        self.estimator = estimator
        self.structure = structure
        self.alpha = alpha
        self.groups = groups
        self.max_refits = max_refits
        self.max_memory = max_memory
        self.noise = noise

    def predict(self, X, return_std=False, return_cov=False, include_noise=True):
        """Predicted targets, as the estimator's, and how uncertain they are.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        return_std, return_cov : bool, default=False
            Whether standard deviations are wanted too, or covariances between rows. Not both.
        include_noise : bool, default=True
            Whether they are those of new targets, noise included, or those of the model alone.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        std : ndarray of the shape of y
            Only where `return_std` is true.
        cov : ndarray of shape (n_samples, n_samples) or (n_samples, n_samples, n_targets)
            Only where `return_cov` is true; of each target by itself.
        """
        check_is_fitted(self)
        if return_std and return_cov:
            raise RuntimeError("At most one of return_std or return_cov can be requested.")
        if not (return_std or return_cov):
            return self.estimator_.predict(X)
        parts = [(z, B if return_cov else np.einsum("nkr,nkr->nk", B, B)) for z, B in self._linearised(X)]
        y, spread = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        noise = self.noise_ if include_noise else 0.0
        if return_std:
            return self._shaped(y), self._shaped(np.sqrt(self.noise_ * spread + noise))
        cov = self.noise_ * np.einsum("nkr,mkr->knm", spread, spread, optimize=True)
        cov[:, np.arange(len(y)), np.arange(len(y))] += noise
        cov = np.moveaxis(cov, 0, -1).astype(self._dtype, copy=False)
        return self._shaped(y), cov[..., 0] if y.shape[1] == 1 else cov

    def predict_interval(self, X, coverage=0.9, include_noise=True):
        """Central intervals that hold the target with a given probability, under the predicted normal distribution.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        coverage : float, default=0.9
            Between 0 and 1.
        include_noise : bool, default=True
            As for `predict`: whether they are of new targets or of what these are without noise.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_targets, 2)
            Lower and upper ends.
        """
        if not (isinstance(coverage, float) and 0 < coverage < 1):
            raise ValueError(f"expected a coverage between 0 and 1, got {coverage!r}")
        y, std = self.predict(X, return_std=True, include_noise=include_noise)
        reach = ndtri((1 + coverage) / 2).astype(y.dtype) * std
        return np.stack([y - reach, y + reach], axis=-1)

    def sample_y(self, X, n_samples=1, random_state=0, include_noise=True):
        """Draw targets from the predicted distribution, jointly for all rows.

        Each draw is of parameters out of the posterior, the network linearised, so that without noise it is one
        function; the noise is independent from row to row.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_rows, n_features)
        n_samples : int, default=1
            Draws.
        random_state : int, RandomState instance or None, default=0
        include_noise : bool, default=True

        Returns
        -------
        ndarray of shape (n_rows, n_samples) or (n_rows, n_targets, n_samples)
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(f"expected n_samples of at least 1, got {n_samples}")
        random_state, parts, draws = check_random_state(random_state), [], None
        for y, B in self._linearised(X):
            if draws is None:
                draws = random_state.standard_normal((B.shape[2], n_samples))
            parts.append(y[..., None] + np.sqrt(self.noise_) * (B @ draws))
        y = np.concatenate(parts)
        if include_noise:
            y += np.sqrt(self.noise_) * random_state.standard_normal(y.shape)
        y = y.astype(self._dtype, copy=False)
        return y[:, 0] if y.shape[1] == 1 else y

    @staticmethod
    def _default():
        return MLPRegressor(activation="tanh", solver="lbfgs", alpha=1.0, max_iter=1000, random_state=0)

    @staticmethod
    def _kind():
        return MLPRegressor

    def _check(self, estimator):
        super()._check(estimator)
        if estimator.loss != "squared_error":
            raise ValueError(f"error bars stand on normal noise: expected loss='squared_error', got {estimator.loss!r}")

    def _noise_of(self, estimator):
        return True, None if self.noise is None else float(self.noise)

    def _targets(self, estimator, y, weight):
        return estimator._encode(y, np.float64, goes_on=True, incremental=False), weight

    def _report(self, task, fit, one_alpha):
        super()._report(task, fit, one_alpha)
        self.noise_ = fit.noise
        self.beta_ = 1 / fit.noise

    @property
    def _dtype(self):
        return self.estimator_.network_.dtype

    def _shaped(self, values):
        """In the type and shape of the estimator's predictions."""
        values = values.astype(self._dtype, copy=False)
        return values[:, 0] if values.shape[1] == 1 else values
