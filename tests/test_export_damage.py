# SPDX-License-Identifier: BSD-3-Clause
"""Files of models that are damaged or were made to do harm: refused by an error that says where, whatever they hold."""

import json
import tracemalloc
from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

from bpnet import Layer, MLPClassifier, MLPRegressor, Network, Topology, load_model, save_model

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, LABELS = scale(load_iris().data), load_iris().target
QUICK = {"hidden_layer_sizes": (3,), "max_iter": 3, "random_state": 0}


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


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.sampled_from([0, 1, 2, 10**9, 2**31, 2**63, 10**400, -1])
    | st.floats() | st.text(max_size=5) | st.sampled_from(["input", "h1", "tanh", "softmax", "float64", "p"])
)  # fmt: skip
KINDS_OF_VALUES = st.sampled_from(["tuple", "dict", "array", "float", "topology", "layer"])


def nested(inner):
    return LEAVES | st.lists(inner, max_size=3) | st.dictionaries(KINDS_OF_VALUES, inner, max_size=2)


VALUES = nested(nested(LEAVES))


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
    "expected an object with the keys class, parameters, got int": {"network.loss": 3},
    "expected a loss out of Huber, Quantile, got 'Popen'": {"network.loss": {"class": "Popen", "parameters": {}}},
    "expected delta above 0": {"network.loss": {"class": "Huber", "parameters": {"delta": -1}}},
    "unexpected keyword argument": {"network.loss": {"class": "Huber", "parameters": {"shell": 1}}},
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


@pytest.mark.parametrize("depth", [100, 400, 900, 10**4])
@pytest.mark.parametrize("place", ["fitted.more_", "parameters.random_state"])
def test_deep_nesting_is_refused_or_harmless(texts, depth, place, tmp_path):
    document = json.loads(texts["classifier"])
    change(document, {f"estimator.{place}": "deep"})
    try_text(json.dumps(document).replace('"deep"', "[" * depth + "]" * depth), tmp_path)


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
