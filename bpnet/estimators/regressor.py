# SPDX-License-Identifier: BSD-3-Clause
"""Multilayer perceptron for regression."""

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils import check_array
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d

from bpnet import losses
from bpnet._core.activations import CODES
from bpnet.activations import Activation
from bpnet.estimators._base import BaseMLP
from bpnet.estimators._docs import share_docs
from bpnet.predictions import check_has_std, prediction_jacobian, predictions, standard_deviations

_OUT_ACTIVATION = """
    out_activation : str or Activation, default=None
        Of the outputs; by default what the loss is matched with. Others are possible for losses of residuals,
        quantiles and one's own, which then read the outputs behind it: for targets in (0, 1), say, 'logistic'."""


@share_docs(score="R^2 (of several quantiles the mean D^2 of their pinball losses)", more=_OUT_ACTIVATION)
class MLPRegressor(RegressorMixin, BaseMLP):
    """Multilayer perceptron regressor, trained by back-propagation.

    Parameters, attributes and behaviour are those of `sklearn.neural_network.MLPRegressor`, and so is the fit for the
    same `random_state`; what differs on purpose is listed in ``docs/differences.md``.

    Parameters
    ----------
    loss : str or object, default='squared_error'
        With linear outputs 'squared_error' (half of it), 'absolute_error', 'huber', 'log_cosh', 'quantile' (the median)
        and 'gaussian_nll', which predicts mean and variance; with exponential outputs half the deviances 'poisson'
        (targets of at least 0) and 'gamma' (above 0); an object of `bpnet.losses`, such as ``Huber(delta=2)`` or
        ``Quantile([0.1, 0.5, 0.9])``; or a loss of one's own, see ``docs/guide/losses.md``.
    {PARAMETERS}

    Attributes
    ----------
    {ATTRIBUTES}

    See Also
    --------
    MLPClassifier : The same for classes.
    Network : Any topology, and derivatives.

    Notes
    -----
    An epoch costs O(n_samples W), W the number of parameters; scratch memory does not grow with n_samples.

    Examples
    --------
    >>> from bpnet import MLPRegressor
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = make_pipeline(
    ...     StandardScaler(),
    ...     MLPRegressor(hidden_layer_sizes=10, activation="logistic", solver="lbfgs", alpha=10.0, random_state=0),
    ... )
    >>> round(model.fit(X[:300], y[:300]).score(X[300:], y[300:]), 1)
    0.5
    """

    _parameter_constraints: dict = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions(set(losses.NAMES) - {"log_loss"}), HasMethods(["value", "gradient"]), *losses.OBJECTS],
        "out_activation": [StrOptions(set(CODES)), Activation, None],
    }
    _y_numeric = True
    _predicts_from_raw = False

    def __init__(
        self,
        loss="squared_error",
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        n_jobs=None,
        topology=None,
        out_activation=None,
        initializer=None,
        dropout=0.0,
        input_dropout=0.0,
        alpha_l1=0.0,
        weight_decay=0.0,
        max_gradient_norm=None,
        frozen=None,
        scoring=None,
        callbacks=None,
        max_time=None,
        gradient_tol=None,
        solver_options=None,
        n_restarts=1,
    ):
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.n_jobs = n_jobs
        self.topology = topology
        self.out_activation = out_activation
        self.initializer = initializer
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.alpha_l1 = alpha_l1
        self.weight_decay = weight_decay
        self.max_gradient_norm = max_gradient_norm
        self.frozen = frozen
        self.scoring = scoring
        self.callbacks = callbacks
        self.max_time = max_time
        self.gradient_tol = gradient_tol
        self.solver_options = solver_options
        self.n_restarts = n_restarts

    def predict(self, X, return_std=False):
        """Predicted targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        return_std : bool, default=False
            Whether the standard deviations are wanted too: only where loss='gaussian_nll'.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            float32 where the fit was, else float64. Of several quantiles there is one more axis, of their levels.
        std : ndarray of the shape of y
            Only where `return_std` is true.
        """
        fitted = self._snapshot()
        if not return_std:
            return fitted._decode(fitted._outputs(X))
        check_has_std(fitted._loss)
        z = fitted._outputs(X)
        std = standard_deviations(z)
        return fitted._decode(z), std.ravel() if std.shape[1] == 1 else std

    def predict_jacobian(self, X):
        """Derivatives of `predict` to the features, exact.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of the shape of the predictions and one more axis, n_features
            float32 where the fit was, else float64.
        """
        fitted = self._snapshot()
        jacobian = fitted._ask(fitted.network_.jacobian, X)
        if fitted._loss.n_each != 1:
            jacobian = prediction_jacobian(fitted._loss, fitted._outputs(X), jacobian)
        return jacobian[:, 0] if jacobian.shape[1] == 1 else jacobian

    @available_if(lambda self: self._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Go once over the data, from the parameters and with the optimizer state reached so far.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : object
        """
        return self._learn(X, y, sample_weight, incremental=True)

    def _encode(self, y, dtype, goes_on, incremental):
        """Targets as a matrix of the type of X."""
        # `_validate` has looked at y as it was given; left to refuse are matrices and words that do not convert.
        if not (isinstance(y, np.ndarray) and y.dtype == dtype and y.flags.c_contiguous):
            with np.errstate(over="ignore"):
                y = check_array(y, dtype=dtype, order="C", ensure_2d=False, input_name="y")
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        y = y.reshape(len(y), -1)
        self._loss = losses.compiled(self.loss)
        losses.check_targets(self._loss, y)
        return y

    def _encode_validation(self, y, dtype):
        return self._encode(y, dtype, goes_on=True, incremental=False)

    def _decode(self, z):
        y = z if self._loss.n_each == 1 else predictions(self._loss, z)
        return (y.ravel() if y.ndim == 2 else y[:, 0]) if y.ndim > 1 and y.shape[1] == 1 else y

    def _decode_targets(self, y):
        return y

    def score(self, X, y, sample_weight=None):
        """R^2 of the predictions; of several quantiles the mean D^2 of their pinball losses.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        fitted = self._snapshot()
        return fitted._score(y, fitted.predict(X), sample_weight)

    def _score(self, y, predicted, sample_weight):
        if self._loss.name != "quantile" or self._loss.n_each == 1:
            return r2_score(y, predicted, sample_weight=sample_weight)
        predicted = predicted.reshape(len(predicted), -1, self._loss.n_each)  # of one target there is no axis
        y = np.reshape(y, (len(predicted), -1))
        scores = [
            d2_pinball_score(y, predicted[..., k], alpha=level, sample_weight=sample_weight)
            for k, level in enumerate(self._loss.parameters)
        ]
        return float(np.mean(scores))

    def _count_outputs(self, y):
        return self._loss.n_raw(y.shape[1])

    def _choose_out_activation(self):
        return self._loss.activation if self.out_activation is None else self.out_activation

    def _loss_scale(self):
        """The squared error is reported as a mean over outputs, the Poisson deviance as their sum."""
        return 1 / self.n_outputs_ if self.loss == "squared_error" else 1.0
