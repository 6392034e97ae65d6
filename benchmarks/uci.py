# SPDX-License-Identifier: BSD-3-Clause
"""Test RMSE and log-likelihood on the 20 published splits of three UCI sets, beside what others have published.

    BPNET_DATA=FOLDER taskset -c 1 python benchmarks/uci.py [--sets NAME ...] [--splits 20] [--nested]

FOLDER holds the data sets as NAME.npz beside their loader, load.py, with the splits of Hernandez-Lobato and Adams and
the results of MC-dropout on each of them. One hidden layer of 50 tanh units; inputs and targets are scaled by the
training rows. `LaplaceRegressor` averages several networks with a model of the noise, fitted to all training rows of a
split. The penalty is chosen for each split by its own training rows: of one network, by the log-likelihood of a sixth
of them, drawn at random, which it has not been fitted to. `--nested` sets another such sixth aside and judges on that,
not on test rows: the kind of noise and the number of networks are those that did best so over the first splits. The run
is deterministic; seconds are the processor's, in one thread, the choice included.
"""

import argparse
import os
import sys
import time
import warnings

import numpy as np

from bpnet import LaplaceRegressor, MLPRegressor
from bpnet._threads import one_blas_thread

SETS = ("energy", "concrete", "power_plant")

#: Penalties to choose from.
ALPHAS = (0.001, 0.01, 0.1, 1.0)

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
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS, metavar="NAME")
    parser.add_argument("--splits", type=int, default=20, help="so many of the first")
    parser.add_argument("--nested", action="store_true", help="judge on training rows set aside, not on test rows")
    parser.add_argument("--networks", type=int, default=5, help="averaged")
    parser.add_argument("--noise", choices=("normal", "student_t", "heteroscedastic"), default="student_t")
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
            rows.append(measure(data, number, *split, options))
            print(f"{name:12} split {number:2}" + "".join(f"{value:9.3f}" for value in rows[-1]), flush=True)
        results[name] = np.array(rows), data["ref"]
    print()
    for name, (rows, reference) in results.items():
        report(name, rows, reference, options)


def measure(data, number, train, test, options):
    """RMSE, mean log-likelihood, share of intervals of 90 % that hold their target, alpha, and seconds of the fit."""
    draw = np.random.default_rng(number)
    if options.nested:
        train, test = set_aside(train, draw)
    began = time.process_time()
    with one_blas_thread():
        alpha = max(ALPHAS, key=lambda alpha: judge(data, number, train, alpha, options))
        predict = fit(data, number, train, alpha, options.networks, options)
    seconds = time.process_time() - began
    error, likelihood, held = predict(test)
    return np.sqrt(np.mean(error**2)), likelihood, held, alpha, seconds


def set_aside(rows, draw):
    """Five sixths of the rows, and the others."""
    order = draw.permutation(rows)
    return order[len(order) // 6 :], order[: len(order) // 6]


def judge(data, number, train, alpha, options):
    """Log-likelihood of rows set aside, always the same ones, by one network."""
    fitted, judged = set_aside(train, np.random.default_rng(100 + number))
    return fit(data, number, fitted, alpha, 1, options)(judged)[1]


def fit(data, number, train, alpha, n_networks, options):
    """A function that tells of other rows the errors, the mean log-likelihood and the share that intervals hold."""
    X, y = np.asarray(data["X"], float), np.asarray(data["y"], float)
    centre, spread = y[train].mean(), y[train].std()
    X, y = (X - X[train].mean(axis=0)) / X[train].std(axis=0), (y - centre) / spread
    net = MLPRegressor(
        hidden_layer_sizes=50, activation="tanh", solver="lm", alpha=alpha, max_iter=options.iterations, tol=1e-5,
        random_state=number,
    )  # fmt: skip
    noise = None if options.noise == "normal" else options.noise
    model = LaplaceRegressor(net, n_estimators=n_networks, noise=noise).fit(X[train], y[train])

    def predict(rows):
        error = spread * (model.predict(X[rows]) - y[rows])
        low, high = model.predict_interval(X[rows], coverage=0.9).T
        likelihood = model.log_density(X[rows], y[rows]).mean() - np.log(spread)
        return error, likelihood, np.mean((low <= y[rows]) & (y[rows] <= high))

    return predict


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
    print(
        f"  alpha {alphas(rows[:, 3])}; intervals of 90 % hold {rows[:, 2].mean():.1%}; {rows[:, 4].mean():.1f} s a fit"
    )
    print()


def alphas(values):
    """How often each was chosen."""
    counted = zip(*np.unique(values, return_counts=True), strict=True)
    return ", ".join(f"{alpha:g} x {count}" for alpha, count in counted)


def cells(values):
    """Mean and standard error."""
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{np.mean(values):9.3f} ± {error:5.3f} "


if __name__ == "__main__":
    main()
