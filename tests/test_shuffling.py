# SPDX-License-Identifier: BSD-3-Clause
"""The order of rows; judge: NumPy's own shuffle."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from bpnet._core.shuffling import shuffle_rows


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 8, 9, 64, 65, 1000, 70_000])
def test_order_and_the_state_left_behind_are_those_of_numpy(n):
    ours, theirs = np.random.RandomState(7), np.random.RandomState(7)
    order, expected = np.arange(n), np.arange(n)
    for _ in range(3):
        shuffle_rows(ours, order)
        theirs.shuffle(expected)
        assert_array_equal(order, expected)
    assert ours.randint(2**31) == theirs.randint(2**31)


def test_any_bit_generator_of_a_random_state_serves():
    ours, theirs = (np.random.RandomState(np.random.PCG64(3)) for _ in range(2))
    order, expected = np.arange(500), np.arange(500)
    shuffle_rows(ours, order)
    theirs.shuffle(expected)
    assert_array_equal(order, expected)


def test_generator_shuffles_in_its_own_order():
    order, expected = np.arange(500), np.arange(500)
    shuffle_rows(np.random.default_rng(3), order)
    np.random.default_rng(3).shuffle(expected)
    assert_array_equal(order, expected)


def test_read_only_order_is_refused():
    order = np.arange(5)
    order.setflags(write=False)
    with pytest.raises(ValueError, match="read-only"):
        shuffle_rows(np.random.RandomState(0), order)
