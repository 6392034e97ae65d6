# SPDX-License-Identifier: BSD-3-Clause
"""Jacobians of every kind of network against complex steps through the network unit by unit, and differences."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from problems import assert_near, make
from random_problems import random_problems, random_units

from bpnet import Activation, Layer, Network, Topology, check_jacobian

# Both are exact up to some hundred roundings, which saturated units and the reference's quotients magnify.
SAME = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 2e-5}


def of_inputs(problem, of):
    field = {"output": "outputs", "raw": "raw"}[of]
    return np.stack([getattr(problem.along_input(i), field) for i in range(problem.n_inputs)], axis=2)


def of_parameters(problem, of):
    field = {"output": "outputs", "raw": "raw"}[of]
    if len(problem.w) == 0:  # nothing but masks that leave nothing
        return np.zeros((*getattr(problem.truth, field).shape, 0))
    return np.stack([getattr(problem.along(v), field) for v in np.eye(len(problem.w))], axis=2)


@pytest.mark.parametrize("of", ["output", "raw"])
def test_jacobian_equals_complex_steps_unit_by_unit(problem, of, dtype):
    assert_near(problem.net(dtype).jacobian(problem.X, of), of_inputs(problem, of), SAME[dtype])


@pytest.mark.parametrize("of", ["output", "raw"])
@pytest.mark.parametrize(
    ("graph", "loss"),
    [
        ("outputs that feed on", "squares of tanh"),
        ("all upstream", "multinomial"),
        ("masked", "poisson"),
        ("an activation per unit", "squares of softmax"),
        ("single units", "binary"),
        ("no bias", "least squares"),
    ],
)
def test_parameter_jacobian_equals_complex_steps_unit_by_unit(graph, loss, of, dtype):
    problem = make(graph, "gelu", loss)
    assert_near(problem.net(dtype).parameter_jacobian(problem.X, of), of_parameters(problem, of), SAME[dtype])


@pytest.mark.parametrize("of", ["output", "raw"])
def test_jacobian_equals_differences_of_the_outputs(problem, of):
    # Steps of eps^(1/3) leave differences an error of eps^(2/3), 4e-11, of signals of about one: behind twenty units
    # that is more than 1e-7 of what is left of a derivative.
    net = problem.net()
    largest = abs(net.jacobian(problem.X, of)).max(initial=0)
    assert check_jacobian(net, problem.X, of) * largest < max(1e-7 * largest, 4e-11)


@given(st.one_of(random_problems(), random_units()))
def test_jacobians_of_any_graph_equal_complex_steps(problem):
    net = problem.net()
    for of in ("output", "raw"):
        assert_near(net.jacobian(problem.X, of), of_inputs(problem, of), 1e-11)
    assert_near(net.parameter_jacobian(problem.X), of_parameters(problem, "output"), 1e-11)


@pytest.mark.parametrize("n_inputs", [2, 3, 4, 9])
@pytest.mark.parametrize("out", ["softmax", "tanh"])
def test_forward_sweeps_and_backward_sweeps_agree_with_differences(n_inputs, out, rng):
    """With fewer inputs than outputs the sweeps run forward."""
    net = Network(Topology.layered([n_inputs, 5, 4], "silu", out), random_state=0)
    X = rng.normal(size=(6, n_inputs))
    assert check_jacobian(net, X) < 1e-7 and check_jacobian(net, X, "raw") < 1e-7


@pytest.mark.parametrize("sizes", [[3, 7, 2], [2, 7, 3]], ids=["backward", "forward"])
def test_many_chunks_are_one(sizes, dtype, rng):
    net = Network(Topology.layered(sizes), dtype=dtype, random_state=0)
    X = rng.normal(size=(5, sizes[0]))
    rows = np.arange(5003) % 5
    assert_near(net.jacobian(X[rows]), net.jacobian(X)[rows], SAME[dtype])
    assert_near(net.parameter_jacobian(X[rows]), net.parameter_jacobian(X)[rows], SAME[dtype])


@pytest.mark.parametrize("graph", ["chain", "all upstream", "masked"])
def test_sparse_input_has_the_jacobians_of_dense_input(graph, dtype):
    problem = make(graph, loss="squares of tanh")
    X = np.where(np.abs(problem.X) > 0.5, problem.X, 0)
    net = problem.net(dtype)
    for method in (net.jacobian, net.parameter_jacobian):
        assert_near(method(sp.csr_array(X)), method(X), SAME[dtype])


def test_gradient_is_the_parameter_jacobian_times_the_residuals():
    problem = make("all upstream", "softplus", "squares of exp", weighted=True)
    net = problem.net()
    residuals = problem.s[:, None] * (net.predict(problem.X) - problem.y)
    product = np.einsum("nk,nkw->w", residuals, net.parameter_jacobian(problem.X))
    assert_near(product, net.gradient(problem.X, problem.y, problem.s), 1e-13)


def test_jacobian_of_a_linear_network_is_its_matrix():
    net = Network(Topology.layered([4, 3]), random_state=0)
    assert_array_equal(net.jacobian(np.ones((2, 4))), [net.coefs[0].T] * 2)


def test_inputs_that_no_output_hears_have_no_derivative():
    mask = np.array([[1, 1], [0, 0]], bool)
    net = Network(Topology(2, [Layer(2, "tanh", mask={"input": mask})]), random_state=0)
    assert_array_equal(net.jacobian(np.ones((4, 2)))[:, :, 1], 0)


@pytest.mark.parametrize("sizes", [[3, 4, 2], [2, 4, 3]])
def test_no_samples_have_no_jacobian(sizes, dtype):
    net = Network(Topology.layered(sizes), dtype=dtype)
    jacobian, of_parameters = net.jacobian(np.empty((0, sizes[0]))), net.parameter_jacobian(np.empty((0, sizes[0])))
    assert jacobian.shape == (0, sizes[2], sizes[0]) and jacobian.dtype == dtype
    assert of_parameters.shape == (0, sizes[2], len(net.parameters)) and of_parameters.dtype == dtype


@pytest.mark.parametrize("method", ["jacobian", "parameter_jacobian"])
def test_what_makes_no_sense_is_refused(method):
    net = make("chain").net()
    with pytest.raises(ValueError, match="expected of as 'output' or 'raw', got 'z'"):
        getattr(net, method)(np.ones((2, 4)), of="z")
    with pytest.raises(ValueError, match=r"expected X of shape \(n_samples, 4\), got \(2, 3\)"):
        getattr(net, method)(np.ones((2, 3)))
    with pytest.raises(ValueError, match="expected finite numbers in X"):
        getattr(net, method)(np.full((2, 4), np.nan))


@pytest.mark.parametrize("sizes", [[6, 5, 4, 3], [6, 5, 3], [3, 1, 1, 3], [20, 9, 5]], ids=str)
@pytest.mark.parametrize(("out", "of"), [("identity", "output"), ("tanh", "raw"), ("softmax", "raw")])
def test_shortcut_before_linear_outputs_changes_nothing(sizes, out, of, dtype, rng):
    """Many rows take it, few do not."""
    net = Network(Topology.layered(sizes, "tanh", out), dtype=dtype, random_state=0)
    X = rng.normal(size=(700, sizes[0]))
    assert_near(net.jacobian(X, of), np.concatenate([net.jacobian(row[None], of) for row in X]), SAME[dtype])


def test_shortcut_goes_through_skips_and_masks(rng):
    mask = rng.random((4, 3)) < 0.5
    layers = [
        Layer(4, "tanh", name="p"),
        Layer(3, "silu", ("p", "input"), "q", mask={"p": mask}),
        Layer(3, "gelu", ("q", "p", "input"), "r", mask={"input": rng.random((3, 3)) < 0.5}),
        Layer(2, "identity", "r"),
    ]
    net = Network(Topology(3, layers), random_state=0)
    X = rng.normal(size=(100, 3))
    assert_near(net.jacobian(X), np.concatenate([net.jacobian(row[None]) for row in X]), 1e-13)
    assert check_jacobian(net, X) < 1e-7


@pytest.mark.parametrize("n_units", [1, 3, 8, 21])
def test_infinite_slopes_of_units_that_nobody_hears_bring_nothing(n_units, dtype):
    steep = Activation("steep at 0", np.abs, lambda a: np.where(a == 0, np.inf, np.sign(a)))
    net = Network(Topology.layered([2, n_units, 4, 2], [steep, "tanh"]), dtype=dtype, random_state=0)
    net.intercepts[0][:] = net.coefs[1][:] = 0
    assert_array_equal(net.jacobian(np.zeros((3, 2))), 0)
