# SPDX-License-Identifier: BSD-3-Clause
"""Losses with their first and second derivatives against mpmath with 50 digits, from tail to tail, in both types."""

import copy
import pickle

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bpnet import Layer, Topology, losses
from bpnet._core.losses import NAMES, Loss

# Units in the last place of the largest term of each sum.
ULPS = 8

RAW = [0, 1e-300, 1e-30, 1e-9, 0.3, 1, 2.5, 17, 36.8, 50, 88, 120, 700, 745, 1e4, 1e18, 1e30, 1e300]
TARGETS = [0.0, 1.0, 0.5, 0.25, 0.9]


def _grid(values, dtype):
    """Both signs of those that this type holds; float32 goes to 1e38."""
    largest = float(np.finfo(dtype).max)
    values = np.array([value for value in values if value < largest] + [0.9 * largest])
    return np.concatenate([values, -values]).astype(dtype)


def _assert_ulps(actual, truth, dtype, ulps=ULPS):
    """Each truth is a number or a tuple of terms to be summed."""
    info = np.finfo(dtype)
    for value, t in zip(np.ravel(actual), truth, strict=True):
        terms = t if isinstance(t, tuple) else (t,)
        total, largest = mp.fsum(terms), max(map(abs, terms))
        place = max(largest * float(info.eps), mp.mpf(float(info.smallest_subnormal)))
        if abs(total) > float(info.max):
            assert value == mp.sign(total) * mp.inf, f"{value}, expected {mp.nstr(total)}"
        else:
            assert abs(mp.mpf(float(value)) - total) <= ulps * place, f"{value}, expected {mp.nstr(total, 20)}"


def _softplus(a):
    return max(a, mp.mpf(0)) + mp.log1p(mp.exp(-abs(a)))


def _sigma(a):
    return 1 / (1 + mp.exp(-a))


def _column(pairs, dtype):
    raw, y = (np.array(values, dtype).reshape(-1, 1) for values in zip(*pairs))
    return raw, y, [(mp.mpf(float(a)), mp.mpf(float(t))) for a, t in zip(raw.flat, y.flat)]


@pytest.fixture(autouse=True)
def digits():
    with mp.workdps(50):
        yield


def test_binary_log_loss_is_exact_from_tail_to_tail(dtype):
    loss = Loss("binary_log_loss")
    raw, y, exact = _column([(a, t) for a in _grid(RAW, dtype) for t in TARGETS], dtype)
    _assert_ulps(loss.gradient(raw, y), [((1 - t) * _sigma(a), -t * _sigma(-a)) for a, t in exact], dtype)
    _assert_ulps(loss.hessian(raw, y), [_sigma(a) * _sigma(-a) for a, t in exact], dtype)
    # The value of float32 signals is a float64 built of float32 pieces.
    _assert_ulps(
        loss.value(raw, y).astype(dtype), [t * _softplus(-a) + (1 - t) * _softplus(a) for a, t in exact], dtype
    )


def _rows(dtype):
    """Right, wrong and soft labels; ties; one class huge; from two classes to seven."""
    rng, big = np.random.default_rng(0), 0.3 * float(np.finfo(dtype).max)
    for k in range(2, 8):
        for spread in (0.1, 1, 30, 300):
            raw = rng.normal(0, spread, k)
            yield raw, np.eye(k)[rng.integers(k)]
            yield raw, np.eye(k)[raw.argmax()]
            yield raw, rng.choice([0.25, 0.5, 0.0, 2.0], k) + np.eye(k)[0]
        for value in (0, 5, 50, -80, big, -big):
            yield np.full(k, value), np.eye(k)[k - 1]
            yield value * np.eye(k)[0], np.eye(k)[0]
            yield value * np.eye(k)[0], np.eye(k)[1]
            yield value * np.eye(k)[0], np.full(k, 0.5)


def _ulps(raw):
    """exp(a_j - a_k) takes over the rounding of the difference, at most half a unit of it; 800 is where exp is 0."""
    return ULPS + min(float(raw.max()) - float(raw.min()), 800) / 2


