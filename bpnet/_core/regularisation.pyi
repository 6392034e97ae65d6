# SPDX-License-Identifier: BSD-3-Clause
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet._core.plan import Plan

class Regularisation:
    def __init__(
        self,
        plan: Plan,
        w: NDArray[np.floating[Any]],
        alpha_l1: float = 0.0,
        weight_decay: float = 0.0,
        max_norm: float = 0.0,
        frozen: NDArray[np.bool_] | None = None,
    ) -> None: ...
    @property
    def plan(self) -> Plan: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def alpha_l1(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def max_norm(self) -> float: ...
