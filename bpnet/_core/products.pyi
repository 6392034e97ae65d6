# SPDX-License-Identifier: BSD-3-Clause
from collections.abc import Callable

WHEN_LOADED: list[Callable[[], object]]

def load_blas() -> None: ...
