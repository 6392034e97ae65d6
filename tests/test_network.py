# SPDX-License-Identifier: BSD-3-Clause
"""Network: shapes and types, parameters and their views, and what its doors take and refuse."""

import copy
import io
import pickle
from concurrent.futures import ThreadPoolExecutor

import joblib
import mpmath
import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from problems import GRAPHS, assert_near, make

from bpnet import Layer, Network, Topology, train


@pytest.fixture(params=GRAPHS)
def problem(request):
    return make(request.param, weighted=True)


@pytest.fixture
def net():
    return make("chain").net()


def _through_joblib(net):
    stream = io.BytesIO()
    joblib.dump(net, stream)
    stream.seek(0)
    return joblib.load(stream)


COPIES = {
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),
    "deepcopy": copy.deepcopy,
    "joblib": _through_joblib,
}


# Shapes and types


def test_results_have_their_shapes_and_the_type_of_the_network(problem, dtype):
    net, topology = problem.net(dtype), problem.topology
    results = {
        "predict": (net.predict(problem.X), (7, topology.n_outputs)),
        "predict_raw": (net.predict_raw(problem.X), (7, topology.n_outputs)),
        "gradient": (net.gradient(problem.X, problem.y, problem.s), (topology.n_parameters,)),
        "deltas": (net.deltas(problem.X, problem.y, problem.s), (7, len(topology.units))),
        "signals": (net.signals(problem.X)[0], (7, len(topology.units))),
        "slopes": (net.signals(problem.X)[1], (7, len(topology.units))),
        "parameters": (net.parameters, (topology.n_parameters,)),
    }
    assert {name: (array.shape, array.dtype) for name, (array, _) in results.items()} == {
        name: (shape, dtype) for name, (_, shape) in results.items()
    }
    assert type(net.loss(problem.X, problem.y)) is float


def test_one_row_is_a_row_of_many(problem):
    net = problem.net()
    for k in range(7):
        row = slice(k, k + 1)
        assert_near(net.predict(problem.X[row]), net.predict(problem.X)[row], 1e-14)
        assert_near(net.deltas(problem.X[row], problem.y[row]), net.deltas(problem.X, problem.y)[row], 1e-13)


def test_no_rows_give_no_outputs_and_no_loss(problem, dtype):
    net, X, y = problem.net(dtype), problem.X[:0], problem.y[:0]
    for empty in (X, sp.csr_array(X)):
        assert net.predict(empty).shape == (0, problem.topology.n_outputs)
        assert net.deltas(empty, y).shape == net.signals(empty)[0].shape == (0, len(problem.topology.units))
        assert net.loss(empty, y, np.ones(0)) == 0
        assert_array_equal(net.gradient(empty, y), np.zeros(len(problem.w)))


def test_value_and_gradient_are_loss_and_gradient(problem):
    net = problem.net()
    value, gradient = net.value_and_gradient(problem.X, problem.y, problem.s)
    assert value == net.loss(problem.X, problem.y, problem.s)
    assert_array_equal(gradient, net.gradient(problem.X, problem.y, problem.s))


def test_targets_of_one_output_may_be_a_vector():
    problem = make("single units")
    assert problem.net().loss(problem.X, problem.y.ravel()) == problem.net().loss(problem.X, problem.y)


def test_repr_says_what_the_network_is(net):
    assert repr(net) == f"Network({net.topology!r}, loss='squared_error', dtype=float64)"


# Parameters and their views


def test_from_parameters_shares_its_vector(problem, dtype):
    w = problem.w.astype(dtype)
    net = Network.from_parameters(problem.topology, w, problem.loss_name)
    assert net.parameters is w and net.dtype == dtype
    before = net.predict(problem.X)
    w *= 2
    assert (net.predict(problem.X) != before).any()


def test_assigning_parameters_writes_into_the_vector(problem):
    net = problem.net()
    vector = net.parameters
    net.parameters = 2 * problem.w
    assert net.parameters is vector
    assert_array_equal(vector, 2 * problem.w)


