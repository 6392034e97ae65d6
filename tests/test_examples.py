# SPDX-License-Identifier: BSD-3-Clause
"""Every example runs to its end without a warning."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path, tmp_path):
    # A copy, since examples save their pictures beside themselves.
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    run = subprocess.run(
        [sys.executable, "-W", "error", str(copy)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout
