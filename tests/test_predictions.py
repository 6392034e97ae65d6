# SPDX-License-Identifier: BSD-3-Clause
"""Predicted error signals against Monte Carlo in plain NumPy, each number within its error.

z is the deviation over its standard error. With fixed seeds nothing is left to chance; 4.5 is what the largest of a
few thousand normal numbers may reach.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from problems import HIDDEN, LOSSES
from scipy.integrate import quad

from bpnet import Layer, Network, Topology
from bpnet._core import activations
from bpnet.diagnostics import WeightMoments, delta_statistics, predict_delta_statistics
from bpnet.diagnostics.gauss import expected_activation
from bpnet.diagnostics.means import PARTS

LARGEST_Z = 4.5
NORMAL, UNIFORM = 3.0, 1.8


def sigma(a):
    return 1 / (1 + np.exp(-a))


def softmax(a):
    e = np.exp(a)
    return e / e.sum(axis=-1, keepdims=True)


def softmax_chain(p, error):
    return p * (error - (error * p).sum(axis=-1, keepdims=True))


H = {  # h and h'
    "tanh": (np.tanh, lambda a: 1 - np.tanh(a) ** 2),
    "logistic": (sigma, lambda a: sigma(a) * sigma(-a)),
    "relu": (lambda a: np.maximum(a, 0), lambda a: (a > 0) * 1.0),
}
DELTA = {  # dE/da of the outputs
    "least squares": lambda a, y: a - y,
    "squares of tanh": lambda a, y: (np.tanh(a) - y) * (1 - np.tanh(a) ** 2),
    "binary": lambda a, y: sigma(a) - y,
    "poisson": lambda a, y: np.exp(a) - y,
    "multinomial": lambda a, y: softmax(a) - y,
    "squares of softmax": lambda a, y: softmax_chain(softmax(a), softmax(a) - y),
}


def draws(rng, kurtosis, shape):
    return rng.normal(size=shape) if kurtosis == NORMAL else rng.uniform(-np.sqrt(3), np.sqrt(3), shape)


def data(loss, n_outputs, n_samples=8, n_inputs=4):
    """Inputs, and targets that depend on them."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n_samples, n_inputs))
    a = 2 * X @ rng.normal(size=(n_inputs, n_outputs)) + 0.5
    y = {"binary": a > 0, "poisson": np.round(np.exp(0.3 * a)), "multinomial": a == a.max(axis=1, keepdims=True)}
    return X, np.asarray(y.get(loss, np.tanh(a)), float)


# M and H outputs and hidden units; mu, s2, kurtosis of the output weights; mean and variance of their biases.
TAILS = {
    "one output": (1, 3, 0.0, 0.3, NORMAL, 0.0, 0.0, "tanh", "least squares"),
    "everything": (3, 6, 0.2, 0.1, NORMAL, 0.4, 0.5, "tanh", "least squares"),
    "uniform weights": (3, 6, 0.2, 0.1, UNIFORM, 0.4, 0.5, "logistic", "least squares"),
    "negative mean": (4, 8, -0.3, 0.05, UNIFORM, -0.2, 0.3, "relu", "least squares"),
    "relu, mean zero": (2, 20, 0.0, 0.1, UNIFORM, 0.3, 0.1, "relu", "least squares"),
    "logistic, mean zero": (2, 5, 0.0, 0.2, NORMAL, 0.0, 0.2, "logistic", "least squares"),
    "binary": (2, 5, 0.2, 0.2, NORMAL, 0.3, 0.4, "tanh", "binary"),
    "binary, mean zero": (3, 20, 0.0, 0.05, NORMAL, 0.0, 0.0, "relu", "binary"),
    "tanh outputs": (2, 6, 0.1, 0.1, NORMAL, 0.2, 0.3, "logistic", "squares of tanh"),
    "poisson": (2, 6, 0.1, 0.05, NORMAL, 0.2, 0.1, "logistic", "poisson"),
}
COUPLED = {
    "softmax": (3, 6, 0.1, 0.2, NORMAL, 0.2, 0.3, "logistic", "multinomial"),
    "squares of softmax": (4, 5, 0.1, 0.2, NORMAL, 0.0, 0.3, "relu", "squares of softmax"),
}


