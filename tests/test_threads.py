# SPDX-License-Identifier: BSD-3-Clause
"""Threads share the work of a mini-batch: the same bits for any number of them, and no more of them than pay."""

import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp
from joblib import Parallel, delayed, parallel_config
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from bpnet import Layer, MLPClassifier, MLPRegressor, Network, Topology, train
from bpnet._core.epoch import Epoch
from bpnet._core.kernels import LEVEL
from bpnet._core.updates import Adam, GradientDescent
from bpnet._threads import count_threads

# Nets and batches with work for several threads: rows that do not divide evenly, batches of several chunks, pieces of
# all sizes, products beyond the reach of our own kernels (the last one, at every level).
SHAPES = {
    "several layers": (Topology.layered([20, 150, 120, 3], "tanh"), 209, 450),
    "one wide layer": (Topology.layered([300, 100, 4], "relu"), 111, 300),
    "batch of several chunks": (Topology.layered([10, 200, 150, 2], "logistic"), 3000, 3000),
    "skips and two outputs": (
        Topology(
            30,
            [
                Layer(120, "tanh", name="p", sources=["input"]),
                Layer(90, "relu", name="q", sources=["p", "input"]),
                Layer(2, "identity", name="aux", sources=["q"]),
                Layer(3, "tanh", name="out", sources=["q", "p", "aux"]),
            ],
            ["out", "aux"],
        ),
        190,
        400,
    ),
    "products for BLAS": (Topology.layered([1500, 1400, 1], "tanh"), 1040, 1040),
}

#: At the lowest levels BLAS computes nearly all of these products; rows are cut at multiples of 128 then, and some
#: batches have too few for a second thread.
CUTS_COARSELY = LEVEL in ("v2", "generic")


def _problem(shape, dtype):
    topology, batch_size, n = SHAPES[shape]
    rng = np.random.default_rng(0)
    net = Network(topology, "squared_error", dtype=dtype, random_state=1)
    X, y = rng.normal(size=(n, topology.n_inputs)).astype(dtype), rng.normal(size=(n, topology.n_outputs)).astype(dtype)
    return net, net._data(X, y, rng.random(n).astype(dtype)), batch_size


def _train(shape, dtype, rule, n_threads, seconds=1.0, n_epochs=2):
    """Parameters, state, sums and number of threads after some epochs."""
    net, data, batch_size = _problem(shape, dtype)
    w = net.parameters
    rule = rule(len(w), w.dtype, 0.001)
    epoch = Epoch(
        net.topology.plan, net._loss, net._reads_raw, data, w, rule, batch_size, alpha=0.01, n_threads=n_threads
    )
    order, sums = np.arange(data.n_rows), []
    for seed in range(n_epochs):
        np.random.default_rng(seed).shuffle(order)
        epoch.begin(order)
        while not epoch.advance(seconds):
            pass
        sums.append((epoch.data_loss, epoch.penalty))
    return w, rule.state, sums, epoch.n_threads


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rule", [GradientDescent, Adam])
def test_bits_are_the_same_for_any_number_of_threads(shape, rule, dtype):
    n_epochs = 1 if shape == "products for BLAS" else 2
    w, state, sums, n_threads = _train(shape, dtype, rule, 1, n_epochs=n_epochs)
    assert n_threads == 1
    for wanted in (2, 3, 7):
        other_w, other_state, other_sums, n_threads = _train(shape, dtype, rule, wanted, n_epochs=n_epochs)
        assert n_threads <= wanted and (n_threads > 1 or CUTS_COARSELY)
        assert_array_equal(w, other_w)
        assert_array_equal(state, other_state)
        assert sums == other_sums


def test_threads_stop_at_any_chunk_and_go_on():
    w, state, sums, _ = _train("several layers", np.float64, Adam, 1)
    other_w, other_state, other_sums, n_threads = _train("several layers", np.float64, Adam, 3, seconds=0.0)
    assert n_threads == 3 or CUTS_COARSELY
    assert_array_equal(w, other_w)
    assert_array_equal(state, other_state)
    assert sums == other_sums


def test_estimators_fit_the_same_bits_with_n_jobs():
    X, y = load_digits(return_X_y=True)
    settings = {"hidden_layer_sizes": (100, 50), "max_iter": 5, "random_state": 0, "early_stopping": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for kind in (MLPClassifier, MLPRegressor):
            one, three = kind(**settings).fit(X, y), kind(**settings, n_jobs=3).fit(X, y)
            assert_array_equal(one.network_.parameters, three.network_.parameters)
            assert one.loss_curve_ == three.loss_curve_ and one.validation_scores_ == three.validation_scores_


def test_train_takes_n_jobs():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(500, 30)), rng.normal(size=(500, 1))
    nets = [Network(Topology.layered([30, 100, 80, 1], "tanh"), random_state=0) for _ in range(2)]
    curves = [
        train(net, X, y, batch_size=150, n_epochs=3, learning_rate=1e-4, random_state=0, n_jobs=n_jobs)
        for net, n_jobs in zip(nets, (None, 2), strict=True)
    ]
    assert curves[0] == curves[1]
    assert_array_equal(nets[0].parameters, nets[1].parameters)


