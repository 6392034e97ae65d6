# SPDX-License-Identifier: BSD-3-Clause
"""Rows set aside: curves, scorers, best parameters, errors, pipelines."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import accuracy_score, log_loss, make_scorer, mean_absolute_error, mean_poisson_deviance, r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from bpnet import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

A, B, TARGET, TARGET_VAL = train_test_split(*(scale(part) for part in load_diabetes(return_X_y=True)), random_state=0)
C, D, NAMES, NAMES_VAL = train_test_split(
    scale(load_iris().data), np.array(["b", "a", "c"])[load_iris().target], random_state=0
)
BITS, BITS_VAL = (np.column_stack([names == "a", names != "c"]).astype(int) for names in (NAMES, NAMES_VAL))
QUICK = {"hidden_layer_sizes": (5,), "random_state": 1, "learning_rate_init": 0.01, "max_iter": 8}

TASKS = {  # estimator, training and validation data, loss from what is predicted, score
    "regression": (
        MLPRegressor(**QUICK), (A, TARGET), (B, TARGET_VAL),
        lambda est, X, y: ((est.predict(X) - y) ** 2).mean() / 2, r2_score,
    ),
    "several outputs": (
        MLPRegressor(**QUICK), (A, np.c_[TARGET, A[:, 0]]), (B, np.c_[TARGET_VAL, B[:, 0]]),
        lambda est, X, y: ((est.predict(X) - y) ** 2).mean() / 2, r2_score,
    ),
    "poisson": (
        MLPRegressor(**QUICK, loss="poisson"), (A, TARGET + 3), (B, TARGET_VAL + 3),
        lambda est, X, y: mean_poisson_deviance(y, est.predict(X)) / 2, r2_score,
    ),
    "classes": (
        MLPClassifier(**QUICK), (C, NAMES), (D, NAMES_VAL),
        lambda est, X, y: log_loss(y, est.predict_proba(X)), accuracy_score,
    ),
    "two classes": (
        MLPClassifier(**QUICK), (C, NAMES == "a"), (D, NAMES_VAL == "a"),
        lambda est, X, y: log_loss(y, est.predict_proba(X)), accuracy_score,
    ),
    "labels": (
        MLPClassifier(**QUICK), (C, BITS), (D, BITS_VAL),
        lambda est, X, y: -np.log(np.where(y, est.predict_proba(X), 1 - est.predict_proba(X))).sum(1).mean(),
        accuracy_score,
    ),
}  # fmt: skip


def new(est, **more):
    return sklearn.clone(est).set_params(**more)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("task", TASKS)
def test_curves_are_the_losses_and_scores_of_fits_that_end_there(task, solver, sparse):
    est, train, (X, y), loss, score = TASKS[task]
    if sparse:
        train, X = (scipy.sparse.csr_array(train[0]), train[1]), scipy.sparse.csr_matrix(X)
    long = new(est, solver=solver).fit(*train, X_val=X, y_val=y)
    assert len(long.validation_loss_curve_) == len(long.loss_curve_) == long.n_iter_ == 8
    for n_iter in (1, 5, 8):
        short = new(est, solver=solver, max_iter=n_iter).fit(*train)
        assert long.validation_loss_curve_[n_iter - 1] == pytest.approx(loss(short, X, y), rel=1e-10)
        assert long.validation_scores_[n_iter - 1] == pytest.approx(score(y, short.predict(X)), rel=1e-12)
    assert long.best_validation_score_ == max(long.validation_scores_)


@pytest.mark.parametrize("task", ["regression", "classes", "labels"])
def test_a_given_set_changes_nothing_but_the_curves(task):
    est, train, (X, y), *_ = TASKS[task]
    plain, watched = new(est).fit(*train), new(est).fit(*train, X_val=X, y_val=y)
    assert plain.loss_curve_ == watched.loss_curve_ and plain.best_loss_ == watched.best_loss_
    assert_array_equal(plain.coefs_[0], watched.coefs_[0])
    assert plain.validation_loss_curve_ is None and plain.validation_scores_ is None


def test_weights_of_the_set_weigh_loss_and_score():
    weight = np.arange(len(B)) % 3 + 0.5
    est = MLPRegressor(**QUICK).fit(A, TARGET, X_val=B, y_val=TARGET_VAL, sample_weight_val=weight)
    squares = (est.predict(B) - TARGET_VAL) ** 2
    assert est.validation_loss_curve_[-1] == pytest.approx(np.average(squares, weights=weight) / 2, rel=1e-12)
    assert est.validation_scores_[-1] == pytest.approx(est.score(B, TARGET_VAL, weight), rel=1e-12)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_early_stopping_goes_by_the_given_set_and_trains_on_all_rows(solver):
    settings = {"early_stopping": True, "n_iter_no_change": 4, "max_iter": 400, "tol": 1e-5, "solver": solver}
    est = MLPRegressor(**QUICK | settings | {"hidden_layer_sizes": (50,)})
    est.fit(A[:60], TARGET[:60], X_val=B, y_val=TARGET_VAL)
    assert 5 < est.n_iter_ < 400 and len(est.validation_scores_) == est.n_iter_
    best = int(np.argmax(est.validation_scores_))
    assert est.best_validation_score_ == est.validation_scores_[best] == pytest.approx(est.score(B, TARGET_VAL))
    same = new(est, early_stopping=False, max_iter=best + 1).fit(A[:60], TARGET[:60])
    assert_array_equal(est.coefs_[0], same.coefs_[0])
    if solver == "adam":
        assert est.t_ == 60 * est.n_iter_


def test_early_stopping_without_a_set_leaves_lbfgs_alone():
    a, b = (MLPRegressor(**QUICK, solver="lbfgs", early_stopping=early).fit(A, TARGET) for early in (True, False))
    assert_array_equal(a.coefs_[0], b.coefs_[0])


def test_the_inner_split_has_a_loss_curve_too():
    est = MLPClassifier(**QUICK, early_stopping=True, validation_fraction=0.3).fit(C, NAMES)
    assert len(est.validation_loss_curve_) == 8 and est.validation_loss_curve_[-1] < est.validation_loss_curve_[0]
    rows = train_test_split(np.arange(len(C)), test_size=0.3, random_state=_after_start())[1]
    last = new(est, n_iter_no_change=np.inf, max_iter=1).fit(C, NAMES)
    assert est.validation_loss_curve_[0] == pytest.approx(log_loss(NAMES[rows], last.predict_proba(C[rows])), rel=1e-10)


def _after_start():
    """The random numbers of a fit once the starting weights are drawn."""
    state = np.random.RandomState(QUICK["random_state"])
    for n_in, n_out in ((4, 5), (5, 3)):
        state.uniform(size=n_in * n_out), state.uniform(size=n_out)
    return state


# Scoring.

SCORERS = {
    "loss": ("loss", lambda est, X, y: -((est.predict(X) - y) ** 2).mean() / 2),
    "name": ("neg_mean_absolute_error", lambda est, X, y: -mean_absolute_error(y, est.predict(X))),
    "scorer": (
        make_scorer(mean_absolute_error, greater_is_better=False),
        lambda est, X, y: -mean_absolute_error(y, est.predict(X)),
    ),
    "function": (lambda est, X, y: est.predict(X)[0], lambda est, X, y: est.predict(X)[0]),
}


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("name", SCORERS)
def test_scores_are_what_scoring_says(name, inner):
    scoring, expected = SCORERS[name]
    est = MLPRegressor(**QUICK, scoring=scoring, early_stopping=inner)
    if inner:
        # A split that holds all rows of a kind: two copies of one row.
        X, y = np.repeat(A[:1], 50, axis=0), np.repeat(TARGET[:1], 50)
        est.fit(X, y)
        best = int(np.argmax(est.validation_scores_))
        kept = new(est, max_iter=best + 1, n_iter_no_change=np.inf).fit(X, y)
        assert max(est.validation_scores_) == pytest.approx(expected(kept, X[:5], y[:5]), rel=1e-9)
    else:
        est.fit(A, TARGET, X_val=B, y_val=TARGET_VAL)
        assert est.validation_scores_[-1] == pytest.approx(expected(est, B, TARGET_VAL), rel=1e-12)


def test_a_scorer_sees_probabilities_labels_and_weights_where_it_can():
    weight, seen = np.arange(len(D)) % 2 + 1.0, []

    def with_weights(est, X, y, sample_weight):
        seen.append(sample_weight)
        return -log_loss(y, est.predict_proba(X), sample_weight=sample_weight)

    def without(est, X, y):
        seen.append(set(y))
        return est.score(X, y)

    given = {"X_val": D, "y_val": NAMES_VAL, "sample_weight_val": weight}
    own, named, plain = (
        MLPClassifier(**QUICK, scoring=scoring).fit(C, NAMES, **given)
        for scoring in (with_weights, "neg_log_loss", without)
    )
    assert_allclose(own.validation_scores_, named.validation_scores_)
    assert_array_equal(seen[0], weight)
    assert seen[-1] == set("abc") and plain.validation_scores_[-1] == plain.score(D, NAMES_VAL)


def test_the_last_of_equally_good_parameters_are_kept_where_a_set_or_scoring_is_given():
    settings = QUICK | {"early_stopping": True, "n_iter_no_change": np.inf}
    plain = MLPClassifier(**settings).fit(C, NAMES)
    ties = MLPClassifier(**settings, scoring="accuracy").fit(C, NAMES)
    given = MLPClassifier(**settings).fit(C, NAMES, X_val=D, y_val=NAMES_VAL)
    for est, pick in ((plain, 0), (ties, -1), (given, -1)):
        best = np.flatnonzero(np.equal(est.validation_scores_, max(est.validation_scores_)))
        assert len(best) > 1
        more = {} if est is not given else {"X_val": D, "y_val": NAMES_VAL}
        short = new(est, max_iter=int(best[pick]) + 1, scoring="accuracy" if pick else None).fit(C, NAMES, **more)
        assert_array_equal(est.coefs_[0], short.coefs_[0])
    assert plain.validation_scores_ == ties.validation_scores_


def test_a_warm_start_judged_otherwise_begins_to_look_for_the_best_anew():
    est = MLPClassifier(**QUICK, early_stopping=True, warm_start=True).fit(C, NAMES)
    est.set_params(scoring="loss").fit(C, NAMES)
    assert est.best_validation_score_ == max(est.validation_scores_[8:]) < 0 < est.validation_scores_[0]
    est.fit(C, NAMES, X_val=D, y_val=NAMES_VAL)
    assert len(est.validation_loss_curve_) == 24 and est.best_validation_score_ == max(est.validation_scores_[16:])


@pytest.mark.parametrize("change", ["X_val", "y_val", "sample_weight_val", "class_weight"])
def test_a_warm_start_with_a_harder_validation_set_begins_to_look_for_the_best_anew(change):
    est = MLPClassifier(**QUICK, early_stopping=True, warm_start=True, scoring="loss")
    given = {"X_val": D, "y_val": NAMES_VAL, "sample_weight_val": np.ones(len(D))}
    est.fit(C, NAMES, **given).fit(C, NAMES, **given)
    assert est.best_validation_score_ == max(est.validation_scores_)  # of all fits that were judged alike
    losses = -est.predict_log_proba(D)[np.arange(len(D)), np.searchsorted(est.classes_, NAMES_VAL)]
    worst = max(est.classes_, key=lambda name: losses[NAMES_VAL == name].mean())
    if change == "class_weight":
        est.set_params(class_weight={name: 1.0 if name == worst else 1e-3 for name in est.classes_})
    else:
        harder = {"X_val": D[::-1], "y_val": NAMES_VAL[::-1], "sample_weight_val": 1.0 * (losses > np.median(losses))}
        given[change] = harder[change]
    est.set_params(learning_rate_init=1e-9).fit(C, NAMES, **given)
    assert est.best_validation_score_ == max(est.validation_scores_[16:]) < max(est.validation_scores_)


def test_a_diverged_network_has_scores_and_losses_that_are_no_numbers():
    settings = {"solver": "sgd", "learning_rate_init": 1e150, "early_stopping": True, "scoring": "r2"}
    est = MLPRegressor(**QUICK | settings).fit(A, TARGET, X_val=B, y_val=TARGET_VAL)
    assert np.isnan(est.validation_scores_[1:]).all() and np.isnan(est.validation_loss_curve_[1:]).all()
    assert np.isfinite(est.coefs_[0]).all()


# Errors.


@pytest.mark.parametrize(
    "given, said",
    [
        ({"X_val": D}, "y_val was not"),
        ({"y_val": NAMES_VAL}, "X_val was not"),
        ({"sample_weight_val": np.ones(38)}, "without X_val"),
        ({"X_val": D[:, :3], "y_val": NAMES_VAL}, "3 features"),
        ({"X_val": D[:5], "y_val": NAMES_VAL}, "inconsistent numbers"),
        ({"X_val": D[:0], "y_val": NAMES_VAL[:0]}, "0 sample"),
        ({"X_val": np.where(D > 1, np.nan, D), "y_val": NAMES_VAL}, "NaN"),
        ({"X_val": D, "y_val": np.where(NAMES_VAL == "a", "z", "b")}, r"expected classes seen in training.*\['z'\]"),
        ({"X_val": D, "y_val": np.arange(38) // 2}, "seen in training"),
        ({"X_val": D, "y_val": BITS_VAL}, "one label per sample or several"),
        ({"X_val": D, "y_val": NAMES_VAL, "sample_weight_val": np.zeros(38)}, "non-zero"),
        ({"X_val": D, "y_val": NAMES_VAL, "sample_weight_val": np.ones(5)}, "sample_weight"),
        ({"X_val": D, "y_val": NAMES_VAL, "sample_weight_val": -np.ones(38)}, "[Nn]egative"),
    ],
)  # fmt: skip
def test_wrong_sets_are_refused_by_name_before_anything_changes(given, said):
    est = MLPClassifier(**QUICK).fit(C, NAMES)
    before, attributes = est.predict_proba(D), {*vars(est)}
    with pytest.raises(ValueError, match=said) as caught:
        est.fit(D, NAMES_VAL, **given)
    assert "_val" in str(caught.value)
    assert_array_equal(est.predict_proba(D), before)
    assert {*vars(est)} == attributes


def test_targets_that_training_did_not_expect_are_refused():
    for y in (np.c_[TARGET_VAL, TARGET_VAL], np.where(TARGET_VAL > 1, np.inf, 0)):
        with pytest.raises(ValueError, match="In the validation set"):
            MLPRegressor(**QUICK).fit(A, TARGET, X_val=B, y_val=y)
    with pytest.raises(ValueError, match="In the validation set.*at least 0"):
        MLPRegressor(**QUICK, loss="poisson").fit(A, TARGET + 5, X_val=B, y_val=TARGET_VAL - 5)
    with pytest.raises(ValueError, match="In the validation set"):
        MLPClassifier(**QUICK).fit(C, BITS, X_val=D, y_val=np.c_[BITS_VAL, BITS_VAL[:, 0]])


@pytest.mark.parametrize("scoring", ["nonsense", 3, ["r2"]])
def test_unknown_scorers_are_refused(scoring):
    with pytest.raises(ValueError, match="'scoring' parameter"):
        MLPRegressor(**QUICK, scoring=scoring).fit(A, TARGET)


# Frames, pipelines, pickles.


def test_names_of_columns_are_compared_and_a_scorer_warns_of_none():
    frames = pd.DataFrame(A, columns=list("abcdefghij")), pd.DataFrame(B, columns=list("abcdefghij"))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", sklearn.exceptions.ConvergenceWarning)
        est = MLPRegressor(**QUICK, scoring="r2").fit(frames[0], TARGET, X_val=frames[1], y_val=TARGET_VAL)
    assert est.feature_names_in_.tolist() == list("abcdefghij")
    with pytest.raises(ValueError, match="In the validation set.*feature names"):
        est.fit(frames[0], TARGET, X_val=frames[1].rename(columns={"a": "z"}), y_val=TARGET_VAL)


def test_a_pipeline_scales_the_validation_set_by_the_training_set():
    X, X_val = load_diabetes().data[:300], load_diabetes().data[300:] + 1
    y, y_val = scale(load_diabetes().target)[:300], scale(load_diabetes().target)[300:]
    with sklearn.config_context(enable_metadata_routing=True):
        est = MLPRegressor(**QUICK, early_stopping=True).set_fit_request(X_val=True, y_val=True, sample_weight_val=True)
        pipe = Pipeline([("scale", StandardScaler()), ("net", est)], transform_input=["X_val"])
        pipe.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=np.ones(len(y_val)))
    scaler = StandardScaler().fit(X)
    alone = new(est).fit(scaler.transform(X), y, X_val=scaler.transform(X_val), y_val=y_val)
    assert pipe[-1].validation_loss_curve_ == pytest.approx(alone.validation_loss_curve_, rel=1e-12)
    assert_array_equal(pipe.predict(X_val), alone.predict(scaler.transform(X_val)))


def test_pipelines_pass_it_on_by_name_without_routing():
    scaler = StandardScaler().fit(A)
    pipe = make_pipeline(StandardScaler(), MLPRegressor(**QUICK))
    pipe.fit(A, TARGET, mlpregressor__X_val=scaler.transform(B), mlpregressor__y_val=TARGET_VAL)
    assert len(pipe[-1].validation_loss_curve_) == 8


def test_estimators_pickled_before_there_were_such_parameters_predict_and_go_on():
    est = MLPClassifier(**QUICK, warm_start=True, early_stopping=True).fit(C, NAMES)
    old = pickle.loads(pickle.dumps(est))
    for name in ("scoring", "callbacks", "max_time", "gradient_tol", "class_weight"):
        vars(old).pop(name)
    for name in ("validation_losses", "judged_by", "last_of_ties"):
        vars(old._progress).pop(name)
    old = pickle.loads(pickle.dumps(old))
    assert_array_equal(old.predict(D), est.predict(D))
    assert old.fit(C, NAMES).validation_scores_ == est.fit(C, NAMES).validation_scores_
    assert old.get_params() == est.get_params()


@pytest.mark.parametrize("solver", ["adam", "lbfgs", "lm"])
@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("epoch", [1, 3])
def test_ctrl_c_in_a_scorer_leaves_curves_of_one_length(solver, early, epoch):
    calls = []

    def scorer(est, X, y):
        calls.append(est)
        if len(calls) == epoch:
            raise KeyboardInterrupt
        return len(calls) / 10

    est = MLPRegressor(**QUICK, solver=solver, early_stopping=early, scoring=scorer)
    with pytest.warns(UserWarning, match="interrupted"):
        est.fit(A, TARGET, X_val=B, y_val=TARGET_VAL)
    curves = est.loss_curve_, est.validation_loss_curve_, est.validation_scores_
    assert [len(curve) for curve in curves] == [epoch] * 3 and est.n_iter_ == epoch
    assert_array_equal(est.validation_scores_, [0.1, 0.2, np.nan][-epoch:])
    assert np.isfinite(est.validation_loss_curve_).all()
    if epoch == 3:
        assert est.best_validation_score_ == 0.2


def test_scores_after_one_that_is_no_number_may_be_the_best():
    scores = iter([np.nan, 0.3, np.nan, 0.2] + [0.1] * 4)
    est = MLPRegressor(**QUICK, scoring=lambda est, X, y: next(scores)).fit(A, TARGET, X_val=B, y_val=TARGET_VAL)
    assert est.best_validation_score_ == 0.3


@pytest.mark.parametrize("score", [None, {"r2": 1.0}, "good"])
@pytest.mark.parametrize("early", [False, True])
def test_scorers_that_give_no_number_are_named(score, early):
    def forgetful(est, X, y):
        return score

    est = MLPRegressor(**QUICK, early_stopping=early, scoring=forgetful)
    with pytest.raises(ValueError, match=r"expected a number from scoring=<function .*forgetful.*, got"):
        est.fit(A, TARGET, X_val=B, y_val=TARGET_VAL)