def tail(name, n_draws=20000):
    """Prediction for a hidden layer that is given; and drawn means over samples of delta, delta^2: (draws, units)."""
    M, n_hidden, mu, s2, kurtosis, m_b, v_b, hidden, loss = (TAILS | COUPLED)[name]
    X, y = data(loss, M)
    rng = np.random.default_rng(2)
    topology = Topology.layered([4, n_hidden, M], hidden, LOSSES[loss][2])
    net = Network(topology, LOSSES[loss][0])
    net.parameters = rng.normal(0, 0.7, topology.n_parameters)
    moments = WeightMoments(topology, mu, s2, kurtosis, m_b, v_b)
    a = X @ net.coefs[0] + net.intercepts[0]
    h, slope = (function(a) for function in H[hidden])
    W = mu + np.sqrt(s2) * draws(rng, kurtosis, (n_draws, n_hidden, M))
    delta = DELTA[loss](h @ W + m_b + np.sqrt(v_b) * rng.normal(size=(n_draws, 1, M)), y)
    delta = np.concatenate([slope * (delta @ W.swapaxes(1, 2)), delta], axis=2)
    return (
        predict_delta_statistics(net, X, y, moments=moments, n_restarts=0),
        delta.mean(axis=1),
        (delta**2).mean(axis=1),
    )


def largest_z(predicted, drawn, slack=0.0):
    error = drawn.std(axis=0, ddof=1) / np.sqrt(len(drawn))
    return (np.maximum(np.abs(drawn.mean(axis=0) - predicted) - slack, 0) / error).max()


@pytest.mark.parametrize("name", TAILS)
def test_expected_delta_of_the_last_hidden_layer_and_the_outputs_is_exact(name):
    table, delta, _ = tail(name)
    assert largest_z(table.units["mean"], delta) < LARGEST_Z


@pytest.mark.parametrize("name", COUPLED)
def test_expected_delta_under_softmax_is_right_to_one_per_cent(name):
    # 500 normal vectors stand for all: means of p^2 to about 1 %.
    table, delta, _ = tail(name)
    assert largest_z(table.units["mean"], delta, slack=0.01 * np.abs(delta.mean(axis=0)).max()) < LARGEST_Z


@pytest.mark.parametrize("name", TAILS)
def test_independence_is_off_by_the_error_that_is_stated(name):
    table, delta, _ = tail(name)
    units = table.units
    assert largest_z(units["independent"] + units["gap"], delta) < LARGEST_Z
    assert not units["gap_inherited"].any()
    parts = units["gap_curvature"] + units["gap_signals"] + units["gap_targets"]
    assert_allclose(parts, units["gap"], rtol=0, atol=1e-14)


def test_three_parts_of_the_error_are_those_of_the_formula():
    M, n_hidden, mu, s2, *_ = TAILS["everything"]
    X, y = data("least squares", M)
    table = tail("everything", n_draws=2)[0]
    net = Network(Topology.layered([4, n_hidden, M], "tanh"))
    net.parameters = np.random.default_rng(2).normal(0, 0.7, len(net.parameters))
    h, slope = (function(X @ net.coefs[0] + net.intercepts[0]) for function in H["tanh"])
    own = slice(n_hidden)
    assert_allclose(table.units["gap_curvature"][own], M * s2 * (slope * h).mean(axis=0), rtol=1e-12)
    centred = slope - slope.mean(axis=0)
    signals = M * mu**2 * (centred.T @ h / len(X)).sum(axis=1)
    assert_allclose(table.units["gap_signals"][own], signals, rtol=0, atol=1e-14)
    targets = -mu * (centred.T @ y / len(X)).sum(axis=1)
    assert_allclose(table.units["gap_targets"][own], targets, rtol=0, atol=1e-14)


def test_independence_is_good_where_its_error_is_small():
    # Little variance, slopes near one: the error is a hundredth of the mean, and the draws agree with both.
    rng = np.random.default_rng(0)
    topology = Topology.layered([4, 6, 3], "tanh")
    net = Network(topology)
    net.parameters = rng.normal(0, 0.02, topology.n_parameters)
    X, y = data("least squares", 3)
    moments = WeightMoments(topology, mean=0.3, variance=0.01)
    units = predict_delta_statistics(net, X, y, moments=moments, n_restarts=0).units
    assert (np.abs(units["gap"][:6]) < 0.01 * np.abs(units["mean"][:6])).all()
    h, slope = (function(X @ net.coefs[0] + net.intercepts[0]) for function in H["tanh"])
    W = 0.3 + 0.1 * rng.normal(size=(20000, 6, 3))
    delta = (slope * ((h @ W - y) @ W.swapaxes(1, 2))).mean(axis=1)
    assert largest_z(units["mean"][:6], delta) < LARGEST_Z
    assert_allclose(units["independent"][:6], delta.mean(axis=0), rtol=0.02)