@pytest.mark.skipif(CUTS_COARSELY, reason="this level leaves most products to BLAS")
def test_a_thread_that_cannot_be_started_ends_the_epoch_and_the_next_one_works(monkeypatch):
    net, data, batch_size = _problem("several layers", np.float64)
    w = net.parameters
    rule = Adam(len(w), w.dtype, 0.001)
    epoch = Epoch(net.topology.plan, net._loss, net._reads_raw, data, w, rule, batch_size, alpha=0.01, n_threads=3)
    submit, started = ThreadPoolExecutor.submit, []

    def submit_once(self, *args):
        if started:
            raise RuntimeError("can't start new thread")
        started.append(submit(self, *args))
        return started[0]

    before = w.copy()
    epoch.begin()
    with monkeypatch.context() as patch:
        patch.setattr(ThreadPoolExecutor, "submit", submit_once)
        with pytest.raises(RuntimeError, match="new thread"):
            epoch.advance(1.0)
    assert started[0].done()
    assert_array_equal(w, before)
    while not epoch.advance(1.0):
        pass
    assert (w != before).any() and np.isfinite(w).all()


@pytest.mark.parametrize("batch_size", [1, 15, 50])
def test_small_batches_take_one_thread(batch_size):
    net = Network(Topology.layered([10, 16, 1], "tanh"), random_state=0)
    data = net._data(np.zeros((100, 10)), np.zeros((100, 1)), None)
    rule = Adam(len(net.parameters), net.dtype, 0.01)
    epoch = Epoch(net.topology.plan, net._loss, net._reads_raw, data, net.parameters, rule, batch_size, n_threads=8)
    assert epoch.n_threads == 1


def test_sparse_inputs_and_blocks_that_are_not_dense_take_one_thread():
    mask = np.eye(200, dtype=bool)
    masked = Topology(
        200,
        [
            Layer(200, "tanh", name="p", sources=["input"], mask={"input": mask}),
            Layer(300, "tanh", name="out", sources=["p"]),
        ],
    )
    dense = Topology.layered([200, 200, 300])
    edges = [(k, 200 + j) for j in range(2000) for k in range(j % 50 + 1)]
    wired = Topology.from_edges(200, np.array([*edges, *((200 + j, 5000) for j in range(2000))]), outputs=5000)
    assert wired.plan.has_sparse
    X = np.zeros((500, 200))
    for topology, inputs in ((masked, X), (wired, X), (dense, sp.csr_array(X))):
        net, y = Network(topology, random_state=0), np.zeros((500, topology.n_outputs))
        rule = Adam(len(net.parameters), net.dtype, 0.01)
        plan, data = net.topology.plan, net._data(inputs, y, None)
        assert Epoch(plan, net._loss, net._reads_raw, data, net.parameters, rule, 500, n_threads=4).n_threads == 1


def test_threads_are_gone_after_the_fit():
    before = threading.active_count()
    X, y = load_digits(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        MLPClassifier((200,), max_iter=3, n_jobs=4).fit(X, y)
    until = time.monotonic() + 10  # they are told to end; when they do is the scheduler's business
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() <= before


@pytest.mark.skipif(CUTS_COARSELY, reason="this level leaves most products to BLAS")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(784, 60, 10), (40, 200, 150, 1), (17, 33, 2), (3, 5, 3)], ids=str)
def test_outputs_of_a_row_do_not_depend_on_its_neighbours(sizes, dtype):
    # This is what lets threads cut rows anywhere.
    net = Network(Topology.layered(list(sizes), "tanh"), dtype=dtype, random_state=0)
    X = np.random.default_rng(0).normal(size=(150, sizes[0])).astype(dtype)
    whole = net.predict(X)
    for cut in (1, 2, 3, 5, 16, 63, 64, 65):
        assert_array_equal(net.predict(X[:cut]), whole[:cut])
        assert_array_equal(net.predict(X[cut:]), whole[cut:])


# How many threads n_jobs asks for.


