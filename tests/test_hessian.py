# SPDX-License-Identifier: BSD-3-Clause
"""Exact second derivatives against three judges: the network unit by unit differentiated by a complex step, central
differences of the gradient, and the identities that hold between Hessian, Gauss-Newton matrix and M of unit pairs.
"""

import tracemalloc

import numpy as np
import pytest
import reference
import scipy.sparse as sp
from graphs import layer
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from problems import LOSSES, Problem, assert_near, make
from random_problems import random_problems, random_units

from bpnet import Layer, Network, Topology
from bpnet._core import hessian as core
from bpnet._core import scratch

# The same formulas in another order of summation.
ROUNDING = 1e-13
# The reference forms dE/dz of a saturated output by quotients, and its derivative loses some digits more.
SAME = 1e-11
# Deep random nets of exp magnify the rounding of their sums.
RANDOM = 1e-9


@pytest.fixture
def biased(graph):
    """The graph with a bias for every unit, which is an addition to its a_j."""
    if graph.wires:
        layers = graph.wires._replace(bias=True)
    else:
        layers = [{**row, "bias": True} for row in graph.layers]
    return Problem(graph.n_inputs, layers, graph.outputs, weighted=True)


def methods(problem):
    """The network and the arguments of its methods."""
    return problem.net(), (problem.X, problem.y, problem.s)


def truth(problem):
    return reference.hessian(
        problem.n_inputs,
        problem.layers,
        problem.outputs,
        problem.reference_loss,
        problem.w,
        problem.X,
        problem.y,
        problem.s,
    )


def jacobian(problem, n):
    """Derivative of what the loss reads for sample n to the parameters, by a complex step of the reference."""
    reads_raw = problem.net()._reads_raw
    return reference.jacobian(problem.n_inputs, problem.layers, problem.outputs, problem.w, problem.X[n], reads_raw)


def test_hessian_equals_the_network_unit_by_unit_differentiated(problem):
    net, data = methods(problem)
    assert_near(net.hessian(*data), truth(problem), SAME)


@given(st.one_of(random_problems(), random_units()))
def test_hessian_of_any_graph_equals_the_network_unit_by_unit_differentiated(problem):
    net, data = methods(problem)
    hessian = net.hessian(*data)
    assert_near(hessian, truth(problem), RANDOM)
    assert_array_equal(hessian, hessian.T)
    if not problem.is_scattered:
        assert_near(net.hessian_diagonal(*data), np.diag(hessian), RANDOM)


def test_hessian_equals_central_differences_of_the_gradient(problem):
    net, data = methods(problem)
    step, rows = 1e-5, []
    for k in range(len(problem.w)):
        moved = np.where(np.arange(len(problem.w)) == k, step, 0)
        ahead, behind = (problem.net(w=problem.w + sign * moved).gradient(*data) for sign in (1, -1))
        rows.append((ahead - behind) / (2 * step))
    # Differences of float64 give some nine digits.
    assert_near(net.hessian(*data), rows, 1e-7)


def test_hessian_and_gauss_newton_are_symmetric_to_the_bit(problem):
    net, data = methods(problem)
    for matrix in (net.hessian(*data), net.gauss_newton(*data)):
        assert_array_equal(matrix, matrix.T)


def test_diagonal_is_the_diagonal_of_the_hessian(problem):
    net, data = methods(problem)
    if problem.is_scattered:
        with pytest.raises(ValueError, match="couples outputs of different layers"):
            net.hessian_diagonal(*data)
    else:
        assert_near(net.hessian_diagonal(*data), np.diag(net.hessian(*data)), ROUNDING)


def test_curvatures_are_the_second_derivatives_to_the_biases_of_each_sample(biased):
    net, (X, y, s) = methods(biased)
    places = [biased.topology.bias_index(unit) for unit in biased.topology.units]
    each = [np.diag(net.hessian(X[n : n + 1], y[n : n + 1], s[n : n + 1]))[places] for n in range(len(X))]
    assert_near(net.curvatures(X, y, s), each, ROUNDING)


