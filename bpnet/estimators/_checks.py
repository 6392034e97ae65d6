# SPDX-License-Identifier: BSD-3-Clause
"""Rows, targets and sample weights as scikit-learn checks them."""

from contextlib import contextmanager

import numpy as np
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import _check_sample_weight, validate_data


def check_data(estimator, X, *y, dtype=(np.float64, np.float32), reset=False):
    """X, or X and y where it is given: X CSR or C-contiguous, of this type or the first of these.

    Raises ValueError for NaN, infinities, numbers that are too large, wrong shapes, and other features than in the fit;
    with `reset` the features are those of a new fit.
    """
    more = {"multi_output": True, "y_numeric": estimator._y_numeric} if y else {}
    with too_large_is_a_value_error():
        return validate_data(estimator, X, *y, accept_sparse="csr", dtype=dtype, order="C", reset=reset, **more)


def check_weights(sample_weight, X, dtype):
    """Weights as an array, one for each row of X; None where none are given.

    Raises ValueError for negative, infinite and NaN ones, and where all are zero.
    """
    if sample_weight is None:
        return None
    # Those too large for float32 become infinite, and are refused as such.
    with too_large_is_a_value_error(), np.errstate(over="ignore"):
        sample_weight = _check_sample_weight(sample_weight, X, dtype=dtype, ensure_non_negative=True)
    assert_all_finite(sample_weight, input_name="sample_weight")  # one number for all rows has not been looked at
    if not sample_weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return sample_weight


@contextmanager
def labels_of_one_kind():
    """For labels that have no order, as None and strings, scikit-learn lets numpy's TypeError through."""
    try:
        yield
    except TypeError as error:
        raise ValueError(f"expected labels that are all numbers or all strings: {error}") from None


@contextmanager
def too_large_is_a_value_error(expected="numbers of a size that floats have"):
    """For integers beyond all floats, which arrays of objects may hold, scikit-learn lets an OverflowError through.

    NumPy's own overflows count where it has been told to raise them.
    """
    try:
        yield
    except (OverflowError, FloatingPointError) as error:
        raise ValueError(f"expected {expected}: {error}") from None
