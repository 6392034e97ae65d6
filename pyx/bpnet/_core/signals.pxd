# SPDX-License-Identifier: BSD-3-Clause
"""Scratch of second-order work, and the first-order signals of a chunk with the samples side by side."""
from bpnet._core.data cimport Chunk
from bpnet._core.kernels cimport table
from bpnet._core.losses cimport Loss
from bpnet._core.plan cimport Plan
from bpnet._core.sweeps cimport Reading
from bpnet._core.wiring cimport Link, Wiring

cdef enum:
    # Pairs of units, and pairs of inputs, that meet in one product: with 128 samples 256 KB each, a second-level cache.
    TILE = 128

cdef class Signals:
    cdef readonly Wiring wiring
    cdef readonly Py_ssize_t capacity   # samples that fit
    cdef Py_ssize_t n                   # samples of the chunk at hand: the length of every row below
    cdef Reading reading
    cdef bint curved                    # whether h'' counts: not in the Gauss-Newton matrix
    cdef object _memory
    # A row per input, per unit, and one of ones; then a row per unit.
    cdef double* z
    cdef double* a
    cdef double* slope
    cdef double* bend                   # h''(a_j) dE/dz_j
    cdef double* delta
    # Rows of pairs of units, see unit_pairs.
    cdef double* ahead
    cdef double* own
    cdef double* reach
    # Samples as rows, as the losses want them.
    cdef double* raw
    cdef double* seed
    cdef double* target
    cdef double* curvature
    # Room for products: rows of pairs of units, rows of (pairs of) inputs, pairs of one unit, the result.
    cdef double* tile
    cdef double* heard
    cdef double* row
    cdef double* result
    cdef double* matrices               # blocks of w with connections missing, as full matrices
    cdef Py_ssize_t _measure(self, Py_ssize_t capacity, bint pairs) noexcept
    cdef char* _cut(self, char* at, bint pairs) noexcept

cdef void spread(Signals s, const double* w) noexcept nogil
cdef void sweep(
    Signals s, Plan plan, Loss loss, const double* w, const Chunk* chunk, bint curved
) noexcept nogil


cdef inline const double* matrix_of(Signals s, const Link* link, const double* w) noexcept nogil:
    """Weights of a link as a full (n_in, n_out) matrix."""
    return w + link.offset if link.offset >= 0 else s.matrices + link.matrix


cdef inline void multiply(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const double* a, Py_ssize_t a_row, Py_ssize_t a_col,
    const double* b, Py_ssize_t b_row, const double* c0, double* c, Py_ssize_t c_row,
) noexcept nogil:
    """C (m, n) = C0 + A (m, k) B (k, n); C0 is C or NULL. Rows of B and C lie side by side in themselves."""
    table.f64.product(m, n, k, a, a_row, a_col, b, b_row, 1, c0, c_row, c, c_row)


cdef inline void hadamard(const double* x, const double* y, double* out, Py_ssize_t n) noexcept nogil:
    """out = x * y, value by value: the compiler knows of no vectors wider than two numbers, the kernel does."""
    table.f64.hadamard(x, y, out, n)


cdef inline bint is_sparse(const Link* link) noexcept nogil:
    """Whether connections one by one are faster than the full matrix: a product is eight times as fast per weight."""
    return 8 * link.n_weights < <Py_ssize_t> link.n_in * link.n_out


cdef inline void correlate(
    Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const double* a, Py_ssize_t a_row, const double* b, Py_ssize_t b_row,
    const double* c0, double* c, Py_ssize_t c_row,
) noexcept nogil:
    """C (m, n) = C0 + A (m, k) B (n, k)': a sum over samples. At these sizes 1.05 to 2 times the speed of OpenBLAS."""
    table.f64.product(m, n, k, a, a_row, 1, b, 1, b_row, c0, c_row, c, c_row)
