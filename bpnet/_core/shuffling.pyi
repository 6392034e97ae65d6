# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from numpy.typing import NDArray

def shuffle_rows(random_state: np.random.RandomState | np.random.Generator, order: NDArray[np.intp]) -> None: ...
