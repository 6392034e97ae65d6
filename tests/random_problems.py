# SPDX-License-Identifier: BSD-3-Clause
"""Random networks with data, as strategies of hypothesis."""

import numpy as np
from graphs import Wires, layer
from hypothesis import assume, reject
from hypothesis import strategies as st
from problems import ALL, ALL_LOSSES, Problem, hidden_activations, outputs_per_target


@st.composite
def random_layers(draw, losses=ALL, max_layers=5, max_units=6):
    """Any layered graph of so many layers of so many units: skips, masks, mixed activations, outputs anywhere."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = {"input": draw(st.integers(1, max_units))}
    loss = draw(st.sampled_from(losses))
    layers, outputs, unheard = [], [], set()
    hidden, size = st.sampled_from(hidden_activations(loss)), outputs_per_target(loss)
    n_layers = draw(st.integers(1, max_layers))
    for k in range(n_layers):
        name, n_possible = f"layer {k}", range(1, max_units + 1)
        if k == n_layers - 1:
            others = [row["name"] for row in layers] if ALL_LOSSES[loss][2] != "softmax" else []
            outputs = draw(st.lists(st.sampled_from(others), unique=True)) if others else []
            n_others = sum(sizes[other] for other in outputs)
            outputs = [name, *outputs]
            # As many as make whole targets.
            n_possible = [n for n in n_possible if (n_others + n) % size == 0]
        n_units = draw(st.sampled_from(n_possible))
        sources = draw(st.lists(st.sampled_from(list(sizes)), min_size=1, unique=True))
        if k == n_layers - 1:
            sources += sorted(unheard - set(sources))
        unheard = unheard - set(sources) | {name}
        mask = {source: rng.random((sizes[source], n_units)) < 0.6 for source in sources if draw(st.booleans())}
        activation = draw(st.one_of(hidden, st.tuples(*[hidden] * n_units)))
        layers.append(layer(name, n_units, activation, *sources, mask=mask, bias=draw(st.booleans())))
        sizes[name] = n_units
    for row in layers:
        if row["name"] in outputs:
            row["activation"] = ALL_LOSSES[loss][2]
    return _computable(Problem(
        sizes["input"], layers, outputs, loss, draw(st.booleans()), n_samples=3, seed=draw(st.integers(0, 99))
    ))  # fmt: skip


@st.composite
def random_units(draw, losses=ALL):
    """Any graph of up to a dozen units: mixed activations and biases, outputs anywhere, labels of several kinds."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_inputs, n_units = draw(st.integers(1, 4)), draw(st.integers(1, 12))
    loss, density = draw(st.sampled_from(losses)), draw(st.sampled_from([0.1, 0.3, 1]))
    label = draw(st.sampled_from([lambda k: f"u{k}", lambda k: 1000 - k, lambda k: ("unit", k)]))
    nodes, edges = [*range(n_inputs), *map(label, range(n_units))], []
    for k in range(n_inputs, len(nodes)):
        heard = np.flatnonzero(rng.random(k) < density)
        edges += [(nodes[i], nodes[k]) for i in (heard if len(heard) else [rng.integers(k)])]
    edges = [edges[k] for k in rng.permutation(len(edges))]
    feeding = {upstream for upstream, _ in edges}
    outputs = [unit for unit in nodes[n_inputs:] if unit not in feeding]
    others = [unit for unit in nodes[n_inputs:] if unit in feeding] if ALL_LOSSES[loss][2] != "softmax" else []
    outputs += [unit for unit in others if rng.random() < 0.3]
    # As many as make whole targets.
    missing, others = -len(outputs) % outputs_per_target(loss), [unit for unit in others if unit not in outputs]
    assume(missing <= len(others))
    outputs += others[:missing]
    outputs = [outputs[k] for k in rng.permutation(len(outputs))]
    activation = {unit: draw(st.sampled_from(hidden_activations(loss))) for unit in nodes[n_inputs:]}
    activation |= dict.fromkeys(outputs, ALL_LOSSES[loss][2])
    bias = {unit: bool(rng.random() < 0.8) for unit in nodes[n_inputs:]}
    if ALL_LOSSES[loss][2] == "softmax":
        bias |= dict.fromkeys(outputs, draw(st.booleans()))
    wired = Wires(edges, activation, bias)
    return _computable(
        Problem(n_inputs, wired, outputs, loss, draw(st.booleans()), n_samples=3, seed=draw(st.integers(0, 99)))
    )


def _computable(problem):
    """The problem, unless a tower of exponentials overflows in it."""
    try:
        _ = problem.truth
    except (OverflowError, ValueError):  # too large, or the logarithm of a number too small
        reject()
    return problem


def random_problems():
    """Any network: layer by layer, or unit by unit."""
    return st.one_of(random_layers(), random_units())
