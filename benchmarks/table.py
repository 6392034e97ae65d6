# SPDX-License-Identifier: BSD-3-Clause
"""The table of a run, printed row by row as the measurements come in."""

import peers
from results import find_peaks, summarise


def print_more(group, earlier):
    """Lines for a group of measurements that follows earlier ones: what is new of machine, peaks and rows."""
    for run in {record["run"]: record for record in group}.values():
        if run["run"] not in {record["run"] for record in earlier}:
            print_machine(run)
    rows = summarise(group, find_peaks([*earlier, *group]))
    for (dtype, threads), speeds in find_peaks(group).items():
        listed = ", ".join(f"{peers.NAMES[peer]} {gflops:.0f}" for peer, gflops in speeds.items())
        print(f"peak, {dtype}, {describe_threads(threads)}: {max(speeds.values()):.0f} GFLOP/s ({listed})", flush=True)
    if rows and not summarise(earlier, {}):
        print("\nRatios: time (or memory) of the peer / that of bpnet; median (lowest-highest) of the rounds.")
        print("bpnet: of an epoch, an iteration of L-BFGS, a search, a call. GFLOP/s: products alone.\n")
        heads = "".join(f"{peers.NAMES[peer]:>21}" for peer in peers.RIVALS)
        print(f"{'workload':45}{'type':>8}{'threads':>9}{'bpnet':>10}{'GFLOP/s':>9}{'of peak':>9}{heads}")
    for row in rows:
        gflops = f"{row.gflops:.3g}" if row.gflops else ""
        of_peak = f"{row.of_peak:.0%}" if row.of_peak else ""
        ratios = "".join(f"{format_spread(row.ratios.get(peer)):>21}" for peer in peers.RIVALS)
        quantity = f"{row.bpnet:.0f} MB" if row.unit == "MB" else format_seconds(row.bpnet)
        title = f"{row.workload} {row.title}"
        print(f"{title:45}{row.dtype:>8}{row.threads:9}{quantity:>10}{gflops:>9}{of_peak:>9}{ratios}", flush=True)


def print_machine(record):
    """Circumstances of a run: a measurement has them all."""
    versions = ", ".join(f"{peers.NAMES[peer]} {version}" for peer, version in record["versions"].items())
    bpnet = f"instruction set {record['level']}" + (f", commit {record['commit']}" if record["commit"] else "")
    print(
        f"{record['machine']}, {record['cores']} cores, {record['system']}, Python {record['python']}, {record['run']}"
    )
    print(f"{versions}; bpnet: {bpnet}")
    if record["quick"]:
        print("Quick: little work, to see that all runs. These times mean nothing.")


def describe_threads(threads):
    return "one thread" if threads == 1 else f"{threads} threads"


def format_seconds(value):
    """Three digits, with the unit that suits them: 12.3 ms."""
    for unit, factor in (("s", 1), ("ms", 1e3)):
        if value * factor >= 1:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e6:.3g} us"


def format_ratio(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def format_spread(ratio):
    """Median of the rounds, and in brackets the lowest and the highest."""
    if ratio is None:
        return "-"
    median, lowest, highest = map(format_ratio, ratio)
    return median if lowest == highest else f"{median} ({lowest}-{highest})"
