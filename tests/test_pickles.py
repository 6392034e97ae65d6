# SPDX-License-Identifier: BSD-3-Clause
"""Pickles and files of skops: read across versions or refused, and checked where skops promises safety.

`python tests/test_pickles.py` writes the pickle of this version's format, tests/data/format-<number>.pickle; with a new
number the older files stay.
"""

import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from problems import GRAPHS, assert_near, make
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale
from tables import QUICK as TABLE_QUICK
from tables import X as TABLE
from tables import both, outputs

from bpnet import Layer, MLPClassifier, MLPRegressor, Network, Topology
from bpnet._pickles import FORMAT
from bpnet.export.skops import TRUSTED
from bpnet.losses import Huber, Quantile

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # The label binarizer inside is scikit-learn's, which warns of other versions of itself.
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning"),
]
FILES = sorted((Path(__file__).parent / "data").glob("format-*.pickle"))
X, LABELS = scale(load_iris().data), load_iris().target
NAMES = np.array(["setosa", "versicolor", "virginica"])[LABELS]
QUICK = {"hidden_layer_sizes": (3,), "max_iter": 5, "random_state": 0}
WIRED = Topology.from_edges(
    4,
    [(0, "p"), (1, "p"), (2, ("q", 1)), ("p", ("q", 1)), (3, 7), (("q", 1), 7)],
    outputs=[7],
    out_activation="identity",
)
MASKED = Topology(
    4, [Layer(3, "silu", mask={"input": np.eye(4, 3, dtype=bool)}), Layer(1, "identity", ("h1", "input"))]
)


def models():
    """One of each kind, with every rule and schedule."""
    sgd = {"solver": "sgd", "max_iter": 5, "random_state": 0}
    return {
        "adam": MLPClassifier(**QUICK).fit(X, NAMES),
        "early stopping": MLPClassifier(**QUICK, early_stopping=True).fit(X.astype(np.float32), LABELS > 0),
        "sgd": MLPRegressor(**sgd, topology=MASKED).fit(X, LABELS),
        "inverse scaling": MLPRegressor(**sgd, topology=WIRED, learning_rate="invscaling").fit(X, LABELS),
        "adaptive": MLPRegressor(**sgd, topology=[Layer(2)], learning_rate="adaptive", momentum=0).fit(X, LABELS),
        "lbfgs": MLPRegressor(**QUICK, solver="lbfgs").fit(X, LABELS),
        "rmsprop": MLPClassifier(**QUICK, solver="rmsprop", learning_rate="cosine", dropout=0.2).fit(X, NAMES),
        "rprop": MLPRegressor(**QUICK, solver="rprop", loss=Huber(2.0)).fit(X, LABELS),
        "quantiles": MLPRegressor(**QUICK, loss=Quantile([0.2, 0.8])).fit(X, LABELS),
        "network": Network(MASKED, "squared_error", dtype=np.float32, random_state=0),
    }


def predict(model):
    return getattr(model, "predict_proba", model.predict)(X)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_pickles_of_earlier_versions_predict_what_they_did_and_go_on_training(path):
    models = pickle.loads(path.read_bytes())
    for model, predicted in models.values():
        assert_near(predict(model), predicted, 16 * np.finfo(predicted.dtype).eps)
        if hasattr(model, "partial_fit") and not model.early_stopping:
            n_seen = model.t_
            model.partial_fit(X, NAMES if isinstance(model, MLPClassifier) else LABELS)
            assert model.t_ == n_seen + 150


def test_there_is_a_pickle_of_this_format():
    assert FILES[-1].stem == f"format-{FORMAT}"


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_keeps_every_bit(protocol):
    for model in models().values():
        assert_array_equal(predict(pickle.loads(pickle.dumps(model, protocol))), predict(model))


