# SPDX-License-Identifier: BSD-3-Clause
"""bpnet timed side by side with scikit-learn, PyTorch and JAX: `make bench`, with these options in ARGS.

Every measurement has a process of its own, so that each library finds its threads and its memory as it wants them. The
contestants take turns, A B A B ..., and what counts is the ratio within a round: absolute times drift with the machine.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import peers
import results
import table
from machine import describe_machine
from workloads import WORKLOADS, Import, Product, Search

HERE = Path(__file__).parent


def main():
    """Measure, or read what was measured; print the table and draw the figure."""
    options = parse()
    if options.figure:
        import figure  # now, so that one who lacks matplotlib hears of it before anything is measured
    records = []
    for group in [results.read(options.source)] if options.source else measure(options):
        table.print_more(group, records)
        records += group
    if options.figure:
        figure.draw(records, options.figure)
        print(f"\nfigure: {options.figure}")


def parse():
    """Options of the command line."""
    epilogue = "workloads: " + "; ".join(f"{name} {workload}" for name, workload in WORKLOADS.items())
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0], epilog=epilogue)
    names = [name for name in WORKLOADS if name != "peak"]
    parser.add_argument("--workloads", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--peers", nargs="+", choices=peers.RIVALS, default=list(peers.RIVALS))
    parser.add_argument("--dtypes", nargs="+", choices=["float32", "float64"], default=["float32", "float64"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1], metavar="N")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contestant")
    parser.add_argument("--repetitions", type=int, default=3, help="within a turn; their median counts")
    parser.add_argument("--quick", action="store_true", help="little work: to see that it runs, not for figures")
    parser.add_argument("--json", metavar="FILE", help="append every measurement to a file, one per line")
    parser.add_argument("--from", dest="source", metavar="FILE", help="measure nothing, read such a file")
    parser.add_argument("--figure", metavar="FILE", help="draw the ratios: .svg or .png")
    options = parser.parse_args()
    if not options.source:
        options.peers = peers.installed(options.peers)
    return options


def measure(options):
    """For each row of the table its measurements, as they are made."""
    if options.json:
        Path(options.json).parent.mkdir(parents=True, exist_ok=True)
    circumstances = describe_machine() | {"quick": options.quick}
    for name, dtype, threads in list_rows(options):
        workload = WORKLOADS[name].quick() if options.quick else WORKLOADS[name]
        flops = workload.flops() if hasattr(workload, "flops") else None
        group = []
        for number in range(options.rounds):
            for peer in contestants(workload, options.peers):
                result = run_alone(name, peer, dtype, threads, options)
                if result is None:
                    continue
                place = {"workload": name, "title": str(workload), "peer": peer, "dtype": dtype, "threads": threads}
                group.append({**circumstances, **place, "round": number, "flops": flops, **result})
                if options.json:
                    with open(options.json, "a", encoding="utf-8") as file:
                        file.write(json.dumps(group[-1]) + "\n")
        yield group


def list_rows(options):
    """Name, type and number of threads of what is measured, the peaks before all."""
    for name in ["peak", *options.workloads]:
        if isinstance(WORKLOADS[name], Import):
            yield name, "-", 1
        elif isinstance(WORKLOADS[name], Search):  # its two processes have one thread each
            yield from ((name, dtype, 1) for dtype in options.dtypes)
        else:
            yield from ((name, dtype, threads) for dtype in options.dtypes for threads in options.threads)


def contestants(workload, chosen):
    """Who takes part in a workload: bpnet before the others."""
    if isinstance(workload, Product):
        return ["numpy", *(peer for peer in chosen if peer != "sklearn")]
    if isinstance(workload, Search):
        return ["bpnet", *(peer for peer in chosen if peer == "sklearn")]
    return ["bpnet", *chosen]


def run_alone(name, peer, dtype, threads, options):
    """One measurement in a fresh process; None, with a word, if it fails."""
    if isinstance(WORKLOADS[name], Import):
        script, argument = "imports.py", WORKLOADS[name].statements[peer]
    else:
        asked = {"name": name, "peer": peer, "dtype": dtype, "threads": threads}
        asked |= {"repetitions": options.repetitions, "quick": options.quick}
        script, argument = "measure.py", json.dumps(asked)
    return run_script(script, argument, threads, f"{name} {dtype}, {peers.NAMES[peer]}")


def run_script(script, argument, threads, label):
    """What a script of this folder prints as JSON; None, with a word that begins with the label, if it fails."""
    command = [sys.executable, str(HERE / script), argument]
    run = subprocess.run(command, env=environment(threads), capture_output=True, text=True, check=False)
    if run.returncode != 0:
        reason = (run.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"{label} failed: {reason}", file=sys.stderr)
        return None
    return json.loads(run.stdout.splitlines()[-1])


def start_script(script, argument, threads):
    """A script of this folder that answers each line of input with a line of JSON, running."""
    command = [sys.executable, str(HERE / script), argument]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment(threads), **pipes)


def read_json(running):
    """The next line of a running script; EOFError if it ended, having printed the reason."""
    line = running.stdout.readline()
    if not line:
        raise EOFError(f"{' '.join(running.args[1:])} ended")
    return json.loads(line)


def environment(threads):
    """That of this process, with the number of threads by all the names that the libraries know it by."""
    names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NPROC"]
    changed = {**os.environ, **dict.fromkeys(names, str(threads)), "JAX_PLATFORMS": "cpu"}
    if threads == 1:  # XLA has a pool of its own
        changed["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"
    return changed


if __name__ == "__main__":
    main()
