# SPDX-License-Identifier: BSD-3-Clause
"""How time and memory of a fit grow: O(W) per sample and epoch, and O(W) + O(data), with W weights in the network.

    python benchmarks/growth.py

One thing grows at a time, by factors of two. An exponent is the slope of log(quantity) against log(size), by least
squares, over the sizes at which the fixed cost no longer dominates: those with at least four times the quantity of the
smallest size. Where an exponent is a little below 1, wider layers make better use of the processor.
"""

import argparse
import json
import subprocess
import sys
import warnings
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import median

import numpy as np
from measure import seconds
from table import format_seconds
from threadpoolctl import threadpool_limits
from workloads import n_weights, shape

from bpnet import MLPRegressor


@dataclass(frozen=True)
class Problem:
    """Regression with Adam."""

    units: tuple[int, ...]
    n_rows: int
    batch_size: int

    def make_data(self, dtype):
        X = np.random.default_rng(0).standard_normal((self.n_rows, self.units[0]), np.float32).astype(dtype, copy=False)
        return X, np.sin(X[:, 0])

    def model(self, n_epochs):
        settings = {"max_iter": n_epochs, "tol": 0.0, "n_iter_no_change": 10**6, "random_state": 0}
        return MLPRegressor(hidden_layer_sizes=self.units[1:-1], batch_size=self.batch_size, **settings)


# What grows: its sizes, and the problem of each.
SWEEPS = {
    "rows": ([4_000 * 2**k for k in range(8)], lambda n: Problem((20, 64, 64, 1), n, 200)),
    "width": ([16 * 2**k for k in range(7)], lambda n: Problem((n, n, n, n, 1), 2_000, 200)),
    "depth": ([2**k for k in range(7)], lambda n: Problem((64, *[64] * n, 1), 2_000, 200)),
    "batch size": ([4 * 2**k for k in range(10)], lambda n: Problem((20, 64, 64, 1), 8_192, n)),
}


def main():
    """Print a table for each thing that grows, with the exponents below."""
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--sweeps", nargs="+", choices=SWEEPS, default=list(SWEEPS), metavar="NAME")
    parser.add_argument("--sizes", type=int, help="only so many of the sizes, from the smallest")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # fits that have not converged
    weights, per_sample = [], []
    for name in options.sweeps:
        sizes, make_problem = SWEEPS[name]
        sizes = sizes[: options.sizes]
        problems = [make_problem(size) for size in sizes]
        times, memory = print_table(name, sizes, problems, options.dtype)
        W = [n_weights(problem.units) for problem in problems]
        beyond = above_chance(memory[:, 1])
        if name == "rows":
            data = [problem.n_rows * (problem.units[0] + 1) for problem in problems]
            print_exponent("time of an epoch against rows", sizes, times, 1)
            print_exponent("memory, data included, against data", data, above_chance(memory.sum(axis=1)), 1)
        elif name == "batch size":
            steps = [-(-problem.n_rows // problem.batch_size) for problem in problems]
            print_exponent("time of a step against its rows", sizes, np.divide(times, steps), 1)
            print_exponent("memory beyond the data against rows of a batch", sizes, above_chance(memory[:, 1]), 0)
        else:
            print_exponent(f"time of an epoch against {name}", sizes, times, 2 if name == "width" else 1)
            print_exponent("time of an epoch against W", W, times, 1)
            print_exponent("memory beyond the data against W", W, beyond, 1)
            weights += W
            per_sample += [time / problem.n_rows for time, problem in zip(times, problems, strict=True)]
    if weights:
        print()
        print_exponent("all these widths and depths: time of a sample against W", weights, per_sample, 1)


def print_table(name, sizes, problems, dtype):
    """A line for each size; returns the seconds of an epoch, and the bytes of the data and beyond them."""
    print(f"\n{name:>10}{'network':>24}{'W':>10}{'epoch':>10}{'per sample and weight':>23}{'data':>10}{'beyond':>10}")
    times, memory = [], []
    for size, problem in zip(sizes, problems, strict=True):
        W = n_weights(problem.units)
        times.append(time_epoch(problem, dtype))
        memory.append(measure_memory(problem, dtype))
        share = f"{times[-1] / problem.n_rows / W * 1e9:.3g} ns"
        data, beyond = (f"{value / 1e6:.1f} MB" for value in memory[-1])
        epoch = format_seconds(times[-1])
        print(f"{size:10}{shape(problem.units):>24}{W:10}{epoch:>10}{share:>23}{data:>10}{beyond:>10}", flush=True)
    return times, np.array(memory)


def time_epoch(problem, dtype):
    """Seconds of an epoch, one thread: median of three fits, each of as many epochs as take a twentieth of a second."""
    X, y = problem.make_data(dtype)

    def time_fit(n_epochs):
        return seconds(lambda: problem.model(n_epochs).fit(X, y), 1)[0] / n_epochs

    with threadpool_limits(1):
        n_epochs = ceil(0.05 / time_fit(1))
        return median(time_fit(n_epochs) for _ in range(3))


def measure_memory(problem, dtype):
    """Bytes of the data, and of the peak of a fit beyond them, in a process of its own."""
    asked = json.dumps({"units": problem.units, "n_rows": problem.n_rows, "batch_size": problem.batch_size})
    command = [sys.executable, str(Path(__file__).with_name("fit_memory.py")), asked, dtype]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def above_chance(memory):
    """Half a megabyte or more: below that, it is chance how much fits into what the process already has."""
    return np.maximum(memory, 5e5)


def print_exponent(what, sizes, quantities, expected):
    """A line with the exponent, or that there is none to fit."""
    exponent, start = fit_exponent(sizes, quantities)
    if exponent is not None:
        print(f"{what}: exponent {exponent:.2f} from {start:.0f} on (theory: {expected})")
    else:
        growth, span = max(quantities) / quantities[np.argmin(sizes)], max(sizes) / min(sizes)
        print(f"{what}: grows {growth:.1f}-fold over a range of {span:.0f}, nothing to fit (theory: {expected})")


def fit_exponent(sizes, quantities):
    """The exponent over the larger sizes, and the smallest of these; None for both where they are less than three."""
    sizes, quantities = np.asarray(sizes, float), np.asarray(quantities, float)
    large = quantities >= 4 * quantities[np.argmin(sizes)]
    if len(set(sizes[large])) < 3:
        return None, None
    return np.polyfit(np.log(sizes[large]), np.log(quantities[large]), 1)[0], sizes[large].min()


if __name__ == "__main__":
    main()
