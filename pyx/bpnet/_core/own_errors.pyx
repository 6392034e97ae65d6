# SPDX-License-Identifier: BSD-3-Clause
"""Errors of a user's own functions, which rooms that cannot raise keep for the door that can.

One for each thread: a door computes in the thread that called it, or looks here in each thread that helped.
"""

from threading import get_ident

cdef dict _pending = {}   # thread -> what its user's function raised first


cdef bint is_pending():
    """Whether a function of the user has failed in this thread since the last `raise_pending`."""
    return bool(_pending) and get_ident() in _pending


cdef void keep(error):
    """Keep an exception for this thread's door; a later one changes nothing."""
    _pending.setdefault(get_ident(), error)


cdef int raise_pending() except -1:
    """Raise what was kept for this thread, once. Takes some nanoseconds where there is nothing."""
    if _pending:
        error = _pending.pop(get_ident(), None)
        if error is not None:
            raise error
    return 0
