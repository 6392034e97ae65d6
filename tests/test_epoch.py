# SPDX-License-Identifier: BSD-3-Clause
"""The compiled epoch against a plain loop over batches: gradients unit by unit, rules in NumPy."""

import gc
import sys
import threading
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from problems import FEEDS_ON, GRAPHS, LOSSES, assert_near, make
from reference import RULES, units

from bpnet._core.data import Data
from bpnet._core.epoch import Epoch
from bpnet._core.plan import Workspace
from bpnet._core.updates import Adam, GradientDescent

# Some steps of the same formulas in another order of summation.
SAME = {np.dtype(np.float64): 1e-11, np.dtype(np.float32): 1e-4}


def _rule(name, n_parameters, dtype):
    if name == "adam":
        # Epsilon keeps a gradient that is all rounding from becoming a step.
        return Adam(n_parameters, dtype, 0.02, epsilon=1e-3), RULES["adam"](0.02, epsilon=1e-3)
    momentum, nesterov = {"sgd": (0.0, False), "momentum": (0.8, False), "nesterov": (0.8, True)}[name]
    rule = GradientDescent(n_parameters, dtype, 0.02, momentum, nesterov)
    return rule, RULES["sgd"](0.02, momentum, nesterov)


def _epoch(problem, rule, batch_size, alpha=0.0, mean=True, dtype=np.float64, X=None):
    """A compiled epoch, and the w that it changes."""
    net = problem.net(dtype)
    data = net._data(problem.X if X is None else X, problem.y, problem.s)
    w = net.parameters
    return Epoch(problem.topology.plan, net._loss, net._reads_raw, data, w, rule, batch_size, alpha, mean), w


def _plain_epoch(problem, w, step, batch_size, alpha, mean, order):
    """The same in words: what the compiled epoch should do to w, and the sums that it should report."""
    unit_list, _ = units(problem.n_inputs, problem.layers)
    is_weight = np.ones(len(w), bool)
    is_weight[[unit.bias for unit in unit_list if unit.bias is not None]] = False
    data_loss = penalty = 0.0
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        weight = len(rows) if problem.s is None else problem.s[rows].sum()
        if weight == 0:
            continue
        truth, divisor, times = problem.at(w, rows), weight if mean else 1, len(rows) if mean else 1
        data_loss += times * truth.value / divisor
        penalty += times * alpha / 2 * (w[is_weight] ** 2).sum() / divisor
        step(w, (truth.gradient + alpha * is_weight * w) / divisor)
    return data_loss, penalty


def _run(epoch, order=None, seconds=1.0):
    epoch.begin(order)
    while not epoch.advance(seconds):
        pass


@pytest.mark.parametrize("mean", [True, False], ids=["mean", "sum"])
@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "adam"])
@pytest.mark.parametrize("graph", GRAPHS)
def test_epoch_equals_a_plain_loop_over_batches(graph, name, mean, dtype, rng):
    loss = "binary" if graph in FEEDS_ON else "multinomial"
    problem = make(graph, loss=loss, weighted=name in ("nesterov", "adam"))
    rule, step = _rule(name, len(problem.w), dtype)
    epoch, w = _epoch(problem, rule, 3, alpha=0.5, mean=mean, dtype=dtype)
    expected = problem.w.copy()
    for _ in range(2):  # three batches each, the last of one row
        order = rng.permutation(7)
        data_loss, penalty = _plain_epoch(problem, expected, step, 3, 0.5, mean, order)
        _run(epoch, order)
        assert_near(w, expected, SAME[dtype])
        assert epoch.data_loss == pytest.approx(data_loss, rel=10 * SAME[dtype])
        assert epoch.penalty == pytest.approx(penalty, rel=10 * SAME[dtype])


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("graph", ["no hidden layer", "chain", "single units", "wide", "no bias"])
def test_rows_one_by_one_are_batches_like_others(graph, loss, dtype, rng):
    problem = make(graph, loss=loss, weighted=True)
    rule, step = _rule("adam", len(problem.w), dtype)
    epoch, w = _epoch(problem, rule, 1, alpha=0.2, dtype=dtype)
    expected, order = problem.w.copy(), rng.permutation(7)
    data_loss, penalty = _plain_epoch(problem, expected, step, 1, 0.2, True, order)
    _run(epoch, order)
    assert_near(w, expected, SAME[dtype])
    assert (epoch.data_loss, epoch.penalty) == pytest.approx((data_loss, penalty), rel=10 * SAME[dtype])


