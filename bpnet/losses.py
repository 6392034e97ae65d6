# SPDX-License-Identifier: BSD-3-Clause
"""Losses by name and as objects, and which output activation each goes with."""

from itertools import pairwise

import numpy as np

from bpnet._core.losses import Loss
from bpnet._core.own_losses import OwnLoss
from bpnet._lowlevel import is_low_level, refuse_pickle
from bpnet.activations import name_of

NAMES = (
    "squared_error", "log_loss", "poisson", "absolute_error", "huber", "log_cosh", "gamma", "quantile", "gaussian_nll",
)  # fmt: skip

#: Losses that make sense only for the outputs they are matched with.
_MATCHED_ONLY = ("binary_log_loss", "multinomial_log_loss", "poisson", "gamma", "gaussian_nll")


class _Settled:
    """A loss with parameters: compared, hashed and shown by them."""

    def __eq__(self, other):
        return vars(self) == vars(other) if type(other) is type(self) else NotImplemented

    def __hash__(self):
        return hash((type(self), *vars(self).values()))

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in vars(self).items())})"


class Huber(_Settled):
    """Huber's loss: r^2 / 2 where the residual r is at most delta, delta (|r| - delta / 2) beyond.

    Parameters
    ----------
    delta : float, default=1.0
        Above 0, in the units of the targets.

    Source: Huber, Robust estimation of a location parameter, Annals of Mathematical Statistics 35 (1964).

    Examples
    --------
    >>> Huber(delta=2.0)
    Huber(delta=2.0)
    """

    def __init__(self, delta=1.0):
        self.delta = float(delta)
        if not 0 < self.delta < np.inf:
            raise ValueError(f"expected delta above 0 and finite, got {delta!r}")

    def _compile(self):
        return Loss("huber", (self.delta,))


class Quantile(_Settled):
    """The pinball loss of one or several quantiles, whose predictions never cross.

    A network has as many outputs for each target as there are levels: the first is the lowest quantile, the softplus of
    each other one is added to the quantile before it. E_n is the sum over levels and targets.

    Parameters
    ----------
    levels : float or sequence of float, default=0.5
        In (0, 1), rising.

    Source: Koenker and Bassett, Regression quantiles, Econometrica 46 (1978).

    Examples
    --------
    >>> Quantile([0.1, 0.5, 0.9])
    Quantile(levels=(0.1, 0.5, 0.9))
    """

    def __init__(self, levels=0.5):
        self.levels = tuple(float(level) for level in np.atleast_1d(levels))
        rises = all(low < high for low, high in pairwise(self.levels))
        if not self.levels or not rises or not 0 < self.levels[0] <= self.levels[-1] < 1:
            raise ValueError(f"expected rising levels between 0 and 1, got {levels!r}")

    def _compile(self):
        return Loss("quantile", self.levels)


class CompiledLoss:
    """A loss of one's own out of C functions, called row by row without the GIL, perhaps from several threads at once.

    Parameters
    ----------
    function : scipy.LowLevelCallable
        ``double function(double *a, double *y, double *gradient, int n_raw, int n_targets)`` returns E_n of one row and
        writes dE_n/da. A last argument ``void *`` gets the callable's user data. Always float64.
    hessian : scipy.LowLevelCallable, optional
        ``void hessian(double *a, double *y, double *hessian, int n_raw, int n_targets)`` writes the n_raw x n_raw
        matrix d2E_n/da da, which comes full of zeros.
    n_raw : int, default=1
        Outputs of the network for each target column.
    activation : str, default="identity"
        Outputs with this activation give the loss their a, all others their z.

    Notes
    -----
    Such a loss cannot be pickled. See ``docs/guide/losses.md``.
    """

    def __init__(self, function, hessian=None, *, n_raw=1, activation="identity"):
        if not is_low_level(function) or not (hessian is None or is_low_level(hessian)):
            raise TypeError(
                f"expected function and hessian as scipy.LowLevelCallable, got {function!r} and {hessian!r}"
            )
        if isinstance(n_raw, bool) or not isinstance(n_raw, int | np.integer) or n_raw < 1:
            raise ValueError(f"expected n_raw as an integer of at least 1, got {n_raw!r}")
        self.function, self.second, self.activation, self._n_each = function, hessian, activation, int(n_raw)
        self._compile()  # refuses other signatures

    def n_raw(self, n_targets):
        """Raw outputs for so many target columns."""
        return self._n_each * n_targets

    def _compile(self):
        return Loss.of(OwnLoss(self, True), self.activation)

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        refuse_pickle("this loss")


