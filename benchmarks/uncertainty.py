# SPDX-License-Identifier: BSD-3-Clause
"""Do error bars and moderated probabilities keep their word? On real data, with the penalty chosen by the evidence.

    BPNET_DATA=FOLDER python benchmarks/uncertainty.py [--sets NAME ...] [--structure NAME]

FOLDER holds the data sets as NAME.npz beside their loader, load.py. Inputs and regression targets are scaled by the
training rows, missing values are their means and categories are one-hot; nothing is chosen on test rows. For each
regression set the shares of test targets in intervals of 50, 90 and 95 %, RMSE and mean log-likelihood; for each binary
set log-loss, and calibration error over ten bins of equal numbers of rows, of plain and of moderated probabilities.
"""

import argparse
import os
import sys
import time
import warnings

import numpy as np
from scipy.stats import norm
from sklearn.metrics import log_loss

from bpnet import LaplaceClassifier, LaplaceRegressor, MLPClassifier, MLPRegressor

REGRESSION = ("energy", "concrete", "power_plant", "abalone", "california", "diamonds")
BINARY = ("ionosphere", "pima", "higgs_small", "adult")
COVERAGES = (0.5, 0.9, 0.95)

# So many training rows at most, drawn at random: the full posterior of 50 hidden units takes seconds for each fit.
MOST_ROWS = 4000


def main():
    """Print a line for each set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=REGRESSION + BINARY, default=REGRESSION + BINARY, metavar="NAME")
    parser.add_argument("--splits", type=int, default=1, help="of the sets that have several")
    parser.add_argument("--units", type=int, default=50, help="hidden, in one layer")
    parser.add_argument("--refits", type=int, default=30)
    parser.add_argument("--structure", default="full")
    options = parser.parse_args()
    sys.path.insert(0, os.environ["BPNET_DATA"])
    from load import load

    warnings.simplefilter("ignore")
    print(
        f"{'set':14}{'rows':>6}{'W used':>8}{'50 %':>8}{'90 %':>8}{'95 %':>8}{'RMSE':>10}{'log-lik.':>10}{'seconds':>9}"
    )
    for name in (name for name in options.sets if name in REGRESSION):
        data = load(name)
        for split in data.get("splits", [(data["train"], data["test"])])[: options.splits]:
            print(f"{name:14}" + measure_intervals(data, *split, options), flush=True)
    heads = ("plain", "moderated", "plain", "moderated")
    print(f"\n{'':28}{'calibration error':>22}{'log-loss':>22}\n{'set':14}{'rows':>6}{'W used':>8}", end="")
    print("".join(f"{head:>11}" for head in heads) + f"{'seconds':>9}")
    for name in (name for name in options.sets if name in BINARY):
        data = load(name)
        print(f"{name:14}" + measure_probabilities(data, data["train"], data["test"], options), flush=True)


def measure_intervals(data, train, test, options):
    """The line of a split of a regression set."""
    X, X_test, train = prepare(data, train, test)
    y, y_test = data["y"][train].astype(float), data["y"][test].astype(float)
    mean, spread = y.mean(), y.std()
    net = MLPRegressor(
        hidden_layer_sizes=(options.units,), activation="tanh", solver="lbfgs", max_iter=20, random_state=0
    )
    began = time.perf_counter()
    model = LaplaceRegressor(net, alpha="evidence", structure=options.structure, max_refits=options.refits)
    model.fit(X, (y - mean) / spread)
    seconds = time.perf_counter() - began
    target = (y_test - mean) / spread
    shares = []
    for coverage in COVERAGES:
        low, high = model.predict_interval(X_test, coverage).T
        shares.append(np.mean((low <= target) & (target <= high)))
    predicted, std = model.predict(X_test, return_std=True)
    rmse = spread * np.sqrt(np.mean((predicted - target) ** 2))
    likelihood = norm.logpdf(target, predicted, std).mean() - np.log(spread)
    cells = "".join(f"{share:8.1%}" for share in shares)
    return f"{len(X):6}{model.n_effective_parameters_:8.0f}{cells}{rmse:10.4g}{likelihood:10.3f}{seconds:9.1f}"


def measure_probabilities(data, train, test, options):
    """The line of a binary set."""
    X, X_test, train = prepare(data, train, test)
    net = MLPClassifier(
        hidden_layer_sizes=(options.units,), activation="tanh", solver="lbfgs", max_iter=20, random_state=0
    )
    began = time.perf_counter()
    model = LaplaceClassifier(net, alpha="evidence", structure=options.structure, max_refits=options.refits)
    model.fit(X, data["y"][train])
    seconds = time.perf_counter() - began
    y = data["y"][test]
    both = [model.predict_proba(X_test, moderated=moderated)[:, 1] for moderated in (False, True)]
    cells = "".join(f"{calibration_error(y, p):11.4f}" for p in both) + "".join(f"{log_loss(y, p):11.4f}" for p in both)
    return f"{len(X):6}{model.n_effective_parameters_:8.0f}{cells}{seconds:9.1f}"


def calibration_error(y, p):
    """Mean over rows of |share of ones - mean probability| in the row's bin."""
    bins = np.array_split(np.argsort(p, kind="stable"), 10)
    return sum(len(rows) * abs(y[rows].mean() - p[rows].mean()) for rows in bins) / len(p)


def prepare(data, train, test):
    """Training and test rows as numbers, scaled, and which training rows they are."""
    train = np.asarray(train)
    if len(train) > MOST_ROWS:
        train = np.random.default_rng(0).choice(train, MOST_ROWS, replace=False)
    X, columns = np.asarray(data["X"], float), []
    for j in range(X.shape[1]):
        column = X[:, j]
        if j in data["categorical"]:
            columns += [column == code for code in np.unique(column[train][~np.isnan(column[train])])]
        else:
            columns.append(np.where(np.isnan(column), np.nanmean(column[train]), column))
    X = np.column_stack(columns).astype(float)
    mean, spread = X[train].mean(axis=0), X[train].std(axis=0)
    X = (X - mean) / np.where(spread > 0, spread, 1)
    return X[train], X[test], train


if __name__ == "__main__":
    main()
