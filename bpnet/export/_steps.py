# SPDX-License-Identifier: BSD-3-Clause
"""A network as the steps of its forward sweep, for writers in other languages: one for each layer, in order.

Signals stand in one row: the inputs, then all units, in the order of `Topology.units`.
"""

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from bpnet.layers import INPUT


@dataclass
class Step:
    """One layer: a = biases + what it hears, z = h(a).

    Attributes
    ----------
    first, n_units : int
        Its signals in the row.
    blocks : list of (int, ndarray of shape (n_source, n_units))
        Where a source begins in the row and its weights; empty where connections are missing, then see `edges`.
    edges : None or (starts, heard, weights)
        Unit j hears the signals heard[starts[j] : starts[j + 1]] of the row, with these weights.
    biases : ndarray of shape (n_units,)
        Zeros where there are none.
    runs : list of (str, int, int)
        Activation, first unit and number of neighbouring units that share it.
    """

    first: int
    n_units: int
    blocks: list
    edges: tuple | None
    biases: np.ndarray
    runs: list


def steps(network):
    """The `Step` of each layer of a network. Cost O(W)."""
    topology, w = network.topology, network.parameters
    form = topology._form
    firsts, first = {INPUT: 0}, topology.n_inputs
    for layer in topology.layers:
        firsts[layer.name] = first
        first += layer.n_units
    all_edges, done, result = None, 0, []
    for k, layer in enumerate(topology.layers):
        start, stop = topology.plan.weight_ranges[k]
        blocks, edges = [], None
        if form.cells(k) is None:
            place = start
            for source in layer.sources:
                n = form.sizes[source] * layer.n_units
                blocks.append((firsts[source], w[place : place + n].reshape(-1, layer.n_units)))
                place += n
        else:
            all_edges = form.edges() if all_edges is None else all_edges
            upstream, downstream = (ends[done : done + stop - start] for ends in all_edges)
            edges = _by_unit(upstream, downstream - firsts[layer.name], w[start:stop], layer.n_units)
        done += stop - start
        biases = w[stop : stop + layer.n_units] if layer.bias else np.zeros(layer.n_units, w.dtype)
        result.append(Step(firsts[layer.name], layer.n_units, blocks, edges, biases, _runs(layer)))
    return result


def output_columns(network):
    """Place in the row of each output."""
    topology = network.topology
    number = {label: topology.n_inputs + k for k, label in enumerate(topology.units)}
    return [number[label] for label in topology._form.output_labels]


def _by_unit(upstream, downstream, weights, n_units):
    order = np.lexsort((upstream, downstream))
    starts = np.searchsorted(downstream[order], np.arange(n_units + 1))
    return starts, upstream[order], weights[order]


def _runs(layer):
    runs, first = [], 0
    for name, run in groupby(layer.activations):
        n = len(list(run))
        runs.append((name, first, n))
        first += n
    return runs
