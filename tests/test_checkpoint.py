# SPDX-License-Identifier: BSD-3-Clause
"""Checkpoints: resumed trainings are the uninterrupted ones to the bit, and files are whole whatever happens."""

import os
import pickle
import subprocess
import sys
import time
from itertools import count

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits

from bpnet import MLPClassifier, MLPRegressor
from bpnet.callbacks import Checkpoint, resume
from bpnet.estimators._standing import checksum
from bpnet.losses import Quantile

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, LABELS = load_digits().data[:300] / 16, load_digits().target[:300]
QUICK = {"hidden_layer_sizes": (6,), "random_state": 1, "max_iter": 9, "batch_size": 32}
SETTINGS = {
    "adam": {"learning_rate_init": 0.02},
    "momentum": {"solver": "sgd", "momentum": 0.8},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.3, "n_iter_no_change": 1},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling"},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.3, "learning_rate_init": 0.1},
    "scored": {"early_stopping": True, "scoring": "f1_macro", "learning_rate_init": 0.1},
    "weighted classes": {"class_weight": "balanced"},
    "threads": {"hidden_layer_sizes": (300, 300), "n_jobs": 2, "batch_size": 100, "max_iter": 4},
}


class Crash(Exception):  # noqa: N818 that of a program
    pass


def crash(epoch):
    def callback(record):
        if record.epoch == epoch:
            raise Crash

    return callback


def crashed(est, path, epoch, *data, every=1, **given):
    """Fit until it crashes after that epoch."""
    before = vars(est).copy()
    est.set_params(callbacks=[Checkpoint(path, every), crash(epoch)])
    with pytest.raises(Crash):
        est.fit(*data, **given)
    est.set_params(callbacks=None)
    assert vars(est) == before


def assert_same_fit(a, b):
    """Equal in all they have learnt, to the bit, and in how they go on."""
    for name in ("loss_curve_", "validation_scores_", "validation_loss_curve_", "n_iter_", "t_", "loss_", "best_loss_"):
        assert getattr(a, name) == getattr(b, name), name
    assert_array_equal(a.network_.parameters, b.network_.parameters)
    assert_array_equal(a._progress.rule.state, b._progress.rule.state)
    assert a._progress.rule.rate == b._progress.rule.rate


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", SETTINGS)
def test_a_resumed_training_is_the_uninterrupted_one_to_the_bit(name, dtype, tmp_path):
    data = X.astype(dtype), LABELS, np.arange(300) % 3 + 1.0
    settings = QUICK | SETTINGS[name]
    whole = MLPClassifier(**settings).fit(*data)
    for epoch in (1, 3):
        crashed(MLPClassifier(**settings), tmp_path / "file", epoch, *data)
        assert_same_fit(resume(tmp_path / "file").fit(*data), whole)


def test_it_may_crash_and_be_resumed_again_and_again(tmp_path):
    path, whole = tmp_path / "file", MLPClassifier(**QUICK).fit(X, LABELS)
    crashed(MLPClassifier(**QUICK), path, 2, X, LABELS)
    for epoch in (3, 7):
        with pytest.raises(Crash):
            resume(path, [Checkpoint(path), crash(epoch)]).fit(X, LABELS)
    assert_same_fit(resume(path).fit(X, LABELS), whole)


def test_a_resumed_training_remembers_scores_of_a_given_set(tmp_path):
    given = {"X_val": X[:50], "y_val": LABELS[:50]}
    for sparse in (False, True):
        rows = scipy.sparse.csr_array(X[50:]) if sparse else X[50:]
        whole = MLPClassifier(**QUICK, early_stopping=True).fit(rows, LABELS[50:], **given)
        crashed(MLPClassifier(**QUICK, early_stopping=True), tmp_path / "file", 4, rows, LABELS[50:], **given)
        assert_same_fit(resume(tmp_path / "file").fit(rows, LABELS[50:], **given), whole)


def test_a_warm_start_is_resumed_as_one(tmp_path):
    a, b = (MLPRegressor(**QUICK, warm_start=True).fit(X, LABELS) for _ in range(2))
    crashed(b, tmp_path / "file", 5, X, LABELS)
    assert_same_fit(resume(tmp_path / "file").fit(X, LABELS), a.fit(X, LABELS))
    assert len(a.loss_curve_) == 18


@pytest.mark.parametrize("early", [False, True])
def test_a_random_state_that_is_shared_goes_on_as_well(early, tmp_path):
    def new():
        return MLPClassifier(**QUICK | {"random_state": np.random.RandomState(3)}, early_stopping=early)

    whole = new().fit(X, LABELS)
    crashed_one = new().set_params(callbacks=[Checkpoint(tmp_path / "file"), crash(4)])
    with pytest.raises(Crash):
        crashed_one.fit(X, LABELS)
    assert_same_fit(resume(tmp_path / "file").fit(X, LABELS), whole)


