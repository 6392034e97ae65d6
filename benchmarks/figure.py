# SPDX-License-Identifier: BSD-3-Clause
"""The ratios as a picture: how many times as long as bpnet each peer takes. Drawn from measurements alone."""

try:
    import matplotlib
except ImportError:
    raise SystemExit("The figure needs matplotlib: pip install matplotlib, or bpnet with the extra [plot].") from None
import peers
from matplotlib.figure import Figure
from results import find_peaks, summarise
from table import describe_threads, format_ratio

# Muted, told apart by those who see fewer colours too, and by their order in each group.
COLOURS = {"sklearn": "#c9a66b", "torch": "#b5656b", "jax": "#5b84a6"}
INK, FAINT = "#333333", "#bbbbbb"


def draw(records, path):
    """Bars of the times' ratios on a log axis, to a file; of the type and number of threads that were measured first.

    Imports, which have neither, and the rows of `Network` are left to the table.
    """
    rows = [row for row in summarise(records, find_peaks(records)) if row.workload[0] in "TP" and row.ratios]
    if not rows:
        raise SystemExit("The figure needs measurements of a T or P workload and of at least one peer.")
    dtype, threads = rows[0].dtype, rows[0].threads
    rows = [row for row in rows if row.dtype == dtype and row.threads in (threads, 1)]
    run = records[-1]
    label = (
        f"time of the peer / time of bpnet {run['versions']['bpnet']}: {dtype}, {describe_threads(threads)}\n"
        f"{run['machine']}, {run['cores']} cores, Python {run['python']}"
    )
    if run["quick"]:
        label += "; a quick run, whose times mean nothing"
    # The same measurements give the same SVG, bit for bit.
    with matplotlib.rc_context({"font.size": 9, "svg.hashsalt": "bpnet"}):
        figure = Figure(figsize=(8.3, 0.8 + 0.165 * sum(len(row.ratios) + 0.9 for row in rows)), layout="constrained")
        axes = figure.add_subplot()
        _draw_bars(axes, rows, run["versions"])
        _style(axes, rows, label)
        metadata = {"Date": None} if str(path).endswith(".svg") else None
        figure.savefig(path, dpi=150, facecolor="white", metadata=metadata)


def _draw_bars(axes, rows, versions):
    """A group for each workload, a bar for each peer; a peer's name stands beside its first bar."""
    top, middles, named = 0.0, [], set()
    for row in rows:
        middles.append(top + (len(row.ratios) - 1) / 2)
        for peer in [peer for peer in COLOURS if peer in row.ratios]:
            ratio, lowest, highest = row.ratios[peer]
            # From 1, which is bpnet: to the right where the peer takes longer, to the left where it is faster.
            axes.barh(top, ratio - 1, 0.88, left=1, color=COLOURS[peer])
            axes.plot([lowest, highest], [top, top], color=INK, linewidth=0.8, alpha=0.6)
            _write(axes, max(highest, 1), top, 4, format_ratio(ratio), color=INK, fontsize=8)
            if peer not in named:
                name = f"{peers.NAMES[peer]} {versions[peer].partition('+')[0]}"
                _write(axes, max(highest, 1), top, 30, name, color=COLOURS[peer], fontweight="bold")
                named.add(peer)
            top += 1
        top += 0.9
    axes.set_yticks(middles, [row.title for row in rows], color=INK)
    axes.set_ylim(top - 1, -1.9)
    _write(axes, 1, -1.3, 4, "bpnet", color=INK, fontweight="bold")


def _write(axes, x, y, shift, text, **style):
    axes.annotate(text, (x, y), (shift, 0), textcoords="offset points", va="center", **style)


def _style(axes, rows, label):
    spreads = [spread for row in rows for spread in row.ratios.values()]
    axes.axvline(1, color=INK, linewidth=1)
    axes.set_xscale("log")
    axes.set_xlim(min(0.9, min(lowest for _, lowest, _ in spreads) * 0.9), max(spread[2] for spread in spreads) * 1.5)
    axes.xaxis.set_major_formatter(lambda value, position: f"{value:g}")
    axes.tick_params(which="both", length=0, colors=INK)
    axes.grid(axis="x", color=FAINT, linewidth=0.5, alpha=0.5)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(label, color=INK, loc="left")
