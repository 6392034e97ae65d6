# SPDX-License-Identifier: BSD-3-Clause
"""The estimators inside everything scikit-learn builds of estimators, each tried on small real data."""

import copy
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.impute import IterativeImputer
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    learning_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, scale
from sklearn.utils import estimator_html_repr

from bpnet import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROWS = np.random.RandomState(0).permutation(150)
X, Y, LABELS = scale(load_iris().data)[ROWS], load_iris().data[ROWS, 3], load_iris().target[ROWS]
NAMES = np.array(["setosa", "versicolor", "virginica"])[LABELS]
QUICK = {"hidden_layer_sizes": (5,), "max_iter": 30, "random_state": 0, "learning_rate_init": 0.1}
CLASSIFIER, REGRESSOR = MLPClassifier(**QUICK), MLPRegressor(**QUICK)
GRID = {"alpha": [1e-4, 1.0], "hidden_layer_sizes": [(3,), (5, 2)]}


def by_pickle(est):
    return pickle.loads(pickle.dumps(est))


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("copied", [by_pickle, copy.deepcopy], ids=["pickle", "deepcopy"])
def test_a_copy_predicts_the_same_and_goes_on_training_the_same(solver, copied):
    est = MLPClassifier(**QUICK, solver=solver, warm_start=True).fit(X, NAMES)
    twin = copied(est)
    assert_array_equal(twin.predict_proba(X), est.predict_proba(X))
    for one in (est, twin):
        one.fit(X, NAMES) if solver == "lbfgs" else one.partial_fit(X, NAMES)
    assert_array_equal(twin.predict_proba(X), est.predict_proba(X))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, by_pickle], ids=["copy", "deepcopy", "pickle"])
def test_training_a_copy_leaves_the_original_alone(copied):
    est = MLPRegressor(**QUICK).fit(X, Y)
    before = est.predict(X)
    copied(est).partial_fit(X, Y)
    assert_array_equal(est.predict(X), before)


@pytest.mark.parametrize("mode", [None, "r", "c"])
def test_joblib_loads_it_memory_mapped_and_it_goes_on_training(mode, tmp_path):
    est = MLPRegressor(**QUICK | {"hidden_layer_sizes": (50,)}).fit(X, Y)
    joblib.dump(est, tmp_path / "est")
    loaded = joblib.load(tmp_path / "est", mmap_mode=mode)
    assert_array_equal(loaded.predict(X), est.predict(X))
    assert_array_equal(loaded.partial_fit(X, Y).predict(X), est.partial_fit(X, Y).predict(X))


def test_a_clone_has_the_parameters_and_no_fit():
    est = MLPClassifier(**QUICK).fit(X, NAMES)
    assert clone(est).get_params() == est.get_params() and not hasattr(clone(est), "coefs_")


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_grid_search_in_processes_and_threads_agrees_with_one_job(backend):
    alone = GridSearchCV(CLASSIFIER, GRID, cv=3).fit(X, NAMES)
    with joblib.parallel_backend(backend, n_jobs=2):
        search = GridSearchCV(CLASSIFIER, GRID, cv=3).fit(X, NAMES)
    assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert search.best_score_ > 0.8


def test_halving_and_randomized_search():
    halving = HalvingGridSearchCV(CLASSIFIER, GRID, cv=3, resource="max_iter", max_resources=40, random_state=0)
    halving.fit(X, NAMES)
    assert halving.best_estimator_.max_iter > 10 and halving.best_score_ > 0.7
    assert RandomizedSearchCV(REGRESSOR, GRID, n_iter=2, cv=3, random_state=0).fit(X, Y).best_score_ > 0


def test_a_pipeline_of_frames_keeps_names_up_to_the_estimator():
    frame = load_diabetes(as_frame=True).data
    pipe = make_pipeline(StandardScaler(), MLPRegressor(**QUICK)).set_output(transform="pandas")
    pipe.fit(frame, load_diabetes().target)
    assert pipe[-1].feature_names_in_.tolist() == [*frame.columns]
    assert pipe.predict(frame).shape == (442,)


def test_a_sparse_column_transformer_feeds_it():
    frame = pd.DataFrame({"name": NAMES, "length": X[:, 0]})
    columns = ColumnTransformer([("name", OneHotEncoder(), ["name"])], remainder="passthrough", sparse_threshold=1.0)
    assert make_pipeline(columns, clone(CLASSIFIER)).fit(frame, NAMES).score(frame, NAMES) > 0.95


def test_sample_weights_are_routed_through_pipeline_and_search():
    weight = np.where(LABELS == 0, 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        est = MLPClassifier(**QUICK).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        pipe = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), est)
        # scikit-learn 1.7 does not pass a pipeline's own score its weights.
        score = get_scorer("accuracy").set_score_request(sample_weight=True)
        search = GridSearchCV(pipe, {"mlpclassifier__alpha": [0.1]}, cv=3, scoring=score)
        search.fit(X, NAMES, sample_weight=weight)
    assert (search.predict(X[LABELS == 0]) == "setosa").mean() < 0.5 < search.best_score_


