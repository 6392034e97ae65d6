# SPDX-License-Identifier: BSD-3-Clause
"""What a fitted estimator answers by its network, and the parameters that it shows."""

from contextlib import suppress
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from bpnet.estimators._checks import check_data


class AsksNetwork(BaseEstimator):
    """Mixin with that; `network_` is the fitted network."""

    network_: Any

    def hidden_output(self, X, layer, of="output"):
        """Outputs of a hidden layer, or of single units.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        layer : int, str, list or label
            Number of the layer as in `coefs_`: 0 is the hidden layer at the features, -1 the outputs; or its name; or
            a list of labels of units, as in ``network_.topology.units``.
        of : {"output", "raw"}, default="output"
            Outputs of the units, or their weighted sums before the activation.

        Returns
        -------
        ndarray of shape (n_samples, n_units)
            float32 where the fit was, else float64. Cost O(n_samples W), W the parameters up to the layer.
        """
        fitted = self._snapshot()
        return fitted._ask(lambda X: fitted.network_.hidden_output(X, layer, of), X)

    def to_sklearn(self):
        """The same fitted model as an estimator of `sklearn.neural_network`, which `bpnet.from_sklearn` turns back.

        Returns
        -------
        sklearn.neural_network.MLPClassifier or MLPRegressor
            With the same parameters, fitted attributes and predictions (to rounding), and with the optimizer's state.

        Raises
        ------
        ValueError
            For networks that scikit-learn's cannot express; the message names what: skip connections, masks, layers
            without biases, several activations or others than scikit-learn's four, other losses.

        Warns
        -----
        UserWarning
            Where parameters of training that scikit-learn lacks are not at their defaults.
        """
        from bpnet.export._to_sklearn import to_sklearn  # most never need scikit-learn's own networks

        return to_sklearn(self)

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
        return predict(check_data(self, X, dtype=network.dtype))

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


def _is_plain(X, network):
    """Whether X is an array of floats with some rows, and columns as many as the network's inputs."""
    return (
        type(X) is np.ndarray and X.dtype.char in "fd" and X.ndim == 2 and len(X) > 0
        and X.shape[1] == network.topology.n_inputs
    )  # fmt: skip
