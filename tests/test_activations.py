# SPDX-License-Identifier: BSD-3-Clause
"""Activations, slopes and curvatures against mpmath with 50 digits, over the whole range of both types."""

import mpmath as mp
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bpnet._core.activations import CODES, apply, evaluate

NAMES = [name for name in CODES if name != "softmax"]
# Units in the last place; the largest measured are about 4.
ULPS = 5


def _sigma(a):
    return 1 / (1 + mp.exp(-a))


def _pieces(positive, negative):
    return lambda a: positive(a) if a > 0 else negative(a)


def _tail(a):
    """Where mpmath would work on numbers of 1e300 digits: all these functions have long reached their limits there."""
    return max(min(a, mp.mpf(2000)), mp.mpf(-2000))


def _normal(a):
    return mp.erfc(-_tail(a) / mp.sqrt(2)) / 2


def _density(a):
    return mp.exp(-(_tail(a) ** 2) / 2) / mp.sqrt(2 * mp.pi)


def _slope(a):
    """Of the logistic function."""
    return _sigma(_tail(a)) * _sigma(-_tail(a))


def _elu(scale, alpha):
    return (
        _pieces(lambda a: scale * a, lambda a: scale * alpha * mp.expm1(_tail(a))),
        _pieces(lambda a: scale, lambda a: scale * alpha * mp.exp(_tail(a))),
        _pieces(lambda a: mp.mpf(0), lambda a: scale * alpha * mp.exp(_tail(a))),
    )


def _zero(a):
    return mp.mpf(0)


# h, h' and h''. Where it is a sum whose terms may cancel, a tuple of the terms: the error is measured in the last
# place of the largest.
TRUTH = {
    "identity": (lambda a: a, lambda a: mp.mpf(1), _zero),
    "logistic": (
        lambda a: _sigma(_tail(a)),
        _slope,
        lambda a: -_slope(a) * mp.tanh(_tail(a) / 2),
    ),
    "tanh": (
        lambda a: mp.tanh(_tail(a)),
        lambda a: mp.sech(_tail(a)) ** 2,
        lambda a: -2 * mp.tanh(_tail(a)) * mp.sech(_tail(a)) ** 2,
    ),
    "relu": (_pieces(lambda a: a, _zero), _pieces(lambda a: mp.mpf(1), _zero), _zero),
    "leaky_relu": (
        _pieces(lambda a: a, lambda a: a / 100),
        _pieces(lambda a: mp.mpf(1), lambda a: mp.mpf(1) / 100),
        _zero,
    ),
    "elu": _elu(mp.mpf(1), mp.mpf(1)),
    "selu": _elu(mp.mpf("1.0507009873554804934193349852946"), mp.mpf("1.6732632423543772848170429916717")),
    "softplus": (
        lambda a: max(a, mp.mpf(0)) + mp.log1p(mp.exp(-abs(_tail(a)))),
        lambda a: _sigma(_tail(a)),
        _slope,
    ),
    "gelu": (
        lambda a: a * _normal(a),
        lambda a: (_normal(a), _tail(a) * _density(a)),
        lambda a: (2 * _density(a), -(_tail(a) ** 2) * _density(a)),
    ),
    "silu": (
        lambda a: a * _sigma(_tail(a)),
        lambda a: (_sigma(_tail(a)), _tail(a) * _slope(a)),
        lambda a: (2 * _slope(a), -_tail(a) * _slope(a) * mp.tanh(_tail(a) / 2)),
    ),
    "exp": (mp.exp, mp.exp, mp.exp),
}


def _points(dtype):
    """Everything between the smallest subnormal and the largest number, both signs, dense where things happen."""
    info = np.finfo(dtype)
    edges = [info.smallest_subnormal, 7 * info.smallest_subnormal, info.tiny, info.eps, 1, 1e30, info.max / 2, info.max]
    exponent = np.log(float(info.max))  # of the largest exp, and about that of the smallest
    grid = [np.geomspace(1e-12, 1e3, 60), np.linspace(0.02, 12, 60), np.linspace(exponent - 2, 1.08 * exponent, 40)]
    bells = np.linspace(np.sqrt(2 * exponent) - 2, np.sqrt(2.2 * exponent) + 1, 25)
    positive = np.concatenate([edges, *grid, bells]).astype(dtype)
    return np.concatenate([positive, -positive, np.zeros(1, dtype)])


def _ulps(value, truth, dtype):
    """Distance of a number from the truth in units of the last place of (the largest term of) the truth."""
    terms = truth if isinstance(truth, tuple) else (truth,)
    total, largest, info = mp.fsum(terms), max(map(abs, terms)), np.finfo(dtype)
    if abs(total) > float(info.max) or not np.isfinite(value):
        # The largest number itself stands for all that would be rounded to it.
        return 0 if np.isinf(value) and abs(total) > float(info.max) * (1 - ULPS * float(info.eps)) else np.inf
    place = np.spacing(dtype.type(min(largest, float(info.max) / 2)))
    return abs(mp.mpf(float(value)) - total) / mp.mpf(float(place))


