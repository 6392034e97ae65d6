# SPDX-License-Identifier: BSD-3-Clause
"""What an estimator makes of the outputs of its network, for writers in other languages."""

import numpy as np

from bpnet.network import Network


def take_apart(model):
    """The network of a model, and what is made of its outputs.

    Parameters
    ----------
    model : Network, MLPRegressor or MLPClassifier
        Estimators must be fitted.

    Returns
    -------
    network : Network
    kind : {"network", "regressor", "classifier", "multilabel"}
    classes : None or list
        Of a classifier: labels as integers, floats or strings of Python; those of "multilabel" are 0, 1, ...

    Raises
    ------
    TypeError
        For anything else.
    ValueError
        For parameters that are not finite, and for losses whose predictions are more than the outputs.
    """
    if isinstance(model, Network):
        network, kind, classes = model, "network", None
    else:
        network, kind, classes = _take_estimator(model)
    if not np.isfinite(network.parameters).all():
        raise ValueError("cannot export a network whose parameters are not all finite")
    return network, kind, classes


def _take_estimator(model):
    from sklearn.utils.validation import check_is_fitted

    from bpnet.estimators.classifier import MLPClassifier
    from bpnet.estimators.regressor import MLPRegressor

    if not isinstance(model, MLPRegressor | MLPClassifier):
        raise TypeError(f"expected a Network, an MLPRegressor or an MLPClassifier, got {type(model).__name__}")
    check_is_fitted(model)
    network = model.network_
    if isinstance(model, MLPClassifier):
        return network, "multilabel" if model._multilabel else "classifier", _plain_labels(model.classes_)
    loss = network._loss
    if loss.n_raw(1) != 1 or (loss.name == "own" and hasattr(loss.own.source, "predict")):
        raise ValueError(
            f"cannot export an estimator with the loss {network.loss_name!r}: expected one whose predictions are the "
            "outputs of the network as they are; its network_ can be exported"
        )
    return network, "regressor", None


def _plain_labels(classes):
    labels = classes.tolist()
    if not any(all(isinstance(label, kind) for label in labels) for kind in (str, int | float)):
        raise ValueError(f"cannot export these class labels: expected numbers or strings, got {labels}")
    return labels
