# SPDX-License-Identifier: BSD-3-Clause
"""Time to a goal of each solver, over many starts, the same for all: mean, least, most, and the share that gets there.

    python benchmarks/solvers.py --starts 30 --seconds 10

Problems: MATLAB's published toy problems, a sine by a 1-5-1 net to a mean squared error of .002, the parity of three
bits by a 3-10-10-1 net to .001; and, where BPNET_DATA names a folder of data, the UCI set energy, standardised, by an
8-50-1 net to .002 and to .0005. None has a penalty. Starts are scikit-learn's draws, the solvers take turns. A run ends
at the goal or when its time is up. Times are those of `fit`, of this process alone: use `taskset -c 1`.
"""

import argparse
import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import sklearn.neural_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from bpnet import MLPRegressor


def sine():
    """Inputs from -1 to 1, one period, no noise."""
    X = np.linspace(-1, 1, 41)[:, np.newaxis]
    return X, np.sin(np.pi * X[:, 0]), (5,), 0.002 / 2


def parity():
    """Targets -1 and 1."""
    X = np.array([[(n >> k) & 1 for k in range(3)] for n in range(8)]) * 2.0 - 1
    return X, X.prod(1), (10, 10), 0.001 / 2


def energy(goal):
    """Standardised."""
    with np.load(Path(os.environ["BPNET_DATA"]) / "energy.npz") as data:
        X, y = data["X"], data["y"]
    return scale(X.astype(float)), scale(y.astype(float).ravel()[: len(X)]), (50,), goal


PROBLEMS = {"SIN 1-5-1, mse .002": sine, "PARITY 3-10-10-1, mse .001": parity}
if "BPNET_DATA" in os.environ:
    PROBLEMS["energy 8-50-1, mse .002"] = lambda: energy(0.002 / 2)
    PROBLEMS["energy 8-50-1, mse .0005"] = lambda: energy(0.0005 / 2)

SECOND = ("lm", "scg", "newton-cg", "trust-ncg", "rprop+")


class Goal:
    """A callback that ends a fit at a loss."""

    def __init__(self, loss):
        self.loss = loss

    def __call__(self, record):
        return record.loss <= self.loss


def run(solver, problem, seed, seconds):
    """Seconds, iterations, and whether the goal was reached."""
    X, y, hidden, goal = problem
    settings = {"activation": "tanh", "alpha": 0.0, "max_iter": 10**6, "random_state": seed, "tol": 0.0}
    settings |= {"hidden_layer_sizes": hidden, "max_fun": 10**8}
    if solver == "scikit-learn lbfgs":
        return _theirs(X, y, settings, goal, seconds)
    more = {"solver": solver.split()[0], "max_time": seconds}
    if solver in SECOND:
        more["solver_options"] = {"goal": goal} | ({} if solver == "rprop+" else {"ftol": 0.0})
    else:
        more["callbacks"] = Goal(goal)
    if solver == "adam":
        # Not tuned: ten times the default rate, all rows at once where there are few.
        more |= {"learning_rate_init": 0.01, "n_iter_no_change": np.inf, "batch_size": min(len(X), 64)}
    start = time.perf_counter()
    est = MLPRegressor(**settings, **more).fit(X, y)
    return time.perf_counter() - start, est.n_iter_, min(est.loss_curve_) <= goal


def _theirs(X, y, settings, goal, seconds):
    """It has neither goal nor time: of runs of 1, 2, 4, ... more iterations the least that gets there is timed."""
    est, low, high = sklearn.neural_network.MLPRegressor(solver="lbfgs", **settings), 0, 1
    began = time.perf_counter()

    def fit(n):
        start = time.perf_counter()
        est.set_params(max_iter=n).fit(X, y)
        return time.perf_counter() - start, est.n_iter_, est.loss_ <= goal

    while not (result := fit(high))[2]:
        if result[1] < high or result[0] > seconds or time.perf_counter() - began > 3 * seconds:
            return result
        low, high = high, 2 * high
    while high - low > max(1, high // 20):
        middle = fit((low + high) // 2)
        low, high = (low, (low + high) // 2) if middle[2] else ((low + high) // 2, high)
    return fit(high)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--starts", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=10.0, help="most of one fit")
    parser.add_argument("--solvers", nargs="+", default=[*SECOND, "lbfgs", "adam", "scikit-learn lbfgs"])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name, make in PROBLEMS.items():
        problem, results = make(), {solver: [] for solver in arguments.solvers}
        for solver in arguments.solvers:
            run(solver, problem, 0, 0.1)  # what is loaded once and for all
        for seed in range(arguments.starts):  # all solvers in turn, so that a busy machine is busy for all
            for solver, measured in results.items():
                measured.append(run(solver, problem, seed, arguments.seconds))
        print(f"\n{name}: {arguments.starts} starts, at most {arguments.seconds:g} s\n")
        print("| solver | mean | least | most | iterations (median) | reached |\n|---|--:|--:|--:|--:|--:|")
        for solver, measured in results.items():
            there = [row for row in measured if row[2]]
            times = [1e3 * row[0] for row in there] or [np.nan]
            n_iter = np.median([row[1] for row in there]) if there else np.nan
            print(
                f"| {solver} | {np.mean(times):.3g} ms | {min(times):.3g} | {max(times):.3g} | {n_iter:.0f} | "
                f"{len(there) / len(measured):.0%} |"
            )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
