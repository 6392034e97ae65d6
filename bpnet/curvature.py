# SPDX-License-Identifier: BSD-3-Clause
"""Products with the Hessian and the Gauss-Newton matrix, and both as linear operators: no matrix is made."""

import numpy as np

from bpnet._core import curvature_products
from bpnet._validation import as_array, check_choice
from bpnet.activations import check_curvatures

#: Kind of second derivative -> whether it is the Gauss-Newton matrix.
KINDS = {"hessian": False, "gauss_newton": True}


def check(net, kind):
    """Raise ValueError unless loss and activations have the second derivatives for this kind."""
    if not net._loss.has_hessian:
        raise ValueError(
            f"second derivatives need those of the loss: {type(net.loss_name).__name__} has no hessian; give it "
            "one, or use hessian(method='mixed')"
        )
    if kind == "hessian":
        check_curvatures(net.topology)


def products(net, data, directions, kind):
    """Rows of `directions` times the matrix of this kind, for data in the form the core reads."""
    check(net, kind)
    return curvature_products.products(
        net._plan, net._loss, net._reads_raw, net.parameters, data, directions, KINDS[kind]
    )


def operator(net, X, y, sample_weight, kind):
    """The matrix of this kind as a `scipy.sparse.linalg.LinearOperator`."""
    check_choice("a kind", kind, KINDS)
    # Imported here, for it takes longer to load than all of bpnet.
    from scipy.sparse.linalg import LinearOperator

    data = net._data(X, y, sample_weight)

    def product(v):
        """Of a vector, a column or a matrix of columns."""
        rows = as_array(np.atleast_2d(np.transpose(v)), "v", net.dtype)
        return products(net, data, rows, kind).T.reshape(np.shape(v))

    shape = (len(net.parameters),) * 2
    return LinearOperator(shape, product, product, product, net.dtype, product)