def test_partial_fit_can_be_asked_for_weights_and_classes():
    with sklearn.config_context(enable_metadata_routing=True):
        est = MLPClassifier().set_partial_fit_request(sample_weight=True, classes=True)
        assert est.get_metadata_routing().partial_fit.requests == {"sample_weight": True, "classes": True}


def test_html_shows_the_parameters_set():
    assert "MLPClassifier" in estimator_html_repr(CLASSIFIER) and repr(MLPRegressor(alpha=2)) == "MLPRegressor(alpha=2)"
    assert "Fitted" in MLPClassifier(**QUICK).fit(X, NAMES)._repr_html_()


CLASSIFIERS = {
    "bagging": BaggingClassifier(CLASSIFIER, n_estimators=3, random_state=0),
    "boosting": AdaBoostClassifier(CLASSIFIER, n_estimators=3, random_state=0),
    "calibrated": CalibratedClassifierCV(CLASSIFIER, cv=3),
    "calibrated, isotonic": CalibratedClassifierCV(CLASSIFIER, cv=3, method="isotonic", ensemble=False),
    "stacking": StackingClassifier([("net", CLASSIFIER)], LogisticRegression(), cv=3),
    "stacked on": StackingClassifier([("linear", LogisticRegression())], CLASSIFIER, cv=3),
    "voting": VotingClassifier([("net", CLASSIFIER), ("linear", LogisticRegression())], voting="soft"),
    "one against the rest": OneVsRestClassifier(CLASSIFIER),
    "one against one": OneVsOneClassifier(CLASSIFIER),
    "output codes": OutputCodeClassifier(CLASSIFIER, random_state=0),
}
REGRESSORS = {
    "bagging": BaggingRegressor(REGRESSOR, n_estimators=3, random_state=0),
    "boosting": AdaBoostRegressor(REGRESSOR, n_estimators=3, random_state=0),
    "stacking": StackingRegressor([("net", REGRESSOR)], cv=3),
    "transformed target": TransformedTargetRegressor(REGRESSOR, transformer=StandardScaler()),
    "logarithm of the target": TransformedTargetRegressor(REGRESSOR, func=np.log1p, inverse_func=np.expm1),
}


@pytest.mark.parametrize("meta", CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_meta_classifiers_learn_with_it(meta):
    assert clone(meta).fit(X, NAMES).score(X, NAMES) > 0.8


@pytest.mark.parametrize("meta", REGRESSORS.values(), ids=REGRESSORS)
def test_meta_regressors_learn_with_it(meta):
    assert clone(meta).fit(X, Y).score(X, Y) > 0.6


def test_meta_estimators_of_several_outputs():
    both = np.column_stack([NAMES, NAMES == "setosa"])
    assert MultiOutputClassifier(CLASSIFIER).fit(X, both).predict(X).shape == (150, 2)
    chain = ClassifierChain(CLASSIFIER).fit(X, np.column_stack([LABELS > 0, LABELS > 1]))
    assert chain.predict_proba(X).shape == (150, 2)
    for meta in (MultiOutputRegressor(REGRESSOR), RegressorChain(REGRESSOR)):
        assert meta.fit(X[:, :2], X[:, 2:]).predict(X[:, :2]).shape == (150, 2)


def test_multi_output_passes_partial_fit_on():
    meta = MultiOutputRegressor(REGRESSOR)
    for _ in range(2):
        meta.partial_fit(X[:, :2], X[:, 2:])
    assert [est.t_ for est in meta.estimators_] == [300, 300]


def test_iterative_imputer_fills_gaps_with_it():
    gaps = np.where(np.random.RandomState(0).random_sample(X.shape) < 0.1, np.nan, X)
    filled = IterativeImputer(REGRESSOR, max_iter=2, tol=10, random_state=0).fit_transform(gaps)
    assert np.abs(filled - X)[np.isnan(gaps)].mean() < np.abs(X[np.isnan(gaps)]).mean()


def test_inspection_finds_the_petals_important():
    est = MLPClassifier(**QUICK).fit(X, NAMES)
    importance = permutation_importance(est, X, NAMES, n_repeats=3, random_state=0).importances_mean
    assert importance[2:].max() > importance[:2].max()
    assert partial_dependence(est, X, [2], grid_resolution=5).average.shape == (3, 5)


def test_cross_validation_and_selection():
    assert cross_val_predict(CLASSIFIER, X, NAMES, cv=3, method="predict_proba").shape == (150, 3)
    assert cross_val_predict(CLASSIFIER, X, NAMES, cv=3, method="decision_function").shape == (150, 3)
    assert cross_val_score(CLASSIFIER, X, NAMES, cv=3, scoring="roc_auc_ovr").min() > 0.8
    assert learning_curve(REGRESSOR, X, Y, cv=3, train_sizes=[0.5, 1.0])[1].shape == (2, 3)
    assert SequentialFeatureSelector(REGRESSOR, n_features_to_select=1, cv=2).fit(X, Y).get_support().sum() == 1


def test_learning_curve_uses_partial_fit():
    settings = {"cv": 3, "shuffle": True, "random_state": 0, "exploit_incremental_learning": True}
    sizes, *_ = learning_curve(CLASSIFIER, X, NAMES, **settings)
    assert len(sizes) == 5