def test_curvatures_of_unit_pairs_are_g_times_curvature_times_g(biased):
    """M = G' (L + D'') G with G = da/du, by biases again: G_ij = dz_i/db_j of a net where everything is linear."""
    net, (X, y, _) = methods(biased)
    places = [biased.topology.bias_index(unit) for unit in biased.topology.units]
    a, slope, curvature, error, weights, seed = reference.second_order_parts(
        biased.n_inputs, biased.layers, biased.outputs, biased.w, X[0], y[0]
    )
    inner = np.linalg.inv(np.eye(len(a)) - weights * slope)  # a_i = sum_j weights_ij h'_j a_j + u_i
    middle = np.diag(seed + curvature * error)
    assert_near(net.hessian(X[:1], y[:1])[np.ix_(places, places)], inner.T @ middle @ inner, 1e-12)


def test_gauss_newton_is_j_transposed_l_j(problem):
    net, (X, y, s) = methods(problem)
    raw = net.predict_raw(X) if net._reads_raw else net.predict(X)
    curvature = net._loss.hessian(raw, y, whole=False) * (np.ones(len(X)) if s is None else s)[:, None, None]
    expected = sum(J.T @ L @ J for J, L in ((jacobian(problem, n), curvature[n]) for n in range(len(X))))
    assert_near(net.gauss_newton(X, y, s), expected, SAME)


def test_gauss_newton_is_positive_semi_definite(problem):
    net, data = methods(problem)
    values = np.linalg.eigvalsh(net.gauss_newton(*data))
    assert values[0] >= -1e-13 * max(values[-1], np.finfo(float).tiny)


@pytest.mark.parametrize("graph", ["chain", "all upstream", "masked", "wide"])
@pytest.mark.parametrize("hidden", ["relu", "leaky_relu", "tanh"])
def test_hessian_is_the_gauss_newton_matrix_where_the_residuals_are_zero(graph, hidden):
    problem = make(graph, hidden)
    net, X = problem.net(), problem.X
    y = net.predict(X)
    assert_near(net.hessian(X, y), net.gauss_newton(X, y), ROUNDING)


@pytest.mark.parametrize("loss", LOSSES)
def test_layers_wide_enough_to_be_packed_equal_the_same_layers_with_masks(loss):
    """Masked layers are summed unit by unit, complete ones as packed pairs: the same numbers."""
    out = LOSSES[loss][2]
    complete = [layer("p", 9, "tanh", "input"), layer("q", 8, "silu", "p", "input"), layer("out", 7, out, "q", "p")]
    sizes = {"input": 5, "p": 9, "q": 8}
    masked = [
        {**row, "mask": {source: np.ones((sizes[source], row["n_units"]), bool) for source in row["sources"]}}
        for row in complete
    ]
    # One cell that is missing makes a layer incomplete; its weight is zero in the complete one.
    missing, topology = [], Topology(5, [Layer(**row) for row in complete])
    for row in masked:
        cells = row["mask"][row["sources"][0]]
        cells[1, 2] = False
        missing.append(topology.weight_index((row["sources"][0], 1), (row["name"], 2)))
    whole = Problem(5, complete, ["out"], loss, weighted=True, n_samples=9)
    kept = np.delete(np.arange(len(whole.w)), missing)
    whole.w[missing] = 0
    part = Problem(5, masked, ["out"], loss, weighted=True, n_samples=9)
    for name in ("hessian", "gauss_newton"):
        matrix = getattr(whole.net(), name)(whole.X, whole.y, whole.s)
        assert_near(
            getattr(part.net(w=whole.w[kept]), name)(whole.X, whole.y, whole.s), matrix[np.ix_(kept, kept)], ROUNDING
        )
    assert_near(whole.net().hessian(whole.X, whole.y, whole.s), truth(whole), SAME)


