# SPDX-License-Identifier: BSD-3-Clause
"""Settings of the whole suite: the same examples in every run, and no clock that fails a slow machine; data."""

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from problems import CATALOGUE, GRAPHS, make
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale
from tables import N, X

settings.register_profile(
    "bpnet",
    deadline=None,
    derandomize=True,
    max_examples=60,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("bpnet")


@pytest.fixture(params=[np.float64, np.float32], ids=["float64", "float32"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(params=CATALOGUE.values(), ids=CATALOGUE.keys(), scope="module")
def problem(request):
    """Each pair of graph and loss of the catalogue."""
    return make(*request.param)


@pytest.fixture(params=GRAPHS)
def graph(request):
    """A problem with each graph, and with sample weights."""
    return make(request.param, weighted=True)


@pytest.fixture
def net():
    """A chain of complete layers."""
    return make("chain").net()


@pytest.fixture
def iris():
    return scale(load_iris().data), load_iris().target


@pytest.fixture
def line(rng):
    """Data of a linear model without intercept."""
    X = rng.normal(size=(60, 3))
    return X, X @ [1, -2, 0.1] + 0.5 * rng.normal(size=60)


@pytest.fixture
def wave(rng):
    """Data of a function that is not linear, with two targets."""
    X = rng.normal(size=(50, 2))
    return X, np.column_stack([np.sin(X[:, 0]), X.prod(axis=1)]) + 0.2 * rng.normal(size=(50, 2))


@pytest.fixture
def frame():
    """A table with all kinds of columns, each with something missing."""
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "age": np.where(np.arange(N) % 7 == 0, np.nan, X[:, 0]),
            "town": pd.Series(rng.choice(["Oslo", "Rome", "Bern"], N)).where(np.arange(N) % 11 != 0),
            "rank": pd.Categorical(rng.choice(["a", "b"], N)),
            "member": rng.random(N) > 0.5,
            "visits": pd.array([None, *rng.integers(0, 9, N - 1)], dtype="Int64"),
            "mood": pd.array([None, *(rng.random(N - 1) > 0.5)], dtype="boolean"),
        }
    )
    return table.set_index(np.arange(N)[::-1])  # rows are counted by place, not by label
