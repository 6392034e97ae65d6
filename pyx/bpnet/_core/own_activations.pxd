# SPDX-License-Identifier: BSD-3-Clause
from cpython.object cimport PyObject
from cython cimport floating

cdef enum:
    # Codes from here on are users' activations.
    OWN_ACTIVATION = 1000

cdef struct Scalar:
    # A C function of a number, with or without user data; NULL where there is none.
    void* address
    void* data
    bint takes_data

cdef struct OwnFunctions:
    Scalar function
    Scalar slope
    Scalar curvature
    PyObject* python       # the activation where its functions are Python's, else NULL

cdef class OwnActivations:
    cdef OwnFunctions* functions
    cdef readonly bint calls_python
    cdef object _memory, _activations

cdef void activate_own(
    const OwnFunctions* own, floating* a, floating* z, floating* slope, Py_ssize_t n, Py_ssize_t m, Py_ssize_t row
) noexcept nogil
cdef void curve_own(
    const OwnFunctions* own, floating* a, floating* out, Py_ssize_t n, Py_ssize_t m, Py_ssize_t row
) noexcept nogil
