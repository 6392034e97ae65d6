# SPDX-License-Identifier: BSD-3-Clause
"""Multilayer perceptron for classification."""

from numbers import Real

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d

from bpnet._core.activations import apply
from bpnet.estimators._base import BaseMLP
from bpnet.estimators._checks import labels_of_one_kind
from bpnet.estimators._class_weight import class_factors, weigh
from bpnet.estimators._docs import CLASS_WEIGHT, share_docs
from bpnet.estimators._split import stratified_split
from bpnet.losses import log_logistic, log_softmax

_SMOOTHING = """
    label_smoothing : float, default=0.0
        Share of each target, from 0 to 1, that is dealt out evenly to all classes: with K of them the own class gets
        1 - label_smoothing (K - 1) / K, every other one label_smoothing / K. Keeps the network from being too sure
        where labels may be wrong. `loss_` is the log-loss of these targets."""


@share_docs(score="accuracy", more=CLASS_WEIGHT + _SMOOTHING)
class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multilayer perceptron classifier, trained by back-propagation on the log-loss.

    Two classes or several labels per sample get logistic outputs, more classes softmax. Parameters, attributes and
    behaviour are those of `sklearn.neural_network.MLPClassifier`, and so is the fit for the same `random_state`; what
    differs on purpose is listed in ``docs/differences.md``.

    Parameters
    ----------
    {PARAMETERS}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; for several labels per sample their numbers.
    {ATTRIBUTES}

    See Also
    --------
    MLPRegressor : The same for numbers.
    Network : Any topology, and derivatives.

    Notes
    -----
    An epoch costs O(n_samples W), W the number of parameters; scratch memory does not grow with n_samples. The log-loss
    is computed from the raw outputs and is exact however sure the network is.

    Examples
    --------
    >>> from bpnet import MLPClassifier
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(
    ...     StandardScaler(), MLPClassifier(early_stopping=True, learning_rate_init=0.01, random_state=0)
    ... )
    >>> model.fit(X[:400], y[:400]).score(X[400:], y[400:]) > 0.95
    True
    """

    _parameter_constraints: dict = {
        **BaseMLP._parameter_constraints,
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }
    loss = "log_loss"
    _y_numeric = False
    _predicts_from_raw = True

    def __init__(
        self,
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
        solver_options=None,
        n_restarts=1,
        class_weight=None,
        label_smoothing=0.0,
    ):
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
        self.solver_options = solver_options
        self.n_restarts = n_restarts
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing

    def predict(self, X):
        """Predicted classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            A matrix of zeros and ones where the fit saw one: several labels per sample.
        """
        fitted = self._snapshot()
        return fitted._decode(fitted._outputs(X, raw=True))

    def predict_proba(self, X):
        """Probability of each class, in the order of `classes_`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        fitted = self._snapshot()
        if fitted.n_outputs_ > 1:
            return fitted._outputs(X)
        # sigma(-a), not 1 - sigma(a): a small probability keeps its digits on either side.
        a = fitted._outputs(X, raw=True)
        return apply("logistic", np.hstack([-a, a]))

    def predict_jacobian(self, X):
        """Derivatives of `predict_proba` to the features, exact.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes, n_features)
            In the order of `classes_`; two classes have opposite derivatives.
        """
        fitted = self._snapshot()
        jacobian = fitted._ask(fitted.network_.jacobian, X)
        return jacobian if fitted.n_outputs_ > 1 else np.concatenate([-jacobian, jacobian], axis=1)

    def predict_log_proba(self, X):
        """Logarithm of each class's probability, from the raw outputs: exact also where a probability rounds to 0 or 1.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        fitted = self._snapshot()
        a = fitted._outputs(X, raw=True)
        if fitted.n_outputs_ == 1:
            return np.hstack([log_logistic(-a), log_logistic(a)])
        return log_softmax(a) if fitted.out_activation_ == "softmax" else log_logistic(a)

    def decision_function(self, X):
        """Raw outputs a: log-odds for two classes or several labels, unnormalised log-probabilities for more classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, else (n_samples, n_classes)
        """
        a = self._snapshot()._outputs(X, raw=True)
        return a.ravel() if a.shape[1] == 1 else a

    @available_if(lambda self: self._check_solver())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Go once over the data, from the parameters and with the optimizer state reached so far.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
        sample_weight : array-like of shape (n_samples,), default=None
        classes : array-like of shape (n_classes,), default=None
            All classes there will ever be; needed in the first call.

        Returns
        -------
        self : object
        """
        return self._learn(X, y, sample_weight, incremental=True, classes=classes)

    def _fit(
        self, X, y, sample_weight, incremental, given=(None, None, None), start=(None, None), tasks=None, classes=None
    ):
        with labels_of_one_kind():
            if incremental and _check_partial_fit_first_call(self, classes):
                self._label_binarizer = LabelBinarizer()
                self._label_binarizer.fit(y if type_of_target(y).startswith("multilabel") else classes)
        super()._fit(X, y, sample_weight, incremental, given, start, tasks)
        del self._class_factors

    def _validate(self, X, y, sample_weight, goes_on, incremental):
        X, y, sample_weight = super()._validate(X, y, sample_weight, goes_on, incremental)
        self._class_factors = None
        if self.class_weight is not None:
            if incremental and isinstance(self.class_weight, str):
                raise ValueError(
                    "class_weight 'balanced' needs all rows, and partial_fit sees a part: expected a dict, for example "
                    "from sklearn.utils.class_weight.compute_class_weight"
                )
            self._class_factors = class_factors(self.class_weight, y, self.classes_, sample_weight)
        return X, y, sample_weight

    def _weigh(self, y, sample_weight):
        factors = self._class_factors
        return sample_weight if factors is None else weigh(y, factors, sample_weight)

    @labels_of_one_kind()
    def _encode(self, y, dtype, goes_on, incremental):
        """Class numbers as int32; or for several labels a matrix of zeros and ones of the type of X."""
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (goes_on or incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_classes(y)
        return self._number(y, dtype)

    @labels_of_one_kind()
    def _encode_validation(self, y, dtype):
        y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        if type_of_target(y).startswith("multilabel") != self._multilabel:
            raise ValueError("expected y as in training: either one label per sample or several, got the other")
        if y.ndim == 2:
            # Columns are compared with those of training by who asked.
            return self._number(y, dtype) if y.shape[1] == len(self.classes_) else y
        labels = np.unique(y)
        if unseen := set(labels.tolist()) - set(self.classes_.tolist()):
            raise ValueError(f"expected classes seen in training, {self.classes_}, got {sorted(unseen)} besides")
        return self._number(y.astype(self.classes_.dtype), dtype)

    def _number(self, y, dtype):
        if self._multilabel:
            labels = self._label_binarizer.transform(y).astype(bool).astype(dtype, order="C")
            share = self.label_smoothing
            return labels * (1 - share) + share / 2 if share else labels
        return np.searchsorted(self.classes_, y).astype(np.int32)

    def _check_classes(self, y):
        if type_of_target(y).startswith("multilabel") != self._multilabel:
            raise ValueError("expected y as in the first fit: either one label per sample or several, got the other")
        classes = unique_labels(y)
        if self.warm_start:
            if set(classes) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                    f"Previously got {self.classes_}, `y` has {classes}"
                )
        elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}."
            )

    @property
    def _multilabel(self):
        return self._label_binarizer.y_type_.startswith("multilabel")

    def _decode(self, a):
        """Classes from raw outputs."""
        if self._multilabel:
            return self._label_binarizer.inverse_transform((a > 0).astype(np.int64), threshold=0.5)
        if len(self.classes_) == 1:
            return np.repeat(self.classes_, len(a))
        return self.classes_[(a.ravel() > 0).astype(np.intp) if self.n_outputs_ == 1 else a.argmax(axis=1)]

    def _decode_targets(self, y):
        return (y > 0.5).astype(np.int64) if self._multilabel else self.classes_[y]

    def _score(self, y, predicted, sample_weight):
        return accuracy_score(y, predicted, sample_weight=sample_weight)

    def _split(self, rows, y, random_state):
        """As scikit-learn: stratified for two classes only."""
        if self.n_outputs_ > 1 or self._multilabel:
            return super()._split(rows, y, random_state)
        return stratified_split(y, self.classes_, self.validation_fraction, random_state)

    def _count_outputs(self, y):
        if self._multilabel:
            return y.shape[1]
        return len(self.classes_) if len(self.classes_) > 2 else 1

    def _choose_out_activation(self):
        return "softmax" if self._label_binarizer.y_type_ == "multiclass" else "logistic"

    def _smoothing(self):
        return self.label_smoothing

    def _loss_scale(self):
        return 1.0

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
