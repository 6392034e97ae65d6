# SPDX-License-Identifier: BSD-3-Clause
"""Fitted estimators as JSON and back: parameters of the constructor, and plain fitted attributes."""

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.validation import check_is_fitted

from bpnet.estimators.classifier import MLPClassifier
from bpnet.estimators.regressor import MLPRegressor
from bpnet.export._checks import as_object
from bpnet.export._values import decode, encode

CLASSES: dict[str, Any] = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}
TARGETS = ("binary", "multiclass", "multilabel-indicator")
#: Fitted attributes that are derived from the rest of the file.
DERIVED = ("network_", "n_features_in_", "classes_")


def encode_estimator(model):
    """The network, and the rest as an object of JSON."""
    name = type(model).__name__
    if CLASSES.get(name) is not type(model):
        raise TypeError(f"expected a Network, an MLPRegressor or an MLPClassifier, got {name}")
    check_is_fitted(model)
    parameters = model.get_params(deep=False)
    target = None
    if name == "MLPClassifier":
        binarizer = model._label_binarizer
        target = {
            "type": binarizer.y_type_,
            "classes": encode(model.classes_, "classes_"),
            "sparse": bool(binarizer.sparse_input_),
        }
    return model.network_, {
        "class": name,
        "parameters": {key: encode(value, f"the parameter {key}={value!r}") for key, value in parameters.items()},
        "fitted": _encode_fitted(model),
        "target": target,
    }


def _encode_fitted(model):
    """Public attributes that a fit has set, as far as they are plain values."""
    fitted = {}
    for key, value in vars(model).items():
        if _is_fitted_name(key, type(model)) and key not in DERIVED:
            try:
                fitted[key] = encode(value, key)
            except ValueError:
                continue
    return fitted


def _is_fitted_name(key, kind):
    return key.isidentifier() and key.endswith("_") and not key.startswith("_") and not hasattr(kind, key)


def decode_estimator(content, network):
    """The estimator around a network."""
    as_object(content, ("class", "parameters", "fitted", "target"), "estimator")
    if not isinstance(content["class"], str) or content["class"] not in CLASSES:
        raise ValueError(f"estimator: expected a class out of {', '.join(CLASSES)}, got {content['class']!r}")
    kind = CLASSES[content["class"]]
    model = _construct(kind, content["parameters"])
    _restore_fitted(model, content["fitted"], network)
    if kind is MLPClassifier:
        _restore_target(model, content["target"], network)
    elif content["target"] is not None:
        raise ValueError("estimator, target: expected null for a regressor")
    else:
        model._loss, n_each = network._loss, network._loss.n_raw(1)
        if network.topology.n_outputs % n_each:
            raise ValueError(f"network: expected {n_each} outputs for each target, got {network.topology.n_outputs}")
    # No optimizer is saved: training that goes on begins with a new one.
    model.n_features_in_, model._progress, model.network_ = network.topology.n_inputs, None, network
    return model


def _construct(kind, content):
    if not isinstance(content, dict):
        raise ValueError(f"estimator, parameters: expected an object, got {type(content).__name__}")
    if unknown := sorted(set(content) - set(kind._get_param_names())):
        raise ValueError(f"estimator, parameters: {kind.__name__} has no parameter {unknown[0]!r}")
    parameters = {key: decode(value, f"estimator, parameters, {key}") for key, value in content.items()}
    try:
        model = kind(**parameters)
        model._validate_params()
    except (TypeError, ValueError) as error:
        raise ValueError(f"estimator, parameters: {error}") from None
    return model


def _restore_fitted(model, content, network):
    where = "estimator, fitted"
    if not isinstance(content, dict):
        raise ValueError(f"{where}: expected an object, got {type(content).__name__}")
    for key, value in content.items():
        if not _is_fitted_name(key, type(model)) or key in DERIVED:
            raise ValueError(f"{where}: expected names of fitted attributes, got {key!r}")
        setattr(model, key, decode(value, f"{where}, {key}"))
    topology = network.topology
    counts = {"n_outputs_": range(1, topology.n_outputs + 1), "n_layers_": [len(topology.layers) + 1]}
    for key, allowed in counts.items():
        value = getattr(model, key, None)
        if type(value) is not int or value not in allowed:
            raise ValueError(f"{where}: expected {key} to fit the network, got {value!r}")
    if getattr(model, "out_activation_", None) not in topology.out_activations:
        raise ValueError(f"{where}: expected out_activation_ as in the network")
    for key in ("n_iter_", "t_"):
        if type(getattr(model, key, None)) is not int:
            raise ValueError(f"{where}: expected {key} as an integer")
    names = getattr(model, "feature_names_in_", None)
    if names is not None and (
        not isinstance(names, np.ndarray)
        or names.shape != (topology.n_inputs,)
        or not all(isinstance(name, str) for name in names.tolist())
    ):
        raise ValueError(f"{where}: expected feature_names_in_ as an array of {topology.n_inputs} strings")


def _restore_target(model, content, network):
    where, n_outputs = "estimator, target", network.topology.n_outputs
    as_object(content, ("type", "classes", "sparse"), where)
    kind, classes, sparse = content["type"], decode(content["classes"], f"{where}, classes"), content["sparse"]
    if kind not in TARGETS or type(sparse) is not bool:
        raise ValueError(f"{where}: expected a type out of {', '.join(TARGETS)}, and sparse as true or false")
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or not 1 <= len(classes):
        raise ValueError(f"{where}: expected classes as an array of one dimension")
    binarizer = LabelBinarizer()
    try:
        if kind == "multilabel-indicator":
            labels = np.zeros((2, len(classes)), int)
            binarizer.fit(csr_matrix(labels) if sparse else labels)
        else:
            binarizer.fit(classes)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from None
    model._label_binarizer, model.classes_ = binarizer, binarizer.classes_
    fits = model._count_outputs(np.empty((1, len(classes)))) == model.n_outputs_ == n_outputs
    outputs = set(network.topology.out_activations)
    if (
        binarizer.y_type_ != kind
        or not np.array_equal(binarizer.classes_, classes)
        or not fits
        or outputs != {model._choose_out_activation()}
        or network.loss_name != model.loss
    ):
        raise ValueError(f"{where}: expected classes, in ascending order, that fit outputs and loss of the network")
