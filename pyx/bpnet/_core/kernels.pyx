# SPDX-License-Identifier: BSD-3-Clause
"""The C kernels: the best instruction-set level this machine runs, chosen once at import."""


cdef extern from "choose.h" nogil:
    const bpnet_kernels* bpnet_choose_kernels()


table = bpnet_choose_kernels()

#: Name of the level in use: "generic", "v3" (AVX2, FMA) or "v4" (AVX-512).
LEVEL = table.level.decode()
