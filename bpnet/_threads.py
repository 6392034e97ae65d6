# SPDX-License-Identifier: BSD-3-Clause
"""How many threads work: those that `n_jobs` asks for, and one of BLAS, whatever its own settings."""

import os
import sys
from contextlib import contextmanager
from functools import cache
from threading import RLock

from threadpoolctl import ThreadpoolController

from bpnet._core.products import WHEN_LOADED

_lock = RLock()
_depth = 0
_limiters: list = []


@cache
def _controller():
    # Looking the libraries up takes milliseconds, so it is done once, and once more when another BLAS is loaded.
    return ThreadpoolController().select(user_api="blas")


def _meet_blas():
    """Limit a BLAS that comes while the limit holds."""
    with _lock:
        _controller.cache_clear()
        if _depth:
            _limiters.append(_controller().limit(limits=1))


WHEN_LOADED.append(_meet_blas)


@contextmanager
def one_blas_thread():
    """Context in which BLAS runs at one thread, in all threads of the process.

    Small products only lose by more, and bits must not depend on their number.

    The limit is the process's: of several fits at once in threads, the first sets it and the last takes it away.
    """
    global _depth
    with _lock:
        if _depth == 0:
            _limiters.append(_controller().limit(limits=1))
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            while _depth == 0 and _limiters:
                _limiters.pop().restore_original_limits()


def count_threads(n_jobs):
    """Threads that `n_jobs` asks for: None is one, -1 all processors.

    In a worker of joblib, a grid search's for example, no more than its share of the processors, so that workers times
    threads do not outnumber them.
    """
    if n_jobs is None or n_jobs == 1:
        return 1
    from joblib import effective_n_jobs
    from joblib.parallel import get_active_backend

    wanted = min(effective_n_jobs(n_jobs), sys.maxsize)
    if get_active_backend()[0].nesting_level:
        # What joblib tells its processes; workers that are threads are told nothing, and have filled the machine.
        share = os.environ.get("OMP_NUM_THREADS", "1").split(",")[0]
        return min(wanted, int(share) if share.isdecimal() else 1) or 1
    return wanted