def test_coefs_and_intercepts_are_the_vector_layer_by_layer(problem):
    net, topology, place = problem.net(), problem.topology, 0
    labels, units = {"input": [problem.label(("input", i)) for i in range(problem.n_inputs)]}, iter(topology.units)
    for layer, coefs, intercepts in zip(topology.layers, net.coefs, net.intercepts, strict=True):
        labels[layer.name] = [next(units) for _ in range(layer.n_units)]
        rows = [label for source in layer.sources for label in labels[source]]
        assert coefs.shape == (len(rows), layer.n_units) and coefs.dtype == net.dtype
        for i, upstream in enumerate(rows):
            for j, unit in enumerate(labels[layer.name]):
                try:
                    assert coefs[i, j] == net.parameters[topology.weight_index(upstream, unit)]
                    place += 1
                except KeyError:
                    assert coefs[i, j] == 0
        biases = [net.parameters[topology.bias_index(unit)] for unit in labels[layer.name] if layer.bias]
        assert_array_equal(intercepts, biases)
        place += len(biases)
    assert place == len(net.parameters)


def test_writing_into_a_view_changes_the_network(net):
    coefs, intercepts = net.coefs, net.intercepts
    coefs[0][1, 2] = 5
    intercepts[1][:] = 7
    assert net.parameters[net.topology.weight_index(("input", 1), ("p", 2))] == 5
    assert [net.parameters[net.topology.bias_index(("q", k))] for k in range(3)] == [7] * 3
    assert net.coefs[0][1, 2] == 5


@pytest.mark.parametrize("name", ["coefs", "intercepts"])
def test_assigning_an_item_or_a_slice_changes_the_network(problem, name):
    net, other = problem.net(), problem.net(w=problem.w + 1)
    views, new = getattr(net, name), getattr(other, name)
    views[-1] = new[-1].tolist()
    assert_array_equal(getattr(net, name)[-1], new[-1])
    views[:] = new
    for actual, expected in zip(getattr(net, name), new):
        assert_array_equal(actual, expected)
    part = "weight" if name == "coefs" else "bias"
    changed = np.flatnonzero(net.parameters != problem.w)
    weights = np.concatenate([np.arange(a, b) for a, b in net.topology.plan.weight_ranges])
    assert np.isin(changed, weights).all() if part == "weight" else not np.isin(changed, weights).any()


@pytest.mark.parametrize(("index", "shape"), [(0, (5, 4)), (0, (20,)), (1, (5, 4)), (-1, (3, 3)), (0, ())])
def test_item_of_another_shape_is_refused(net, index, shape):
    with pytest.raises(ValueError, match="expected an array of shape"):
        net.coefs[index] = np.zeros(shape)
    assert_array_equal(net.parameters, make("chain").w)


def test_slice_of_another_length_is_refused(net):
    with pytest.raises(ValueError, match="expected 3 arrays, got 2"):
        net.coefs[:] = net.coefs[:2]
    with pytest.raises(IndexError):
        net.coefs[3] = np.zeros((2, 2))


def test_masked_layer_gives_a_read_only_copy_that_may_be_assigned():
    problem = make("masked")
    net, mask = problem.net(), problem.layers[0]["mask"]["input"]
    with pytest.raises(ValueError, match="read-only"):
        net.coefs[0][0, 0] = 1
    assert not net.coefs[0][~mask].any() and not np.shares_memory(net.coefs[0], net.parameters)
    net.coefs[0] = np.arange(20.0).reshape(4, 5)
    assert_array_equal(net.coefs[0], np.arange(20.0).reshape(4, 5) * mask)
    start, stop = net.topology.plan.weight_ranges[0]
    assert_array_equal(np.delete(net.parameters, np.s_[start:stop]), np.delete(problem.w, np.s_[start:stop]))


