# SPDX-License-Identifier: BSD-3-Clause
from typing import Final

LEVEL: Final[str]
