# SPDX-License-Identifier: BSD-3-Clause
"""Losses as JSON and back: a name, or the class and the parameters of those that have some."""

from typing import Any

from bpnet.export._checks import as_object
from bpnet.losses import NAMES, Huber, Quantile

CLASSES: dict[str, Any] = {"Huber": Huber, "Quantile": Quantile}


def encode_loss(loss, where):
    """As JSON; ValueError for a loss of one's own, which is code."""
    if isinstance(loss, str):
        return loss
    name = type(loss).__name__
    if CLASSES.get(name) is not type(loss):
        raise ValueError(f"cannot save {where}: expected a loss that has a name or is out of {', '.join(CLASSES)}")
    parameters = {key: list(value) if isinstance(value, tuple) else value for key, value in vars(loss).items()}
    return {"class": name, "parameters": parameters}


def decode_loss(content, where):
    """The loss; ValueError for anything else."""
    if isinstance(content, str):
        if content not in NAMES:
            raise ValueError(f"{where}: expected a loss out of {', '.join(NAMES)}, got {content!r}")
        return content
    as_object(content, ("class", "parameters"), where)
    if not isinstance(content["class"], str) or content["class"] not in CLASSES:
        raise ValueError(f"{where}: expected a loss out of {', '.join(CLASSES)}, got {content['class']!r}")
    try:
        return CLASSES[content["class"]](**content["parameters"])
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{where}: {error}") from None
