# SPDX-License-Identifier: BSD-3-Clause
"""check_gradient, check_jacobian and check_hessian tell right from wrong."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from problems import make

from bpnet import Layer, Network, Topology, check_gradient, check_hessian, check_jacobian


@pytest.mark.parametrize("n_directions", [None, 5])
def test_right_gradient_passes(n_directions, dtype):
    problem = make("all upstream", "gelu", "binary", weighted=True)
    net = problem.net(dtype)
    assert check_gradient(net, problem.X, problem.y, problem.s, n_directions=n_directions) < 1e-7
    assert_array_equal(net.parameters, problem.w.astype(dtype))
    assert net.dtype == dtype


@pytest.mark.parametrize("n_directions", [None, 5])
@pytest.mark.parametrize(
    "spoil", [lambda g: 1.01 * g, lambda g: -g, np.roll, lambda g: g * (np.arange(len(g)) != g.argmax())]
)
def test_wrong_gradient_fails(spoil, n_directions, monkeypatch):
    problem, gradient = make("chain", "gelu"), Network.gradient
    spoiled = (lambda g: np.roll(g, 1)) if spoil is np.roll else spoil
    monkeypatch.setattr(Network, "gradient", lambda *arguments: spoiled(gradient(*arguments)))
    assert check_gradient(problem.net(), problem.X, problem.y, n_directions=n_directions) > 1e-3


def test_large_network_is_checked_along_random_directions(rng):
    net = Network(Topology.layered([20, 60, 2]), random_state=0)  # 1,382 parameters
    X, y = rng.normal(size=(5, 20)), rng.normal(size=(5, 2))
    assert check_gradient(net, X, y) < 1e-7
    assert check_gradient(net, X, y, random_state=3) == check_gradient(net, X, y, random_state=np.random.RandomState(3))
    assert check_gradient(net, X, y, random_state=3) != check_gradient(net, X, y, random_state=4)


def test_parameters_large_and_small_are_moved_by_what_suits_them():
    problem = make("no hidden layer")
    assert check_gradient(problem.net(w=1e6 * problem.w), problem.X, problem.y) < 1e-7
    assert check_gradient(problem.net(w=1e-6 * problem.w), problem.X, problem.y) < 1e-7


def test_gradient_of_zero_is_no_error():
    net = Network(Topology.layered([2, 1]), random_state=0)
    net.parameters[:] = 0
    assert check_gradient(net, np.eye(2), np.zeros(2)) == 0


@pytest.mark.parametrize("of", ["output", "raw"])
def test_right_jacobian_passes(of, dtype):
    problem = make("all upstream", "gelu", "binary")
    assert check_jacobian(problem.net(dtype), problem.X, of) < 1e-7
    assert check_jacobian(problem.net(dtype), sp.csr_array(problem.X), of) < 1e-7


@pytest.mark.parametrize("n_directions", [None, 5])
def test_right_hessian_passes(n_directions, dtype):
    problem = make("all upstream", "gelu", "binary", weighted=True)
    net = problem.net(dtype)
    assert check_hessian(net, problem.X, problem.y, problem.s, n_directions=n_directions) < 1e-7
    assert_array_equal(net.parameters, problem.w.astype(dtype))


SPOILS = [lambda d: 1.01 * d, lambda d: -d, lambda d: np.roll(d, 1, axis=-1), lambda d: d * (d != d.max())]


@pytest.mark.parametrize("spoil", SPOILS)
def test_wrong_jacobian_fails(spoil, monkeypatch):
    problem, jacobian = make("chain", "gelu"), Network.jacobian
    monkeypatch.setattr(Network, "jacobian", lambda *arguments: spoil(jacobian(*arguments)))
    assert check_jacobian(problem.net(), problem.X) > 1e-3


@pytest.mark.parametrize(("n_directions", "method"), [(None, "hessian"), (5, "hessian_product")])
@pytest.mark.parametrize("spoil", SPOILS)
def test_wrong_hessian_fails(spoil, n_directions, method, monkeypatch):
    problem, right = make("chain", "gelu"), getattr(Network, method)
    monkeypatch.setattr(Network, method, lambda *arguments: spoil(right(*arguments)))
    assert check_hessian(problem.net(), problem.X, problem.y, n_directions=n_directions) > 1e-3


def test_hessian_of_a_large_network_is_checked_along_random_directions(rng):
    net = Network(Topology.layered([20, 60, 2]), random_state=0)  # 1,382 parameters
    X, y = rng.normal(size=(5, 20)), rng.normal(size=(5, 2))
    assert check_hessian(net, X, y) < 1e-7
    assert check_hessian(net, X, y, random_state=3) != check_hessian(net, X, y, random_state=4)


def test_inputs_large_and_small_are_moved_by_what_suits_them():
    net = Network(Topology.layered([2, 3, 1], "softplus"), random_state=0)
    assert check_jacobian(net, np.array([[1e4, 1e-6], [-2e3, 0]])) < 1e-7


@pytest.mark.parametrize("n_directions", [None, 3])
def test_network_without_parameters_passes(n_directions):
    unheard = Layer(1, "tanh", ("input",), mask={"input": np.zeros((2, 1), bool)}, bias=False)
    net = Network(Topology(2, [unheard]))
    for check in (check_gradient, check_hessian):
        assert check(net, np.eye(2), np.ones(2), n_directions=n_directions) == 0


def test_derivatives_of_zero_are_no_error():
    net = Network(Topology.layered([2, 1]), random_state=0)
    net.parameters[:] = 0
    assert check_jacobian(net, np.eye(2)) == 0 and check_jacobian(net, np.empty((0, 2))) == 0
    assert check_hessian(net, np.zeros((0, 2)), np.zeros(0)) == 0
