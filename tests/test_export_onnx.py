# SPDX-License-Identifier: BSD-3-Clause
"""Exported ONNX graphs: onnxruntime says what the reference, the estimators and whole pipelines say."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from numpy.testing import assert_allclose, assert_array_equal
from problems import CATALOGUE, HIDDEN, assert_near, make
from random_problems import random_problems
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import BaggingClassifier, StackingClassifier
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from bpnet import Layer, MLPClassifier, MLPRegressor, Network, Topology, _extras, register_onnx, to_onnx
from bpnet._core.activations import apply
from bpnet.export import _activations

onnxruntime = pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, LABELS = load_iris(return_X_y=True)
QUICK = {"hidden_layer_sizes": (6,), "max_iter": 30, "random_state": 0, "learning_rate_init": 0.05}
CLASSES = {
    "two": np.array(["no", "yes"])[(LABELS > 0).astype(int)],
    "three words": np.array(["a", "ü", "c c"])[LABELS],
    "three numbers": LABELS * 10**12 - 7,
    "whole floats": LABELS + 1.0,
    "bools": LABELS > 0,
    "one": np.zeros(150, int),
    "several labels": np.column_stack([LABELS > 0, LABELS > 1]).astype(int),
}


def run(model, **inputs):
    """Results of onnxruntime by name."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, inputs)))


@pytest.mark.parametrize("names", list(CATALOGUE.values())[::3], ids=list(CATALOGUE)[::3])
def test_every_network_says_what_the_reference_says(names, dtype):
    problem = make(*names)
    net = problem.net(dtype)
    result = run(to_onnx(net), X=problem.X.astype(dtype))
    assert result["output"].dtype == dtype
    # The largest measured are 25 units in the last place, where large terms cancel.
    tolerance = 64 * np.finfo(dtype).eps
    assert_near(result["output"], problem.truth.outputs, tolerance)
    assert_near(result["raw"], net.predict_raw(problem.X), tolerance)


@settings(max_examples=30)
@given(problem=random_problems())
def test_any_network_says_what_the_reference_says(problem):
    assert_near(run(to_onnx(problem.net()), X=problem.X)["output"], problem.truth.outputs, 1e-13)


@pytest.mark.parametrize("name", HIDDEN)
def test_activations_are_right_at_any_size_of_the_argument(name, dtype):
    a = np.concatenate([np.linspace(-40, 40, 801), [-1e4, -800, 800, 1e4]]).astype(dtype)
    a = a[a < 80] if name == "exp" else a
    net = Network.from_parameters(Topology(1, [Layer(1, name, bias=False)]), np.ones(1, dtype))
    z = run(to_onnx(net), X=a[:, None])["output"].ravel()
    # Relative to 1 and |a|: log1p and expm1 are no operators of ONNX, so small results lose digits.
    expected = apply(name, a)
    scale = np.maximum(np.maximum(np.abs(a), 1), np.abs(expected))
    assert np.max(np.abs(z - expected) / scale) < 4 * np.finfo(dtype).eps


@pytest.mark.parametrize("y", CLASSES.values(), ids=CLASSES)
@pytest.mark.parametrize("input_type", [np.float32, np.float64], ids=["from float32", "from float64"])
def test_pipelines_classify_as_in_python(y, input_type, dtype):
    model = make_pipeline(StandardScaler(), MLPClassifier(**QUICK)).fit(X.astype(dtype), y)
    Z = X.astype(input_type)
    result = run(to_onnx(model, Z[:1]), X=Z)
    assert_array_equal(result["label"], model.predict(Z))
    assert_allclose(result["probabilities"], model.predict_proba(Z), rtol=0, atol=1e-6)
    assert result["probabilities"].dtype == input_type


