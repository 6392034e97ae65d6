# SPDX-License-Identifier: BSD-3-Clause
"""Options together: what each promises holds beside the others."""

from itertools import product

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose
from sklearn.datasets import load_diabetes, load_iris
from sklearn.preprocessing import scale

from bpnet import Activation, MLPClassifier, MLPRegressor, export_c, load_model, save_model, to_onnx
from bpnet.callbacks import Checkpoint, find_learning_rate, resume
from bpnet.losses import Huber, Quantile

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = (scale(part)[:120] for part in load_diabetes(return_X_y=True))
Y2 = np.column_stack([Y, X[:, 0] ** 2])
FLOWERS, LABELS = scale(load_iris().data), load_iris().target
BITS = np.column_stack([LABELS > 0, LABELS > 1]).astype(int)
QUICK = {"hidden_layer_sizes": (7, 5), "random_state": 3, "max_iter": 8, "n_iter_no_change": 20}


class Linex:
    """A loss of one's own, that can be pickled."""

    def value(self, a, y):
        return (np.expm1(y - a) - (y - a)).sum(axis=1)

    def gradient(self, a, y):
        return -np.expm1(y - a)


class Exponential(Linex):
    """The same of logarithms."""

    def predict(self, a):
        return np.exp(a)


def slow(t):
    return 1 - t / 2


TASKS = {
    "classes": (MLPClassifier(class_weight="balanced", label_smoothing=0.1), FLOWERS, LABELS),
    "labels": (MLPClassifier(class_weight=[{1: 3.0}, {0: 2.0}], label_smoothing=0.1), FLOWERS, BITS),
    "Huber": (MLPRegressor(Huber(0.5), activation=["tanh", "silu"]), X, Y2),
    "quantiles": (MLPRegressor(Quantile([0.1, 0.9])), X, Y2),
    "mean and deviation": (MLPRegressor("gaussian_nll"), X, Y2),
    "own": (MLPRegressor(Linex(), activation=Activation("sine", np.sin, np.cos)), X, Y),
}
OPTIONS = {
    "adam": {"dropout": [0.1, 0.3], "input_dropout": 0.05, "batch_size": 16},
    "rmsprop": {"solver": "rmsprop", "learning_rate": "cosine", "dropout": 0.2, "batch_size": 16},
    "sgd": {"solver": "sgd", "learning_rate": slow, "frozen": ["h1"], "batch_size": 16},
    "sparse weights": {"solver": "sgd", "alpha_l1": 0.1, "max_gradient_norm": 1.0, "learning_rate": "adaptive"},
    "rprop": {"solver": "rprop", "frozen": [-1]},
    "decay": {"learning_rate": "one_cycle", "weight_decay": 0.1, "initializer": "lsuv"},
}


def learnt(model):
    curves = model.loss_curve_, model.validation_loss_curve_, model.validation_scores_
    return *curves, model.n_iter_, model.best_loss_, model.best_validation_score_, model.network_.parameters.tobytes()


@pytest.mark.parametrize("early_stopping, given, is_sparse", list(product([False, True], repeat=3)))
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("task", TASKS)
def test_threads_callbacks_and_interruptions_change_no_bit(task, options, early_stopping, given, is_sparse, tmp_path):
    estimator, inputs, y = TASKS[task]
    settings = {**estimator.get_params(), **QUICK, **OPTIONS[options], "early_stopping": early_stopping}
    if estimator.activation == "relu" or isinstance(estimator.activation, list):
        inputs = inputs.astype(np.float32)
    inputs = scipy.sparse.csr_matrix(inputs) if is_sparse else inputs
    weight = 1 + np.arange(len(y)) % 3 / 2
    data = {"X": inputs, "y": y, "sample_weight": weight}
    if given:
        data |= {"X_val": inputs[40:80], "y_val": y[40:80], "sample_weight_val": weight[40:80]}

    def fit(**more):
        return type(estimator)(**{**settings, **more}).fit(**data)

    whole = learnt(fit())
    assert learnt(fit(n_jobs=2, callbacks=[lambda record: False])) == whole
    fit(callbacks=[Checkpoint(tmp_path / "file"), lambda record: record.epoch == 3])
    assert learnt(resume(tmp_path / "file").fit(**data)) == whole


@pytest.mark.parametrize("is_given", [True, False])
@pytest.mark.parametrize("y", [LABELS > 0, LABELS, BITS], ids=["two classes", "classes", "labels"])
def test_losses_of_rows_set_aside_are_those_of_smoothed_targets(y, is_given):
    expected = []

    def note(model, rows, y):
        p = model.predict_proba(rows)
        if y.ndim == 1:
            targets = (np.unique(LABELS if p.shape[1] == 3 else LABELS > 0) == y[:, None]) * 0.7 + 0.3 / p.shape[1]
            expected.append(-(targets * np.log(p)).sum(axis=1).mean())
        else:
            targets = y * 0.7 + 0.15
            expected.append(-(targets * np.log(p) + (1 - targets) * np.log(1 - p)).sum(axis=1).mean())
        return 0.0

    given = {"X_val": FLOWERS[30:70], "y_val": y[30:70]} if is_given else {}
    model = MLPClassifier(**QUICK, label_smoothing=0.3, early_stopping=not is_given, scoring=note)
    assert_allclose(model.fit(FLOWERS, y, **given).validation_loss_curve_, expected, rtol=1e-12)


