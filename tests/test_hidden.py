# SPDX-License-Identifier: BSD-3-Clause
"""Outputs of hidden layers and units, against the network one unit at a time and by hand."""

import numpy as np
import pytest
import reference
import scipy.sparse
from hypothesis import given
from numpy.testing import assert_allclose, assert_array_equal
from problems import GRAPHS, assert_near, make
from random_problems import random_problems
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError

from bpnet import MLPClassifier, MLPRegressor, Network, Topology, hidden

# Sums of a few dozen terms.
TOLERANCE = {np.dtype(np.float64): 1e-13, np.dtype(np.float32): 3e-6}


def truth(problem, of):
    """Signals of all units for each row: (n_samples, n_units), in the order of the topology."""
    net, _ = reference.units(problem.n_inputs, problem.layers)
    kind = {"raw": 0, "output": 1}[of]
    rows = [reference.forward(net, x, problem.w.tolist())[kind] for x in problem.X.tolist()]
    return np.array([[row[label] for label in problem.topology.units] for row in rows])


@pytest.mark.parametrize("of", ["output", "raw"])
@pytest.mark.parametrize("graph", GRAPHS)
def test_layers_by_number_and_by_name_are_what_their_units_say(graph, of, dtype):
    problem = make(graph)
    net, expected, first = problem.net(dtype), truth(problem, of), 0
    layers = problem.topology.layers
    for k, layer in enumerate(layers):
        own = slice(first, first := first + layer.n_units)
        result = net.hidden_output(problem.X, k, of)
        assert result.dtype == dtype and result.flags.c_contiguous
        assert_near(result, expected[:, own], TOLERANCE[dtype])
        for same in (k - len(layers), np.int64(k), layer.name, problem.topology.units[own]):
            assert_array_equal(net.hidden_output(problem.X, same, of=of), result)


@given(random_problems())
def test_any_units_in_any_order_of_any_network(problem):
    labels = problem.topology.units[::-2] + problem.topology.units[:1]  # perhaps one of them twice
    own = [problem.topology.units.index(label) for label in labels]
    for of in ("output", "raw"):
        assert_near(problem.net().hidden_output(problem.X, labels, of), truth(problem, of)[:, own], 1e-12)


def test_softmax_layer_and_the_last_layer_are_the_predictions():
    problem = make("chain", loss="multinomial")
    net = problem.net()
    assert_array_equal(net.hidden_output(problem.X, -1), net.predict(problem.X))
    assert_array_equal(net.hidden_output(problem.X, "out", of="raw"), net.predict_raw(problem.X))
    assert_allclose(net.hidden_output(problem.X, [("out", 0)]), net.predict(problem.X)[:, :1], rtol=1e-15)


def test_one_label_stands_for_a_list_of_it():
    problem = make("unit by unit")
    net = problem.net()
    for label in ("p", ("q", 1)):
        assert_array_equal(net.hidden_output(problem.X, label), net.hidden_output(problem.X, [label]))
    assert net.hidden_output(problem.X, [-7]).shape == (7, 1)


def test_name_of_a_layer_goes_before_the_label_of_a_unit():
    wired = Topology.from_edges(1, [(0, "p"), (0, "h1"), ("p", "q"), ("h1", "q")], outputs=["q"])
    net = Network(wired, random_state=0)
    assert net.hidden_output([[1.0]], "h1").shape == (1, 2)
    assert_array_equal(net.hidden_output([[1.0]], ["h1"])[:, 0], net.hidden_output([[1.0]], 0)[:, 1])


def test_rows_in_many_chunks_and_sparse_rows_are_the_same_rows(rng):
    net = Network(Topology.layered([30, 20, 10, 2], "relu"), random_state=0)
    X = rng.normal(size=(5000, 30)) * (rng.random((5000, 30)) < 0.2)
    z = np.maximum(np.maximum(X @ net.coefs[0] + net.intercepts[0], 0) @ net.coefs[1] + net.intercepts[1], 0)
    assert_allclose(net.hidden_output(X, "h2"), z, rtol=1e-12, atol=1e-14)
    assert_allclose(net.hidden_output(scipy.sparse.csr_array(X), "h2"), z, rtol=1e-12, atol=1e-14)


