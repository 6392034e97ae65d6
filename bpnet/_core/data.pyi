# SPDX-License-Identifier: BSD-3-Clause
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet._core.losses import Loss
from bpnet._core.plan import Plan

class Data:
    def __init__(
        self,
        plan: Plan,
        X: NDArray[np.floating[Any]] | tuple[NDArray[np.floating[Any]], NDArray[np.int32], NDArray[np.intp]],
        y: NDArray[np.floating[Any]] | NDArray[np.int32] | None = None,
        sample_weight: NDArray[np.floating[Any]] | None = None,
        label_smoothing: float = 0.0,
    ) -> None: ...
    @property
    def plan(self) -> Plan: ...
    @property
    def n_rows(self) -> int: ...
    @property
    def n_targets(self) -> int: ...
    @property
    def dtype(self) -> np.dtype[np.floating[Any]]: ...

def all_finite(array: NDArray[np.floating[Any]]) -> bool: ...
def check_order(order: NDArray[np.intp], n_rows: int) -> None: ...
def check_problem(plan: Plan, data: Data, w: NDArray[np.floating[Any]], loss: Loss | None = None) -> None: ...
