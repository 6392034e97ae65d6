# SPDX-License-Identifier: BSD-3-Clause
"""Python values as JSON and back: what JSON cannot say is an object with one key that names the kind."""

import math

import numpy as np

from bpnet.export._checks import as_list, as_object
from bpnet.export._losses import CLASSES as LOSSES
from bpnet.export._losses import decode_loss, encode_loss
from bpnet.export._topologies import decode_form, decode_layer, encode_form, encode_layer
from bpnet.layers import Layer
from bpnet.topology import Topology

#: Arrays of these types, apart from strings ("str") and mixed ones ("object").
NUMBERS = ("bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)), "float32", "float64")


def encode(value, where):
    """A value as JSON.

    Parameters
    ----------
    value : None, bool, int, float, str, list, tuple, dict, ndarray, Topology or Layer
        And numbers of NumPy, which become Python's.
    where : str
        What the error calls it.

    Raises
    ------
    ValueError
        For anything else: nothing that would have to be executed to be read again.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if type(value) is list:
        return [encode(item, where) for item in value]
    if type(value) is tuple:
        return {"tuple": [encode(item, where) for item in value]}
    if type(value) is dict:
        return {"dict": [[encode(key, where), encode(item, where)] for key, item in value.items()]}
    if type(value) is np.ndarray:
        return {"array": _encode_array(value, where)}
    if isinstance(value, Topology):
        return {"topology": encode_form(value._form)}
    if isinstance(value, Layer):
        return {"layer": encode_layer(value)}
    if type(value) in LOSSES.values():
        return {"loss": encode_loss(value, where)}
    raise ValueError(f"cannot save {where}: {value!r} is no plain value, but a {type(value).__name__}")


def _encode_array(array, where):
    kind = {"U": "str", "O": "object"}.get(array.dtype.kind, array.dtype.name)
    if kind not in (*NUMBERS, "str", "object"):
        raise ValueError(f"cannot save {where}: an array of {array.dtype}")
    values = [encode(value, where) for value in array.ravel().tolist()]
    return {"dtype": kind, "shape": list(array.shape), "values": values}


def decode(value, where):
    """The value that was encoded; ValueError for anything else."""
    if isinstance(value, list):
        return [decode(item, where) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        raise ValueError(f"{where}: expected an object with one key, got the keys {sorted(value)}")
    [(kind, content)] = value.items()
    if kind not in DECODERS:
        raise ValueError(f"{where}: expected one of the keys {', '.join(DECODERS)}, got {kind!r}")
    return DECODERS[kind](content, where)


def _decode_float(content, where):
    if content not in ("nan", "inf", "-inf"):
        raise ValueError(f"{where}: expected 'nan', 'inf' or '-inf', got {content!r}")
    return float(content)


def _decode_dict(content, where):
    pairs = as_list(content, where)
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise ValueError(f"{where}: expected a list of pairs")
    try:
        return {decode(key, where): decode(item, where) for key, item in pairs}
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from None


def _decode_array(content, where):
    as_object(content, ("dtype", "shape", "values"), where)
    kind, shape, values = content["dtype"], content["shape"], as_list(content["values"], where)
    if kind not in (*NUMBERS, "str", "object"):
        raise ValueError(f"{where}: expected an array of numbers, 'str' or 'object', got {kind!r}")
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"{where}: expected a shape of integers, got {shape!r}")
    if math.prod(shape) != len(values) or len(shape) > 32:
        raise ValueError(f"{where}: expected {math.prod(shape)} values for the shape {shape}, got {len(values)}")
    values = decode(values, where)
    types: dict[str, tuple[type, ...]] = {
        "str": (str,),
        "bool": (bool,),
        "float32": (int, float),
        "float64": (int, float),
        "object": (str, bool, int, float, type(None)),
    }
    if not all(type(value) in types.get(kind, (int,)) for value in values):
        raise ValueError(f"{where}: expected values of an array of {kind}")
    try:
        return np.array(values, kind).reshape(shape)
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{where}: expected values of an array of {kind}, {error}") from None


DECODERS = {
    "float": _decode_float,
    "tuple": lambda content, where: tuple(decode(as_list(content, where), where)),
    "dict": _decode_dict,
    "array": _decode_array,
    "topology": lambda content, where: Topology._of(decode_form(content, where)),
    "layer": decode_layer,
    "loss": decode_loss,
}
