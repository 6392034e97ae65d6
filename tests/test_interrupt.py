# SPDX-License-Identifier: BSD-3-Clause
"""Ctrl-C ends a fit at once, also in the middle of an epoch, and keeps what has been learnt."""

import contextlib
import itertools
import signal
import threading
import time
from functools import partial

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning

from bpnet import MLPClassifier, MLPRegressor, Network, TabularMLPRegressor, Topology, train

N = 10**6
LONG = {"hidden_layer_sizes": (64, 64), "max_iter": 10**6, "random_state": 0, "n_iter_no_change": np.inf, "tol": 0}
SOLVERS = {  # None: nothing but an epoch of 10^6 rows
    "sgd": {"solver": "sgd", "batch_size": 1000},
    "adam": {"solver": "adam", "batch_size": 1000},
    "one batch": {"solver": "adam", "batch_size": N},
    "early stopping": {"solver": "adam", "batch_size": 1000, "early_stopping": True},
    "lbfgs": {"solver": "lbfgs"},
    "scg": {"solver": "scg"},
    "newton-cg": {"solver": "newton-cg"},
}


@pytest.fixture(scope="module")
def data():
    X = np.random.default_rng(0).standard_normal((N, 20), np.float32)
    return X, X[:, 0]


class CtrlC:
    """Presses Ctrl-C so many seconds after it is entered; `took` is the time from there to the exit."""

    def __init__(self, seconds):
        self.timer = threading.Timer(seconds, self.press)
        self.pressed = -np.inf

    def press(self):
        self.pressed = time.monotonic()
        signal.raise_signal(signal.SIGINT)

    def __enter__(self):
        self.timer.start()
        return self

    def __exit__(self, *_):
        self.timer.cancel()
        self.timer.join()
        self.took = time.monotonic() - self.pressed


def interrupted(call, seconds):
    """Seconds from Ctrl-C to the end of a call that ends with a warning then.

    On a busy machine Ctrl-C may come before training has begun, and raises: then it is pressed later.
    """
    try:
        with CtrlC(seconds) as ctrl_c, pytest.warns(UserWarning, match="Training interrupted by user"):
            call()
    except KeyboardInterrupt:
        if seconds > 60:
            raise
        return interrupted(call, 3 * seconds)
    return ctrl_c.took


@pytest.fixture(autouse=True)
def ctrl_c_raises():
    """The handler of an interactive Python, whoever started these tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("settings", SOLVERS.values(), ids=SOLVERS)
def test_ctrl_c_in_the_first_epoch_ends_the_fit_with_the_weights_reached(settings, data):
    sizes = (256, 256)  # an epoch takes seconds on any machine
    start = Network(Topology.layered([20, *sizes, 1], "relu"), random_state=0, dtype=np.float32).coefs
    est = MLPRegressor(**LONG | settings | {"hidden_layer_sizes": sizes})
    assert interrupted(lambda: est.fit(*data), 0.7) < 5
    assert np.isfinite(est.predict(data[0][:9])).all()
    assert est.n_iter_ < 3 or settings["solver"] in ("lbfgs", "scg", "newton-cg")
    if settings.get("batch_size") == 1000 and "early_stopping" not in settings:
        assert (est.coefs_[0] != start[0]).any()


def test_an_interrupted_classifier_can_predict_and_go_on(data):
    X, y = data[0], data[1] > 0
    est = MLPClassifier(**LONG, batch_size=1000)
    interrupted(lambda: est.fit(X, y), 1.0)
    assert est.partial_fit(X[:5000], y[:5000]).score(X[:5000], y[:5000]) > 0.8


class CtrlCAtLine:
    """A screen on which a certain line makes the user press Ctrl-C."""

    def __init__(self, words):
        self.words = words

    def write(self, text):
        if text.startswith(self.words):
            raise KeyboardInterrupt


@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam", "lm", "scg", "newton-cg", "trust-ncg", "rprop+"])
def test_an_interrupted_fit_is_the_fit_of_fewer_iterations(solver):
    X, y = load_diabetes(return_X_y=True)
    settings = {"hidden_layer_sizes": (5,), "random_state": 0, "solver": solver, "learning_rate_init": 0.001}
    est = MLPRegressor(**settings, max_iter=100, verbose=True)
    with contextlib.redirect_stdout(CtrlCAtLine("Iteration 3,")), pytest.warns(UserWarning, match="interrupted"):
        est.fit(X, y)
    with pytest.warns(ConvergenceWarning):
        same = MLPRegressor(**settings, max_iter=3).fit(X, y)
    assert (est.n_iter_, est.loss_) == (3, same.loss_)
    np.testing.assert_array_equal(est.coefs_[0], same.coefs_[0])


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("pressed", [1, 30])
def test_ctrl_c_ends_the_fit_of_a_preset_which_keeps_its_last_one(monkeypatch, n_jobs, pressed):
    X, y = load_diabetes(return_X_y=True)
    est = TabularMLPRegressor(max_iter=20, random_state=0, n_jobs=n_jobs, verbose=True).fit(X, y)
    before, n_epochs = est.predict(X), itertools.count(1)

    def press(record):
        if next(n_epochs) == pressed:
            raise KeyboardInterrupt

    monkeypatch.setattr(TabularMLPRegressor, "_net_class", staticmethod(partial(MLPRegressor, callbacks=press)))
    with pytest.raises(KeyboardInterrupt), pytest.warns(UserWarning, match="Training interrupted by user"):
        est.fit(X[::-1], y)
    assert next(n_epochs) == pressed + 1 or n_jobs > 1  # other workers end the nets they are at
    np.testing.assert_array_equal(est.predict(X), before)


def test_ctrl_c_while_predicting_raises(data):
    est = MLPRegressor(hidden_layer_sizes=(500, 500), max_iter=1, random_state=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        est.fit(data[0][:100], data[1][:100])
    with CtrlC(0.3) as ctrl_c, pytest.raises(KeyboardInterrupt):
        est.predict(data[0])
    assert ctrl_c.took < 5


def test_ctrl_c_ends_train_of_a_network_too(data):
    net = Network(Topology.layered([20, 64, 1]), random_state=0, dtype=np.float32)
    before = net.parameters.copy()
    curve = []
    assert interrupted(lambda: curve.extend(train(net, *data, n_epochs=10**6, learning_rate=1e-4)), 0.5) < 5
    assert len(curve) < 10**6 and (net.parameters != before).any()


def test_ctrl_c_ends_a_hessian(data):
    net = Network(Topology.layered([20, 40, 1]), random_state=0)
    out = np.empty((len(net.parameters),) * 2)
    with CtrlC(0.5) as ctrl_c, pytest.raises(KeyboardInterrupt):
        net.hessian(*data, out=out)  # some 30 seconds
    assert ctrl_c.took < 5
