# SPDX-License-Identifier: BSD-3-Clause
"""A layer: some units side by side, what they compute, and which layers they hear."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from bpnet._core.activations import CODES
from bpnet.activations import Activation

INPUT = "input"

# A BLAS dimension is a C int, and so is a cell number of a masked block.
MAX_UNITS = 2**31 - 1


class Layer:
    """Some units side by side, and the layers they hear.

    Parameters
    ----------
    n_units : int or None
        At least 1. None leaves size and activation open: for the output layer in the `topology` of an estimator, which
        fills them in.
    activation : str, Activation or sequence of them, default="tanh"
        One for the layer, or one per unit: "identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "selu",
        "softplus", "gelu", "silu", "exp"; "softmax" for a layer that is the whole output; or an `Activation`.
    sources : sequence of str, optional
        Names of the layers heard, "input" among them; by default the layer before.
    name : str, optional
        By default "h1", "h2", ... by position, and "output" for the last layer.
    mask : dict of {str: array-like of bool of shape (n_source, n_units)}, optional
        For some of the sources, which connections exist; those left out of the dict are complete.
    bias : bool, default=True
        Whether the units have a bias.

    Examples
    --------
    >>> Layer(3, "relu", sources=("input", "h1"))
    Layer(3, 'relu', sources=('input', 'h1'))
    """

    n_units: int  # None only for the output layer of an estimator
    activation: str | Activation | tuple[str | Activation, ...]
    sources: tuple[str, ...]  # None only until a Topology fills it in
    name: str | None
    mask: Mapping[str, np.ndarray]
    bias: bool

    def __init__(self, n_units, activation="tanh", sources=None, name=None, mask=None, bias=True):
        n_units = None if n_units is None else count(n_units, "n_units")
        if not isinstance(activation, str | Activation):
            if not np.iterable(activation):
                raise TypeError(f"expected an activation by name, an Activation or one per unit, got {activation!r}")
            activation = tuple(str(part) if isinstance(part, str) else part for part in activation)
            if len(activation) != n_units:
                raise ValueError(f"expected one activation or {n_units}, one per unit, got {len(activation)}")
        for function in activation if isinstance(activation, tuple) else (activation,):
            check_activation(function)
        if isinstance(activation, tuple) and "softmax" in activation:
            raise ValueError(
                "softmax couples all units of a layer: expected it for the whole layer, got it for some units"
            )
        if mask is not None and not isinstance(mask, Mapping):
            raise TypeError(f"expected mask as a dict of matrices by their source, got {type(mask).__name__}")
        if not isinstance(bias, bool | int | np.bool_):
            raise TypeError(f"expected bias as True or False, got {bias!r}")
        if name is not None and (not isinstance(name, str) or name == INPUT):
            raise ValueError(f"expected a name that is a string other than {INPUT!r}, got {name!r}")
        set_ = object.__setattr__
        set_(self, "n_units", n_units)
        set_(self, "activation", activation)
        set_(self, "sources", None if sources is None else as_names(sources, "sources"))
        set_(self, "name", name)
        set_(self, "mask", MappingProxyType({source: _frozen_mask(cells) for source, cells in (mask or {}).items()}))
        set_(self, "bias", bool(bias))

    def __setattr__(self, key, value=None):
        raise AttributeError("a Layer is immutable")

    __delattr__ = __setattr__

    @property
    def activations(self):
        """Activation of each unit, as a tuple of names and of `Activation`."""
        return self.activation if isinstance(self.activation, tuple) else (self.activation,) * self.n_units

    def _key(self):
        masks = tuple(sorted((source, cells.shape, cells.tobytes()) for source, cells in self.mask.items()))
        return (self.n_units, self.activation, self.sources, self.name, masks, self.bias)

    def __eq__(self, other):
        return self._key() == other._key() if isinstance(other, Layer) else NotImplemented

    def __hash__(self):
        return hash(self._key())

    def __reduce__(self):
        return Layer, (self.n_units, self.activation, self.sources, self.name, dict(self.mask), self.bias)

    def __repr__(self):
        parts = [repr(self.n_units), repr(self.activation)]
        parts += [f"{key}={value!r}" for key in ("sources", "name") if (value := getattr(self, key)) is not None]
        if self.mask:
            parts.append(f"mask={ {source: cells.tolist() for source, cells in self.mask.items()}!r}")
        return f"Layer({', '.join(parts)}{'' if self.bias else ', bias=False'})"


def check_activation(name):
    """Raise ValueError unless there is such an activation."""
    if not isinstance(name, Activation) and not (isinstance(name, str) and name in CODES):
        raise ValueError(f"expected an activation out of {', '.join(CODES)}, got {name!r}")


def _frozen_mask(cells):
    cells = np.array(cells)
    if cells.dtype != bool or cells.ndim != 2:
        raise ValueError(f"expected a mask as a matrix of bool, got {cells.ndim} dimension(s) of {cells.dtype}")
    cells.setflags(write=False)
    return cells


def as_names(names, what):
    """One name of a layer or a sequence of them, as a tuple."""
    listed = (names,) if isinstance(names, str) else tuple(names) if np.iterable(names) else (None,)
    if not all(isinstance(name, str) for name in listed):
        raise TypeError(f"expected {what} as names of layers, got {names!r}")
    return listed


def count(value, name):
    """An integer from 1 to MAX_UNITS."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"expected {name} as an integer, got {value!r}")
    if not 1 <= value <= MAX_UNITS:
        raise ValueError(f"expected {name} from 1 to {MAX_UNITS}, got {value}")
    return int(value)