MODEL = MLPClassifier(**QUICK)
SCALED = make_pipeline(StandardScaler(), MODEL)
SEARCH = GridSearchCV(SCALED, {"mlpclassifier__alpha": [0.1]}, cv=2)
CONTAINERS = {
    "sigmoid": lambda model: CalibratedClassifierCV(model, cv=2),
    "stack of decisions": lambda model: StackingClassifier([("one", model)], cv=2, stack_method="decision_function"),
    "stack": lambda model: StackingClassifier([("one", model)], final_estimator=model, cv=2),
    "one against the others": OneVsRestClassifier,
    "bag": lambda model: BaggingClassifier(model, 2, random_state=0),
    "sigmoid of bag": lambda model: CalibratedClassifierCV(BaggingClassifier(model, 2, random_state=0), cv=2),
    "sigmoid of stack": lambda model: CalibratedClassifierCV(StackingClassifier([("one", model)], model, cv=2), cv=2),
    "stack of sigmoids and others": lambda model: StackingClassifier(
        [("one", CalibratedClassifierCV(model, cv=2)), ("two", model)], cv=2, stack_method="predict_proba"
    ),
}


@pytest.mark.parametrize("inner", [MODEL, SCALED, make_pipeline(SCALED)], ids=["alone", "scaled", "nested"])
@pytest.mark.parametrize(
    ("name", "n_classes"),
    [(name, n) for name in CONTAINERS for n in (2, 3) if (name, n) != ("stack of decisions", 2)],  # which is refused
)
def test_containers_that_read_decisions_or_probabilities_say_the_same(name, n_classes, inner, dtype):
    check_container(CONTAINERS[name](inner), np.minimum(LABELS, n_classes - 1), dtype)


@pytest.mark.parametrize("name", ["sigmoid", "stack of decisions", "sigmoid of bag", "sigmoid of stack"])
def test_searches_in_containers_give_their_decisions(name, dtype):
    check_container(CONTAINERS[name](SEARCH), LABELS, dtype)


def check_container(container, y, dtype):
    Z = X.astype(dtype)
    model = container.fit(Z, y)
    result = list(run(to_onnx(model, Z[:1]), X=Z).values())
    assert_array_equal(result[0], model.predict(Z))
    assert_allclose(result[1], model.predict_proba(Z), rtol=0, atol=4e-6 if dtype == np.float32 else 1e-13)


@pytest.mark.parametrize(
    ("container", "message"),
    [
        (CalibratedClassifierCV(SCALED, cv=2, method="isotonic"), "calibration with method='isotonic'"),
        (CONTAINERS["stack of decisions"](SCALED), "stack_method='decision_function' of two classes"),
        (
            CalibratedClassifierCV(make_pipeline(StandardScaler(), CONTAINERS["bag"](MODEL)), cv=2),
            "cannot export the decisions of a BaggingClassifier in a Pipeline",
        ),
        (TunedThresholdClassifierCV(SCALED, cv=2), "cannot export a TunedThresholdClassifierCV"),
    ],
    ids=["isotonic", "stack of decisions of two classes", "ensemble in a pipeline", "threshold"],
)
def test_containers_that_would_say_something_else_are_refused(container, message):
    with pytest.raises(ValueError, match=message):
        to_onnx(container.fit(X, LABELS > 0), X[:1])


@pytest.mark.parametrize("whose", [id, type], ids=["of this one", "of all"])
@pytest.mark.parametrize("y", [LABELS > 0, LABELS], ids=["two", "three"])
def test_decisions_may_be_asked_for_in_place_of_probabilities(whose, y):
    model = MLPClassifier(**QUICK).fit(X, y)
    result = run(to_onnx(model, X[:1], options={whose(model): {"raw_scores": True, "zipmap": False}}), X=X)
    decisions = model.decision_function(X)
    expected = decisions if decisions.ndim == 2 else np.column_stack([-decisions, decisions])
    assert_allclose(result["probabilities"], expected, rtol=1e-13, atol=1e-13)


