# SPDX-License-Identifier: BSD-3-Clause
"""The ratios as a picture: how many times as long as bpnet each peer takes. Drawn from measurements alone."""

try:
    import matplotlib
except ImportError:
    raise SystemExit("The figure needs matplotlib: pip install matplotlib, or bpnet with the extra [plot].") from None
from matplotlib.figure import Figure

import peers
from results import find_peaks, summarise
from table import describe_threads, format_ratio

# Muted, told apart by those who see fewer colours too, and by their order in each group.
COLOURS = {"sklearn": "#c9a66b", "torch": "#b5656b", "jax": "#5b84a6"}
INK, FAINT = "#333333", "#bbbbbb"


def draw(records, path):
    """Bars of the times' ratios on a log axis, to a file; of the type and number of threads that were measured first.

    An import, which has neither, and the rows of `Network` are left to the table.
    """
    rows = [row for row in summarise(records, find_peaks(records)) if row.workload[0] in "TP" and row.ratios]
    if not rows:
        raise SystemExit("The figure needs measurements of a T or P workload and of at least one peer.")
    dtype, threads = rows[0].dtype, rows[0].threads
    rows = [row for row in rows if row.dtype == dtype and row.threads in (threads, 1)]
    # The SVG is the same, bit for bit, for the same measurements.
    with matplotlib.rc_context({"font.size": 9, "font.family": "DejaVu Sans", "svg.hashsalt": "bpnet"}):
        figure = Figure(figsize=(8.3, 0.7 + 0.21 * sum(len(row.ratios) + 0.8 for row in rows)), layout="constrained")
        _draw_bars(figure.add_subplot(), rows, records[0], f"{dtype}, {describe_threads(threads)}")
        figure.savefig(path, dpi=150, facecolor="white", metadata={"Date": None} if str(path).endswith("svg") else None)


def _draw_bars(axes, rows, circumstances, setting):
    top, ticks, labelled = 0.0, [], set()
    for row in rows:
        ticks.append(top + (len(row.ratios) - 1) / 2)
        for peer in [peer for peer in COLOURS if peer in row.ratios]:
            ratio, lowest, highest = row.ratios[peer]
            # From 1, which is bpnet: to the right where the peer takes longer, to the left where it is faster.
            axes.barh(top, ratio - 1, 0.86, left=1, color=COLOURS[peer])
            axes.plot([lowest, highest], [top, top], color=INK, linewidth=0.8, alpha=0.6)
            end = max(highest, 1)
            name = "" if peer in labelled else f"  {peers.NAMES[peer]} {circumstances['versions'].get(peer, '')}"
            axes.annotate(
                format_ratio(ratio), (end, top), (4, 0), textcoords="offset points", va="center", color=INK, fontsize=8
            )
            if name:
                axes.annotate(
                    name, (end, top), (26, 0), textcoords="offset points", va="center", color=COLOURS[peer],
                    fontsize=9, fontweight="bold",
                )  # fmt: skip
            labelled.add(peer)
            top += 1
        top += 0.8
    axes.axvline(1, color=INK, linewidth=1)
    axes.set_xscale("log")
    axes.set_ylim(top - 0.9, -0.9)
    highest = max(spread[2] for row in rows for spread in row.ratios.values())
    lowest = min(spread[1] for row in rows for spread in row.ratios.values())
    axes.set_xlim(min(0.9, lowest * 0.9), highest * 1.6)
    axes.set_yticks(ticks, [row.title for row in rows], color=INK)
    axes.xaxis.set_major_formatter(lambda value, position: f"{value:g}")
    axes.tick_params(length=0, colors=INK)
    axes.grid(axis="x", color=FAINT, linewidth=0.5, alpha=0.5)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    place = f"{circumstances['machine']}, bpnet {circumstances['versions']['bpnet']} = 1"
    axes.set_xlabel(f"time of the peer / time of bpnet, {setting}; {place}", color=INK)
