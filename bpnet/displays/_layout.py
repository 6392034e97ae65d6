# SPDX-License-Identifier: BSD-3-Clause
"""Where the units of a network stand in a picture, and which weights lie between those that are shown.

Layers stand in columns, each behind all that it hears; those of one column stand one below the other. Nodes are
numbered through: inputs, then units in the order of `topology.units`. Of a large layer its first and last units are
shown.
"""

from collections import namedtuple
from itertools import pairwise

import numpy as np

from bpnet._layered import Layered
from bpnet.layers import INPUT
from bpnet.summary import columns

#: Nodes shown; their places; for each layer, inputs included, (name, x, y of its top, y of its foot, whether some
#: units are left out); heights of the columns from the middle.
Layout = namedtuple("Layout", "nodes x y layers heights")

#: Between two layers of one column, in distances of units.
GAP = 2.0


def arrange(topology, max_units):
    """The `Layout` of at most so many units for each layer."""
    sizes = {INPUT: topology.n_inputs} | {layer.name: layer.n_units for layer in topology.layers}
    column = columns(topology)
    nodes, x, y, layers, first = [], [], [], [], 0
    fill = np.zeros(max(column.values()) + 1)  # of each column so far
    for name, size in sizes.items():
        shown, rows = _shown(size, max_units)
        top = -fill[column[name]]
        nodes.append(first + shown)
        x.append(np.full(len(shown), column[name]))
        y.append(top - rows)
        layers.append((name, column[name], top, top - rows[-1], len(shown) < size))
        fill[column[name]] += rows[-1] + GAP
        first += size
    heights = (fill - GAP) / 2  # columns are centred at 0
    y = [own + heights[own_column[0]] for own, own_column in zip(y, x, strict=True)]
    layers = [(name, k, top + heights[k], foot + heights[k], cut) for name, k, top, foot, cut in layers]
    layout = Layout(np.concatenate(nodes), np.concatenate(x), np.concatenate(y), layers, heights)
    if not isinstance(topology._form, Layered):
        _untangle(topology, layout)
    return layout


def edges_among(topology, nodes):
    """Upstream node, downstream node and place in the vector of parameters of the weights between some nodes.

    Parameters
    ----------
    topology : Topology
    nodes : ndarray of shape (n_nodes,)
        Sorted.

    Returns
    -------
    tuple of three ndarrays of shape (n_edges,)
    """
    form, ranges = topology._form, topology.plan.weight_ranges
    if isinstance(form, Layered):
        parts = [_edges_into(form, k, ranges[k][0], nodes) for k in range(len(form.layers))]
        return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    upstream, downstream = form.edges()
    place = np.concatenate([np.arange(*ends) for ends in ranges])
    keep = np.isin(upstream, nodes) & np.isin(downstream, nodes)
    return upstream[keep], downstream[keep], place[keep]


def bias_places(topology):
    """Place of the bias of each node, -1 for those without."""
    places = [np.full(topology.n_inputs, -1)]
    for layer, (_, stop) in zip(topology.layers, topology.plan.weight_ranges, strict=True):
        places.append(np.where(layer.bias, stop + np.arange(layer.n_units), -1))
    return np.concatenate(places)


def _shown(size, most):
    """Numbers of the units of a layer that are shown, and their rows: a gap of one row where some are left out."""
    if size <= most:
        return np.arange(size), np.arange(size)
    n_top = most - most // 2
    rows = np.arange(most)
    return np.where(rows < n_top, rows, size - most + rows), np.where(rows < n_top, rows, rows + 1)


def _edges_into(form, k, start, nodes):
    """`edges_among` of layer k of a layered form, whose weights start at `start`."""
    sizes, layer, parts = list(form.sizes.values()), form.layers[k], []
    first = dict(zip(form.sizes, np.cumsum([0, *sizes[:-1]]), strict=True))

    def own(name):
        return nodes[slice(*np.searchsorted(nodes, [first[name], first[name] + form.sizes[name]]))] - first[name]

    for source in layer.sources:
        i, j = (cells.ravel() for cells in np.meshgrid(own(source), own(layer.name), indexing="ij"))
        mask = layer.mask.get(source)
        if mask is None:
            place, n_weights = start + i * layer.n_units + j, form.sizes[source] * layer.n_units
        else:
            exists = mask[i, j]
            i, j = i[exists], j[exists]
            place, n_weights = start - 1 + np.cumsum(mask).reshape(mask.shape)[i, j], int(mask.sum())
        parts.append((i + first[source], j + first[layer.name], place))
        start += n_weights
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def _untangle(topology, layout):
    """Order the units of each layer by the mean height of what they hear, so that fewer edges cross."""
    upstream, downstream, _ = edges_among(topology, layout.nodes)
    i, j = (np.searchsorted(layout.nodes, ends) for ends in (upstream, downstream))
    stops = np.cumsum([topology.n_inputs, *(layer.n_units for layer in topology.layers)])
    for first, stop in pairwise(stops):
        own = np.arange(*np.searchsorted(layout.nodes, [first, stop]))
        into = (j >= own[0]) & (j <= own[-1])
        counts = np.bincount(j[into] - own[0], minlength=len(own))
        means = np.bincount(j[into] - own[0], layout.y[i[into]], len(own)) / np.maximum(counts, 1)
        order = np.argsort(-means, kind="stable")
        layout.y[own[order]] = np.sort(layout.y[own])[::-1]
