# SPDX-License-Identifier: BSD-3-Clause
"""The range test of learning rates: what it tries, what it suggests, what it leaves alone."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes, load_digits
from sklearn.preprocessing import scale

from bpnet import MLPClassifier, MLPRegressor
from bpnet.callbacks import find_learning_rate

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, LABELS = load_digits().data / 16, load_digits().target
A, TARGET = (scale(part) for part in load_diabetes(return_X_y=True))


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_the_suggestion_learns_faster_than_far_lower_and_far_higher_rates(solver):
    est = MLPClassifier(random_state=0, max_iter=3, solver=solver)
    best = find_learning_rate(est, X, LABELS).suggestion
    low, suggested, high = (
        est.set_params(learning_rate_init=rate).fit(X, LABELS).loss_ for rate in (best / 100, best, best * 100)
    )
    assert suggested < 0.7 * low and (suggested < 0.7 * high or not np.isfinite(high))


@pytest.mark.parametrize("batch_size", [16, 32, 200])
def test_the_noise_of_small_batches_makes_no_suggestion(batch_size):
    # From one step to the next the average falls most where it has seen few batches, at rates that learn nothing.
    for seed in range(5):
        est = MLPRegressor(batch_size=batch_size, random_state=seed, max_iter=5)
        best = find_learning_rate(est, A, TARGET).suggestion
        assert 3e-4 < best < 3e-2
        low, default, suggested = (
            est.set_params(learning_rate_init=rate).fit(A, TARGET).loss_ for rate in (best / 100, 1e-3, best)
        )
        assert suggested < 0.7 * low and suggested < 1.02 * default


@pytest.mark.parametrize("n_steps", [50, 100, 1000])
def test_longer_and_shorter_tests_suggest_the_like(n_steps):
    for seed in range(5):
        est = MLPRegressor(batch_size=32, random_state=seed)
        assert 1e-4 < find_learning_rate(est, A, TARGET, n_steps=n_steps).suggestion < 5e-2


def test_the_suggestion_is_where_the_average_falls_most():
    found = find_learning_rate(MLPRegressor(batch_size=64, random_state=0), A, TARGET)
    falls = [found.smoothed[k - 10] - found.smoothed[k + 10] for k in range(19, len(found.rates) - 10)]
    assert found.suggestion == found.rates[19 + int(np.nanargmax(falls))]
    short = find_learning_rate(MLPRegressor(random_state=0), A, TARGET, n_steps=10)
    assert short.suggestion == short.rates[len(short.rates) - 1]


def test_rates_grow_by_one_factor_and_losses_are_those_of_the_batches():
    # Two steps that barely move anything: the losses of the first batches at the starting weights.
    est = MLPRegressor(solver="sgd", momentum=0, batch_size=442, shuffle=False, random_state=3, alpha=0.5)
    found = find_learning_rate(est, A, TARGET, min_rate=1e-12, max_rate=1e-11, n_steps=11)
    assert_allclose(found.rates, 1e-12 * 10 ** (np.arange(11) / 10))
    start = est.set_params(learning_rate_init=1e-200).partial_fit(A, TARGET).loss_
    assert_allclose(found.losses, start, rtol=1e-8)
    assert_allclose(found.smoothed, start, rtol=1e-8)


def test_it_ends_where_the_loss_explodes():
    found = find_learning_rate(MLPRegressor(solver="sgd", random_state=0), A, TARGET, max_rate=1e6)
    assert len(found.rates) == len(found.losses) == len(found.smoothed) < 200
    assert found.suggestion < found.rates[-1] < 1e6 and np.isfinite(found.suggestion)
    assert not found.smoothed[-1] <= 4 * np.nanmin(found.smoothed)


def test_averages_forget_at_their_rate():
    found = find_learning_rate(MLPRegressor(random_state=0), A, TARGET, max_rate=0.1)
    weights = 0.95 ** np.arange(50)[::-1]
    assert found.smoothed[49] == pytest.approx(weights @ found.losses[:50] / weights.sum(), rel=1e-12)


@pytest.mark.parametrize("state", [3, np.random.RandomState(3)])
def test_data_and_estimator_are_left_alone_and_the_seed_decides(state):
    est = MLPClassifier(random_state=state, max_iter=2, hidden_layer_sizes=(5,)).fit(X, LABELS)
    before, rows, parameters = est.network_.parameters.copy(), X.copy(), vars(est).copy()
    a, b = find_learning_rate(est, X, LABELS), find_learning_rate(est, X, LABELS)
    assert_array_equal(a.losses, b.losses)
    assert a.suggestion == b.suggestion
    assert (find_learning_rate(est, X, LABELS, random_state=4).losses != a.losses).any()
    assert_array_equal(est.network_.parameters, before)
    assert_array_equal(X, rows)
    assert vars(est) == parameters


def test_small_sparse_and_weighted_sets_do():
    few = scipy.sparse.csr_array(X[:30])
    est = MLPClassifier(random_state=0, batch_size=7, class_weight="balanced")
    found = find_learning_rate(est, few, LABELS[:30], np.arange(30) + 1.0)
    dense = find_learning_rate(est, X[:30], LABELS[:30], np.arange(30) + 1.0)
    assert_allclose(found.losses[:50], dense.losses[:50], rtol=1e-9)


@pytest.mark.parametrize(
    "more", [{"min_rate": 0.0}, {"min_rate": 1.0, "max_rate": 0.5}, {"n_steps": 9}, {"min_rate": np.nan}]
)
def test_ranges_that_are_none_are_refused(more):
    with pytest.raises(ValueError, match="expected 0 < min_rate < max_rate and n_steps of at least 10"):
        find_learning_rate(MLPRegressor(), A, TARGET, **more)


def test_lbfgs_has_no_rate():
    with pytest.raises(ValueError, match="expected a solver with a learning rate"):
        find_learning_rate(MLPRegressor(solver="lbfgs"), A, TARGET)
