# SPDX-License-Identifier: BSD-3-Clause
"""Prints one list of requirements out of pyproject.toml, for ``pip install -r``: so each list stands once.

    python tools/requirements.py build|test|plot|lint|judge|dist

A plain pip neither installs dependency groups (before 25.1) nor an extra without building the package again.
"""

import sys
import tomllib
from pathlib import Path

settings = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
lists = {
    "build": settings["build-system"]["requires"],
    **settings["project"]["optional-dependencies"],
    **settings["dependency-groups"],
}
print(*lists[sys.argv[1]], sep="\n")