@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES.keys())
def test_copy_predicts_the_same_bits_and_keeps_its_views_alive(problem, duplicate, dtype):
    net = problem.net(dtype)
    twin = duplicate(net)
    assert_array_equal(twin.predict(problem.X), net.predict(problem.X))
    assert (twin.topology, twin.loss_name, twin.dtype) == (net.topology, net.loss_name, net.dtype)
    assert not np.shares_memory(twin.parameters, net.parameters)
    assert np.shares_memory(twin.coefs[-1], twin.parameters) or not twin.coefs[-1].flags.writeable
    twin.coefs[-1] = np.zeros_like(twin.coefs[-1])
    assert not np.any(twin.coefs[-1]) and np.any(net.coefs[-1])


@pytest.mark.parametrize("duplicate", [lambda v: pickle.loads(pickle.dumps(v)), copy.deepcopy])
def test_copied_views_are_a_plain_list_of_arrays(net, duplicate):
    arrays = duplicate(net.coefs)
    assert type(arrays) is list
    for array, view in zip(arrays, net.coefs, strict=True):
        assert_array_equal(array, view)
        assert not np.shares_memory(array, net.parameters) and array.flags.writeable


def test_memory_mapped_network_predicts_and_says_that_it_is_read_only(net, tmp_path):
    joblib.dump(net, tmp_path / "net.joblib")
    twin = joblib.load(tmp_path / "net.joblib", mmap_mode="r")
    assert_array_equal(twin.predict(np.ones((2, 4))), net.predict(np.ones((2, 4))))
    with pytest.raises(ValueError, match="read-only"):
        twin.parameters[0] = 1


def test_assignment_that_fails_changes_nothing(net):
    before = net.parameters.copy()
    for wrong in (
        [np.zeros_like(net.coefs[0]), *[np.zeros((9, 9))] * (len(net.coefs) - 1)],
        [np.zeros_like(net.coefs[0])],
    ):
        with pytest.raises(ValueError, match="expected"):
            net.coefs[:] = wrong
        assert_array_equal(net.parameters, before)


def test_views_cannot_be_lengthened_or_reordered(net):
    for change in (lambda: net.coefs.append(0), lambda: net.coefs.pop(), lambda: net.intercepts.reverse()):
        with pytest.raises(TypeError, match="the layers of a network are fixed"):
            change()


def test_views_are_lists(net):
    assert isinstance(net.coefs, list) and len(net.coefs) == 3
    assert [view.shape for view in net.coefs] == [(4, 5), (5, 3), (3, 2)]
    assert [view.shape for view in net.intercepts] == [(5,), (3,), (2,)]
    assert make("no bias").net().intercepts[0].shape == (0,)


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
    problem = make("all upstream", weighted=True)
    X = sp.csr_array(problem.X) if sparse else problem.X.astype(dtype)
    arguments = X, problem.y.astype(dtype), problem.s.astype(dtype)
    before = copy.deepcopy(arguments)
    net = problem.net(dtype)
    net.predict(X), net.deltas(*arguments), net.value_and_gradient(*arguments)
    for argument, old in zip(arguments, before):
        assert_array_equal(
            argument.toarray() if sp.issparse(argument) else argument, old.toarray() if sp.issparse(old) else old
        )
    assert_array_equal(net.parameters, problem.w.astype(dtype))


def test_results_are_new_arrays(net):
    X, y = np.ones((3, 4)), np.ones((3, 2))
    for method in (lambda: net.predict(X), lambda: net.gradient(X, y), lambda: net.deltas(X, y)):
        first, second = method(), method()
        assert not np.shares_memory(first, second) and first.flags.writeable and first.flags.owndata


def test_threads_predict_the_same_bits(rng):
    problem = make("wide", "gelu", "multinomial", n_samples=3000)
    net = problem.net()
    outputs, gradient = net.predict(problem.X), net.gradient(problem.X, problem.y)
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda _: (net.predict(problem.X), net.gradient(problem.X, problem.y)), range(12)):
            assert_array_equal(result[0], outputs)
            assert_array_equal(result[1], gradient)


def test_finite_numbers_whose_sum_overflows_are_taken(dtype):
    net = Network(Topology(2, [Layer(1, "tanh")]), dtype=dtype, random_state=0)
    largest = np.full((3, 2), np.finfo(dtype).max)
    assert np.isfinite(net.predict(largest)).all()


