# SPDX-License-Identifier: BSD-3-Clause
"""Says what this machine lacks to build bpnet; silent where it lacks nothing. Runs under old Pythons too."""

import importlib.util
import os
import shlex
import shutil
import sys
import sysconfig

compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
missing = []
if sys.version_info < (3, 11):  # noqa: UP036  this file is for them
    missing.append(
        f"Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}. Name another: make PYTHON=python3.12 ..."
    )
if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
    missing.append("the modules venv and ensurepip of Python (on Debian and Ubuntu the package python3-venv)")
if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
    missing.append("the C headers of Python (on Debian and Ubuntu the package python3-dev)")
if shutil.which(compiler) is None:
    missing.append(f"a C compiler: {compiler!r} is not there. Name another: make CC=clang ...")
if missing:
    sys.exit("\n".join(["", "bpnet cannot be built here. It needs", *("  - " + line for line in missing), ""]))
