# SPDX-License-Identifier: BSD-3-Clause
"""Feed-forward networks trained by back-propagation: a compiled core behind scikit-learn's own API."""

from importlib import import_module

# Public name -> module that defines it. Loaded when first asked for: `from bpnet import Network` needs no scikit-learn.
_HOME = {
    "Activation": "bpnet.activations",
    "DeltaDisplay": "bpnet.displays",
    "LaplaceClassifier": "bpnet.laplace",
    "LaplaceRegressor": "bpnet.laplace",
    "Layer": "bpnet.layers",
    "LossCurveDisplay": "bpnet.displays",
    "MLPClassifier": "bpnet.estimators.classifier",
    "MLPRegressor": "bpnet.estimators.regressor",
    "Network": "bpnet.network",
    "NetworkDisplay": "bpnet.displays",
    "TabularMLPClassifier": "bpnet.tabular.classifier",
    "TabularMLPRegressor": "bpnet.tabular.regressor",
    "Topology": "bpnet.topology",
    "check_gradient": "bpnet.checks",
    "check_hessian": "bpnet.checks",
    "check_jacobian": "bpnet.checks",
    "export_c": "bpnet.export.c",
    "from_sklearn": "bpnet.export.sklearn",
    "load_model": "bpnet.export.json",
    "register_onnx": "bpnet.export.onnx",
    "save_model": "bpnet.export.json",
    "scale_to_data": "bpnet.scaling",
    "show_config": "bpnet._config",
    "to_onnx": "bpnet.export.onnx",
    "train": "bpnet.training",
}

# Modules that are reached as `bpnet.name` without an import of their own.
_MODULES = ("callbacks", "diagnostics", "displays", "initializers", "laplace", "losses", "schedules")

__all__ = [
    "Activation",
    "DeltaDisplay",
    "LaplaceClassifier",
    "LaplaceRegressor",
    "Layer",
    "LossCurveDisplay",
    "MLPClassifier",
    "MLPRegressor",
    "Network",
    "NetworkDisplay",
    "TabularMLPClassifier",
    "TabularMLPRegressor",
    "Topology",
    "check_gradient",
    "check_hessian",
    "check_jacobian",
    "export_c",
    "from_sklearn",
    "load_model",
    "register_onnx",
    "save_model",
    "scale_to_data",
    "show_config",
    "to_onnx",
    "train",
]


def __getattr__(name):
    if name == "__version__":
        # Few ask for it, and the module that knows it takes longer to import than all the rest of this one.
        value = import_module("importlib.metadata").version("bpnet")
    elif name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
    elif name in _MODULES:
        value = import_module(f"bpnet.{name}")
    else:
        raise AttributeError(f"module 'bpnet' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_HOME, *_MODULES, "__version__"})
