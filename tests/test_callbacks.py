# SPDX-License-Identifier: BSD-3-Clause
"""Callbacks: what they are told, how they stop a training, the progress bar."""

import copy
import io
import pickle
import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import scale

from bpnet import MLPClassifier, MLPRegressor
from bpnet.callbacks import EpochRecord, ProgressBar

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = (scale(part)[:200] for part in load_diabetes(return_X_y=True))
QUICK = {"hidden_layer_sizes": (5,), "random_state": 1, "learning_rate_init": 0.01, "max_iter": 6}


class Ended:
    """Counts its calls."""

    def __init__(self):
        self.records, self.n_ends = [], 0

    def __call__(self, record):
        self.records.append(record)

    def end(self):
        self.n_ends += 1


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_records_tell_what_the_curves_tell(solver):
    told = []
    est = MLPRegressor(**QUICK, solver=solver, callbacks=[told.append]).fit(X[50:], Y[50:], X_val=X[:50], y_val=Y[:50])
    assert [record.epoch for record in told] == list(range(1, 7)) and {record.max_iter for record in told} == {6}
    assert [record.loss for record in told] == est.loss_curve_
    assert [record.validation_loss for record in told] == est.validation_loss_curve_
    assert [record.validation_score for record in told] == est.validation_scores_
    assert {record.learning_rate for record in told} == {None if solver == "lbfgs" else 0.01}
    assert sorted(record.elapsed for record in told) == [record.elapsed for record in told]
    assert 0 < told[0].elapsed < told[-1].elapsed < 60 and told[0].gradient_norm is None


def test_records_of_early_stopping_and_of_plain_fits():
    told = []
    est = MLPRegressor(**QUICK, early_stopping=True, warm_start=True, callbacks=told.append).fit(X, Y)
    assert [record.validation_score for record in told] == est.validation_scores_
    assert [record.validation_loss for record in told] == est.validation_loss_curve_
    est.set_params(early_stopping=False).fit(X, Y)
    assert told[-1].validation_loss is None and told[-1].validation_score is None and told[-1].epoch == 6


def test_rates_told_are_those_of_the_epoch():
    told, settings = [], QUICK | {"max_iter": 20, "learning_rate_init": 0.5}
    settings |= {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 1}
    MLPRegressor(**settings, callbacks=[told.append]).fit(X, Y)
    # The first epoch improves on infinity; each rate bears two more.
    assert [record.learning_rate for record in told[:7]] == pytest.approx([0.5] * 3 + [0.1] * 2 + [0.02] * 2)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_record_holds_the_estimator_as_if_training_ended_there(solver):
    told = []

    def look(record):
        told.append((record.network.predict(X[:9]).ravel(), record.estimator))

    est = MLPRegressor(**QUICK, solver=solver, callbacks=[look]).fit(X, Y)
    for epoch, (predicted, seen) in enumerate(told, 1):
        short = MLPRegressor(**QUICK | {"max_iter": epoch}, solver=solver).fit(X, Y)
        assert_array_equal(seen.predict(X), short.predict(X))
        assert_array_equal(predicted, short.predict(X[:9]))
        assert (seen.loss_curve_, seen.n_iter_, seen.loss_) == (short.loss_curve_, short.n_iter_, short.loss_)
    kept = est.predict(X)
    told[-1][1].coefs_[0][:] = 0
    assert_array_equal(est.predict(X), kept)


@pytest.mark.parametrize("solver", ["adam", "rprop", "lbfgs", "lm"])
@pytest.mark.parametrize("given", [False, True])
def test_the_estimator_of_a_record_has_the_best_parameters_where_early_stopping_keeps_them(solver, given):
    told, noise = [], np.random.default_rng(0).standard_normal(200)  # nothing to learn, so scores soon fall
    settings = QUICK | {"hidden_layer_sizes": (30,), "max_iter": 20, "n_iter_no_change": 99, "solver": solver}
    validated = {"X_val": X[:50], "y_val": noise[:50]} if given else {}
    if given or solver not in ("lbfgs", "lm"):  # those do not split rows off
        settings["early_stopping"] = True

    def look(record):
        told.append((record.estimator, record.network.parameters.copy()))

    est = MLPRegressor(**settings, callbacks=[look]).fit(X[50:], noise[50:], **validated)
    assert not est.validation_scores_ or int(np.argmax(est.validation_scores_)) < 19
    for epoch, (seen, _) in enumerate(told, 1):
        short = MLPRegressor(**settings | {"max_iter": epoch}).fit(X[50:], noise[50:], **validated)
        assert_array_equal(seen.predict(X), short.predict(X))
        assert seen.best_validation_score_ == short.best_validation_score_
        if given:
            assert seen.score(X[:50], noise[:50]) == pytest.approx(seen.best_validation_score_, rel=1e-12)
    # The network is that of the last epoch all the same.
    assert (told[-1][0].network_.parameters != told[-1][1]).any() == bool(est.validation_scores_)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("more", [{}, {"early_stopping": True}])
