# SPDX-License-Identifier: BSD-3-Clause
from cython cimport floating

cdef void softmax(const floating* a, floating* z, int n, int m) noexcept nogil
