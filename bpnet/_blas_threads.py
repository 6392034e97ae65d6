# SPDX-License-Identifier: BSD-3-Clause
"""One BLAS thread while networks train: small products only lose by more, and bits must not depend on their number."""

from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

_lock = Lock()
_depth = 0
_limiter: Any = None


@cache
def _controller():
    # Looking the libraries up takes milliseconds, so it is done once; scipy's BLAS is loaded by then.
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def one_blas_thread():
    """Context in which BLAS runs at one thread, in all threads of the process.

    The limit is the process's: of several fits at once in threads, the first sets it and the last takes it away.
    """
    global _depth, _limiter
    with _lock:
        if _depth == 0:
            _limiter = _controller().limit(limits=1)
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                _limiter.restore_original_limits()
