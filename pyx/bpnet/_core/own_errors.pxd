# SPDX-License-Identifier: BSD-3-Clause
cdef bint is_pending()
cdef void keep(error)
cdef int raise_pending() except -1