def test_multinomial_log_loss_is_exact_from_tail_to_tail(dtype):
    loss = Loss("multinomial_log_loss")
    for raw, y in _rows(dtype):
        raw, y = raw.astype(dtype)[None], y.astype(dtype)[None]
        a, t = [mp.mpf(float(value)) for value in raw[0]], [mp.mpf(float(value)) for value in y[0]]
        m = range(len(a))
        over = [mp.fsum(mp.exp(a[j] - a[k]) for j in m if j != k) for k in m]  # sum of the others / own
        ulps = _ulps(raw)
        p, total = [1 / (1 + over[k]) for k in m], mp.fsum(t)
        _assert_ulps(loss.value(raw, y).astype(dtype), [mp.fsum(t[k] * mp.log1p(over[k]) for k in m)], dtype, ulps)
        _assert_ulps(loss.gradient(raw, y), [(p[k] * (total - t[k]), -t[k] * p[k] * over[k]) for k in m], dtype, ulps)
        own = [[p[j] * p[j] * over[j] if j == k else -p[j] * p[k] for k in m] for j in m]
        _assert_ulps(loss.hessian(raw, y), [total * own[j][k] for j in m for k in m], dtype, 2 * ulps)


@pytest.mark.parametrize("name", ["binary_log_loss", "multinomial_log_loss"])
@pytest.mark.parametrize("a", [50.0, 100.0, 700.0])
def test_sure_and_right_answer_keeps_its_tiny_loss(name, a):
    raw, y = np.array([[a, 0.0]]), np.array([[1.0, 0.0]])
    if name == "binary_log_loss":
        raw, y = raw[:, :1], y[:, :1]
    # log(1 + x) = x to all digits: at 50 that is 1.93e-22.
    assert Loss(name).value(raw, y) == pytest.approx(np.exp(-a), rel=1e-15, abs=0)
    assert Loss(name).gradient(raw, y)[0, 0] == pytest.approx(-np.exp(-a), rel=1e-15, abs=0)


def test_targets_tiny_beside_another_keep_their_part_of_the_derivative():
    # delta_0 = p_0 * 1e-20 - p_1 with p_1 = 1e-30: the difference 1 - (1 - 1e-20) would give -1e-30 alone.
    delta = Loss("multinomial_log_loss").gradient(np.array([[0.0, -69.0775527898213705]]), np.array([[1.0, 1e-20]]))
    assert_allclose(delta, [[1e-20, -1e-20]], rtol=1e-9)


def test_two_classes_are_the_binary_case(rng):
    a, labels = 10 * rng.normal(size=(50, 1)), rng.integers(0, 2, (50, 1)).astype(float)
    two, targets = np.hstack([a, np.zeros_like(a)]), np.hstack([labels, 1 - labels])
    multinomial, binary = Loss("multinomial_log_loss"), Loss("binary_log_loss")
    assert_allclose(multinomial.value(two, targets), binary.value(a, labels), rtol=1e-14)
    assert_allclose(multinomial.gradient(two, targets)[:, :1], binary.gradient(a, labels), rtol=1e-14)


def test_log_losses_are_finite_for_every_finite_raw(dtype):
    big = _grid(RAW, dtype)
    raw = np.array([(a, b) for a in big for b in big], dtype)
    for name in ("binary_log_loss", "multinomial_log_loss"):
        for labels in ((1, 0), (0, 1), (0.5, 0.5)):
            y = np.tile(np.array(labels, dtype), (len(raw), 1))
            assert np.isfinite(Loss(name).gradient(raw, y)).all()
            assert np.isfinite(Loss(name).hessian(raw, y)).all()
    halves, y = raw / 2, np.tile(np.array((1, 0), dtype), (len(raw), 1))  # a difference of two is a number then
    assert np.isfinite(Loss("multinomial_log_loss").value(halves, y)).all()
    assert np.isfinite(Loss("binary_log_loss").value(halves, y)).all()


def _half_deviance(a, t):
    return mp.exp(a) - t + (t * (mp.log(t) - a) if t else 0)


