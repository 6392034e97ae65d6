# SPDX-License-Identifier: BSD-3-Clause
"""Measured error signals against the network one unit at a time; the table they come in; and starting weights."""

import os
import sys

import numpy as np
import pytest
import reference
from numpy.testing import assert_allclose, assert_array_equal
from problems import CATALOGUE, make
from scipy.stats import kurtosis

import bpnet
from bpnet import Layer, Network, Topology
from bpnet.diagnostics import WeightMoments, delta_statistics
from bpnet.initializers import glorot_uniform


@pytest.fixture
def chain():
    return make("chain", weighted=True)


@pytest.mark.parametrize("names", CATALOGUE.values(), ids=CATALOGUE.keys())
def test_statistics_are_those_of_the_network_unit_by_unit(names):
    problem = make(*names)
    s = np.ones(7) if problem.s is None else problem.s
    delta = reference.evaluate(
        problem.n_inputs, problem.layers, problem.outputs, problem.reference_loss, problem.w, problem.X, problem.y
    ).deltas
    table = delta_statistics(problem.net(), problem.X, problem.y, problem.s)
    means = np.average(delta, axis=0, weights=s)
    scale = np.abs(delta).max()
    assert_allclose(table.units["mean"], means, rtol=0, atol=1e-12 * scale)
    start = 0
    for k, layer in enumerate(problem.topology.layers):
        own = slice(start, start := start + layer.n_units)
        some, weights = delta[:, own], np.repeat(s, layer.n_units)
        expected = {
            "n_units": layer.n_units,
            "mean": np.average(some.ravel(), weights=weights),
            "variance": np.average((some.ravel() - means[own].mean()) ** 2, weights=weights),
            "mean_square": np.average(some.ravel() ** 2, weights=weights),
            "norm_of_mean": np.linalg.norm(means[own]),
        }
        for name, value in expected.items():
            assert table[name][k] == pytest.approx(value, rel=1e-11, abs=1e-12 * scale**2), name
    root = np.sqrt(table["mean_square"])
    with np.errstate(invalid="ignore", divide="ignore"):  # softmax of one unit and dead relu have no error signals
        assert_allclose(table["ratio"][:-1], root[:-1] / root[1:], rtol=1e-12)


def test_quantiles_are_those_of_all_samples_and_units_of_the_layer():
    problem = make("chain", n_samples=100)
    net = problem.net()
    table = delta_statistics(net, problem.X, problem.y, quantiles=(0, 0.25, 0.9, 1))
    delta = np.sort(net.deltas(problem.X, problem.y)[:, :5].ravel())
    assert [table[name][0] for name in ("q0", "q25", "q90", "q100")] == [delta[0], delta[124], delta[449], delta[-1]]


def test_sample_weight_is_the_number_of_times_a_row_counts(chain):
    times = np.array([0, 1, 2, 1, 0, 3, 1])
    weighted = delta_statistics(chain.net(), chain.X, chain.y, times)
    repeated = delta_statistics(chain.net(), chain.X.repeat(times, axis=0), chain.y.repeat(times, axis=0))
    for name, values in weighted.columns.items():
        assert_allclose(values, repeated[name], rtol=1e-12, err_msg=name)


def test_row_of_weight_zero_is_absent_even_if_its_loss_overflows():
    problem = make("chain", loss="poisson")
    wild, s = problem.X.copy(), np.array([1, 2, 0, 1, 1, 1, 1])
    wild[2] = 1e200
    net = Network(Topology.layered([4, 3, 2], "identity", "exp"), "poisson", random_state=0)
    expected = delta_statistics(net, problem.X, problem.y, s)
    assert_array_equal(delta_statistics(net, wild, problem.y, s)["mean_square"], expected["mean_square"])


def test_dead_are_units_that_are_flat_on_every_sample_and_saturated_the_flat_pairs():
    net = Network(Topology.layered([1, 4, 4, 1], ["relu", "logistic"]))
    net.coefs[0][...], net.intercepts[0][...] = 1, [-9, 0.5, -0.5, 9]
    net.coefs[1][...], net.intercepts[1][...] = np.diag([0, 0, 0, 10]), [-9, 6, 7, -90]
    # relu: dead, on, off at the first, on. logistic: flat beyond 6.7; its last unit is so at the second sample.
    table = delta_statistics(net, [[0.0], [1.0]], [1.0, 1.0])
    assert_array_equal(table["dead"], [0.25, 0.5, 0])
    assert_array_equal(table["saturated"], [3 / 8, 5 / 8, 0])
    second = delta_statistics(net, [[0.0], [1.0]], [1.0, 1.0], [0, 1])
    assert_array_equal(second["dead"], [0.25, 0.75, 0])
    assert not delta_statistics(Network(Topology.layered([1, 9, 1], "leaky_relu")), [[1.0]], [0.0])["dead"].any()


def test_softmax_has_no_slope_to_be_flat():
    problem = make("chain", loss="multinomial")
    table = delta_statistics(problem.net(), problem.X, problem.y)
    assert np.isnan(table["saturated"][-1]) and np.isnan(table["dead"][-1]) and not np.isnan(table["dead"][:-1]).any()


