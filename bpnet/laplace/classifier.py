# SPDX-License-Identifier: BSD-3-Clause
"""Classification with moderated probabilities, after any solver."""

import numpy as np
from scipy.special import expit
from sklearn.base import ClassifierMixin

from bpnet.estimators._class_weight import class_factors, weigh
from bpnet.estimators.classifier import MLPClassifier
from bpnet.laplace._base import BaseLaplace
from bpnet.laplace._docs import share_docs
from bpnet.laplace._moderation import pairwise_probit, probit


@share_docs(kind="MLPClassifier")
class LaplaceClassifier(ClassifierMixin, BaseLaplace):
    """Classification with moderated probabilities: Laplace's approximation around a fitted `MLPClassifier`.

    Where the data leave the log-odds uncertain their probabilities are drawn towards even: a network that is sure far
    from all it has seen is not believed.

    Parameters
    ----------
    estimator : MLPClassifier or FrozenEstimator, default=None
        A clone of it is fitted. A fitted one in a `sklearn.frozen.FrozenEstimator` is taken as it is. None is
        ``MLPClassifier(activation="tanh", solver="lbfgs", alpha=1.0, max_iter=1000, random_state=0)``.
    {PARAMETERS}
    {ENSEMBLE}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    {ATTRIBUTES}
    {MEMBERS}

    See Also
    --------
    LaplaceRegressor : The same for numbers.

    Notes
    -----
    The posterior of the parameters is normal around the fitted ones with covariance ``(G + D)^-1``, G the Gauss-Newton
    matrix of the sum of log-losses and D the precisions of the prior; the raw outputs a are taken to be linear in the
    parameters, so that they are normal too. Two classes, and each of several labels: ``sigma(a / sqrt(1 + pi v / 8))``,
    v the variance of a (MacKay 1992). More classes: the softmax is ``1 / sum_i exp(a_i - a_k)``, and each difference is
    shrunk by its own variance in the same way (Lu, Ie and Sha 2020); the sum over classes is then made 1. For two
    classes that is the former, and a common shift of all a, which means nothing, counts for nothing.

    References
    ----------
    D. J. C. MacKay, "The evidence framework applied to classification networks", Neural Computation 4, 1992.
    Z. Lu, E. Ie, F. Sha, "Mean-field approximation to Gaussian-softmax integral with application to uncertainty
    estimation", arXiv:2006.07584, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from bpnet import LaplaceClassifier, MLPClassifier
    >>> X, y = np.linspace(-1, 1, 40)[:, None], np.repeat([0, 1], 20)
    >>> net = MLPClassifier(hidden_layer_sizes=10, activation="tanh", solver="lbfgs", alpha=0.1, random_state=0)
    >>> model = LaplaceClassifier(net).fit(X, y)
    >>> plain, moderated = (model.predict_proba([[3.0]], moderated=m)[0, 1] for m in (False, True))
    >>> bool(0.5 < moderated < plain)
    True
    """

    def __init__(
        self,
        estimator=None,
        *,
        structure="full",
        alpha=None,
        groups="one",
        max_refits=30,
        max_memory=4.0,
        n_estimators=1,
        n_jobs=None,
    ):
        self.estimator = estimator
        self.structure = structure
        self.alpha = alpha
        self.groups = groups
        self.max_refits = max_refits
        self.max_memory = max_memory
        self.n_estimators = n_estimators
        self.n_jobs = n_jobs

    def predict(self, X):
        """The class whose moderated probability is the largest; of several labels those of at least even odds.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        members = self._members
        one = members[0].estimator_
        if len(members) == 1 and one.out_activation_ != "softmax":  # moderation leaves the side of even odds as it is
            return one.predict(X)
        proba = self.predict_proba(X)
        return one._decode((proba if one.n_outputs_ > 1 else proba[:, 1:]) - 0.5)

    def predict_proba(self, X, moderated=True):
        """Probability of each class, in the order of `classes_`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        moderated : bool, default=True
            Whether the uncertainty of the parameters is averaged over; False gives the estimator's own. Of several
            networks the mean of the probabilities of each.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        probabilities = [member._probabilities(X, moderated) for member in self._members]
        return probabilities[0] if len(probabilities) == 1 else np.mean(probabilities, axis=0)

    def _probabilities(self, X, moderated):
        """Of the one network."""
        if not moderated:
            return self.estimator_.predict_proba(X)
        proba = np.concatenate([self._moderate(a, B) for _, a, B in self._linearised(self._checked(X))])
        return proba.astype(self.estimator_.network_.dtype, copy=False)

    def _moderate(self, a, B):
        """Probabilities of raw outputs (n, K) whose covariance is B B'."""
        if self.estimator_.out_activation_ == "softmax":
            return pairwise_probit(a, B @ B.transpose(0, 2, 1))
        a = probit(a, np.einsum("nkr,nkr->nk", B, B))
        return expit(np.hstack([-a, a]) if self.estimator_.n_outputs_ == 1 and len(self.classes_) < 3 else a)

    @staticmethod
    def _default():
        return MLPClassifier(activation="tanh", solver="lbfgs", alpha=1.0, max_iter=1000, random_state=0)

    @staticmethod
    def _kind():
        return MLPClassifier

    def _noise_of(self, estimator):
        return False, 1.0

    def _targets(self, estimator, y, weight):
        """Targets as a matrix, smoothed as they were, and weights times those of the classes."""
        y = np.asarray(y)
        encoded = estimator._encode_validation(y, np.float64)
        factors = None
        if estimator.class_weight is not None:
            factors = class_factors(estimator.class_weight, y, estimator.classes_, weight)
        weight = weight if factors is None else weigh(encoded, factors, weight).astype(np.float64)
        if encoded.ndim == 2:
            return encoded, weight
        n_classes, share = max(2, len(estimator.classes_)), estimator.label_smoothing
        targets = np.eye(n_classes)[encoded] * (1 - share) + share / n_classes
        return np.ascontiguousarray(targets if estimator.n_outputs_ > 1 else targets[:, 1:]), weight

    def _copy_features(self, fitted):
        super()._copy_features(fitted)
        self.classes_ = fitted.classes_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
