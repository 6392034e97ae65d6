# SPDX-License-Identifier: BSD-3-Clause
"""Exported C files: compiled, they say what the unit-by-unit reference and the estimators say."""

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import mpmath as mp
import numpy as np
import pytest
from compiled import FLAGS, call, call_classes, compile_c
from hypothesis import given, settings
from numpy.testing import assert_array_equal
from problems import CATALOGUE, assert_near, make
from random_problems import random_problems
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import scale
from test_activations import NAMES, TRUTH

from bpnet import Layer, MLPClassifier, MLPRegressor, Network, Topology, export_c
from bpnet.export import _activations
from bpnet.export.c import source

pytestmark = [
    pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
X, LABELS = scale(load_iris().data), load_iris().target
QUICK = {"hidden_layer_sizes": (6,), "max_iter": 30, "random_state": 0, "learning_rate_init": 0.05}
# Units in the last place of the largest result. The largest measured are 17 in float64 and 21 in float32, of results
# that are small differences of large terms or exponentials of these; most are below 4.
ULPS = 64


def test_every_network_says_what_the_reference_says(tmp_path):
    # One translation unit for each network, both types in it: a tenth of the catalogue's compilations.
    problems = [make(*names) for names in list(CATALOGUE.values())[::3]]
    sources = [
        source(problem.net(dtype), f"net{k}_{dtype}")
        for k, problem in enumerate(problems)
        for dtype in ("float32", "float64")
    ]
    library = compile_c(tmp_path, "\n".join(sources))
    for k, problem in enumerate(problems):
        n_outputs = problem.topology.n_outputs
        for dtype in ("float32", "float64"):
            net, name = problem.net(dtype), f"net{k}_{dtype}"
            outputs = call(library[f"{name}_predict"], problem.X, n_outputs, dtype)
            raw = call(library[f"{name}_predict_raw"], problem.X, n_outputs, dtype)
            eps = np.finfo(dtype).eps
            assert_near(outputs, problem.truth.outputs, ULPS * eps)
            assert_near(outputs, net.predict(problem.X), ULPS * eps)
            assert_near(raw, net.predict_raw(problem.X), ULPS * eps)


@settings(max_examples=12)
@given(problem=random_problems())
def test_any_network_says_what_the_reference_says(problem, tmp_path_factory):
    library = compile_c(tmp_path_factory.mktemp("any"), source(problem.net()))
    outputs = call(library["model_predict"], problem.X, problem.topology.n_outputs, "float64")
    assert_near(outputs, problem.truth.outputs, 1e-13)


def test_activations_are_exact_to_a_few_units_in_the_last_place(tmp_path):
    topologies = {name: Topology(1, [Layer(1, name, bias=False)]) for name in NAMES}
    points = np.concatenate([[0.0], np.geomspace(1e-6, 60, 60)])
    points = np.concatenate([-points, points]).astype(np.float32)
    one = {dtype: np.ones(1, dtype) for dtype in ("float32", "float64")}
    nets = {
        f"{name}_{dtype}": Network.from_parameters(topology, one[dtype], "squared_error")
        for name, topology in topologies.items()
        for dtype in one
    }
    library = compile_c(tmp_path, "\n".join(source(net, name) for name, net in nets.items()))
    for name in nets:
        activation, dtype = name.rsplit("_", 1)
        z = call(library[f"{name}_predict"], points[:, None], 1, dtype).ravel()
        with mp.workdps(50):
            h = TRUTH[activation][0]
            truth = [h(mp.mpf(float(a))) for a in points]
            truth = np.array([float(sum(t) if isinstance(t, tuple) else t) for t in truth])
        tiny = np.finfo(dtype).tiny
        error = np.abs(z - truth) / np.maximum(np.abs(truth), tiny) / np.finfo(dtype).eps
        # gelu: erfc's argument is rounded, which counts a^2 / 2 times; below -6 its value is beneath 1e-8.
        error = error[points > -6] / 18 if activation == "gelu" else error
        inside = error[np.abs(truth[points > -6] if activation == "gelu" else truth) > 100 * tiny]
        assert inside.max() < 4, (name, inside.max())


CLASSES = {
    "two": np.array(["no", "yes"])[(LABELS > 0).astype(int)],
    "three words": np.array(['say "a"', "??/\\ü\n", "%d"])[LABELS],
    "three numbers": LABELS * 10**12 - 7,
    "floats": LABELS + 1e9,
    "bools": LABELS > 0,
    "one": np.zeros(150, int),
    "several labels": np.column_stack([LABELS > 0, LABELS > 1]).astype(int),
}


@pytest.mark.parametrize("y", CLASSES.values(), ids=CLASSES)
def test_classifiers_decide_as_in_python(y, dtype, tmp_path):
    model = MLPClassifier(**QUICK).fit(X.astype(dtype), y)
    library = compile_c(tmp_path, source(model))
    Z = X.astype(dtype)
    n_classes = model.predict_proba(Z).shape[1]
    proba = call(library["model_predict_proba"], Z, n_classes, dtype)
    log_proba = call(library["model_predict_log_proba"], Z, n_classes, dtype)
    raw = call(library["model_predict_raw"], Z, model.n_outputs_, dtype)
    eps = np.finfo(dtype).eps
    assert_near(proba, model.predict_proba(Z), 8 * eps)
    assert_near(log_proba, model.predict_log_proba(Z), 8 * eps)
    assert_near(raw.squeeze(), model.decision_function(Z), 8 * eps)
    if y.ndim == 2:
        assert_array_equal(call(library["model_predict"], Z, 2, dtype, np.int32), model.predict(Z))
    else:
        numbers = call_classes(library["model_predict"], Z, dtype)
        assert_array_equal(model.classes_[numbers], model.predict(Z))


def test_sure_classes_keep_their_small_logarithms(tmp_path):
    for y in (CLASSES["two"], LABELS):
        model = MLPClassifier(**QUICK).fit(X, y)
        model.coefs_[-1][...] *= 1e3
        (tmp_path / str(y[0])).mkdir()
        library = compile_c(tmp_path / str(y[0]), source(model))
        log_proba = call(library["model_predict_log_proba"], X, len(model.classes_), "float64")
        expected = model.predict_log_proba(X)
        assert np.isfinite(log_proba).all() and log_proba.min() < -800
        # Each logarithm to its own digits, also the smallest: they come from differences of raw outputs up to 1e4.
        np.testing.assert_allclose(log_proba, expected, rtol=1e-9)
        proba = call(library["model_predict_proba"], X, len(model.classes_), "float64")
        np.testing.assert_allclose(proba, model.predict_proba(X), atol=1e-12)


PRINTS = """
#include <stdio.h>
int main(void)
{
    const double x[30] = {0};
    printf("%s %d", wisconsin_classes[wisconsin_predict(x)], WISCONSIN_INPUTS);
    return 0;
}
"""


def test_the_file_is_included_into_a_program(tmp_path):
    data = load_breast_cancer()
    model = MLPClassifier(**QUICK).fit(scale(data.data), data.target_names[data.target])
    export_c(model, tmp_path / "wisconsin.c", name="wisconsin")
    (tmp_path / "main.c").write_text('#include "wisconsin.c"\n' + PRINTS)
    subprocess.run(["gcc", *FLAGS, tmp_path / "main.c", "-o", tmp_path / "main", "-lm"], check=True)
    printed = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout
    assert printed == f"{model.predict(np.zeros((1, 30)))[0]} 30"


def test_labels_stand_in_the_file_as_they_are(tmp_path):
    words, numbers, floats = (
        source(MLPClassifier(**QUICK).fit(X, CLASSES[name]), name.split()[-1])
        for name in ("three words", "three numbers", "floats")
    )
    main = """
#include <stdio.h>
int main(void)
{
    for (int k = 0; k < 3; k++)
        printf("%s|%lld|%.0f|", words_classes[k], numbers_classes[k], floats_classes[k]);
    return 0;
}
"""
    (tmp_path / "main.c").write_text(words + numbers + floats + main)
    subprocess.run(["gcc", *FLAGS, tmp_path / "main.c", "-o", tmp_path / "main", "-lm"], check=True)
    printed = subprocess.run([tmp_path / "main"], capture_output=True, check=True).stdout.decode()
    classes = [np.unique(CLASSES[name]).tolist() for name in ("three words", "three numbers", "floats")]
    assert printed == "".join(f"{word}|{number}|{value:.0f}|" for word, number, value in zip(*classes))


def test_regressors_predict_as_in_python(dtype, tmp_path):
    y = load_iris().data[:, :2].astype(dtype)
    for loss in ("squared_error", "poisson"):
        model = MLPRegressor(loss, **QUICK).fit(X.astype(dtype), y)
        (tmp_path / loss).mkdir()
        library = compile_c(tmp_path / loss, source(model))
        predicted = call(library["model_predict"], X, 2, dtype)
        assert_near(predicted, model.predict(X.astype(dtype)), 8 * np.finfo(dtype).eps)


def test_functions_are_reentrant_and_allocate_nothing(tmp_path):
    net = Network(Topology.layered([4, 200, 200, 1]), random_state=0)
    text = source(net)
    assert not re.search(r"alloc\w*\(|\bstatic (?!const|void)", text)
    library = compile_c(tmp_path, text)
    rows = np.random.default_rng(0).normal(size=(300, 4))
    alone = call(library["model_predict"], rows, 1, "float64")
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: call(library["model_predict"], rows, 1, "float64"), range(8)))
    for result in together:
        assert_array_equal(result, alone)