def test_thin_masks_equal_the_same_layers_with_weights_of_zero(rng):
    """With few of its connections a layer is gone through one by one, in every sum over units."""
    sizes, rows, kept = {"input": 10}, [], []
    for name, n, sources in [("p", 12, ["input"]), ("q", 14, ["p"]), ("r", 13, ["q", "p"]), ("out", 12, ["r", "p"])]:
        mask = {source: rng.random((sizes[source], n)) < 0.1 for source in sources}
        rows.append(layer(name, n, "identity" if name in ("p", "out") else "tanh", *sources, mask=mask))
        kept += [mask[source].ravel() for source in sources] + [np.ones(n, bool)]
        sizes[name] = n
    kept = np.concatenate(kept)
    outputs = ["out", "p"]  # one that feeds on
    whole = Problem(10, [{**row, "mask": {}} for row in rows], outputs, weighted=True)
    whole.w[~kept] = 0
    part = Problem(10, rows, outputs, weighted=True)
    for name in ("hessian", "gauss_newton"):
        matrix = getattr(whole.net(), name)(whole.X, whole.y, whole.s)[np.ix_(kept, kept)]
        assert_near(getattr(part.net(w=whole.w[kept]), name)(whole.X, whole.y, whole.s), matrix, ROUNDING)
    diagonal = part.net(w=whole.w[kept]).hessian_diagonal(whole.X, whole.y, whole.s)
    assert_near(diagonal, whole.net().hessian_diagonal(whole.X, whole.y, whole.s)[kept], ROUNDING)


@pytest.mark.parametrize("loss", LOSSES)
def test_many_inputs_meet_in_several_tiles(loss):
    """More pairs of inputs, and of units, than fit into one tile; compared by one column of differences."""
    problem = Problem(30, [layer("p", 30, "tanh", "input"), layer("out", 3, LOSSES[loss][2], "p")], ["out"], loss)
    net, data = methods(problem)
    v = np.random.default_rng(0).normal(size=len(problem.w))
    ahead, behind = (problem.net(w=problem.w + sign * 1e-6 * v).gradient(*data) for sign in (1, -1))
    assert_near(net.hessian(*data) @ v, (ahead - behind) / 2e-6, 1e-7)


def test_batch_is_the_sum_of_its_chunks(rng):
    """600 samples are three chunks; one at a time they are 600."""
    net = Network(Topology.layered([3, 8, 5, 2], ["tanh", "gelu"]), random_state=0)
    X, y = rng.normal(size=(600, 3)), rng.normal(size=(600, 2))
    for name in ("hessian", "gauss_newton", "hessian_diagonal"):
        method = getattr(net, name)
        assert_near(method(X, y), sum(method(X[n : n + 1], y[n : n + 1]) for n in range(600)), 1e-12)
    assert_array_equal(net.curvatures(X, y)[500:], net.curvatures(X[500:], y[500:]))


def test_bits_do_not_depend_on_what_was_computed_before(graph):
    net, (X, y, s) = methods(graph)
    first = net.hessian(X, y, s)
    net.hessian(X[:1], y[:1], s[:1])
    assert_array_equal(net.hessian(X, y, s), first)


def test_what_waiting_scratch_holds_does_not_matter(graph):
    net, data = methods(graph)
    before = net.hessian(*data)
    for purpose in ("signals", "sums", "workspace"):
        memory = scratch.borrow(purpose, 8)
        memory[:] = 255  # NaN, whatever its type
        scratch.give_back(purpose, memory)
    assert_array_equal(net.hessian(*data), before)


def test_large_scratch_does_not_wait():
    scratch.give_back("test", np.empty(2**26, np.uint8))
    assert scratch.borrow("test", 1).nbytes < 2**26


def test_zero_weight_is_the_same_as_leaving_the_row_out(graph):
    net, (X, y, _) = methods(graph)
    s = np.arange(len(X)) % 3.0
    X = X.copy()
    X[s == 0] = 1e300  # where signals overflow
    for name in ("hessian", "gauss_newton", "hessian_diagonal"):
        method = getattr(net, name)
        assert_array_equal(method(X, y, s), method(X[s > 0], y[s > 0], s[s > 0]))
    curvatures = net.curvatures(X, y, s)
    assert_array_equal(curvatures[s > 0], net.curvatures(X[s > 0], y[s > 0], s[s > 0]))
    assert not curvatures[s == 0].any()


