# SPDX-License-Identifier: BSD-3-Clause
"""Exported C files, compiled as strictly as gcc can and called from Python."""

import ctypes
import subprocess

import numpy as np

FLAGS = "-std=c99 -pedantic -Wall -Wextra -Werror -Wconversion -Wdouble-promotion -Wshadow -Wmissing-prototypes".split()


def compile_c(folder, *sources):
    """A library out of texts, whose functions have different names."""
    files = []
    for k, text in enumerate(sources):
        files.append(folder / f"part{k}.c")
        files[-1].write_text(text)
    library = folder / "library.so"
    subprocess.run(["gcc", *FLAGS, "-O1", "-shared", "-fPIC", *files, "-o", library, "-lm"], check=True)
    return ctypes.CDLL(library)


def call(function, X, n_results, dtype, result_type=None):
    """What a function `void f(const real *x, result *y)` makes of each row."""
    X = np.ascontiguousarray(X, dtype)
    result = np.full((len(X), n_results), 77, result_type or dtype)
    for row, out in zip(X, result, strict=True):
        function(row.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p))
    return result


def call_classes(function, X, dtype):
    """What a function `int f(const real *x)` makes of each row."""
    X = np.ascontiguousarray(X, dtype)
    return np.array([function(row.ctypes.data_as(ctypes.c_void_p)) for row in X])