def test_restarts_are_the_mean_of_their_starts_with_its_standard_error(chain):
    table = delta_statistics(chain.net(), chain.X, chain.y, chain.s, n_restarts=5, random_state=3)
    random = np.random.RandomState(3)
    starts = [
        delta_statistics(chain.net(w=glorot_uniform(chain.topology, random)), chain.X, chain.y, chain.s)
        for _ in range(5)
    ]
    for name in starts[0].columns:
        values = np.array([start[name] for start in starts])
        assert_allclose(table[name], values.mean(axis=0), rtol=1e-12, atol=1e-15, err_msg=name)
        if name != "n_units":
            assert_allclose(
                table.standard_errors[name], values.std(axis=0, ddof=1) / np.sqrt(5), rtol=1e-10, atol=1e-15
            )
    assert table.n_draws == 5 and starts[0].standard_errors == {}
    assert "mean over 5 new starts" in table.about["mean"] and "of this network" in starts[0].about["mean"]


def test_network_is_not_changed_and_float32_is_measured_as_it_is(chain, dtype):
    net = chain.net(dtype)
    table = delta_statistics(net, chain.X, chain.y, n_restarts=2, random_state=0)
    assert_array_equal(net.parameters, chain.w.astype(dtype))
    assert_allclose(
        table["mean_square"],
        delta_statistics(chain.net(), chain.X, chain.y, n_restarts=2, random_state=0)["mean_square"],
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    ("gain", "verdict"), [(0.1, "vanishing"), (1.0, "steady"), (10.0, "exploding"), (0.0, "no signal")]
)
def test_verdict_says_what_happens_to_signals_on_their_way_back(gain, verdict):
    net = Network(Topology.layered([3, 4, 4, 4, 3], "identity"))
    for k in range(4):
        net.coefs[k][...] = gain * np.eye(*net.coefs[k].shape)
    table = delta_statistics(net, np.eye(3), np.ones((3, 3)))
    assert table.verdict == verdict
    if gain:
        assert table.growth == pytest.approx(gain**2)
        assert_allclose(table["ratio"][:2], gain)


# The table


def test_table_prints_a_row_per_layer_and_what_each_number_is(chain):
    lines = str(delta_statistics(chain.net(), chain.X, chain.y)).splitlines()
    assert lines[0].split()[:4] == ["layer", "n_units", "mean", "variance"]
    assert [line.split()[0] for line in lines[1:4]] == ["p", "q", "out"]
    assert lines[3].split()[-1] == "-"  # there is no next layer
    assert any("over samples and units; weights of this network" in line for line in lines)
    assert lines[-1].startswith("error signals from the last hidden layer to the first: x ")
    assert len(set(map(len, lines[:4]))) == 1


def test_frame_holds_the_columns_by_layer(chain):
    pandas = pytest.importorskip("pandas")
    table = delta_statistics(chain.net(), chain.X, chain.y, n_restarts=3, random_state=0)
    frame = table.to_frame()
    assert isinstance(frame, pandas.DataFrame) and list(frame.index) == ["p", "q", "out"]
    assert_array_equal(frame["mean"], table["mean"])
    assert_array_equal(frame["mean (se)"], table.standard_errors["mean"])


def test_plot_draws_a_point_per_layer(chain):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    table = delta_statistics(chain.net(), chain.X, chain.y, n_restarts=3, random_state=0)
    ax = table.plot()
    assert table.plot("norm_of_mean", ax=ax) is ax
    lines = [container[0].get_ydata() for container in ax.containers]
    assert_array_equal(lines, [table["mean_square"], table["norm_of_mean"]])


