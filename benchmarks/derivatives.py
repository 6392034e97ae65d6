# SPDX-License-Identifier: BSD-3-Clause
"""bpnet's Jacobians, Hessians and Hessian-vector products side by side with those of torch.func and JAX.

    python benchmarks/derivatives.py

Each contestant has a process of its own, as in run.py, on one core of the processor and with one thread: in one process
it also mattered who gave memory back when. They are ready before the clock runs and then take turns, A B A B ...; what
counts is the ratio within a round. A peer takes part with several ways to the same result, and the fastest counts. JAX
is compiled beforehand, and no peer pays for the conversion of its data; bpnet checks its arguments at each call. All
results are compared. Memory is measured one by one, each in a process of its own, for the way that was fastest: what
derivative_memory.py says. The ways of the peers that make all columns of a large Hessian at once need up to 10 GB.
"""

import argparse
import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import peers
import table
from machine import describe_machine
from results import summarise
from run import read_json, run_script, start_script
from workloads import DERIVATIVES, n_weights

RIVALS = ("torch", "jax")


def main():
    """Measure, and print a line for each case."""
    options = parse()
    if hasattr(os, "sched_setaffinity"):  # Linux; child processes inherit it
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    circumstances = describe_machine() | {"quick": options.quick}
    table.print_machine(circumstances)
    print("\nRatios: time of the peer's fastest way / that of bpnet; median (lowest-highest) of the rounds.")
    print("Deviation: the largest of all ways' results from bpnet's, over the largest number of bpnet's.")
    print("Memory: peak of one call in MB, its result included, beyond what was there before.\n")
    heads = "".join(f"{peers.NAMES[peer]:>40}" for peer in RIVALS)
    memory = "".join(f"{name:>9}" for name in ("result", *(peers.NAMES[peer] for peer in ("bpnet", *RIVALS))))
    print(f"{'case':53}{'type':>8}{'bpnet':>10}{heads}{'deviation':>11}  MB:{memory}")
    for name in options.cases:
        try:
            found = race(name, ["bpnet", *options.peers], options.rounds, options.quick)
        except EOFError as error:
            print(f"{name} failed: {error}", file=sys.stderr)
            continue
        memory = {peer: measure_memory(name, peer, found[peer]["way"], options.quick) for peer in found}
        print_case(name, found, memory, options.quick)


def parse():
    """Options of the command line."""
    cases = "; ".join(f"{name} {case} {case.dtype}" for name, case in DERIVATIVES.items())
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog=f"cases: {cases}")
    parser.add_argument("--cases", nargs="+", choices=DERIVATIVES, default=list(DERIVATIVES), metavar="NAME")
    parser.add_argument("--peers", nargs="*", choices=RIVALS, default=list(RIVALS))
    parser.add_argument("--rounds", type=int, default=5, help="turns of each contestant")
    parser.add_argument("--quick", action="store_true", help="little work: to see that it runs, not for figures")
    options = parser.parse_args()
    options.peers = peers.installed(options.peers)
    return options


def race(name, chosen, rounds, quick):
    """For each contestant its fastest way, the seconds of each round, and the deviation of all its ways from bpnet."""
    with ExitStack() as stack:
        truth = Path(stack.enter_context(TemporaryDirectory())) / "truth.npy"
        runners, found = {}, {}
        for peer in chosen:
            asked = {"name": name, "peer": peer, "truth": str(truth), "quick": quick}
            runners[peer] = stack.enter_context(start_script("derivative_times.py", json.dumps(asked), 1))
            found[peer] = {"deviation": read_json(runners[peer])}
        turns = {peer: [] for peer in chosen}
        for _ in range(rounds):
            for peer, runner in runners.items():
                print(file=runner.stdin, flush=True)
                turns[peer].append(read_json(runner))
    for peer, rows in turns.items():
        way = min(rows[0], key=lambda way: median(row[way] for row in rows))
        found[peer] |= {"way": way, "seconds": [row[way] for row in rows]}
    return found


def measure_memory(name, peer, way, quick):
    """Megabytes, or None."""
    asked = json.dumps({"name": name, "peer": peer, "way": way, "quick": quick})
    result = run_script("derivative_memory.py", asked, 1, f"{name}, memory of {peers.NAMES[peer]}")
    return result and result["megabytes"]


def print_case(name, found, memory, quick):
    """The line of a case."""
    case = DERIVATIVES[name].quick() if quick else DERIVATIVES[name]
    place = {"workload": name, "title": str(case), "dtype": case.dtype, "threads": 1, "flops": None}
    turns = [(peer, number, value) for peer in found for number, value in enumerate(found[peer]["seconds"])]
    records = [place | {"peer": peer, "round": number, "seconds": [value]} for peer, number, value in turns]
    (row,) = summarise(records, {})
    columns = ""
    for peer in RIVALS:
        ratio = table.format_spread(row.ratios.get(peer))
        columns += f"{ratio + ' ' + found[peer]['way'] if peer in found else '-':>40}"
    deviation = max((found[peer]["deviation"] for peer in row.ratios), default=None)
    columns += f"{'-' if deviation is None else format(deviation, '.1e'):>11}     "
    for megabytes in [size_of_result(case), *(memory.get(peer) for peer in ("bpnet", *RIVALS))]:
        columns += f"{'-' if megabytes is None else format(megabytes, '.1f'):>9}"
    title = f"{name:7} {case}"
    print(f"{title:53}{case.dtype:>8}{table.format_seconds(row.bpnet):>10}{columns}", flush=True)


def size_of_result(case):
    """Megabytes that any library needs."""
    n = n_weights(case.units) + sum(case.units[1:])
    n_numbers = {"Jacobian": case.n_rows * case.units[0] * case.units[-1], "Hessian": n * n, "product": n}[case.what]
    return n_numbers * {"float32": 4, "float64": 8}[case.dtype] / 1e6


if __name__ == "__main__":
    main()