def test_none_is_one_thread_and_numbers_are_joblibs():
    assert count_threads(None) == count_threads(1) == 1
    assert count_threads(3) == 3
    assert count_threads(-1) >= 1
    with parallel_config(n_jobs=4):
        assert count_threads(None) == 1


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_workers_of_joblib_get_no_more_than_their_share(backend, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    counts = Parallel(n_jobs=2, backend=backend)(delayed(count_threads)(64) for _ in range(2))
    most = 1 if backend == "threading" else max(1, count_threads(-1) // 2)
    assert all(1 <= count <= most for count in counts)


def test_grid_search_with_threads_inside_finds_the_same():
    X, y = load_digits(return_X_y=True)
    grid = {"alpha": [1e-4, 1.0]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        scores = [
            GridSearchCV(MLPClassifier((150,), max_iter=3, random_state=0, n_jobs=inner), grid, cv=2, n_jobs=outer)
            .fit(X[:600], y[:600])
            .cv_results_["mean_test_score"]
            for inner, outer in ((None, None), (2, None), (2, 2))
        ]
    assert_array_equal(scores[0], scores[1])
    # Processes of joblib may find another BLAS setting: scikit-learn's split and score are the same all the same.
    assert_array_equal(scores[0], scores[2])


@pytest.mark.parametrize("n_jobs", ["two", 1.5, 0])
def test_n_jobs_that_is_no_number_of_threads_is_refused(n_jobs):
    with pytest.raises(ValueError, match="n_jobs"):
        MLPRegressor(n_jobs=n_jobs).fit([[0.0], [1.0]], [0.0, 1.0])
    with pytest.raises(ValueError, match="n_threads of at least 1"):
        net, data, _ = _problem("several layers", np.float64)
        rule = Adam(len(net.parameters), net.dtype, 0.01)
        Epoch(net.topology.plan, net._loss, net._reads_raw, data, net.parameters, rule, 10, n_threads=0)


# Subnormal numbers are zeros while a net trains, and only then.


def _subnormals_are_kept():
    return np.float32(1e-40) * np.float32(0.5) > 0 and np.float64(1e-310) * 0.5 > 0


def _dying(n_jobs=None):
    """A regressor whose hidden units are all dead: Adam's moments shrink by a tenth each step, to nothing."""
    X = np.abs(np.random.default_rng(0).normal(size=(400, 30))).astype(np.float32)
    est = MLPRegressor(hidden_layer_sizes=(150, 100), max_iter=1, batch_size=200, random_state=0, n_jobs=n_jobs)
    est.set_params(warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        est.fit(X, X[:, 0])
        est.intercepts_[0][:] = -100
        est.set_params(max_iter=1000, n_iter_no_change=np.inf, alpha=0.0).fit(X, X[:, 0])
    return est


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_moments_of_dead_units_become_zero_not_subnormal(n_jobs):
    est = _dying(n_jobs)
    state = np.abs(est._progress.rule.state)
    assert not ((state > 0) & (state < np.finfo(np.float32).tiny)).any()
    assert _subnormals_are_kept()


def test_subnormals_are_back_after_a_fit_that_fails_or_is_interrupted(monkeypatch):
    X = np.random.default_rng(0).normal(size=(50, 3))
    with pytest.raises(ValueError, match="non-finite"), np.errstate(all="ignore"):
        est = MLPRegressor(hidden_layer_sizes=(5,), solver="sgd", learning_rate_init=1e30, max_iter=50)
        est.fit(X, 1e100 * X[:, 0])
    assert _subnormals_are_kept()

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("bpnet.optimizers.stochastic.run_epoch", interrupt)
    with pytest.warns(UserWarning, match="interrupted"):
        MLPRegressor(hidden_layer_sizes=(5,), n_jobs=2).fit(X, X[:, 0])
    assert _subnormals_are_kept()


def test_a_blas_that_is_loaded_under_the_limit_is_limited_and_set_free_like_the_others():
    code = """if True:
        from threadpoolctl import threadpool_info, threadpool_limits
        from bpnet._core.products import load_blas
        from bpnet._threads import one_blas_thread

        def threads():
            return {pool["filepath"]: pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

        import numpy
        before = threads()
        with one_blas_thread():
            with one_blas_thread():
                load_blas()
            within = threads()
        after = threads()
        assert len(within) > len(before), "SciPy has a BLAS of its own"
        assert set(within.values()) == {1}
        assert all(after[path] == number for path, number in before.items())
        assert max(after[path] for path in set(after) - set(before)) == max(before.values())
        print("limited")
    """
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    if "SciPy has a BLAS of its own" in run.stderr:
        pytest.skip("NumPy and SciPy share a BLAS here")
    assert run.stdout.split() == ["limited"], run.stderr
