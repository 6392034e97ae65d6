# SPDX-License-Identifier: BSD-3-Clause
"""Users' activations: Python functions of arrays, called with the GIL, or C functions of a number, called without.

As with the kernels, n rows of m numbers each are worked on; here rows may lie apart. What fails is kept, and the door
raises it; meanwhile values and derivatives are zero.
"""

import numpy as np

from libc.math cimport isfinite, isnan
from libc.stdint cimport uint64_t

from bpnet._core.low_level cimport address, signature_of
from bpnet._core.own_errors cimport is_pending, keep
from bpnet._core.subnormals cimport bpnet_flush_subnormals, bpnet_restore_subnormals

ctypedef double (*scalar_type)(double) noexcept nogil
ctypedef double (*bound_scalar_type)(double, void*) noexcept nogil

#: Of compiled functions, with and without user data.
SIGNATURE = "double(double)"


cdef class OwnActivations:
    """The users' activations of a plan.

    Parameters
    ----------
    activations : list of bpnet.activations.Activation
    """

    def __init__(self, activations):
        cdef OwnFunctions* own
        self._activations = activations   # keeps what the addresses point to
        self._memory = np.zeros(max(1, len(activations)) * sizeof(OwnFunctions), np.uint8)
        self.functions = <OwnFunctions*> <size_t> self._memory.ctypes.data
        for k, activation in enumerate(activations):
            own = &self.functions[<Py_ssize_t> k]
            if not activation.is_compiled:
                own.python = <PyObject*> activation
                self.calls_python = True
                continue
            own.function, own.slope = _scalar(activation.function), _scalar(activation.slope)
            if activation.curvature is not None:
                own.curvature = _scalar(activation.curvature)

    def __len__(self):
        return len(self._activations)


cdef Scalar _scalar(callable) except *:
    cdef Scalar scalar
    scalar.takes_data = signature_of(callable, SIGNATURE)
    scalar.address = address(callable, &scalar.data)
    return scalar


cdef void activate_own(
    const OwnFunctions* own, floating* a, floating* z, floating* slope, Py_ssize_t n, Py_ssize_t m, Py_ssize_t row
) noexcept nogil:
    """z = h(a) and, unless slope is NULL, slope = h'(a); z may be a. Rows begin `row` numbers apart."""
    if own.python == NULL:
        if slope != NULL:
            _call_compiled(&own.slope, a, slope, n, m, row)
        _call_compiled(&own.function, a, z, n, m, row)
        return
    with gil:
        if slope != NULL:
            _call_python(<object> own.python, "slope", a, slope, n, m, row)
        _call_python(<object> own.python, "function", a, z, n, m, row)


cdef void curve_own(
    const OwnFunctions* own, floating* a, floating* out, Py_ssize_t n, Py_ssize_t m, Py_ssize_t row
) noexcept nogil:
    """out = h''(a); zeros where the user gives none: who needs it has been refused at the door."""
    cdef Py_ssize_t i, j
    if own.python != NULL:
        with gil:
            _call_python(<object> own.python, "curvature", a, out, n, m, row)
    elif own.curvature.address != NULL:
        _call_compiled(&own.curvature, a, out, n, m, row)
    else:
        for i in range(n):
            for j in range(m):
                out[i * row + j] = 0


cdef void _call_compiled(
    const Scalar* scalar, const floating* a, floating* out, Py_ssize_t n, Py_ssize_t m, Py_ssize_t row
) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef double x, y
    cdef bint is_sound = True
    for i in range(n):
        for j in range(i * row, i * row + m):
            x = a[j]
            if scalar.takes_data:
                y = (<bound_scalar_type> scalar.address)(x, scalar.data)
            else:
                y = (<scalar_type> scalar.address)(x)
            if isnan(y) and isfinite(x):
                is_sound = False
            out[j] = <floating> y
    if not is_sound:
        with gil:
            keep(ValueError("NaN from a compiled activation: expected numbers for every finite a"))


cdef void _call_python(
    activation, name, const floating* a, floating* out, Py_ssize_t n, Py_ssize_t m, Py_ssize_t row
) noexcept:
    cdef Py_ssize_t i, j
    cdef floating[::1] values, results
    cdef uint64_t mode = bpnet_flush_subnormals()   # as the epoch has set it, or not
    function = getattr(activation, name)
    bpnet_restore_subnormals(0)
    given = np.empty(n * m, np.float32 if sizeof(floating) == 4 else np.float64)
    values = given
    for i in range(n):
        for j in range(m):
            values[i * m + j] = a[i * row + j]
    try:
        results = np.zeros_like(given) if function is None or is_pending() else _checked(
            f"{name} of activation {activation.name!r}", function(given.copy()), given
        )
    except BaseException as error:
        keep(error)
        results = np.zeros_like(given)
    bpnet_restore_subnormals(mode)
    for i in range(n):
        for j in range(m):
            out[i * row + j] = results[i * m + j]


def _checked(where, result, given):
    """The result as a contiguous array of the type and shape of what was given; else TypeError or ValueError."""
    array = np.asarray(result)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{where}: expected an array of numbers, got {array.dtype}")
    if array.shape != given.shape:
        raise ValueError(f"{where}: expected an array of shape {given.shape}, as it was given, got {array.shape}")
    if (np.isnan(array) & np.isfinite(given)).any():
        raise ValueError(f"{where}: expected numbers for every finite a, got NaN")
    with np.errstate(over="ignore"):   # infinite where too large for float32
        return np.require(array, given.dtype, ["C", "W"])
