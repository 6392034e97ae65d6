# SPDX-License-Identifier: BSD-3-Clause
"""Wall clock without the GIL, to give the interpreter its turn in the middle of long work."""


cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int TIME_UTC
    int timespec_get(timespec* ts, int base)


cdef inline double now() noexcept nogil:
    """Seconds."""
    cdef timespec t
    timespec_get(&t, TIME_UTC)
    return t.tv_sec + 1e-9 * t.tv_nsec
