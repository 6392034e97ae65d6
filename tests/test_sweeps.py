# SPDX-License-Identifier: BSD-3-Clause
"""Outputs, value, gradient and deltas of every kind of network, against two independent judges: the network one unit
at a time (reference.py) and central differences; and the identities that hold between networks.
"""

import numpy as np
import pytest
import reference
import scipy.sparse as sp
from hypothesis import given
from numpy.testing import assert_allclose, assert_array_equal
from problems import assert_near, make
from random_problems import random_problems

from bpnet import Layer, Network, Topology, check_gradient
from bpnet._core import derivatives
from bpnet._core.data import Data
from bpnet._core.plan import Workspace

# The same formulas in another order of summation: some hundred roundings of 1e-16 (of 6e-8 in float32), which
# saturated units and the quotients of the reference magnify.
SAME = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 2e-5}
# A float64 sum in another order.
ROUNDING = 1e-13


def test_outputs_equal_the_network_unit_by_unit(problem, dtype):
    assert_near(problem.net(dtype).predict(problem.X), problem.truth.outputs, SAME[dtype])


def test_value_equals_the_network_unit_by_unit(problem, dtype):
    value = problem.net(dtype).loss(problem.X, problem.y, problem.s)
    assert value == pytest.approx(problem.truth.value, rel=SAME[dtype])


def test_gradient_equals_the_network_unit_by_unit(problem, dtype):
    value, gradient = problem.net(dtype).value_and_gradient(problem.X, problem.y, problem.s)
    assert value == pytest.approx(problem.truth.value, rel=SAME[dtype])
    assert_near(gradient, problem.truth.gradient, SAME[dtype])


def test_deltas_equal_the_network_unit_by_unit(problem, dtype):
    assert_near(problem.net(dtype).deltas(problem.X, problem.y, problem.s), problem.truth.deltas, SAME[dtype])


def test_signals_equal_the_network_unit_by_unit(problem, dtype):
    units = reference.units(problem.n_inputs, problem.layers)[0]
    sums, outputs = zip(*(reference.forward(units, x, problem.w) for x in problem.X))
    z, slope = problem.net(dtype).signals(problem.X)
    assert z.dtype == slope.dtype == dtype
    assert_near(z, [[row[unit.label] for unit in units] for row in outputs], SAME[dtype])
    has_slope = np.array([unit.activation != "softmax" for unit in units])
    expected = [
        [reference.ACTIVATIONS[unit.activation][1](row[unit.label]) for unit in units if unit.activation != "softmax"]
        for row in sums
    ]
    assert_near(slope[:, has_slope], expected, SAME[dtype])
    assert np.isnan(slope[:, ~has_slope]).all()


def test_gradient_equals_differences_of_the_value(problem):
    # Differences of float64 give some nine digits.
    assert check_gradient(problem.net(), problem.X, problem.y, problem.s) < 1e-7


@given(random_problems())
def test_any_graph_equals_the_network_unit_by_unit(problem):
    net, truth = problem.net(), problem.truth
    value, gradient = net.value_and_gradient(problem.X, problem.y, problem.s)
    # Deep nets of exp magnify the rounding of their sums: one digit more room than above.
    assert value == pytest.approx(truth.value, rel=1e-11)
    assert_near(net.predict(problem.X), truth.outputs, 1e-11)
    assert_near(gradient, truth.gradient, 1e-11)
    assert_near(net.deltas(problem.X, problem.y, problem.s), truth.deltas, 1e-11)


def test_batch_is_the_sum_of_its_parts(problem):
    net, parts = problem.net(), np.split(np.arange(len(problem.X)), [2, 3])
    whole = net.value_and_gradient(problem.X, problem.y, problem.s)
    weights = [None if problem.s is None else problem.s[rows] for rows in parts]
    pieces = [net.value_and_gradient(problem.X[rows], problem.y[rows], s) for rows, s in zip(parts, weights)]
    assert whole[0] == pytest.approx(sum(value for value, _ in pieces), rel=ROUNDING)
    assert_near(whole[1], sum(gradient for _, gradient in pieces), ROUNDING)


