# SPDX-License-Identifier: BSD-3-Clause
"""Models in a JSON file that any program can read; `docs/guide/deployment.md` describes the format."""

import json
import os

import numpy as np

from bpnet._files import write_whole
from bpnet._layered import Layered
from bpnet.export._checks import as_list, as_object
from bpnet.export._losses import decode_loss, encode_loss
from bpnet.export._topologies import decode_form, decode_labels, encode_form
from bpnet.network import Network
from bpnet.topology import Topology

FORMAT = "bpnet model"
#: Raised whenever a file of the new kind would be misread by an older bpnet; older files stay readable.
VERSION = 1


def save_model(model, path):
    """Write a network or a fitted estimator to a JSON file.

    Parameters
    ----------
    model : Network, MLPRegressor or MLPClassifier
        Estimators are saved with their constructor's parameters and their fitted attributes.
    path : str or os.PathLike
        The file. It is there whole or not at all: a crash leaves what the path held before.

    Raises
    ------
    TypeError
        For models of another kind, subclasses and pipelines among them.
    ValueError
        For parameters that are no plain values (a RandomState, a function, an object of one's own) and for weights that
        are not finite; no file is written.

    See Also
    --------
    load_model : The way back.

    Notes
    -----
    Every number is read back to the same bit. A weight takes some 22 bytes in float64 and 15 in float32. State of
    the optimizer is not saved: a warm start or `partial_fit` goes on from the weights, with a new optimizer.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from bpnet import Network, Topology, load_model, save_model
    >>> net = Network(Topology.layered([2, 3, 1]), random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "net.json")
    ...     save_model(net, path)
    ...     twin = load_model(path)
    >>> twin.topology == net.topology, bool((twin.parameters == net.parameters).all())
    (True, True)
    """
    network, estimator = model, None
    if not isinstance(model, Network):
        from bpnet.export._estimators import encode_estimator

        network, estimator = encode_estimator(model)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "network": _encode_network(network),
        "estimator": estimator,
    }
    write_whole(path, _lines(document) + "\n")


def load_model(path):
    """Read the network or estimator in a file that `save_model`, or another program, has written.

    Nothing in the file is executed: it names no code, and is checked before anything is made of it.

    Parameters
    ----------
    path : str or os.PathLike

    Returns
    -------
    Network, MLPRegressor or MLPClassifier

    Raises
    ------
    OSError
        Where the file cannot be read.
    ValueError
        For a file that is damaged, is of another kind, or comes from a newer version of the format. The message begins
        with the path and names the place.

    Examples
    --------
    See `save_model`.
    """
    path = os.fspath(path)
    with open(path, "rb") as file:
        data = file.read()
    try:
        return _decode(_parse(data))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    except RecursionError:
        raise ValueError(f"{path}: lists or objects are nested too deeply") from None


def _lines(document):
    """JSON with the members of the outer two objects on a line each."""
    lines = []
    for key, value in document.items():
        if isinstance(value, dict):
            members = ",\n".join(f"  {json.dumps(k)}: {_dumps(v)}" for k, v in value.items())
            lines.append(f" {json.dumps(key)}: {{\n{members}\n }}")
        else:
            lines.append(f" {json.dumps(key)}: {_dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}"


def _dumps(value):
    return json.dumps(value, allow_nan=False)


def _parse(data):
    """What JSON text says; numbers that are none and keys that come twice are refused."""

    def refuse(constant):
        raise ValueError(f"expected finite numbers, got {constant}")

    def unique(pairs):
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError(f"expected each key once, got {[key for key, _ in pairs]}")
        return result

    try:
        return json.loads(data.decode("utf-8"), parse_constant=refuse, object_pairs_hook=unique)
    except UnicodeDecodeError as error:
        raise ValueError(f"expected text in UTF-8: {error}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"expected JSON, and the whole of it: {error}") from None


def _decode(document):
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"expected an object with the format {FORMAT!r}")
    version = document.get("version")
    if type(version) is not int or version < 1:
        raise ValueError(f"expected a version that is an integer of at least 1, got {version!r}")
    if version > VERSION:
        raise ValueError(f"version {version} of the format comes from a newer bpnet: expected at most {VERSION}")
    as_object(document, ("format", "version", "network", "estimator"), "the file")
    network = _decode_network(document["network"])
    if document["estimator"] is None:
        return network
    from bpnet.export._estimators import decode_estimator

    return decode_estimator(document["estimator"], network)


def _encode_network(network):
    w, topology = network.parameters, network.topology
    if not np.isfinite(w).all():
        raise ValueError("cannot save a network whose parameters are not all finite")
    if w.dtype == np.float32:
        # Nine digits tell all float32 apart, and are so near that reading them by way of float64 makes no difference.
        numbers = [float(f"{value:.9g}") for value in w[_order(topology)].tolist()]
    else:
        numbers = w[_order(topology)].tolist()
    return {
        "dtype": network.dtype.name,
        "loss": encode_loss(network.loss_name, f"the loss {network.loss_name!r}"),
        "topology": encode_form(topology._form),
        "parameters": numbers,
    }


def _decode_network(content):
    as_object(content, ("dtype", "loss", "topology", "parameters"), "network")
    if content["dtype"] not in ("float32", "float64"):
        raise ValueError(f"network: expected a dtype float32 or float64, got {content['dtype']!r}")
    loss = decode_loss(content["loss"], "network, loss")
    numbers = as_list(content["parameters"], "parameters")
    if not all(type(number) in (float, int) for number in numbers):
        raise ValueError("parameters: expected a list of numbers")
    topology = Topology._of(decode_form(content["topology"], "topology", len(numbers)))
    w = np.empty(topology.n_parameters, content["dtype"])
    try:
        with np.errstate(over="ignore"):
            w[_order(topology, content["topology"])] = np.array(numbers, np.float64)
    except OverflowError:
        raise ValueError("parameters: expected numbers that are finite") from None
    if not np.isfinite(w).all():
        raise ValueError(f"parameters: expected numbers that are finite in {content['dtype']}")
    return Network.from_parameters(topology, w, loss)


def _order(topology, content=None):
    """Places in the vector of the parameters in the order of the file.

    That of layers is the vector's own. In a graph of units it is that of the edges in the file, then of the biases: how
    the core arranges such a graph is no part of the format.
    """
    form = topology._form
    if isinstance(form, Layered):
        return slice(None)
    n_inputs, n_units = topology.n_inputs, len(form.labels)
    if content is None:
        units, edges = np.arange(n_inputs + n_units), (form.upstream, form.downstream)
    else:
        # The topology has its own order of the units; their labels tell which is which.
        number = {label: n_inputs + k for k, label in enumerate(form.labels)}
        labels = decode_labels(content["labels"], "labels")
        units = np.array([*range(n_inputs), *(number[label] for label in labels)])
        edges = units[content["upstream"]], units[content["downstream"]]
    weights, biases = form.places()
    key = form.downstream * (n_inputs + n_units) + form.upstream  # in ascending order
    weights = weights[np.searchsorted(key, edges[1] * (n_inputs + n_units) + edges[0])]
    biases = biases[units[n_inputs:] - n_inputs]
    return np.concatenate([weights, biases[biases >= 0]])
