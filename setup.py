# SPDX-License-Identifier: BSD-3-Clause
"""Build of the compiled core; everything else about the project stands in pyproject.toml.

The sources live in ``pyx/``, a second source root that mirrors the import path: with a flat folder Cython does
not find a module's own ``.pxd``. ``BPNET_DEBUG=1`` builds with bounds, wraparound and overflow checks.
"""

import os
import platform
import sys
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

CORE = Path("pyx/bpnet/_core")
KERNELS = CORE / "kernels"
DEBUG = os.environ.get("BPNET_DEBUG", "0") not in ("", "0")

# The instruction-set levels of the kernels and the flags that select them; NumPy, too, wants v2 at least.
LEVELS = {"generic": []}
if platform.machine().lower() in ("x86_64", "amd64"):
    LEVELS = {level: [f"-march=x86-64-{level}"] for level in ("v2", "v3", "v4")}

# -fno-math-errno and -fno-trapping-math let loops with sqrt and ternaries become vector code; neither changes a value.
OPTIMISED = ["-O3", "-fno-math-errno", "-fno-trapping-math"]
# Fused multiply-adds, which ISO mode turns off, double the rate of the products.
# -Wno-psabi: vectors wider than the level's registers are passed to inlined functions alone, so no ABI is concerned.
KERNEL_FLAGS = ["-std=c11", "-ffp-contract=fast", *OPTIMISED, "-fPIC", "-Wno-psabi"]
CORE_FLAGS = ["-O1", "-g"] if DEBUG else [*OPTIMISED, "-g0"]
LINK_FLAGS = ["-Wl,--strip-all"] if sys.platform == "linux" and not DEBUG else []

DIRECTIVES = {
    "language_level": 3,
    "binding": True,
    "embedsignature": False,
    "autotestdict": False,  # doctest finds the examples itself: tests/test_doctests.py
    "freethreading_compatible": True,
    "cdivision": True,
    "initializedcheck": DEBUG,
    "boundscheck": DEBUG,
    "wraparound": DEBUG,
    "overflowcheck": DEBUG,
}


def written_flavour():
    """File that changes only when a debug build follows a release build or the other way round.

    Time stamps tell setuptools what is out of date; without this file they would leave modules of the one flavour
    among those of the other.
    """
    path = Path("build/flavour")
    flavour = "debug" if DEBUG else "release"
    if not path.exists() or path.read_text() != flavour:
        path.parent.mkdir(exist_ok=True)
        path.write_text(flavour)
    return str(path)


headers = [str(path) for path in sorted(KERNELS.iterdir()) if not path.stem.startswith("level_")]
rebuilt_with = ["setup.py", written_flavour()]

kernel_libraries = [
    (
        f"bpnet_kernels_{level}",
        {
            "sources": [str(KERNELS / f"level_{level}.c")],
            "obj_deps": {"": [*headers, "setup.py"]},
            "cflags": KERNEL_FLAGS + flags,
        },
    )
    for level, flags in LEVELS.items()
]

extensions = [
    Extension(
        f"bpnet._core.{path.stem}",
        [str(path)],
        include_dirs=[str(KERNELS), numpy.get_include()],
        define_macros=[(f"BPNET_HAS_{level.upper()}", "1") for level in LEVELS],
        # kernels.pyx alone is linked with the kernels; the other modules know their headers only.
        depends=rebuilt_with + (headers if path.stem == "kernels" else [h for h in headers if h.endswith(".h")]),
        extra_compile_args=CORE_FLAGS,
        extra_link_args=LINK_FLAGS,
    )
    for path in sorted(CORE.glob("*.pyx"))
]

setup(
    libraries=kernel_libraries,
    ext_modules=cythonize(
        extensions,
        # The second one is for `from bpnet._core cimport kernels`: it shows Cython that bpnet._core is a package.
        include_path=["pyx", "."],
        build_dir="build/cython-debug" if DEBUG else "build/cython",
        compiler_directives=DIRECTIVES,
    ),
    options={"build_ext": {"parallel": os.cpu_count()}},
)
