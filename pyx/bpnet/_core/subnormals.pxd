# SPDX-License-Identifier: BSD-3-Clause
"""Subnormal numbers as zeros, for the thread that asks."""
from libc.stdint cimport uint64_t


cdef extern from "subnormals.h" nogil:
    uint64_t bpnet_flush_subnormals()
    void bpnet_restore_subnormals(uint64_t before)
