# SPDX-License-Identifier: BSD-3-Clause
"""Losses by name, and which output activation each goes with."""

import numpy as np

from bpnet._core.losses import Loss

NAMES = ("squared_error", "log_loss", "poisson")


def resolve(name, topology):
    """The compiled loss for a name and a topology, and whether it reads the raw outputs.

    Parameters
    ----------
    name : {"squared_error", "log_loss", "poisson"} or Loss
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
    if isinstance(name, Loss):
        loss = name
    elif name == "log_loss":
        loss = Loss("multinomial_log_loss" if activations == {"softmax"} else "binary_log_loss")
    elif name in NAMES:
        loss = Loss(name)
    else:
        raise ValueError(f"expected a loss out of {', '.join(NAMES)}, got {name!r}")
    matched = activations == {loss.activation}
    if not matched and loss.name != "squared_error":
        expected = "logistic or softmax" if name == "log_loss" else loss.activation
        raise ValueError(
            f"loss {name!r} expects outputs with activation {expected}, got {', '.join(sorted(activations))}"
        )
    return loss, matched


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