#: Classes of the losses with parameters.
OBJECTS = (Huber, Quantile, CompiledLoss)


def compiled(loss, out_activations=()):
    """The compiled loss for a name, an object of this module or a user's loss.

    Parameters
    ----------
    loss : str, Huber, Quantile, CompiledLoss, Loss or object
        See `resolve`.
    out_activations : set of str, optional
        "log_loss" is the multinomial one where this is softmax alone.

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For an object without the methods of a loss.
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str) and loss in NAMES:
        if loss != "log_loss":
            return Loss(loss)
        return Loss("multinomial_log_loss" if set(out_activations) == {"softmax"} else "binary_log_loss")
    if isinstance(loss, OBJECTS):
        return loss._compile()
    if not isinstance(loss, str | type) and all(callable(getattr(loss, key, None)) for key in ("value", "gradient")):
        return Loss.of(OwnLoss(loss, False), getattr(loss, "activation", "identity"))
    if isinstance(loss, str):
        raise ValueError(f"expected a loss out of {', '.join(NAMES)}, got {loss!r}")
    raise TypeError(
        f"expected a loss by name, of bpnet.losses, or an object with the methods value(a, y) and gradient(a, y), "
        f"got {loss!r}"
    )


def are_same(loss, other):
    """Whether two losses, as `compiled` takes them, are one; a name is its object with the parameters of default."""
    if loss is other or loss == other:
        return True
    a, b = compiled(loss), compiled(other)
    return a.name != "own" and (a.name, a.parameters) == (b.name, b.parameters)


def resolve(name, topology):
    """The compiled loss for a topology, and whether it reads the raw outputs.

    Parameters
    ----------
    name : str, object of this module, or object with the methods value, gradient and perhaps hessian
        "log_loss" is the binary one for logistic outputs and the multinomial one for softmax.
    topology : Topology

    Returns
    -------
    loss : Loss
    reads_raw : bool
        True for a matched pair: the loss takes a of the outputs and gives dE/da. Else z and dE/dz.

    Raises
    ------
    ValueError
        For an unknown name, or for output activations that the loss makes no sense with.
    """
    activations = set(topology.out_activations)
    loss = compiled(name, activations)
    matched = activations == {loss.activation}
    if not matched and loss.name in _MATCHED_ONLY:
        expected = "logistic or softmax" if name == "log_loss" else loss.activation
        given = ", ".join(sorted(map(name_of, activations)))
        raise ValueError(f"loss {name!r} expects outputs with activation {expected}, got {given}")
    return loss, matched


def check_targets(loss, y):
    """Raise ValueError for targets that a compiled loss has no finite value for."""
    if not y.size:
        return
    smallest, largest = y.min(), y.max()
    if loss.name == "binary_log_loss" and not 0 <= smallest <= largest <= 1:
        raise ValueError(f"log_loss expects targets from 0 to 1 in y, got {smallest} to {largest}")
    if loss.name in ("poisson", "multinomial_log_loss") and smallest < 0:
        raise ValueError(f"loss {loss.name!r} expects targets of at least 0 in y, got {smallest}")
    if loss.name == "gamma" and smallest <= 0:
        raise ValueError(f"loss 'gamma' expects targets above 0 in y, got {smallest}")


def log_logistic(a):
    """log sigma(a) = -softplus(-a), element by element, finite and exact at saturation."""
    return -np.logaddexp(0, -a)


def log_softmax(a):
    """log p of each row's softmax, finite and exact at saturation.

    log p_k = (a_k - a_top) - log(1 + rest), where `rest` leaves the largest a out: so a sure class keeps its tiny loss.
    """
    top = a.argmax(axis=1, keepdims=True)
    shifted = a - np.take_along_axis(a, top, axis=1)
    e = np.exp(shifted)
    np.put_along_axis(e, top, 0, axis=1)
    return shifted - np.log1p(e.sum(axis=1, keepdims=True))
