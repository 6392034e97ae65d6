# SPDX-License-Identifier: BSD-3-Clause
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

CODES: dict[str, int]

def apply(name: str, a: ArrayLike) -> NDArray[np.floating[Any]]: ...
def evaluate(
    name: str, a: ArrayLike
) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]], NDArray[np.floating[Any]]]: ...