def test_poisson_is_exact_as_far_as_the_distance_to_the_minimum_is(dtype):
    loss, info = Loss("poisson"), np.finfo(dtype)
    last, largest, subnormal = float(info.eps), float(info.max), float(info.smallest_subnormal)
    raw, targets = [0, 1e-9, 0.3, 1, 5, 40, 80, 88, 300, 700, 709], [0, 1e-300, 1e-30, 0.1, 1, 3, 1000, 1e30, 1e300]
    raw, y, exact = _column(
        [(a, t) for a in _grid(raw, dtype)[:-1] if abs(a) < 800 for t in targets if t < largest], dtype
    )
    value, gradient = loss.value(raw, y).ravel(), loss.gradient(raw, y).ravel()
    for (a, t), v, g in zip(exact, value, gradient):
        # d = a - log(t) is a difference of rounded numbers: the error of d times y |e^d - 1| is that of the value.
        eps = mp.mpf(2) ** -52
        slope, size = abs(mp.exp(a) - t), abs(a) + (abs(mp.log(t)) if t else 0)
        truth = _half_deviance(a, t)
        if truth < 1e308:
            assert abs(v - truth) <= 8 * eps * (truth + slope * size + t * eps * size**2)
        if slope < largest:
            assert abs(mp.mpf(float(g)) - (mp.exp(a) - t)) <= 2 * last * (mp.exp(a) + t) + subnormal
    # Two libraries' exponentials, each a rounding from the truth.
    assert_allclose(loss.hessian(raw, y).ravel(), _exp(raw.ravel()), rtol=2 * last)


def _exp(a):
    """Rounded from float64, infinite where too large."""
    with np.errstate(over="ignore"):
        return np.exp(a.astype(np.float64)).astype(a.dtype)


def test_poisson_of_target_one_is_exact_on_both_sides_of_its_minimum(dtype):
    # log(1) = 0, so the distance to the minimum is a itself, and nothing excuses a lost digit.
    raw = np.concatenate([np.geomspace(1e-12, 20, 60), -np.geomspace(1e-12, 300, 60)]).astype(dtype).reshape(-1, 1)
    truth = [mp.expm1(a) - a for a in (mp.mpf(float(a)) for a in raw.flat)]
    _assert_ulps(Loss("poisson").value(raw, np.ones_like(raw)), truth, np.dtype(np.float64))


def test_poisson_near_its_minimum_is_half_a_square():
    y, d = np.repeat([[0.01], [3.0], [1e5]], 3, axis=1), np.array([1e-7, -1e-5, 1e-4])
    raw = np.log(y) + d
    distance = raw - np.log(y)  # what is left of d after the rounding of raw, by the same logarithm
    assert_allclose(Loss("poisson").value(raw, y), (y * distance**2 / 2).sum(axis=1), rtol=1e-4)
    assert_array_equal(Loss("poisson").value(np.log(y), y), 0)


@pytest.mark.parametrize("y", [0.0, 1e-300, 1.0, 1e300])
def test_poisson_is_infinite_only_where_the_truth_is_too_large(y):
    raw = np.array([[-1e300], [-800.0], [709.0], [709.7], [709.79], [800.0], [1e300]])
    truth = [_half_deviance(mp.mpf(float(a)), mp.mpf(y)) if a < 1e4 else mp.inf for a in raw.flat]
    value = Loss("poisson").value(raw, np.full_like(raw, y))
    assert_array_equal(np.isinf(value), [t > np.finfo(float).max for t in truth])
    assert not np.isnan(value).any() and not np.isnan(Loss("poisson").gradient(raw, np.full_like(raw, y))).any()


def test_poisson_is_finite_where_only_exp_of_the_raw_output_overflows():
    # e^a = 1.82e308 is too large for a number, e^a - y - y d = 9.8e307 is not.
    a, y = 709.8, 3e307
    truth = float(_half_deviance(mp.mpf(a), mp.mpf(y)))
    assert Loss("poisson").value([[a]], [[y]])[0] == pytest.approx(truth, rel=1e-12)


