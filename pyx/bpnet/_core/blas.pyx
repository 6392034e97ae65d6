# SPDX-License-Identifier: BSD-3-Clause
"""SciPy's BLAS behind the pointers of `products`; in a module of its own, for its import is what costs."""
from scipy.linalg cimport cython_blas

from bpnet._core cimport products

products.sgemm = <products.f32_gemm> cython_blas.sgemm
products.dgemm = <products.f64_gemm> cython_blas.dgemm
