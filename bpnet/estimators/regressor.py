# SPDX-License-Identifier: BSD-3-Clause
"""Multilayer perceptron for regression."""

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils import check_array
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d

from bpnet.estimators._base import BaseMLP
from bpnet.estimators._docs import share_docs


@share_docs(score="R^2")
class MLPRegressor(RegressorMixin, BaseMLP):
    """Multilayer perceptron regressor, trained by back-propagation.

    Parameters, attributes and behaviour are those of `sklearn.neural_network.MLPRegressor`, and so is the fit for the
    same `random_state`; what differs on purpose is listed in ``docs/differences.md``.

    Parameters
    ----------
    loss : {'squared_error', 'poisson'}, default='squared_error'
        Half the squared error with linear outputs, or half the Poisson deviance with exponential outputs and targets
        of at least 0.
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
        "loss": [StrOptions({"squared_error", "poisson"})],
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

    def predict(self, X):
        """Predicted targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            float32 where the fit was, else float64.
        """
        return self._decode(self._snapshot()._outputs(X))

    def predict_jacobian(self, X):
        """Derivatives of `predict` to the features, exact.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_features) or (n_samples, n_outputs, n_features)
            float32 where the fit was, else float64.
        """
        fitted = self._snapshot()
        jacobian = fitted._ask(fitted.network_.jacobian, X)
        return jacobian[:, 0] if fitted.n_outputs_ == 1 else jacobian

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
        if self.loss == "poisson" and y.min() < 0:
            raise ValueError(f"loss 'poisson' expects targets of at least 0 in y, got {y.min()}")
        return y

    def _encode_validation(self, y, dtype):
        return self._encode(y, dtype, goes_on=True, incremental=False)

    def _decode(self, z):
        return z.ravel() if z.shape[1] == 1 else z

    def _decode_targets(self, y):
        return y

    def _score(self, y, predicted, sample_weight):
        return r2_score(y, predicted, sample_weight=sample_weight)

    def _count_outputs(self, y):
        return y.shape[1]

    def _choose_out_activation(self):
        return "exp" if self.loss == "poisson" else "identity"

    def _loss_scale(self):
        """The squared error is reported as a mean over outputs, the Poisson deviance as their sum."""
        return 1 / self.n_outputs_ if self.loss == "squared_error" else 1.0
