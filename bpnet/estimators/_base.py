# SPDX-License-Identifier: BSD-3-Clause
"""What the regressor and the classifier share: fitting a network behind scikit-learn's parameters."""

import warnings
from copy import copy, deepcopy
from functools import cache
from numbers import Integral, Real
from time import monotonic

import numpy as np
from sklearn.base import _fit_context
from sklearn.metrics import get_scorer_names
from sklearn.model_selection import train_test_split
from sklearn.utils._param_validation import Interval, Options, StrOptions

from bpnet import initializers
from bpnet._core.activations import CODES
from bpnet._core.plan import aligned
from bpnet.activations import Activation
from bpnet.estimators._checks import check_data, check_weights
from bpnet.estimators._fitted import AsksNetwork
from bpnet.estimators._html import ShowsNetwork
from bpnet.estimators._job import Job
from bpnet.estimators._options import check_solver_options, make_rule, make_schedule
from bpnet.estimators._pickles import PickledByFormat
from bpnet.estimators._restarts import fit_starts
from bpnet.estimators._sklearn_callbacks import CallbackSupportMixin, begin_tasks
from bpnet.estimators._topology import bind, hidden_sizes
from bpnet.estimators._validation_set import check_given
from bpnet.losses import are_same
from bpnet.network import Network
from bpnet.optimizers.full_batch import SOLVERS
from bpnet.optimizers.stochastic import Progress
from bpnet.scaling import scale_to_data
from bpnet.schedules import PLANS
from bpnet.topology import Topology
from bpnet.training import RULES, check_finite