# What the doors refuse

X, Y = np.ones((7, 4)), np.ones((7, 2))


def _spoiled(array, value):
    array = array.copy()
    array.flat[3] = value
    return array


@pytest.mark.parametrize(
    ("error", "message", "bad"),
    [
        (ValueError, "expected finite numbers in X, got NaN, infinity", _spoiled(X, np.nan)),
        (ValueError, "expected finite numbers in X, got NaN, infinity", _spoiled(X, np.inf)),
        (ValueError, "expected finite numbers in X, got NaN, infinity", _spoiled(X, -np.inf)),
        (ValueError, "expected finite numbers in X", _spoiled(_spoiled(X, np.inf)[::-1], -np.inf)),
        (ValueError, "expected finite numbers in X", sp.csr_array(_spoiled(X, np.nan))),
        (ValueError, r"expected X of shape \(n_samples, 4\), got \(7, 3\)", X[:, :3]),
        (ValueError, r"expected X of shape \(n_samples, 4\), got \(4,\)", X[0]),
        (ValueError, r"expected X of shape \(n_samples, 4\), got \(7, 2, 2\)", X.reshape(7, 2, 2)),
        (ValueError, r"expected X of shape \(n_samples, 4\), got \(\)", 3.0),
        (ValueError, r"expected X of shape \(n_samples, 4\), got \(7, 3\)", sp.csr_array(X[:, :3])),
        (TypeError, "expected numbers in X, got <U1", [["a", "b", "c", "d"]]),
        (TypeError, "expected numbers in X, got complex128", X.astype(complex)),
        (TypeError, "expected numbers in X, got complex128", sp.csr_array(X.astype(complex))),
        (TypeError, "expected numbers in X, got object", np.array([[1, 2, 3, "4"]], object)),
        (TypeError, "expected numbers in X, got datetime64", np.zeros((7, 4), "M8[s]")),
    ],
)
def test_impossible_inputs_are_refused(net, error, message, bad):
    with pytest.raises(error, match=message):
        net.predict(bad)
    with pytest.raises(error, match=message):
        net.gradient(bad, Y)


def test_numbers_too_large_for_float32_are_refused(net):
    small = Network(net.topology, dtype=np.float32)
    for bad in (_spoiled(X, 1e300), sp.csr_array(_spoiled(X, 1e300))):
        with pytest.raises(ValueError, match="expected finite numbers in X"):
            small.predict(bad)


@pytest.mark.parametrize(
    ("error", "message", "bad"),
    [
        (ValueError, "expected finite numbers in y, got NaN, infinity", _spoiled(Y, np.nan)),
        (ValueError, r"expected y of shape \(7, 2\), got \(6, 2\)", Y[:6]),
        (ValueError, r"expected y of shape \(7, 2\), got \(7,\)", Y[:, 0]),
        (ValueError, r"expected y of shape \(7, 2\), got \(7, 3\)", np.ones((7, 3))),
        (ValueError, r"expected y of shape \(7, 2\), got \(7, 2, 1\)", Y[:, :, None]),
        (TypeError, "expected numbers in y, got <U1", np.full((7, 2), "a")),
    ],
)
def test_impossible_targets_are_refused(net, error, message, bad):
    for method in (net.loss, net.gradient, net.deltas):
        with pytest.raises(error, match=message):
            method(X, bad)


@pytest.mark.parametrize(
    ("loss", "message", "bad"),
    [
        ("binary", "log_loss expects targets from 0 to 1 in y, got -0.5 to 1.0", _spoiled(Y, -0.5)),
        ("binary", "log_loss expects targets from 0 to 1 in y, got 1.0 to 1.5", _spoiled(Y, 1.5)),
        ("poisson", "loss 'poisson' expects targets of at least 0 in y, got -0.5", _spoiled(Y, -0.5)),
        ("multinomial", "loss 'multinomial_log_loss' expects targets of at least 0 in y, got -0.5", _spoiled(Y, -0.5)),
        ("multinomial", "expected class numbers from 0 to 1 in y, got 0 to 2", np.arange(7) % 3),
        ("multinomial", "expected class numbers from 0 to 1 in y, got -1 to 1", np.arange(7) % 3 - 1),
        ("multinomial", "expected class numbers from 0 to 1 in y, got 0 to 4294967296", np.array([2**32, *6 * [0]])),
        ("multinomial", "expected y for 7 samples, got 6", np.zeros(6, int)),
        ("multinomial", r"expected y of shape \(7, 2\), got \(7,\)", np.zeros(7)),
    ],
)
def test_targets_outside_the_range_of_the_loss_are_refused(loss, message, bad):
    with pytest.raises(ValueError, match=message):
        make("chain", loss=loss).net().loss(X, bad)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int64, np.uint64, ">i4"])
