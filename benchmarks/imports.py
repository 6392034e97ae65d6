# SPDX-License-Identifier: BSD-3-Clause
"""Time and memory of one import statement. In an interpreter of its own, which has loaded next to nothing before."""

import sys
import time

from memory import highest, resident

before, wall, processor = resident(), time.perf_counter(), time.process_time()
exec(sys.argv[1])
seconds = min(time.perf_counter() - wall, time.process_time() - processor)
print(f'{{"seconds": [{seconds}], "megabytes": {(highest() - before) / 1e6}}}')
