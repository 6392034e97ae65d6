# SPDX-License-Identifier: BSD-3-Clause
"""Learning rates between epochs."""

import math
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bpnet import Network, Topology, train
from bpnet._core.epoch import Epoch
from bpnet._core.updates import GradientDescent
from bpnet.schedules import PLANS, Adaptive, Constant, InverseScaling, Planned


@pytest.fixture
def rule():
    return GradientDescent(1, "f8", 0.5)


def test_constant_keeps_the_rate_and_stagnation_ends_it(rule):
    schedule = Constant()
    schedule.epoch_ended(rule, 100)
    assert schedule.stagnated(rule) is not None
    assert rule.rate == 0.5


@pytest.mark.parametrize("power", [0.0, 0.5, 2.0])
def test_inverse_scaling_divides_by_a_power_of_the_samples_seen(rule, power):
    schedule = InverseScaling(0.5, power)
    for n_seen in (10, 20, 5):
        schedule.epoch_ended(rule, n_seen)
        assert rule.rate == pytest.approx(0.5 * (n_seen + 1) ** -power, rel=1e-15)
    assert schedule.stagnated(rule) is not None


def test_adaptive_divides_by_five_until_the_rate_is_too_small():
    rule, schedule = SimpleNamespace(rate=1e-4), Adaptive()
    rates = []
    while (reason := schedule.stagnated(rule)) is None:
        schedule.epoch_ended(rule, 1)
        rates.append(rule.rate)
    assert rates == pytest.approx([2e-5, 4e-6, 8e-7], rel=1e-12)
    assert reason == "Learning rate too small. "
    assert rule.rate == rates[-1]


# The formulas one number at a time.
FORMULAS = {
    "cosine": lambda t: (1 + math.cos(math.pi * t)) / 2,
    "coslog4": lambda t: 0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * t))),
    "one_cycle": lambda t: (
        1 / 25 + 24 / 25 * (1 - math.cos(math.pi * t / 0.3)) / 2
        if t < 0.3
        else 4e-6 + (1 - 4e-6) * (1 + math.cos(math.pi * (t - 0.3) / 0.7)) / 2
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_plan_is_its_formula_step_by_step(name, rule):
    schedule, n_steps, rates = Planned(0.5, name, 4), 7, []
    for _ in range(4):
        rates.extend(schedule.rates(n_steps))
        schedule.epoch_ended(rule, 100)
    assert rates == pytest.approx([0.5 * FORMULAS[name](k / 28) for k in range(28)], rel=1e-12, abs=1e-15)
    assert schedule.rates(3) == pytest.approx([0.5 * FORMULAS[name](1.0)] * 3, abs=1e-12)  # it is over
    assert schedule.stagnated(rule) == "" and rule.rate == 0.5


def test_known_points_of_the_plans():
    # coslog4: zeros at log2(1 + 15 t) = 0, 1, 2, 3, 4, tops half-way between them.
    assert PLANS["coslog4"](np.array([0, 1 / 15, 3 / 15, 7 / 15, 1])) == pytest.approx(0, abs=1e-12)
    assert PLANS["coslog4"]((2 ** np.array([0.5, 1.5, 2.5, 3.5]) - 1) / 15) == pytest.approx(1)
    assert PLANS["cosine"](np.array([0, 0.5, 1])) == pytest.approx([1, 0.5, 0])
    assert PLANS["one_cycle"](np.array([0, 0.15, 0.3, 0.65, 1])) == pytest.approx([0.04, 0.52, 1, 0.500002, 4e-6])


def test_a_function_gets_the_part_that_is_done_and_gives_the_factor(rule):
    asked = []
    schedule = Planned(0.5, lambda t: asked.append(t) or 1 - t, 2)
    assert schedule.rates(2).tolist() == [0.5, 0.375]
    schedule.epoch_ended(rule, 10)
    assert schedule.rates(4).tolist() == [0.25, 0.1875, 0.125, 0.0625]
    assert asked == [0.0, 0.25, 0.5, 0.625, 0.75, 0.875] and all(type(t) is float for t in asked)


def test_each_step_has_its_own_rate(rng):
    X, y = rng.normal(size=(25, 3)), rng.normal(size=25)
    expected, net = (Network(Topology.layered([3, 1]), random_state=0) for _ in range(2))
    for k in range(6):
        rows = slice(0, 10) if k % 3 == 0 else slice(10, 20) if k % 3 == 1 else slice(20, 25)
        expected.parameters -= 0.01 * FORMULAS["cosine"](k / 6) * expected.gradient(X[rows], y[rows])
    train(net, X, y, learning_rate=0.01, batch_size=10, n_epochs=2, shuffle=False, schedule="cosine")
    assert net.parameters == pytest.approx(expected.parameters, rel=1e-12)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_constant_factor_is_no_schedule_to_rounding(batch_size, rng):
    X, y, nets = rng.normal(size=(25, 3)), rng.normal(size=25), []
    for schedule in (None, lambda t: 1):
        nets.append(Network(Topology.layered([3, 4, 1]), random_state=0))
        train(nets[-1], X, y, rule="adam", batch_size=batch_size, n_epochs=3, random_state=0, schedule=schedule)
    assert nets[0].parameters == pytest.approx(nets[1].parameters, rel=1e-10)


def test_batches_without_weight_take_their_rate_with_them(rng):
    X, y, weight = rng.normal(size=(6, 2)), rng.normal(size=6), np.array([1.0, 1, 0, 0, 1, 1])
    net = Network(Topology.layered([2, 1]), random_state=0)
    data, w, rule = net._data(X, y, weight), net.parameters, GradientDescent(3, "f8", 1.0)
    epoch = Epoch(net.topology.plan, net._loss, net._reads_raw, data, w, rule, 2)
    epoch.begin(None, np.array([0.0, 1e300, 0.25]))
    start = w.copy()
    expected = start - 0.25 * net.gradient(X[4:], y[4:]) / 2
    assert epoch.advance(1.0) and rule.rate == 0.25
    assert w == pytest.approx(expected, rel=1e-13)
    with pytest.raises(ValueError, match="expected 3 rates, one per batch, got 2"):
        epoch.begin(None, np.zeros(2))


def test_a_pickled_plan_goes_on_where_it_was(rule):
    schedule = Planned(0.1, "coslog4", 5)
    schedule.epoch_ended(rule, 10)
    twin = pickle.loads(pickle.dumps(schedule))
    assert_array_equal(twin.rates(4), schedule.rates(4))


@pytest.mark.parametrize(
    ("error", "message", "plan"),
    [
        (ValueError, "expected a schedule out of cosine, coslog4, one_cycle, or a callable, got 'linear'", "linear"),
        (TypeError, "expected a schedule as a name or a callable, got 3", 3),
        (ValueError, "finite factors of at least 0", lambda t: -1),
        (ValueError, "finite factors of at least 0", lambda t: math.nan),
    ],
)
def test_impossible_plans_are_refused(error, message, plan):
    net = Network(Topology.layered([2, 1]), random_state=0)
    w = net.parameters.copy()
    with pytest.raises(error, match=message):
        train(net, np.ones((2, 2)), np.ones(2), schedule=plan)
    assert_array_equal(net.parameters, w)
