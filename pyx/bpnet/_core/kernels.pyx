# SPDX-License-Identifier: BSD-3-Clause
"""The C kernels, for several instruction-set levels: one is chosen when this module is imported.

It is the best this machine runs, or the one that the environment variable BPNET_ISA names: "v2", "v3" (AVX2, FMA) or
"v4" (AVX-512), with or without "x86-64-" before it; "generic" on other processors.
"""

import os


cdef extern from "choose.h" nogil:
    int bpnet_runnable_kernels(const bpnet_kernels** levels)


cdef const bpnet_kernels* runnable[3]
cdef int n_runnable = bpnet_runnable_kernels(runnable)

#: Names of the levels that this machine can run, best last.
LEVELS = tuple([runnable[k].level.decode() for k in range(n_runnable)])
#: Name of the level in use.
LEVEL = os.environ.get("BPNET_ISA", "").removeprefix("x86-64-") or LEVELS[n_runnable - 1]
if LEVEL not in LEVELS:
    raise ImportError(f"BPNET_ISA: expected a level that this machine runs ({', '.join(LEVELS)}), got {LEVEL!r}")
table = runnable[LEVELS.index(LEVEL)]
