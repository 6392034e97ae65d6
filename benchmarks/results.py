# SPDX-License-Identifier: BSD-3-Clause
"""From measurements to ratios. A measurement is a dict; the history in a file holds one per line, as JSON."""

import json
import statistics
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One workload at one type and number of threads."""

    workload: str
    title: str
    dtype: str
    threads: int
    bpnet: float  # median of the rounds
    unit: str  # "s" or "MB"
    gflops: float | None
    of_peak: float | None
    ratios: dict[str, tuple[float, float, float]]  # peer: median, lowest and highest of the rounds


def read(path):
    """Of each workload, type and number of threads the measurements of the newest run that has it."""
    records = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    newest = {_place(record): record["run"] for record in sorted(records, key=lambda record: record["run"])}
    return [record for record in records if record["run"] == newest[_place(record)]]


def find_peaks(records):
    """GFLOP/s of the large matrix product: {(dtype, threads): {peer: best of all rounds}}."""
    found = {}
    for record in records:
        if record["workload"] == "peak":
            best = found.setdefault((record["dtype"], record["threads"]), {})
            gflops = record["flops"] / min(record["seconds"]) / 1e9
            best[record["peer"]] = max(gflops, best.get(record["peer"], 0))
    return found


def summarise(records, peaks):
    """Rows of the table, in the order in which they were measured."""
    best = {place: max(speeds.values()) for place, speeds in peaks.items()}
    groups = {}
    for record in records:
        if record["workload"] != "peak":
            groups.setdefault(_place(record), []).append(record)
    rows = []
    for (name, dtype, threads), group in groups.items():
        title = group[0]["title"]
        time, ratios = _compare(group, lambda record: statistics.median(record["seconds"]))
        if time is None:
            continue
        gflops = group[0]["flops"] and group[0]["flops"] / time / 1e9
        of_peak = gflops / best[dtype, threads] if gflops and (dtype, threads) in best else None
        rows.append(Row(name, title, dtype, threads, time, "s", gflops, of_peak, ratios))
        if dtype == "-":  # an import: its memory is as much of interest
            memory, ratios = _compare(group, lambda record: record["megabytes"])
            rows.append(Row(name, title + ", memory", dtype, threads, memory, "MB", None, None, ratios))
    return rows


def _place(record):
    return record["workload"], record["dtype"], record["threads"]


def _compare(group, quantity):
    """Median of bpnet's quantity, and the ratios of each peer's to bpnet's in the same round."""
    values = {(record["peer"], record["round"]): quantity(record) for record in group}
    ours = {number: value for (peer, number), value in values.items() if peer == "bpnet"}
    ratios = {}
    for (peer, number), value in values.items():
        if peer != "bpnet" and number in ours:
            ratios.setdefault(peer, []).append(value / ours[number])
    spread = {peer: (statistics.median(of_peer), min(of_peer), max(of_peer)) for peer, of_peer in ratios.items()}
    return statistics.median(ours.values()) if ours else None, spread
