# SPDX-License-Identifier: BSD-3-Clause
"""Every example prints what it says: in the docstrings, of the compiled modules too, and in the README."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import bpnet

# Modules that are imported when their extra is asked for.
EXTRAS = {"bpnet.export._skl2onnx": "skl2onnx"}
MODULES = ["bpnet", *(module.name for module in pkgutil.walk_packages(bpnet.__path__, "bpnet."))]


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name):
    if name.startswith("bpnet.displays."):
        pytest.importorskip("matplotlib").use("Agg")
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name])
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0


def test_examples_of_compiled_functions_are_found():
    module = importlib.import_module("bpnet._core.activations")
    found = doctest.DocTestFinder(exclude_empty=True).find(module)
    assert "bpnet._core.activations.evaluate" in [test.name for test in found if test.examples]


def test_readme_prints_what_it_says(capsys):
    readme = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
    programs = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    printed = "".join(re.findall(r"```text\n(.*?)```", readme, re.DOTALL))
    for program in programs:
        exec(program, {})
    assert capsys.readouterr().out == printed
