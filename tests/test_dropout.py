# SPDX-License-Identifier: BSD-3-Clause
"""Dropout: thinned networks against the reference, statistics of the masks, and on what their bits do not depend."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from problems import FEEDS_ON, GRAPHS, assert_near, make
from reference import units

from bpnet import Layer, MLPRegressor, Network, Topology, train
from bpnet._core.dropout import Dropout
from bpnet._core.epoch import Epoch
from bpnet._core.kernels import LEVELS
from bpnet._core.updates import Adam, GradientDescent
from bpnet._options import dropout_shares

SAME = {np.dtype(np.float64): 1e-11, np.dtype(np.float32): 2e-4}


def _dropout(topology, dtype=np.float64, share=0.4, inputs=0.3, seed=11, n_epochs=0):
    return Dropout(topology.plan, dtype, dropout_shares(topology, share, inputs), seed, n_epochs)


def _epoch(net, data, rule, batch_size, n_threads=1, mean=True, **dropout):
    more = {"dropout": _dropout(net.topology, net.dtype, **dropout)}
    return Epoch(
        net.topology.plan, net._loss, net._reads_raw, data, net.parameters, rule, batch_size, mean=mean,
        n_threads=n_threads, **more,
    )  # fmt: skip


def _run(epoch, order=None, seconds=1.0):
    epoch.begin(order)
    while not epoch.advance(seconds):
        pass


def _factors(problem, n_epochs=0):
    """Of each row, what the reference's units and inputs are multiplied by: {label: factor}."""
    dropout = _dropout(problem.topology, n_epochs=n_epochs)
    dropout.begin_epoch()
    factors = dropout.factors(np.arange(len(problem.X)))
    labels = [problem.label(("input", i)) for i in range(problem.n_inputs)] + problem.topology.units
    return [dict(zip(labels, row, strict=True)) for row in factors]


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "csr"])
@pytest.mark.parametrize("ordered", [False, True], ids=["as they stand", "in an order"])
@pytest.mark.parametrize("graph", GRAPHS)
def test_gradient_is_that_of_the_network_without_the_units_left_out(graph, ordered, sparse, dtype, rng):
    problem = make(graph, "silu", loss="binary" if graph in FEEDS_ON else "multinomial", weighted=True)
    # What a unit sends on is multiplied: so are, for the reference, the weights on its way; 0 is no connection at all.
    net_units, _ = units(problem.n_inputs, problem.layers)
    value, gradient = 0.0, np.zeros(len(problem.w))
    for row, factors in enumerate(_factors(problem)):
        of_weight = np.ones(len(problem.w))
        for unit in net_units:
            for label, place in unit.upstream:
                of_weight[place] = factors[problem.label(label)]
        truth = problem.at(problem.w * of_weight, [row])
        value += truth.value
        gradient += of_weight * truth.gradient
    net = problem.net(dtype)
    data = net._data(sp.csr_array(problem.X) if sparse else problem.X, problem.y, problem.s)
    epoch = _epoch(net, data, GradientDescent(len(problem.w), dtype, 1.0), 7, mean=False)
    _run(epoch, rng.permutation(7) if ordered else None)
    assert_near(problem.w - net.parameters, gradient, SAME[dtype])
    assert epoch.data_loss == pytest.approx(value, rel=SAME[dtype])


def test_shares_are_left_out_independently_of_each_other():
    topology, n = Topology.layered([6, 9, 5, 2]), 100_000
    dropout = Dropout(topology.plan, "f4", dropout_shares(topology, [0.15, 0.5], 0.3), 5)
    dropout.begin_epoch()
    out = dropout.factors(np.arange(n)) == 0
    shares = np.array([0.3] * 6 + [0.15] * 9 + [0.5] * 5 + [0.0] * 2)
    # Five standard deviations of n draws; correlations between units, with the next row and with the next epoch.
    assert (np.abs(out.mean(axis=0) - shares) <= 5 * np.sqrt(shares * (1 - shares) / n)).all()
    dropped = (out[:, :20] - shares[:20]) / np.sqrt(shares[:20] * (1 - shares[:20]))
    assert (np.abs(dropped.T @ dropped / n - np.eye(20)) < 5 / np.sqrt(n) * 1.5).all()
    assert (np.abs(dropped[1:].T @ dropped[:-1] / n) < 5 / np.sqrt(n) * 1.5).all()
    dropout.begin_epoch()
    again = (dropout.factors(np.arange(n)) == 0)[:, :20] - shares[:20]
    assert (np.abs(dropped.T @ again / n) < 5 / np.sqrt(n)).all()
    # The number that a row loses has the variance of independent draws.
    assert out.sum(axis=1).var() == pytest.approx((shares * (1 - shares)).sum(), rel=0.02)