@pytest.mark.parametrize("order", [0, 1, 2], ids=["value", "slope", "curvature"])
@pytest.mark.parametrize("name", NAMES)
def test_function_is_exact_to_a_few_units_in_the_last_place(name, order, dtype):
    points = _points(dtype)
    with mp.workdps(50):
        truth = [TRUTH[name][order](mp.mpf(float(a))) for a in points]
        errors = [_ulps(value, t, dtype) for value, t in zip(evaluate(name, points)[order], truth)]
    worst = int(np.argmax(errors))
    assert errors[worst] <= ULPS, f"{float(errors[worst]):.1f} ulp at {points[worst]!r}"


@pytest.mark.parametrize(
    ("name", "at_minus_infinity", "at_infinity"),
    [
        ("identity", (-np.inf, 1, 0), (np.inf, 1, 0)),
        ("logistic", (0, 0, 0), (1, 0, 0)),
        ("tanh", (-1, 0, 0), (1, 0, 0)),
        ("relu", (0, 0, 0), (np.inf, 1, 0)),
        ("leaky_relu", (-np.inf, 0.01, 0), (np.inf, 1, 0)),
        ("elu", (-1, 0, 0), (np.inf, 1, 0)),
        ("selu", (-1.75809934084737685994, 0, 0), (np.inf, 1.05070098735548049342, 0)),
        ("softplus", (0, 0, 0), (np.inf, 1, 0)),
        ("gelu", (0, 0, 0), (np.inf, 1, 0)),
        ("silu", (0, 0, 0), (np.inf, 1, 0)),
        ("exp", (0, 0, 0), (np.inf, np.inf, np.inf)),
    ],
)
def test_function_takes_its_limits_at_infinity(name, at_minus_infinity, at_infinity, dtype):
    values = evaluate(name, np.array([-np.inf, np.inf], dtype))
    assert_array_equal(values, np.array([at_minus_infinity, at_infinity], dtype).T)


@pytest.mark.parametrize("name", NAMES)
def test_nan_passes_through(name, dtype):
    z, slope, curvature = evaluate(name, np.array([1, np.nan, -1], dtype))
    constant_slopes = name in ("identity", "relu", "leaky_relu")
    assert_array_equal(np.isnan(z), [False, True, False])
    assert_array_equal(np.isnan(curvature), [False, True, False])
    assert constant_slopes or np.isnan(slope[1])


def test_slope_of_relu_is_zero_at_zero(dtype):
    zeros = np.array([0.0, -0.0], dtype)
    assert_array_equal(evaluate("relu", zeros)[1], 0)
    assert_array_equal(evaluate("leaky_relu", zeros)[1], dtype.type(0.01))


@pytest.mark.parametrize("name", NAMES)
def test_value_does_not_depend_on_place_or_length(name, dtype):
    points = _points(dtype)
    alone = np.hstack([evaluate(name, points[k : k + 1]) for k in range(len(points))])
    assert_array_equal(evaluate(name, points), alone)
    for start in (1, 2, 3, 5, 8):
        assert_array_equal(evaluate(name, points[start:-start]), alone[:, start:-start])


@pytest.mark.parametrize("name", NAMES)
def test_value_alone_is_the_value_with_derivatives(name, dtype):
    assert_array_equal(apply(name, _points(dtype)), evaluate(name, _points(dtype))[0])


@pytest.mark.parametrize("name", ["tanh", "identity"])
def test_odd_function_is_odd_to_the_last_bit(name, dtype):
    points = _points(dtype)
    z, slope, curvature = evaluate(name, points)
    mirrored = evaluate(name, -points)
    assert_array_equal(mirrored, [-z, slope, -curvature])
    assert_array_equal(np.signbit(mirrored[0]), ~np.signbit(z))


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 3, 4)])
def test_result_has_the_shape_and_type_of_the_argument(shape, dtype, rng):
    a = rng.normal(size=shape).astype(dtype)
    before = a.copy()
    assert [(v.shape, v.dtype) for v in evaluate("gelu", a)] == [(shape, dtype)] * 3
    assert_array_equal(a, before)


def test_strides_do_not_matter(rng):
    a = rng.normal(size=(6, 8))
    for view in (a.T, a[::2, ::3], np.asfortranarray(a), a[::-1]):
        assert_array_equal(evaluate("silu", view), evaluate("silu", view.copy()))


@pytest.mark.parametrize("name", ["softmax", "TANH", "sine"])
def test_unknown_and_coupled_activations_are_refused(name):
    with pytest.raises(ValueError, match=f"expected an elementwise activation .identity, logistic.*got '{name}'"):
        evaluate(name, np.zeros(2))


def test_other_types_are_refused():
    with pytest.raises(TypeError, match="expected an array of float32 or float64, got int64"):
        evaluate("tanh", np.arange(3))
