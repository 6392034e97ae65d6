# SPDX-License-Identifier: BSD-3-Clause
"""Preset for the classes of a table's rows."""

import numpy as np
from scipy.special import logsumexp
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from bpnet.estimators._checks import labels_of_one_kind
from bpnet.estimators._class_weight import class_factors, weigh
from bpnet.estimators.classifier import MLPClassifier
from bpnet.tabular._base import FEW_ROWS, BaseTabularMLP
from bpnet.tabular._docs import share_docs

#: From so many classes on there is a third hidden layer, unless rows are few. On splits of training rows it took 16 %
#: off the log-loss of `letter` with 26 classes and 7 % off that of `mnist` with 10; with 6 classes and fewer it gained
#: nothing on any table of docs/guide/tabular.md, for half as much time again.
MANY_CLASSES = 10


@share_docs(
    sizes="'auto'",
    sizes_note="""Units of each hidden layer. 'auto' is (128, 128), or (128, 128, 128) for 10 classes or more and more
        than 2000 rows.""",
    activation="silu",
    dropout="0.15",
    input_dropout="'auto'",
)
class TabularMLPClassifier(ClassifierMixin, BaseTabularMLP):
    """Classifier for tables as they come: prepared columns, and the average of several nets.

    {SUMMARY}

    Probabilities are averaged.

    Parameters
    ----------
    {PARAMETERS}
    class_weight : dict or 'balanced', default=None
        Weight of each class by its label, times that of the sample; a label that is not in the dict has weight 1.
        'balanced' gives all classes the same share of the whole table, rows counted by their sample weights, and so the
        same weights in all nets. They count in the losses and in the choice of each net's best epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    {ATTRIBUTES}

    See Also
    --------
    TabularMLPRegressor : The same for numbers.
    MLPClassifier : One net, with all of its parameters.

    Notes
    -----
    {NOTES}

    Examples
    --------
    >>> from bpnet import TabularMLPClassifier
    >>> from sklearn.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True)
    >>> X[::7, 3] = float("nan")
    >>> model = TabularMLPClassifier(random_state=0).fit(X[::2], y[::2])
    >>> model.score(X[1::2], y[1::2]) > 0.9
    True
    """

    _net_class = MLPClassifier
    _parameter_constraints: dict = {
        **BaseTabularMLP._parameter_constraints,
        "hidden_layer_sizes": [*BaseTabularMLP._parameter_constraints["hidden_layer_sizes"], StrOptions({"auto"})],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        n_estimators=5,
        *,
        hidden_layer_sizes="auto",
        activation="silu",
        dropout=0.15,
        input_dropout="auto",
        learning_rate_init=0.008,
        max_iter=32,
        batch_size="auto",
        categorical_features="from_dtype",
        class_weight=None,
        n_jobs=None,
        random_state=None,
        verbose=False,
    ):
        self.n_estimators = n_estimators
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.categorical_features = categorical_features
        self.class_weight = class_weight
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def predict(self, X):
        """The class of the largest average probability.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def predict_proba(self, X):
        """Probability of each class, in the order of `classes_`: the mean over the nets.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        views = self._prepare(X)
        each = [net.predict_proba(view) for net, view in zip(self.estimators_, views, strict=True)]
        probabilities = np.mean(each, axis=0, dtype=np.float64)
        return probabilities / probabilities.sum(axis=1, keepdims=True)  # those of a net sum to 1 in float32 only

    def predict_log_proba(self, X):
        """Logarithm of `predict_proba`, finite also where a probability rounds to 0.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        views = self._prepare(X)
        each = [net.predict_log_proba(view) for net, view in zip(self.estimators_, views, strict=True)]
        logarithms = np.array(each, np.float64)
        return logsumexp(logarithms, axis=0) - np.log(len(self.estimators_))

    def _resolve_sizes(self, n_samples):
        """Sizes of the hidden layers."""
        if not isinstance(self.hidden_layer_sizes, str):
            return self.hidden_layer_sizes
        return [128] * (3 if len(self.classes_) >= MANY_CLASSES and n_samples > FEW_ROWS else 2)

    @labels_of_one_kind()
    def _check_y(self, y):
        if type_of_target(y, input_name="y", raise_unknown=True).startswith("multilabel"):
            raise ValueError(
                f"{type(self).__name__} takes one label a row, got a matrix of shape {np.shape(y)}: for several labels "
                "a row there is MLPClassifier"
            )
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        return y

    def _encode(self, y, sample_weight):
        """Class numbers, twice: as targets and for even folds."""
        self.classes_, y = np.unique(y, return_inverse=True)
        if len(self.classes_) == 1:
            raise ValueError(f"expected at least two classes in y, got one class: {self.classes_.tolist()}")
        return y, y

    def _weigh(self, y, sample_weight):
        """Sample weights times those of the classes, which are counted in the whole table."""
        if self.class_weight is None:
            return sample_weight
        return weigh(y, class_factors(self.class_weight, y, self.classes_, sample_weight), sample_weight)
