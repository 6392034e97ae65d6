# SPDX-License-Identifier: BSD-3-Clause
"""Topologies from graphs of networkx, and the other way round."""

import numpy as np

from bpnet._extras import extra


def as_networkx(topology):
    """See `Topology.to_networkx`."""
    inputs, units = list(range(topology.n_inputs)), topology.units
    graph = extra("networkx", "graph").DiGraph(inputs=inputs, outputs=topology._form.output_labels)
    graph.add_nodes_from(inputs)
    biases = [layer.bias for layer in topology.layers for _ in range(layer.n_units)]
    for unit, activation, bias in zip(units, topology.activations, biases, strict=True):
        graph.add_node(unit, activation=activation, bias=bias)
    nodes, index = [*inputs, *units], np.concatenate([np.arange(*ends) for ends in topology.plan.weight_ranges])
    for i, j, k in zip(*topology._form.edges(), index.tolist(), strict=True):
        graph.add_edge(nodes[i], nodes[j], index=k)
    return graph


def read_networkx(graph, inputs, outputs, activation, out_activation, bias):
    """Arguments of `Topology.from_edges`."""
    networkx = extra("networkx", "graph")
    if not isinstance(graph, networkx.DiGraph) or graph.is_multigraph():
        raise TypeError(f"expected a networkx.DiGraph, got {type(graph).__name__}")
    if inputs is None:
        inputs = graph.graph.get("inputs")
    if inputs is None:
        inputs = [node for node, degree in graph.in_degree if degree == 0]
        try:
            inputs = sorted(inputs)
        except TypeError:
            raise ValueError(f"expected inputs to be given, for these cannot be sorted: {inputs}") from None
    if outputs is None:
        outputs = graph.graph.get("outputs")
    if outputs is None:
        outputs = [node for node, degree in graph.out_degree if degree == 0]
    if strange := [node for node in (*inputs, *outputs) if node not in graph]:
        raise ValueError(f"expected inputs and outputs that are nodes, got {strange[0]!r}")
    number, taken = {node: k for k, node in enumerate(inputs)}, set(range(len(inputs)))
    if clashing := [node for node in graph if node not in number and node in taken]:
        raise ValueError(f"expected no unit with the label of an input, 0 to {len(inputs) - 1}, got {clashing[0]!r}")
    units = [node for node in graph if node not in number]
    # Units are ordered as the edges name them first: so they keep the order in which `as_networkx` has put them.
    place = {node: k for k, node in enumerate(graph)}
    edges = sorted(graph.edges, key=lambda edge: (place[edge[1]], place[edge[0]]))
    if activation is None:
        activation = {node: graph.nodes[node].get("activation", "tanh") for node in units}
    if bias is None:
        bias = {node: graph.nodes[node].get("bias", True) for node in units}
    return {
        "n_inputs": len(inputs),
        "edges": [(number.get(i, i), number.get(j, j)) for i, j in edges],
        "outputs": [number.get(node, node) for node in outputs],
        "activation": activation,
        "out_activation": out_activation,
        "bias": bias,
    }
