# SPDX-License-Identifier: BSD-3-Clause
"""Update rules against their formulas in plain NumPy, step by step."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from reference import RULES

from bpnet import Topology
from bpnet._core.data import Data
from bpnet._core.epoch import Epoch
from bpnet._core.losses import Loss
from bpnet._core.updates import Adam, GradientDescent, RMSProp, Rprop

COMPILED = {"sgd": GradientDescent, "adam": Adam, "rmsprop": RMSProp, "rprop": Rprop}
SETTINGS = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.5, "nesterov": True}),
    ("sgd", {"nesterov": True}),
    ("adam", {}),
    ("adam", {"beta_1": 0.0, "beta_2": 0.5, "epsilon": 1e-3}),
    ("adam", {"beta_1": 0.95, "beta_2": 0.9}),
    ("rmsprop", {}),
    ("rmsprop", {"decay": 0.9, "epsilon": 1e-3}),
    ("rmsprop", {"momentum": 0.8, "epsilon": 1e-4}),
    ("rprop", {}),
    ("rprop", {"shrink": 0.25, "grow": 1.5, "least": 0.05, "most": 0.3}),
]
# A few roundings per step; the steps here change w by its own size.
SAME = {np.dtype(np.float64): 1e-14, np.dtype(np.float32): 1e-5}


class Slope:
    """w under a compiled rule, with gradients of one's own choice: E = |w - t|^2 / 2 has the gradient w - t, exactly.

    Rows of unit vectors go into an identity unit; the targets are written anew for each step.
    """

    def __init__(self, rule, w):
        plan = Topology.layered([len(w) - 1, 1]).plan
        self.w, self.y = w, np.zeros((len(w) - 1, 1), w.dtype)
        data = Data(plan, np.eye(len(w) - 1, dtype=w.dtype), self.y)
        self.epoch = Epoch(plan, Loss("squared_error"), True, data, w, rule, len(w), mean=False)

    def step(self, g):
        """Moves w along g for all weights; returns the gradient that the bias, the sum of the others, gives."""
        self.y[:, 0] = self.w[:-1] + self.w[-1] - g
        taken = self.w[:-1] + self.w[-1] - self.y[:, 0]
        self.epoch.begin()
        self.epoch.advance(1.0)
        return np.append(taken, taken.sum())


@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=str)
@pytest.mark.parametrize("n", [1, 3, 16, 37])
def test_rule_equals_its_formula_over_many_steps(name, settings, n, dtype, rng):
    w = rng.normal(size=n + 1).astype(dtype)
    rule, plain = COMPILED[name](n + 1, dtype, 0.1, **settings), RULES[name](0.1, **settings)
    slope, expected = Slope(rule, w), w.astype(np.float64)
    for _ in range(20):
        g = slope.step(rng.normal(size=n).astype(dtype))
        plain(expected, g.astype(np.float64))
        assert_allclose(w, expected, rtol=0, atol=SAME[dtype] * 20 * (1 + np.abs(g).max()))
    assert rule.n_steps == 20


@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=str)
def test_rate_may_change_between_steps(name, settings, rng):
    w = rng.normal(size=6)
    rule, expected = COMPILED[name](6, w.dtype, 0.1, **settings), w.copy()
    slope, velocity = Slope(rule, w), 0
    if name == "rprop":
        rule.rate = 0.0  # sizes of steps go on as they are
        slope.step(rng.normal(size=5))
        assert_allclose(np.abs(w - expected), 0.1, rtol=1e-12)
        return
    if name != "sgd":
        rule.rate = 0.0
        slope.step(rng.normal(size=5))
        assert_array_equal(w, expected)
        return
    for rate in (0.1, 0.0, 0.4):
        rule.rate = rate
        g = slope.step(rng.normal(size=5))
        velocity = rule.momentum * velocity - rate * g
        expected += rule.momentum * velocity - rate * g if rule.nesterov else velocity
    assert_allclose(w, expected, atol=1e-13)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda rule: pickle.loads(pickle.dumps(rule))])
@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=str)
def test_copy_of_a_rule_goes_on_bit_for_bit(name, settings, copied, dtype, rng):
    gradients = rng.normal(size=(6, 5)).astype(dtype)
    w = rng.normal(size=6).astype(dtype)
    rule = COMPILED[name](6, dtype, 0.1, **settings)
    for g in gradients[:3]:
        Slope(rule, w).step(g)
    rule.rate = 0.05
    state, other = rule.state.copy(), w.copy()
    twin = copied(rule)
    assert_array_equal(twin.state, state)
    for g in gradients[3:]:
        Slope(twin, other).step(g)
    if copied is not copy.copy:  # which shares the state, as copies in Python do
        assert_array_equal(rule.state, state)
        for g in gradients[3:]:
            Slope(rule, w).step(g)
        assert_array_equal(w, other)
        assert_array_equal(twin.state, rule.state)
    assert (twin.rate, twin.n_steps, type(twin)) == (0.05, 6, type(rule))


@pytest.mark.parametrize(("name", "settings"), SETTINGS, ids=str)
def test_rule_says_its_settings(name, settings):
    rule = COMPILED[name](4, np.float32, 0.25, **settings)
    assert rule.rate == 0.25 and rule.n_steps == 0
    assert {key: getattr(rule, key) for key in settings} == settings
    assert rule.state.dtype == np.float32 and (rule.state[: 1 if name == "rprop" else None] == 0).all()
    vectors = {"adam": 2, "rprop": 2}.get(name) or (name == "rmsprop") + (rule.momentum > 0)
    assert rule.state.shape == (vectors, 4)


def test_defaults_of_adam_are_those_of_the_paper():
    assert [getattr(Adam(1, "f8", 0.1), key) for key in ("beta_1", "beta_2", "epsilon")] == [0.9, 0.999, 1e-8]


def test_adam_in_float32_keeps_the_digits_of_beta(rng):
    # 1 - float32(0.999) is wrong in its fifth digit, and so would v be.
    w = np.zeros(2, np.float32)
    rule = Adam(2, w.dtype, 0.1)
    g = Slope(rule, w).step(np.ones(1, np.float32))
    assert_allclose(rule.state[1], 0.001 * g**2, rtol=2e-7)


def test_first_step_of_adam_is_the_rate_whatever_the_size_of_the_gradient():
    for size in (0.01, 1.0, 1e10):
        w = np.zeros(2)
        Slope(Adam(2, w.dtype, 0.1), w).step(np.array([size]))
        assert_allclose(w, -0.1, rtol=1e-3)


@pytest.mark.parametrize("dtype", [np.int64, np.float16, np.complex128, ">f8"])
def test_other_types_are_refused(dtype):
    with pytest.raises(TypeError, match="expected the state of an update rule as a writable, C-contiguous float"):
        GradientDescent(3, dtype, 0.1)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (GradientDescent, {"momentum": -0.1}, "expected momentum from 0 to 1, got -0.1"),
        (GradientDescent, {"momentum": np.nan}, "expected momentum from 0 to 1, got nan"),
        (Adam, {"beta_1": 1.0}, "expected betas in"),
        (Adam, {"beta_2": -0.5}, "expected betas in"),
        (Adam, {"epsilon": 0.0}, "epsilon above 0"),
        (RMSProp, {"decay": 1.0}, "expected decay in"),
        (RMSProp, {"epsilon": -1.0}, "epsilon above 0"),
        (RMSProp, {"momentum": np.nan}, "momentum from 0 to 1"),
        (Rprop, {"shrink": 1.0}, "expected 0 < shrink < 1 < grow"),
        (Rprop, {"grow": 0.9}, "expected 0 < shrink < 1 < grow"),
        (Rprop, {"least": 2.0, "most": 1.0}, "0 <= least <= most"),
    ],
)
def test_settings_out_of_range_are_refused(kind, settings, message):
    with pytest.raises(ValueError, match=message):
        kind(3, "f8", 0.1, **settings)


@pytest.mark.parametrize("kind", COMPILED.values())
def test_unknown_settings_are_refused(kind):
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        kind(3, np.float64, 0.1, friction=1)


def test_rprop_waits_where_the_sign_turns_and_takes_no_side_after_it():
    w = np.zeros(2)
    slope, moves = Slope(Rprop(2, w.dtype, 0.1), w), []
    for g in (1.0, 1.0, -1.0, -1.0, -1.0):
        before = w[0]
        slope.step(np.array([g]))
        moves.append(w[0] - before)
    # grows; turns: halved, and no move; then by that size, for the step it waited for counts as no gradient; grows
    assert_allclose(moves, [-0.1, -0.12, 0, 0.06, 0.072], rtol=1e-12, atol=1e-15)