def test_order_of_the_rows_does_not_matter(problem, rng):
    order = rng.permutation(len(problem.X))
    s = None if problem.s is None else problem.s[order]
    value, gradient = problem.net().value_and_gradient(problem.X[order], problem.y[order], s)
    assert value == pytest.approx(problem.net().loss(problem.X, problem.y, problem.s), rel=ROUNDING)
    assert_near(gradient, problem.net().gradient(problem.X, problem.y, problem.s), ROUNDING)


def test_sample_weight_is_the_number_of_times_a_row_counts(graph):
    times = np.array([0, 1, 2, 3, 1, 0, 2])
    repeated = graph.net().value_and_gradient(np.repeat(graph.X, times, axis=0), np.repeat(graph.y, times, axis=0))
    weighted = graph.net().value_and_gradient(graph.X, graph.y, times)
    assert weighted[0] == pytest.approx(repeated[0], rel=ROUNDING)
    assert_near(weighted[1], repeated[1], ROUNDING)


def test_deltas_carry_the_sample_weight(graph):
    expected = graph.s[:, None] * graph.net().deltas(graph.X, graph.y)
    assert_near(graph.net().deltas(graph.X, graph.y, graph.s), expected, ROUNDING)


def test_gradient_of_a_bias_is_the_sum_of_its_deltas(graph):
    net = graph.net()
    deltas, gradient = net.deltas(graph.X, graph.y, graph.s), net.gradient(graph.X, graph.y, graph.s)
    has_bias = [layer.bias for layer in graph.topology.layers for _ in range(layer.n_units)]
    with_bias = [k for k, has in enumerate(has_bias) if has]
    biases = [graph.topology.bias_index(graph.topology.units[k]) for k in with_bias]
    assert_near(gradient[biases], deltas[:, with_bias].sum(axis=0), ROUNDING)


@pytest.mark.parametrize("loss", ["least squares", "binary", "multinomial", "poisson", "squares of exp"])
def test_row_of_weight_zero_is_absent_even_if_its_loss_overflows(loss, dtype):
    problem = make("no hidden layer", loss=loss, n_samples=5)
    net, s = problem.net(dtype), np.array([1.0, 0, 2, 0, 1])
    wild = problem.X.copy()
    wild[s == 0] *= 1e30  # squares, exp and the products with the weights overflow in one of the types, or in both
    y = problem.y.copy()
    y[1] = y[1] * 1e30 if loss == "least squares" else y[1]
    value, gradient = net.value_and_gradient(wild, y, s)
    expected = net.value_and_gradient(problem.X[s > 0], problem.y[s > 0], s[s > 0])
    assert value == pytest.approx(expected[0], rel=SAME[dtype])
    assert_near(gradient, expected[1], SAME[dtype])
    assert_array_equal(net.deltas(wild, y, s)[s == 0], 0)


def test_many_chunks_are_one(dtype):
    problem = make("masked", loss="multinomial", n_samples=5)
    n_rows = 2 * Workspace(problem.topology.plan, dtype, 10**6).capacity + 17
    rows = np.arange(n_rows) % 5
    X, y, s = problem.X[rows], problem.y[rows], np.bincount(rows, minlength=5)
    net = problem.net(dtype)
    value, gradient = net.value_and_gradient(problem.X, problem.y, s)
    # Sums of thousands of rows: their number times the rounding error is the bound, its root the rule.
    tolerance = 50 * SAME[dtype]
    assert net.loss(X, y) == pytest.approx(value, rel=tolerance)
    assert_near(net.gradient(X, y), gradient, tolerance)
    assert_near(net.predict(X), net.predict(problem.X)[rows], SAME[dtype])
    assert_near(net.deltas(X, y), net.deltas(problem.X, problem.y)[rows], SAME[dtype])
    for signal, few in zip(net.signals(X), net.signals(problem.X)):
        assert_allclose(signal, few[rows], rtol=0, atol=SAME[dtype] * np.nanmax(np.abs(few)))


def test_capacity_is_bounded_whatever_the_number_of_rows():
    plan = make("chain").topology.plan
    assert Workspace(plan, np.float64, 3).capacity == 3
    assert Workspace(plan, np.float64, 10**12).capacity == Workspace(plan, np.float64, 10**9).capacity <= 2048


