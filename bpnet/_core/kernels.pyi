# SPDX-License-Identifier: BSD-3-Clause
from typing import Final

LEVELS: Final[tuple[str, ...]]
LEVEL: Final[str]
