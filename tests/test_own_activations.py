# SPDX-License-Identifier: BSD-3-Clause
"""Activations of a user, in Python and out of a C library: the numbers of the built-in ones, and errors."""

import ctypes
import ctypes.util
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import LowLevelCallable
from sklearn.base import clone

from bpnet import (
    Activation,
    Layer,
    MLPClassifier,
    MLPRegressor,
    Network,
    Topology,
    check_gradient,
    check_hessian,
    train,
)

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


def slope(a):
    return 1 - np.tanh(a) ** 2


def curvature(a):
    return -2 * np.tanh(a) * (1 - np.tanh(a) ** 2)


TANH = Activation("own tanh", np.tanh, slope, curvature)


def of_libm(name):
    path = ctypes.util.find_library("m")
    if path is None:
        pytest.skip("no C library of mathematics")
    function = ctypes.CDLL(path)[name]
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double]
    return LowLevelCallable(function)


def pair(layers, dtype=np.float64):
    """Networks whose layers have the own tanh, and the built-in one."""
    return [Network(Topology(3, layers(name)), dtype=dtype, random_state=0) for name in (TANH, "tanh")]


LAYERS = {
    "chain": lambda h: [Layer(4, h), Layer(2, "identity")],
    "a unit here and there": lambda h: [Layer(5, ("relu", h, h, "silu", h)), Layer(2, ("identity", h))],
    "outputs": lambda h: [Layer(3, "relu"), Layer(2, h)],
    "skips and masks": lambda h: [Layer(4, h, mask={"input": np.arange(12).reshape(3, 4) % 3 > 0}),
                                  Layer(3, h, sources=("h1", "input")), Layer(2, "identity", sources=("h2", "h1"))],
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_own_tanh_gives_the_numbers_of_the_built_in_one(name, dtype, rng):
    X, y, s = (
        rng.normal(size=(40, 3)).astype(dtype),
        rng.normal(size=(40, 2)).astype(dtype),
        rng.choice([0, 1, 3.0], 40),
    )
    mine, built_in = pair(LAYERS[name], dtype)
    eps = 100 * np.finfo(dtype).eps
    v = rng.normal(size=(2, len(mine.parameters))).astype(dtype)
    for method, *arguments in [
        ("predict", X), ("gradient", X, y, s), ("deltas", X, y, s), ("jacobian", X), ("parameter_jacobian", X),
        ("hessian", X, y, s), ("gauss_newton", X, y, s), ("hessian_diagonal", X, y, s), ("hessian_product", X, y, v, s),
        ("gauss_newton_product", X, y, v, s),
    ]:  # fmt: skip
        expected = getattr(built_in, method)(*arguments)
        assert_allclose(getattr(mine, method)(*arguments), expected, rtol=0, atol=eps * np.abs(expected).max())
    for got, expected in zip(mine.signals(X), built_in.signals(X)):
        assert_allclose(got, expected, rtol=0, atol=eps)


def test_own_activations_unit_by_unit(rng):
    edges = [(0, "p"), (1, "p"), ("p", "q"), (0, "q"), ("q", "r"), ("p", "r")]
    nets = []
    for h in (TANH, "tanh"):
        topology = Topology.from_edges(2, edges, outputs=["r"], activation={"p": h, "q": "relu", "r": h})
        nets.append(Network(topology, random_state=0))
    X, y = rng.normal(size=(9, 2)), rng.normal(size=9)
    assert_allclose(nets[0].hessian(X, y), nets[1].hessian(X, y), atol=1e-13)
    assert nets[0].topology.activations.count(TANH) == 2


def test_function_of_a_c_library_is_an_activation(dtype, rng):
    compiled = Activation("sine", of_libm("sin"), of_libm("cos"))
    python = Activation("sine", np.sin, np.cos)
    X, y = rng.normal(size=(300, 3)).astype(dtype), rng.normal(size=300).astype(dtype)
    nets = []
    for h in (compiled, python):
        net = Network(Topology.layered([3, 60, 1], h), dtype=dtype, random_state=0)
        train(net, X, y, batch_size=150, n_epochs=3, learning_rate=1e-3, random_state=0, n_jobs=2)
        train(net, X[:20], y[:20], batch_size=1, n_epochs=1, learning_rate=1e-3, random_state=0)
        nets.append(net)
    assert_allclose(*(net.parameters for net in nets), rtol=0, atol=100 * np.finfo(dtype).eps)
    assert check_gradient(nets[0], X, y) < 1e-6


def test_without_curvature_only_what_is_exact_and_second_order_is_refused(rng):
    X, y = rng.normal(size=(9, 3)), rng.normal(size=9)
    mine, built_in = (
        Network(Topology.layered([3, 4, 1], h), random_state=0) for h in (Activation("own", np.tanh, slope), "tanh")
    )
    for call in (
        mine.hessian, mine.hessian_diagonal, mine.curvatures, lambda X, y: mine.hessian(X, y, method="columns"),
        lambda X, y: mine.hessian_product(X, y, mine.parameters),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="exact second derivatives need the curvature of activation 'own'"):
            call(X, y)
    assert_allclose(mine.hessian(X, y, method="mixed"), built_in.hessian(X, y), atol=1e-7)
    assert_allclose(mine.gauss_newton(X, y), built_in.gauss_newton(X, y), atol=1e-12)
    v = np.ones(len(mine.parameters))
    assert_allclose(mine.gauss_newton_product(X, y, v), built_in.gauss_newton_product(X, y, v), atol=1e-12)


def test_checks_find_a_wrong_slope_and_a_wrong_curvature(rng):
    X, y = rng.normal(size=(9, 3)), rng.normal(size=9)
    wrong = Activation("wrong", np.tanh, lambda a: 0.9 * slope(a), curvature)
    bent = Activation("bent", np.tanh, slope, lambda a: 0.5 * curvature(a))
    assert check_gradient(Network(Topology.layered([3, 4, 1], wrong), random_state=0), X, y) > 0.01
    assert check_hessian(Network(Topology.layered([3, 4, 1], bent), random_state=0), X, y) > 0.01
    net = Network(Topology.layered([3, 4, 1], TANH), random_state=0)
    assert check_gradient(net, X, y) < 1e-7 and check_hessian(net, X, y) < 1e-7


@pytest.mark.parametrize(
    ("function", "kind", "message"),
    [
        (lambda a: 1 / 0, ZeroDivisionError, "division by zero"),
        (lambda a: a[:3], ValueError, r"of activation 'broken': expected an array of shape \(\d+,\), as it was given"),
        (lambda a: a * np.nan, ValueError, "of activation 'broken': expected numbers for every finite a, got NaN"),
        (lambda a: "no", TypeError, "of activation 'broken': expected an array of numbers"),
    ],
)
def test_activation_that_fails_is_named_and_changes_nothing(function, kind, message, rng):
    X, y = rng.normal(size=(30, 3)), rng.normal(size=30)
    for parts in ((function, slope), (np.tanh, function)):
        model = MLPRegressor(hidden_layer_sizes=(4,), activation=Activation("broken", *parts), max_iter=2)
        with pytest.raises(kind, match=message):
            model.fit(X, y)
        assert not hasattr(model, "network_")
    net = Network(Topology.layered([3, 4, 1], Activation("broken", function, slope)), random_state=0)
    for call in (net.predict, net.jacobian, net.signals, net.parameter_jacobian):
        with pytest.raises(kind, match=message):
            call(X)
    bent = Network(Topology.layered([3, 4, 1], Activation("broken", np.tanh, slope, function)), random_state=0)
    for call in (bent.hessian, lambda X, y: bent.hessian_product(X, y, bent.parameters)):
        with pytest.raises(kind, match=message):
            call(X, y)
    assert np.isfinite(Network(Topology.layered([3, 4, 1], TANH), random_state=0).predict(X)).all()


def test_compiled_activation_that_gives_nan_is_refused(rng):
    net = Network(Topology.layered([3, 4, 1], Activation("root", of_libm("sqrt"), of_libm("cos"))), random_state=0)
    with pytest.raises(ValueError, match="NaN from a compiled activation"):
        net.predict(rng.normal(size=(30, 3)))


def test_activations_are_frozen_compared_hashed_and_pickled():
    again = pickle.loads(pickle.dumps(TANH))
    assert (
        again == TANH and hash(again) == hash(TANH) and repr(TANH).startswith("Activation('own tanh', <ufunc 'tanh'>")
    )
    assert Activation("other", np.tanh, slope, curvature) != TANH != Activation("own tanh", np.tanh, slope)
    with pytest.raises(AttributeError, match="immutable"):
        TANH.name = "x"
    topology = Topology.layered([3, 4, 1], TANH)
    assert pickle.loads(pickle.dumps(topology)) == topology == Topology.layered([3, 4, 1], [TANH])
    assert topology != Topology.layered([3, 4, 1], "tanh") and topology.activations == [TANH] * 4 + ["identity"]
    compiled = Activation("sine", of_libm("sin"), of_libm("cos"))
    with pytest.raises(pickle.PicklingError, match="compiled functions .* cannot be pickled"):
        pickle.dumps(Topology.layered([3, 4, 1], compiled))
    assert clone(MLPRegressor(activation=compiled)).activation is compiled


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, np.sin, np.cos), "expected a name for the activation, got 3"),
        (("x", np.sin, None), "expected function, slope and perhaps curvature as callables"),
        (("x", "sin", np.cos), "expected function, slope and perhaps curvature as callables"),
    ],
)
def test_what_is_no_activation_is_refused(arguments, message):
    with pytest.raises(TypeError, match=message):
        Activation(*arguments)