def test_without_a_seed_it_goes_on_with_its_own_numbers(tmp_path):
    np.random.seed(5)
    whole = MLPClassifier(**QUICK | {"random_state": None}).fit(X, LABELS)
    np.random.seed(5)
    crashed(MLPClassifier(**QUICK | {"random_state": None}), tmp_path / "file", 4, X, LABELS)
    np.random.seed(6)
    assert_same_fit(resume(tmp_path / "file").fit(X, LABELS), whole)


def test_a_training_that_had_ended_stays_as_it_was(tmp_path):
    settings = QUICK | {"tol": 1e9, "n_iter_no_change": 3}
    whole = MLPClassifier(**settings, callbacks=[Checkpoint(tmp_path / "file")]).fit(X, LABELS)
    assert whole.n_iter_ == 5
    assert_same_fit(resume(tmp_path / "file").fit(X, LABELS), whole)


def test_parameters_may_be_changed_before_it_goes_on(tmp_path):
    crashed(MLPClassifier(**QUICK), tmp_path / "file", 4, X, LABELS)
    est = resume(tmp_path / "file").set_params(max_iter=12).fit(X, LABELS)
    assert_same_fit(est, MLPClassifier(**QUICK | {"max_iter": 12}).fit(X, LABELS))


CHANGES_TOO_LATE = {
    "activation": "tanh", "hidden_layer_sizes": (7,), "loss": "absolute_error", "out_activation": "tanh",
    "validation_fraction": 0.2, "early_stopping": True, "learning_rate": "invscaling", "learning_rate_init": 0.1,
    "power_t": 1.0, "momentum": 0.5, "nesterovs_momentum": False, "beta_1": 0.5, "beta_2": 0.5, "epsilon": 1e-3,
    "initializer": "he_normal", "random_state": 2,
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES_TOO_LATE)
def test_parameters_that_would_not_be_heeded_are_refused_by_name(name, tmp_path):
    crashed(MLPRegressor(**QUICK), tmp_path / "file", 4, X, LABELS)
    est = resume(tmp_path / "file")
    before = getattr(est, name)
    with pytest.raises(ValueError, match=rf"expected .*\b{name}\b.* as in the checkpoint"):
        est.set_params(**{name: CHANGES_TOO_LATE[name]}).fit(X, LABELS)
    # It can be changed back.
    assert_same_fit(est.set_params(**{name: before}).fit(X, LABELS), MLPRegressor(**QUICK).fit(X, LABELS))


def test_other_parameters_are_heeded(tmp_path):
    crashed(MLPClassifier(**QUICK), tmp_path / "file", 4, X, LABELS)
    left = resume(tmp_path / "file").fit(X, LABELS)
    changes = {
        "max_iter": 8, "max_time": 1e-9, "gradient_tol": 1e9, "alpha": 3.0,
        "alpha_l1": 0.1, "weight_decay": 0.1, "dropout": 0.5, "input_dropout": 0.5, "max_gradient_norm": 1e-3,
        "label_smoothing": 0.3, "batch_size": 9, "shuffle": False, "class_weight": {0: 9.0}, "frozen": "h1",
    }  # fmt: skip
    for name, value in changes.items():
        est = resume(tmp_path / "file").set_params(**{name: value}).fit(X, LABELS)
        assert est.loss_curve_[:4] == left.loss_curve_[:4], name
        assert (est.network_.parameters != left.network_.parameters).any(), name


def test_rows_set_aside_are_needed_for_early_stopping_only_where_none_are_given(tmp_path):
    given = {"X_val": X[:50], "y_val": LABELS[:50]}
    crashed(MLPClassifier(**QUICK), tmp_path / "file", 4, X, LABELS, **given)
    est = resume(tmp_path / "file").set_params(early_stopping=True).fit(X, LABELS, **given)
    assert len(est.validation_scores_) == est.n_iter_ == 9
    crashed(MLPClassifier(**QUICK, early_stopping=True), tmp_path / "file", 4, X, LABELS)
    est = resume(tmp_path / "file").set_params(early_stopping=False).fit(X, LABELS)
    assert len(est.validation_scores_) == est.n_iter_ == 9


def test_a_start_is_refused_where_a_training_goes_on(tmp_path):
    start = MLPRegressor(**QUICK).fit(X, LABELS)
    crashed(MLPRegressor(**QUICK), tmp_path / "file", 4, X, LABELS)
    for more in ({"coef_init": start.coefs_}, {"intercept_init": start.intercepts_}):
        with pytest.raises(ValueError, match="neither coef_init nor intercept_init where a training is resumed"):
            resume(tmp_path / "file").fit(X, LABELS, **more)


def test_losses_and_seeds_that_are_objects_are_known_again(tmp_path):
    settings = QUICK | {"loss": Quantile([0.2, 0.8]), "random_state": np.random.RandomState(3)}
    est = MLPRegressor(**settings, callbacks=[Checkpoint(tmp_path / "file"), crash(4)])
    with pytest.raises(Crash):
        est.fit(X, LABELS)
    again = resume(tmp_path / "file").set_params(loss=Quantile([0.2, 0.8]))
    whole = MLPRegressor(**settings | {"random_state": np.random.RandomState(3)}).fit(X, LABELS)
    assert_same_fit(pickle.loads(pickle.dumps(again)).fit(X, LABELS), whole)
    with pytest.raises(ValueError, match="expected loss as in the checkpoint"):
        again.set_params(loss=Quantile([0.1, 0.8])).fit(X, LABELS)