def test_whole_weights_are_repeated_rows(graph):
    net, (X, y, _) = methods(graph)
    s = np.arange(len(X)) % 4
    assert_near(net.hessian(X, y, s), net.hessian(np.repeat(X, s, 0), np.repeat(y, s, 0)), ROUNDING)


def test_no_samples_no_curvature():
    net = Network(Topology.layered([3, 4, 2]), random_state=0)
    X, y = np.zeros((0, 3)), np.zeros((0, 2))
    assert not net.hessian(X, y).any() and not net.hessian_diagonal(X, y).any()
    assert net.curvatures(X, y).shape == (0, 6)
    assert not net.hessian(np.ones((4, 3)), np.ones((4, 2)), np.zeros(4)).any()


def test_order_of_the_units_of_a_layer_does_not_matter(rng):
    net = Network(Topology.layered([3, 6, 2]), random_state=0)
    X, y, order = rng.normal(size=(9, 3)), rng.normal(size=(9, 2)), rng.permutation(6)
    place = np.concatenate([
        np.arange(18).reshape(3, 6)[:, order].ravel(), 18 + order, 24 + np.arange(12).reshape(6, 2)[order].ravel(),
        [36, 37],
    ])  # fmt: skip
    other = Network.from_parameters(net.topology, net.parameters[place].copy())
    assert_near(other.hessian(X, y), net.hessian(X, y)[np.ix_(place, place)], ROUNDING)


def test_sparse_inputs_are_dense_inputs(graph):
    net, (X, y, s) = methods(graph)
    X = np.where(np.abs(X) > 0.5, X, 0)
    for name in ("hessian", "gauss_newton", "hessian_diagonal", "curvatures"):
        method = getattr(net, name)
        assert_array_equal(method(sp.csr_array(X), y, s), method(X, y, s))


def test_float32_networks_are_computed_in_float64_and_rounded(graph):
    net, data = methods(graph)
    single = graph.net(np.float32)
    for name in ("hessian", "gauss_newton", "hessian_diagonal", "curvatures"):
        result = getattr(single, name)(*data)
        assert result.dtype == np.float32
        assert_array_equal(result, getattr(net, name)(*data).astype(np.float32))
    out = np.empty((len(graph.w),) * 2)
    assert single.hessian(*data, out=out) is out
    assert_array_equal(out, net.hessian(*data))


@pytest.mark.parametrize("name", ["hessian", "gauss_newton"])
def test_out_is_overwritten_and_returned(name, graph):
    net, data = methods(graph)
    out = np.full((len(graph.w),) * 2, np.nan)
    assert getattr(net, name)(*data, out=out) is out
    assert_array_equal(out, getattr(net, name)(*data))


@pytest.mark.parametrize("name", ["hessian", "gauss_newton"])
@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        (np.zeros((12, 13)), ValueError, r"of shape \(13, 13\), got one of float64 of shape \(12, 13\)"),
        (np.zeros((13, 13), np.float32), ValueError, "of float64 .* got one of float32"),
        (np.zeros((13, 13), order="F"), ValueError, "not C-contiguous"),
        (np.zeros((26, 26))[::2, ::2], ValueError, "not C-contiguous"),
        ([[0.0]], TypeError, "expected out as an array or None, got list"),
    ],
)
def test_out_of_the_wrong_kind_is_refused(name, out, error, message):
    net = Network(Topology.layered([2, 3, 1]), random_state=0)
    with pytest.raises(error, match=message):
        getattr(net, name)(np.eye(2), np.ones(2), out=out)


def test_read_only_out_is_refused():
    net, out = Network(Topology.layered([2, 3, 1]), random_state=0), np.zeros((13, 13))
    out.setflags(write=False)
    with pytest.raises(ValueError, match="read-only"):
        net.hessian(np.eye(2), np.ones(2), out=out)