def test_skips_of_weight_zero_make_a_chain(rng):
    skips, chain = make("skip to the output"), Topology.layered([3, 4, 2])
    net, plain = skips.net(), Network(chain, random_state=0)
    net.coefs[0], net.intercepts[:] = plain.coefs[0], plain.intercepts
    net.coefs[1] = np.vstack([plain.coefs[1], np.zeros((3, 2))])
    assert_array_equal(net.predict(skips.X), plain.predict(skips.X))
    assert_near(net.deltas(skips.X, skips.y), plain.deltas(skips.X, skips.y), ROUNDING)


def test_hidden_units_may_change_places(rng):
    problem, order = make("chain", "gelu"), rng.permutation(5)
    net, other = problem.net(), problem.net()
    other.coefs[0], other.intercepts[0] = net.coefs[0][:, order], net.intercepts[0][order]
    other.coefs[1] = net.coefs[1][order]
    assert_near(other.predict(problem.X), net.predict(problem.X), ROUNDING)
    deltas, others = net.deltas(problem.X, problem.y), other.deltas(problem.X, problem.y)
    assert_near(others[:, :5], deltas[:, order], ROUNDING)


@pytest.mark.parametrize("name", ["masked", "empty mask"])
def test_masked_block_is_a_dense_block_with_zeros(name):
    problem = make(name)
    net = problem.net()
    layers = [Layer(k.n_units, k.activation, k.sources, k.name) for k in problem.topology.layers]
    dense = Network(Topology(problem.n_inputs, layers))
    dense.coefs[:], dense.intercepts[:] = net.coefs, net.intercepts
    assert_near(net.predict(problem.X), dense.predict(problem.X), ROUNDING)
    assert_near(net.deltas(problem.X, problem.y), dense.deltas(problem.X, problem.y), ROUNDING)
    gradient = Network.from_parameters(problem.topology, net.gradient(problem.X, problem.y))
    full = Network.from_parameters(dense.topology, dense.gradient(problem.X, problem.y))
    for k, layer in enumerate(problem.topology.layers):
        sizes = {"input": problem.n_inputs} | {other.name: other.n_units for other in problem.topology.layers}
        there = [layer.mask.get(name, np.ones((sizes[name], layer.n_units), bool)) for name in layer.sources]
        assert_near(gradient.coefs[k], full.coefs[k] * np.vstack(there), ROUNDING)


def test_identity_network_is_linear_least_squares(rng):
    X, y = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
    design = np.column_stack([X, np.ones(30)])
    solution, residual, *_ = np.linalg.lstsq(design, y)
    net = Network.from_parameters(Topology.layered([4, 2]), solution.ravel())
    assert net.loss(X, y) == pytest.approx(residual.sum() / 2, rel=1e-12)
    assert_allclose(net.gradient(X, y), 0, atol=1e-12)
    assert_near(net.predict(X), design @ solution, ROUNDING)


def test_raw_outputs_are_what_the_activation_is_taken_of():
    problem = make("outputs that feed on", loss="binary")
    raw = problem.net().predict_raw(problem.X)
    assert_near(1 / (1 + np.exp(-raw)), problem.net().predict(problem.X), ROUNDING)


def test_delta_of_an_output_that_feeds_on_is_the_total_derivative():
    problem = make("outputs that feed on", loss="binary")
    net, step = problem.net(), 1e-5
    deltas = net.deltas(problem.X, problem.y)
    for k in range(2):  # the bias of a unit moves its a alone
        place = problem.topology.bias_index(("aux", k))
        ahead, behind = problem.net(), problem.net()
        ahead.parameters[place] += step
        behind.parameters[place] -= step
        slope = (ahead.loss(problem.X, problem.y) - behind.loss(problem.X, problem.y)) / (2 * step)
        assert deltas[:, k].sum() == pytest.approx(slope, rel=1e-7)


