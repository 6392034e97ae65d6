# SPDX-License-Identifier: BSD-3-Clause
"""Hessian and Gauss-Newton products of every kind of network, against complex steps through the gradient of the network
unit by unit; and the identities of symmetric matrices.
"""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from problems import GRAPHS, LOSSES, assert_near, make
from random_problems import random_problems, random_units

from bpnet import Layer, Network, Topology
from bpnet._core.curvature_products import products
from bpnet._core.data import Data
from bpnet._core.plan import Workspace

# As for the gradient, with a factor 10 for the second pair of sweeps.
SAME = {np.dtype(np.float64): 1e-11, np.dtype(np.float32): 2e-4}


@pytest.fixture
def bare():
    """A network whose one unit hears nothing and has no bias."""
    return Network(Topology(2, [Layer(1, "tanh", ("input",), mask={"input": np.zeros((2, 1), bool)}, bias=False)]))


def directions_for(problem, n=2):
    v = np.random.default_rng(1).normal(size=(n, len(problem.w)))
    return v.astype(np.float32).astype(np.float64)


def reads_raw(problem):
    return problem.net()._reads_raw


def gauss_newton(problem):
    """J' L J from the parameter Jacobian, which has tests of its own, and second derivatives of the loss likewise."""
    net, of = problem.net(), "raw" if reads_raw(problem) else "output"
    J = net.parameter_jacobian(problem.X, of)
    L = net._loss.hessian(net.predict_raw(problem.X) if of == "raw" else net.predict(problem.X), problem.y, whole=False)
    s = np.ones(len(problem.X)) if problem.s is None else problem.s
    return np.einsum("n,nkv,nkl,nlw->vw", s, J, L, J)


def test_hessian_product_equals_complex_steps_unit_by_unit(problem, dtype):
    for v in directions_for(problem):
        product = problem.net(dtype).hessian_product(problem.X, problem.y, v, problem.s)
        assert_near(product, problem.along(v).gradient, SAME[dtype])


@given(st.one_of(random_problems(), random_units()))
def test_products_of_any_graph_equal_complex_steps(problem):
    (v,) = directions_for(problem, 1)
    net = problem.net()
    # Deep nets of exp magnify the rounding of their sums.
    assert_near(net.hessian_product(problem.X, problem.y, v, problem.s), problem.along(v).gradient, 1e-10)
    assert_near(net.gauss_newton_product(problem.X, problem.y, v, problem.s), gauss_newton(problem) @ v, 1e-10)


def test_gauss_newton_product_is_that_of_the_jacobians(problem, dtype):
    matrix = gauss_newton(problem)
    for v in directions_for(problem):
        product = problem.net(dtype).gauss_newton_product(problem.X, problem.y, v, problem.s)
        assert_near(product, matrix @ v, SAME[dtype])


@pytest.mark.parametrize("method", ["hessian_product", "gauss_newton_product"])
def test_products_are_those_of_a_symmetric_matrix(problem, method):
    u, v = directions_for(problem)
    uh, vh = getattr(problem.net(), method)(problem.X, problem.y, [u, v], problem.s)
    scale = np.abs(u) @ np.abs(vh) + np.finfo(float).tiny  # the sums may cancel
    assert abs(uh @ v - vh @ u) <= 1e-13 * scale


def test_gauss_newton_is_positive_semi_definite(problem):
    v = directions_for(problem, 20)
    products = problem.net().gauss_newton_product(problem.X, problem.y, v, problem.s)
    assert (np.einsum("kw,kw->k", v, products) >= 0).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_gauss_newton_is_the_hessian_where_the_network_is_linear(loss):
    problem = make("no hidden layer", loss=loss, weighted=True)
    net, (v,) = problem.net(), directions_for(problem, 1)
    arguments = problem.X, problem.y, v, problem.s
    if reads_raw(problem):
        assert_near(net.gauss_newton_product(*arguments), net.hessian_product(*arguments), 1e-14)
    else:  # what the loss reads is no linear function then
        assert np.abs(net.gauss_newton_product(*arguments) - net.hessian_product(*arguments)).max() > 1e-3


def test_several_directions_are_each_by_itself(dtype):
    problem = make("all upstream", "silu", "binary", weighted=True)
    net, v = problem.net(dtype), directions_for(problem, 3)
    for method in (net.hessian_product, net.gauss_newton_product):
        together = method(problem.X, problem.y, v, problem.s)
        assert_array_equal(together, [method(problem.X, problem.y, row, problem.s) for row in v])
        assert method(problem.X, problem.y, v[:0]).shape == (0, len(problem.w))


@pytest.mark.parametrize("n_directions", [1, 2])
def test_many_chunks_are_one(n_directions, dtype):
    problem = make("masked", loss="multinomial", n_samples=5)
    n_rows = 2 * Workspace(problem.topology.plan, dtype, 10**6, True, True).capacity + 17
    rows = np.arange(n_rows) % 5
    net, v, s = problem.net(dtype), directions_for(problem, n_directions), np.bincount(rows, minlength=5)
    # Sums of thousands of rows: their number times the rounding error is the bound, its root the rule.
    tolerance = 50 * SAME[dtype]
    for method in (net.hessian_product, net.gauss_newton_product):
        assert_near(method(problem.X[rows], problem.y[rows], v), method(problem.X, problem.y, v, s), tolerance)


