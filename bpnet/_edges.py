# SPDX-License-Identifier: BSD-3-Clause
"""A graph as users give it, with labels of any kind, turned into numbers; whatever is wrong is named by those labels.

Inputs are numbered first, then the units as they appear: in the first edge, upstream and downstream, in the second ...
"""

from collections.abc import Hashable, Mapping
from numbers import Number

import numpy as np

from bpnet.layers import check_activation


def read_edges(edges, n_inputs):
    """Number the units.

    Parameters
    ----------
    edges : sequence of pairs of labels, or integer array of shape (n_edges, 2)
    n_inputs : int

    Returns
    -------
    labels : list
        Of the units, in order of their numbers.
    upstream, downstream : ndarray of intp
        For each edge; i < n_inputs is an input, n_inputs + k the unit labels[k].
    """
    if isinstance(edges, np.ndarray):
        if edges.ndim != 2 or edges.shape[1] != 2:
            raise ValueError(f"expected an array of edges of shape (n_edges, 2), got {edges.shape}")
        if edges.dtype.kind in "iu" and len(edges):
            return _number_integers(edges, n_inputs)
    if not np.iterable(edges) or hasattr(edges, "tocsr"):
        raise TypeError(f"expected edges as pairs (upstream, downstream), got {type(edges).__name__}")
    numbers: dict[Hashable, int] = {}
    pairs = []
    for edge in edges:
        if isinstance(edge, str) or not hasattr(edge, "__len__") or len(edge) != 2:
            raise ValueError(f"expected edges as pairs (upstream, downstream), got {edge!r}")
        for label in edge:
            label = as_label(label)
            is_input = isinstance(label, int) and 0 <= label < n_inputs
            pairs.append(label if is_input else numbers.setdefault(label, n_inputs + len(numbers)))
    if not pairs:
        raise ValueError("expected at least one edge, got none")
    upstream, downstream = np.array(pairs, np.intp).reshape(-1, 2).T
    return list(numbers), upstream.copy(), downstream.copy()


def as_label(label):
    """The label as Python's own number or string, after a check."""
    if isinstance(label, np.generic):
        label = label.item()
    if type(label) is int or type(label) is str:
        return label
    # A number that is no integer could equal one that names an input.
    is_odd = isinstance(label, bool) or (isinstance(label, Number) and not isinstance(label, int))
    if label is None or is_odd or not isinstance(label, Hashable):
        raise TypeError(f"expected labels that are integers, strings or other hashable objects, got {label!r}")
    return label


def _number_integers(edges, n_inputs):
    """The same for an array of integers, which may be long."""
    flat = edges.ravel()
    least, n_values = int(flat.min()), int(flat.max()) - int(flat.min()) + 1
    if n_values > 4 * len(flat):
        labels, place = np.unique(flat, return_inverse=True)
    else:  # a table of all values in between is faster than sorting
        labels, place = np.arange(least, least + n_values), (flat - least).astype(np.intp)
    first = np.full(len(labels), len(flat))
    first[place[::-1]] = np.arange(len(flat))[::-1]
    is_input = (labels >= 0) & (labels < n_inputs)
    order = np.argsort(np.where(is_input, len(flat), first), kind="stable")
    order = order[: np.count_nonzero(~is_input & (first < len(flat)))]
    numbers = np.where(is_input, labels, 0).astype(np.intp)
    numbers[order] = n_inputs + np.arange(len(order))
    upstream, downstream = numbers[place].reshape(-1, 2).T
    return labels[order].tolist(), upstream.copy(), downstream.copy()


def check_edges(upstream, downstream, names, n_inputs):
    """Raise ValueError for edges into inputs, duplicates, and units that hear nothing; `names` is for the messages."""
    into = np.flatnonzero(downstream < n_inputs)
    if len(into):
        raise ValueError(
            f"expected inputs to hear nothing, got the edge {_edge(names, upstream, downstream, into[0])} into input "
            f"{names(downstream[into[0]])!r}"
        )
    n = n_inputs + names.n_units
    keys = downstream * n + upstream
    in_order = np.sort(keys)
    twice = in_order[1:][in_order[1:] == in_order[:-1]]
    if len(twice):
        edges = np.flatnonzero(keys == twice[0])
        raise ValueError(
            f"expected each edge once, got {_edge(names, upstream, downstream, edges[0])} {len(edges)} times"
        )
    deaf = np.flatnonzero(np.bincount(downstream, minlength=n)[n_inputs:] == 0) + n_inputs
    if len(deaf):
        raise ValueError(f"expected an edge into every unit, for there is no way from an input to {names.all(deaf)}")


def depths(upstream, downstream, names, n_inputs):
    """Longest way from an input to each unit: an array over inputs and units; ValueError for a cycle."""
    n = n_inputs + names.n_units
    depth, waits_for = np.zeros(n, np.intp), np.bincount(downstream, minlength=n)
    order = np.argsort(upstream, kind="stable")
    targets, starts = downstream[order], np.searchsorted(upstream[order], np.arange(n + 1))
    front, level, n_done = np.arange(n_inputs), 0, n_inputs
    while len(front):
        level += 1
        heard_by = targets[ranges(starts[front], starts[front + 1])]
        np.subtract.at(waits_for, heard_by, 1)
        front = distinct(heard_by[waits_for[heard_by] == 0])
        depth[front] = level
        n_done += len(front)
    if n_done < n:
        cycle = _cycle(upstream, downstream, waits_for)
        raise ValueError(f"expected no cycles, got {' -> '.join(repr(names(unit)) for unit in cycle)}")
    return depth