@pytest.mark.parametrize("hidden", ["relu", "logistic"])
def test_at_mean_zero_independence_says_zero_and_misses_all(hidden):
    name = f"{hidden}, mean zero"
    table, delta, _ = tail(name)
    n_hidden = TAILS[name][1]
    assert not table.units["independent"][:n_hidden].any()
    z = delta.mean(axis=0) / (delta.std(axis=0) / np.sqrt(len(delta)))
    assert z[:n_hidden].max() > 20


@pytest.mark.parametrize("name", ["one output", "relu, mean zero", "logistic, mean zero"])
def test_refined_square_of_the_last_hidden_layer_is_exact(name):
    table, _, square = tail(name, n_draws=50000)
    n_hidden = TAILS[name][1]
    assert largest_z(table.units["refined"][:n_hidden], square[:, :n_hidden]) < LARGEST_Z
    assert np.isnan(table.units["refined"][n_hidden:]).all()


@pytest.mark.parametrize("name", ["everything", "binary"])
def test_refined_square_is_left_out_where_it_does_not_hold(name):
    assert np.isnan(tail(name, n_draws=2)[0].units["refined"]).all()


SKIPS = [
    Layer(5, "tanh", name="p"),
    Layer(4, "logistic", sources=("p", "input"), mask={"p": np.eye(5, 4, dtype=bool)}, name="q"),
]
DEEP = {
    "chain, binary": ([4, 5, 4, 2], "tanh", "binary", 0.2),
    "chain, squares": ([4, 6, 5, 3], "logistic", "least squares", 0.3),
    "chain, mean zero": ([4, 8, 8, 8, 2], "relu", "least squares", 0.0),
    "chain, softmax": ([4, 6, 5, 3], "softplus", "multinomial", 0.2),
    "chain, squares of softmax": ([4, 6, 5, 3], "gelu", "squares of softmax", 0.2),
    "skips": (SKIPS, None, "poisson", 0.1),
    "an output that feeds on": ([Layer(3, "logistic", name="r")], None, "binary", 0.4),
    "skips, two outputs": ([Layer(2, "logistic", sources=("p", "input"), name="r")], None, "binary", 0.2),
}


def deep(name):
    """A network, and moments of its start."""
    layers, hidden, loss, mu = DEEP[name]
    if name == "an output that feeds on":
        out = Layer(1, "logistic", sources=("r", "input"))
        topology = Topology(4, [*layers, out], outputs=("r", "output"))
    elif name == "skips, two outputs":
        topology = Topology(4, [*SKIPS, Layer(1, "logistic", sources=("q", "p")), *layers], outputs=("h3", "r"))
    elif hidden is None:
        topology = Topology(4, [*layers, Layer(2, LOSSES[loss][2], sources=("q", "p", "input"))])
    else:
        topology = Topology.layered(layers, hidden, LOSSES[loss][2])
    return Network(topology, LOSSES[loss][0]), WeightMoments(topology, mu, 0.1, bias_mean=0.2, bias_variance=0.1)


@pytest.mark.parametrize("name", DEEP)
def test_expected_delta_of_every_layer_agrees_with_drawn_networks(name):
    net, moments = deep(name)
    X, y = data(DEEP[name][2], net.topology.n_outputs)
    if name == "an output that feeds on":
        y *= 0  # so that the loss's own part of delta is far from zero
    table = predict_delta_statistics(net, X, y, moments=moments, n_restarts=200, random_state=0)
    drawn = delta_statistics(net, X, y, n_restarts=1000, initializer=moments, random_state=1)
    hidden = slice(len(table) - 1)
    z = (table["mean"] - drawn["mean"])[hidden] / np.hypot(
        table.standard_errors["mean"], drawn.standard_errors["mean"]
    )[hidden]
    assert np.abs(z).max() < LARGEST_Z
    # The means differ from zero by far; and at the last hidden layer a network tells more by the formula than drawn.
    assert (np.abs(drawn["mean"]) > LARGEST_Z * drawn.standard_errors["mean"])[hidden].all()
    assert table.standard_errors["mean"][-2] * np.sqrt(200) < drawn.standard_errors["mean"][-2] * np.sqrt(1000)


@pytest.mark.parametrize("name", DEEP)
def test_parts_of_the_error_sum_to_it_in_every_layer(name):
    net, moments = deep(name)
    X, y = data(DEEP[name][2], net.topology.n_outputs)
    units = predict_delta_statistics(net, X, y, moments=moments, n_restarts=5, random_state=0).units
    assert_allclose(sum(units[f"gap_{part}"] for part in PARTS), units["gap"], rtol=0, atol=1e-13)