@pytest.mark.parametrize("name", ["", "3d", "int", "a b", "ü", None, "_x"])
def test_names_that_are_no_identifiers_are_refused(name):
    with pytest.raises(ValueError, match="identifier of C"):
        source(Network(Topology.layered([1, 1])), name)


def test_what_cannot_be_exported_is_named_and_leaves_no_file(tmp_path, monkeypatch):
    path = tmp_path / "model.c"
    net = Network(Topology.layered([2, 3, 1], "silu"))
    with pytest.raises(TypeError, match="expected a Network, an MLPRegressor or an MLPClassifier, got Pipeline"):
        export_c(make_pipeline(MLPRegressor(**QUICK)), path)
    with pytest.raises(NotFittedError):
        export_c(MLPRegressor(), path)
    monkeypatch.delitem(_activations.TABLE, "silu")
    with pytest.raises(ValueError, match="cannot export the activation 'silu': expected one out of identity"):
        export_c(net, path)
    monkeypatch.undo()
    net.parameters[0] = np.nan
    with pytest.raises(ValueError, match="not all finite"):
        export_c(net, path)
    assert not list(tmp_path.iterdir())


def test_a_loss_that_predicts_more_than_outputs_is_refused():
    class MeanAndVariance:
        def n_raw(self, n_targets):
            return 2 * n_targets

    model = MLPRegressor(**QUICK).fit(X, LABELS)
    model.network_._loss, model.network_.loss_name = MeanAndVariance(), "gaussian_nll"
    with pytest.raises(
        ValueError, match="with the loss 'gaussian_nll': expected one whose predictions are the outputs"
    ):
        source(model)


def test_dates_are_no_class_labels():
    model = MLPClassifier(**QUICK).fit(X, LABELS > 0)
    model.classes_ = np.array(["2020-01-01", "2021-01-01"], "M8[D]")
    with pytest.raises(ValueError, match="class labels: expected numbers or strings"):
        source(model)


def test_class_labels_that_would_be_cut_are_refused():
    with pytest.raises(ValueError, match=r"class label 'a\\x00b': a string of C ends"):
        source(MLPClassifier(**QUICK).fit(X, np.where(LABELS > 0, "a\0b", "c")))


def test_class_numbers_beyond_long_long_are_refused():
    with pytest.raises(ValueError, match="a long long holds"):
        source(MLPClassifier(**QUICK).fit(X, (LABELS > 0).astype(np.uint64) * np.uint64(2**64 - 1)))
