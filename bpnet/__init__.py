# SPDX-License-Identifier: BSD-3-Clause
"""Feed-forward networks trained by back-propagation: a compiled core behind scikit-learn's own API."""

from importlib import import_module, metadata

__version__ = metadata.version("bpnet")

# Public name -> module that defines it. Loaded when first asked for: `from bpnet import Network` needs no scikit-learn.
_HOME = {
    "Layer": "bpnet.topology",
    "MLPClassifier": "bpnet.estimators.classifier",
    "MLPRegressor": "bpnet.estimators.regressor",
    "Network": "bpnet.network",
    "Topology": "bpnet.topology",
    "check_gradient": "bpnet.checks",
    "show_config": "bpnet._config",
    "train": "bpnet.training",
}

__all__ = ["Layer", "MLPClassifier", "MLPRegressor", "Network", "Topology", "check_gradient", "show_config", "train"]


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module 'bpnet' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *_HOME])