def test_epochs_between_are_not_saved_and_time_counts_on(tmp_path):
    crashed(MLPClassifier(**QUICK), tmp_path / "file", 8, X, LABELS, every=3)
    told = []
    est = resume(tmp_path / "file", [told.append])
    elapsed = est._standing.elapsed
    est.fit(X, LABELS)
    assert [record.epoch for record in told] == [7, 8, 9] and told[0].elapsed > elapsed > 0


def test_a_resumed_fit_that_fails_can_be_tried_again(tmp_path):
    whole = MLPClassifier(**QUICK).fit(X, LABELS)
    crashed(MLPClassifier(**QUICK), tmp_path / "file", 4, X, LABELS)
    est = resume(tmp_path / "file", [crash(7)])
    with pytest.raises(Crash):
        est.fit(X, LABELS)
    assert_same_fit(est.set_params(callbacks=None).fit(X, LABELS), whole)
    # From then on it is an estimator like any other.
    assert_same_fit(est.fit(X, LABELS), whole)


def test_other_data_are_refused(tmp_path):
    crashed(MLPClassifier(**QUICK), tmp_path / "file", 4, X, LABELS)
    weight, changed = np.ones(300), X + 0
    changed[299, 63] += 1e-12
    for data in ((changed, LABELS), (X, LABELS[::-1]), (X[1:], LABELS[1:]), (X, LABELS, weight)):
        with pytest.raises(ValueError, match="training with other data"):
            resume(tmp_path / "file").fit(*data)
    with pytest.raises(ValueError, match="training with other data"):
        resume(tmp_path / "file").fit(X, LABELS, X_val=X, y_val=LABELS)


def test_full_batch_solvers_and_partial_fit_have_no_checkpoints(tmp_path):
    fits = [MLPRegressor(**QUICK, solver=solver).fit for solver in ("lbfgs", "scg")]
    for fit in (*fits, MLPRegressor(**QUICK).partial_fit):
        fit.__self__.set_params(callbacks=[Checkpoint(tmp_path / "file")])
        with pytest.raises(ValueError, match="'rprop': other solvers and partial_fit have no checkpoints"):
            fit(X, LABELS)
    crashed(MLPRegressor(**QUICK), tmp_path / "file", 2, X, LABELS)
    for fit in (resume(tmp_path / "file").set_params(solver="lbfgs").fit, resume(tmp_path / "file").partial_fit):
        with pytest.raises(ValueError, match="goes on with fit and the solver that it was written with"):
            fit(X, LABELS)


@pytest.mark.parametrize("every", [0, -1, 1.5, None])
def test_every_is_a_count(every):
    with pytest.raises(ValueError, match="expected every as an integer of at least 1"):
        Checkpoint("file", every)


# Files.


def test_files_that_are_no_checkpoints_or_not_whole_are_refused(tmp_path):
    path = tmp_path / "file"
    crashed(MLPClassifier(**QUICK), path, 2, X, LABELS)
    whole = path.read_bytes()
    for length in (len(whole) - 1, len(whole) // 2, 30, 19):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="is not whole"):
            resume(path)
    for other in (b"", whole[:18], b"text\n" * 9, pickle.dumps(3)):
        path.write_bytes(other)
        with pytest.raises(ValueError, match="expected a file written by bpnet.callbacks.Checkpoint"):
            resume(path)
    with pytest.raises(FileNotFoundError):
        resume(tmp_path / "none")


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_training_killed_at_any_time_is_resumed_to_the_same_bits(tmp_path):
    path, settings = tmp_path / "file", QUICK | {"max_iter": 300, "n_iter_no_change": np.inf}
    code = f"""if True:
        from sklearn.datasets import load_digits
        from bpnet import MLPClassifier
        from bpnet.callbacks import Checkpoint
        from numpy import inf
        X, LABELS = load_digits().data[:300] / 16, load_digits().target[:300]
        MLPClassifier(**{settings}, callbacks=[Checkpoint({str(path)!r})]).fit(X, LABELS)
    """
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        for _ in count():
            if path.exists() or process.poll() is not None:
                break
            time.sleep(0.001)
        time.sleep(0.02)
        process.kill()
    est = resume(path)
    assert 0 < est._standing.n_iter
    assert_same_fit(est.fit(X, LABELS), MLPClassifier(**settings).fit(X, LABELS))


def test_checksums_tell_values_shapes_types_and_what_is_missing():
    arrays = X, X.T.copy(), X.reshape(-1), X.astype(np.float32), X + 0.0, scipy.sparse.csr_array(X), X[:0], None
    sums = [checksum(array, LABELS) for array in arrays]
    assert sums[0] == sums[4] and len({*sums}) == len(sums) - 1
    assert checksum(None, X) != checksum(X, None) and checksum((X, None)) != checksum((X, LABELS))
    assert checksum(X.T) == checksum(X.T.copy())
