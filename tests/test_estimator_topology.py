# SPDX-License-Identifier: BSD-3-Clause
"""The estimators' parameter `topology`: what it may be, what it must fit, and that it is a parameter like any other."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale

from bpnet import Activation, Layer, MLPClassifier, MLPRegressor, Topology, initializers

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, LABELS = scale(load_iris().data), load_iris().target
TARGET = X[:, 0] * X[:, 1]
QUICK = {"max_iter": 5, "random_state": 0}
WIRED = Topology.from_edges(
    4,
    [(0, "a"), (1, "a"), (2, "b"), (3, "b"), *((source, k) for source in ("a", "b", 0) for k in ("x", "y", "z"))],
    outputs=["x", "y", "z"],
    out_activation="softmax",
)


def test_topology_of_the_same_net_gives_the_same_fit():
    plain = MLPRegressor(hidden_layer_sizes=(6, 5), **QUICK).fit(X, TARGET)
    for topology in (Topology.layered([4, 6, 5, 1], "relu"), [Layer(6, "relu"), Layer(5, "relu")]):
        # The parameters that it replaces are ignored, whatever they are.
        est = MLPRegressor(hidden_layer_sizes=(0, 2.5), activation="tanh", topology=topology, **QUICK).fit(X, TARGET)
        assert est.network_.topology == plain.network_.topology
        assert_array_equal(est.network_.parameters, plain.network_.parameters)
        assert est.n_layers_ == plain.n_layers_ == 4


def test_hidden_layers_may_hear_any_before_them_and_the_output_what_it_says():
    layers = [Layer(6, "relu", name="p"), Layer(5, "silu", sources=("p", "input"), name="q")]
    est = MLPClassifier(topology=layers, **QUICK).fit(X, LABELS)
    assert est.network_.topology == Topology(4, [*layers, Layer(3, "softmax", ("q",), "output")])
    open_end = [*layers, Layer(None, sources=("q", "input"), name="end", bias=False)]
    est.set_params(topology=open_end).fit(X, LABELS)
    assert est.network_.topology == Topology(4, [*layers, Layer(3, "softmax", ("q", "input"), "end", bias=False)])
    assert [coefs.shape for coefs in est.coefs_] == [(4, 6), (10, 5), (9, 3)]
    linear = MLPRegressor(topology=[], **QUICK).fit(X, TARGET)
    assert linear.network_.topology == Topology.layered([4, 1])


def test_graph_of_units_is_fitted_and_its_coefs_are_read_only_copies():
    est = MLPClassifier(topology=WIRED, solver="lbfgs", max_iter=500, random_state=0).fit(X, LABELS)
    assert est.score(X, LABELS) > 0.95 and est.n_layers_ == 3
    assert [coefs.shape for coefs in est.coefs_] == [(4, 2), (6, 3)]
    assert est.coefs_[1][0, 1] == est.network_.parameters[WIRED.weight_index(0, "y")]
    assert not est.coefs_[1][1].any() and not est.coefs_[1].flags.writeable
    est.coefs_[0] = np.ones((4, 2))
    assert est.network_.parameters[WIRED.weight_index(0, "a")] == 1 and est.coefs_[0][0, 1] == 0


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_training_starts_at_the_initial_parameters_of_the_topology(solver):
    est = MLPClassifier(topology=WIRED, solver=solver, learning_rate_init=1e-300, **QUICK | {"max_iter": 1})
    if solver == "lbfgs":
        est.set_params(max_iter=1, max_fun=1, tol=1e300)
    start = initializers.glorot_uniform(WIRED, np.random.RandomState(0))
    assert_array_equal(est.fit(X, LABELS).network_.parameters, start)


@pytest.mark.parametrize(
    ("error", "message", "kind", "topology"),
    [
        (ValueError, "topology has 3 inputs, but X has 4 features", MLPRegressor, Topology.layered([3, 1])),
        (ValueError, "topology has 2 outputs, but y needs 1", MLPRegressor, Topology.layered([4, 2])),
        (ValueError, "topology has 2 outputs, but y needs 3", MLPClassifier, Topology.layered([4, 2])),
        (
            ValueError,
            "outputs have the activation 'softmax', got identity",
            MLPClassifier,
            Topology.layered([4, 3]),
        ),
        (
            ValueError,
            "outputs have the activation 'identity', got logistic, tanh",
            lambda **more: MLPRegressor(**more),
            Topology(4, [Layer(2, ["tanh", "logistic"])]),
        ),
        (
            ValueError,
            "outputs have the activation 'identity', got sine",
            MLPRegressor,
            Topology(4, [Layer(1, Activation("sine", np.sin, np.cos))]),
        ),
        (TypeError, "a list of Layer, got 3 in it", MLPRegressor, [3]),
        (ValueError, "'topology' parameter of MLP.* must be", MLPRegressor, 3),
        (ValueError, "got Layer.None, 'tanh'.: only an estimator", MLPRegressor, [Layer(None), Layer(3)]),
        (ValueError, "expected sources out of .'input'", MLPRegressor, [Layer(3, sources=("h7",))]),
    ],
)
def test_topology_that_does_not_fit_is_refused_and_the_old_fit_stays(error, message, kind, topology):
    y = np.column_stack([TARGET, TARGET]) if "logistic, tanh" in message else LABELS
    est = kind(hidden_layer_sizes=3, **QUICK).fit(X, y)
    before = est.predict(X)
    with pytest.raises(error, match=message):
        est.set_params(topology=topology).fit(X, y)
    assert_array_equal(est.predict(X), before)


def test_warm_start_needs_the_same_topology():
    est = MLPClassifier(topology=WIRED, warm_start=True, **QUICK).fit(X, LABELS).fit(X, LABELS)
    with pytest.raises(ValueError, match="a warm start needs the same network"):
        est.set_params(topology=[Layer(3)]).fit(X, LABELS)


def test_topologies_are_cloned_and_searched_like_any_parameter():
    choices = [None, WIRED, [Layer(5, "tanh")], [Layer(5, name="p"), Layer(None, sources=("p", "input"))]]
    for topology in choices:
        twin = clone(MLPClassifier(topology=topology))
        assert twin.topology == topology and repr(twin) == repr(MLPClassifier(topology=topology))
    search = GridSearchCV(MLPClassifier(**QUICK), {"topology": choices}, cv=2, n_jobs=2).fit(X, LABELS)
    assert search.best_params_["topology"] in choices and np.isfinite(search.cv_results_["mean_test_score"]).all()
