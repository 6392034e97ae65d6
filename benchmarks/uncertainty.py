# SPDX-License-Identifier: BSD-3-Clause
"""Do error bars and moderated probabilities keep their word? Real data, and a penalty chosen by the training rows.

    BPNET_DATA=FOLDER python benchmarks/uncertainty.py [--sets NAME ...] [--alphas evidence validation grid]

FOLDER holds the data sets as NAME.npz beside their loader, load.py. Inputs and regression targets are scaled by the
training rows, missing values are their means and categories are one-hot; nothing is chosen on test rows. For each
regression set the shares of test targets in intervals of 50, 90 and 95 %, RMSE and mean log-likelihood; for each binary
set log-loss, and calibration error over ten bins of equal numbers of rows, of plain and of moderated probabilities.
'grid' is a search over alpha = 1e-4, 1e-3, ..., 100 by five folds, of the estimator without error bars. Seconds are the
processor's, in one thread.
"""

import argparse
import os
import sys
import time
import warnings

import numpy as np
from scipy.stats import norm
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV

from bpnet import LaplaceClassifier, LaplaceRegressor, MLPClassifier, MLPRegressor
from bpnet._threads import one_blas_thread

REGRESSION = ("energy", "concrete", "power_plant", "abalone", "california", "diamonds")
BINARY = ("ionosphere", "pima", "higgs_small", "adult")
COVERAGES = (0.5, 0.9, 0.95)
ALPHAS = ("evidence", "validation", "grid")

NET = {"activation": "tanh", "solver": "lbfgs", "max_iter": 20, "random_state": 0}


def main():
    """Print a line for each set and way to choose alpha."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=REGRESSION + BINARY, default=REGRESSION + BINARY, metavar="NAME")
    parser.add_argument("--alphas", nargs="+", choices=ALPHAS, default=("evidence", "validation"))
    parser.add_argument("--splits", type=int, default=1, help="of the sets that have several")
    parser.add_argument("--rows", type=int, default=4000, help="most training rows, drawn at random")
    parser.add_argument("--units", type=int, default=50, help="hidden, in one layer")
    parser.add_argument("--refits", type=int, default=30)
    parser.add_argument("--structure", default="full")
    options = parser.parse_args()
    sys.path.insert(0, os.environ["BPNET_DATA"])
    from load import load

    warnings.simplefilter("ignore")
    heads = ("50 %", "90 %", "95 %", "RMSE", "log-lik.", "seconds")
    print(f"{'set':14}{'alpha':12}{'rows':>6}{'W used':>8}" + "".join(f"{head:>10}" for head in heads))
    for name in (name for name in options.sets if name in REGRESSION):
        data = load(name)
        for split in data.get("splits", [(data["train"], data["test"])])[: options.splits]:
            for alpha in options.alphas:
                print(f"{name:14}{alpha:12}" + measure_intervals(data, *split, alpha, options), flush=True)
    heads = ("plain", "moderated", "plain", "moderated")
    print(f"\n{'':40}{'calibration error':>22}{'log-loss':>22}\n{'set':14}{'alpha':12}{'rows':>6}{'W used':>8}", end="")
    print("".join(f"{head:>11}" for head in heads) + f"{'seconds':>9}")
    for name in (name for name in options.sets if name in BINARY):
        data = load(name)
        for alpha in options.alphas:
            cells = measure_probabilities(data, data["train"], data["test"], alpha, options)
            print(f"{name:14}{alpha:12}" + cells, flush=True)


def measure_intervals(data, train, test, alpha, options):
    """The line of a split of a regression set."""
    X, X_test, train = prepare(data, train, test, options.rows)
    y, y_test = data["y"][train].astype(float), data["y"][test].astype(float)
    mean, spread = y.mean(), y.std()
    target, net = (y_test - mean) / spread, MLPRegressor(hidden_layer_sizes=(options.units,), **NET)
    model, seconds = fitted(LaplaceRegressor, net, X, (y - mean) / spread, alpha, options)
    rmse = spread * np.sqrt(np.mean((model.predict(X_test) - target) ** 2))
    if alpha == "grid":
        return f"{len(X):6}{'':38}{rmse:10.4g}{'':10}{seconds:10.1f}"
    shares = []
    for coverage in COVERAGES:
        low, high = model.predict_interval(X_test, coverage).T
        shares.append(np.mean((low <= target) & (target <= high)))
    likelihood = norm.logpdf(target, *model.predict(X_test, return_std=True)).mean() - np.log(spread)
    cells = "".join(f"{share:10.1%}" for share in shares)
    return f"{len(X):6}{model.n_effective_parameters_:8.0f}{cells}{rmse:10.4g}{likelihood:10.3f}{seconds:10.1f}"


def measure_probabilities(data, train, test, alpha, options):
    """The line of a binary set."""
    X, X_test, train = prepare(data, train, test, options.rows)
    net = MLPClassifier(hidden_layer_sizes=(options.units,), **NET)
    model, seconds = fitted(LaplaceClassifier, net, X, data["y"][train], alpha, options)
    y = data["y"][test]
    if alpha == "grid":
        p = model.predict_proba(X_test)[:, 1]
        return f"{len(X):6}{'':8}{calibration_error(y, p):11.4f}{'':11}{log_loss(y, p):11.4f}{'':11}{seconds:9.1f}"
    both = [model.predict_proba(X_test, moderated=moderated)[:, 1] for moderated in (False, True)]
    cells = "".join(f"{calibration_error(y, p):11.4f}" for p in both) + "".join(f"{log_loss(y, p):11.4f}" for p in both)
    return f"{len(X):6}{model.n_effective_parameters_:8.0f}{cells}{seconds:9.1f}"


def fitted(kind, net, X, y, alpha, options):
    """The model, and the seconds that its fit took."""
    if alpha == "grid":
        alphas = {"alpha": 10.0 ** np.arange(-4, 3)}
        scoring = "neg_log_loss" if kind is LaplaceClassifier else "neg_mean_squared_error"
        model = GridSearchCV(clone(net).set_params(max_iter=1000), alphas, cv=5, scoring=scoring)
    else:
        model = kind(net, alpha=alpha, structure=options.structure, max_refits=options.refits)
    with one_blas_thread():
        began = time.process_time()
        model.fit(X, y)
        return model, time.process_time() - began


def calibration_error(y, p):
    """Mean over rows of |share of ones - mean probability| in the row's bin."""
    bins = np.array_split(np.argsort(p, kind="stable"), 10)
    return sum(len(rows) * abs(y[rows].mean() - p[rows].mean()) for rows in bins) / len(p)


def prepare(data, train, test, most_rows):
    """Training and test rows as numbers, scaled, and which training rows they are."""
    train = np.asarray(train)
    if len(train) > most_rows:
        train = np.random.default_rng(0).choice(train, most_rows, replace=False)
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