def test_unknown_method_is_refused():
    net = Network(Topology.layered([2, 3, 1]), random_state=0)
    with pytest.raises(ValueError, match="expected a method out of .*exact.*, got 'magic'"):
        net.hessian(np.eye(2), np.ones(2), method="magic")


def test_matrix_that_cannot_fit_is_refused_before_memory_is_taken():
    net = Network(Topology.layered([1000, 1000, 1]), random_state=0)
    tracemalloc.start()
    try:
        with pytest.raises(MemoryError, match="1002001 x 1002001 second derivatives .* take .* GiB"):
            net.hessian(np.ones((2, 1000)), np.ones(2))
        assert tracemalloc.get_traced_memory()[1] < 2**28
    finally:
        tracemalloc.stop()


def test_doors_of_the_core_refuse_what_does_not_fit_together():
    net, other = Network(Topology.layered([2, 3, 1]), random_state=0), Topology.layered([2, 4, 1])
    data = net._data(np.eye(2), np.ones(2))
    arguments = (net._loss, net._reads_raw, net.parameters, data)
    for door in (core.hessian, core.hessian_diagonal, core.curvatures):
        with pytest.raises(ValueError, match="expected the wiring of this plan"):
            door(net._plan, other.wiring, *arguments)
        single = Network(net.topology, dtype=np.float32, random_state=0)
        with pytest.raises(TypeError, match="expected data of float64, got float32"):
            door(
                net._plan, net.topology.wiring, net._loss, True, single.parameters,
                single._data(np.eye(2), np.ones(2)),
            )  # fmt: skip


def test_chain_of_two_thousand_units_is_quick_and_small(rng):
    n = 2000
    skips = [("input",)] + [(f"h{k}", f"h{k - 7}") if k > 7 and k % 100 == 0 else (f"h{k}",) for k in range(1, n)]
    topology = Topology(1, [Layer(1, "tanh" if k % 2 else "identity", skips[k]) for k in range(n)])
    net = Network(topology, random_state=0)
    net.parameters[:] = rng.normal(1, 0.05, topology.n_parameters)
    X, y = rng.normal(size=(2, 1)), rng.normal(size=(2, 1))
    hessian = net.hessian(X, y)
    assert_array_equal(hessian, hessian.T)
    assert_near(net.hessian_diagonal(X, y), np.diag(hessian), 1e-12)
    v = rng.normal(size=len(hessian)) / np.sqrt(n)
    gradients = []
    for sign in (1, -1):
        moved = Network.from_parameters(topology, net.parameters + sign * 1e-6 * v)
        gradients.append(moved.gradient(X, y))
    assert_near(hessian @ v, (gradients[0] - gradients[1]) / 2e-6, 1e-6)


def test_separate_heads_have_no_second_derivative_in_common():
    rows = [layer("p", 6, "tanh", "input"), layer("q", 5, "tanh", "input")]
    rows += [layer("left", 2, "identity", "p"), layer("right", 3, "identity", "q")]
    problem = Problem(3, rows, ["left", "right"])
    hessian = problem.net().hessian(problem.X, problem.y)
    assert_near(hessian, truth(problem), SAME)
    q = np.r_[24:44, 58:76]
    assert not hessian[np.ix_(np.delete(np.arange(76), q), q)].any()


def test_network_without_parameters_has_empty_second_derivatives():
    layer = Layer(1, "tanh", ("input",), mask={"input": np.zeros((2, 1), bool)}, bias=False)
    net, data = Network(Topology(2, [layer])), (np.eye(2), np.ones(2))
    assert net.hessian(*data).shape == net.gauss_newton(*data).shape == (0, 0)
    assert net.hessian_diagonal(*data).shape == (0,)
    assert net.parameter_jacobian(np.eye(2)).shape == (2, 1, 0)
    assert_array_equal(net.jacobian(np.eye(2)), np.zeros((2, 1, 2)))
    assert_array_equal(net.curvatures(*data), [[1.0], [1.0]])  # h'^2 + h''(z - y) at 0
