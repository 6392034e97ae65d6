# SPDX-License-Identifier: BSD-3-Clause
"""Activations of one's own, beside those that have a name."""

from typing import Any

from bpnet._lowlevel import is_low_level, refuse_pickle


class Activation:
    """An elementwise activation h with slope h' and, if known, curvature h''.

    Takes the place of a name wherever one does: in `Layer`, `Topology` and the estimators. Immutable, hashable, and
    equal to another of the same name and functions.

    Parameters
    ----------
    name : str
        For reprs and messages.
    function, slope : callable or scipy.LowLevelCallable
        h and h'. Python functions take an array of shape (n,), float32 or float64 as the network, and return one of
        the same shape; called with the GIL, once for each layer and chunk of rows. All must be of one kind:
        LowLevelCallables have the signature ``double (double)`` or ``double (double, void *)`` and are called number by
        number without the GIL, perhaps from several threads at once.
    curvature : callable or scipy.LowLevelCallable, optional
        h''. Without it exact second derivatives are refused; ``hessian(method="mixed")`` and Gauss-Newton need none.

    Notes
    -----
    What a function raises comes out of the method that needed it, and so does ValueError for a wrong shape, or NaN of
    finite numbers. Pickling pickles the functions by reference; compiled ones cannot be pickled.

    Examples
    --------
    >>> import numpy as np
    >>> from bpnet import Activation, Network, Topology, check_gradient, check_hessian
    >>> sine = Activation("sine", np.sin, np.cos, lambda a: -np.sin(a))
    >>> net = Network(Topology.layered([2, 3, 1], sine), random_state=0)
    >>> X, y = np.eye(2), np.array([1.0, -1.0])
    >>> check_gradient(net, X, y) < 1e-7, check_hessian(net, X, y) < 1e-7
    (True, True)
    """

    name: str
    function: Any
    slope: Any
    curvature: Any
    is_compiled: bool

    def __init__(self, name, function, slope, curvature=None):
        if not isinstance(name, str) or not name:
            raise TypeError(f"expected a name for the activation, got {name!r}")
        given = [part for part in (function, slope, curvature) if part is not None]
        compiled = [is_low_level(part) for part in given]
        if function is None or slope is None or not all(map(callable_or_low_level, given)):
            raise TypeError(
                f"activation {name!r}: expected function, slope and perhaps curvature as callables, got "
                f"{function!r}, {slope!r} and {curvature!r}"
            )
        if any(compiled) != all(compiled):
            raise TypeError(f"activation {name!r}: expected all functions compiled, or none, got a mixture")
        set_ = object.__setattr__
        set_(self, "name", name)
        set_(self, "function", function)
        set_(self, "slope", slope)
        set_(self, "curvature", curvature)
        set_(self, "is_compiled", all(compiled))
        if self.is_compiled:
            from bpnet._core.own_activations import OwnActivations

            OwnActivations([self])  # refuses other signatures

    def __setattr__(self, key, value=None):
        raise AttributeError("an Activation is immutable")

    __delattr__ = __setattr__

    @property
    def _key(self):
        return self.name, self.function, self.slope, self.curvature

    def __eq__(self, other):
        return self._key == other._key if isinstance(other, Activation) else NotImplemented

    def __hash__(self):
        return hash(self._key)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        if self.is_compiled:
            refuse_pickle(f"activation {self.name!r}")
        return Activation, self._key

    def __repr__(self):
        parts = [self.name, *(part for part in self._key[1:] if part is not None)]
        return f"Activation({', '.join(map(repr, parts))})"


def callable_or_low_level(part):
    """Whether this can be called, from Python or from C."""
    return callable(part) or is_low_level(part)


def check_curvatures(topology):
    """Raise ValueError where an activation has no curvature."""
    if not topology.plan.has_own:
        return
    for activation in topology.activations:
        if isinstance(activation, Activation) and activation.curvature is None:
            raise ValueError(
                f"exact second derivatives need the curvature of activation {activation.name!r}: give it, or use "
                "hessian(method='mixed')"
            )


def name_of(activation):
    """The name of a built-in activation or of a user's."""
    return activation if isinstance(activation, str) else activation.name