@pytest.mark.parametrize("size", [0, 1e-300, 1e-30, 1, 1e30, 1e150, 1e300])
def test_squared_error_is_exact_and_its_derivative_finite(size):
    raw, y = np.array([[size, -size]]), np.array([[-size / 2, -size]])
    residual = mp.mpf(size) * mp.mpf(1.5)
    _assert_ulps(Loss("squared_error").value(raw, y), [residual**2 / 2], np.float64)
    _assert_ulps(Loss("squared_error").gradient(raw, y), [residual, mp.mpf(0)], np.float64)
    assert_array_equal(Loss("squared_error").hessian(raw, y), [np.eye(2)])


def _targets(name, n_outputs):
    """Number of targets for so many outputs."""
    return n_outputs // Loss(name).n_each


@pytest.mark.parametrize("name", NAMES)
def test_gradient_is_the_difference_of_values(name, rng):
    raw, y, step = rng.normal(size=(6, 4)), rng.uniform(0, 1, (6, _targets(name, 4))), 1e-5
    loss = Loss(name)
    for k in range(4):
        move = step * np.eye(4)[k]
        slope = (loss.value(raw + move, y) - loss.value(raw - move, y)) / (2 * step)
        assert_allclose(loss.gradient(raw, y)[:, k], slope, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_hessian_is_the_difference_of_gradients(name, rng):
    raw, y, step = rng.normal(size=(6, 4)), rng.uniform(0, 1, (6, _targets(name, 4))), 1e-5
    loss = Loss(name)
    hessian = loss.hessian(raw, y)
    assert_allclose(hessian, hessian.transpose(0, 2, 1), rtol=1e-15)
    for k in range(4):
        move = step * np.eye(4)[k]
        slope = (loss.gradient(raw + move, y) - loss.gradient(raw - move, y)) / (2 * step)
        assert_allclose(hessian[:, k], slope, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_hessian_product_is_the_product_with_the_hessian(name, rng, dtype):
    raw, y, v = (rng.uniform(0, 1, (6, n)).astype(dtype) for n in (4, _targets(name, 4), 4))
    product = Loss(name).hessian_product(raw, y, v)
    assert product.dtype == dtype and product.shape == raw.shape
    expected = np.einsum("njk,nk->nj", Loss(name).hessian(raw, y).astype(float), v.astype(float))
    assert_allclose(product, expected, rtol=0, atol=20 * np.finfo(dtype).eps * np.abs(expected).max())
    assert Loss(name).hessian_product(raw[:0], y[:0], v[:0]).shape == (0, 4)


def test_hessian_product_of_log_losses_is_exact_from_tail_to_tail(dtype):
    """However sure the network is, the tiny product keeps its digits."""
    a = _grid(RAW, dtype)
    a = a[np.abs(a) < (80 if dtype == np.float32 else 700)]
    v = np.full_like(a, 3)
    slopes = [3 * _sigma(mp.mpf(float(t))) * _sigma(-mp.mpf(float(t))) for t in a]
    product = Loss("binary_log_loss").hessian_product(a[:, None], 0 * a[:, None], v[:, None])
    _assert_ulps(product, slopes, dtype)
    two = Loss("multinomial_log_loss").hessian_product(
        np.column_stack([0 * a, a]), np.column_stack([0 * a, 0 * a + 1]), np.column_stack([0 * v, v])
    )
    _assert_ulps(two[:, 1], slopes, dtype, 2 * ULPS)
    _assert_ulps(two[:, 0], [-slope for slope in slopes], dtype, 2 * ULPS)
    top = a[a < (80 if dtype == np.float32 else 700)]
    product = Loss("poisson").hessian_product(top[:, None], 0 * top[:, None], 0 * top[:, None] + 3)
    _assert_ulps(product, [3 * mp.exp(mp.mpf(float(t))) for t in top], dtype)


@pytest.mark.parametrize("name", NAMES)
def test_rows_do_not_see_each_other(name, rng, dtype):
    raw, y = rng.normal(size=(9, 4)).astype(dtype), rng.uniform(0, 1, (9, _targets(name, 4))).astype(dtype)
    loss = Loss(name)
    for method in (loss.value, loss.gradient, loss.hessian):
        assert_array_equal(method(raw, y), np.concatenate([method(raw[k : k + 1], y[k : k + 1]) for k in range(9)]))


@pytest.mark.parametrize("name", NAMES)
def test_loss_leaves_its_arguments_alone_and_keeps_their_type(name, dtype):
    raw, y = np.full((2, 4), 0.5, dtype), np.full((2, _targets(name, 4)), 0.25, dtype)
    raw.setflags(write=False)
    loss = Loss(name)
    assert loss.value(raw, y).dtype == np.float64
    assert loss.gradient(raw, y).dtype == loss.hessian(raw, y).dtype == dtype
    assert (raw == 0.5).all() and (y == 0.25).all()
    assert [method(raw[:0], y[:0]).shape for method in (loss.value, loss.gradient, loss.hessian)] == [
        (0,), (0, 4), (0, 4, 4)
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "activation"), [(name, activation) for name, (_, activation, _) in NAMES.items()])
def test_loss_survives_pickle_copy_and_says_what_it_is(name, activation):
    for loss in (Loss(name), pickle.loads(pickle.dumps(Loss(name))), copy.deepcopy(Loss(name))):
        own = f", {loss.parameters!r}" if loss.parameters else ""
        assert (loss.name, loss.activation, repr(loss)) == (name, activation, f"Loss('{name}'{own})")
        assert loss.n_raw(4) == (8 if name == "gaussian_nll" else 4)


def test_unknown_loss_is_refused():
    with pytest.raises(ValueError, match="expected a loss out of squared_error, binary_log_loss.*got 'hinge'"):
        Loss("hinge")


@pytest.mark.parametrize("shapes", [((2, 3), (2, 2)), ((2,), (2,)), ((2, 0), (2, 0)), ((2, 3), (3, 3))])
def test_arrays_of_different_or_wrong_shapes_are_refused(shapes):
    with pytest.raises(ValueError, match="expected raw outputs and targets of one shape"):
        Loss("squared_error").value(np.zeros(shapes[0]), np.zeros(shapes[1]))


@pytest.mark.parametrize(
    ("name", "activation", "compiled", "matched"),
    [
        ("squared_error", "identity", "squared_error", True),
        ("squared_error", "tanh", "squared_error", False),
        ("squared_error", "softmax", "squared_error", False),
        ("squared_error", ("identity", "tanh"), "squared_error", False),
        ("log_loss", "logistic", "binary_log_loss", True),
        ("log_loss", "softmax", "multinomial_log_loss", True),
        ("poisson", "exp", "poisson", True),
        (Loss("poisson"), "exp", "poisson", True),
    ],
)
def test_loss_and_outputs_match(name, activation, compiled, matched):
    loss, reads_raw = losses.resolve(name, Topology(2, [Layer(2, activation)]))
    assert (loss.name, reads_raw) == (compiled, matched)


@pytest.mark.parametrize(
    ("name", "activation", "message"),
    [
        ("hinge", "identity", "expected a loss out of squared_error, log_loss, poisson.*, got 'hinge'"),
        ("log_loss", "identity", "loss 'log_loss' expects outputs with activation logistic or softmax, got identity"),
        ("log_loss", ("logistic", "tanh"), "activation logistic or softmax, got logistic, tanh"),
        ("poisson", "softplus", "loss 'poisson' expects outputs with activation exp, got softplus"),
    ],
)
def test_loss_that_makes_no_sense_with_the_outputs_is_refused(name, activation, message):
    with pytest.raises(ValueError, match=message):
        losses.resolve(name, Topology(2, [Layer(2, activation)]))


def test_log_logistic_is_exact(dtype):
    a = _grid(RAW, dtype)
    _assert_ulps(losses.log_logistic(a), [-_softplus(-mp.mpf(float(value))) for value in a], dtype)


def test_log_softmax_is_exact(dtype):
    for raw, _ in _rows(dtype):
        raw = raw.astype(dtype)[None]
        a = [mp.mpf(float(value)) for value in raw[0]]
        over = [mp.fsum(mp.exp(b - a[k]) for j, b in enumerate(a) if j != k) for k in range(len(a))]
        _assert_ulps(losses.log_softmax(raw), [-mp.log1p(value) for value in over], dtype, _ulps(raw))
