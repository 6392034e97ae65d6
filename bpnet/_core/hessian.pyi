# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from numpy.typing import NDArray

from bpnet._core.data import Data
from bpnet._core.losses import Loss
from bpnet._core.plan import Plan
from bpnet._core.wiring import Wiring

def hessian(
    plan: Plan,
    wiring: Wiring,
    loss: Loss,
    reads_raw: bool,
    w: NDArray[np.float64],
    data: Data,
    gauss_newton: bool = False,
    out: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]: ...
def curvatures(
    plan: Plan,
    wiring: Wiring,
    loss: Loss,
    reads_raw: bool,
    w: NDArray[np.float64],
    data: Data,
    gauss_newton: bool = False,
) -> NDArray[np.float64]: ...
def hessian_diagonal(
    plan: Plan,
    wiring: Wiring,
    loss: Loss,
    reads_raw: bool,
    w: NDArray[np.float64],
    data: Data,
    gauss_newton: bool = False,
) -> NDArray[np.float64]: ...
def check_memory(n: int, n_bytes: int, otherwise: str = "hessian_diagonal needs no matrix") -> None: ...
