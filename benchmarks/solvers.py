# SPDX-License-Identifier: BSD-3-Clause
"""Time to a goal of each solver, over many starts, the same for all: mean, least, most, and the share that gets there.

    python benchmarks/solvers.py --starts 30 --seconds 3 [--problems WORD ...] [--solvers NAME ...]

Problems: MATLAB's published toy problems, a sine by a 1-5-1 net to a mean squared error of .002, the parity of three
bits by a 3-10-10-1 net to .001; and, where BPNET_DATA names a folder of data, the UCI sets energy and concrete by
8-50-1 nets: energy to .002 and to .0005 without a penalty, and both sets with one to 1.1 and to 1.02 times a low loss.
Starts are scikit-learn's draws, the solvers take turns. A run ends at the last goal or when its time is up. Times are
the processor's, of `fit` in one thread, so that a busy machine costs little.
"""

import argparse
import os
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import sklearn.neural_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from bpnet import MLPRegressor
from bpnet._threads import one_blas_thread


def sine():
    """Inputs from -1 to 1, one period, no noise."""
    X = np.linspace(-1, 1, 41)[:, np.newaxis]
    return X, np.sin(np.pi * X[:, 0]), (5,), 0.0, [0.002 / 2]


def parity():
    """Targets -1 and 1."""
    X = np.array([[(n >> k) & 1 for k in range(3)] for n in range(8)]) * 2.0 - 1
    return X, X.prod(1), (10, 10), 0.0, [0.001 / 2]


def real(name, alpha, goals):
    """All rows of a set, standardised."""
    with np.load(Path(os.environ["BPNET_DATA"]) / f"{name}.npz") as data:
        X, y = data["X"], data["y"]
    return scale(X.astype(float)), scale(y.astype(float).ravel()[: len(X)]), (50,), alpha, goals


#: Penalties, and low losses with them: the median over five starts, 1000 to 1004, of what 400 iterations of
#: Levenberg-Marquardt reach (`--low`). The penalties are about those that rows set aside choose.
LOW = {"energy": (0.005, 3.62e-4), "concrete": (0.1, 1.55e-2)}

PROBLEMS = {"SIN 1-5-1, mse .002": sine, "PARITY 3-10-10-1, mse .001": parity}
if "BPNET_DATA" in os.environ:
    PROBLEMS["energy 8-50-1, mse .002, .0005"] = partial(real, "energy", 0.0, [0.002 / 2, 0.0005 / 2])
    for name, (alpha, low) in LOW.items():
        title = f"{name} 8-50-1, alpha {alpha}, 1.1 and 1.02 of a low loss"
        PROBLEMS[title] = partial(real, name, alpha, [1.1 * low, 1.02 * low])

SECOND = ("lm", "scg", "newton-cg", "trust-ncg", "rprop+")


class Clock:
    """Notes when each goal is reached; true at the last, or when time is up."""

    def __init__(self, goals, seconds):
        self.goals, self.seconds, self.reached = goals, seconds, []
        self.began = time.process_time()

    def tell(self, loss, n_iter):
        """After an iteration."""
        elapsed = time.process_time() - self.began
        while len(self.reached) < len(self.goals) and loss <= self.goals[len(self.reached)]:
            self.reached.append((elapsed, n_iter))
        return len(self.reached) == len(self.goals) or elapsed > self.seconds

    def __call__(self, record):
        return self.tell(record.loss, record.epoch)


class Theirs(sklearn.neural_network.MLPRegressor):
    """scikit-learn's, whose evaluations of the loss are watched: it has no callbacks in 'lbfgs'."""

    class Enough(Exception):  # noqa: N818 it is no error
        """Ends a fit."""

    def _loss_grad_lbfgs(self, *args):
        loss, gradient = super()._loss_grad_lbfgs(*args)
        self.n_seen += 1
        if self.clock.tell(loss, self.n_seen):
            raise self.Enough
        return loss, gradient


def run(solver, problem, seed, seconds):
    """For each goal reached, in turn: seconds and iterations."""
    X, y, hidden, alpha, goals = problem
    settings = {"activation": "tanh", "alpha": alpha, "max_iter": 10**6, "random_state": seed, "tol": 0.0}
    settings |= {"hidden_layer_sizes": hidden, "max_fun": 10**8}
    if solver == "scikit-learn lbfgs":
        est = Theirs(solver="lbfgs", **settings)
        est.n_seen, est.clock = 0, Clock(goals, seconds)
        try:
            est.fit(X, y)
        except Theirs.Enough:
            pass
        return est.clock.reached
    more = {"solver": solver.split()[0]}
    if solver in SECOND and solver != "rprop+":
        more["solver_options"] = {"ftol": 0.0}
    if solver == "adam":
        # Not tuned: ten times the default rate, all rows at once where there are few.
        more |= {"learning_rate_init": 0.01, "n_iter_no_change": np.inf, "batch_size": min(len(X), 64)}
    clock = Clock(goals, seconds)
    MLPRegressor(callbacks=clock, **settings, **more).fit(X, y)
    return clock.reached


def low_loss(problem):
    """Median of what Levenberg-Marquardt reaches."""
    X, y, hidden, alpha, _ = problem
    settings = {"activation": "tanh", "solver": "lm", "max_iter": 400, "tol": 0.0, "hidden_layer_sizes": hidden}
    fits = [MLPRegressor(alpha=alpha, random_state=seed, **settings).fit(X, y) for seed in range(1000, 1005)]
    return np.median([fit.loss_ for fit in fits])


def table(title, measured):
    """Print the table of a goal: for each solver (seconds, iterations) of each start, or None."""
    print(f"\n{title}\n\n| solver | mean | least | most | iterations (median) | reached |\n|---|--:|--:|--:|--:|--:|")
    for solver, results in measured.items():
        there = [result for result in results if result is not None]
        times = [1e3 * seconds for seconds, _ in there] or [np.nan]
        n_iter = np.median([n for _, n in there]) if there else np.nan
        print(
            f"| {solver} | {np.mean(times):.3g} ms | {min(times):.3g} | {max(times):.3g} | {n_iter:.0f} | "
            f"{len(there) / len(results):.0%} |"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--starts", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=3.0, help="most of one fit")
    parser.add_argument("--solvers", nargs="+", default=[*SECOND, "lbfgs", "adam", "scikit-learn lbfgs"])
    parser.add_argument("--problems", nargs="+", default=[""], help="words out of their names")
    parser.add_argument("--low", action="store_true", help="print low losses instead")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name, make in PROBLEMS.items():
        if not any(word in name for word in arguments.problems):
            continue
        problem = make()
        goals = problem[-1]
        if arguments.low:
            print(f"{name}: {low_loss(problem):.6g}", flush=True)
            continue
        results = {solver: [] for solver in arguments.solvers}
        with one_blas_thread():
            for solver in arguments.solvers:
                run(solver, problem, 0, 0.1)  # what is loaded once and for all
            for seed in range(arguments.starts):  # all solvers in turn, so that a busy machine is busy for all
                for solver, measured in results.items():
                    measured.append(run(solver, problem, seed, arguments.seconds))
        for k, goal in enumerate(goals):
            title = f"{name}: loss {goal:.4g}, {arguments.starts} starts, at most {arguments.seconds:g} s"
            table(title, {s: [r[k] if len(r) > k else None for r in measured] for s, measured in results.items()})
        sys.stdout.flush()


if __name__ == "__main__":
    main()
