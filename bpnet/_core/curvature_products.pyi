# SPDX-License-Identifier: BSD-3-Clause
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet._core.data import Data
from bpnet._core.losses import Loss
from bpnet._core.plan import Plan

def products(
    plan: Plan,
    loss: Loss,
    reads_raw: bool,
    w: NDArray[np.floating[Any]],
    data: Data,
    directions: NDArray[np.floating[Any]],
    gauss_newton: bool = False,
) -> NDArray[np.floating[Any]]: ...
