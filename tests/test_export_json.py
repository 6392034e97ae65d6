# SPDX-License-Identifier: BSD-3-Clause
"""Files of models: what is read is what was written, to the bit; what is no such file is refused, whatever it is."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
import tracemalloc
from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from problems import CATALOGUE, FEEDS_ON, GRAPHS, assert_near, make, random_problems
from scipy.sparse import csr_matrix
from scipy.special import softmax
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import scale

from bpnet import Layer, MLPClassifier, MLPRegressor, Network, Topology, load_model, save_model
from bpnet._core.activations import apply
from bpnet.export._values import decode, encode

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
    for key in vars(model).keys() - {"network_", "_label_binarizer", "_progress"}:
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


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=8,
)


@given(value=PLAIN)
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


# Documents to damage.


def _documents(folder):
    masked = Layer(2, "tanh", mask={"input": [[True, False], [True, True]]})
    skip = Topology(2, [masked, Layer(1, "logistic", ("h1", "input"))])
    models = {
        "layers": Network(skip, "log_loss", dtype=np.float32, random_state=0),
        "units": Network(Topology.from_edges(2, [(0, "p"), (1, "q"), ("p", "q")], outputs=["q"]), random_state=0),
        "classifier": MLPClassifier(**QUICK).fit(X[:, :2], np.array(["a", "b", "c"])[LABELS]),
        "regressor": MLPRegressor(**QUICK, topology=[Layer(2, "tanh", mask={"input": [[True, False]] * 2})]).fit(
            load_iris(as_frame=True).data.iloc[:, :2], LABELS
        ),
    }
    texts = {}
    for name, model in models.items():
        save_model(model, folder / f"{name}.json")
        texts[name] = (folder / f"{name}.json").read_text()
    return texts


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    return _documents(tmp_path_factory.mktemp("documents"))


KINDS = st.sampled_from(["layers", "units", "classifier", "regressor"])


def load_text(text, tmp_path):
    path = tmp_path / "model.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_model(path)


def try_text(text, tmp_path):
    """Refused by ValueError that names the file; or a model that predicts."""
    try:
        model = load_text(text, tmp_path)
    except ValueError as error:
        assert str(error).startswith(str(tmp_path / "model.json"))
        return False
    names = getattr(model, "feature_names_in_", None)
    rows = np.zeros((2, model.topology.n_inputs if isinstance(model, Network) else model.n_features_in_))
    if names is not None:
        pd = pytest.importorskip("pandas")
        rows = pd.DataFrame(rows, columns=names)
    assert len(model.predict(rows)) == 2
    return True


@given(kind=KINDS, share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_refused(texts, kind, share, tmp_path_factory):
    text = texts[kind].rstrip()
    with pytest.raises(ValueError):
        load_text(text[: int(share * len(text))], tmp_path_factory.mktemp("cut"))


@settings(max_examples=200)
@given(
    kind=KINDS,
    places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=3)), min_size=1, max_size=3),
)
def test_damaged_bytes_are_refused_or_harmless(texts, kind, places, tmp_path_factory):
    data = texts[kind].encode()
    for share, patch in places:
        place = int(share * len(data))
        data = data[:place] + patch + data[place + len(patch) :]
    try_text(data, tmp_path_factory.mktemp("bytes"))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from([0, 1, 2, 10**9, 2**31, 2**63, 10**400, -1])
    | st.floats() | st.text(max_size=5) | st.sampled_from(["input", "h1", "tanh", "softmax", "float64", "p"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["tuple", "dict", "array", "float", "topology", "layer"]), inner, max_size=2),
    max_leaves=6,
)  # fmt: skip


def _places(value, path=()):
    """Every place in a document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _places(item, (*path, key))


@settings(max_examples=400)
@given(
    kind=KINDS, number=st.integers(0, 10**6), value=VALUES, how=st.sampled_from(["replace", "remove", "add", "twice"])
)
def test_another_value_anywhere_is_refused_or_harmless(texts, kind, number, value, how, tmp_path_factory):
    document = json.loads(texts[kind])
    places = list(_places(document))[1:]
    *path, key = places[number % len(places)]
    holder = document
    for step in path:
        holder = holder[step]
    if how == "remove":
        del holder[key]
    elif how == "add" and isinstance(holder, dict):
        holder["more"] = value
    elif how == "twice" and isinstance(holder, list):
        holder.append(deepcopy(holder[key]))
    else:
        holder[key] = value
    harmless = try_text(json.dumps(document), tmp_path_factory.mktemp("values"))
    # Keys are never missing, and there are no others, but for those of parameters and fitted attributes.
    if harmless and how in ("remove", "add") and isinstance(holder, dict):
        assert path[-1:] in (["parameters"], ["fitted"])


