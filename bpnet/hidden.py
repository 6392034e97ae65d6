# SPDX-License-Identifier: BSD-3-Clause
"""Outputs of hidden layers and units: those of a part of the network, from the inputs to the last unit asked for.

The parameters of its first layers are a network's first parameters, so the part needs no copy of them.
"""

import numpy as np

from bpnet._core import derivatives
from bpnet._core.data import Data
from bpnet._core.plan import Plan
from bpnet._edges import distinct, runs
from bpnet._validation import as_inputs, as_raw


def hidden_output(net, X, layer, of):
    """See `Network.hidden_output`."""
    raw, topology = as_raw(of), net.topology
    columns = find_units(topology, layer)
    parts = distinct(columns)
    stops = np.cumsum([layer.n_units for layer in topology.layers])
    n_layers = 1 + int(np.searchsorted(stops, parts[-1], side="right"))
    plan = Plan(topology.n_inputs, topology._form.plan_rows[:n_layers], runs(parts))
    data = Data(plan, as_inputs(X, topology.n_inputs, net.dtype, check_finite=False))
    outputs = derivatives.outputs(plan, net.parameters[: plan.n_parameters], data, raw, check_finite=True)
    # In the order of the columns, as they mostly are, they need no copy.
    return outputs if np.array_equal(parts, columns) else outputs[:, np.searchsorted(parts, columns)]


def find_units(topology, layer):
    """Columns of the units of a layer, given by number or name, or of units given by their labels.

    Raises
    ------
    ValueError
        If there is no such layer or unit.
    TypeError
        For what can be neither.
    """
    names = [one.name for one in topology.layers]
    if isinstance(layer, int | np.integer) and not isinstance(layer, bool):
        if not -len(names) <= layer < len(names):
            expected = f"from 0 to {len(names) - 1}, or from the end -1 to -{len(names)}"
            raise ValueError(f"expected a layer {expected}, got {layer}")
        return _columns(topology, int(layer) % len(names))
    if isinstance(layer, str) and layer in names:
        return _columns(topology, names.index(layer))
    if not isinstance(layer, str | tuple | list):
        raise TypeError(f"expected the number or name of a layer, or a list of labels of units, got {layer!r}")
    labels = layer if isinstance(layer, list) else [layer]
    column = {label: k for k, label in enumerate(topology.units)}
    if not labels:
        raise ValueError("expected at least one unit, got an empty list")
    for label in labels:
        try:
            is_unit = label in column
        except TypeError:
            is_unit = False
        if not is_unit:
            layers = ", ".join(map(repr, names[:10])) + ", ..." * (len(names) > 10)
            raise ValueError(f"expected one of the layers {layers} or labels out of topology.units, got {label!r}")
    return np.array([column[label] for label in labels])


def _columns(topology, k):
    first = sum(layer.n_units for layer in topology.layers[:k])
    return np.arange(first, first + topology.layers[k].n_units)
