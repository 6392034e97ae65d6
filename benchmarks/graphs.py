# SPDX-License-Identifier: BSD-3-Clause
"""Topologies that the measurements have in common: with a skip connection, and graphs of units drawn at random."""

from bpnet import Layer, Topology


def skipping(n_inputs, n_units, n_outputs, activation, out_activation):
    """Two hidden layers; the second and the outputs hear the inputs as well."""
    first = Layer(n_units, activation, name="first")
    second = Layer(n_units, activation, sources=("first", "input"), name="second")
    out = Layer(n_outputs, out_activation, sources=("second", "input"), name="out")
    return Topology(n_inputs, [first, second, out])


def random_units(rng, n_inputs, n_units, n_heard, activations, out_activation):
    """Each unit hears `n_heard` of those before it, inputs included, and has any of the activations.

    Units that none hears are the outputs.
    """
    edges = []
    for unit in range(n_inputs, n_inputs + n_units):
        heard = rng.choice(unit, min(n_heard, unit), replace=False)
        edges += [(int(source), unit) for source in heard]
    feeding = {source for source, _ in edges}
    outputs = [unit for unit in range(n_inputs, n_inputs + n_units) if unit not in feeding]
    hidden = {unit: str(rng.choice(activations)) for unit in feeding if unit >= n_inputs}
    return Topology.from_edges(n_inputs, edges, outputs=outputs, activation=hidden, out_activation=out_activation)
