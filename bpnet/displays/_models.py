# SPDX-License-Identifier: BSD-3-Clause
"""What a display is drawn of: the network's own estimator inside a search, a pipeline or a regressor of targets."""

import numpy as np

from bpnet.network import Network


def innermost(model):
    """The estimator, or network, that stands behind searches, pipelines and transformed targets."""
    while (inner := _step_in(model)) is not None:
        model = inner
    return model


def network_of(model):
    """The `Network` of a fitted model; TypeError where there is none."""
    model = innermost(model)
    network = model if isinstance(model, Network) else getattr(model, "network_", None)
    if network is None:
        raise TypeError(
            "expected a Network, a fitted MLPRegressor or MLPClassifier, or a pipeline or search that ends in one, got "
            f"{type(model).__name__} without network_"
        )
    return network


def network_and_data(model, X, y):
    """The network, and its own inputs and targets: X as the pipeline transforms it, classes as zeros and ones.

    Parameters
    ----------
    model : Network, or fitted estimator, pipeline or search
    X, y
        As for the `fit` of the model, or the `deltas` of the network.

    Returns
    -------
    network : Network
    X, y : array or sparse matrix, array
    """
    network = network_of(model)
    while (inner := _step_in(model)) is not None:
        if hasattr(model, "steps") and len(model.steps) > 1:
            X = model[:-1].transform(X)
        elif hasattr(model, "transformer_"):
            y = model.transformer_.transform(np.reshape(y, (len(y), -1)))
        model = inner
    if hasattr(model, "classes_"):
        y = _as_indicators(model, y)
    # What names columns: networks take numbers alone.
    return network, X.to_numpy() if hasattr(X, "to_numpy") else X, y


def _as_indicators(classifier, y):
    """Targets of the outputs: (n_samples, n_outputs) of zeros and ones."""
    y, classes = np.asarray(y), classifier.classes_
    if y.ndim == 1 and len(strange := np.setdiff1d(y, classes)):
        raise ValueError(f"expected y out of the classes {classes}, got {strange[0]!r}")
    return classifier._label_binarizer.transform(y).astype(np.float64)


def _step_in(model):
    """What stands one level further in, or None."""
    if hasattr(model, "best_estimator_"):
        return model.best_estimator_
    if hasattr(model, "steps"):
        return model.steps[-1][1]
    return getattr(model, "regressor_", None)
