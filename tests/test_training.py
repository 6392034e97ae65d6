# SPDX-License-Identifier: BSD-3-Clause
"""train(): what it reaches, what it reports, and what it leaves alone."""

import threading

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from problems import GRAPHS, assert_near, make
from reference import RULES

from bpnet import Network, Topology, train, training

X_XOR = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
XOR = np.array([0.0, 1, 1, 0])


@pytest.mark.parametrize(
    ("loss", "out_activation"), [("log_loss", "logistic"), ("squared_error", "identity"), ("squared_error", "tanh")]
)
@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_xor_is_learned(rule, loss, out_activation, dtype):
    net = Network(Topology.layered([2, 8, 1], out_activation=out_activation), loss, dtype=dtype, random_state=1)
    settings = {"momentum": 0.9, "learning_rate": 0.05} if rule == "sgd" else {"learning_rate": 0.05}
    curve = train(net, X_XOR, XOR, rule=rule, batch_size=4, n_epochs=500, random_state=0, **settings)
    assert_array_equal(net.predict(X_XOR).ravel().round(), XOR)
    assert len(curve) == 500 and curve[-1] < 0.1 * curve[0]


@pytest.mark.parametrize("graph", GRAPHS)
def test_every_graph_comes_closer_to_the_function_of_another_of_its_kind(graph, rng):
    problem = make(graph, "tanh", n_samples=60)
    y = problem.net().predict(problem.X)
    net = problem.net(w=rng.normal(0, 0.4, len(problem.w)))
    before = net.loss(problem.X, y)
    train(net, problem.X, y, rule="adam", n_epochs=60, learning_rate=0.02, random_state=0)
    assert net.loss(problem.X, y) < 0.2 * before


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize(
    ("rule", "settings"),
    [("sgd", {"momentum": 0.5, "nesterov": True}), ("adam", {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 0.01})],
)
def test_training_is_the_formula_step_by_step(rule, settings, reduction):
    problem = make("all upstream", loss="binary", weighted=True)
    problem.s += 0.5
    w, step, curve = problem.w.copy(), RULES[rule](0.05, **settings), []
    is_weight = np.concatenate([np.arange(a, b) for a, b in problem.topology.plan.weight_ranges])
    for _ in range(3):
        total = 0
        for rows in (np.arange(0, 4), np.arange(4, 7)):
            truth, gradient = problem.at(w, rows), problem.at(w, rows).gradient
            gradient[is_weight] += 0.3 * w[is_weight]
            value = truth.value + 0.15 * (w[is_weight] ** 2).sum()
            weight = problem.s[rows].sum() if reduction == "mean" else 1
            total += value / weight * (len(rows) / 7 if reduction == "mean" else 1)
            step(w, gradient / weight)
        curve.append(total)
    net = problem.net()
    settings = settings | {"learning_rate": 0.05, "alpha": 0.3, "reduction": reduction, "sample_weight": problem.s}
    reported = train(net, problem.X, problem.y, rule=rule, batch_size=4, n_epochs=3, shuffle=False, **settings)
    assert_near(net.parameters, w, 1e-11)
    assert reported == pytest.approx(curve, rel=1e-11)


def test_sum_reports_the_sum_of_the_batches():
    problem = make("chain")
    curve = train(problem.net(), problem.X, problem.y, batch_size=3, n_epochs=1, learning_rate=1e-300, shuffle=False)
    assert curve == pytest.approx([problem.truth.value], rel=1e-12)


def test_mean_with_equal_batches_reports_the_mean_of_the_rows():
    problem = make("chain")
    curve = train(problem.net(), problem.X, problem.y, batch_size=7, n_epochs=1, reduction="mean")
    assert curve == pytest.approx([problem.truth.value / 7], rel=1e-12)


def test_same_seed_gives_the_same_bits_and_another_seed_another_order():
    problem = make("all upstream", n_samples=50)

    def run(seed, **more):
        net = problem.net()
        return train(net, problem.X, problem.y, random_state=seed, batch_size=7, n_epochs=3, **more), net.parameters

    assert run(3)[0] == run(3)[0]
    assert_array_equal(run(3)[1], run(3)[1])
    assert_array_equal(run(np.random.RandomState(3))[1], run(3)[1])
    assert (run(3)[1] != run(4)[1]).any()
    assert_array_equal(run(3, shuffle=False)[1], run(4, shuffle=False)[1])


def test_threads_train_different_networks_to_the_same_bits():
    problem = make("wide", n_samples=300)
    nets = [problem.net() for _ in range(5)]

    def run(net):
        train(net, problem.X, problem.y, rule="adam", n_epochs=5, random_state=0)

    threads = [threading.Thread(target=run, args=(net,)) for net in nets[1:]]
    for thread in threads:
        thread.start()
    run(nets[0])
    for thread in threads:
        thread.join()
    for net in nets[1:]:
        assert_array_equal(net.parameters, nets[0].parameters)