@pytest.mark.parametrize("loss", ["binary", "multinomial"])
def test_class_numbers_are_targets_row_by_row_too(loss, dtype):
    problem = make("single units" if loss == "binary" else "chain", loss=loss)
    weights = []
    for y in (np.arange(7) % 2, np.eye(2)[np.arange(7) % 2] if loss == "multinomial" else np.arange(7.0) % 2):
        net = problem.net(dtype)
        w = net.parameters.copy()
        codes = y.astype(np.int32) if y.dtype.kind == "i" else y.reshape(7, -1).astype(dtype)
        data = Data(problem.topology.plan, problem.X.astype(dtype), codes)
        _run(Epoch(problem.topology.plan, net._loss, net._reads_raw, data, w, GradientDescent(len(w), dtype, 0.1), 1))
        weights.append(w)
    assert_array_equal(*weights)


@pytest.mark.parametrize("batch_size", [1, 2, 7, 100])
def test_batch_may_be_of_any_size(batch_size):
    problem = make("all upstream", weighted=True)
    problem.s += 0.5
    rule, step = _rule("momentum", len(problem.w), problem.w.dtype)
    epoch, w = _epoch(problem, rule, batch_size, alpha=0.1)
    expected = problem.w.copy()
    _plain_epoch(problem, expected, step, batch_size, 0.1, True, np.arange(7))
    _run(epoch)
    assert_near(w, expected, 1e-12)
    assert rule.n_steps == -(-7 // batch_size)


def test_rows_may_be_left_out_and_repeated():
    problem = make("chain", weighted=True)
    rule, step = _rule("sgd", len(problem.w), problem.w.dtype)
    epoch, w = _epoch(problem, rule, 2)
    expected, order = problem.w.copy(), np.array([5, 1, 1, 0, 5])
    _plain_epoch(problem, expected, step, 2, 0.0, True, order)
    _run(epoch, order)
    assert_near(w, expected, 1e-12)


def test_batch_larger_than_a_chunk_is_one_step(dtype):
    n_rows = 2 * Workspace(make("chain").topology.plan, dtype, 10**6).capacity + 5
    problem = make("chain", loss="squares of tanh", weighted=True, n_samples=n_rows)
    rule, _ = _rule("sgd", len(problem.w), dtype)
    epoch, w = _epoch(problem, rule, n_rows, alpha=2.0, dtype=dtype)
    value, gradient = problem.net().value_and_gradient(problem.X, problem.y, problem.s)
    for start, stop in problem.topology.plan.weight_ranges:
        gradient[start:stop] += 2 * problem.w[start:stop]
    _run(epoch)
    assert_near(w, problem.w - rule.rate * gradient / problem.s.sum(), SAME[dtype])
    assert epoch.data_loss == pytest.approx(n_rows * value / problem.s.sum(), rel=SAME[dtype])
    assert rule.n_steps == 1


@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_batch_of_weight_zero_is_skipped(name):
    problem = make("chain", weighted=True)
    problem.s = np.array([1.0, 2, 0, 0, 1, 0, 0])
    rule, step = _rule(name, len(problem.w), problem.w.dtype)
    epoch, w = _epoch(problem, rule, 2, alpha=0.3)
    expected = problem.w.copy()
    data_loss, penalty = _plain_epoch(problem, expected, step, 2, 0.3, True, np.arange(7))
    _run(epoch)
    assert_near(w, expected, 1e-12)
    assert (epoch.data_loss, epoch.penalty) == pytest.approx((data_loss, penalty), rel=1e-12)
    assert rule.n_steps == 2  # rows 0, 1 and 4, 5


def test_epoch_of_no_weight_at_all_changes_nothing():
    problem = make("chain", weighted=True)
    problem.s[:] = 0
    epoch, w = _epoch(problem, Adam(len(problem.w), "f8", 0.1), 2, alpha=1.0)
    _run(epoch)
    assert_array_equal(w, problem.w)
    assert epoch.data_loss == epoch.penalty == 0


@pytest.mark.parametrize("form", ["dense", "sparse"])
@pytest.mark.parametrize("graph", ["masked", "wide"])
def test_epoch_in_many_slices_equals_one_bit_for_bit(graph, form, dtype, rng):
    n_rows = 6000
    problem, order = make(graph, loss="binary", weighted=True, n_samples=n_rows), rng.permutation(n_rows)
    X = sp.csr_array(problem.X) if form == "sparse" else None
    epochs = [_epoch(problem, Adam(len(problem.w), dtype, 0.01), 700, 0.1, dtype=dtype, X=X) for _ in range(2)]
    (whole, w), (sliced, v) = epochs
    for _ in range(2):
        _run(whole, order, 60.0)
        sliced.begin(order)
        slices = 1
        while not sliced.advance(0.0):
            slices += 1
        assert slices > 1
        assert_array_equal(w, v)
        assert (whole.data_loss, whole.penalty) == (sliced.data_loss, sliced.penalty)


def test_same_rows_give_the_same_bits_sliced_side_by_side(rng):
    problem, order = make("wide", loss="multinomial", n_samples=400), rng.permutation(400)
    (first, w), (second, v) = (_epoch(problem, _rule("nesterov", len(problem.w), "f8")[0], 32, 0.1) for _ in range(2))
    first.begin(order)
    second.begin(order.copy())
    done = [False, False]
    while not all(done):  # two epochs share nothing, even in turns
        done = [done[0] or first.advance(0.0), done[1] or second.advance(0.0)]
    assert_array_equal(w, v)


@pytest.mark.parametrize("graph", ["chain", "masked"])
def test_sparse_rows_train_as_dense_rows_do(graph, dtype, rng):
    problem, order = make(graph, loss="multinomial", n_samples=40), rng.permutation(40)
    problem.X[np.abs(problem.X) < 0.7] = 0
    dense, w = _epoch(problem, _rule("adam", len(problem.w), dtype)[0], 6, dtype=dtype)
    sparse, v = _epoch(problem, _rule("adam", len(problem.w), dtype)[0], 6, dtype=dtype, X=sp.csr_array(problem.X))
    for rows in (None, order):
        _run(dense, rows)
        _run(sparse, rows)
    assert_near(v, w, SAME[dtype])


def test_class_numbers_train_as_their_0_1_targets_do(rng):
    problem, classes, order = make("chain", loss="multinomial"), rng.integers(0, 2, 7), rng.permutation(7)
    results = []
    for y in (classes.astype(np.int32), np.eye(2)[classes]):
        net = problem.net()
        data = Data(problem.topology.plan, problem.X, y)
        epoch = Epoch(problem.topology.plan, net._loss, True, data, net.parameters, Adam(len(problem.w), "f8", 0.1), 3)
        _run(epoch, order)
        results.append(net.parameters)
    assert_array_equal(*results)


def test_epoch_allocates_nothing_per_batch():
    problem = make("all upstream", loss="multinomial", weighted=True, n_samples=5000)
    epoch, _ = _epoch(problem, Adam(len(problem.w), "f8", 0.01), 5, alpha=0.1)
    _run(epoch)
    epoch.begin()
    gc.collect()
    tracemalloc.start()
    try:
        epoch.advance(60.0)  # a thousand batches
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1000  # a float and a bool for the caller


def test_epoch_runs_without_the_global_lock():
    problem = make("wide", n_samples=5000)
    epoch, _ = _epoch(problem, Adam(len(problem.w), "f8", 0.01), 20)
    started, ran = threading.Event(), threading.Event()
    other = threading.Thread(target=lambda: (started.wait(), ran.set()))
    other.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)  # Python itself hands the lock over no more
    try:
        started.set()
        for _ in range(100):  # some 10 ms each; the other thread needs only one of them
            _run(epoch, seconds=60.0)
            if ran.is_set():
                break
        assert ran.is_set()
    finally:
        sys.setswitchinterval(interval)
        other.join()