@pytest.mark.parametrize(
    ("method", "module", "extra"), [("to_frame", "pandas", "pandas"), ("plot", "matplotlib.pyplot", "plot")]
)
def test_missing_extra_is_named(chain, monkeypatch, method, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    table = delta_statistics(chain.net(), chain.X, chain.y)
    with pytest.raises(ImportError, match=rf"needs {module.split('.')[0]}.*pip install bpnet\[{extra}\]"):
        getattr(table, method)()


# Starting weights


@pytest.mark.parametrize("kind", [1.0, 1.4, 1.8, 3.0, 6.0])
def test_drawn_weights_have_their_moments(kind):
    topology = Topology.layered([300, 400, 1])
    moments = WeightMoments(topology, mean=[0.5, 0], variance=[0.04, 1], kurtosis=kind, bias_mean=2, bias_variance=0.25)
    w = moments(topology, np.random.default_rng(0))
    weights, biases = w[: 300 * 400], w[300 * 400 : 301 * 400]
    # 120,000 draws: four standard errors of mean and variance, and of a kurtosis whose spread grows with it.
    assert weights.mean() == pytest.approx(0.5, abs=4 * 0.2 / np.sqrt(120000))
    assert weights.var() == pytest.approx(0.04, rel=4 * np.sqrt(kind / 120000))
    assert kurtosis(weights, fisher=False) == pytest.approx(kind, abs=0.03 * kind)
    assert biases.mean() == pytest.approx(2, abs=0.1) and biases.var() == pytest.approx(0.25, rel=0.3)


@pytest.mark.parametrize(
    ("variance", "expected"), [("lecun", [1 / 7, 1 / 8]), ("he", [2 / 7, 2 / 8]), ("glorot", [2 / 10, 2 / 9])]
)
def test_variances_by_name_count_the_units_heard(variance, expected):
    topology = Topology(7, [Layer(3), Layer(1, sources=("h1", "input"))])
    expected = [expected[0], {"lecun": 1 / 10, "he": 2 / 10, "glorot": 2 / 11}[variance]]
    assert_allclose(WeightMoments(topology, variance=variance).variance, expected)


@pytest.mark.parametrize("factor", [None, 0.5])
def test_moments_of_the_default_initializer_are_those_of_its_draws(factor):
    topology = Topology(40, [Layer(30, "logistic"), Layer(50, "relu"), Layer(20, bias=False)])
    moments, random = WeightMoments.glorot_uniform(topology, factor), np.random.default_rng(0)
    draws = np.array([glorot_uniform(topology, random, factor) for _ in range(50)])
    for k, (start, stop) in enumerate(topology.plan.weight_ranges):
        assert draws[:, start:stop].var() == pytest.approx(moments.variance[k], rel=0.02)
    assert moments.bias_variance[0] == moments.variance[0] and moments.bias_variance[2] == 0
    assert_array_equal(moments.kurtosis, 1.8)


@pytest.mark.parametrize(
    ("message", "bad"),
    [
        ("expected a variance out of lecun, glorot, he, got 'xavier'", {"variance": "xavier"}),
        ("expected mean as a number or one per layer, 2", {"mean": [0, 0, 0]}),
        ("expected finite numbers of at least 0 in variance", {"variance": -1}),
        ("expected finite numbers of at least 1 in kurtosis", {"kurtosis": 0.5}),
        ("in bias_mean, got inf", {"bias_mean": np.inf}),
    ],
)
def test_impossible_moments_are_refused(message, bad):
    with pytest.raises(ValueError, match=message):
        WeightMoments(Topology.layered([3, 2, 1]), **bad)


def test_moments_draw_for_their_own_topology_alone():
    moments = WeightMoments(Topology.layered([3, 2, 1]))
    with pytest.raises(ValueError, match="expected a topology of 2 layers, got 3"):
        moments(Topology.layered([3, 2, 2, 1]), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("error", "message", "bad"),
    [
        (TypeError, "expected n_restarts as an integer, got True", {"n_restarts": True}),
        (ValueError, "expected quantiles as a sequence of numbers from 0 to 1", {"quantiles": [5, 50]}),
        (ValueError, "expected quantiles as a sequence of numbers from 0 to 1", {"quantiles": 0.5}),
        (ValueError, "expected samples of positive weight, got 0", {"X": np.ones((0, 4)), "y": np.ones((0, 2))}),
        (ValueError, "expected finite numbers in X", {"X": np.full((7, 4), np.nan)}),
    ],
)
def test_impossible_arguments_are_refused(chain, error, message, bad):
    arguments = {"net": chain.net(), "X": chain.X, "y": chain.y} | bad
    with pytest.raises(error, match=message):
        delta_statistics(**arguments)


def test_package_loads_diagnostics_when_asked():
    assert bpnet.diagnostics.delta_statistics is delta_statistics and "diagnostics" in dir(bpnet)


# Nielsen, "Neural networks and deep learning" (2015), chapter 5: norms of the mean delta of one start each, by
# the cross-entropy loss that his network2.py takes by default.
PUBLISHED = {2: [0.07, 0.31], 3: [0.012, 0.060, 0.283], 4: [0.003, 0.017, 0.070, 0.285]}


@pytest.mark.parametrize("depth", PUBLISHED)
def test_deltas_of_deep_logistic_nets_on_mnist_vanish_as_published(depth):
    folder = os.environ.get("BPNET_DATA")
    if not folder:
        pytest.skip("BPNET_DATA names no folder of data sets")
    with np.load(os.path.join(folder, "mnist.npz")) as mnist:
        X, y = mnist["X"][:1000].reshape(1000, 784) / 255, np.eye(10)[mnist["y"][:1000]]
    topology = Topology.layered([784, *[30] * depth, 10], "logistic", "logistic")
    start = WeightMoments(topology, variance="lecun", bias_variance=1)
    net = Network(topology, "log_loss")
    norms = delta_statistics(net, X, y, n_restarts=30, initializer=start, random_state=0)
    mean, deviation = norms["norm_of_mean"][:-1], norms.standard_errors["norm_of_mean"][:-1] * np.sqrt(30)
    assert (np.abs(mean - PUBLISHED[depth]) < 3 * deviation).all()
    assert ((mean[1:] / mean[:-1] > 4) & (mean[1:] / mean[:-1] < 6)).all()
