# SPDX-License-Identifier: BSD-3-Clause
cdef bint signature_of(callable, expected) except -1
cdef void* address(callable, void** data) except NULL