def test_compiled_functions_of_another_kind_are_refused():
    path = ctypes.util.find_library("m")
    function = ctypes.CDLL(path).pow
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double, ctypes.c_double]
    with pytest.raises(TypeError, match=r"expected a compiled function of signature 'double\(double\)'"):
        Activation("x", LowLevelCallable(function), of_libm("cos"))
    with pytest.raises(TypeError, match="got a mixture"):
        Activation("x", of_libm("sin"), np.cos)


def test_estimators_take_an_activation_per_layer_and_per_unit(rng):
    X, y = rng.normal(size=(40, 3)), rng.integers(0, 3, 40)
    settings = {"hidden_layer_sizes": (4, 2), "max_iter": 3, "random_state": 0}
    for activation, expected in [
        (["tanh", "gelu"], ["tanh"] * 4 + ["gelu"] * 2),
        ([["tanh", "relu", "relu", TANH], TANH], ["tanh", "relu", "relu", TANH, TANH, TANH]),
        ("silu", ["silu"] * 6),
    ]:
        model = MLPClassifier(activation=activation, **settings).fit(X, y)
        assert model.network_.topology.activations == [*expected, *["softmax"] * 3]
        assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), model.predict_proba(X))
    one = MLPRegressor(activation=["relu", "relu"], **settings).fit(X, y)
    assert_array_equal(one.predict(X), MLPRegressor(activation="relu", **settings).fit(X, y).predict(X))


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        (["tanh"], "expected one activation or 2, one per hidden layer, got 1"),
        (["tanh", ["relu"]], "expected one activation or 2, one per unit, got 1"),
        (["tanh", "hinge"], "expected an activation out of identity.*got 'hinge'"),
        (["tanh", "softmax"], "softmax couples all outputs"),
    ],
)
def test_activations_that_do_not_fit_the_layers_are_refused(activation, message, rng):
    model = MLPRegressor(hidden_layer_sizes=(4, 2), activation=activation)
    with pytest.raises(ValueError, match=message):
        model.fit(rng.normal(size=(9, 3)), np.arange(9.0))
    assert not hasattr(model, "network_")
