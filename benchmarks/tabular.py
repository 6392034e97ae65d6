# SPDX-License-Identifier: BSD-3-Clause
"""How well the presets for tables do: test scores and fit times beside scikit-learn's perceptron and its boosted trees.

    BPNET_DATA=folder python benchmarks/tabular.py --json results/tabular.jsonl

The folder holds data sets as NAME.npz and a `load.py` whose `load(name)` gives arrays X and y, the index arrays train
and test, the task and the positions of categorical columns. With --quick scikit-learn's own small sets are taken. All
are full size; on sets of at most 5000 rows scores and times are means over ten seeds. All but the trees see columns
that are scaled and one-hot encoded alike, and standardised targets; the trees get the categories declared. One thread;
times are of a whole fit, columns included. A fit that is in the file already is not repeated, so a run may be
interrupted.
"""

import argparse
import importlib.util
import json
import os
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
from sklearn import datasets, neural_network
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tabular_table import print_tables
from threadpoolctl import threadpool_limits

import bpnet
from bpnet.tabular.columns import make_preprocessor
from bpnet.tabular.folds import deal

# From the smallest to the largest, so that an interrupted run has most of the table.
SETS = ("glass ionosphere pima energy concrete abalone satimage higgs_small power_plant letter california adult "
        "diamonds connect_4").split()  # fmt: skip
BUNDLED = {"wine": datasets.load_wine, "breast_cancer": datasets.load_breast_cancer, "diabetes": datasets.load_diabetes}
METHODS = ["sklearn MLP", "5 x sklearn MLP", "bpnet MLP", "preset, 1 net", "preset", "HGB"]
SEEDS, SMALL = 10, 5000


def main():
    """Fit what is not in the file yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--sets", nargs="+", metavar="NAME", help="default: the 14 of docs/guide/tabular.md")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, metavar="NAME")
    parser.add_argument("--json", type=Path, help="file that gets a line for each fit")
    parser.add_argument("--quick", action="store_true", help="a few rows and epochs, to see that all of it runs")
    asked = parser.parse_args()
    folder = None if asked.quick else os.environ.get("BPNET_DATA")
    if not (folder or asked.quick):
        parser.error("set BPNET_DATA to the folder of the data sets, or try --quick")
    done = []
    if asked.json and asked.json.exists():
        done = [json.loads(line) for line in asked.json.read_text(encoding="utf-8").splitlines()]
    for name in asked.sets or (BUNDLED if asked.quick else SETS):
        data = bundled(name) if asked.quick else load(folder, name)
        for seed in range(SEEDS if len(data["train"]) <= SMALL and not asked.quick else 1):
            for method in asked.methods:
                if any((each["set"], each["method"], each["seed"]) == (name, method, seed) for each in done):
                    continue
                done.append({"set": name, "method": method, "seed": seed, **measure(method, data, seed, asked.quick)})
                if asked.json:
                    with asked.json.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(done[-1]) + "\n")
    print_tables(done, METHODS)


def load(folder, name):
    """A set of the folder, by the loader that stands in it."""
    spec = importlib.util.spec_from_file_location("load", Path(folder) / "load.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load(name)


def bundled(name):
    """A set of scikit-learn's in the same form; its first column counts as categories, in quarters."""
    X, y = BUNDLED[name](return_X_y=True)
    X[:, 0] = np.searchsorted(np.quantile(X[:, 0], [0.25, 0.5, 0.75]), X[:, 0])
    X[::9, 1] = np.nan
    train, test = train_test_split(np.arange(len(y)), test_size=0.25, random_state=0)
    task = "regression" if name == "diabetes" else "classification"
    return {"X": X, "y": y, "train": train, "test": test, "task": task, "categorical": [0]}


def measure(method, data, seed, quick):
    """Scores on the test rows and seconds of one fit."""
    X, y, train, test = (data[key] for key in ("X", "y", "train", "test"))
    X = np.ascontiguousarray(X, np.float64)
    regression = data["task"] == "regression"
    model = make(method, regression, data["categorical"], X.shape[1], seed, {"max_iter": 3} if quick else {})
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fits that have not converged
        wall, processor = time.perf_counter(), time.process_time()
        model.fit(X[train], y[train])
        # While another program has the core no time counts.
        seconds = min(time.perf_counter() - wall, time.process_time() - processor)
        result = {"rows": len(train), "seconds": seconds}
        if regression:
            return {**result, "rmse": float(np.sqrt(np.mean((model.predict(X[test]) - y[test]) ** 2)))}
        p = model.predict_proba(X[test])
    accuracy = float(np.mean(model.classes_[p.argmax(axis=1)] == y[test]))
    return {**result, "log_loss": log_loss(y[test], p, labels=model.classes_), "accuracy": accuracy}


def make(method, regression, categorical, n_features, seed, few):
    """A model that takes raw columns."""
    if method == "HGB":
        kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
        return kind(categorical_features=categorical or None, random_state=seed, **few)
    if method.startswith("preset"):
        kind = bpnet.TabularMLPRegressor if regression else bpnet.TabularMLPClassifier
        n_estimators = 1 if method == "preset, 1 net" else 5
        return kind(n_estimators, categorical_features=categorical, random_state=seed, **few)
    home = bpnet if method == "bpnet MLP" else neural_network
    net = partial(home.MLPRegressor if regression else home.MLPClassifier, **few)
    if method.startswith("5 x"):
        one = partial(prepared, net, regression, categorical, n_features)
        return Averaged(lambda k: one(5 * seed + k), regression, seed)
    return prepared(net, regression, categorical, n_features, seed)


def prepared(net, regression, categorical, n_features, seed):
    """A perceptron behind the preparation of the presets, in float64 as scikit-learn's transformers give it."""
    numeric = [j for j in range(n_features) if j not in categorical]
    columns = make_preprocessor(numeric, list(categorical))
    if categorical:
        columns.set_params(categorical__onehotencoder__dtype=np.float64)
    model = make_pipeline(columns, net(random_state=seed))
    return TransformedTargetRegressor(model, transformer=StandardScaler()) if regression else model


class Averaged:
    """Five models, each trained on all rows but one fold; predictions are averaged."""

    def __init__(self, make_model, regression, seed):
        self.make_model, self.regression, self.seed = make_model, regression, seed

    def fit(self, X, y):
        folds = deal(5, len(y), np.random.RandomState(self.seed), None if self.regression else y)
        self.models = [self.make_model(k).fit(X[folds != k], y[folds != k]) for k in range(5)]
        if not self.regression:
            self.classes_ = np.unique(y)

    def predict(self, X):
        return np.mean([model.predict(X) for model in self.models], axis=0)

    def predict_proba(self, X):
        return np.mean([model.predict_proba(X) for model in self.models], axis=0)


if __name__ == "__main__":
    main()
