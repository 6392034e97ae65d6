# SPDX-License-Identifier: BSD-3-Clause
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

class UpdateRule:
    rate: float
    def __getstate__(self) -> dict[str, Any]: ...
    def __setstate__(self, values: dict[str, Any]) -> None: ...
    @property
    def n_steps(self) -> int: ...
    @property
    def state(self) -> NDArray[np.floating[Any]]: ...

class GradientDescent(UpdateRule):
    def __init__(
        self, n_parameters: int, dtype: DTypeLike, rate: float, momentum: float = 0.0, nesterov: bool = False
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    @property
    def momentum(self) -> float: ...
    @property
    def nesterov(self) -> bool: ...

class Adam(UpdateRule):
    def __init__(
        self,
        n_parameters: int,
        dtype: DTypeLike,
        rate: float,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    @property
    def beta_1(self) -> float: ...
    @property
    def beta_2(self) -> float: ...
    @property
    def epsilon(self) -> float: ...

class RMSProp(UpdateRule):
    def __init__(
        self,
        n_parameters: int,
        dtype: DTypeLike,
        rate: float,
        decay: float = 0.99,
        epsilon: float = 1e-8,
        momentum: float = 0.0,
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    @property
    def decay(self) -> float: ...
    @property
    def epsilon(self) -> float: ...
    @property
    def momentum(self) -> float: ...

class Rprop(UpdateRule):
    def __init__(
        self,
        n_parameters: int,
        dtype: DTypeLike,
        rate: float,
        shrink: float = 0.5,
        grow: float = 1.2,
        least: float = 1e-6,
        most: float = 50.0,
    ) -> None: ...
    def __reduce__(self) -> tuple[Any, ...]: ...
    @property
    def shrink(self) -> float: ...
    @property
    def grow(self) -> float: ...
    @property
    def least(self) -> float: ...
    @property
    def most(self) -> float: ...
