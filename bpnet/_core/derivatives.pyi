# SPDX-License-Identifier: BSD-3-Clause
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpnet._core.data import Data
from bpnet._core.losses import Loss
from bpnet._core.plan import Plan

def outputs(
    plan: Plan,
    w: NDArray[np.floating[Any]],
    data: Data,
    raw: bool = False,
    order: NDArray[np.intp] | None = None,
    check_finite: bool = False,
) -> NDArray[np.floating[Any]]: ...
def value_and_gradient(
    plan: Plan,
    loss: Loss,
    reads_raw: bool,
    w: NDArray[np.floating[Any]],
    data: Data,
    g: NDArray[np.floating[Any]] | None = None,
) -> float: ...
def deltas(
    plan: Plan, loss: Loss, reads_raw: bool, w: NDArray[np.floating[Any]], data: Data
) -> NDArray[np.floating[Any]]: ...
def signals(
    plan: Plan, w: NDArray[np.floating[Any]], data: Data
) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]: ...
