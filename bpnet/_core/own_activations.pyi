# SPDX-License-Identifier: BSD-3-Clause
from collections.abc import Sequence
from typing import Final

from bpnet.activations import Activation

SIGNATURE: Final[str]

class OwnActivations:
    def __init__(self, activations: Sequence[Activation]) -> None: ...
    def __len__(self) -> int: ...
    @property
    def calls_python(self) -> bool: ...
