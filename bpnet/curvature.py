# SPDX-License-Identifier: BSD-3-Clause
"""Products with the Hessian and the Gauss-Newton matrix, and both as linear operators: no matrix is made."""

import numpy as np

from bpnet._core import curvature_products

#: Kind of second derivative -> whether it is the Gauss-Newton matrix.
KINDS = {"hessian": False, "gauss_newton": True}


def products(net, data, directions, kind):
    """Rows of `directions` times the matrix of this kind, for data in the form the core reads."""
    return curvature_products.products(
        net._plan, net._loss, net._reads_raw, net.parameters, data, directions, KINDS[kind]
    )


def operator(net, X, y, sample_weight, kind):
    """The matrix of this kind as a `scipy.sparse.linalg.LinearOperator`."""
    if kind not in KINDS:
        raise ValueError(f"expected a kind out of {', '.join(KINDS)}, got {kind!r}")
    # Imported here, for it takes longer to load than all of bpnet.
    from scipy.sparse.linalg import LinearOperator

    data = net._data(X, y, sample_weight)

    def product(v):
        """Of a vector, a column or a matrix of columns."""
        rows = np.ascontiguousarray(np.reshape(v, (len(v), -1)).T, net.dtype)
        return products(net, data, rows, kind).T.reshape(np.shape(v))

    shape = (len(net.parameters),) * 2
    return LinearOperator(shape, product, product, product, net.dtype, product)
