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
MSVC = sys.platform == "win32" and "MSC" in sys.version

# The instruction-set levels of the kernels and the flags that select them.
LEVELS = {"generic": []}
if not MSVC and platform.machine().lower() in ("x86_64", "amd64"):
    # 256-bit vectors also on level 4: 512-bit ones lower the clock of many machines.
    LEVELS |= {"v3": ["-march=x86-64-v3"], "v4": ["-march=x86-64-v4"]}

# -fno-math-errno and -fno-trapping-math let loops with sqrt and ternaries become vector code; neither changes a value.
KERNEL_FLAGS = ["/O2"] if MSVC else ["-std=c11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-fPIC"]
CORE_FLAGS = ["/O2"] if MSVC else ["-O1", "-g"] if DEBUG else ["-O3", "-fno-math-errno", "-fno-trapping-math", "-g0"]

kernel_libraries = [
    (
        f"bpnet_kernels_{level}",
        {
            "sources": [str(KERNELS / f"level_{level}.c")],
            "obj_deps": {"": [str(path) for path in sorted(KERNELS.glob("*")) if path.suffix != ".c" or path.stem == "level"]},
            "cflags": KERNEL_FLAGS + flags,
        },
    )
    for level, flags in LEVELS.items()
]

extensions = [
    Extension(
        f"bpnet._core.{path.stem}",
        [str(path)],
        include_dirs=[numpy.get_include(), str(KERNELS)],
        define_macros=[
            ("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"),
            *((f"BPNET_HAS_{level.upper()}", "1") for level in LEVELS),
        ],
        extra_compile_args=CORE_FLAGS,
        extra_link_args=[] if MSVC or DEBUG or sys.platform == "darwin" else ["-Wl,--strip-all"],
    )
    for path in sorted(CORE.glob("*.pyx"))
]

setup(
    libraries=kernel_libraries,
    ext_modules=cythonize(
        extensions,
        include_path=["pyx"],
        build_dir="build/cython-debug" if DEBUG else "build/cython",
        compiler_directives={
            "language_level": 3,
            "binding": True,
            "embedsignature": False,
            "freethreading_compatible": True,
            "cdivision": True,
            "initializedcheck": DEBUG,
            "boundscheck": DEBUG,
            "wraparound": DEBUG,
            "overflowcheck": DEBUG,
        },
    ),
)
