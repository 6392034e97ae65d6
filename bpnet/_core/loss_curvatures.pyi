# SPDX-License-Identifier: BSD-3-Clause
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet._core.losses import Loss

def matrices(
    loss: Loss, raw: NDArray[np.floating[Any]], y: NDArray[np.floating[Any]], whole: bool
) -> NDArray[np.floating[Any]]: ...
def products(
    loss: Loss,
    raw: NDArray[np.floating[Any]],
    y: NDArray[np.floating[Any]],
    direction: NDArray[np.floating[Any]],
    whole: bool,
) -> NDArray[np.floating[Any]]: ...