def test_inputs_may_be_sparse():
    problem = make("chain", n_samples=20)
    dense, sparse = problem.net(), problem.net()
    for net, X in ((dense, problem.X), (sparse, sp.csr_array(problem.X))):
        train(net, X, problem.y, random_state=0)
    assert_near(sparse.parameters, dense.parameters, 1e-12)


def test_training_changes_the_vector_itself_and_nothing_else():
    problem = make("chain", weighted=True)
    net, w, random = problem.net(), problem.w.copy(), np.random.RandomState(0)
    vector, first = net.parameters, net.coefs[0]
    for array in (problem.X, problem.y, problem.s):
        array.setflags(write=False)
    train(net, problem.X, problem.y, sample_weight=problem.s, random_state=random)
    assert net.parameters is vector and np.shares_memory(first, vector)
    assert (vector != w).all()


def test_no_epochs_change_nothing():
    problem = make("chain")
    net = problem.net()
    assert train(net, problem.X, problem.y, n_epochs=0) == []
    assert_array_equal(net.parameters, problem.w)


@pytest.mark.parametrize("loss", ["least squares", "poisson"])
def test_divergence_is_an_error_and_leaves_the_network_alone(loss):
    problem = make("chain", "identity", loss)
    net = problem.net()
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        train(net, 1e3 * problem.X, problem.y, learning_rate=1e3, n_epochs=50)
    assert_array_equal(net.parameters, problem.w)


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (ValueError, "expected a rule out of sgd, adam, rmsprop, rprop, got 'newton'", {"rule": "newton"}),
        (ValueError, "expected a reduction out of sum, mean, got 'max'", {"reduction": "max"}),
        (ValueError, "expected learning_rate above 0 and alpha of at least 0, got 0 and 0.0", {"learning_rate": 0}),
        (ValueError, "expected learning_rate above 0", {"learning_rate": np.nan}),
        (ValueError, "alpha of at least 0, got 0.01 and -1", {"alpha": -1}),
        (ValueError, "alpha of at least 0, got 0.01 and nan", {"alpha": np.nan}),
        (ValueError, "expected batch_size of at least 1, got 0", {"batch_size": 0}),
        (TypeError, "integer", {"batch_size": 2.5}),
        (ValueError, "'rprop' works on all 7 rows at once, got batch_size 3", {"rule": "rprop", "batch_size": 3}),
        (TypeError, "expected n_epochs as an integer, got 2.5", {"n_epochs": 2.5}),
        (ValueError, "expected n_epochs of at least 0, got -1", {"n_epochs": -1}),
        (TypeError, "unexpected keyword argument 'friction'", {"friction": 1}),
        (TypeError, "unexpected keyword argument 'beta_1'", {"beta_1": 0.5}),
        (TypeError, "unexpected keyword argument 'momentum'", {"rule": "adam", "momentum": 0.5}),
        (ValueError, r"expected sample_weight of shape \(7,\)", {"sample_weight": np.ones(3)}),
    ],
)
def test_impossible_arguments_are_refused(error, message, arguments):
    problem = make("chain")
    net = problem.net()
    with pytest.raises(error, match=message):
        train(net, problem.X, problem.y, **arguments)
    assert_array_equal(net.parameters, problem.w)


def test_nothing_to_learn_from_is_refused():
    problem = make("chain")
    with pytest.raises(ValueError, match="expected at least one sample, got none"):
        train(problem.net(), problem.X[:0], problem.y[:0])


def test_ctrl_c_ends_with_a_warning_and_the_parameters_reached(monkeypatch):
    problem, calls = make("chain"), []
    run_epoch = training.run_epoch

    def interrupted(epoch, order, rates):
        calls.append(order)
        if len(calls) == 3:
            raise KeyboardInterrupt
        run_epoch(epoch, order, rates)

    expected, net = problem.net(), problem.net()
    curve = train(expected, problem.X, problem.y, n_epochs=2, random_state=0)
    monkeypatch.setattr(training, "run_epoch", interrupted)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        assert train(net, problem.X, problem.y, n_epochs=10, random_state=0) == curve
    assert_array_equal(net.parameters, expected.parameters)


def test_run_epoch_looks_up_between_slices():
    class Slow:
        begun, slices = None, 3

        def begin(self, order, rates):
            self.begun = order, rates

        def advance(self, seconds):
            assert seconds == training.SLICE < 1
            self.slices -= 1
            return self.slices == 0

    epoch = Slow()
    training.run_epoch(epoch, "the order", "the rates")
    assert (epoch.begun, epoch.slices) == (("the order", "the rates"), 0)