@pytest.mark.parametrize("kind", [Network, MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("number, whose", [(FORMAT + 1, "a newer"), (0, "an older"), (None, "an older")])
def test_pickles_of_another_format_are_refused(kind, number, whose):
    state = kind(MASKED).__getstate__() if kind is Network else kind().__getstate__()
    key = "format" if kind is Network else "_bpnet_format"
    assert state.pop(key) == FORMAT
    if number is not None:
        state[key] = number
    message = f"this {kind.__name__} was pickled by {whose} bpnet, in format {number}: expected format {FORMAT}"
    with pytest.raises(ValueError, match=message):
        kind.__new__(kind).__setstate__(state)


def test_the_format_number_is_no_attribute_of_a_model():
    model = pickle.loads(pickle.dumps(MLPClassifier()))
    assert vars(model) == vars(MLPClassifier())


def through_skops(model):
    io = pytest.importorskip("skops.io")
    data = io.dumps(model)
    assert set(io.get_untrusted_types(data=data)) <= set(TRUSTED)
    return io.loads(data, trusted=list(TRUSTED))


@pytest.mark.parametrize(
    "name",
    [
        "adam",
        "early stopping",
        "sgd",
        "inverse scaling",
        "adaptive",
        "lbfgs",
        "rmsprop",
        "rprop",
        "quantiles",
        "network",
    ],
)
def test_skops_keeps_every_bit_and_training_goes_on_the_same(name):
    model = models()[name]
    twin = through_skops(model)
    assert type(twin) is type(model)
    assert_array_equal(predict(twin), predict(model))
    if hasattr(model, "partial_fit") and not model.early_stopping:
        y = NAMES if isinstance(model, MLPClassifier) else LABELS
        assert_array_equal(predict(twin.partial_fit(X, y)), predict(model.partial_fit(X, y)))


@pytest.mark.parametrize("graph", GRAPHS)
def test_skops_keeps_every_topology(graph):
    net = make(graph).net()
    twin = through_skops(net)
    assert twin.topology == net.topology and twin.parameters.tobytes() == net.parameters.tobytes()


@both
def test_skops_keeps_presets(kind, y):
    pd = pytest.importorskip("pandas")
    words = np.where(TABLE[:, 0] > 0, "a", None)
    frame = pd.DataFrame({"x": np.where(TABLE[:, 1] > 1, np.nan, TABLE[:, 1]), "word": words, "z": TABLE[:, 2]})
    frame["kind"] = pd.Categorical(words, ["b", "a"])
    frame["count"] = pd.array(np.where(TABLE[:, 2] > 1, None, TABLE[:, 3].round()), "Int64")
    model = kind(**TABLE_QUICK).fit(frame, y)
    assert_array_equal(outputs(through_skops(model), frame), outputs(model, frame))


def test_skops_trusts_nothing_of_ours_unasked():
    io = pytest.importorskip("skops.io")
    from skops.io.exceptions import UntrustedTypesFoundException

    with pytest.raises(UntrustedTypesFoundException, match="bpnet"):
        io.loads(io.dumps(models()["adam"]))


def test_a_state_that_does_not_fit_is_refused_before_the_core_sees_it():
    """What a file of skops could hold: wrong shapes would make the core read past the end."""
    rule = models()["sgd"]._progress.rule
    state = rule.__getstate__()
    for wrong in (state["state"][:0], state["state"][0], np.vstack([state["state"]] * 2)):
        with pytest.raises(ValueError, match="the state of"):
            type(rule).__new__(type(rule)).__setstate__({**state, "state": wrong})
    topology = WIRED.__getstate__()
    with pytest.raises(ValueError, match="expected integers from 0 to 6"):
        Topology.__new__(Topology).__setstate__({**topology, "upstream": [99, *topology["upstream"][1:]]})
    net = models()["network"].__getstate__()
    with pytest.raises(ValueError, match="contiguous vector of 14 parameters"):
        Network.__new__(Network).__setstate__({**net, "parameters": net["parameters"][:-1]})


if __name__ == "__main__":
    with open(Path(__file__).parent / "data" / f"format-{FORMAT}.pickle", "wb") as file:
        pickle.dump({name: (model, predict(model)) for name, model in models().items()}, file, protocol=4)
