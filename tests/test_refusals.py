# SPDX-License-Identifier: BSD-3-Clause
"""What the doors of the engine refuse: with a ValueError or TypeError that names the argument, before anything changes.

Bad input of the estimators is in `test_bad_input.py`.
"""

import numpy as np
import pytest
import scipy.sparse

from bpnet import (
    Layer,
    MLPRegressor,
    Network,
    Topology,
    check_gradient,
    check_hessian,
    check_jacobian,
    scale_to_data,
    train,
)
from bpnet.callbacks import find_learning_rate, resume
from bpnet.diagnostics import delta_statistics, predict_delta_statistics

EDGES = [(0, "a"), (1, "a")]
X, Y = np.eye(3), np.array([1.0, 2.0, 3.0])
TOO_LARGE = np.full((2, 3), 10**400, object)


def net():
    return Network(Topology.layered([3, 2, 1]), random_state=0)


def broken(**parts):
    """A CSR matrix whose parts contradict each other."""
    matrix = scipy.sparse.csr_array(X)
    for name, values in parts.items():
        setattr(matrix, name, values)
    return matrix


FALLING = broken(indptr=np.array([0, -5, 2, 3], np.int32))

REFUSED = {  # what is wrong: the error, its words, and the call
    "integers beyond floats": (ValueError, "numbers in X: int too large", lambda: net().predict(TOO_LARGE)),
    "ragged rows": (ValueError, "an array of numbers as X", lambda: net().predict([[1], [2, 3]])),
    "objects": (TypeError, "numbers in X: float\\(\\) argument", lambda: net().predict([[object()] * 3])),
    "numbers as strings": (TypeError, "numbers in X, got <U1", lambda: net().predict([["1", "2", "3"]])),
    "complex parameters": (TypeError, "numbers in parameters", lambda: setattr(net(), "parameters", 1j * np.ones(11))),
    "complex weights": (TypeError, "numbers in an item", lambda: net().coefs.__setitem__(0, 1j * np.ones((3, 2)))),
    "no arrays": (TypeError, "expected 2 arrays, got None", lambda: net().coefs.__setitem__(slice(None), None)),
    "strings times H": (TypeError, "numbers in v", lambda: net().hessian_operator(X, Y) @ np.full(11, "a")),
    "a list as method": (ValueError, "a method out of", lambda: net().hessian(X, Y, method=[])),
    "a dict as rule": (ValueError, "a rule out of", lambda: train(net(), X, Y, rule={})),
    "a word as seed": (TypeError, "random_state as None", lambda: Network(net().topology, random_state="a")),
    "a word as momentum": (TypeError, "momentum as a number, got 'a'", lambda: train(net(), X, Y, momentum="a")),
    "no rate": (TypeError, "learning_rate as a number, got None", lambda: train(net(), X, Y, learning_rate=None)),
    "a word as penalty": (TypeError, "alpha_l1 as a number", lambda: train(net(), X, Y, alpha_l1="a")),
    "half a row": (TypeError, "batch_size as an integer", lambda: train(net(), X, Y, batch_size=2.5)),
    "no rows": (ValueError, "batch_size of at least 1", lambda: train(net(), X, Y, batch_size=0)),
    "no dropout": (TypeError, "dropout as a number, or one for each", lambda: train(net(), X, Y, dropout=None)),
    "no network": (TypeError, "expected a Network, got 3", lambda: train(3, X, Y)),
    "no network's gradient": (TypeError, "expected a Network", lambda: check_gradient(None, X, Y)),
    "no network's Hessian": (TypeError, "expected a Network", lambda: check_hessian("net", X, Y)),
    "no network's Jacobian": (TypeError, "expected a Network", lambda: check_jacobian([], X)),
    "no directions": (ValueError, "n_directions of at least 1", lambda: check_hessian(net(), X, Y, n_directions=0)),
    "half a direction": (TypeError, "n_directions as an int", lambda: check_gradient(net(), X, Y, n_directions=1.5)),
    "no network to scale": (TypeError, "expected a Network", lambda: scale_to_data(3, X)),
    "nothing to scale by": (ValueError, "at least one sample", lambda: scale_to_data(net(), X[:0])),
    "no rows to scale by": (ValueError, "n_rows of at least 1", lambda: scale_to_data(net(), X, 0)),
    "a column less": (ValueError, "X of shape", lambda: scale_to_data(net(), X[:, :2])),
    "a number as sources": (TypeError, "sources as names of layers, got 5", lambda: Layer(2, sources=5)),
    "numbers as sources": (TypeError, "sources as names of layers", lambda: Layer(2, sources=[0])),
    "a mask for nobody": (TypeError, "mask as a dict", lambda: Layer(2, mask=np.ones((2, 2), bool))),
    "biases": (TypeError, "bias as True or False", lambda: Layer(2, bias=[True, False])),
    "no layers": (TypeError, "a sequence of Layer, got None", lambda: Topology(3, None)),
    "lists as outputs": (TypeError, "outputs as names", lambda: Topology(3, [Layer(1)], outputs=[["output"]])),
    "a number as sizes": (TypeError, "sizes as a sequence", lambda: Topology.layered(3)),
    "no activation": (TypeError, "one per layer, got None", lambda: Topology.layered([3, 2, 1], None)),
    "no edges": (TypeError, "edges as pairs", lambda: Topology.from_edges(2, None, outputs=["a"])),
    "a matrix of edges": (TypeError, "edges as pairs", lambda: Topology.from_edges(2, broken(), outputs=["a"])),
    "numbers for activations": (
        ValueError,
        "an activation out of",
        lambda: Topology.from_edges(2, EDGES, outputs=["a"], activation=np.zeros(3)),
    ),
    "no estimator": (TypeError, "an MLPRegressor or", lambda: find_learning_rate(net(), X, Y)),
    "a word as rate": (TypeError, "min_rate as a", lambda: find_learning_rate(MLPRegressor(), X, Y, min_rate="a")),
    "half a step": (TypeError, "n_steps as an int", lambda: find_learning_rate(MLPRegressor(), X, Y, n_steps=10.5)),
    "no end": (ValueError, "min_rate < max_rate", lambda: find_learning_rate(MLPRegressor(), X, Y, max_rate=np.inf)),
    "a number as path": (TypeError, "os.PathLike", lambda: resume(0)),
    "falling pointers": (ValueError, "indptr", lambda: delta_statistics(net(), FALLING, Y)),
    "predicted from falling pointers": (ValueError, "indptr", lambda: predict_delta_statistics(net(), FALLING, Y)),
    "infinite weight": (ValueError, "sample_weight contains inf", lambda: MLPRegressor().fit(X, Y, np.inf)),
    "a weight that is NaN": (ValueError, "sample_weight contains NaN", lambda: MLPRegressor().fit(X, Y, np.nan)),
    "infinite validation weight": (
        ValueError,
        "In the validation set .*sample_weight contains inf",
        lambda: MLPRegressor().fit(X, Y, X_val=X, y_val=Y, sample_weight_val=np.inf),
    ),
}  # fmt: skip