def test_several_labels_of_a_validation_set_may_be_sparse():
    given, sparse = {"X_val": FLOWERS[::3]}, scipy.sparse.csr_matrix(BITS)
    fits = [
        MLPClassifier(**QUICK, scoring=scoring).fit(FLOWERS, BITS, **given, y_val=y[::3])
        for y in (BITS, sparse)
        for scoring in (None, "f1_macro")
    ]
    assert learnt(fits[0]) == learnt(fits[2]) and learnt(fits[1]) == learnt(fits[3])
    message = r"In the validation set .* expected 2 columns of targets as in training, got 1"
    for y in (BITS[:, :1], sparse[:, :1]):
        y = scipy.sparse.hstack([y, y, y]).tocsr() if scipy.sparse.issparse(y) else np.hstack([y, y, y])
        with pytest.raises(ValueError, match=message.replace("got 1", "got 3")):
            MLPClassifier(**QUICK).fit(FLOWERS, BITS, X_val=FLOWERS, y_val=y)


def test_what_a_loss_makes_of_the_outputs_is_not_lost_in_an_export(tmp_path):
    """A C file that computes the outputs alone would be wrong without a word."""
    model = MLPRegressor(Exponential(), **QUICK).fit(X, Y)
    assert (model.predict(X) > 0).all()
    with pytest.raises(ValueError, match="expected one whose predictions are the outputs of the network as they are"):
        export_c(model, tmp_path / "model.c")
    pytest.importorskip("onnx")
    with pytest.raises(ValueError, match="expected one whose predictions are the outputs of the network as they are"):
        to_onnx(model, X[:1])
    export_c(model.set_params(loss=Linex()).fit(X, Y), tmp_path / "model.c")


def test_rprop_has_no_rate_to_search_for():
    with pytest.raises(ValueError, match="expected a solver with a learning rate, .* got 'rprop'"):
        find_learning_rate(MLPRegressor(solver="rprop"), X, Y)


@pytest.mark.parametrize(
    "other, message",
    [
        ({"solver": "rmsprop"}, "the solver that it was written with"),
        ({"hidden_layer_sizes": (9,)}, "hidden_layer_sizes, activation, out_activation and topology as in"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(other, message, tmp_path):
    MLPRegressor(**QUICK, callbacks=[Checkpoint(tmp_path / "file")]).fit(X, Y)
    with pytest.raises(ValueError, match=message):
        resume(tmp_path / "file").set_params(**other).fit(X, Y)


def test_a_file_whose_outputs_do_not_go_with_its_loss_is_refused(tmp_path):
    """Else `predict` would fail, or take for predictions what is none."""
    path = tmp_path / "model.json"
    save_model(MLPRegressor(Quantile([0.1, 0.9]), **QUICK).fit(X, Y), path)
    path.write_text(path.read_text().replace("[0.1, 0.9]", "[0.1, 0.5, 0.9]"))
    with pytest.raises(ValueError, match="expected 3 outputs for each target, got 2"):
        load_model(path)


def test_a_record_shows_the_estimator_as_it_will_be():
    seen = []
    settings = {**QUICK, "class_weight": "balanced", "callbacks": [lambda record: seen.append(record.estimator)]}
    model = MLPClassifier(**settings).fit(FLOWERS, LABELS)
    assert learnt(seen[-1]) == learnt(model) and vars(seen[-1]).keys() == vars(model).keys()


@pytest.mark.parametrize(
    "estimator, given, kind, message",
    [
        (
            MLPRegressor(hidden_layer_sizes=(5,), activation=[3]),
            {},
            TypeError,
            "expected an activation by name, .* got 3",
        ),
        (MLPRegressor(learning_rate="{}%".format), {}, TypeError, "a schedule that returns numbers, got '0.0%'"),
        (MLPRegressor(), {"coef_init": 3}, TypeError, "coef_init: expected a list of arrays, .* got 3"),
        (MLPClassifier(class_weight={0: "a"}), {}, TypeError, "expected numbers as weights in class_weight"),
    ],
)
def test_errors_say_what_was_given_and_expected_and_leave_nothing_half_fitted(estimator, given, kind, message):
    before = vars(estimator).copy()
    with pytest.raises(kind, match=message):
        estimator.fit(X, Y > 0, **given)
    assert vars(estimator) == before