def check_reach(upstream, downstream, outputs, names, n_inputs):
    """Raise ValueError for units from which no way leads to an output: nothing could ever train them."""
    n = n_inputs + names.n_units
    order = np.argsort(downstream, kind="stable")
    sources, starts = upstream[order], np.searchsorted(downstream[order], np.arange(n + 1))
    reaches = np.zeros(n, bool)
    front = distinct(outputs)
    while len(front):
        reaches[front] = True
        before = distinct(sources[ranges(starts[front], starts[front + 1])])
        front = before[~reaches[before]]
    lost = np.flatnonzero(~reaches[n_inputs:]) + n_inputs
    if len(lost):
        raise ValueError(f"expected a way from every unit to an output, got none from {names.all(lost)}")


def read_outputs(outputs, numbers, n_inputs):
    """Numbers of the outputs, from 0."""
    outputs = [outputs] if isinstance(outputs, str) or not np.iterable(outputs) else list(outputs)
    outputs = [as_label(label) for label in outputs]
    for label in outputs:
        if label not in numbers:
            if isinstance(label, int) and 0 <= label < n_inputs:
                raise ValueError(f"expected outputs that are units, got the input {label}")
            raise ValueError(f"expected outputs that are units, got {label!r}, which is in no edge")
    if not outputs or len(set(outputs)) < len(outputs):
        raise ValueError(f"expected at least one output, each once, got {outputs}")
    return tuple(numbers[label] for label in outputs)


def read_activations(activation, out_activation, labels, outputs):
    """Name for each unit."""
    names, known = [activation] * len(labels), set(labels)
    if isinstance(activation, Mapping):
        given = {as_label(label): name for label, name in activation.items()}
        if unknown := [label for label in given if label not in known]:
            raise ValueError(f"expected activations of units, got one for {unknown[0]!r}, which is none")
        names = [given.get(label) for label in labels]
    if out_activation is not None:
        for k in outputs:
            names[k] = out_activation
    for label, name in zip(labels, names, strict=True):
        if name is None:
            raise ValueError(f"expected an activation for every unit, got none for {label!r}")
        check_activation(name)
    return names


def read_biases(bias, labels):
    """Whether each unit has one."""
    if not isinstance(bias, Mapping):
        return [bool(bias)] * len(labels)
    given, known = {as_label(label): bool(value) for label, value in bias.items()}, set(labels)
    if unknown := [label for label in given if label not in known]:
        raise ValueError(f"expected bias to be told of units, got {unknown[0]!r}, which is none")
    if missing := [label for label in labels if label not in given]:
        raise ValueError(f"expected bias to be told of every unit, got nothing for {missing[0]!r}")
    return [given[label] for label in labels]


def check_softmax(activations, outputs, biases, ends, labels):
    """Raise ValueError for softmax anywhere but in all of the outputs, or where these feed on."""
    soft = {k for k, name in enumerate(activations) if name == "softmax"}
    if not soft:
        return
    if strange := sorted(soft ^ set(outputs)):
        unit = f"{'the output' if strange[0] in outputs else 'unit'} {labels[strange[0]]!r}"
        raise ValueError(
            f"softmax couples exactly the outputs: expected it for all of them and no other unit, got "
            f"{activations[strange[0]]!r} for {unit}"
        )
    if feeding := [labels[k] for k in outputs if not ends[k]]:
        raise ValueError(f"softmax couples the outputs, which then feed nothing: expected no edge from {feeding[0]!r}")
    if len({biases[k] for k in outputs}) > 1:
        raise ValueError("softmax couples the outputs: expected a bias for all of them or for none")


def ranges(starts, stops):
    """All of starts[0] .. stops[0], starts[1] .. stops[1], ... in one array."""
    lengths = stops - starts
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(stops - ends, lengths)


def runs(columns):
    """The pairs (first, count) of neighbours in a sequence of columns: [4, 5, 6, 1] is (4, 3), (1, 1)."""
    starts = [k for k in range(len(columns)) if k == 0 or columns[k] != columns[k - 1] + 1]
    return [(int(columns[a]), b - a) for a, b in zip(starts, [*starts[1:], len(columns)], strict=True)]


def distinct(values):
    """Sorted, each once; several times faster than np.unique, which hashes."""
    values = np.sort(values)
    return values[np.concatenate([[True], values[1:] != values[:-1]])] if len(values) else values


class Names:
    """From numbers to labels, for messages."""

    def __init__(self, labels, n_inputs):
        self.labels, self.n_inputs, self.n_units = labels, n_inputs, len(labels)

    def __call__(self, number):
        return int(number) if number < self.n_inputs else self.labels[number - self.n_inputs]

    def all(self, numbers):
        """The first few, in words."""
        shown = ", ".join(repr(self(number)) for number in numbers[:5])
        return f"unit{'s' * (len(numbers) > 1)} {shown}" + (f" and {len(numbers) - 5} more" if len(numbers) > 5 else "")


def _edge(names, upstream, downstream, k):
    return (names(upstream[k]), names(downstream[k]))


def _cycle(upstream, downstream, waits_for):
    """Numbers of units in a circle, the first one again at the end: upstream of one that waits another one waits."""
    waiting = waits_for > 0
    before = dict(zip(downstream[waiting[upstream]].tolist(), upstream[waiting[upstream]].tolist(), strict=True))
    seen: dict[int, int] = {}
    unit = int(np.argmax(waiting))
    while unit not in seen:
        seen[unit] = len(seen)
        unit = before[unit]
    circle = [*list(seen)[seen[unit] :], unit]
    return circle[::-1]
