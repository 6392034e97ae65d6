# SPDX-License-Identifier: BSD-3-Clause
"""What both wrappers share: fit the estimator, or take it as it is, then put a posterior around its parameters."""

import warnings
from copy import copy
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, _fit_context, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from bpnet._threads import one_blas_thread
from bpnet.estimators._checks import check_data
from bpnet.laplace import _evidence, _held_out, _prior, _rows, _structures
from bpnet.laplace._posterior import Task, approximate

#: Effective parameters beyond this share of the targets: the linearisation, and what the evidence says, is in doubt.
_MANY = 0.3

#: Settings with which every solver has converged as soon as it may, without a warning.
_AT_ONCE = {"tol": 1e300, "n_iter_no_change": 1}


class BaseLaplace(MetaEstimatorMixin, BaseEstimator):
    """Base of the wrappers; parameters and attributes stand in the subclasses."""

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "structure": [StrOptions(set(_structures.STRUCTURES))],
        "alpha": [Interval(Real, 0, None, closed="neither"), StrOptions({"evidence", "validation"}), None],
        "groups": [StrOptions(set(_prior.GROUPS))],
        "max_refits": [Interval(Integral, 1, None, closed="left")],
        "max_memory": [Interval(Real, 0, None, closed="neither")],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
    }

    #: Numbers of one network, of which a wrapper of several has arrays.
    _of_members: tuple[str, ...] = ("alpha_", "n_effective_parameters_", "log_marginal_likelihood_")

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None):
        """Fit the estimator, unless it is frozen, and put the posterior around its parameters.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Of a frozen estimator the data that it was fitted to.
        sample_weight : array-like of shape (n_samples,), default=None
            A row of weight s counts like s rows.

        Returns
        -------
        self : object
        """
        draft = copy(self)
        for name in [name for name in vars(draft) if name.endswith("_")]:
            delattr(draft, name)
        draft._fit(X, y, sample_weight)
        self.__dict__ = draft.__dict__
        return self

    def _fit(self, X, y, sample_weight):
        given = self._default() if self.estimator is None else self.estimator
        if self.n_estimators == 1:
            self._fit_one(given, X, y, sample_weight)
        else:
            self._fit_several(given, X, y, sample_weight)

    def _fit_several(self, given, X, y, sample_weight):
        """Wrappers of one network each, from starts of their own."""
        if isinstance(given, FrozenEstimator):
            raise ValueError(
                f"several networks are trained anew: expected n_estimators=1 with a FrozenEstimator, got "
                f"{self.n_estimators}"
            )
        self._check_kind(given)
        # A clone's, so that a RandomState of the user's is left as it is; and drawn here, so that no network depends on
        # when another one is trained.
        seeds = check_random_state(clone(given).random_state).randint(np.iinfo(np.int32).max, size=self.n_estimators)
        members = [clone(self).set_params(n_estimators=1, n_jobs=None) for _ in seeds]
        for member, seed in zip(members, seeds, strict=True):
            member.set_params(estimator=clone(given).set_params(random_state=int(seed)))
        # The core works without the GIL: threads share the rows, processes would copy them.
        self.estimators_ = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(member.fit)(X, y, sample_weight) for member in members
        )
        for name in self._of_members:
            setattr(self, name, np.array([getattr(member, name) for member in self.estimators_]))
        self._copy_features(self.estimators_[0])

    def _fit_one(self, given, X, y, sample_weight):
        """One network and its posterior; its task and itself, of float64, are returned."""
        searches = isinstance(self.alpha, str)
        estimator, sides = self._begin(given, X, y, sample_weight)
        self._check(estimator)
        network = estimator.network_._in_float64()
        topology = network.topology
        places = _prior.moving(topology, estimator.frozen, self.structure)
        _structures.check(topology, self.structure, estimator.frozen, places, self.max_memory)
        X, y, weight = self._data(estimator, X, y, sample_weight)
        number = _prior.groups_of(topology, self.groups if searches else "one")
        normal, noise = self._noise_of(estimator)
        task = Task(X, y, weight, number, places, self.structure, normal, noise)
        with one_blas_thread():
            if searches:
                fit, network = self._search(task, estimator, network, given, sides)
            else:
                fit = approximate(task, network, np.array([self._alpha(estimator, X.shape[0])]))
        self.estimator_ = estimator
        self._report(task, fit)
        return task, network

    def _begin(self, given, X, y, sample_weight):
        """The estimator, fitted, with the rows it has seen and those set aside where there are any.

        Before a search it is at its start: where its own training would lead does not matter.
        """
        if not isinstance(self.alpha, str) or not isinstance(given, self._kind()):
            return self._fitted(given, X, y, sample_weight), None
        sides = _held_out.split(given, X, y) if self.alpha == "validation" else None
        rows = (X, y, sample_weight) if sides is None else _held_out.part(sides[0], X, y, sample_weight)
        estimator = self._fitted(clone(given).set_params(**_AT_ONCE), *rows)
        return estimator.set_params(**{name: getattr(given, name) for name in _AT_ONCE}), sides

    def _search(self, task, estimator, network, given, sides):
        """Choose the alphas; the estimator, which is no longer the user's, gets the parameters found."""
        if self.structure == "last_layer":
            raise ValueError(
                f"alpha={self.alpha!r} is that of all layers: expected a structure other than 'last_layer'"
            )
        if isinstance(given, FrozenEstimator):
            raise ValueError(f"alpha={self.alpha!r} fits the network anew: expected an estimator that is not frozen")
        if sides is not None:
            fit, w, self.validation_scores_ = _held_out.choose(task, network, sides, int(self.max_refits))
        else:
            fit, w, self.evidence_curve_ = _evidence.ascend(task, network, int(self.max_refits))
            self._warn_of_many(fit.used.sum(), task.total)
        estimator.network_.parameters = w
        return fit, network

    @staticmethod
    def _warn_of_many(used, total):
        if used > _MANY * total:
            warnings.warn(
                f"{used:.0f} effective parameters are {used / total:.0%} of {total:g} targets: above {_MANY:.0%} "
                "neither the evidence nor the error bars are to be relied on; smaller networks have fewer, and "
                "alpha='validation' measures the noise on rows set aside",
                stacklevel=5,
            )

    def _fitted(self, given, X, y, sample_weight):
        """The estimator, fitted, and stripped of what froze it."""
        if isinstance(given, FrozenEstimator):
            check_is_fitted(given)
            return given.estimator
        self._check_kind(given)
        estimator = clone(given)
        return estimator.fit(X, y) if sample_weight is None else estimator.fit(X, y, sample_weight)

    def _check_kind(self, given):
        if not isinstance(given, self._kind()):
            raise TypeError(
                f"expected an {self._kind().__name__} as estimator, perhaps in a FrozenEstimator, got {given!r}"
            )

    def _check(self, estimator):
        """Raise ValueError where the fitted estimator has no such posterior."""
        if not isinstance(estimator, self._kind()):
            raise TypeError(f"expected an {self._kind().__name__} as estimator, got {estimator!r}")
        if self.alpha is None and (estimator.alpha_l1 or estimator.weight_decay or not estimator.alpha):
            raise ValueError(
                "alpha=None takes the estimator's penalty for the prior: expected alpha > 0, alpha_l1=0 and "
                f"weight_decay=0, got {estimator.alpha}, {estimator.alpha_l1} and {estimator.weight_decay}; or alpha "
                "as a number"
            )

    def _alpha(self, estimator, n_samples):
        return _prior.effective_alpha(estimator, n_samples) if self.alpha is None else float(self.alpha)

    def _data(self, estimator, X, y, sample_weight):
        """Rows, targets as a matrix and weights, all of float64, as the fit saw them."""
        X = check_data(estimator, X).astype(np.float64, copy=False)
        weight = sample_weight
        if weight is not None:
            weight = _check_sample_weight(weight, X, dtype=np.float64, ensure_non_negative=True)
        y, weight = self._targets(estimator, y, weight)
        if len(y) != X.shape[0]:
            raise ValueError(f"expected as many targets as rows, {X.shape[0]}, got {len(y)}")
        return X, y, weight

    def _report(self, task, fit):
        self._laplace = fit
        self.alpha_ = float(fit.alphas[0]) if task.number.max(initial=0) == 0 else fit.alphas
        self.log_marginal_likelihood_ = fit.evidence
        self.n_effective_parameters_ = float(fit.used.sum())
        self._copy_features(self.estimator_)

    def _copy_features(self, fitted):
        self.n_features_in_ = fitted.n_features_in_
        self.__dict__.pop("feature_names_in_", None)
        if hasattr(fitted, "feature_names_in_"):
            self.feature_names_in_ = fitted.feature_names_in_

    @property
    def _members(self):
        """Fitted wrappers of one network each: this one, or those that it averages."""
        check_is_fitted(self)
        return [self] if hasattr(self, "estimator_") else self.estimators_

    def _checked(self, X):
        """Rows of a prediction."""
        return check_data(self._members[0].estimator_, X)

    def _linearised(self, X):
        """Of each chunk of checked rows: these, what the loss reads, and whitened Jacobians, see `_rows.linearised`."""
        net = self.estimator_.network_._in_float64()
        for rows, read, B in _rows.linearised(net, self._laplace.posterior, X):
            yield X[rows], read, B

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