def test_pipelines_predict_as_in_python(dtype):
    Z, y = load_diabetes(return_X_y=True)
    Z, y = Z.astype(dtype), ((y - y.mean()) / y.std()).astype(dtype)
    for model in (MLPRegressor(**QUICK), MLPRegressor("poisson", **QUICK)):
        pipe = make_pipeline(StandardScaler(), model).fit(Z, y - y.min())
        assert_allclose(run(to_onnx(pipe, Z[:1]), X=Z)["variable"].ravel(), pipe.predict(Z), rtol=1e-6, atol=1e-6)


def test_a_frame_with_words_goes_through_its_transformers():
    frame = pd.DataFrame({"length": X[:, 0], "width": X[:, 1], "kind": np.array(["p", "q", "r"])[LABELS]})
    columns = ColumnTransformer(
        [("words", OneHotEncoder(), ["kind"]), ("numbers", StandardScaler(), ["length", "width"])]
    )
    pipe = make_pipeline(columns, MLPClassifier(**QUICK)).fit(frame, LABELS)
    inputs = {name: frame[[name]].to_numpy() for name in frame}
    result = run(to_onnx(pipe, frame[:1]), **inputs)
    assert_array_equal(result["label"], pipe.predict(frame))
    assert_allclose(result["probabilities"], pipe.predict_proba(frame), rtol=0, atol=1e-6)


def test_an_estimator_alone_knows_its_input(dtype):
    model = MLPRegressor(**QUICK).fit(X.astype(dtype), X[:, :2].astype(dtype))
    assert_near(run(to_onnx(model), X=X.astype(dtype))["variable"], model.predict(X.astype(dtype)), 1e-6)


def test_integers_are_inputs_too():
    Z = (10 * X).astype(np.int64)
    model = MLPRegressor(**QUICK).fit(Z, LABELS)
    assert_near(run(to_onnx(model, Z[:1]), X=Z)["variable"].ravel(), model.predict(Z), 1e-6)


def test_graphs_of_units_inside_estimators_convert():
    edges = [(0, "p"), (1, "p"), (2, "q"), ("p", "q"), (3, "y"), ("q", "y"), ("p", "y")]
    topology = Topology.from_edges(4, edges, outputs=["y"], activation="gelu", out_activation="identity")
    model = MLPRegressor(topology=topology, max_iter=30, random_state=0).fit(X, LABELS)
    assert_near(run(to_onnx(model), X=X)["variable"].ravel(), model.predict(X), 1e-13)


def test_once_registered_the_estimators_convert_by_skl2onnx_itself():
    register_onnx()
    register_onnx()
    model = make_pipeline(StandardScaler(), MLPClassifier(**QUICK)).fit(X.astype(np.float32), LABELS)
    graph = skl2onnx.to_onnx(model, X[:1].astype(np.float32))
    # Its default: a dictionary for each row.
    rows = run(graph, X=X.astype(np.float32))["output_probability"]
    proba = np.array([[row[label] for label in (0, 1, 2)] for row in rows])
    assert_allclose(proba, model.predict_proba(X.astype(np.float32)), rtol=0, atol=1e-6)


def test_what_cannot_be_expressed_is_named(monkeypatch):
    net = Network(Topology.layered([2, 3, 1], "silu"))
    with pytest.raises(TypeError, match="expected no X and no options with a Network"):
        to_onnx(net, X)
    monkeypatch.delitem(_activations.TABLE, "silu")
    with pytest.raises(ValueError, match="cannot export the activation 'silu'"):
        to_onnx(net)
    monkeypatch.undo()
    net.parameters[0] = np.inf
    with pytest.raises(ValueError, match="not all finite"):
        to_onnx(net)


def test_without_onnx_the_error_names_the_extra(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(_extras, "import_module", missing)
    for use in (register_onnx, lambda: to_onnx(Network(Topology.layered([1, 1])))):
        with pytest.raises(ImportError, match="needs onnx, which is not installed: pip install bpnet\\[onnx\\]"):
            use()