def test_what_lies_behind_the_layer_is_not_computed(monkeypatch):
    plans, plan_of = [], hidden.Plan
    monkeypatch.setattr(hidden, "Plan", lambda *args: plans.append(plan_of(*args)) or plans[-1])
    net = Network(Topology.layered([2, 3, 4, 1]), random_state=0)
    for layer in (0, [("h2", 1), ("h1", 0)], -1):
        net.hidden_output(np.eye(2), layer)
    assert [(plan.n_layers, plan.n_parameters) for plan in plans] == [(2, 9), (3, 25), (4, 30)]


def test_estimators_say_it_with_the_checks_of_predict():
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier((5, 4), activation="logistic", tol=1e9, n_iter_no_change=1).fit(X, y)
    z = 1 / (1 + np.exp(-(X @ model.coefs_[0] + model.intercepts_[0])))
    a = z @ model.coefs_[1] + model.intercepts_[1]
    for rows in (X, X.tolist(), scipy.sparse.csr_array(X)):
        assert_allclose(model.hidden_output(rows, 0), z, rtol=1e-12)
        assert_allclose(model.hidden_output(rows, "h2", of="raw"), a, rtol=1e-11, atol=1e-13)
        assert_allclose(model.hidden_output(rows, -1), model.predict_proba(X), rtol=1e-12)


def test_estimators_keep_float32_and_refuse_before_the_fit():
    X, y = load_diabetes(return_X_y=True)
    model = MLPRegressor("squared_error", (5,), tol=1e9, n_iter_no_change=1)
    with pytest.raises(NotFittedError):
        model.hidden_output(X, 0)
    model.fit(X.astype(np.float32), y)
    assert model.hidden_output(X.astype(np.float32), 0).dtype == np.float32
    with pytest.raises(ValueError, match="9 features"):
        model.hidden_output(X[:, :9], 0)
    with pytest.raises(ValueError, match="from 0 to 1, or from the end -1 to -2, got 2"):
        model.hidden_output(X, 2)


@pytest.mark.parametrize(
    ("layer", "error", "message"),
    [
        (3, ValueError, "expected a layer from 0 to 2, or from the end -1 to -3, got 3"),
        (-4, ValueError, "got -4"),
        ("h3", ValueError, r"expected one of the layers 'p', 'q', 'out' or labels .*, got 'h3'"),
        ("input", ValueError, "got 'input'"),
        (("p", 5), ValueError, r"got \('p', 5\)"),
        ([("p", 0), "x"], ValueError, "got 'x'"),
        ([[0]], ValueError, r"got \[0\]"),
        ([], ValueError, "at least one unit"),
        (True, TypeError, "expected the number or name of a layer, or a list of labels of units, got True"),
        (1.0, TypeError, "got 1.0"),
        (None, TypeError, "got None"),
    ],
)
def test_what_is_no_layer_and_no_unit_is_refused_by_name(layer, error, message):
    problem = make("chain")
    with pytest.raises(error, match=message):
        problem.net().hidden_output(problem.X, layer)


def test_bad_rows_and_a_bad_of_are_refused():
    net = Network(Topology.layered([2, 3, 1]))
    with pytest.raises(ValueError, match="finite numbers in X"):
        net.hidden_output([[np.nan, 1.0]], 0)
    with pytest.raises(ValueError, match=r"X of shape \(n_samples, 2\)"):
        net.hidden_output([[1.0]], 0)
    with pytest.raises(ValueError, match="'output' or 'raw', got 'z'"):
        net.hidden_output(np.eye(2), 0, of="z")
    assert net.hidden_output(np.empty((0, 2)), 0).shape == (0, 3)
