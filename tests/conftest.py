# SPDX-License-Identifier: BSD-3-Clause
"""Settings of the whole suite: the same examples in every run, and no clock that fails a slow machine."""

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

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
