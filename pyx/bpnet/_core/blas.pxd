# SPDX-License-Identifier: BSD-3-Clause
"""Row-major matrix product by value: the only file that knows that BLAS is column-major."""
from cython cimport floating
from scipy.linalg.cython_blas cimport dgemm, sgemm


cdef inline void gemm(
    bint trans_a, bint trans_b, int m, int n, int k,
    const floating* a, int lda, const floating* b, int ldb, floating beta, floating* c, int ldc,
) noexcept nogil:
    """C <- op(A) op(B) + beta C, all row-major; C is (m, n), the inner size k."""
    # Row-major C = A B is column-major C' = B' A': swap the operands, keep the flags.
    # SciPy's interface is not const-correct, hence the casts.
    cdef char ta = b"t" if trans_a else b"n"
    cdef char tb = b"t" if trans_b else b"n"
    cdef floating one = 1
    if floating is float:
        sgemm(&tb, &ta, &n, &m, &k, &one, <float*> b, &ldb, <float*> a, &lda, &beta, c, &ldc)
    else:
        dgemm(&tb, &ta, &n, &m, &k, &one, <double*> b, &ldb, <double*> a, &lda, &beta, c, &ldc)
