# SPDX-License-Identifier: BSD-3-Clause
"""Files of models: what is read is what was written, to the bit; what is no such file is refused, whatever it is."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from problems import CATALOGUE, FEEDS_ON, GRAPHS, assert_near, make
from random_problems import random_problems
from scipy.sparse import csr_matrix
from scipy.special import softmax
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import scale

from bpnet import Layer, MLPClassifier, MLPRegressor, Network, Topology, load_model, save_model
from bpnet._core.activations import apply
from bpnet.export._values import decode, encode
from bpnet.losses import Huber, Quantile

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, LABELS = scale(load_iris().data), load_iris().target
QUICK = {"hidden_layer_sizes": (3,), "max_iter": 3, "random_state": 0}


def through_file(model, tmp_path):
    save_model(model, tmp_path / "model.json")
    return load_model(tmp_path / "model.json")


def assert_same_network(net, other):
    assert net.topology == other.topology and net.loss_name == other.loss_name and net.dtype == other.dtype
    assert net.parameters.tobytes() == other.parameters.tobytes()


@pytest.mark.parametrize("names", list(CATALOGUE.values())[::3], ids=list(CATALOGUE)[::3])
def test_a_network_comes_back_to_the_bit(names, dtype, tmp_path):
    net = make(*names).net(dtype)
    assert_same_network(net, through_file(net, tmp_path))


@settings(max_examples=40)
@given(problem=random_problems())
def test_any_network_comes_back_to_the_bit(problem, tmp_path_factory):
    net = problem.net()
    assert_same_network(net, through_file(net, tmp_path_factory.mktemp("any")))


@given(bits=st.lists(st.integers(0, 2**64 - 1), min_size=4, max_size=4), narrow=st.booleans())
def test_every_finite_number_comes_back_to_the_bit(bits, narrow, tmp_path_factory):
    w = np.array(bits, np.uint64).view(np.float32 if narrow else np.float64)[:4].copy()
    w[~np.isfinite(w)] = -0.0
    net = Network.from_parameters(Topology.layered([3, 1]), w)
    assert_same_network(net, through_file(net, tmp_path_factory.mktemp("bits")))


def read_as_the_guide_says(network, X):
    """Outputs by nothing but the description of the format."""
    topology, numbers = network["topology"], iter(network["parameters"])
    signals = {("input", i): x for i, x in enumerate(X.T)} | dict(enumerate(X.T))
    if "layers" in topology:
        sizes = {"input": topology["n_inputs"]} | {layer["name"]: layer["n_units"] for layer in topology["layers"]}
        for layer in topology["layers"]:
            a = np.zeros((layer["n_units"], len(X)))
            for source in layer["sources"]:
                for i in range(sizes[source]):
                    for j in range(layer["n_units"]):
                        if source not in layer["mask"] or layer["mask"][source][i][j] == "1":
                            a[j] += next(numbers) * signals[source, i]
            for j in range(layer["n_units"] * layer["bias"]):
                a[j] += next(numbers)
            names = layer["activation"]
            z = softmax(a, axis=0) if names == "softmax" else None
            for j in range(layer["n_units"]):
                name = names if isinstance(names, str) else names[j]
                signals[layer["name"], j] = apply(name, a[j]) if z is None else z[j]
        labels = [(name, j) for name in topology["outputs"] for j in range(sizes[name])]
    else:
        n_inputs, n_units = topology["n_inputs"], len(topology["labels"])
        weights = [(i, j, next(numbers)) for i, j in zip(topology["upstream"], topology["downstream"])]
        biases = [next(numbers) if bias else 0 for bias in topology["biases"]]
        a = {}
        for _ in range(n_units):  # as many rounds as the longest way may be long
            for j in range(n_units):
                heard = [(i, w) for i, target, w in weights if target == n_inputs + j]
                if all(i in signals for i, _ in heard):
                    a[j] = biases[j] + sum(w * signals[i] for i, w in heard)
                    if topology["activations"][j] != "softmax":
                        signals[n_inputs + j] = apply(topology["activations"][j], a[j])
        labels = topology["outputs"]
        if "softmax" in topology["activations"]:
            return softmax(np.array([a[label - n_inputs] for label in labels]), axis=0).T
    assert next(numbers, None) is None
    return np.array([signals[label] for label in labels]).T


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("loss", ["least squares", "multinomial"])
def test_another_program_reads_it_by_the_guide(graph, loss, tmp_path):
    if graph in FEEDS_ON and loss == "multinomial":
        pytest.skip("softmax outputs feed nothing")
    problem = make(graph, "silu", loss)
    save_model(problem.net(), tmp_path / "model.json")
    network = json.loads((tmp_path / "model.json").read_text())["network"]
    assert_near(read_as_the_guide_says(network, problem.X), problem.truth.outputs, 1e-13)


def test_the_file_of_a_graph_lists_edges_that_may_stand_in_any_order(tmp_path):
    """Another program may write units and edges as it likes: the labels say which is which."""
    net = make("units of several depths").net()
    save_model(net, tmp_path / "model.json")
    document = json.loads((tmp_path / "model.json").read_text())
    rng, content = np.random.default_rng(0), document["network"]["topology"]
    n_inputs, n_units, n_edges = content["n_inputs"], len(content["labels"]), len(content["upstream"])
    units, edges = rng.permutation(n_units), rng.permutation(n_edges)
    number = [*range(n_inputs), *(n_inputs + np.argsort(units)).tolist()]
    weights, biases = np.split(document["network"]["parameters"], [n_edges])
    of_unit = dict(zip(np.flatnonzero(content["biases"]).tolist(), biases.tolist()))
    for key in ("labels", "activations", "biases"):
        content[key] = [content[key][k] for k in units]
    for key in ("upstream", "downstream"):
        content[key] = [number[content[key][k]] for k in edges]
    content["outputs"] = [number[k] for k in content["outputs"]]
    shuffled = [*weights[edges].tolist(), *(of_unit[k] for k in units.tolist() if k in of_unit)]
    document["network"]["parameters"] = shuffled
    (tmp_path / "model.json").write_text(json.dumps(document))
    rows = rng.normal(size=(5, n_inputs))
    np.testing.assert_allclose(load_model(tmp_path / "model.json").predict(rows), net.predict(rows), rtol=1e-13)


TARGETS = {
    "two words": np.array(["no", "yes"])[(LABELS > 0).astype(int)],
    "objects": np.array(["no", "yes", "ü"], object)[LABELS],
    "numbers": LABELS * 10**12 - 7,
    "small numbers": LABELS.astype(np.int8),
    "floats": LABELS + 1.0,
    "bools": LABELS > 0,
    "one": np.zeros(150, int),
    "several labels": np.column_stack([LABELS > 0, LABELS > 1]).astype(int),
    "sparse labels": csr_matrix(np.column_stack([LABELS > 0, LABELS > 1]).astype(int)),
}


@pytest.mark.parametrize("target", TARGETS)
def test_a_classifier_comes_back_with_all_it_knows(target, dtype, tmp_path):
    model = MLPClassifier(**QUICK).fit(X.astype(dtype), TARGETS[target])
    twin = through_file(model, tmp_path)
    assert_same_network(model.network_, twin.network_)
    assert_same_attributes(model, twin)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        one, other = (getattr(est, method)(X.astype(dtype)) for est in (model, twin))
        assert type(one) is type(other) and one.dtype == other.dtype
        assert_array_equal(*(part.toarray() if hasattr(part, "toarray") else part for part in (one, other)))


def assert_same_attributes(model, twin):
    assert twin.get_params() == model.get_params()
    assert vars(twin).keys() == vars(model).keys()
    for key in vars(model).keys() - {"network_", "_label_binarizer", "_progress", "_loss"}:
        value, expected = getattr(twin, key), getattr(model, key)
        assert type(value) is type(expected) or key in model.get_params()  # numbers of NumPy become Python's
        assert_array_equal(value, expected)


REGRESSORS = {
    "early stopping": MLPRegressor(**QUICK, early_stopping=True, n_iter_no_change=np.inf),
    "lbfgs": MLPRegressor(**QUICK, solver="lbfgs", loss="poisson"),
    "sgd": MLPRegressor(**QUICK | {"hidden_layer_sizes": [4, np.int64(2)]}, solver="sgd", alpha=np.float32(0.1)),
    "layers": MLPRegressor(
        topology=[
            Layer(3, ["tanh", "relu", "gelu"], mask={"input": np.eye(4, 3, dtype=bool)}),
            Layer(None, sources=("h1", "input"), mask={"h1": np.ones((3, 2), bool)}),
        ],
        max_iter=3,
    ),
    "huber": MLPRegressor(Huber(0.3), **QUICK),
    "quantiles": MLPRegressor(Quantile([0.1, 0.5]), **QUICK),
    "mean and variance": MLPRegressor("gaussian_nll", **QUICK),
    "topology": MLPRegressor(
        topology=Topology.from_edges(
            4, [(0, "p"), (1, ("q", 2)), (("q", 2), 7), ("p", 7), (2, 8)], outputs=[8, 7], out_activation="identity"
        ),
        max_iter=3,
    ),
}


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_regressor_comes_back_with_all_it_knows(name, dtype, tmp_path):
    frame = load_iris(as_frame=True).data.astype(dtype)
    model = REGRESSORS[name].fit(frame, frame.to_numpy()[:, 1:3])
    twin = through_file(model, tmp_path)
    assert_same_network(model.network_, twin.network_)
    assert_same_attributes(model, twin)
    assert_array_equal(twin.predict(frame), model.predict(frame))
    with pytest.raises(ValueError, match="feature names should match"):
        twin.predict(frame.iloc[:, ::-1])


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_training_goes_on_from_the_weights_with_a_new_optimizer(solver, tmp_path):
    model = MLPRegressor(**QUICK | {"max_iter": 30}, solver=solver, warm_start=True).fit(X, LABELS)
    before = model.network_.loss(X, LABELS)
    twin = through_file(model, tmp_path).fit(X, LABELS)
    assert twin.network_.loss(X, LABELS) < before
    assert_array_equal(twin.predict(X), through_file(model, tmp_path).fit(X, LABELS).predict(X))
    if solver != "lbfgs":
        assert len(twin.loss_curve_) == 30
        through_file(model, tmp_path).partial_fit(X, LABELS)


@pytest.mark.parametrize(
    "value",
    [None, True, -7, 0.1, np.inf, -np.inf, "ü\n", [1, [2.5]], (1, (2,)), {1: "a", "b": (None,), (1, 2): 3.0}],
    ids=repr,
)
def test_plain_values_come_back_as_they_are(value):
    twin = decode(json.loads(json.dumps(encode(value, "it"), allow_nan=False)), "it")
    assert twin == value and type(twin) is type(value)


LEAVES = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)


def nested(inner):
    rows = st.lists(inner, max_size=4)
    return LEAVES | rows | rows.map(tuple) | st.dictionaries(st.text() | st.integers(), inner, max_size=4)


@given(value=nested(nested(nested(LEAVES))))
def test_any_plain_value_comes_back_as_it_is(value):
    assert decode(json.loads(json.dumps(encode(value, "it"), allow_nan=False)), "it") == value


@pytest.mark.parametrize("kind", [bool, np.int8, np.uint64, np.float32, np.float64, str, object])
def test_arrays_come_back_with_type_and_shape(kind):
    array = np.array([[0, 1, 0], [1, 1, 0]]).astype(kind)
    twin = decode(json.loads(json.dumps(encode(array, "it"))), "it")
    assert twin.dtype == array.dtype or kind is str  # strings come back in the width that they need
    assert_array_equal(twin, array)


REFUSED = {
    "a random state": (MLPRegressor(random_state=np.random.RandomState(0)), "the parameter random_state="),
    "a topology of odd labels": (
        MLPRegressor(
            topology=Topology.from_edges(
                4, [(k, frozenset("u")) for k in range(4)], outputs=[frozenset("u")], out_activation="identity"
            )
        ),
        "cannot save the label frozenset",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plain_value_is_refused_and_leaves_no_file(name, tmp_path):
    model, message = REFUSED[name]
    model.set_params(max_iter=2).fit(X, LABELS)
    with pytest.raises(ValueError, match=message):
        save_model(model, tmp_path / "model.json")
    assert not list(tmp_path.iterdir())


def test_other_models_are_refused(tmp_path):
    class Own(MLPRegressor):
        pass

    path = tmp_path / "model.json"
    for model in (Own(**QUICK).fit(X, LABELS), make_pipeline(MLPRegressor(**QUICK)), None):
        with pytest.raises(TypeError, match="expected a Network, an MLPRegressor or an MLPClassifier, got"):
            save_model(model, path)
    with pytest.raises(NotFittedError):
        save_model(MLPRegressor(), path)
    net = Network(Topology.layered([1, 1]))
    net.parameters[0] = np.nan
    with pytest.raises(ValueError, match="not all finite"):
        save_model(net, path)
    assert not list(tmp_path.iterdir())
