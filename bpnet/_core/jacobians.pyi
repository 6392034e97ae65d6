# SPDX-License-Identifier: BSD-3-Clause
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet._core.data import Data
from bpnet._core.plan import Plan

def jacobian(plan: Plan, w: NDArray[np.floating[Any]], data: Data, raw: bool = False) -> NDArray[np.floating[Any]]: ...
def parameter_jacobian(
    plan: Plan, w: NDArray[np.floating[Any]], data: Data, raw: bool = False
) -> NDArray[np.floating[Any]]: ...
