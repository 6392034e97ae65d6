# SPDX-License-Identifier: BSD-3-Clause
"""Fitted models out of scikit-learn and back: the same predictions, attributes and further training."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from older import skip_where_it_fails
from problems import assert_near
from sklearn import neural_network as theirs
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import scale

from bpnet import Layer, MLPClassifier, MLPRegressor, Topology, from_sklearn, load_model, save_model

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, LABELS = scale(load_iris().data), load_iris().target
QUICK = {"hidden_layer_sizes": (6, 3), "max_iter": 20, "random_state": 0}
TARGETS = {
    "two classes": ("MLPClassifier", LABELS > 0),
    "words": ("MLPClassifier", np.array(["a", "b", "c"])[LABELS]),
    "several labels": ("MLPClassifier", np.column_stack([LABELS > 0, LABELS > 1]).astype(int)),
    "a number": ("MLPRegressor", LABELS + 0.5),
    "two numbers": ("MLPRegressor", X[:, :2] + 0.1),
}
SOLVERS = {
    "adam": {"solver": "adam", "learning_rate_init": 0.01},
    "sgd": {"solver": "sgd", "momentum": 0.5},
    "sgd, adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 1e-2, "n_iter_no_change": 2},
    "sgd, inverse scaling": {"solver": "sgd", "learning_rate": "invscaling", "nesterovs_momentum": False},
    "early stopping": {"solver": "adam", "early_stopping": True},
    "lbfgs": {"solver": "lbfgs"},
}


def predict(model, dtype=np.float64):
    return getattr(model, "predict_proba", model.predict)(X.astype(dtype))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_model_is_the_same_on_both_sides(target, solver, dtype):
    kind, y = TARGETS[target]
    y = y.astype(dtype) if kind == "MLPRegressor" else y
    skip_where_it_fails(y, SOLVERS[solver])
    one = getattr(theirs, kind)(**QUICK | SOLVERS[solver]).fit(X.astype(dtype), y)
    ours = from_sklearn(one)
    back = ours.to_sklearn()
    # Their float32 sums differ from ours by rounding, most of it in layers of six.
    assert_near(predict(ours, dtype), predict(one, dtype), 16 * np.finfo(dtype).eps)
    assert_array_equal(predict(back, dtype), predict(one, dtype))
    assert back.get_params() == one.get_params()
    public = {key: value for key, value in vars(one).items() if not key.startswith("_")}
    for key, value in public.items():
        assert_same(getattr(back, key), value)
        if hasattr(ours, key):
            assert_same(getattr(ours, key), value)
    assert set(public) - set(dir(ours)) <= {"loss"} and type(ours).__module__.startswith("bpnet")


def assert_same(value, expected):
    if isinstance(expected, list):
        assert len(value) == len(expected)
        for part, other in zip(value, expected):
            assert_same(part, other)
    else:
        assert_array_equal(value, expected)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("solver", ["adam", "sgd", "sgd, adaptive", "sgd, inverse scaling"])
def test_training_goes_on_as_it_would_have(target, solver):
    kind, y = TARGETS[target]
    one = getattr(theirs, kind)(**QUICK | SOLVERS[solver]).fit(X, y)
    ours = from_sklearn(one)
    back = ours.to_sklearn()
    for model in (one, ours, back):
        model.partial_fit(X, y)
    assert_near(predict(ours), predict(one), 1e-12)
    assert_near(predict(back), predict(one), 1e-12)
    for model in (one, ours, back):
        model.set_params(warm_start=True).fit(X, y)
    assert_near(predict(ours), predict(one), 1e-10)
    assert_near(predict(back), predict(one), 1e-10)
    assert_allclose(back.loss_curve_, one.loss_curve_, rtol=1e-8)
    assert_allclose(ours.loss_curve_, one.loss_curve_, rtol=1e-8)


@pytest.mark.parametrize("target", TARGETS)
def test_our_own_fits_predict_the_same_there(target, dtype):
    kind, y = TARGETS[target]
    y = y.astype(dtype) if kind == "MLPRegressor" else y
    ours = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}[kind](**QUICK, n_jobs=1)
    ours.fit(X.astype(dtype), y)
    there = ours.to_sklearn()
    assert_near(predict(there, dtype), predict(ours, dtype), 16 * np.finfo(dtype).eps)
    if kind == "MLPClassifier":
        assert_array_equal(there.predict(X.astype(dtype)), ours.predict(X.astype(dtype)))
    there.partial_fit(X.astype(dtype), y)


def test_names_of_features_come_along():
    frame = load_iris(as_frame=True).data
    ours = from_sklearn(theirs.MLPClassifier(**QUICK).fit(frame, LABELS))
    assert ours.feature_names_in_.tolist() == [*frame.columns] == ours.to_sklearn().feature_names_in_.tolist()


def test_the_result_shares_nothing_with_its_source():
    one = theirs.MLPRegressor(**QUICK).fit(X, LABELS)
    ours = from_sklearn(one)
    before = predict(one)
    back = ours.to_sklearn()
    ours.coefs_[0][...] = 0
    ours.partial_fit(X, LABELS)
    assert_array_equal(predict(one), before)
    assert_array_equal(predict(back), before)
    assert len(one.loss_curve_) == len(back.loss_curve_) < len(ours.loss_curve_)


def test_a_chain_given_as_topology_becomes_layer_sizes():
    ours = MLPClassifier(topology=[Layer(5, "tanh"), Layer(4, "tanh")], max_iter=5, random_state=0).fit(X, LABELS)
    there = ours.to_sklearn()
    assert there.hidden_layer_sizes == (5, 4) and there.activation == "tanh"
    assert_near(predict(there), predict(ours), 1e-14)


def test_a_model_out_of_a_file_goes_on_training_there(tmp_path):
    save_model(MLPRegressor(**QUICK).fit(X, LABELS), tmp_path / "model.json")
    there = load_model(tmp_path / "model.json").to_sklearn()
    before = there.loss_curve_[-1]
    assert there.set_params(warm_start=True).fit(X, LABELS).loss_curve_[-1] < before


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_second_order_fit_goes_on_training_there(early_stopping):
    settings = QUICK | {"solver": "lm", "early_stopping": early_stopping}  # which that solver does not heed
    with pytest.warns(UserWarning, match="has no solver='lm'"):
        there = MLPRegressor(**settings).fit(X, LABELS).to_sklearn()
    assert there.set_params(warm_start=True, max_iter=5).fit(X, LABELS).loss_curve_
    assert there.best_validation_score_ > -np.inf if early_stopping else there.best_loss_ < np.inf


UNITS = Topology.from_edges(4, [(k, "u") for k in range(4)] + [("u", "y")], outputs=["y"], out_activation="identity")
INEXPRESSIBLE = {
    "no skip connections: layer 'output' hears h1, input": [Layer(3, "relu"), Layer(None, sources=("h1", "input"))],
    "no masks: layer 'h1' has one": [Layer(4, "relu", mask={"input": np.eye(4, dtype=bool)})],
    "biases everywhere: layer 'h1' has none": [Layer(3, "relu", bias=False)],
    "one activation out of .* for all hidden units: got gelu": [Layer(3, "gelu")],
    "one activation out of .* for all hidden units: got relu, tanh": [Layer(3, "relu"), Layer(3, "tanh")],
    "cannot express a graph given unit by unit": UNITS,
    "one layer of outputs, the last: got output, h1": Topology(
        4, [Layer(1, "identity", name="h1"), Layer(1, "identity", name="output")], outputs=("output", "h1")
    ),
}


@pytest.mark.parametrize("message", INEXPRESSIBLE)
def test_what_scikit_learn_cannot_express_is_named(message):
    y = np.column_stack([LABELS, LABELS]) if "last" in message else LABELS
    ours = MLPRegressor(topology=INEXPRESSIBLE[message], max_iter=2, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=message):
        ours.to_sklearn()


def test_a_loss_that_scikit_learn_lacks_is_named():
    ours = MLPRegressor(**QUICK).fit(X, LABELS)
    ours.network_.loss_name = "huber"
    with pytest.raises(ValueError, match="losses squared_error, poisson, log_loss: got 'huber'"):
        ours.to_sklearn()


def test_outputs_that_scikit_learn_does_not_pair_with_the_loss_are_named():
    ours = MLPRegressor("poisson", **QUICK).fit(X, LABELS)
    ours.network_.loss_name = "squared_error"
    with pytest.raises(ValueError, match="'squared_error' has outputs with the activation identity: got exp"):
        ours.to_sklearn()


def test_parameters_of_training_that_are_lost_are_warned_of():
    class More(MLPRegressor):
        def __init__(self, dropout=0.0, **others):
            super().__init__(**others)
            self.dropout = dropout

        @classmethod
        def _get_param_names(cls):
            return [*MLPRegressor._get_param_names(), "dropout"]

    model = MLPRegressor(**QUICK).fit(X, LABELS)
    model.__class__ = More
    model.dropout = 0.5
    with pytest.warns(UserWarning, match="MLP has no dropout=0.5: further training will do without") as record:
        model.to_sklearn()
    assert record[0].filename == __file__
    model.dropout = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.to_sklearn()


def test_values_that_scikit_learn_lacks_become_its_defaults():
    model = MLPRegressor(**QUICK).fit(X, LABELS).set_params(solver="rmsprop", activation="gelu")
    with pytest.warns(UserWarning, match="MLP has no solver='rmsprop': further training"):
        there = model.to_sklearn()
    # The activation is the fitted network's.
    assert there.solver == "adam" and there.activation == "relu"
    there.partial_fit(X, LABELS)


def test_other_models_are_refused():
    class Own(theirs.MLPClassifier):
        pass

    for model in (Own(**QUICK), MLPClassifier(**QUICK), None):
        with pytest.raises(TypeError, match="MLPClassifier or MLPRegressor of sklearn.neural_network, got"):
            from_sklearn(model)
    for convert in (lambda: from_sklearn(theirs.MLPClassifier()), MLPClassifier().to_sklearn):
        with pytest.raises(NotFittedError):
            convert()
