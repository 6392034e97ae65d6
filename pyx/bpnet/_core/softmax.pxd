# SPDX-License-Identifier: BSD-3-Clause
"""exp(a_k - a_top) of a row: what softmax, its loss and their derivatives are made of."""

from cython cimport floating

from bpnet._core.kernels cimport exp_


cdef inline Py_ssize_t exponentials(const floating* a, floating* e, int m) noexcept nogil:
    """e = exp(a - a_top), none of them above 1; returns `top`, the first place of the largest a."""
    cdef Py_ssize_t k, top = 0
    for k in range(1, m):
        if a[k] > a[top]:
            top = k
    for k in range(m):
        e[k] = a[k] - a[top]
    exp_(e, e, m)
    return top
