# SPDX-License-Identifier: BSD-3-Clause
"""Products with the Hessian and the Gauss-Newton matrix, and both as linear operators: no matrix is made."""

import numpy as np

from bpnet._core import curvature_products
from bpnet._validation import as_array, as_directions, check_choice
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


def product(net, X, y, v, sample_weight, kind):
    """What `Network.hessian_product` and `Network.gauss_newton_product` return."""
    directions = as_directions(v, len(net.parameters), net.dtype)
    return products(net, net._data(X, y, sample_weight), directions, kind).reshape(np.shape(v))


def operator(net, X, y, sample_weight, kind):
    """What `Network.hessian_operator` returns."""
    check_choice("a kind", kind, KINDS)
    # Imported here, for it takes longer to load than all of bpnet.
    from scipy.sparse.linalg import LinearOperator

    data = net._data(X, y, sample_weight)

    def times(v):
        """Of a vector, a column or a matrix of columns."""
        rows = as_array(np.atleast_2d(np.transpose(v)), "v", net.dtype)
        return products(net, data, rows, kind).T.reshape(np.shape(v))

    shape = (len(net.parameters),) * 2
    return LinearOperator(shape, times, times, times, net.dtype, times)
