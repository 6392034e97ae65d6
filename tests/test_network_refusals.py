# SPDX-License-Identifier: BSD-3-Clause
"""What the doors of Network refuse: impossible inputs, targets, weights, parameters.

The other doors of the engine are in `test_refusals.py`.
"""

import numpy as np
import pytest
import scipy.sparse as sp
from problems import make

from bpnet import Network, Topology, train


@pytest.fixture
def net():
    return make("chain").net()


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


def test_columns_beyond_32_bits_are_refused():
    net = make("chain").net()
    X = sp.csr_array(make("chain").X)
    X.indices = X.indices.astype(np.int64)
    X.indices[0] = 2**32 + 1
    with pytest.raises(ValueError, match=r"expected columns from 0 to \d+ in X, got"):
        net.predict(X)


def test_training_needs_parameters_that_can_be_written():
    problem = make("chain")
    frozen = problem.w.copy()
    frozen.setflags(write=False)
    with pytest.raises(ValueError, match="whose parameters can be written"):
        train(Network.from_parameters(problem.topology, frozen), problem.X, problem.y)
