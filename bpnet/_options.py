# SPDX-License-Identifier: BSD-3-Clause
"""What mini-batch training does beside the rule's step, from the arguments that `train` and the estimators share."""

from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np

from bpnet._core.dropout import Dropout
from bpnet._core.regularisation import Regularisation
from bpnet.frozen import frozen_parameters

#: Names of the arguments; the estimators have them as parameters.
OPTIONS = ("dropout", "input_dropout", "alpha_l1", "weight_decay", "max_gradient_norm", "frozen")

#: Why rules that work on all rows at once do not take some of the options.
_REASONS = {
    "dropout": "which leaves out other units each time",
    "input_dropout": "which leaves out other inputs each time",
    "weight_decay": "which is a part of the learning rate: use alpha",
    "max_gradient_norm": "for the size of a gradient does not decide its steps",
    "learning_rate": "for it finds its steps by itself",
}


def check_options(rule, dropout=0.0, input_dropout=0.0, weight_decay=0.0, max_gradient_norm=None, plan=None):
    """Raise ValueError for what makes no sense together with a rule or solver; `plan` is a planned schedule."""
    if max_gradient_norm is not None and not 0 < max_gradient_norm < np.inf:
        raise ValueError(f"expected max_gradient_norm above 0 and finite, or None, got {max_gradient_norm}")
    if rule in ("sgd", "adam", "rmsprop"):
        return
    given = {
        "dropout": (dropout, np.any(dropout)),
        "input_dropout": (input_dropout, bool(input_dropout)),
        "weight_decay": (weight_decay, bool(weight_decay)),
        "max_gradient_norm": (max_gradient_norm, max_gradient_norm is not None),
        "learning_rate": (plan, plan is not None),
    }
    for name, (value, is_given) in given.items():
        if is_given:
            raise ValueError(f"{rule!r} does not take {name}, {_REASONS[name]}; got {value!r}")


def equip(
    topology, w, draw_seed, n_epochs=0, *, dropout=0.0, input_dropout=0.0, alpha_l1=0.0, weight_decay=0.0,
    max_gradient_norm=None, frozen=None,
):  # fmt: skip
    """Keyword arguments of an `Epoch`: none that the options do not ask for.

    Parameters
    ----------
    topology : Topology
    w : ndarray of shape (n_parameters,)
    draw_seed : callable
        Gives the seed of dropout; called only where there is any.
    n_epochs : int, default=0
        Epochs that are over.
    **options
        As of `bpnet.train`.
    """
    more: dict[str, Any] = {}
    shares = dropout_shares(topology, dropout, input_dropout)
    marks = frozen_parameters(topology, frozen)
    if alpha_l1 or weight_decay or max_gradient_norm is not None or marks is not None:
        more["regularisation"] = Regularisation(
            topology.plan, w, alpha_l1, weight_decay, max_gradient_norm or 0.0, marks
        )
    if shares is not None:
        more["dropout"] = Dropout(topology.plan, w.dtype, shares, draw_seed(), n_epochs)
    return more


def dropout_shares(topology, dropout, input_dropout):
    """Probability of being left out of each input, then of each unit; None where all are 0. Outputs stay in any case.

    `dropout` is a number, or one for each layer that has other units than outputs.
    """
    outputs = set(topology._form.output_labels)
    is_hidden = np.array([unit not in outputs for unit in topology.units])
    bounds = np.cumsum([0, *[layer.n_units for layer in topology.layers]])
    hidden = [slice(a, b) for a, b in pairwise(bounds) if is_hidden[a:b].any()]
    if not isinstance(dropout, Real) and not np.iterable(dropout):
        raise TypeError(f"expected dropout as a number, or one for each hidden layer, got {dropout!r}")
    given = [dropout] if isinstance(dropout, Real) else list(dropout)
    shares = given * len(hidden) if isinstance(dropout, Real) else given
    if len(shares) != len(hidden):
        raise ValueError(f"expected dropout as one number or {len(hidden)}, one per hidden layer, got {len(shares)}")
    for name, share in [*(("dropout", share) for share in given), ("input_dropout", input_dropout)]:
        if not isinstance(share, int | float | np.number):
            raise TypeError(f"expected {name} as a number, got {share!r}")
        if not 0 <= share < 1:
            raise ValueError(f"expected {name} of at least 0 and below 1, got {share}")
    if not any(shares) and not input_dropout:
        return None
    of_units = np.zeros(len(is_hidden))
    for place, share in zip(hidden, shares, strict=True):
        of_units[place] = share
    return np.concatenate([np.full(topology.n_inputs, float(input_dropout)), of_units])
