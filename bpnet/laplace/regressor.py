# SPDX-License-Identifier: BSD-3-Clause
"""Regression with error bars, after any solver."""

from numbers import Real

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from bpnet._validation import check_count
from bpnet.estimators.regressor import MLPRegressor
from bpnet.laplace._base import BaseLaplace
from bpnet.laplace._docs import share_docs
from bpnet.laplace._mixture import Mixture
from bpnet.laplace._noise import NoisyLaplace
from bpnet.laplace._normal import NormalNoise


@share_docs(kind="MLPRegressor")
class LaplaceRegressor(RegressorMixin, NoisyLaplace):
    """Regression with error bars: Laplace's approximation around a fitted `MLPRegressor`.

    Predictions are the estimator's. Their uncertainty has two parts: the noise of the targets, by default of one
    variance for all rows and targets, and that of the model, which is small where there was much data and grows away
    from it.

    Parameters
    ----------
    estimator : MLPRegressor or FrozenEstimator, default=None
        Of loss 'squared_error'; a clone of it is fitted. A fitted one in a `sklearn.frozen.FrozenEstimator` is taken as
        it is. None is ``MLPRegressor(activation="tanh", solver="lbfgs", alpha=1.0, max_iter=1000, random_state=0)``.
    {PARAMETERS}
    noise : float, 'heteroscedastic' or 'student_t', default=None
        Variance of the noise, in the square of the unit of y. None estimates it: the sum of squared residuals over the
        number of targets less the effective parameters; of structures other than 'full', which count these wrongly, the
        sum of squared residuals and the penalty over the number of targets. 'heteroscedastic': a variance that depends
        on the inputs, by a network of its own, of 20 hidden units, for one target; rows then weigh in the fit as they
        are sure. 'student_t': heavy tails, scale and degrees of freedom fitted to the errors that leaving each row
        out would make.
    {ENSEMBLE}

    Attributes
    ----------
    {ATTRIBUTES}
    noise_ : float
        Variance of the noise, the unit of the posterior's covariance. Of 'heteroscedastic' the harmonic mean of those
        of the rows; of 'student_t' that of normal noise.
    beta_ : float
        Its precision, ``1 / noise_``. That of the prior of the weights is ``alpha_ * beta_``.
    noise_model_ : object
        The noise as predictions have it; its method `variance(X)` tells that of each row, (n_samples, 1). Of
        'student_t' it has `scale` and `dof`, the degrees of freedom. Only where there is one network.
    {MEMBERS}

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

    With variances exp(s) that depend on the inputs, the squared residuals plus the model's variance are gamma variables
    of shape 1/2 and mean exp(s). A network of 20 tanh units learns s by that likelihood, with a penalty by the evidence
    and a posterior of its own out of Fisher's information; then the estimator is trained on with weights in proportion
    to exp(-s), and so on, twice. The predicted distribution is a mean over s, by quadrature: its tails are heavier than
    a normal distribution's.

    References
    ----------
    D. J. C. MacKay, "A practical Bayesian framework for backpropagation networks", Neural Computation 4, 1992.
    C. M. Bishop, Pattern Recognition and Machine Learning, 2006, section 5.7.
    D. A. Nix, A. S. Weigend, "Estimating the mean and variance of the target probability distribution", 1994.
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
        "noise": [Interval(Real, 0, None, closed="neither"), StrOptions({"heteroscedastic", "student_t"}), None],
    }
    _of_members = (*BaseLaplace._of_members, "noise_", "beta_")

    def __init__(
        self,
        estimator=None,
        *,
        structure="full",
        alpha=None,
        groups="one",
        max_refits=30,
        max_memory=4.0,
        noise=None,
        n_estimators=1,
        n_jobs=None,
    ):
        self.estimator = estimator
        self.structure = structure
        self.alpha = alpha
        self.groups = groups
        self.max_refits = max_refits
        self.max_memory = max_memory
        self.noise = noise
        self.n_estimators = n_estimators
        self.n_jobs = n_jobs

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
            Of several networks the mean of their predictions.
        std : ndarray of the shape of y
            Only where `return_std` is true. Of several networks the root of the mean of their variances plus the
            variance of their predictions.
        cov : ndarray of shape (n_samples, n_samples) or (n_samples, n_samples, n_targets)
            Only where `return_cov` is true; of each target by itself.
        """
        members = self._members
        if return_std and return_cov:
            raise RuntimeError("At most one of return_std or return_cov can be requested.")
        if return_std:
            parts = [(part.mean(), np.sqrt(part.variance())) for part in self._mixtures(X, include_noise)]
            y, std = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
            return self._shaped(y), self._shaped(std)
        if return_cov:
            return self._joint(X, include_noise)
        each = [member.estimator_.predict(X) for member in members]
        return each[0] if len(each) == 1 else np.mean(each, axis=0)

    def predict_interval(self, X, coverage=0.9, include_noise=True):
        """Central intervals that hold the target with a given probability, under the predicted distribution.

        They lie between its quantiles: those of a normal distribution; with noise other than normal noise of one
        variance, or several networks, those of a mixture, which need not be symmetric.

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
        ends = [(1 - coverage) / 2, (1 + coverage) / 2]
        parts = [[each.quantile(p) for p in ends] for each in self._mixtures(X, include_noise)]
        low, high = (self._shaped(np.concatenate(arrays)) for arrays in zip(*parts, strict=True))
        return np.stack([low, high], axis=-1)

    def log_density(self, X, y):
        """Logarithm of the predictive density of targets, noise included: the log-likelihood of each row.

        Its mean over test rows is the score by which predicted distributions are compared.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)

        Returns
        -------
        ndarray of shape (n_samples,)
            Of float64; of several targets that of all of a row together, their errors being independent.
        """
        mixtures, n_targets = list(self._mixtures(X, True)), self._members[0].estimator_.n_outputs_
        y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
        y, n_samples = y.reshape(len(y), -1), sum(each.means.shape[1] for each in mixtures)
        if y.shape != (n_samples, n_targets):
            raise ValueError(f"expected targets of shape {(n_samples, n_targets)}, got {y.shape}")
        stops = np.cumsum([each.means.shape[1] for each in mixtures])[:-1]
        return np.concatenate([each.log_density(some) for each, some in zip(mixtures, np.split(y, stops), strict=True)])

    def sample_y(self, X, n_samples=1, random_state=0, include_noise=True):
        """Draw targets from the predicted distribution, jointly for all rows.

        Each draw is of parameters out of the posterior, of several networks that of one of them, the network
        linearised, so that without noise it is one function; the noise is independent from row to row.

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
        members = self._members
        n_samples = check_count(n_samples, "n_samples", 1)
        random_state, X = check_random_state(random_state), self._checked(X)
        if len(members) == 1:
            y = self._draw(X, n_samples, random_state, include_noise)
        else:
            whose = random_state.randint(len(members), size=n_samples)
            y = np.empty((X.shape[0], members[0].estimator_.n_outputs_, n_samples))
            for k in np.unique(whose):
                mine = np.flatnonzero(whose == k)
                y[..., mine] = members[k]._draw(X, len(mine), random_state, include_noise)
        y = y.astype(self._dtype, copy=False)
        return y[:, 0] if y.shape[1] == 1 else y

    def _draw(self, X, n_samples, random_state, include_noise):
        """Draws (n, K, n_samples) of the one network."""
        parts, draws = [], None
        for _, y, B in self._linearised(X):
            if draws is None:
                draws = random_state.standard_normal((B.shape[2], n_samples))
            parts.append(y[..., None] + np.sqrt(self.noise_) * (B @ draws))
        y = np.concatenate(parts)
        return y + self.noise_model_.draws(X, y.shape, random_state) if include_noise else y

    def _mixtures(self, X, include_noise):
        """Of each chunk of rows the predicted distribution."""
        X = self._checked(X)
        for mixtures in zip(*(member._predictive(X, include_noise) for member in self._members), strict=True):
            yield Mixture.average(mixtures)

    def _predictive(self, X, include_noise):
        """Of the one network."""
        noise = self.noise_model_ if include_noise else NormalNoise(0.0)
        for some, y, B in self._linearised(X):
            yield noise.predictive(some, y, self.noise_ * np.einsum("nkr,nkr->nk", B, B))

    def _joint(self, X, include_noise):
        """Predictions and their covariances between rows."""
        X, means, total = self._checked(X), [], 0.0
        for member in self._members:
            parts = [(y, B) for _, y, B in member._linearised(X)]
            y, B = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
            cov = member.noise_ * np.einsum("nkr,mkr->knm", B, B, optimize=True)
            if include_noise:
                cov[:, np.arange(len(y)), np.arange(len(y))] += member.noise_model_.variance(X).T
            means.append(y)
            total = total + cov
        y = np.mean(means, axis=0)
        cov = total / len(means) + np.einsum("cnk,cmk->knm", means - y, means - y, optimize=True) / len(means)
        cov = np.moveaxis(cov, 0, -1).astype(self._dtype, copy=False)
        return self._shaped(y), cov[..., 0] if y.shape[1] == 1 else cov

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

    def _targets(self, estimator, y, weight):
        return estimator._encode(y, np.float64, goes_on=True, incremental=False), weight

    @property
    def _dtype(self):
        return self._members[0].estimator_.network_.dtype

    def _shaped(self, values):
        """In the type and shape of the estimator's predictions."""
        values = values.astype(self._dtype, copy=False)
        return values[:, 0] if values.shape[1] == 1 else values
