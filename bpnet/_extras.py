# SPDX-License-Identifier: BSD-3-Clause
"""Packages that bpnet does without until one of its functions needs them."""

from importlib import import_module


def extra(module, name):
    """The module, imported; ImportError that says which extra of bpnet brings it.

    Examples
    --------
    >>> extra("xgraphics.pyplot", "plot")
    Traceback (most recent call last):
    ImportError: this needs xgraphics, which is not installed: pip install bpnet[plot]
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(f"this needs {package}, which is not installed: pip install bpnet[{name}]") from error
