# SPDX-License-Identifier: BSD-3-Clause
"""Learning rates between epochs."""

from types import SimpleNamespace

import pytest

from bpnet._core.updates import GradientDescent
from bpnet.schedules import Adaptive, Constant, InverseScaling


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
