# SPDX-License-Identifier: BSD-3-Clause
"""Test RMSE and log-likelihood on the 20 published splits of three UCI sets, beside what others have published.

    BPNET_DATA=FOLDER taskset -c 1 python benchmarks/uci.py [--sets NAME ...] [--splits 20] [--nested]

FOLDER holds the data sets as NAME.npz beside their loader, load.py, with the splits of Hernandez-Lobato and Adams and
the results of MC-dropout on each of them. One hidden layer of 50 tanh units; inputs and targets are scaled by the
training rows. `LaplaceRegressor` averages several networks with a model of the noise, fitted to all training rows of a
split. No test row has a part in any choice: `--nested` sets every sixth training row of a split aside, drawn at random,
and judges on those; the settings below are those with the largest mean log-likelihood over the first splits, out of
the candidates named beside them. The run is deterministic; seconds are the processor's, in one thread.
"""

import argparse
import os
import sys
import time
import warnings

import numpy as np

from bpnet import LaplaceRegressor, MLPRegressor
from bpnet._threads import one_blas_thread

#: Penalty of each set, by nested splits: out of .003, .01 and .03 by four of energy and two of power_plant, out of .05,
#: .1, .2 and .3 by four of concrete.
ALPHAS = {"energy": 0.01, "concrete": 0.1, "power_plant": 0.01}

#: Means and standard errors over the 20 splits: RMSE, log-likelihood.
PUBLISHED = {
    "energy": {"PBP": (1.80, -2.04), "deep ensembles": (2.09, -1.38), "MC-dropout": (1.66, -1.99)},
    "concrete": {"PBP": (5.67, -3.16), "deep ensembles": (6.03, -3.06), "MC-dropout": (5.23, -3.04)},
    "power_plant": {"PBP": (4.12, -2.84), "deep ensembles": (4.11, -2.79), "MC-dropout": (4.02, -2.80)},
}

#: What the data come with: MC-dropout's results split by split, by the authors' later code.
REFERENCE = ("mcdropout_test_MC_rmse", "mcdropout_test_ll")


def main():
    """Print a line for each split, then the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=ALPHAS, default=list(ALPHAS), metavar="NAME")
    parser.add_argument("--splits", type=int, default=20, help="so many of the first")
    parser.add_argument("--nested", action="store_true", help="judge on training rows set aside, not on test rows")
    parser.add_argument("--networks", type=int, default=5, help="averaged")
    parser.add_argument("--noise", choices=("normal", "student_t", "heteroscedastic"), default="student_t")
    parser.add_argument("--alpha", type=float, help="for all sets")
    parser.add_argument("--iterations", type=int, default=200, help="of Levenberg-Marquardt, at most")
    options = parser.parse_args()
    sys.path.insert(0, os.environ["BPNET_DATA"])
    from load import load

    warnings.simplefilter("ignore")
    results = {}
    for name in options.sets:
        data = load(name)
        rows = []
        for number, split in enumerate(data["splits"][: options.splits]):
            rows.append(measure(data, number, *split, options.alpha or ALPHAS[name], options))
            print(f"{name:12} split {number:2}" + "".join(f"{value:9.3f}" for value in rows[-1]), flush=True)
        results[name] = np.array(rows), data["ref"]
    print()
    for name, (rows, reference) in results.items():
        report(name, rows, reference, options)


def measure(data, number, train, test, alpha, options):
    """RMSE, mean log-likelihood, share of intervals of 90 % that hold their target, and seconds of the fit."""
    if options.nested:
        order = np.random.default_rng(number).permutation(train)
        test, train = order[: len(order) // 6], order[len(order) // 6 :]
    X, y = np.asarray(data["X"], float), np.asarray(data["y"], float)
    centre, spread = y[train].mean(), y[train].std()
    X, y = (X - X[train].mean(axis=0)) / X[train].std(axis=0), (y - centre) / spread
    net = MLPRegressor(
        hidden_layer_sizes=50, activation="tanh", solver="lm", alpha=alpha, max_iter=options.iterations, tol=1e-5,
        random_state=number,
    )  # fmt: skip
    noise = None if options.noise == "normal" else options.noise
    model = LaplaceRegressor(net, n_estimators=options.networks, noise=noise)
    began = time.process_time()
    with one_blas_thread():
        model.fit(X[train], y[train])
    seconds = time.process_time() - began
    error = spread * (model.predict(X[test]) - y[test])
    likelihood = model.log_density(X[test], y[test]).mean() - np.log(spread)
    low, high = model.predict_interval(X[test], coverage=0.9).T
    return np.sqrt(np.mean(error**2)), likelihood, np.mean((low <= y[test]) & (y[test] <= high)), seconds


def report(name, rows, reference, options):
    """A line for each method: mean and standard error over the splits."""
    print(f"{name}, {len(rows)} splits" + (", training rows set aside" if options.nested else ""))
    print(f"  {'':32}{'RMSE':>16}{'log-likelihood':>18}")
    print(f"  {f'bpnet, {options.networks} networks, {options.noise}':32}" + cells(rows[:, 0]) + cells(rows[:, 1]))
    if not options.nested:
        of_splits = [reference[key][: len(rows)] for key in REFERENCE]
        print(f"  {'MC-dropout, the same splits':32}" + "".join(cells(each) for each in of_splits))
        for method, (rmse, likelihood) in PUBLISHED[name].items():
            print(f"  {f'{method}, published':32}{rmse:9.2f}{'':9}{likelihood:9.2f}")
    print(f"  intervals of 90 % hold {rows[:, 2].mean():.1%}; {rows[:, 3].mean():.1f} s a fit\n")


def cells(values):
    """Mean and standard error."""
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{np.mean(values):9.3f} ± {error:5.3f} "


if __name__ == "__main__":
    main()
