# SPDX-License-Identifier: BSD-3-Clause
"""Sample weights, checked."""

import numpy as np
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import _check_sample_weight


def check_weights(sample_weight, X, dtype):
    """Weights as an array, one for each row of X; None where none are given.

    Raises ValueError for negative, infinite and NaN ones, and where all are zero.
    """
    if sample_weight is None:
        return None
    with np.errstate(over="ignore"):  # those too large for float32 become infinite, and are refused as such
        sample_weight = _check_sample_weight(sample_weight, X, dtype=dtype, ensure_non_negative=True)
    assert_all_finite(sample_weight, input_name="sample_weight")  # one number for all rows has not been looked at
    if not sample_weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return sample_weight
