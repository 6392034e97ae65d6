# SPDX-License-Identifier: BSD-3-Clause
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet._core.data import Data
from bpnet._core.dropout import Dropout
from bpnet._core.losses import Loss
from bpnet._core.plan import Plan
from bpnet._core.regularisation import Regularisation
from bpnet._core.updates import UpdateRule

class Epoch:
    def __init__(
        self,
        plan: Plan,
        loss: Loss,
        reads_raw: bool,
        data: Data,
        w: NDArray[np.floating[Any]],
        rule: UpdateRule,
        batch_size: int,
        alpha: float = 0.0,
        mean: bool = True,
        n_threads: int = 1,
        dropout: Dropout | None = None,
        regularisation: Regularisation | None = None,
    ) -> None: ...
    @property
    def data_loss(self) -> float: ...
    @property
    def penalty(self) -> float: ...
    @property
    def n_threads(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def n_learnt(self) -> int: ...
    def begin(self, order: NDArray[np.intp] | None = None, rates: NDArray[np.float64] | None = None) -> None: ...
    def count_batches(self, n_rows: int) -> int: ...
    def advance(self, seconds: float) -> bool: ...
