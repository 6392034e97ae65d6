# SPDX-License-Identifier: BSD-3-Clause
"""What scikit-learn, which judges, cannot do in the older versions that bpnet works with."""

import numpy as np
import pytest
import sklearn
from sklearn.utils.fixes import parse_version


def is_before(version):
    """Whether this is an older scikit-learn than that."""
    return parse_version(sklearn.__version__) < parse_version(version)


def skip_where_it_fails(y, settings):
    """Its early stopping looks for NaN among the labels."""
    if is_before("1.9") and settings.get("early_stopping") and np.asarray(y).dtype.kind == "U":
        pytest.skip("scikit-learn before 1.9 does not stop early where labels are strings")
