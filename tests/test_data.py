# SPDX-License-Identifier: BSD-3-Clause
"""The core's own door for data: it refuses what the sweeps could not trust, and copies nothing."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from problems import make

from bpnet import Layer, Topology
from bpnet._core import derivatives
from bpnet._core.data import Data, all_finite
from bpnet._core.plan import Workspace

X = np.arange(28.0).reshape(7, 4)
Y = np.ones((7, 2))
VALUES, COLUMNS, INDPTR = np.ones(3), np.array([0, 3, 2], np.int32), np.array([0, 1, 1, 3], np.intp)


@pytest.fixture
def plan():
    return make("chain").topology.plan  # 4 inputs, 2 outputs


def test_data_say_their_sizes_and_type(plan, dtype):
    data = Data(plan, X.astype(dtype), Y.astype(dtype), np.ones(7, dtype))
    assert (data.plan, data.n_rows, data.n_targets, data.dtype) == (plan, 7, 2, dtype)
    sparse = Data(plan, (VALUES.astype(dtype), COLUMNS, INDPTR))
    assert (sparse.n_rows, sparse.n_targets, sparse.dtype) == (3, 0, dtype)


def test_data_are_read_where_they_are(plan):
    problem, x = make("chain"), X.copy()
    data = Data(plan, x)
    before = derivatives.outputs(plan, problem.w, data)
    x[2] = 0
    after = derivatives.outputs(plan, problem.w, data)
    assert_array_equal((before != after).any(axis=1), np.arange(7) == 2)


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (TypeError, "expected X of float32 or float64, got int64", (X.astype(np.int64),)),
        (TypeError, "expected X of float32 or float64, got float16", (X.astype(np.float16),)),
        (ValueError, r"expected X of shape \(7, 4\) and type float64, got \(7, 3\)", (X[:, :3].copy(),)),
        (ValueError, r"expected X of shape \(4, 4\) and type float64, got \(4,\)", (X[0],)),
        (ValueError, "expected X to be C-contiguous", (np.asfortranarray(X),)),
        (ValueError, "expected X to be C-contiguous", (np.ones((14, 4))[::2],)),
        (TypeError, "expected X of float32 or float64, got >f8", (X.astype(">f8"),)),
        (ValueError, r"expected y of shape \(7, 2\) and type float64, got \(6, 2\)", (X, Y[:6])),
        (ValueError, "expected y of shape .* and type float64, got .* and float32", (X, Y.astype(np.float32))),
        (ValueError, "expected y to be C-contiguous", (X, np.ones((7, 4))[:, ::2])),
        (ValueError, r"expected y of shape \(7,\) and type int32, got \(6,\)", (X, np.zeros(6, np.int32))),
        (ValueError, "expected class numbers from 0 to 1, got 0 to 2", (X, np.array([0, 1, 2, 0, 0, 0, 0], np.int32))),
        (
            ValueError,
            "expected class numbers from 0 to 1, got -1 to 0",
            (X, np.array([0, -1, 0, 0, 0, 0, 0], np.int32)),
        ),
        (ValueError, r"expected sample_weight of shape \(7,\) and type float64, got \(6,\)", (X, Y, np.ones(6))),
        (ValueError, "expected sample_weight of shape .*, got .* and float32", (X, Y, np.ones(7, np.float32))),
        (ValueError, "expected sample_weight to be C-contiguous", (X, Y, np.ones(14)[::2])),
        (
            ValueError,
            "expected columns of shape .* and type int32, got .*int64",
            ((VALUES, COLUMNS.astype(np.int64), INDPTR),),
        ),
        (ValueError, r"expected columns of shape \(3,\)", ((VALUES, COLUMNS[:2], INDPTR),)),
        (
            ValueError,
            "expected indptr of shape .* and type int64, got .*int32",
            ((VALUES, COLUMNS, INDPTR.astype(np.int32)),),
        ),
        (ValueError, "expected columns from 0 to 3, got 0 to 4", ((VALUES, COLUMNS + np.int32([0, 1, 0]), INDPTR),)),
        (ValueError, "expected columns from 0 to 3, got -1 to 3", ((VALUES, COLUMNS - np.int32([1, 0, 0]), INDPTR),)),
        (ValueError, "expected indptr to rise from 0 to 3, got 0 to 2", ((VALUES, COLUMNS, INDPTR - [0, 0, 0, 1]),)),
        (ValueError, "expected indptr to rise from 0 to 3, got 1 to 3", ((VALUES, COLUMNS, INDPTR + [1, 0, 0, 0]),)),
        (ValueError, "expected indptr to rise from 0 to 3, got 0 to 3", ((VALUES, COLUMNS, INDPTR + [0, 1, 0, 0]),)),
    ],
)
def test_what_the_sweeps_could_not_trust_is_refused(plan, error, message, arguments):
    with pytest.raises(error, match=message):
        Data(plan, *arguments)


def test_class_numbers_of_one_output_are_its_target(rng):
    plan = Topology.layered([4, 1], out_activation="logistic").plan
    with pytest.raises(ValueError, match="expected class numbers from 0 to 1, got 0 to 2"):
        Data(plan, X, np.array([0, 1, 2, 0, 0, 0, 0], np.int32))
    assert Data(plan, X, np.array([0, 1, 1, 0, 0, 0, 0], np.int32)).n_targets == 1


def test_plan_counts_what_there_is():
    problem = make("masked")
    plan = problem.topology.plan
    assert (plan.n_layers, plan.n_inputs, plan.n_outputs, plan.n_units) == (4, 4, 2, 11)
    assert plan.n_parameters == problem.topology.n_parameters == len(problem.w)
    assert not plan.reads_sparse and make("chain").topology.plan.reads_sparse
    biases = len(problem.w) - sum(stop - start for start, stop in plan.weight_ranges)
    assert biases == 11


def test_plan_is_compiled_once_and_not_pickled():
    topology = Topology(2, [Layer(3)])
    assert topology.plan is topology.plan
    with pytest.raises(TypeError, match="a Plan is not pickled: pickle the Topology"):
        topology.plan.__reduce__()


def test_workspace_says_what_it_is_for(plan, dtype):
    ws = Workspace(plan, dtype, 5)
    assert (ws.plan, ws.capacity, ws.dtype) == (plan, 5, dtype)
    assert Workspace(plan, dtype, 0).capacity == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_found_in_every_place(bad, dtype):
    for n in (*range(1, 40), 1000):
        x = np.full(n, np.finfo(dtype).max, dtype)
        x[::2] = np.finfo(dtype).smallest_subnormal
        assert all_finite(x) and all_finite(-x)
        for place in range(n):
            x[place], old = bad, x[place]
            assert not all_finite(x)
            x[place] = old


def test_only_floats_are_asked_whether_they_are_finite():
    assert all_finite(np.empty((0, 3)))
    with pytest.raises(TypeError, match="expected an array of float32 or float64, got int64"):
        all_finite(np.arange(3))


@pytest.mark.parametrize("place", [0, 1999])
def test_outputs_refuse_what_is_not_finite_where_asked_to(plan, place, dtype):
    x = np.ones((2000, 4), dtype)
    x[place, 3] = np.nan
    w = make("chain").w.astype(dtype)
    with pytest.raises(ValueError, match="expected finite numbers in X"):
        derivatives.outputs(plan, w, Data(plan, x), check_finite=True)
    assert_array_equal(np.isfinite(derivatives.outputs(plan, w, Data(plan, x))).all(axis=1), np.arange(2000) != place)
