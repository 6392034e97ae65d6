# SPDX-License-Identifier: BSD-3-Clause
"""Network: shapes and types, what its doors take, and digits that must not cancel."""

import copy
from concurrent.futures import ThreadPoolExecutor

import mpmath
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from problems import assert_near, make

from bpnet import Layer, Network, Topology

# Shapes and types


def test_results_have_their_shapes_and_the_type_of_the_network(graph, dtype):
    net, topology = graph.net(dtype), graph.topology
    results = {
        "predict": (net.predict(graph.X), (7, topology.n_outputs)),
        "predict_raw": (net.predict_raw(graph.X), (7, topology.n_outputs)),
        "gradient": (net.gradient(graph.X, graph.y, graph.s), (topology.n_parameters,)),
        "deltas": (net.deltas(graph.X, graph.y, graph.s), (7, len(topology.units))),
        "signals": (net.signals(graph.X)[0], (7, len(topology.units))),
        "slopes": (net.signals(graph.X)[1], (7, len(topology.units))),
        "parameters": (net.parameters, (topology.n_parameters,)),
    }
    assert {name: (array.shape, array.dtype) for name, (array, _) in results.items()} == {
        name: (shape, dtype) for name, (_, shape) in results.items()
    }
    assert type(net.loss(graph.X, graph.y)) is float


def test_one_row_is_a_row_of_many(graph):
    net = graph.net()
    for k in range(7):
        row = slice(k, k + 1)
        assert_near(net.predict(graph.X[row]), net.predict(graph.X)[row], 1e-14)
        assert_near(net.deltas(graph.X[row], graph.y[row]), net.deltas(graph.X, graph.y)[row], 1e-13)


def test_no_rows_give_no_outputs_and_no_loss(graph, dtype):
    net, X, y = graph.net(dtype), graph.X[:0], graph.y[:0]
    for empty in (X, sp.csr_array(X)):
        assert net.predict(empty).shape == (0, graph.topology.n_outputs)
        assert net.deltas(empty, y).shape == net.signals(empty)[0].shape == (0, len(graph.topology.units))
        assert net.loss(empty, y, np.ones(0)) == 0
        assert_array_equal(net.gradient(empty, y), np.zeros(len(graph.w)))


def test_value_and_gradient_are_loss_and_gradient(graph):
    net = graph.net()
    value, gradient = net.value_and_gradient(graph.X, graph.y, graph.s)
    assert value == net.loss(graph.X, graph.y, graph.s)
    assert_array_equal(gradient, net.gradient(graph.X, graph.y, graph.s))


def test_targets_of_one_output_may_be_a_vector():
    graph = make("single units")
    assert graph.net().loss(graph.X, graph.y.ravel()) == graph.net().loss(graph.X, graph.y)


def test_repr_says_what_the_network_is(net):
    assert repr(net) == f"Network({net.topology!r}, loss='squared_error', dtype=float64)"


# What the doors take


def _same_numbers(X):
    """The matrix of small integers in every form that means the same."""
    strided = np.zeros((2 * len(X), 3 * X.shape[1]))
    strided[::2, ::3] = X
    frozen = X.copy()
    frozen.setflags(write=False)
    return {
        "list": X.tolist(),
        "integers": X.astype(np.int64),
        "bytes": X.astype(np.uint8),
        "float16": X.astype(np.float16),
        "float32": X.astype(np.float32),
        "long double": X.astype(np.longdouble),
        "objects": X.astype(object),
        "big-endian": X.astype(">f8"),
        "Fortran": np.asfortranarray(X),
        "strided": strided[::2, ::3],
        "backwards": X[::-1].copy()[::-1],
        "read-only": frozen,
        "matrix": np.ma.masked_array(X),
        "integers, sparse": sp.csr_array(X.astype(np.int32)),
    }


