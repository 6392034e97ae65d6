# SPDX-License-Identifier: BSD-3-Clause
"""Topologies as JSON and back: their forms, that is, layer by layer or unit by unit.

Sizes are compared with what the file holds before anything of that size is made: a short file cannot ask for much
memory.
"""

import numpy as np

from bpnet._core.activations import CODES
from bpnet._layered import Layered
from bpnet._unitwise import MAX_INPUTS, Unitwise
from bpnet.export._checks import as_count, as_list, as_numbers, as_object, as_strings
from bpnet.layers import INPUT, Layer

LAYER_KEYS = ("name", "n_units", "activation", "sources", "mask", "bias")


def encode_form(form):
    """As an object of JSON."""
    if isinstance(form, Layered):
        layers = [encode_layer(layer) for layer in form.layers]
        return {"n_inputs": form.n_inputs, "layers": layers, "outputs": list(form.outputs)}
    return {
        "n_inputs": form.n_inputs,
        "labels": [_encode_label(label) for label in form.labels],
        "activations": [_plain_activation(name) for name in form.activations],
        "biases": [bool(bias) for bias in form.biases],
        "upstream": form.upstream.tolist(),
        "downstream": form.downstream.tolist(),
        "outputs": [form.n_inputs + column for column in form.columns_of_outputs],
    }


def encode_layer(layer):
    """As an object of JSON; a mask is a list of strings of 0 and 1, one for each source unit."""
    names = layer.activation
    mask = {
        source: ["".join("01"[cell] for cell in row) for row in cells.tolist()] for source, cells in layer.mask.items()
    }
    return {
        "name": layer.name,
        "n_units": layer.n_units,
        "activation": list(map(_plain_activation, names)) if isinstance(names, tuple) else _plain_activation(names),
        "sources": None if layer.sources is None else list(layer.sources),
        "mask": mask,
        "bias": layer.bias,
    }


def _plain_activation(name):
    if not isinstance(name, str) or name not in CODES:
        raise ValueError(f"cannot save the activation {name!r}: expected one out of {', '.join(CODES)}")
    return name


def _encode_label(label):
    if type(label) in (int, str):
        return label
    if type(label) is tuple:
        return {"tuple": [_encode_label(item) for item in label]}
    raise ValueError(f"cannot save the label {label!r}: expected integers, strings and tuples of these")


def decode_form(content, where, n_parameters=None):
    """The form; ValueError for anything that is none, or that needs another number of parameters."""
    if not isinstance(content, dict):
        raise ValueError(f"{where}: expected an object, got {type(content).__name__}")
    try:
        if "layers" in content:
            return _decode_layered(content, where, n_parameters)
        return _decode_units(content, where, n_parameters)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"{where}: {error}") from None


def _decode_layered(content, where, n_parameters):
    as_object(content, ("n_inputs", "layers", "outputs"), where)
    n_inputs, rows = as_count(content["n_inputs"], f"{where}, n_inputs"), as_list(content["layers"], f"{where}, layers")
    sizes, total = {INPUT: n_inputs}, 0
    for number, row in enumerate(rows):
        place = f"{where}, layer {number}"
        _check_layer(row, place)
        if not isinstance(row["name"], str) or row["n_units"] is None or not row["sources"]:
            raise ValueError(f"{place}: expected a name, a size and sources")
        for source in row["sources"]:
            if source not in sizes:
                raise ValueError(f"{place}: expected sources out of the layers before it, got {source!r}")
            cells = row["mask"].get(source)
            total += sizes[source] * row["n_units"] if cells is None else sum(line.count("1") for line in cells)
        total += row["n_units"] * row["bias"]
        sizes[row["name"]] = row["n_units"]
    if n_parameters not in (None, total):
        raise ValueError(f"{where}: expected {total} parameters, got {n_parameters}")
    outputs = as_strings(content["outputs"], f"{where}, outputs")
    layers = [decode_layer(row, f"{where}, layer {number}") for number, row in enumerate(rows)]
    return Layered(n_inputs, layers, outputs)


def decode_layer(row, where):
    """The layer; ValueError for anything else."""
    _check_layer(row, where)
    n_units, mask = row["n_units"], {}
    for source, lines in row["mask"].items():
        cells = np.array([[cell == "1" for cell in line] for line in lines], bool)
        mask[source] = cells.reshape(len(lines), -1 if lines else 0)
    try:
        return Layer(n_units, row["activation"], row["sources"], row["name"], mask, row["bias"])
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from None


