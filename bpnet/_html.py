# SPDX-License-Identifier: BSD-3-Clause
"""A topology as HTML: a drawing of its layers as inline SVG, and a table. Whatever users have named is escaped."""

from collections import namedtuple
from html import escape

from bpnet import summary
from bpnet.layers import INPUT

#: Pixels: a box, the room between boxes, and the room above for one arc.
WIDTH, HEIGHT, APART, BELOW, ARC = 104, 46, 34, 14, 16
#: Columns and boxes in a column that fit beside each other in a notebook; of more, those in the middle are left out.
MOST_COLUMNS, MOST_BOXES = 8, 5
#: Letters that fit into a box.
MOST_LETTERS = 15

Box = namedtuple("Box", "x y name text")


def network(topology, title=""):
    """The drawing, a line of numbers and the table."""
    head = ", ".join(filter(None, [title, summary.headline(topology)]))
    return (
        f'<div class="bpnet-network" style="overflow-x: auto; margin: 0.5em 0">{drawing(topology)}'
        f"<details><summary>{escape(head)}</summary>{table(topology)}</details></div>"
    )


def table(topology):
    """A row for each layer."""
    cells = [("th", ("layer", "units", "activation", "hears", "parameters"))]
    for row in summary.rows(topology):
        if row.left_out:
            cells.append(("td", (row.name, "", "", f"{row.left_out:,} more", "")))
        else:
            numbers = f"{row.n_units:,}", f"{row.n_parameters:,}"
            cells.append(("td", (row.name, numbers[0], row.activation, row.hears, numbers[1])))
    lines = ("".join(f"<{tag}>{escape(text)}</{tag}>" for text in row) for tag, row in cells)
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def drawing(topology):
    """Layers as boxes from left to right, with an arrow from each to those that hear it."""
    boxes, gap = _boxes(topology)
    arrows = [
        (boxes[source], boxes[layer.name])
        for layer in topology.layers
        if layer.name in boxes
        for source in layer.sources
        if source in boxes
    ]
    columns = sorted({box.x for box in boxes.values()})
    n_arcs = max((_span(columns, *ends) for ends in arrows), default=1) - 1
    top = ARC * n_arcs
    parts = [_arrow(*ends, top, _span(columns, *ends), columns) for ends in arrows]
    parts += [_box(box, top) for box in boxes.values()]
    if gap is not None:
        parts.append(_text(gap + WIDTH / 2, top + HEIGHT / 2 + 4, "...", "bold"))
    width = max(columns) + WIDTH + 2
    height = top + max(box.y for box in boxes.values()) + HEIGHT + 2
    label = f"layers {', '.join(list(boxes)[:20])}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(label)}" viewBox="-2 -2 {width + 2} '
        f'{height + 2}" width="{width + 4}" height="{height + 4}" fill="none" stroke="currentColor" '
        f'font-family="sans-serif" font-size="12">{"".join(parts)}</svg>'
    )


def _boxes(topology):
    """A `Box` for each layer that is shown, by name, and the place of the dots for columns left out, or None."""
    column = summary.columns(topology)
    last = max(column.values())
    shift = 0 if last < MOST_COLUMNS else last + 1 - MOST_COLUMNS
    n_left = MOST_COLUMNS // 2
    texts = {INPUT: f"{topology.n_inputs:,}"}
    texts |= {layer.name: summary.size_text(layer) for layer in topology.layers}
    n_in_column: dict[int, int] = {}
    boxes = {}
    for name, text in texts.items():
        k = column[name]
        if shift and n_left <= k <= n_left + shift:
            continue
        place = k if not shift or k < n_left else k - shift
        row = n_in_column[place] = n_in_column.get(place, -1) + 1
        if row < MOST_BOXES:
            boxes[name] = Box(place * (WIDTH + APART), row * (HEIGHT + BELOW), name, text)
    return boxes, n_left * (WIDTH + APART) if shift else None


def _span(columns, start, stop):
    return columns.index(stop.x) - columns.index(start.x)


def _arrow(start, stop, top, span, columns):
    """A line to the next column, or an arc above the boxes in between."""
    x0, y0, x1, y1 = start.x + WIDTH, start.y + top + HEIGHT / 2, stop.x - 3, stop.y + top + HEIGHT / 2
    head = f"M{x1 - 5} {y1 - 4} L{x1 + 2} {y1} L{x1 - 5} {y1 + 4}"
    if span == 1:
        return f'<path d="M{x0} {y0} L{x1} {y1} {head}" opacity="0.7"/>'
    peak, turn = top - ARC * (span - 1) + 4, APART * 0.7
    path = (
        f"M{x0} {y0} C{x0 + turn} {y0} {x0 + turn / 2} {peak} {x0 + APART} {peak} L{x1 - APART} {peak} "
        f"C{x1 - turn / 2} {peak} {x1 - turn} {y1} {x1} {y1}"
    )
    return f'<path d="{path} {head}" opacity="0.5"/>'


def _box(box, top):
    y, middle = box.y + top, box.x + WIDTH / 2
    return (
        f"<g><title>{escape(f'{box.name}: {box.text}')}</title>"
        f'<rect x="{box.x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="5"/>'
        f"{_text(middle, y + 19, box.name, 'bold')}{_text(middle, y + 36, box.text, 'normal')}</g>"
    )


def _text(x, y, text, weight):
    shown = text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}\N{HORIZONTAL ELLIPSIS}"
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="middle" fill="currentColor" stroke="none" font-weight="{weight}">'
        f"{escape(shown)}</text>"
    )