def test_class_numbers_may_be_integers_of_any_kind(kind):
    net, classes = make("chain", loss="multinomial").net(), np.arange(7) % 2
    assert net.loss(X, classes.astype(kind)) == net.loss(X, np.eye(2)[classes])


@pytest.mark.parametrize(
    ("error", "message", "bad"),
    [
        (ValueError, "expected sample_weight of at least 0, got -1.0", _spoiled(X[:, 0], -1)),
        (ValueError, "expected finite numbers in sample_weight, got NaN, infinity", _spoiled(X[:, 0], np.nan)),
        (ValueError, "expected finite numbers in sample_weight, got NaN, infinity", _spoiled(X[:, 0], np.inf)),
        (ValueError, r"expected sample_weight of shape \(7,\), got \(6,\)", np.ones(6)),
        (ValueError, r"expected sample_weight of shape \(7,\), got \(7, 1\)", np.ones((7, 1))),
        (ValueError, r"expected sample_weight of shape \(7,\), got \(\)", 2.0),
        (TypeError, "expected numbers in sample_weight, got <U1", ["a"] * 7),
    ],
)
def test_impossible_weights_are_refused(net, error, message, bad):
    for method in (net.loss, net.gradient, net.deltas):
        with pytest.raises(error, match=message):
            method(X, Y, bad)


@pytest.mark.parametrize("dtype", [np.float16, np.int64, "complex128", ">f8"])
def test_networks_of_other_types_are_refused(dtype):
    with pytest.raises(ValueError, match="expected dtype float32 or float64, got"):
        Network(Topology.layered([2, 1]), dtype=dtype)
    with pytest.raises(ValueError, match="expected dtype float32 or float64, got"):
        Network.from_parameters(Topology.layered([2, 1]), np.zeros(3, dtype))


@pytest.mark.parametrize("w", [np.zeros(2), np.zeros((3, 1)), np.zeros(6)[::2]], ids=["short", "matrix", "strided"])
def test_parameters_of_another_shape_are_refused(w):
    with pytest.raises(ValueError, match="expected a contiguous vector of 3 parameters, got"):
        Network.from_parameters(Topology.layered([2, 1]), w)


def test_what_is_no_topology_is_refused():
    with pytest.raises(TypeError, match=r"expected a Topology, got \[2, 1\]"):
        Network([2, 1])


def test_loss_that_does_not_fit_the_outputs_is_refused():
    with pytest.raises(ValueError, match="expects outputs with activation logistic or softmax, got identity"):
        Network(Topology.layered([2, 1]), "log_loss")


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


def test_columns_beyond_32_bits_are_refused():
    net = make("chain").net()
    X = sp.csr_array(make("chain").X)
    X.indices = X.indices.astype(np.int64)
    X.indices[0] = 2**32 + 1
    with pytest.raises(ValueError, match=r"expected columns from 0 to \d+ in X, got"):
        net.predict(X)


def test_same_layer_may_stand_twice():
    assert [layer.name for layer in Topology(2, [Layer(3)] * 2).layers] == ["h1", "output"]


def test_training_needs_parameters_that_can_be_written():
    problem = make("chain")
    frozen = problem.w.copy()
    frozen.setflags(write=False)
    with pytest.raises(ValueError, match="whose parameters can be written"):
        train(Network.from_parameters(problem.topology, frozen), problem.X, problem.y)


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
