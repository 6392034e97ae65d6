# SPDX-License-Identifier: BSD-3-Clause
from cython cimport floating

cdef double points(
    int kind, const double* numbers, const floating* raw, const floating* y, floating* seed, int m
) noexcept nogil
cdef double blocks(
    int kind, const double* numbers, int size, const floating* raw, const floating* y, floating* seed, int m
) noexcept nogil
