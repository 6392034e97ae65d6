# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn's own callbacks on our estimators, and our estimators without them."""

import importlib
import pickle
import subprocess
import sys

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from bpnet import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = (scale(part)[:100] for part in load_diabetes(return_X_y=True))
QUICK = {"hidden_layer_sizes": (5,), "random_state": 1, "learning_rate_init": 0.01, "max_iter": 6}


@pytest.fixture
def theirs():
    return pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 brings callbacks")


class Recorder:
    """Follows the protocol and notes what it is told; stops at an epoch."""

    def __init__(self, stop_at=None):
        self.told, self.stop_at = [], stop_at

    def setup(self, estimator, context):
        self.told.append(("setup", estimator))

    def teardown(self, estimator, context):
        self.told.append(("teardown", estimator))

    def on_fit_task_begin(self, estimator, context):
        self.told.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.told.append(("end", context.task_name, context.task_id, fitted_estimator))
        return context.task_name == "epoch" and context.task_id + 1 == self.stop_at


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("more", [{}, {"early_stopping": True}])
def test_the_scoring_monitor_logs_the_scores_of_shorter_fits(theirs, solver, more):
    monitor = theirs.ScoringMonitor(scoring="r2")
    est = MLPRegressor(**QUICK, solver=solver, **more).set_callbacks(monitor).fit(X, Y)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert [row["task_id"] for row in rows] == list(range(6))
    assert monitor.get_logs().data[0]["r2"] == est.score(X, Y)  # of the whole fit
    if not more:
        for row in rows:
            short = MLPRegressor(**QUICK | {"max_iter": row["task_id"] + 1}, solver=solver).fit(X, Y)
            assert row["r2"] == pytest.approx(short.score(X, Y), rel=1e-12)


def test_the_scoring_monitor_sees_labels_and_sample_weights(theirs):
    monitor, weight = theirs.ScoringMonitor(scoring="accuracy"), np.arange(100) % 3 + 0.5
    labels = np.where(Y > 0, "high", "low")
    est = MLPClassifier(**QUICK).set_callbacks(monitor).fit(X, labels, weight)
    assert monitor.get_logs().data[-1]["accuracy"] == est.score(X, labels, weight)


def test_the_progress_bar_runs_to_its_end(theirs, capsys):
    pytest.importorskip("rich")
    MLPRegressor(**QUICK).set_callbacks(theirs.ProgressBar()).fit(X, Y)
    assert "MLPRegressor - fit" in capsys.readouterr().out


def test_callbacks_reach_it_through_pipelines_and_searches(theirs):
    monitor = theirs.ScoringMonitor(scoring="r2")
    est = MLPRegressor(**QUICK).set_callbacks(monitor)
    GridSearchCV(make_pipeline(StandardScaler(), est), {"mlpregressor__alpha": [0.1, 1.0]}, cv=2).fit(X, Y)
    epochs = [row for log in monitor.get_logs("all") for row in log.data if row["task_name"] == "epoch"]
    assert len(epochs) == 6 * 5  # two settings on two folds, and the best once more


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_tasks_begin_and_end_in_order_and_true_stops(theirs, solver):
    recorder = Recorder(stop_at=3)
    est = MLPRegressor(**QUICK, solver=solver).set_callbacks(recorder)
    assert est.fit(X, Y).n_iter_ == 3
    assert [entry[:3] for entry in recorder.told] == [
        ("setup", est),
        ("begin", "fit", 0),
        *[(what, "epoch", k) for k in range(3) for what in ("begin", "end")],
        ("end", "fit", 0),
        ("teardown", est),
    ]
    assert_array_equal(recorder.told[-2][3].predict(X), est.predict(X))
    assert_array_equal(recorder.told[-3][3].coefs_[0], est.coefs_[0])


def test_every_epoch_that_begins_ends_also_where_lbfgs_converges(theirs):
    recorder = Recorder()
    MLPRegressor(**QUICK | {"max_iter": 500}, solver="lbfgs", alpha=100.0, tol=1e-2).set_callbacks(recorder).fit(X, Y)
    begun, ended = ([entry[2] for entry in recorder.told if entry[:2] == (what, "epoch")] for what in ("begin", "end"))
    assert begun == ended and 1 < len(ended) < 500


def test_a_fit_that_fails_tears_down_and_keeps_the_old_one(theirs):
    recorder = Recorder()
    est = MLPRegressor(**QUICK).fit(X, Y)
    before = est.predict(X)
    with pytest.raises(ValueError, match="NaN"):
        est.set_callbacks(recorder).fit(X * np.nan, Y)
    assert recorder.told[-1] == ("teardown", est)
    assert_array_equal(est.predict(X), before)
    assert est.fit(X, Y) is est and recorder.told[-1] == ("teardown", est)


def test_they_change_nothing_and_leave_nothing_behind(theirs):
    plain = MLPRegressor(**QUICK).fit(X, Y)
    watched = MLPRegressor(**QUICK).set_callbacks(Recorder()).fit(X, Y)
    assert_array_equal(plain.coefs_[0], watched.coefs_[0])
    assert {*vars(watched)} - {*vars(plain)} == {"_skl_callbacks"}
    assert_array_equal(pickle.loads(pickle.dumps(watched.set_callbacks())).predict(X), plain.predict(X))


def test_ours_and_theirs_work_side_by_side(theirs):
    told, recorder = [], Recorder()
    MLPRegressor(**QUICK, callbacks=[told.append]).set_callbacks(recorder).fit(X, Y)
    assert len(told) == 6 and sum(entry[0] == "end" for entry in recorder.told) == 7


def test_a_scikit_learn_without_callbacks_is_enough(monkeypatch):
    name = "bpnet.estimators._sklearn_callbacks"
    kept = importlib.import_module(name)
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    monkeypatch.delitem(sys.modules, name)
    module = importlib.import_module(name)
    try:
        assert not hasattr(module.CallbackSupportMixin, "set_callbacks")

        class Old(module.CallbackSupportMixin):
            _skl_callbacks = ()

        assert module.begin_tasks(Old(), X, Y, None) is None
    finally:
        monkeypatch.undo()
        sys.modules[name] = kept
        sys.modules["bpnet.estimators"]._sklearn_callbacks = kept


def test_estimators_fit_where_scikit_learn_has_no_callbacks():
    # Where the name is not there, as before 1.9; its own modules have loaded it before.
    code = """if True:
        import sys, sklearn.neural_network, sklearn.pipeline
        sys.modules["sklearn.callback"] = None
        import bpnet
        X = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
        est = bpnet.MLPRegressor(tol=1e9)
        assert not hasattr(est, "set_callbacks")
        told = []
        est.set_params(callbacks=[told.append])
        assert est.partial_fit(X, [0.0, 1.0, 2.0]).n_iter_ == len(told) == 1
    """
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_clones_share_callbacks_as_scikit_learn_wants(theirs):
    recorder = Recorder()
    assert sklearn.clone(MLPRegressor().set_callbacks(recorder))._skl_callbacks[0] is recorder
