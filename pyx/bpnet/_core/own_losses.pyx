# SPDX-License-Identifier: BSD-3-Clause
"""A user's own loss: a Python object, called with arrays for some rows at a time, or compiled functions, row by row.

Python is called with the GIL, compiled functions without. What fails is kept, and the door raises it; meanwhile the
derivatives are zero, and no further Python is called. Python sees subnormal numbers, also where the epoch flushes them.
"""

import numpy as np

from libc.math cimport NAN, isfinite, isnan
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from bpnet._core.low_level cimport address, signature_of
from bpnet._core.own_errors cimport is_pending, keep
from bpnet._core.subnormals cimport bpnet_flush_subnormals, bpnet_restore_subnormals

ctypedef double (*function_type)(const double*, const double*, double*, int, int) noexcept nogil
ctypedef double (*bound_function_type)(const double*, const double*, double*, int, int, void*) noexcept nogil
ctypedef void (*second_type)(const double*, const double*, double*, int, int) noexcept nogil
ctypedef void (*bound_second_type)(const double*, const double*, double*, int, int, void*) noexcept nogil

#: Signatures of compiled functions, with and without user data: (a, y, gradient or Hessian, n_raw, n_targets).
FUNCTION = "double(double*,double*,double*,int,int)"
SECOND = "void(double*,double*,double*,int,int)"


cdef class OwnLoss:
    """A user's loss, in the form the core calls.

    Parameters
    ----------
    source : object
        With `value(a, y)` and `gradient(a, y)`, perhaps `hessian(a, y)` and `n_raw(n_targets)`; or with the
        LowLevelCallables `function` and `second` (or None) and `n_raw`, if `compiled`.
    compiled : bool
    """

    def __init__(self, source, bint compiled):
        self.source = source
        self.is_python = not compiled
        self._n_raw = getattr(source, "n_raw", None)
        if compiled:
            self.function_takes_data = signature_of(source.function, FUNCTION)
            self.function = address(source.function, &self.function_data)
            self.has_hessian = source.second is not None
            if self.has_hessian:
                self.second_takes_data = signature_of(source.second, SECOND)
                self.second = address(source.second, &self.second_data)
        else:
            self._value, self._gradient = source.value, source.gradient
            self._hessian = getattr(source, "hessian", None)
            self.has_hessian = self._hessian is not None

    def n_raw(self, int n_targets):
        """Raw outputs for so many target columns: what the loss says, else as many."""
        return n_targets if self._n_raw is None else int(self._n_raw(n_targets))


cdef double evaluate_own(
    OwnLoss loss, const floating* raw, const floating* y, const floating* weight, double scale,
    floating* seed, double* values, int n, int m, int n_targets,
) noexcept nogil:
    """As `losses.evaluate`."""
    cdef double total
    if not loss.is_python:
        return _call_compiled(loss, raw, y, weight, scale, seed, values, n, m, n_targets)
    with gil:
        total = _call_python(loss, raw, y, weight, scale, seed, values, n, m, n_targets)
    return total


cdef double _call_python(
    OwnLoss loss, const floating* raw, const floating* y, const floating* weight, double scale,
    floating* seed, double* values, int n, int m, int n_targets,
) noexcept:
    cdef double total = 0
    cdef Py_ssize_t i, k
    cdef floating factor
    cdef double[::1] value
    cdef floating[:, ::1] slope
    cdef uint64_t mode
    memset(seed, 0, <size_t> n * m * sizeof(floating))
    if is_pending():
        return NAN
    mode = bpnet_flush_subnormals()   # as the epoch has set it, or not
    bpnet_restore_subnormals(0)
    try:
        a, targets = _copied(raw, n, m), _copied(y, n, n_targets)
        value = _checked(loss, "value", loss._value(a, targets), (n,), np.float64, a)
        slope = _checked(loss, "gradient", loss._gradient(a, targets), (n, m), a.dtype, a)
    except BaseException as error:
        keep(error)
        return NAN
    finally:
        bpnet_restore_subnormals(mode)
    for i in range(n):
        factor = <floating> (scale if weight == NULL else scale * weight[i])
        for k in range(m):
            seed[i * m + k] = factor * slope[i, k] if factor != 0 else 0
        if values != NULL:
            values[i] = value[i]
        total += value[i] if weight == NULL else weight[i] * value[i] if weight[i] != 0 else 0
    return total


cdef double _call_compiled(
    OwnLoss loss, const floating* raw, const floating* y, const floating* weight, double scale,
    floating* seed, double* values, int n, int m, int n_targets,
) noexcept nogil:
    cdef double value, total = 0
    cdef Py_ssize_t i, k
    cdef floating factor
    cdef bint is_sound = True
    # A row in float64, and its derivative.
    cdef double* room = <double*> malloc((2 * m + n_targets) * sizeof(double))
    if room == NULL:
        memset(seed, 0, <size_t> n * m * sizeof(floating))
        _refuse("no memory for")
        return NAN
    for i in range(n):
        for k in range(m):
            room[k], room[m + k] = raw[i * m + k], 0
        for k in range(n_targets):
            room[2 * m + k] = y[i * n_targets + k]
        if loss.function_takes_data:
            value = (<bound_function_type> loss.function)(
                room, room + 2 * m, room + m, m, n_targets, loss.function_data
            )
        else:
            value = (<function_type> loss.function)(room, room + 2 * m, room + m, m, n_targets)
        factor = <floating> (scale if weight == NULL else scale * weight[i])
        if factor != 0:
            is_sound = is_sound and _is_sound(room, m, value, room + m)
        for k in range(m):
            seed[i * m + k] = factor * <floating> room[m + k] if factor != 0 else 0
        if values != NULL:
            values[i] = value
        total += value if weight == NULL else weight[i] * value if weight[i] != 0 else 0
    free(room)
    if not is_sound:
        _refuse("NaN from")
    return total