def _check_layer(row, where):
    """Types and lengths, before anything is made of it."""
    as_object(row, LAYER_KEYS, where)
    if row["n_units"] is not None:
        as_count(row["n_units"], f"{where}, n_units")
    if row["name"] is not None and not isinstance(row["name"], str):
        raise ValueError(f"{where}: expected a name, got {row['name']!r}")
    names = row["activation"]
    if not isinstance(names, str):
        as_strings(names, f"{where}, activation")
    if row["sources"] is not None:
        as_strings(row["sources"], f"{where}, sources")
    if type(row["bias"]) is not bool:
        raise ValueError(f"{where}: expected bias as true or false, got {row['bias']!r}")
    if not isinstance(row["mask"], dict):
        raise ValueError(f"{where}: expected mask as an object, got {type(row['mask']).__name__}")
    for lines in row["mask"].values():
        # The output layer of an estimator's parameter may leave its size open; its mask tells it.
        n_units = row["n_units"] or len((*as_strings(lines, f"{where}, mask"), "")[0])
        for line in as_strings(lines, f"{where}, mask"):
            if len(line) != n_units or line.strip("01"):
                raise ValueError(f"{where}: expected rows of a mask as {n_units} characters 0 or 1, got {line!r}")


def _decode_units(content, where, n_parameters):
    keys = ("n_inputs", "labels", "activations", "biases", "upstream", "downstream", "outputs")
    as_object(content, keys, where)
    n_inputs = as_count(content["n_inputs"], f"{where}, n_inputs")
    if n_inputs > MAX_INPUTS:
        raise ValueError(f"{where}: expected at most {MAX_INPUTS} inputs, got {n_inputs}")
    labels = decode_labels(content["labels"], f"{where}, labels")
    if len(set(labels)) != len(labels) or any(type(label) is int and 0 <= label < n_inputs for label in labels):
        raise ValueError(f"{where}: expected labels that differ from each other and from inputs 0 to {n_inputs - 1}")
    activations = as_strings(content["activations"], f"{where}, activations")
    biases = as_list(content["biases"], f"{where}, biases")
    upstream, downstream = (as_numbers(content[key], n_inputs + len(labels), f"{where}, {key}") for key in keys[4:6])
    outputs = as_numbers(content["outputs"], n_inputs + len(labels), f"{where}, outputs")
    if not len(labels) == len(activations) == len(biases) or len(upstream) != len(downstream):
        raise ValueError(f"{where}: expected as many activations and biases as labels, and edges with two ends")
    if not all(type(bias) is bool for bias in biases):
        raise ValueError(f"{where}: expected biases that are true or false")
    if n_parameters not in (None, len(upstream) + sum(biases)):
        raise ValueError(f"{where}: expected {len(upstream) + sum(biases)} parameters, got {n_parameters}")
    if any(unit < n_inputs for unit in (*downstream, *outputs)):
        raise ValueError(f"{where}: expected outputs that are units, and inputs to hear nothing")

    def name(unit):
        return unit if unit < n_inputs else labels[unit - n_inputs]

    edges = [(name(i), name(j)) for i, j in zip(upstream, downstream, strict=True)]
    used = set(downstream) | set(upstream)
    if not used.issuperset(range(n_inputs, n_inputs + len(labels))):
        raise ValueError(f"{where}: expected an edge for every unit")
    return Unitwise.read(
        n_inputs,
        edges,
        outputs=[name(unit) for unit in outputs],
        activation=dict(zip(labels, activations, strict=True)),
        bias=dict(zip(labels, biases, strict=True)),
    )


def decode_labels(labels, where):
    """Labels of units: integers, strings and tuples of these."""
    return [_decode_label(label, where) for label in as_list(labels, where)]


def _decode_label(label, where):
    if type(label) in (int, str):
        return label
    if isinstance(label, dict) and list(label) == ["tuple"] and isinstance(label["tuple"], list):
        return tuple(_decode_label(item, where) for item in label["tuple"])
    raise ValueError(f"{where}: expected labels that are integers, strings or tuples, got {label!r}")