def test_expected_sum_into_a_unit_is_the_one_without_dropout():
    topology, n = Topology.layered([8, 1]), 200_000
    dropout = Dropout(topology.plan, "f8", dropout_shares(topology, [], 0.25), 1)
    dropout.begin_epoch()
    factors = dropout.factors(np.arange(n))[:, :8]
    assert set(np.unique(factors)) == {0.0, 1 / 0.75}
    z = np.arange(1.0, 9)
    assert (factors @ z).mean() == pytest.approx(z.sum(), abs=5 * np.sqrt((z**2).sum() / 3 / n))


def test_masks_depend_on_seed_epoch_row_and_unit_alone():
    topology, rows = Topology.layered([3, 40, 2]), np.array([5, 0, 9, 5])

    def factors(rows=rows, **more):
        dropout = _dropout(topology, **more)
        dropout.begin_epoch()
        return dropout.factors(rows)

    assert_array_equal(factors(), factors(np.arange(10))[rows])
    assert_array_equal(factors() != 0, factors(dtype=np.float32) != 0)
    assert (factors() != factors(seed=12)).any() and (factors() != factors(n_epochs=1)).any()
    later = _dropout(topology)
    later.begin_epoch()
    later.begin_epoch()
    assert later.n_epochs == 2
    assert_array_equal(later.factors(rows), factors(n_epochs=1))


SHAPES = {
    "two layers": Topology.layered([20, 150, 120, 3], "silu"),
    "skips": Topology(30, [Layer(120), Layer(90, "relu", ("h1", "input")), Layer(2, "identity", ("h2", "h1"))]),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_bits_depend_neither_on_threads_nor_on_slices(shape, dtype, rng):
    topology = SHAPES[shape]
    X, y = rng.normal(size=(700, topology.n_inputs)), rng.normal(size=(700, topology.n_outputs))

    def learn(n_threads, seconds=1.0):
        net = Network(topology, dtype=dtype, random_state=0)
        epoch = _epoch(net, net._data(X, y), Adam(len(net.parameters), dtype, 0.01), 300, n_threads)
        for seed in range(2):
            _run(epoch, np.random.default_rng(seed).permutation(700), seconds)
        return net.parameters, epoch.data_loss

    w, loss = learn(1)
    for other in (learn(2), learn(3), learn(1, 0.0), learn(3, 0.0)):
        assert_array_equal(other[0], w)
        assert other[1] == loss


def test_masks_do_not_depend_on_the_batches(rng):
    topology = SHAPES["two layers"]
    X, y, losses = rng.normal(size=(90, 20)), rng.normal(size=(90, 3)), []
    for batch_size in (90, 32, 7):
        net = Network(topology, random_state=0)
        epoch = _epoch(net, net._data(X, y), GradientDescent(len(net.parameters), "f8", 0.0), batch_size, mean=False)
        _run(epoch, rng.permutation(90))
        losses.append(epoch.data_loss)
    assert losses[1:] == pytest.approx(losses[:1] * 2, rel=1e-12)


def test_every_level_leaves_out_the_same():
    code = """if True:
        import hashlib, numpy as np
        from bpnet import Topology
        from bpnet._core.dropout import Dropout
        topology, digest = Topology.layered([7, 33, 1, 50, 2]), hashlib.sha256()
        for dtype in ("f4", "f8"):
            dropout = Dropout(topology.plan, dtype, np.full(93, 0.3), 123)
            dropout.begin_epoch()
            digest.update(dropout.factors(np.arange(1000)).tobytes())
        print(digest.hexdigest())
    """
    digests = set()
    for level in LEVELS:
        run = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"BPNET_ISA": level}, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr
        digests.add(run.stdout)
    assert len(digests) == 1


def test_infinite_signals_that_are_left_out_leave_no_trace():
    topology = Topology(1, [Layer(40, "exp"), Layer(1, "identity")])
    net = Network(topology, dtype=np.float32, random_state=0)
    net.coefs[0][...], net.intercepts[0][...] = 1.0, 0.0
    dropout = _dropout(topology, np.float32, 0.9, 0.0)
    dropout.begin_epoch()
    kept = dropout.factors([0])[0, 1:41] != 0
    net.coefs[0][0, kept] = -1000.0  # all others are exp(1000)
    epoch = _epoch(
        net, net._data([[1000.0]], [[0.0]]), GradientDescent(len(net.parameters), "f4", 0.0), 1, share=0.9, inputs=0.0
    )
    _run(epoch)
    assert np.isfinite(epoch.data_loss) and kept.any() and not kept.all()