cdef bint _is_sound(const double* a, int m, double value, const double* slope) noexcept nogil:
    """Whether no NaN came of finite numbers."""
    cdef int k
    cdef bint has_nan = isnan(value)
    for k in range(m):
        if not isfinite(a[k]):
            return True
        has_nan = has_nan or isnan(slope[k])
    return not has_nan


cdef void _refuse(const char* what) noexcept nogil:
    with gil:
        keep(ValueError(f"{what.decode()} the compiled loss: expected numbers for every finite a"))


cdef void curve_own_loss(
    OwnLoss loss, const floating* raw, const floating* y, const floating* weight, floating* out,
    int n, int m, int n_targets,
) noexcept nogil:
    """out (n, m, m) becomes s_n d2E_n / draw draw."""
    cdef Py_ssize_t i, k, size = <Py_ssize_t> m * m
    if loss.is_python:
        with gil:
            _curve_python(loss, raw, y, out, n, m, n_targets)
    else:
        _curve_compiled(loss, raw, y, out, n, m, n_targets)
    if weight != NULL:
        for i in range(n):
            for k in range(size):
                out[i * size + k] = weight[i] * out[i * size + k] if weight[i] != 0 else 0


cdef void _curve_python(
    OwnLoss loss, const floating* raw, const floating* y, floating* out, int n, int m, int n_targets
) noexcept:
    cdef floating[:, :, ::1] matrices
    cdef Py_ssize_t i, j, k
    memset(out, 0, <size_t> n * m * m * sizeof(floating))
    if is_pending():
        return
    try:
        a, targets = _copied(raw, n, m), _copied(y, n, n_targets)
        matrices = _checked(loss, "hessian", loss._hessian(a, targets), (n, m, m), a.dtype, a)
    except BaseException as error:
        keep(error)
        return
    for i in range(n):
        for j in range(m):
            for k in range(m):
                out[(i * m + j) * m + k] = matrices[i, j, k]


cdef void _curve_compiled(
    OwnLoss loss, const floating* raw, const floating* y, floating* out, int n, int m, int n_targets
) noexcept nogil:
    cdef Py_ssize_t i, k, size = <Py_ssize_t> m * m
    cdef double* room = <double*> malloc((m + n_targets + size) * sizeof(double))
    cdef double* matrix = room + m + n_targets
    memset(out, 0, <size_t> n * size * sizeof(floating))
    if room == NULL:
        _refuse("no memory for")
        return
    for i in range(n):
        for k in range(m):
            room[k] = raw[i * m + k]
        for k in range(n_targets):
            room[m + k] = y[i * n_targets + k]
        memset(matrix, 0, size * sizeof(double))
        if loss.second_takes_data:
            (<bound_second_type> loss.second)(room, room + m, matrix, m, n_targets, loss.second_data)
        else:
            (<second_type> loss.second)(room, room + m, matrix, m, n_targets)
        for k in range(size):
            out[i * size + k] = <floating> matrix[k]
    free(room)


cdef void multiply_own_loss(
    OwnLoss loss, const floating* raw, const floating* y, const floating* weight, const floating* r_raw,
    floating* r_seed, int n, int m, int n_targets,
) noexcept nogil:
    """r_seed = s_n L r_raw through the matrices L of all rows."""
    cdef Py_ssize_t i, j, k
    cdef floating total
    cdef floating* matrices = <floating*> malloc(<size_t> n * m * m * sizeof(floating))
    if matrices == NULL:
        memset(r_seed, 0, <size_t> n * m * sizeof(floating))
        _refuse("no memory for")
        return
    curve_own_loss(loss, raw, y, weight, matrices, n, m, n_targets)
    for i in range(n):
        for j in range(m):
            total = 0
            for k in range(m):
                if matrices[(i * m + j) * m + k] != 0:
                    total += matrices[(i * m + j) * m + k] * r_raw[i * m + k]
            r_seed[i * m + j] = total
    free(matrices)


cdef _copied(const floating* values, int n, int m):
    """Rows as an array that the user may keep and change."""
    cdef Py_ssize_t i, k
    out = np.empty((n, m), np.float32 if sizeof(floating) == 4 else np.float64)
    cdef floating[:, ::1] view = out
    for i in range(n):
        for k in range(m):
            view[i, k] = values[i * m + k]
    return out


def _checked(OwnLoss loss, name, result, shape, dtype, a):
    """The result of a method as a contiguous array of this type and shape; else TypeError or ValueError."""
    where = f"{type(loss.source).__name__}.{name}"
    array = np.asarray(result)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{where}: expected an array of numbers, got {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{where}: expected an array of shape {shape}, got {array.shape}")
    if np.isnan(array).any() and np.isfinite(a).all():
        raise ValueError(f"{where}: expected numbers for every finite a, got NaN")
    with np.errstate(over="ignore"):   # infinite where too large for float32
        return np.require(array, dtype, ["C", "W"])