@pytest.mark.parametrize("form", _same_numbers(np.ones((1, 1))))
def test_numbers_mean_the_same_in_every_form(form, dtype, rng):
    X, y, s = (rng.integers(0, 4, shape).astype(float) for shape in ((7, 4), (7, 2), (7, 1)))
    net = make("chain").net(dtype)
    others = [_same_numbers(values)[form] for values in (X, y, s)]
    if sp.issparse(others[0]):
        others[1:] = y, s
    weight = np.ravel(others[2]).tolist() if form == "list" else np.reshape(others[2], -1)
    value, gradient = net.value_and_gradient(others[0], others[1], weight)
    expected = net.value_and_gradient(X, y, s.ravel())
    assert value == pytest.approx(expected[0], rel=1e-6 if dtype == np.float32 else 1e-13)
    assert_near(gradient, expected[1], 1e-6 if dtype == np.float32 else 1e-13)
    assert_near(net.predict(others[0]), net.predict(X), 1e-6 if dtype == np.float32 else 1e-13)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_no_argument_is_modified(sparse, dtype):
    graph = make("all upstream", weighted=True)
    X = sp.csr_array(graph.X) if sparse else graph.X.astype(dtype)
    arguments = X, graph.y.astype(dtype), graph.s.astype(dtype)
    before = copy.deepcopy(arguments)
    net = graph.net(dtype)
    net.predict(X), net.deltas(*arguments), net.value_and_gradient(*arguments)
    for argument, old in zip(arguments, before):
        assert_array_equal(
            argument.toarray() if sp.issparse(argument) else argument, old.toarray() if sp.issparse(old) else old
        )
    assert_array_equal(net.parameters, graph.w.astype(dtype))


def test_results_are_new_arrays(net):
    X, y = np.ones((3, 4)), np.ones((3, 2))
    for method in (lambda: net.predict(X), lambda: net.gradient(X, y), lambda: net.deltas(X, y)):
        first, second = method(), method()
        assert not np.shares_memory(first, second) and first.flags.writeable and first.flags.owndata


def test_threads_predict_the_same_bits(rng):
    graph = make("wide", "gelu", "multinomial", n_samples=3000)
    net = graph.net()
    outputs, gradient = net.predict(graph.X), net.gradient(graph.X, graph.y)
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda _: (net.predict(graph.X), net.gradient(graph.X, graph.y)), range(12)):
            assert_array_equal(result[0], outputs)
            assert_array_equal(result[1], gradient)


def test_finite_numbers_whose_sum_overflows_are_taken(dtype):
    net = Network(Topology(2, [Layer(1, "tanh")]), dtype=dtype, random_state=0)
    largest = np.full((3, 2), np.finfo(dtype).max)
    assert np.isfinite(net.predict(largest)).all()


def test_random_network_is_not_the_same_twice():
    topology = Topology.layered([5, 5, 5])
    assert (Network(topology).parameters != Network(topology).parameters).any()
    assert_allclose(Network(topology).parameters, 0, atol=1)


def test_rows_of_csr_behind_the_last_are_not_looked_at():
    net = make("chain").net()
    X = sp.csr_array(make("chain").X)
    roomy = X.copy()
    roomy.data, roomy.indices = np.append(X.data, np.nan), np.append(X.indices, 10**6).astype(X.indices.dtype)
    assert_array_equal(net.predict(roomy), net.predict(X))


def test_derivatives_of_a_sure_softmax_keep_their_digits():
    """One class has all but 1e-13 of the probability: the squared error's derivatives are as small, and exact."""
    bias, y = [30.0, 0.0, -20.0], [0.0, 1.0, 0.25]
    topology = Topology.layered([1, 3], out_activation="softmax")
    net, data = Network.from_parameters(topology, np.array([0.0] * 3 + bias)), (np.ones((1, 1)), np.array([y]))

    def output(k):
        return lambda *a: mpmath.exp(a[k]) / mpmath.fsum(map(mpmath.exp, a))

    def error(*a):
        return mpmath.fsum((output(k)(*a) - y[k]) ** 2 for k in range(3)) / 2

    axes = np.eye(3, dtype=int)
    with mpmath.workdps(80):
        delta = np.array([mpmath.diff(error, bias, tuple(i)) for i in axes], float)
        J = np.array([[mpmath.diff(output(k), bias, tuple(i)) for i in axes] for k in range(3)], float)
        H = np.array([[mpmath.diff(error, bias, tuple(i + j)) for i in axes] for j in axes], float)
    directions = np.eye(6)[3:]
    assert_near(net.deltas(*data)[0], delta, 1e-14)
    assert_near(net.parameter_jacobian(data[0])[0, :, 3:], J, 1e-14)
    assert_near(net.hessian(*data)[3:, 3:], H, 1e-14)
    assert_near(net.hessian_product(*data, directions)[:, 3:], H, 1e-14)
    assert_near(net.gauss_newton(*data)[3:, 3:], J.T @ J, 1e-14)
    assert_near(net.gauss_newton_product(*data, directions)[:, 3:], J.T @ J, 1e-14)
