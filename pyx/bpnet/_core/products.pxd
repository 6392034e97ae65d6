# SPDX-License-Identifier: BSD-3-Clause
"""The one door to matrix products: our own kernel for small ones, BLAS for the rest."""
from cython cimport floating
from scipy.linalg.cython_blas cimport dgemm, sgemm

from bpnet._core.kernels cimport table

cdef enum:
    # Multiplications up to which our kernel is faster than OpenBLAS: level at some 200 x 64 x 28 (Zen 3, AVX2).
    SMALL = 1 << 18


cdef inline void add_product_of(
    bint trans_a, bint trans_b, int m, int n, int k,
    const floating* a, int lda, const floating* b, int ldb, floating* c, int ldc,
) noexcept nogil:
    """C += op(A) op(B), all row-major; C is (m, n), the inner size k."""
    cdef Py_ssize_t a_row = 1 if trans_a else lda, a_col = lda if trans_a else 1
    cdef Py_ssize_t b_row = 1 if trans_b else ldb, b_col = ldb if trans_b else 1
    if <Py_ssize_t> m * n * k > SMALL:
        _gemm(trans_a, trans_b, m, n, k, a, lda, b, ldb, c, ldc)
    elif floating is float:
        table.f32.product(m, n, k, a, a_row, a_col, b, b_row, b_col, c, ldc)
    else:
        table.f64.product(m, n, k, a, a_row, a_col, b, b_row, b_col, c, ldc)


cdef inline void _gemm(
    bint trans_a, bint trans_b, int m, int n, int k,
    const floating* a, int lda, const floating* b, int ldb, floating* c, int ldc,
) noexcept nogil:
    # BLAS is column-major: row-major C = A B is its C' = B' A', so the operands swap and keep their flags.
    # SciPy's interface is not const-correct, hence the casts.
    cdef char ta = b"t" if trans_a else b"n"
    cdef char tb = b"t" if trans_b else b"n"
    cdef floating one = 1
    if floating is float:
        sgemm(&tb, &ta, &n, &m, &k, &one, <float*> b, &ldb, <float*> a, &lda, &one, c, &ldc)
    else:
        dgemm(&tb, &ta, &n, &m, &k, &one, <double*> b, &ldb, <double*> a, &lda, &one, c, &ldc)
