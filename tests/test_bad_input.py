# SPDX-License-Identifier: BSD-3-Clause
"""What the estimators refuse, with which words, and what odd but honest input they accept. Nothing crashes."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

from bpnet import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y, LABELS = scale(load_iris().data), load_iris().data[:, 3], load_iris().target
ONES = np.ones(150)
MIXED = np.array([None, "a", "b"], object)[LABELS]
QUICK = {"hidden_layer_sizes": (3,), "max_iter": 3, "random_state": 0}
DIVERGING = {"solver": "sgd", "learning_rate_init": 1e308, "max_iter": 50}


def with_one(array, value):
    """A float copy whose element in the middle has another value."""
    array = np.array(array, float)
    array.flat[array.size // 2] = value
    return array


def beyond_floats(array):
    array = array.astype(object)
    array[3] = 10**400
    return array


def regress(X=X, y=Y, sample_weight=None, **settings):
    return MLPRegressor(**QUICK | settings).fit(X, y, sample_weight)


def classify(X=X, y=LABELS, sample_weight=None, **settings):
    return MLPClassifier(**QUICK | settings).fit(X, y, sample_weight)


REFUSED = {  # what is wrong: the words, and the call
    "nan in X": ("Input X contains NaN", lambda: regress(with_one(X, np.nan))),
    "infinity in X": ("Input X contains infinity", lambda: classify(with_one(X, np.inf))),
    "nan in sparse X": ("X contains NaN", lambda: regress(scipy.sparse.csr_array(with_one(X, np.nan)))),
    "nan in y": ("Input y contains NaN", lambda: regress(y=with_one(Y, np.nan))),
    "infinity in y": ("Input y contains infinity", lambda: regress(y=with_one(Y, -np.inf))),
    "nan among labels": ("Input y contains NaN", lambda: classify(y=with_one(LABELS, np.nan))),
    "y too large for float32": ("too large for dtype..float32", lambda: regress(X.astype("f4"), with_one(Y, 1e300))),
    "integers beyond floats in X": ("too large to convert", lambda: regress(beyond_floats(X))),
    "integers beyond floats in y": ("too large to convert", lambda: regress(y=beyond_floats(Y))),
    "integers beyond floats in weights": (
        "too large to convert",
        lambda: classify(sample_weight=beyond_floats(ONES)),
    ),
    "integers beyond floats to predict": (
        "too large to convert",
        lambda: regress().predict(beyond_floats(X)),
    ),
    "nan in weights": ("sample_weight contains NaN", lambda: regress(sample_weight=with_one(ONES, np.nan))),
    "infinity in weights": ("sample_weight contains infinity", lambda: classify(sample_weight=with_one(ONES, np.inf))),
    "weights beyond float32": (
        "too large for dtype.'float32'",
        lambda: classify(X.astype(np.float32), sample_weight=1e60 * ONES),
    ),
    "targets beyond squares, lbfgs": (
        "data of a size that can be squared.*scale X and y",
        lambda: regress(y=1e300 * Y, solver="lbfgs"),
    ),
    "targets beyond squares, scg": (
        "data of a size that can be squared.*scale X and y",
        lambda: regress(y=1e300 * Y, solver="scg"),
    ),
    "negative weights": ("Negative values in data", lambda: regress(sample_weight=with_one(ONES, -1))),
    "all weights zero": ("at least one non-zero", lambda: classify(sample_weight=0 * ONES)),
    "too few weights": (r"sample_weight.shape == \(149,\), expected \(150,\)", lambda: regress(sample_weight=ONES[1:])),
    "matrix of weights": ("Sample weights must be 1D", lambda: regress(sample_weight=X)),
    "strings for X": ("could not convert string to float: 'a'", lambda: regress([["a"], ["b"]], [1, 2])),
    "strings for y": ("could not convert string to float", lambda: regress(y=["a"] * 150)),
    "strings for weights": ("could not convert string to float", lambda: regress(sample_weight=["a"] * 150)),
    "complex X": ("Complex data not supported", lambda: regress(X + 1j)),
    "one dimension": ("Expected 2D array, got 1D", lambda: regress(Y)),
    "three dimensions": ("dim 3", lambda: regress(y=np.zeros((150, 2, 2)))),
    "lengths differ": ("inconsistent numbers of samples", lambda: regress(y=Y[:5])),
    "no y": ("requires y to be passed", lambda: regress(y=None)),
    "sparse targets": ("Sparse data was passed for y", lambda: regress(y=scipy.sparse.csr_matrix(X))),
    "no rows": ("0 sample", lambda: regress(X[:0], Y[:0])),
    "no columns": ("0 feature", lambda: regress(X[:, :0])),
    "no outputs": ("0 feature", lambda: regress(y=X[:, :0])),
    "wrong columns": ("X has 2 features, but MLPRegressor is expecting 4", lambda: regress().predict(X[:, :2])),
    "wrong columns in a part": ("X has 2 features", lambda: regress().partial_fit(X[:, :2], Y)),
    "nothing to predict": ("0 sample", lambda: regress().predict(X[:0])),
    "nan to predict": ("Input X contains NaN", lambda: classify().predict_proba(X * np.nan)),
    "labels of two kinds": ("all numbers or all strings", lambda: classify(y=MIXED)),
    "labels of two kinds after a fit": (
        "all numbers or all strings",
        lambda: classify(warm_start=True).fit(X, MIXED),
    ),
    "labels of two kinds in the validation set": (
        "In the validation set.*all numbers or all strings",
        lambda: MLPClassifier(**QUICK).fit(X, MIXED.astype(str), X_val=X, y_val=MIXED),
    ),
    "classes of two kinds": (
        "all numbers or all strings",
        lambda: MLPClassifier(**QUICK).partial_fit(X, MIXED.astype(str), classes=["a", None]),
    ),
    "continuous labels": ("Unknown label type", lambda: classify(y=Y * np.pi)),
    "several classes per row": ("Multioutput target data is not supported", lambda: classify(y=np.c_[LABELS, LABELS])),
    "unknown class": (r"classes not in `self.classes_`", lambda: classify().partial_fit(X, LABELS + 1)),
    "labels after classes": ("one label per sample or", lambda: classify().partial_fit(X, np.eye(3)[LABELS])),
    "negative counts": ("targets of at least 0 in y, got -1", lambda: regress(y=-ONES, loss="poisson")),
    "layer of no units": (r"hidden_layer_sizes must be > 0, got \[3, 0\]", lambda: regress(hidden_layer_sizes=(3, 0))),
    "negative units": (r"must be > 0, got \[-3\]", lambda: regress(hidden_layer_sizes=[-3])),
    "negative number": ("'hidden_layer_sizes' parameter", lambda: regress(hidden_layer_sizes=-3)),
    "fractional units": (r"must be integers, got \[2.5\]", lambda: regress(hidden_layer_sizes=(2.5,))),
    "nested layers": ("must be integers", lambda: regress(hidden_layer_sizes=[[2, 3]])),
    "unknown activation": ("among .*'tanh'", lambda: regress(activation="sine")),
    "unknown solver": ("among .*'lbfgs'", lambda: classify(solver="newton")),
    "unknown schedule": ("among .*'invscaling'", lambda: classify(learning_rate="linear")),
    "unknown loss": ("among .*'poisson'", lambda: regress(loss="hinge")),
    "rate": ("'learning_rate_init' parameter", lambda: regress(learning_rate_init=0.0)),
    "momentum": ("'momentum' parameter", lambda: regress(momentum=1.5)),
    "penalty": ("'alpha' parameter", lambda: regress(alpha=-1.0)),
    "batch": ("'batch_size' parameter", lambda: regress(batch_size=0)),
    "no validation rows": ("validation set is too small", lambda: regress(X[:5], Y[:5], early_stopping=True)),
    "diverging sgd": ("Solver produced non-finite parameter weights", lambda: regress(**DIVERGING)),
    "diverging classifier": ("non-finite parameter weights", lambda: classify(**DIVERGING)),
    "layer too wide": ("from 1 to 2147483647, got 2147483648", lambda: regress(hidden_layer_sizes=(2**31,))),
    "layer far too wide": ("from 1 to 2147483647", lambda: classify(hidden_layer_sizes=(10**30,))),
    "overflowing product": ("does not fit into the address space", lambda: regress(hidden_layer_sizes=[2**31 - 1] * 2)),
}


@pytest.mark.parametrize("words, call", REFUSED.values(), ids=REFUSED)
def test_it_is_refused_in_clear_words(words, call):
    with pytest.raises((ValueError, TypeError), match=words):
        call()


@pytest.mark.parametrize("sizes", [(10**9, 10**9), (10**7, 10**7)], ids=str)
def test_a_network_larger_than_memory_is_refused(sizes):
    with pytest.raises(MemoryError, match="Unable to allocate"):
        regress(hidden_layer_sizes=sizes)


# A fit that fails changes nothing.

FAILURES = {
    "bad X": ({}, with_one(X, np.nan), None),
    "bad weights": ({}, X, -ONES),
    "diverging": ({"learning_rate_init": 1e308, "solver": "sgd", "max_iter": 50}, X, None),
    "bad layer": ({"hidden_layer_sizes": (0,)}, X, None),
    "too large": ({"hidden_layer_sizes": (10**7, 10**7)}, X, None),
    "bad split": ({"early_stopping": True, "validation_fraction": 0.001}, X, None),
    "bad parameter": ({"alpha": -1.0}, X, None),
    "other columns": ({"alpha": -1.0}, X[:, :2], None),
}


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("kind, y", [(MLPRegressor, Y), (MLPClassifier, LABELS)])
@pytest.mark.parametrize("settings, bad, weight", FAILURES.values(), ids=FAILURES)
def test_a_failed_refit_leaves_the_old_fit_whole(kind, y, settings, bad, weight, warm_start):
    est = kind(**QUICK, warm_start=warm_start, solver="sgd").fit(X, y)
    before, predicted, coefs = dict(vars(est)), est.predict(X), [W.copy() for W in est.coefs_]
    with pytest.raises((ValueError, MemoryError)):
        est.set_params(**settings).fit(bad, y[::-1], weight)
    assert vars(est) == before | settings
    assert_array_equal(est.predict(X), predicted)
    assert all((V == W).all() for V, W in zip(coefs, est.coefs_))
    assert len(est.loss_curve_) == 3


@pytest.mark.parametrize("kind, y", [(MLPRegressor, Y), (MLPClassifier, LABELS)])
@pytest.mark.parametrize("bad, weight", [(with_one(X, np.nan), None), (X, -ONES), (X[:, :2], None)])
def test_a_failed_part_leaves_the_old_fit_whole(kind, y, bad, weight):
    est, same = (kind(**QUICK, solver="sgd", learning_rate_init=1).fit(X, y) for _ in range(2))
    before = dict(vars(est))
    with pytest.raises(ValueError):
        est.partial_fit(bad, y, weight)
    assert vars(est) == before
    assert_array_equal(est.partial_fit(X, y).predict(X), same.partial_fit(X, y).predict(X))


def test_a_failed_first_fit_leaves_the_estimator_unfitted():
    est = MLPClassifier(**QUICK)
    with pytest.raises(ValueError):
        est.partial_fit(with_one(X, np.nan), LABELS, classes=[0, 1, 2])
    assert vars(est) == vars(MLPClassifier(**QUICK))


# Honest input in every disguise.


def strided(a):
    return np.repeat(np.repeat(a, 2, axis=0), 3, axis=1)[::2, ::3]


def read_only(a):
    a = a.copy()
    a.setflags(write=False)
    return a


DISGUISES = {
    "read-only": read_only,
    "Fortran-ordered": np.asfortranarray,
    "strided": strided,
    "backwards": lambda a: a[::-1].copy()[::-1],
    "big-endian": lambda a: a.astype(">f8"),
    "objects": lambda a: a.astype(object),
    "longdouble": lambda a: a.astype(np.longdouble),
    "list": lambda a: a.tolist(),
    "array of another class": lambda a: np.ma.array(a),
}


@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
def test_the_same_numbers_give_the_same_fit_in_any_form(disguise):
    expected, est = regress(), regress(disguise(X))
    assert_array_equal(est.coefs_[0], expected.coefs_[0])
    assert_array_equal(est.predict(disguise(X)), expected.predict(X))


@pytest.mark.parametrize("disguise", [DISGUISES[name] for name in DISGUISES if name != "list"])
def test_targets_and_weights_may_come_in_any_form_too(disguise):
    weight = np.column_stack([ONES + LABELS])
    expected = regress(y=X, sample_weight=weight[:, 0])
    est = regress(y=disguise(X), sample_weight=disguise(weight)[:, 0])
    assert_array_equal(est.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize("dtype", [np.int8, np.uint64, bool, np.float16, ">i2", np.float32, ">f4"], ids=str)
def test_numbers_of_other_types_are_converted(dtype):
    whole = np.abs(np.round(X)).astype(dtype)
    kept = np.float32 if dtype == np.float32 else np.float64
    assert_array_equal(regress(whole).predict(whole), regress(whole.astype(kept)).predict(whole.astype(kept)))


def test_memory_mapped_arrays_are_read_in_place(tmp_path):
    np.save(tmp_path / "X.npy", X)
    assert_array_equal(regress(np.load(tmp_path / "X.npy", mmap_mode="r")).coefs_[0], regress().coefs_[0])


def twice(a):
    """CSR with every entry split into two halves, columns in falling order, and 64-bit indices."""
    a = scipy.sparse.csr_array(a)
    columns = np.concatenate([np.repeat(a.indices[i:j], 2)[::-1] for i, j in zip(a.indptr, a.indptr[1:])])
    values = np.concatenate([np.repeat(a.data[i:j] / 2, 2)[::-1] for i, j in zip(a.indptr, a.indptr[1:])])
    b = scipy.sparse.csr_array(a.shape)
    b.data, b.indices, b.indptr = values, columns.astype(np.int64), 2 * a.indptr.astype(np.int64)
    b.has_sorted_indices = b.has_canonical_format = False
    return b


def test_unsorted_and_duplicate_entries_add_up():
    dense = np.where(np.abs(X) > 0.3, X, 0)
    est, expected = regress(twice(dense)), regress(scipy.sparse.csr_array(dense))
    assert_allclose(est.predict(twice(dense)), expected.predict(dense), rtol=1e-12)


def test_the_callers_arrays_are_left_alone():
    sparse, weight = twice(X), ONES.copy()
    copies = sparse.copy(), X.copy(), Y.copy()
    regress(sparse, Y, weight), regress(X, Y, weight, early_stopping=True)
    assert_array_equal(sparse.indices, copies[0].indices)
    assert_array_equal(X, copies[1]), assert_array_equal(Y, copies[2])


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_one_row_one_class_and_constant_columns_are_enough(solver):
    assert np.isfinite(regress(X[:1], Y[:1], solver=solver).predict(X)).all()
    assert set(classify(X[:1], ["only"], solver=solver).predict(X)) == {"only"}
    assert set(classify(X, ["only"] * 150, solver=solver).predict(X)) == {"only"}
    assert np.isfinite(classify(0 * X, solver=solver).predict_proba(0 * X)).all()


def test_saturated_outputs_are_probabilities():
    p = classify().predict_proba(X * 1e6)
    assert np.isfinite(p).all() and set(p.sum(axis=1).round(12)) == {1.0}
    assert np.isfinite(classify().predict_log_proba(X * 1e6)).all()


def test_huge_data_end_in_an_error_or_a_finite_fit_without_warnings():
    for size in (1e30, 1e100, 1e200, 1e300):
        for solver in ("sgd", "adam", "lbfgs", "lm", "scg", "rprop+"):
            for rows, y in ((X * size, Y), (X, Y * size)):
                try:
                    est = regress(rows, y, solver=solver)
                except ValueError as error:
                    assert "non-finite" in str(error) or "scale X and y" in str(error)
                else:
                    assert all(np.isfinite(W).all() for W in est.coefs_)


def test_threads_may_predict_while_another_fits():
    est = classify(max_iter=2)
    a, b = est.predict_proba(X), classify(max_iter=30).predict_proba(X)
    with ThreadPoolExecutor(4) as pool:
        fit = pool.submit(est.set_params(max_iter=30).fit, X, LABELS)
        seen = [job.result() for job in [pool.submit(est.predict_proba, X) for _ in range(50)]]
        fit.result()
    assert all((p == a).all() or (p == b).all() for p in seen)


def test_fits_in_threads_do_not_disturb_each_other():
    expected = [regress(random_state=seed, max_iter=20).coefs_[0] for seed in range(6)]
    with ThreadPoolExecutor(4) as pool:
        fits = [*pool.map(lambda seed: regress(random_state=seed, max_iter=20), range(6))]
    assert all((est.coefs_[0] == W).all() for est, W in zip(fits, expected))


@pytest.mark.parametrize("seed", range(40))
def test_random_nonsense_never_crashes(seed):
    rs = np.random.RandomState(seed)
    nonsense = [np.nan, np.inf, 1e308, -1e308, 5e-324, None, "x", b"x", [], 1j, 2**80, np.datetime64("nat"), object()]
    rows = np.array(X[:9], object)
    for _ in range(rs.randint(1, 4)):
        rows[rs.randint(9), rs.randint(4)] = nonsense[rs.randint(len(nonsense))]
    for call in (lambda: regress(rows, Y[:9]), lambda: regress(X[:9], rows[:, 0]), lambda: classify(X[:9], rows[:, 1])):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                call()
            except (ValueError, TypeError):
                pass
