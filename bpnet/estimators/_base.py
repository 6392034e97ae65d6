# SPDX-License-Identifier: BSD-3-Clause
"""What the regressor and the classifier share: fitting a network behind scikit-learn's parameters."""

import warnings
from contextlib import suppress
from copy import copy, deepcopy
from functools import cache
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.optimize import _check_optimize_result
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from bpnet import initializers
from bpnet._core import derivatives
from bpnet._core.activations import CODES
from bpnet._core.data import Data
from bpnet._core.epoch import Epoch
from bpnet._core.plan import aligned
from bpnet._threads import count_threads, one_blas_thread
from bpnet._validation import as_csr
from bpnet.activations import Activation
from bpnet.estimators._topology import bind
from bpnet.network import Network
from bpnet.objective import Objective
from bpnet.optimizers.lbfgs import lbfgs
from bpnet.optimizers.stochastic import Progress, stochastic
from bpnet.schedules import Adaptive, Constant, InverseScaling
from bpnet.topology import Topology
from bpnet.training import RULES, check_finite


class BaseMLP(BaseEstimator):
    """Base of the multilayer perceptrons; parameters and attributes stand in the subclasses."""

    _parameter_constraints: dict = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(CODES) - {"softmax"}), list, tuple, Activation],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "topology": [Topology, list, tuple, None],
    }

    @classmethod
    @cache
    def _get_param_names(cls):
        # scikit-learn reads the constructor's signature at every fit, clone and get_params: a fifth of a short fit.
        return super()._get_param_names()

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit the network to data.

        Nothing of an earlier fit is lost if this one fails.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            float32 is kept, every other type becomes float64.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
            At least 0, not all 0.

        Returns
        -------
        self : object
        """
        return self._learn(X, y, sample_weight, incremental=False)

    def _learn(self, X, y, sample_weight, incremental, **more):
        """Fit a draft of the estimator and, if all went well, take over what it has learnt in one step."""
        draft = copy(self)
        draft._fit(X, y, sample_weight, incremental, **more)
        # In one step, also for threads that predict meanwhile; and attributes that the draft lost are gone.
        self.__dict__ = draft.__dict__
        return self

    def _fit(self, X, y, sample_weight, incremental):
        goes_on = hasattr(self, "network_") and (self.warm_start or incremental)
        X, y, sample_weight = self._validate(X, y, sample_weight, goes_on, incremental)
        random_state = check_random_state(self.random_state)
        network = self._build(X, y, random_state, goes_on)
        X = as_csr(X, X.shape[1], X.dtype) if hasattr(X, "tocsr") else X
        data = Data(network.topology.plan, X, y, sample_weight, self._smoothing())
        with one_blas_thread():
            if self.solver == "lbfgs":
                self._fit_lbfgs(network, data, sample_weight)
            else:
                self._fit_stochastic(network, data, y, sample_weight, random_state, goes_on, incremental)
        check_finite(network.parameters)
        self.network_ = network

    def _validate(self, X, y, sample_weight, goes_on, incremental):
        """Arrays in the form the core reads: X of float32 or float64, encoded targets, weights of the type of X."""
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            multi_output=True,
            y_numeric=self._y_numeric,
            # A network that goes on learning keeps its type.
            dtype=self.network_.dtype if goes_on else (np.float64, np.float32),
            order="C",
            reset=not goes_on,
        )
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
            if not sample_weight.any():
                raise ValueError("Sample weights must contain at least one non-zero number.")
        return X, self._encode(y, X.dtype, goes_on, incremental), sample_weight

    def _build(self, X, y, random_state, goes_on):
        """A network with starting parameters: drawn anew, or a copy of those fitted so far."""
        self.n_outputs_ = self._count_outputs(y)
        self.out_activation_ = self._choose_out_activation()
        if self.topology is None:
            sizes = [X.shape[1], *_hidden_sizes(self.hidden_layer_sizes), self.n_outputs_]
            topology = Topology.layered(sizes, self.activation, self.out_activation_)
        else:
            topology = bind(self.topology, X.shape[1], self.n_outputs_, self.out_activation_)
        self.n_layers_ = len(topology.layers) + 1
        if goes_on:
            if topology != self.network_.topology:
                raise ValueError(
                    f"a warm start needs the same network as before: expected {self.network_.topology}, got {topology}"
                )
            w = aligned(self.network_.parameters, self.network_.dtype)
        else:
            # One factor for all layers, the output's too: that is scikit-learn's rule.
            factor = None if self.topology is not None else 2.0 if self.activation == "logistic" else 6.0
            w = aligned(initializers.glorot_uniform(topology, random_state, factor), X.dtype)
            self.n_iter_, self.t_, self._progress = 0, 0, None
        return Network.from_parameters(topology, w, self.loss)

    def _smoothing(self):
        """Share of a class number's target that all classes get."""
        return 0.0

    def _fit_lbfgs(self, network, data, sample_weight):
        total_weight = data.n_rows if sample_weight is None else float(sample_weight.sum(dtype=np.float64))
        result = lbfgs(
            Objective(network, data, total_weight, self.alpha),
            network.parameters,
            max_iter=self.max_iter,
            max_fun=self.max_fun,
            tol=self.tol,
            verbose=self.verbose,
            loss_scale=self._loss_scale(),
        )
        network.parameters = result.x
        self.n_iter_, self.loss_ = _check_optimize_result("lbfgs", result, self.max_iter), result.loss

    def _fit_stochastic(self, network, data, y, sample_weight, random_state, goes_on, incremental):
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        w = network.parameters
        progress = self._resume(w, goes_on, incremental)
        train, score = np.arange(data.n_rows), None
        if self.early_stopping:
            train, validation = self._split(train, y, random_state)
            if len(validation) < 2:
                raise ValueError(
                    "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
                )
            weight = None if sample_weight is None else sample_weight[validation]
            score = self._scorer(network, data, validation, y[validation], weight)
        epoch = Epoch(
            network.topology.plan, network._loss, network._reads_raw, data, w, progress.rule,
            self._resolve_batch_size(len(train)), self.alpha, n_threads=count_threads(self.n_jobs),
        )  # fmt: skip
        self.n_iter_, converged = stochastic(
            epoch,
            w,
            progress,
            train,
            random_state=random_state,
            shuffle=self.shuffle,
            max_iter=1 if incremental else self.max_iter,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            loss_scale=self._loss_scale(),
            score=score,
            verbose=self.verbose,
        )
        if not converged and not incremental:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization hasn't "
                "converged yet.",
                ConvergenceWarning,
                stacklevel=2,
            )
        if self.early_stopping:
            network.parameters = progress.best_parameters
        self._report(progress)

    def _resume(self, w, goes_on, incremental):
        """The progress so far where training goes on, with a new rule unless this is a partial fit."""
        progress = deepcopy(self._progress) if goes_on else None
        if progress is None or not incremental:
            settings = (
                {"momentum": self.momentum, "nesterov": self.nesterovs_momentum}
                if self.solver == "sgd"
                else {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
            )
            rule = RULES[self.solver](len(w), w.dtype, self.learning_rate_init, **settings)
            schedule = Constant()
            if self.solver == "sgd" and self.learning_rate == "invscaling":
                schedule = InverseScaling(self.learning_rate_init, self.power_t)
            elif self.solver == "sgd" and self.learning_rate == "adaptive":
                schedule = Adaptive()
            progress = progress or Progress(rule, schedule)
            progress.rule, progress.schedule = rule, schedule
        return progress

    def _report(self, progress):
        """Attributes of mini-batch training."""
        self._progress = progress
        self.t_ = progress.n_seen
        self.loss_curve_ = progress.loss_curve
        self.best_loss_ = progress.best_loss
        self.validation_scores_ = progress.validation_scores
        self.best_validation_score_ = progress.best_validation_score
        if progress.loss_curve:
            self.loss_ = progress.loss_curve[-1]

    def _split(self, rows, y, random_state):
        """Training and validation rows, as scikit-learn splits them."""
        return train_test_split(rows, random_state=random_state, test_size=self.validation_fraction)

    def _scorer(self, network, data, rows, y, sample_weight):
        """Function that scores the network, as it stands, on some rows; NaN where an output is not finite."""
        y = self._decode_targets(y)

        def score():
            raw = derivatives.outputs(network.topology.plan, network.parameters, data, self._predicts_from_raw, rows)
            with np.errstate(over="ignore"):  # squares of large residuals: the score is -inf
                return self._score(y, self._decode(raw), sample_weight) if np.isfinite(raw).all() else np.nan

        return score

    def _resolve_batch_size(self, n_samples):
        if self.batch_size == "auto":
            return min(200, n_samples)
        if self.batch_size > n_samples:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=2
            )
        return min(self.batch_size, n_samples)

    def _snapshot(self):
        """The estimator as it is fitted now; a fit in another thread leaves it alone, for it swaps `__dict__`."""
        fitted = object.__new__(type(self))
        fitted.__dict__ = self.__dict__
        if not hasattr(fitted, "network_"):  # the check itself takes longer than one row
            check_is_fitted(fitted)
        return fitted

    def _outputs(self, X, raw=False):
        """Outputs of the fitted network for checked X."""
        return self._ask(self.network_.predict_raw if raw else self.network_.predict, X)

    def _ask(self, predict, X):
        """What a method of the fitted network says to checked X."""
        network = self.network_
        if _is_plain(X, network) and not hasattr(self, "feature_names_in_"):
            # scikit-learn's checks take ten times the time of a small network, and here they could only object to
            # numbers that are not finite; the network looks for those too.
            with suppress(ValueError):
                return predict(X)
        return predict(validate_data(self, X, accept_sparse="csr", dtype=network.dtype, order="C", reset=False))

    def _check_solver(self):
        if self.solver == "lbfgs":
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True

    @property
    def coefs_(self):
        """Weight matrices, one per layer: views of the network's parameters."""
        return self._fitted_network("coefs_").coefs

    @coefs_.setter
    def coefs_(self, values):
        self._fitted_network("coefs_").coefs[:] = values

    @property
    def intercepts_(self):
        """Bias vectors, one per layer: views of the network's parameters."""
        return self._fitted_network("intercepts_").intercepts

    @intercepts_.setter
    def intercepts_(self, values):
        self._fitted_network("intercepts_").intercepts[:] = values

    def _fitted_network(self, attribute):
        if "network_" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {attribute!r} before fit")
        return self.network_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _is_plain(X, network):
    """Whether X is an array of floats with some rows, and columns as many as the network's inputs."""
    return (
        type(X) is np.ndarray and X.dtype.char in "fd" and X.ndim == 2 and len(X) > 0
        and X.shape[1] == network.topology.n_inputs
    )  # fmt: skip


def _hidden_sizes(sizes):
    """hidden_layer_sizes as a list of integers."""
    sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if any(not isinstance(size, Integral) for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be integers, got {sizes}.")
    if any(size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]