DAMAGE = {
    "expected an object with the format 'bpnet model'": {"format": "other"},
    "version 2 of the format comes from a newer bpnet: expected at most 1": {"version": 2},
    "expected a version that is an integer of at least 1, got '1'": {"version": "1"},
    "'network' is missing": {"network": ...},
    "unknown key 'more'": {"more": 1},
    "expected the name of a loss": {"network.loss": 3},
    "expected a loss out of": {"network.loss": "hinge"},
    "expected an activation out of": {"network.topology.layers.0.activation": "sine"},
    "expected a dtype float32 or float64, got 'float16'": {"network.dtype": "float16"},
    "expected 10 parameters, got 9": {"network.parameters": [0.0] * 9},
    "parameters: expected a list of numbers": {"network.parameters": [0.0] * 9 + [True]},
    "parameters: expected numbers that are finite in float32": {"network.parameters": [1e39] * 10},
    "parameters: expected numbers that are finite": {"network.parameters": [10**400] * 10},
    "expected 4000000003 parameters, got 10": {
        "network.topology.layers.0.n_units": 10**9,
        "network.topology.layers.0.mask": {},
    },
    "expected rows of a mask as 2 characters 0 or 1, got '012'": {"network.topology.layers.0.mask.input.0": "012"},
    "expected sources out of the layers before it, got 'output'": {"network.topology.layers.0.sources": ["output"]},
}


@pytest.mark.parametrize("message", DAMAGE)
def test_the_error_says_what_is_wrong(texts, message, tmp_path):
    document = json.loads(texts["layers"])
    change(document, DAMAGE[message])
    with pytest.raises(ValueError, match=message):
        load_text(json.dumps(document), tmp_path)


def change(document, changes):
    """Set values at places written "a.b.0", or remove them."""
    for place, value in changes.items():
        *path, key = [int(step) if step.isdigit() else step for step in place.split(".")]
        holder = document
        for step in path:
            holder = holder[step]
        if value is ...:
            del holder[key]
        else:
            holder[key] = value


DAMAGED_UNITS = {
    "expected no cycles, got 'q' -> 'p' -> 'q'": {"network.topology.upstream.0": 3},
    "expected integers from 0 to 3": {"network.topology.upstream.0": 4},
    "expected each edge once": {"network.topology.downstream": [2, 2, 3], "network.topology.upstream": [0, 0, 2]},
    "expected at most 16777216 inputs": {"network.topology.n_inputs": 10**9},
    "expected labels that differ from each other and from inputs 0 to 1": {"network.topology.labels.0": "q"},
    "inputs to hear nothing": {"network.topology.downstream.0": 1},
    "expected 5 parameters, got 4": {"network.parameters": [1.0] * 4},
}


@pytest.mark.parametrize("message", DAMAGED_UNITS)
def test_the_error_says_what_is_wrong_with_a_graph(texts, message, tmp_path):
    document = json.loads(texts["units"])
    change(document, DAMAGED_UNITS[message])
    with pytest.raises(ValueError, match=message):
        load_text(json.dumps(document), tmp_path)


DAMAGED_ESTIMATORS = {
    "expected a class out of MLPClassifier, MLPRegressor, got 'Popen'": {"estimator.class": "Popen"},
    "MLPClassifier has no parameter 'shell'": {"estimator.parameters.shell": True},
    "The 'alpha' parameter of MLPClassifier must be": {"estimator.parameters.alpha": -1},
    "expected names of fitted attributes, got 'predict'": {"estimator.fitted.predict": 1},
    "expected names of fitted attributes, got '__class__'": {"estimator.fitted.__class__": 1},
    "expected names of fitted attributes, got 'coefs_'": {"estimator.fitted.coefs_": 1},
    "expected n_outputs_ to fit the network": {"estimator.fitted.n_outputs_": 4},
    "expected n_layers_ to fit the network": {"estimator.fitted.n_layers_": 7},
    "expected out_activation_ as in the network": {"estimator.fitted.out_activation_": "exp"},
    "expected t_ as an integer": {"estimator.fitted.t_": "many"},
    "expected classes, in ascending order, that fit": {"estimator.target.classes.array.values": ["b", "a", "c"]},
    "that fit outputs and loss of the network": {"network.loss": "squared_error"},
    "expected 3 values for the shape": {"estimator.target.classes.array.values": ["b", "a"]},
    "expected a type out of binary, multiclass": {"estimator.target.type": "continuous"},
}


