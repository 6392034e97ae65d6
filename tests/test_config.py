# SPDX-License-Identifier: BSD-3-Clause
"""The choice of the instruction-set level, and the report of it."""

import os
import subprocess
import sys

import pytest

import bpnet
from bpnet._core.kernels import LEVEL, LEVELS

FIT = """
import numpy as np
from bpnet import Network, Topology, train
from bpnet._core.kernels import LEVEL
rng = np.random.default_rng(0)
X, y = rng.normal(size=(50, 7)), rng.normal(size=50)
net = Network(Topology.layered([7, 20, 9, 1], ["gelu", "tanh"]), random_state=0)
train(net, X, y, rule="adam", n_epochs=3, random_state=0)
print(LEVEL, repr(net.parameters.tolist()))
"""


def _run(level, code=FIT):
    environment = {**os.environ, "BPNET_ISA": level}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("level", LEVELS)
def test_levels_give_the_same_fit_to_rounding(level):
    (name, parameters), (_, expected) = (_run(chosen).stdout.split(" ", 1) for chosen in (level, LEVELS[0]))
    assert name == level
    # 15 steps; the levels differ by fused multiplications and by the order of their sums.
    assert eval(parameters) == pytest.approx(eval(expected), rel=1e-9, abs=1e-11)


def test_level_may_be_given_by_its_long_name():
    assert _run(f"x86-64-{LEVELS[0]}").stdout.startswith(f"{LEVELS[0]} ")


def test_level_that_the_machine_lacks_is_refused_with_those_it_has():
    refused = _run("v99", "import bpnet._core.kernels")
    assert f"expected a level that this machine runs ({', '.join(LEVELS)}), got 'v99'" in refused.stderr


def test_best_level_is_the_default():
    if "BPNET_ISA" not in os.environ:
        assert LEVELS[-1] == LEVEL


def test_report_names_level_blas_and_versions(capsys):
    bpnet.show_config()
    report = capsys.readouterr().out
    assert f"level {LEVEL} of" in report
    assert "BLAS: openblas" in report or sys.platform == "darwin"
    assert "scikit-learn" in report
