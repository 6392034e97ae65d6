# SPDX-License-Identifier: BSD-3-Clause
"""The one door to matrix products: our own kernel for most, BLAS for large ones."""
from cython cimport floating
from libc.string cimport memcpy

from bpnet._core.kernels cimport table

ctypedef void (*f32_gemm)(
    char*, char*, int*, int*, int*, float*, float*, int*, float*, int*, float*, float*, int*
) noexcept nogil
ctypedef void (*f64_gemm)(
    char*, char*, int*, int*, int*, double*, double*, int*, double*, int*, double*, double*, int*
) noexcept nogil

# NULL until `load_blas`, which comes before any product that is beyond reach.
cdef f32_gemm sgemm
cdef f64_gemm dgemm

cdef enum:
    # Rows of C that BLAS gets at a time unless A is transposed. Rows that threads share are cut at its multiples: what
    # BLAS rounds may depend on how many rows it sees.
    BLAS_ROWS = 128


cdef inline bint beyond_reach(
    bint trans_a, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const floating* tag
) noexcept nogil:
    """Whether a product of this size is for BLAS; `tag` only names the precision."""
    if floating is float:
        return m * n * k > table.f32.reach[trans_a]
    else:
        return m * n * k > table.f64.reach[trans_a]


cdef inline void product(
    bint trans_a, bint trans_b, bint blas, int m, int n, int k, const floating* a, int lda, const floating* b, int ldb,
    const floating* c0, Py_ssize_t c0_row, floating* c,
) noexcept nogil:
    """C = C0 + op(A) op(B), all row-major; C is (m, n), the inner size k.

    C0 may be C, or one row for all where c0_row is 0, or NULL: zeros.
    """
    cdef Py_ssize_t a_row = 1 if trans_a else lda, a_col = lda if trans_a else 1
    cdef Py_ssize_t b_row = 1 if trans_b else ldb, b_col = ldb if trans_b else 1
    cdef Py_ssize_t i, rows
    if blas:
        if c0 != NULL and c0 != c:
            for i in range(m):
                memcpy(c + i * n, c0 + i * c0_row, n * sizeof(floating))
        rows = m if trans_a else BLAS_ROWS
        for i from 0 <= i < m by rows:
            _gemm(
                trans_a, trans_b, <int> min(m - i, rows), n, k, a + i * a_row, lda, b, ldb, <floating> (c0 != NULL),
                c + i * n, n,
            )
    elif floating is float:
        table.f32.product(m, n, k, a, a_row, a_col, b, b_row, b_col, c0, c0_row, c, n)
    else:
        table.f64.product(m, n, k, a, a_row, a_col, b, b_row, b_col, c0, c0_row, c, n)


cdef inline void _gemm(
    bint trans_a, bint trans_b, int m, int n, int k,
    const floating* a, int lda, const floating* b, int ldb, floating beta, floating* c, int ldc,
) noexcept nogil:
    """C = beta C + op(A) op(B)."""
    # BLAS is column-major: row-major C = A B is its C' = B' A', so the operands swap and keep their flags.
    # SciPy's interface is not const-correct, hence the casts.
    cdef char ta = b"t" if trans_a else b"n"
    cdef char tb = b"t" if trans_b else b"n"
    cdef floating one = 1
    if floating is float:
        sgemm(&tb, &ta, &n, &m, &k, &one, <float*> b, &ldb, <float*> a, &lda, &beta, c, &ldc)
    else:
        dgemm(&tb, &ta, &n, &m, &k, &one, <double*> b, &ldb, <double*> a, &lda, &beta, c, &ldc)
