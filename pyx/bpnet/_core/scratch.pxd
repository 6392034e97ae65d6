# SPDX-License-Identifier: BSD-3-Clause
"""Scratch memory, cut into buffers that start at cache lines."""

cdef enum:
    # Bytes of a cache line: what crosses from one to the next takes twice the time.
    ALIGNMENT = 64

cdef char* start_of(memory) except NULL


cdef inline void* cut(char** at, Py_ssize_t n_bytes) noexcept:
    """The next buffer; `at` moves on. Begun at NULL it ends as the number of bytes that all of them take."""
    cdef void* buffer = at[0]
    at[0] += (n_bytes + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
    return buffer