@pytest.mark.parametrize("graph", ["chain", "all upstream", "masked"])
def test_sparse_input_has_the_products_of_dense_input(graph, dtype):
    problem = make(graph, loss="squares of tanh", weighted=True)
    X = np.where(np.abs(problem.X) > 0.5, problem.X, 0)
    net, v = problem.net(dtype), directions_for(problem)
    for method in (net.hessian_product, net.gauss_newton_product):
        assert_near(method(sp.csr_array(X), problem.y, v, problem.s), method(X, problem.y, v, problem.s), SAME[dtype])


@pytest.mark.parametrize("graph", GRAPHS)
def test_sample_weight_is_the_number_of_times_a_row_counts(graph):
    problem, times = make(graph), np.array([0, 1, 2, 3, 1, 0, 2])
    v = directions_for(problem)
    for method in (problem.net().hessian_product, problem.net().gauss_newton_product):
        repeated = method(np.repeat(problem.X, times, axis=0), np.repeat(problem.y, times, axis=0), v)
        assert_near(method(problem.X, problem.y, v, times), repeated, 1e-12)


@pytest.mark.parametrize("loss", ["least squares", "binary", "multinomial", "poisson", "squares of exp"])
def test_row_of_weight_zero_is_absent_even_if_its_loss_overflows(loss, dtype):
    problem = make("no hidden layer", loss=loss, n_samples=5)
    net, v, s = problem.net(dtype), directions_for(problem), np.array([1.0, 0, 2, 0, 1])
    wild = problem.X.copy()
    wild[s == 0] *= 1e30
    for method in (net.hessian_product, net.gauss_newton_product):
        expected = method(problem.X[s > 0], problem.y[s > 0], v, s[s > 0])
        assert_near(method(wild, problem.y, v, s), expected, SAME[dtype])


def test_class_numbers_stand_for_their_0_1_targets():
    problem, classes = make("chain", loss="multinomial"), np.array([0, 1, 1, 0, 1, 1, 0])
    net, v = problem.net(), directions_for(problem)
    assert_array_equal(
        net.hessian_product(problem.X, classes, v), net.hessian_product(problem.X, np.eye(2)[classes], v)
    )


def test_no_samples_have_no_curvature(dtype):
    net = Network(Topology.layered([3, 2]), dtype=dtype)
    product = net.hessian_product(np.empty((0, 3)), np.empty((0, 2)), np.ones(8))
    assert_array_equal(product, np.zeros(8))
    assert product.dtype == dtype


@pytest.mark.parametrize("method", ["hessian_product", "gauss_newton_product"])
@pytest.mark.parametrize(
    ("error", "message", "v"),
    [
        (ValueError, r"expected v of shape \(8,\) or \(n_directions, 8\), got \(7,\)", np.ones(7)),
        (ValueError, r"expected v of shape \(8,\) or \(n_directions, 8\), got \(8, 1\)", np.ones((8, 1))),
        (ValueError, r"expected v of shape \(8,\) or \(n_directions, 8\), got \(\)", 1.0),
        (ValueError, r"expected v of shape \(8,\) or \(n_directions, 8\), got \(1, 1, 8\)", np.ones((1, 1, 8))),
        (ValueError, "expected finite numbers in v", np.full(8, np.inf)),
        (TypeError, "expected numbers in v, got <U1", ["a"] * 8),
    ],
)
def test_impossible_directions_are_refused(method, error, message, v):
    with pytest.raises(error, match=message):
        getattr(Network(Topology.layered([3, 2])), method)(np.ones((4, 3)), np.ones((4, 2)), v)


@pytest.mark.parametrize("method", ["hessian_product", "gauss_newton_product"])
def test_network_without_parameters_has_empty_products(method, bare):
    for v in (np.zeros(0), np.zeros((3, 0))):
        assert getattr(bare, method)(np.eye(2), np.ones(2), v).shape == v.shape


@pytest.mark.parametrize("kind", ["hessian", "gauss_newton"])
def test_network_without_parameters_has_an_empty_operator(kind, bare):
    operator = bare.hessian_operator(np.eye(2), np.ones(2), kind=kind)
    assert operator.shape == (0, 0) and operator.matvec(np.zeros(0)).shape == (0,)
    assert operator.matmat(np.zeros((0, 3))).shape == (0, 3)


def test_the_core_refuses_directions_that_do_not_fit():
    net = Network(Topology.layered([3, 2]))
    data = Data(net.topology.plan, np.ones((4, 3)), np.ones((4, 2)))
    for bad in (np.ones(8), np.ones((1, 7)), np.ones((1, 8), np.float32)):
        with pytest.raises(ValueError, match=r"expected directions of shape \(n_directions, 8\) and type float64, got"):
            products(net.topology.plan, net._loss, True, net.parameters, data, bad)
