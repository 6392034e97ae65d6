# SPDX-License-Identifier: BSD-3-Clause
"""A memory-mapped float32 matrix of a million rows trains and predicts in less than 64 MB of memory of its own."""

import gc
import os
import re
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

from bpnet import MLPClassifier, MLPRegressor

STATUS = Path("/proc/self/status")
pytestmark = [
    pytest.mark.skipif(not STATUS.exists(), reason="memory is measured by /proc"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
N, D, MB = 10**6, 50, 2**20
SOLVERS = {
    "adam": {"max_iter": 1},
    "early stopping": {"max_iter": 1, "early_stopping": True},
    "lbfgs": {"solver": "lbfgs", "max_iter": 2},
}


def anonymous():
    return int(re.search(r"RssAnon:\s+(\d+) kB", STATUS.read_text())[1]) * 1024


def most_memory_in(work):
    """Growth of anonymous memory while `work` runs, at its highest, in bytes; sampled."""
    gc.collect()
    before, highest, done = anonymous(), 0, threading.Event()

    def watch():
        nonlocal highest
        while not done.wait(0.002):
            highest = max(highest, anonymous())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    return max(highest, anonymous()) - before


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("memory") / "X.npy"
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(N, D))
    rng = np.random.default_rng(0)
    for rows in np.split(np.arange(N), 20):
        X[rows[0] : rows[-1] + 1] = rng.standard_normal((len(rows), D), np.float32)
    X.flush()
    del X
    X = np.load(path, mmap_mode="r")
    yield X, np.array(X[:, 0])
    os.remove(path)


@pytest.mark.parametrize("settings", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize("kind", [MLPRegressor, MLPClassifier])
def test_fit_and_predict_take_little_memory(kind, settings, data):
    X, y = data if kind is MLPRegressor else (data[0], data[1] > 0)
    est = kind(hidden_layer_sizes=(8,), random_state=0, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        est.fit(X[:1000], y[:1000])  # what is loaded once and for all
    assert most_memory_in(lambda: est.fit(X, y)) < 64 * MB
    assert most_memory_in(lambda: est.predict(X)) < 64 * MB