class BaseMLP(AsksNetwork, ShowsNetwork, CallbackSupportMixin, PickledByFormat):
    """Base of the multilayer perceptrons; parameters and attributes stand in the subclasses."""

    _parameter_constraints: dict = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(CODES) - {"softmax"}), list, tuple, Activation],
        "solver": [StrOptions({*SOLVERS, *RULES})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive", *PLANS}), callable],
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
        "initializer": [StrOptions(set(initializers.NAMES)), callable, None],
        "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "input_dropout": [Interval(Real, 0, 1, closed="left")],
        "alpha_l1": [Interval(Real, 0, None, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "max_gradient_norm": [Interval(Real, 0, None, closed="neither"), None],
        "frozen": [str, Integral, "array-like", None],
        "scoring": [StrOptions({"loss", *get_scorer_names()}), callable, None],
        "callbacks": [list, tuple, callable, None],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "gradient_tol": [Interval(Real, 0, None, closed="left"), None],
        "solver_options": [dict, None],
        "n_restarts": [Interval(Integral, 1, None, closed="left")],
    }

    @classmethod
    @cache
    def _get_param_names(cls):
        # scikit-learn reads the constructor's signature at every fit, clone and get_params: a fifth of a short fit.
        return super()._get_param_names()

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None, coef_init=None,
        intercept_init=None,
    ):  # fmt: skip
        """Fit the network to data.

        Nothing of an earlier fit is lost if this one fails.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            float32 is kept, every other type becomes float64.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None
            At least 0, not all 0.
        X_val, y_val, sample_weight_val : default=None
            Rows that are not trained on, like X, y and sample_weight. Loss and score on them are noted after each
            epoch, and early stopping goes by them instead of a part of X.
        coef_init, intercept_init : list of array-like, default=None
            Weights and biases to begin with, in the form of `coefs_` and `intercepts_`. What is None, list or item,
            begins as ever.

        Returns
        -------
        self : object
        """
        given, start = (X_val, y_val, sample_weight_val), (coef_init, intercept_init)
        return self._learn(X, y, sample_weight, incremental=False, given=given, start=start)

    def _learn(self, X, y, sample_weight, incremental, **more):
        """Fit a draft of the estimator and, if all went well, take over what it has learnt in one step."""
        tasks = None if incremental else begin_tasks(self, X, y, sample_weight)
        draft = copy(self)
        draft._fit(X, y, sample_weight, incremental, tasks=tasks, **more)
        if tasks is not None:
            tasks.end(draft)
        # In one step, also for threads that predict meanwhile; and attributes that the draft lost are gone.
        self.__dict__ = draft.__dict__
        return self

    def _fit(self, X, y, sample_weight, incremental, given=(None, None, None), start=(None, None), tasks=None):
        check_solver_options(self)
        job = self._take_job(X, y, sample_weight, incremental, given, tasks)
        outcome = fit_starts(self, job, start)
        check_finite(self.network_.parameters)
        if outcome.warn is not None:
            outcome.warn()

    def _take_job(self, X, y, sample_weight, incremental, given=(None, None, None), tasks=None):
        """All that was given to `fit` or `partial_fit`, checked."""
        began, resumed = monotonic(), self.__dict__.pop("_standing", None)
        goes_on = hasattr(self, "network_") and (self.warm_start or incremental)
        X, y, sample_weight = self._validate(X, y, sample_weight, goes_on, incremental)
        given = check_given(self, given, like=(X, y))
        weight = self._weigh(y, sample_weight)
        weight = None if weight is None else weight.astype(X.dtype, copy=False)
        job = Job(X, y, sample_weight, weight, given, goes_on, incremental, tasks, began, resumed, self._smoothing())
        job.check(self)
        return job

    def _validate(self, X, y, sample_weight, goes_on, incremental):
        """Arrays in the form the core reads: X of float32 or float64, encoded targets, weights of the type of X."""
        # A network that goes on learning keeps its type.
        dtype = self.network_.dtype if goes_on else (np.float64, np.float32)
        X, y = check_data(self, X, y, dtype=dtype, reset=not goes_on)
        sample_weight = check_weights(sample_weight, X, X.dtype)
        return X, self._encode(y, X.dtype, goes_on, incremental), sample_weight

    def _build(self, X, y, random_state, goes_on):
        """A network with starting parameters: drawn anew, or a copy of those fitted so far."""
        self.n_outputs_ = self._count_outputs(y)
        self.out_activation_ = self._choose_out_activation()
        if self.topology is None:
            sizes = [X.shape[1], *hidden_sizes(self.hidden_layer_sizes), self.n_outputs_]
            topology = Topology.layered(sizes, self.activation, self.out_activation_)
        else:
            topology = bind(self.topology, X.shape[1], self.n_outputs_, self.out_activation_)
        self.n_layers_ = len(topology.layers) + 1
        if goes_on:
            if topology != self.network_.topology:
                raise ValueError(
                    f"a warm start needs the same network as before: expected {self.network_.topology!r}, "
                    f"got {topology!r}"
                )
            if not are_same(self.loss, self.network_.loss_name):
                raise ValueError(
                    f"a warm start needs the same loss as before: expected {self.network_.loss_name!r}, "
                    f"got {self.loss!r}"
                )
            w = aligned(self.network_.parameters, self.network_.dtype)
        else:
            # One factor for all layers, the output's too: that is scikit-learn's rule.
            factor = None if self.topology is not None else 2.0 if self.activation == "logistic" else 6.0
            if self.initializer is None:
                w = aligned(initializers.glorot_uniform(topology, random_state, factor), X.dtype)
            else:
                w = aligned(initializers.draw(self.initializer, topology, random_state), X.dtype)
            self.n_iter_, self.t_, self._progress = 0, 0, None
        network = Network.from_parameters(topology, w, self.loss)
        if self.initializer == "lsuv" and not goes_on:
            scale_to_data(network, X)
        return network

    def _smoothing(self):
        """Share of a class number's target that all classes get."""
        return 0.0

    def _resume(self, w, goes_on, incremental):
        """The progress so far where training goes on, with a new rule unless this is a partial fit."""
        progress = deepcopy(self._progress) if goes_on else None
        if progress is None or not incremental:
            rule, schedule = make_rule(self, w), make_schedule(self)
            progress = progress or Progress(rule, schedule)
            progress.rule, progress.schedule = rule, schedule
        return progress

    def _report(self, progress):
        """Attributes of mini-batch training."""
        self._progress = progress
        self.t_ = progress.n_seen
        self.best_loss_ = progress.best_loss
        self.loss_ = progress.loss_curve[-1] if progress.loss_curve else np.nan
        self._report_curves(progress)

    def _report_curves(self, progress):
        """Attributes of every training."""
        self.loss_curve_ = progress.loss_curve
        self.validation_loss_curve_ = progress.validation_losses
        self.validation_scores_ = progress.validation_scores
        self.best_validation_score_ = progress.best_validation_score
        if progress.best_validation_score is None and progress.validation_scores:
            self.best_validation_score_ = max(progress.validation_scores, key=lambda s: -np.inf if np.isnan(s) else s)

    def _split(self, rows, y, random_state):
        """Training and validation rows, as scikit-learn splits them."""
        return train_test_split(rows, random_state=random_state, test_size=self.validation_fraction)

    def _weigh(self, y, sample_weight):
        """Sample weights of the loss."""
        return sample_weight

    def _resolve_batch_size(self, n_samples):
        if self.batch_size == "auto":
            return n_samples if self.solver == "rprop" else min(200, n_samples)
        if self.solver == "rprop" and self.batch_size < n_samples:
            raise ValueError(
                f"'rprop' works on all {n_samples} rows at once: expected batch_size='auto', got {self.batch_size}"
            )
        if self.batch_size > n_samples:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=2
            )
        return min(self.batch_size, n_samples)

    def _check_solver(self):
        if self.solver in SOLVERS:
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