@pytest.mark.parametrize("message", DAMAGED_ESTIMATORS)
def test_the_error_says_what_is_wrong_with_an_estimator(texts, message, tmp_path):
    document = json.loads(texts["classifier"])
    change(document, DAMAGED_ESTIMATORS[message])
    with pytest.raises(ValueError, match=message):
        load_text(json.dumps(document), tmp_path)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "expected JSON, and the whole of it"),
        ("[1, 2", "expected JSON, and the whole of it"),
        (b"\xff\xfe", "expected text in UTF-8"),
        ("[" * 10**6, "nested too deeply"),
        ("[NaN]", "expected finite numbers, got NaN"),
        ("[-Infinity]", "expected finite numbers, got -Infinity"),
        ('{"a": 1, "a": 2}', "expected each key once"),
        ("[1]", "expected an object with the format"),
        ("1" * 10**5, "model.json: "),
    ],
)
def test_other_texts_are_refused(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        load_text(text, tmp_path)


def test_a_short_file_cannot_ask_for_much_memory(texts, tmp_path):
    greedy = [
        ("layers", {"network.topology.n_inputs": 2**31 - 1}),
        ("layers", {"network.topology.layers.1.n_units": 2**31 - 1}),
        ("units", {"network.topology.n_inputs": 2**31 - 1}),
        ("classifier", {"estimator.target.classes.array.shape": [2**40]}),
        ("classifier", {"estimator.target.classes.array.dtype": "<U1000000000"}),
        ("classifier", {"estimator.target.classes.array.shape": [3] + [1] * 100}),
        ("regressor", {"estimator.fitted.n_outputs_": 10**9}),
    ]
    tracemalloc.start()
    try:
        for kind, changes in greedy:
            document = json.loads(texts[kind])
            change(document, changes)
            with pytest.raises(ValueError):
                load_text(json.dumps(document), tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


# Files are there whole or not at all.

STOP = """
import builtins, os, sys, time
import numpy as np
from bpnet import Network, Topology, save_model
import bpnet._files as files

def stop(*args):
    print("stopped", flush=True)
    time.sleep(60)

class Half:
    def __init__(self, file): self.file = file
    def __enter__(self): return self
    def __exit__(self, *args): self.file.close()
    def write(self, data):
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        stop()

net = Network(Topology.layered([100, 100, 1]), random_state=1)
if sys.argv[2] == "half written":
    files.open = lambda *args: Half(builtins.open(*args))
elif sys.argv[2] == "written, not yet on the disk":
    os.fsync = stop
else:
    os.replace = stop
save_model(net, sys.argv[1])
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("moment", ["half written", "written, not yet on the disk", "on the disk, not yet in place"])
def test_a_process_killed_while_it_saves_leaves_the_old_file_whole(moment, tmp_path):
    path, old = tmp_path / "model.json", Network(Topology.layered([2, 1]), random_state=0)
    save_model(old, path)
    with subprocess.Popen([sys.executable, "-c", STOP, path, moment], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "stopped\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL and len(list(tmp_path.iterdir())) == 2
    assert_same_network(load_model(path), old)
    save_model(old, path)  # what the killed process left is in nobody's way


BUSY = """
import sys
from bpnet import Network, Topology, save_model
nets = [Network(Topology.layered([60, 60, 1]), random_state=k) for k in (0, 1)]
print("ready", flush=True)
while True:
    for net in nets:
        save_model(net, sys.argv[1])
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_whenever_a_process_is_killed_the_file_is_one_of_the_two(tmp_path):
    path = tmp_path / "model.json"
    nets = [Network(Topology.layered([60, 60, 1]), random_state=k) for k in (0, 1)]
    save_model(nets[0], path)
    for seconds in (0.02, 0.033, 0.057):
        with subprocess.Popen([sys.executable, "-c", BUSY, path], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(seconds)
            process.kill()
        loaded = load_model(path)
        assert any(loaded.parameters.tobytes() == net.parameters.tobytes() for net in nets)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path, old = tmp_path / "model.json", Network(Topology.layered([2, 1]), random_state=0)
    save_model(old, path)

    def full(handle):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_model(Network(Topology.layered([3, 1])), path)
    assert [file.name for file in tmp_path.iterdir()] == ["model.json"]
    assert_same_network(load_model(path), old)


@pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")
def test_permissions_and_links_stay(tmp_path):
    net, path, link = Network(Topology.layered([2, 1])), tmp_path / "model.json", tmp_path / "latest.json"
    save_model(net, path)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    path.chmod(0o640)
    link.symlink_to(path)
    save_model(net, link)
    assert link.is_symlink() and stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_missing_file_is_no_value_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none.json")