def _csr_forms(X):
    """The matrix in forms that a CSR matrix may legally have."""
    plain = sp.csr_array(X)
    columns = np.concatenate([plain.indices[a:b][::-1] for a, b in zip(plain.indptr, plain.indptr[1:])])
    values = np.concatenate([plain.data[a:b][::-1] for a, b in zip(plain.indptr, plain.indptr[1:])])
    twice = np.repeat(plain.indices, 2)
    halves = np.ravel(np.column_stack([0.25 * plain.data, 0.75 * plain.data]))
    wide = sp.csr_array(X)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    return {
        "plain": plain,
        "matrix": sp.csr_matrix(X),
        "unsorted": sp.csr_array((values, columns, plain.indptr), X.shape),
        "duplicates": sp.csr_array((halves, twice, 2 * plain.indptr), X.shape),
        "int64 indices": wide,
        "csc": sp.csc_array(X),
        "coo": sp.coo_array(X),
        "explicit zeros": sp.csr_array(
            (X.ravel(), np.tile(np.arange(X.shape[1]), len(X)), np.arange(len(X) + 1) * X.shape[1])
        ),
    }


@pytest.mark.parametrize("form", _csr_forms(np.eye(2)))
@pytest.mark.parametrize("name", ["chain", "all upstream", "masked", "wide", "units of several depths"])
def test_sparse_input_equals_dense_input(name, form, dtype):
    problem = make(name, loss="squares of tanh", weighted=True)
    X = np.where(np.abs(problem.X) > 0.5, problem.X, 0)
    X[[0, 3]] = 0  # rows without entries
    net, sparse = problem.net(dtype), _csr_forms(X)[form]
    assert_near(net.predict(sparse), net.predict(X), SAME[dtype])
    assert net.loss(sparse, problem.y) == pytest.approx(net.loss(X, problem.y), rel=SAME[dtype])
    assert_near(net.gradient(sparse, problem.y, problem.s), net.gradient(X, problem.y, problem.s), SAME[dtype])
    assert_near(net.deltas(sparse, problem.y, problem.s), net.deltas(X, problem.y, problem.s), SAME[dtype])


@pytest.mark.parametrize("name", ["chain", "masked", "near-chain of units"])
def test_sparse_input_equals_dense_input_over_many_chunks(name):
    problem = make(name, n_samples=5000)
    X = np.where(np.abs(problem.X) > 1, problem.X, 0)
    net = problem.net()
    assert_near(net.gradient(sp.csr_array(X), problem.y), net.gradient(X, problem.y), 1e-12)
    assert_near(net.predict(sp.csr_array(X)), net.predict(X), ROUNDING)


def test_chosen_rows_are_rows_of_all_outputs():
    problem, order = make("all upstream"), np.array([3, 0, 3, 6])
    net, plan = problem.net(), problem.topology.plan
    for X in (problem.X, net._data(sp.csr_array(problem.X))):
        data = Data(plan, X) if isinstance(X, np.ndarray) else X
        assert_near(
            derivatives.outputs(plan, net.parameters, data, order=order), net.predict(problem.X)[order], ROUNDING
        )


def test_class_numbers_stand_for_their_0_1_targets():
    problem, classes = make("chain", loss="multinomial"), np.array([0, 1, 1, 0, 1, 1, 0])
    expected = problem.net().value_and_gradient(problem.X, np.eye(2)[classes], problem.s)
    value, gradient = problem.net().value_and_gradient(problem.X, classes, problem.s)
    assert value == expected[0]
    assert_array_equal(gradient, expected[1])


def test_core_refuses_parameters_data_and_targets_that_do_not_fit():
    problem = make("chain")
    plan, loss, other = problem.topology.plan, problem.net()._loss, make("single units").topology.plan
    data, bare = Data(plan, problem.X, problem.y), Data(plan, problem.X)
    with pytest.raises(ValueError, match=r"expected a vector of 51 float64, got \(3,\) of float64"):
        derivatives.outputs(plan, np.zeros(3), data)
    with pytest.raises(ValueError, match="expected a vector of 51 float64"):
        derivatives.value_and_gradient(plan, loss, True, problem.w, data, np.zeros(51, np.float32))
    with pytest.raises(ValueError, match="prepared for another plan"):
        derivatives.outputs(other, np.zeros(4), data)
    with pytest.raises(ValueError, match="expected targets for 2 outputs, got 0 columns"):
        derivatives.value_and_gradient(plan, loss, True, problem.w, bare)
    with pytest.raises(ValueError, match="expected targets for 2 outputs, got 1 columns"):
        derivatives.deltas(plan, loss, True, problem.w, Data(plan, problem.X, problem.y[:, :1].copy()))
