# SPDX-License-Identifier: BSD-3-Clause
"""Fit times side by side with scikit-learn's MLP: `make bench`, or with names of workloads in ARGS.

Both fit the same data in turn, A B A B ..., in one process with one BLAS thread; what counts is the ratio of the
medians, for absolute times drift with the machine. A time is the smaller of wall clock and processor time.
"""

import platform
import statistics
import sys
import time
import warnings

import numpy as np
import sklearn
import sklearn.neural_network
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

import bpnet
from bpnet._core.kernels import LEVEL

ROUNDS = 5

# name: units, activation, target, rows, parameters of the fit
WORKLOADS = {
    "tiny, SGD": ((10, 16, 1), "tanh", "number", 10_000, {"solver": "sgd", "batch_size": 32, "max_iter": 5}),
    "small, Adam": ((8, 32, 32, 1), "relu", "number", 20_000, {"solver": "adam", "batch_size": 32, "max_iter": 2}),
    "binary, Adam": ((28, 64, 64, 1), "relu", "class", 50_000, {"solver": "adam", "batch_size": 200, "max_iter": 2}),
    "images, Adam": ((784, 100, 10), "relu", "class", 10_000, {"solver": "adam", "batch_size": 200, "max_iter": 2}),
    "deep, Adam": ((28, *[300] * 5, 1), "tanh", "class", 5_000, {"solver": "adam", "batch_size": 100, "max_iter": 1}),
    "wide, Adam": ((784, 1024, 1024, 10), "relu", "class", 2_560, {"solver": "adam", "batch_size": 256, "max_iter": 1}),
    "online SGD": ((10, 16, 1), "tanh", "number", 5_000, {"solver": "sgd", "batch_size": 1, "max_iter": 1}),
    "full batch, L-BFGS": ((10, 50, 1), "tanh", "number", 5_000, {"solver": "lbfgs", "max_iter": 50, "tol": 1e-12}),
}  # fmt: skip


def make_data(units, target, n_rows, dtype):
    """Normal inputs, and targets that a network can learn in part."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, units[0])).astype(dtype)
    scores = X @ rng.standard_normal((units[0], units[-1])) / np.sqrt(units[0])
    if target == "number":
        return X, np.sin(2 * scores).ravel().astype(dtype)
    return X, (np.sin(2 * scores).ravel() > 0) if units[-1] == 1 else scores.argmax(axis=1)


def seconds(fit):
    """Smaller of wall clock and processor time of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    fit()
    return min(time.perf_counter() - wall, time.process_time() - cpu)


def compare(name, dtype):
    """Median seconds of scikit-learn and bpnet on one workload."""
    units, activation, target, n_rows, settings = WORKLOADS[name]
    X, y = make_data(units, target, n_rows, dtype)
    kind = "MLPRegressor" if target == "number" else "MLPClassifier"
    settings = {"activation": activation, "hidden_layer_sizes": units[1:-1], "random_state": 0, "alpha": 0.0} | settings
    models = [getattr(module, kind)(**settings) for module in (sklearn.neural_network, bpnet)]
    times = [[seconds(lambda model=model: model.fit(X, y)) for model in models] for _ in range(ROUNDS)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def main():
    """Print the table."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    versions = f"bpnet {bpnet.__version__} ({LEVEL}), scikit-learn {sklearn.__version__}, NumPy {np.__version__}"
    print(f"{platform.machine()}, Python {platform.python_version()}, {versions}, one thread, {ROUNDS} rounds\n")
    print(f"{'workload':20}{'type':>9}{'scikit-learn':>14}{'bpnet':>10}{'ratio':>8}")
    with threadpool_limits(1, "blas"):
        for name in sys.argv[1:] or WORKLOADS:
            for dtype in ("float32", "float64"):
                theirs, ours = compare(name, dtype)
                print(f"{name:20}{dtype:>9}{theirs:12.3f} s{ours:8.4f} s{theirs / ours:8.1f}", flush=True)


if __name__ == "__main__":
    main()