def test_true_stops_and_all_callbacks_are_told(solver, more, recwarn):
    last = Ended()
    est = MLPRegressor(**QUICK, solver=solver, callbacks=[lambda record: record.epoch == 3, last], **more).fit(X, Y)
    assert est.n_iter_ == len(est.loss_curve_) == len(last.records) == 3 and last.n_ends == 1
    assert not recwarn.list  # it ended as it was told to
    if not more:
        assert_array_equal(est.coefs_[0], MLPRegressor(**QUICK | {"max_iter": 3}, solver=solver).fit(X, Y).coefs_[0])


@pytest.mark.parametrize("answer", [None, False, 0, np.False_, ""])
def test_whatever_is_not_true_goes_on(answer):
    assert MLPRegressor(**QUICK, callbacks=[lambda record: answer]).fit(X, Y).n_iter_ == 6


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_callbacks_change_nothing(solver):
    plain, watched = (MLPRegressor(**QUICK, solver=solver, callbacks=c).fit(X, Y) for c in (None, [lambda r: None]))
    assert_array_equal(plain.coefs_[0], watched.coefs_[0])
    assert plain.loss_curve_ == watched.loss_curve_


def test_an_error_in_a_callback_ends_the_fit_and_keeps_the_old_one():
    est, last = MLPRegressor(**QUICK).fit(X, Y), Ended()
    before = est.predict(X)

    def fails(record):
        raise RuntimeError("from within")

    with pytest.raises(RuntimeError, match="from within"):
        est.set_params(callbacks=[fails, last]).fit(X, -Y)
    assert_array_equal(est.predict(X), before)
    assert last.n_ends == 1


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_all_callbacks_are_ended_in_order_where_the_end_of_one_raises(solver):
    ended = []

    class Named(Ended):
        def __init__(self, name, error=None):
            super().__init__()
            self.name, self.error = name, error

        def end(self):
            ended.append(self.name)
            if self.error is not None:
                raise self.error

    watch = [Named(1), Named(2, RuntimeError("the end of 2")), Named(3)]
    with pytest.raises(RuntimeError, match="the end of 2"):
        MLPRegressor(**QUICK, solver=solver, callbacks=watch).fit(X, Y)
    assert ended == [1, 2, 3]


def test_ctrl_c_in_a_callback_ends_the_fit_like_any_other():
    def interrupt(record):
        if record.epoch == 2:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted"):
        assert MLPRegressor(**QUICK, callbacks=[interrupt]).fit(X, Y).n_iter_ == 2


def test_partial_fits_and_warm_starts_call_them_too():
    told = Ended()
    est = MLPRegressor(**QUICK, callbacks=[told], warm_start=True)
    est.partial_fit(X, Y), est.partial_fit(X, Y), est.fit(X, Y)
    assert [record.epoch for record in told.records] == [1, 1, *range(1, 7)] and told.n_ends == 3
    assert told.records[-1].estimator.loss_curve_ == est.loss_curve_ and len(est.loss_curve_) == 8


def test_labels_are_learnt_before_the_first_record():
    told = []
    MLPClassifier(**QUICK, callbacks=[lambda record: told.append(record.estimator.predict(X[:3]))]).fit(X, Y > 0)
    assert told[0].dtype == bool


@pytest.mark.parametrize("callbacks", [[3], ["name"], [print, None]])
def test_what_cannot_be_called_is_refused(callbacks):
    with pytest.raises(TypeError, match="expected functions or other callables in callbacks, got"):
        MLPRegressor(**QUICK, callbacks=callbacks).fit(X, Y)
    with pytest.raises(ValueError, match="'callbacks' parameter"):
        MLPRegressor(**QUICK, callbacks=3).fit(X, Y)


def test_a_record_is_frozen_and_shows_numbers_only():
    record = EpochRecord(1, 2, 0.5, None, None, 0.1, None, 3.0, "network", None, None)
    with pytest.raises(FrozenInstanceError):
        record.loss = 0
    assert "network" not in repr(record) and "loss=0.5" in repr(record)


# The progress bar.


def test_the_bar_counts_epochs_and_shows_losses():
    pytest.importorskip("tqdm")
    file = io.StringIO()
    est = MLPRegressor(**QUICK, callbacks=[ProgressBar(file=file, mininterval=0)])
    est.fit(X, Y, X_val=X, y_val=Y)
    text = file.getvalue()
    assert "6/6" in text and f"loss={est.loss_:.4g}" in text and f"score={est.validation_scores_[-1]:.4g}" in text


def test_every_fit_has_a_bar_of_its_own():
    pytest.importorskip("tqdm")
    file = io.StringIO()
    bar = ProgressBar(file=file, mininterval=0)
    est = MLPRegressor(**QUICK, callbacks=[bar])
    for copied in (copy.deepcopy, sklearn.clone):
        copied(est)
    for _ in range(2):
        est.fit(X, Y)
    assert file.getvalue().count("| 0/6") == 2
    assert pickle.loads(pickle.dumps(ProgressBar(desc="net"))).settings == {"desc": "net"}


def test_without_tqdm_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match=r"pip install bpnet\[progress\]"):
        ProgressBar()