def test_dropout_of_the_estimator_resumes_to_the_same_bits(rng):
    X = rng.normal(size=(80, 5))
    y = X[:, 0] - X[:, 1]
    settings = {
        "hidden_layer_sizes": (20, 10), "dropout": 0.2, "input_dropout": 0.1, "learning_rate": "cosine", "max_iter": 6,
        "n_iter_no_change": np.inf, "shuffle": False, "random_state": 0, "batch_size": 30,
        "weight_decay": 0.1, "alpha_l1": 0.01, "max_gradient_norm": 1.0,
    }  # fmt: skip
    whole, steps = MLPRegressor(**settings).fit(X, y), MLPRegressor(**settings)
    for _ in range(6):
        steps = pickle.loads(pickle.dumps(steps.partial_fit(X, y)))
    assert_array_equal(steps.network_.parameters, whole.network_.parameters)
    assert steps.loss_curve_ == whole.loss_curve_
    plain = MLPRegressor(**settings | {"dropout": 0.0, "input_dropout": 0.0}).fit(X, y)
    assert (plain.network_.parameters != whole.network_.parameters).any()
    assert_array_equal(whole.predict(X), whole.predict(X))


def test_random_state_decides_in_train_too(rng):
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40)

    def learn(seed):
        net = Network(Topology.layered([3, 10, 1]), random_state=0)
        return train(net, X, y, dropout=[0.5], shuffle=False, random_state=seed, n_epochs=3), net.parameters

    assert learn(1)[0] == learn(1)[0]
    assert_array_equal(learn(1)[1], learn(1)[1])
    assert learn(1)[0] != learn(2)[0]
    assert learn(np.random.default_rng(1))[0] == learn(np.random.default_rng(1))[0]


def test_no_dropout_is_no_dropout(rng):
    X, y, nets = rng.normal(size=(40, 3)), rng.normal(size=40), []
    for more in ({}, {"dropout": [0.0], "input_dropout": 0.0}):
        nets.append(Network(Topology.layered([3, 10, 1]), random_state=0))
        train(nets[-1], X, y, random_state=0, **more)
    assert_array_equal(nets[0].parameters, nets[1].parameters)


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (ValueError, "expected dropout of at least 0 and below 1, got 1", {"dropout": 1}),
        (ValueError, "expected dropout of at least 0 and below 1, got -0.1", {"dropout": [-0.1, 0]}),
        (ValueError, "expected dropout of at least 0 and below 1, got nan", {"dropout": np.nan}),
        (ValueError, "expected input_dropout of at least 0 and below 1, got 1.5", {"input_dropout": 1.5}),
        (ValueError, "expected dropout as one number or 2, one per hidden layer, got 3", {"dropout": [0.1] * 3}),
        (TypeError, "expected dropout as a number, got 'a'", {"dropout": "ab"}),
        (ValueError, "'rprop' does not take dropout", {"rule": "rprop", "dropout": 0.1}),
    ],
)
def test_impossible_shares_are_refused(error, message, arguments):
    net = Network(Topology.layered([2, 3, 3, 1]), random_state=0)
    w = net.parameters.copy()
    with pytest.raises(error, match=message):
        train(net, np.ones((4, 2)), np.ones(4), **arguments)
    assert_array_equal(net.parameters, w)


def test_core_refuses_shares_that_do_not_fit_and_pickles():
    plan = Topology.layered([2, 3, 1]).plan
    with pytest.raises(ValueError, match=r"expected 6 shares of dropout, got \(3,\)"):
        Dropout(plan, "f8", np.zeros(3), 0)
    with pytest.raises(ValueError, match="expected shares of dropout of at least 0 and below 1"):
        Dropout(plan, "f8", np.ones(6), 0)
    with pytest.raises(TypeError, match="keep its seed"):
        pickle.dumps(Dropout(plan, "f8", np.zeros(6), 0))
    net = Network(Topology.layered([2, 3, 1]))
    with pytest.raises(ValueError, match="made for another plan or type"):
        Epoch(
            net.topology.plan, net._loss, True, net._data(np.ones((2, 2)), np.ones(2)), net.parameters,
            GradientDescent(len(net.parameters), "f8", 0.1), 2, dropout=Dropout(plan, "f8", np.zeros(6), 0),
        )  # fmt: skip