@pytest.mark.parametrize("error, words, call", REFUSED.values(), ids=REFUSED)
def test_it_is_refused_by_name(error, words, call):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("label", [None, 3, {1}, ("h1",), ([1], 0), ("h1", "0"), "h1", ("h3", 0)], ids=str)
def test_what_is_no_label_is_no_unit(label):
    topology = net().topology
    with pytest.raises(KeyError, match="no unit"):
        topology.bias_index(label)
    with pytest.raises(KeyError, match="no connection"):
        topology.weight_index(("input", 0), label)
    with pytest.raises(KeyError, match="no connection"):
        topology.weight_index(label, ("output", 0))


def test_a_refused_training_leaves_the_parameters_alone():
    network = net()
    before = network.parameters.copy()
    for settings in ({"momentum": "a"}, {"batch_size": 0}, {"n_epochs": -1}, {"dropout": None}, {"n_jobs": "a"}):
        with pytest.raises((TypeError, ValueError)):
            train(network, X, Y, **settings)
        np.testing.assert_array_equal(network.parameters, before)


def test_more_threads_than_fit_into_an_integer_are_as_many_as_there_is_work_for():
    one, many = net(), net()
    assert train(one, X, Y, random_state=0) == train(many, X, Y, random_state=0, n_jobs=10**30)
    np.testing.assert_array_equal(one.parameters, many.parameters)


def test_layers_whose_sums_vary_beyond_all_numbers_keep_their_weights():
    network = net()
    before = network.parameters.copy()
    scale_to_data(network, 1e300 * X)
    np.testing.assert_array_equal(network.coefs[0].ravel(), before[:6])