def test_epoch_refuses_what_does_not_fit():
    problem = make("chain")
    net, plan = problem.net(), problem.topology.plan
    data, rule = Data(plan, problem.X, problem.y), Adam(51, "f8", 0.1)

    def epoch(data=data, w=net.parameters, rule=rule, batch_size=2):
        return Epoch(plan, net._loss, True, data, w, rule, batch_size)

    frozen = problem.w.copy()
    frozen.setflags(write=False)
    for w in (np.zeros(50), np.zeros(51, np.float32)):
        with pytest.raises(ValueError, match="expected a vector of 51 float64, got"):
            epoch(w=w)
    for w in (np.zeros(102)[::2], frozen):
        with pytest.raises(ValueError, match="expected w to be contiguous and writable"):
            epoch(w=w)
    for other in (Adam(50, "f8", 0.1), Adam(51, "f4", 0.1)):
        with pytest.raises(ValueError, match="the update rule was made for other parameters than these"):
            epoch(rule=other)
    for batch_size in (0, -3):
        with pytest.raises(ValueError, match=f"expected batch_size of at least 1, got {batch_size}"):
            epoch(batch_size=batch_size)
    with pytest.raises(ValueError, match="expected targets for 2 outputs, got 0 columns"):
        epoch(data=Data(plan, problem.X))
    with pytest.raises(ValueError, match="the data were prepared for another plan"):
        epoch(data=Data(make("chain").topology.plan, problem.X, problem.y))


def test_order_of_another_type_or_shape_is_refused_and_an_empty_one_does_nothing():
    problem = make("chain")
    epoch, w = _epoch(problem, Adam(51, "f8", 0.1), 2)
    for order in (np.arange(7.0), np.arange(7, dtype=np.int32), np.zeros((2, 2), np.intp), np.arange(14)[::2]):
        with pytest.raises(ValueError, match="expected order as a contiguous vector of intp, got"):
            epoch.begin(order)
    for order, found in ((np.array([0, len(problem.X)]), "0 to"), (np.array([-1, 2]), "-1 to 2")):
        with pytest.raises(ValueError, match=f"expected row numbers from 0 to .*, got {found}"):
            epoch.begin(order)
    _run(epoch, np.array([], np.intp))
    assert_array_equal(w, problem.w)