WIDE = {
    "tanh": ("tanh", "glorot", 0.0, "least squares"),
    "logistic": ("logistic", "glorot", 0.0, "least squares"),
    "relu, binary": ("relu", "he", 0.0, "binary"),
    "leaky_relu, binary": ("leaky_relu", "he", 0.1, "binary"),
    "gelu, softmax": ("gelu", "lecun", 0.1, "multinomial"),
    "mixed": (("tanh", "relu") * 50, "lecun", 0.1, "binary"),
}


@pytest.mark.parametrize("name", WIDE)
def test_expected_squares_of_wide_nets_agree_with_drawn_networks(name):
    hidden, variance, v_b, loss = WIDE[name]
    X, y = data(loss, 3, n_samples=20, n_inputs=10)
    topology = Topology(10, [*[Layer(100, hidden)] * 3, Layer(3, LOSSES[loss][2])])
    net = Network(topology, LOSSES[loss][0])
    moments = WeightMoments(topology, variance=variance, bias_variance=v_b)
    predicted = predict_delta_statistics(net, X, y, moments=moments, n_restarts=1, random_state=0)
    drawn = delta_statistics(net, X, y, n_restarts=100, initializer=moments, random_state=0)
    # A width of 100 leaves a few per cent.
    slack = 0.04 * predicted["mean_square"] + 3 * drawn.standard_errors["mean_square"]
    assert (np.abs(predicted["mean_square"] - drawn["mean_square"]) < slack).all()
    assert predicted.growth == pytest.approx(np.sqrt(np.prod(predicted["chi"][:2])))


def test_expected_squares_carry_the_mean_of_the_weights():
    # tanh around zero: there the weights' mean and the bend of h, which the recursion leaves out, do not meet.
    X, y = data("binary", 5, n_samples=20, n_inputs=10)
    topology = Topology.layered([10, 100, 100, 5], "tanh", "logistic")
    moments = WeightMoments(topology, mean=[0.0, 0.01, 0.1], bias_mean=[0, 0, 2])
    net = Network(topology, "log_loss")
    predicted = predict_delta_statistics(net, X, y, moments=moments, n_restarts=1)["mean_square"]
    drawn = delta_statistics(net, X, y, n_restarts=200, initializer=moments, random_state=0)
    assert_allclose(predicted, drawn["mean_square"], rtol=0.1)
    without = WeightMoments(topology, bias_mean=[0, 0, 2])
    changed = predict_delta_statistics(net, X, y, moments=without, n_restarts=1)["mean_square"]
    assert (predicted[:2] > 2 * changed[:2]).all()


def test_relu_keeps_its_squares_with_variance_2_over_fan_in_and_halves_them_with_1():
    X, y = data("binary", 2)
    for variance, chi in [("he", 1.0), ("lecun", 0.5)]:
        topology = Topology.layered([4, 30, 30, 30, 2], "relu", "logistic")
        moments = WeightMoments(topology, variance=variance)
        table = predict_delta_statistics(Network(topology, "log_loss"), X, y, moments=moments, n_restarts=1)
        assert_allclose(table["chi"][:2], chi, rtol=1e-12)


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (0.7, 0.3), (-1.0, 2.0)])
def test_normal_expectations_of_activations_are_integrals(name, mean, variance):
    def integral(function):
        def integrand(t):
            return function(np.array([mean + np.sqrt(variance) * t]))[0] * np.exp(-t * t / 2) / np.sqrt(2 * np.pi)

        return quad(integrand, -12, 12, points=[-mean / np.sqrt(variance)], limit=200, epsabs=1e-10)[0]

    values = expected_activation(Layer(1, name), np.array([[mean]]), np.array([[variance]]))
    expected = [
        integral(lambda a, k=k, power=power: activations.evaluate(name, a)[k] ** power)
        for k, power in [(0, 1), (0, 2), (1, 1), (1, 2)]
    ]
    # Slopes of tanh have their poles near enough to cost quadrature some digits at a variance of 2.
    assert_allclose([value.item() for value in values], expected, rtol=1e-4, atol=1e-9)


def test_sparse_inputs_and_class_numbers_change_nothing():
    from scipy.sparse import csr_array

    X, y = data("multinomial", 3)
    net = Network(Topology.layered([4, 5, 3], "tanh", "softmax"), "log_loss")
    dense = predict_delta_statistics(net, X, y, n_restarts=3, random_state=0)
    sparse = predict_delta_statistics(net, csr_array(X), y.argmax(axis=1), n_restarts=3, random_state=0)
    for name, values in dense.units.items():
        assert_allclose(sparse.units[name], values, rtol=1e-12, atol=1e-15)


