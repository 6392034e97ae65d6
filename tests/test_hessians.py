# SPDX-License-Identifier: BSD-3-Clause
"""The ways to the Hessian agree with each other and with complex steps, each to the digits it promises."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import CATALOGUE, assert_near, make
from scipy.sparse.linalg import eigsh

from bpnet import Layer, Network, Topology
from bpnet.hessians import METHODS

# What each method promises, in float64; the results of all are rounded to float32 where the network is.
DIGITS = {"exact": 1e-11, "columns": 1e-11, "mixed": 1e-7, "finite_difference": 1e-4}


def truth(problem):
    return np.array([problem.along(v).gradient for v in np.eye(len(problem.w))])


@pytest.mark.parametrize("arguments", CATALOGUE.values(), ids=CATALOGUE.keys())
def test_columns_are_exact_and_symmetric(arguments):
    problem = make(*arguments)
    hessian = problem.net().hessian(problem.X, problem.y, problem.s, method="columns")
    assert_near(hessian, problem.net().hessian(problem.X, problem.y, problem.s), 1e-11)
    assert_near(hessian, problem.net().hessian(problem.X, problem.y, problem.s, method="mixed"), 1e-6)
    assert_near(hessian, hessian.T, 1e-13)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("graph", "loss"), [("skip to the output", "multinomial"), ("outputs that feed on", "binary")])
def test_every_method_keeps_its_promise(method, graph, loss, dtype):
    problem = make(graph, "tanh", loss, weighted=True)
    net = problem.net(dtype)
    hessian = net.hessian(problem.X, problem.y, problem.s, method=method)
    assert hessian.dtype == dtype
    assert_near(hessian, truth(problem), DIGITS[method] + 100 * np.finfo(dtype).eps)
    assert_array_equal(net.parameters, problem.w.astype(dtype))


def test_more_parameters_than_are_done_together(rng):
    net = Network(Topology.layered([9, 8, 2]), random_state=0)  # 98
    X, y = rng.normal(size=(20, 9)), rng.normal(size=(20, 2))
    assert_near(net.hessian(X, y, method="columns"), net.hessian(X, y), 1e-13)


@pytest.mark.parametrize("method", METHODS)
def test_out_is_filled_and_returned(method, dtype):
    problem = make("no hidden layer", loss="binary")
    net = problem.net(dtype)
    out = np.full((len(problem.w),) * 2, np.nan)
    assert net.hessian(problem.X, problem.y, method=method, out=out) is out
    assert_array_equal(out.astype(dtype), net.hessian(problem.X, problem.y, method=method))


def test_operator_multiplies_as_the_matrix_does(dtype):
    problem = make("all upstream", "silu", "binary", weighted=True)
    net, rng = problem.net(dtype), np.random.default_rng(0)
    arguments = problem.X, problem.y, problem.s
    for kind, method in (("hessian", net.hessian_product), ("gauss_newton", net.gauss_newton_product)):
        operator = net.hessian_operator(*arguments, kind=kind)
        assert operator.shape == (len(problem.w),) * 2 and operator.dtype == dtype
        V = rng.normal(size=(len(problem.w), 3)).astype(dtype)
        expected = method(problem.X, problem.y, V.T, problem.s).T
        assert_allclose(operator @ V, expected)
        assert_allclose(operator @ V[:, 0], expected[:, 0])
        assert_allclose(operator @ V[:, :1], expected[:, :1])
        assert_allclose(operator.T @ V, expected)
        assert_allclose(operator.H @ V[:, 0], expected[:, 0])


def test_operator_reads_the_parameters_anew():
    problem = make("chain")
    net, v = problem.net(), np.ones(len(problem.w))
    operator = net.hessian_operator(problem.X, problem.y)
    net.parameters *= 2
    assert_array_equal(operator @ v, net.hessian_product(problem.X, problem.y, v))


def test_operator_has_the_spectrum_of_the_matrix():
    problem = make("chain", loss="multinomial")
    net = problem.net()
    largest = eigsh(net.hessian_operator(problem.X, problem.y), 2, which="LA", return_eigenvectors=False)
    assert_allclose(np.sort(largest), np.linalg.eigvalsh(net.hessian(problem.X, problem.y))[-2:], rtol=1e-9)


@pytest.mark.parametrize(
    ("error", "message", "more"),
    [
        (ValueError, "expected a method out of .*columns.*, got 'rows'", {"method": "rows"}),
    ],
)
def test_impossible_arguments_are_refused(error, message, more):
    with pytest.raises(error, match=message):
        Network(Topology.layered([3, 2])).hessian(np.ones((4, 3)), np.ones((4, 2)), **more)


def test_unknown_kind_of_operator_is_refused():
    with pytest.raises(ValueError, match="expected a kind out of hessian, gauss_newton, got 'fisher'"):
        Network(Topology.layered([3, 2])).hessian_operator(np.ones((4, 3)), np.ones((4, 2)), kind="fisher")


@pytest.mark.parametrize("shared", ["X", "y", "sample_weight", "parameters"])
@pytest.mark.parametrize("matrix", ["hessian", "gauss_newton"])
def test_out_that_lies_where_the_arguments_do_is_refused(matrix, shared, rng):
    net = Network(Topology.layered([3, 5, 1]), random_state=0)
    out = np.zeros((len(net.parameters),) * 2)
    given = {"X": rng.normal(size=(6, 3)), "y": rng.normal(size=6), "sample_weight": np.ones(6)}
    values = net.parameters if shared == "parameters" else given[shared]
    place = out.ravel()[: values.size].reshape(values.shape)
    place[:] = values
    if shared == "parameters":
        net = Network.from_parameters(net.topology, place)
    else:
        given[shared] = place
    with pytest.raises(ValueError, match="expected out to share no memory"):
        getattr(net, matrix)(**given, out=out)
    assert_array_equal(place, values)


def test_a_loss_that_couples_outputs_of_different_layers_has_its_whole_hessian(rng):
    """Mean and spread of one normal distribution, read from two layers: no pair of them may be left out."""
    layers = [Layer(3, "tanh"), Layer(1, "identity", name="mean"), Layer(1, "identity", sources=("h1",), name="spread")]
    net = Network(Topology(2, layers, outputs=("mean", "spread")), "gaussian_nll", random_state=0)
    X, y, s = rng.normal(size=(9, 2)), rng.normal(size=9), rng.choice([0.0, 1.0, 2.0], 9)
    H = net.hessian(X, y, s)
    assert_allclose(H, net.hessian(X, y, s, method="mixed"), atol=1e-8)
    J, fisher = net.parameter_jacobian(X), np.exp(-net.predict(X)[:, 1])
    G = np.einsum("n,nv,nw->vw", s * fisher, J[:, 0], J[:, 0]) + np.einsum("n,nv,nw->vw", s / 2, J[:, 1], J[:, 1])
    assert_allclose(net.gauss_newton(X, y, s), G, atol=1e-12)
    for method in (net.hessian_diagonal, net.curvatures):
        with pytest.raises(ValueError, match="couples outputs of different layers"):
            method(X, y, s)
