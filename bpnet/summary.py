# SPDX-License-Identifier: BSD-3-Clause
"""A topology in words: a row for each layer."""

from collections import Counter, namedtuple

from bpnet.activations import name_of
from bpnet.layers import INPUT

#: Rows of a printed table: as many as a screen shows at once.
MOST_ROWS = 20

#: What there is to say of a layer; `left_out` counts the layers that stand behind a row of dots.
Row = namedtuple("Row", "name n_units activation hears n_parameters left_out", defaults=(0, "", "", 0, 0))


def rows(topology, most=MOST_ROWS):
    """A `Row` for each layer; in the middle of more than `most` of them one stands for all that are left out."""
    layers, n = topology.layers, len(topology.layers)
    n_top = n if n <= most else most - most // 2
    n_foot = 0 if n <= most else most // 2 - 1
    result = [_row(topology, k) for k in range(n_top)]
    if n > most:
        result.append(Row("...", left_out=n - n_top - n_foot))
    return result + [_row(topology, k) for k in range(n - n_foot, len(layers))]


def headline(topology):
    """Numbers of inputs, outputs and parameters."""
    parts = [(topology.n_inputs, "input"), (topology.n_outputs, "output"), (topology.n_parameters, "parameter")]
    return ", ".join(f"{count:,} {word}{'s' * (count != 1)}" for count, word in parts)


def as_text(topology):
    """The table, to print."""
    cells = [("layer", "units", "activation", "hears", "parameters")]
    for row in rows(topology):
        numbers = ("", "") if row.left_out else (f"{row.n_units:,}", f"{row.n_parameters:,}")
        hears = f"{row.left_out:,} more" if row.left_out else row.hears
        cells.append((row.name, numbers[0], row.activation, hears, numbers[1]))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    sides = (str.ljust, str.rjust, str.ljust, str.ljust, str.rjust)
    lines = ["  ".join(side(c, w) for side, c, w in zip(sides, row, widths, strict=True)) for row in cells]
    return "\n".join(lines)


def columns(topology):
    """Number of the column of each layer by name, from 0 for the inputs: each stands behind all that it hears."""
    column = {INPUT: 0}
    for layer in topology.layers:
        column[layer.name] = 1 + max(column[source] for source in layer.sources)
    return column


def activation_text(layer):
    """The activation of a layer, or each with the number of its units."""
    counts = Counter(map(name_of, layer.activations))
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{count} {name}" for name, count in counts.most_common(3)) + ", ..." * (len(counts) > 3)


def size_text(layer):
    """Units and activation in a few letters: "6 tanh", or "4 tanh, 2 relu"."""
    text = activation_text(layer)
    return text if "," in text else f"{layer.n_units:,} {text}"


def _row(topology, k):
    layer, (start, stop) = topology.layers[k], topology.plan.weight_ranges[k]
    hears = ", ".join(f"{source} (some)" if source in layer.mask else source for source in layer.sources[:4])
    hears += f", {len(layer.sources) - 4} more" * (len(layer.sources) > 4)
    n_parameters = stop - start + layer.n_units * layer.bias
    return Row(layer.name, layer.n_units, activation_text(layer), hears, n_parameters)
