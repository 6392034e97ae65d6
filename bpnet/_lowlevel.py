# SPDX-License-Identifier: BSD-3-Clause
"""What the compiled functions of users have in common."""

import sys
from pickle import PicklingError


def is_low_level(part):
    """Whether this is a `scipy.LowLevelCallable`: never, where SciPy has not been imported."""
    scipy_ccallback = sys.modules.get("scipy._lib._ccallback")
    return scipy_ccallback is not None and isinstance(part, scipy_ccallback.LowLevelCallable)


def refuse_pickle(what):
    """Raise the error of what cannot be pickled."""
    raise PicklingError(
        f"{what} is made of compiled functions (scipy.LowLevelCallable), which cannot be pickled: rebuild it from its "
        "library, or use Python functions"
    )