def test_sample_weight_is_the_number_of_times_a_row_counts():
    X, y = data("least squares", 3)
    times = np.array([0, 1, 2, 1, 0, 3, 1, 1])
    net = Network(Topology.layered([4, 5, 5, 3], "logistic"))
    weighted = predict_delta_statistics(net, X, y, times, n_restarts=3, random_state=0)
    repeated = predict_delta_statistics(
        net, X.repeat(times, axis=0), y.repeat(times, axis=0), n_restarts=3, random_state=0
    )
    for name, values in weighted.units.items():
        assert_allclose(values, repeated.units[name], rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("mean", [0.2, 0.0])
@pytest.mark.parametrize("loss", ["least squares", "binary"])
def test_networks_side_by_side_are_predicted_as_each_alone(loss, mean):
    X, y = data(loss, 2)
    out, name = LOSSES[loss][2], LOSSES[loss][0]
    masks = [np.kron(np.eye(2, dtype=bool), np.ones((3, n), bool)) for n in (3, 1)]
    both = Topology(4, [Layer(6), Layer(6, mask={"h1": masks[0]}), Layer(2, out, mask={"h2": masks[1]})])
    alone = Topology.layered([4, 3, 3, 1], "tanh", out)
    numbers = {"mean": mean, "variance": [0.3, 0.2, 0.1], "bias_mean": 0.1, "bias_variance": 0.1}
    pair = Network(both, name, random_state=0)
    whole = predict_delta_statistics(pair, X, y, moments=WeightMoments(both, **numbers), n_restarts=0)
    for k in (0, 1):
        own, net = slice(3 * k, 3 * k + 3), Network(alone, name)
        net.coefs[0][...], net.coefs[1][...] = pair.coefs[0][:, own], pair.coefs[1][own, own]
        net.coefs[2][...] = pair.coefs[2][own, [k]]
        for mine, theirs in zip(net.intercepts, pair.intercepts):
            mine[...] = theirs.reshape(2, -1)[k]
        part = predict_delta_statistics(net, X, y[:, [k]], moments=WeightMoments(alone, **numbers), n_restarts=0)
        columns = [*range(3 * k, 3 * k + 3), *range(6 + 3 * k, 9 + 3 * k), 12 + k]
        # Under a mask the refined square is left out, and mean products are those of all pairs of units of a layer.
        for column in set(whole.units) - {"refined"} - ({"mean_square"} if mean else set()):
            assert_allclose(whole.units[column][columns], part.units[column], rtol=1e-9, atol=1e-15, err_msg=column)


def test_no_hidden_layer_has_a_prediction_too():
    X, y = data("least squares", 3)
    table = predict_delta_statistics(Network(Topology.layered([4, 3])), X, y, n_restarts=2)
    assert_allclose(table["mean"], -y.mean())
    assert table.verdict == "steady"


@pytest.mark.parametrize(
    ("error", "message", "bad"),
    [
        (TypeError, "expected n_restarts as an integer, got 1.5", {"n_restarts": 1.5}),
        (ValueError, "expected n_restarts of at least 0, got -1", {"n_restarts": -1}),
        (ValueError, "expected WeightMoments of 2 layers, got 'glorot'", {"moments": "glorot"}),
        (ValueError, "expected y of shape (8, 3)", {"y": np.zeros((8, 2))}),
        (ValueError, "expected samples of positive weight", {"sample_weight": np.zeros(8)}),
        (TypeError, "expected a Network, got None", {"net": None}),
    ],
)
def test_impossible_arguments_are_refused(error, message, bad):
    X, y = data("least squares", 3)
    arguments = {"net": Network(Topology.layered([4, 5, 3])), "X": X, "y": y} | bad
    with pytest.raises(error) as caught:
        predict_delta_statistics(**arguments)
    assert message in str(caught.value)


def test_predictions_want_layers_and_measurements_do_not(rng):
    topology = Topology.from_edges(
        2, [(0, "p"), (1, "p"), ("p", "q"), (1, "q"), ("p", "out"), ("q", "out")], outputs=["out"]
    )
    net, X, y = Network(topology, random_state=0), rng.normal(size=(9, 2)), np.ones(9)
    measured = delta_statistics(net, X, y)
    assert_allclose(measured.units["mean"], net.deltas(X, y).mean(axis=0))
    with pytest.raises(ValueError, match="expected a network given layer by layer, got one of single units"):
        predict_delta_statistics(net, X, y)
