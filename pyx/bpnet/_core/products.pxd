# SPDX-License-Identifier: BSD-3-Clause
"""The one door to matrix products: our own kernel for small ones, BLAS for the rest."""
from cython cimport floating
from libc.string cimport memcpy
from scipy.linalg.cython_blas cimport dgemm, sgemm

from bpnet._core.kernels cimport table

cdef enum:
    # Multiplications up to which our kernel is at least level with OpenBLAS (Zen 3, AVX2: 200 x 64 x 64). Written
    # out, for Cython 3.3 fails on an expression here when it checks for overflow.
    SMALL = 1_048_576


cdef inline void product(
    bint trans_a, bint trans_b, int m, int n, int k, const floating* a, int lda, const floating* b, int ldb,
    const floating* c0, Py_ssize_t c0_row, floating* c,
) noexcept nogil:
    """C = C0 + op(A) op(B), all row-major; C is (m, n), the inner size k. C0 may be C, or one row: c0_row is then 0."""
    cdef Py_ssize_t a_row = 1 if trans_a else lda, a_col = lda if trans_a else 1
    cdef Py_ssize_t b_row = 1 if trans_b else ldb, b_col = ldb if trans_b else 1
    cdef Py_ssize_t i
    if <Py_ssize_t> m * n * k > SMALL:
        if c0 != c:
            for i in range(m):
                memcpy(c + i * n, c0 + i * c0_row, n * sizeof(floating))
        _gemm(trans_a, trans_b, m, n, k, a, lda, b, ldb, c, n)
    elif floating is float:
        table.f32.product(m, n, k, a, a_row, a_col, b, b_row, b_col, c0, c0_row, c, n)
    else:
        table.f64.product(m, n, k, a, a_row, a_col, b, b_row, b_col, c0, c0_row, c, n)


cdef inline void _gemm(
    bint trans_a, bint trans_b, int m, int n, int k,
    const floating* a, int lda, const floating* b, int ldb, floating* c, int ldc,
) noexcept nogil:
    """C += op(A) op(B)."""
    # BLAS is column-major: row-major C = A B is its C' = B' A', so the operands swap and keep their flags.
    # SciPy's interface is not const-correct, hence the casts.
    cdef char ta = b"t" if trans_a else b"n"
    cdef char tb = b"t" if trans_b else b"n"
    cdef floating one = 1
    if floating is float:
        sgemm(&tb, &ta, &n, &m, &k, &one, <float*> b, &ldb, <float*> a, &lda, &one, c, &ldc)
    else:
        dgemm(&tb, &ta, &n, &m, &k, &one, <double*> b, &ldb, <double*> a, &lda, &one, c, &ldc)
