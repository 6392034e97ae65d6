# SPDX-License-Identifier: BSD-3-Clause
"""Second derivatives of the losses to what they read: as matrices, and as products with a direction.

Where a loss is not convex, and `whole` is not asked for, a positive semi-definite matrix takes the place of the second
derivative: what the Gauss-Newton matrix is made of. See `quantiles` and `gaussians`.
"""

import numpy as np

from libc.math cimport exp, fabs
from libc.string cimport memset

from bpnet._core.deviances cimport gamma_curvature
from bpnet._core.gaussians cimport scaled
from bpnet._core.kernels cimport exp_
from bpnet._core.losses cimport (
    BINARY_LOG_LOSS, GAMMA, GAUSSIAN_NLL, HUBER, LOG_COSH, MULTINOMIAL_LOG_LOSS, OWN, POISSON, QUANTILE,
    SQUARED_ERROR, LossKind,
)
from bpnet._core.own_errors cimport raise_pending
from bpnet._core.own_losses cimport curve_own_loss, multiply_own_loss
from bpnet._core.quantiles cimport pinball, sigma_slope
from bpnet._core.residuals cimport huber_curvature, log_cosh_curvature
from bpnet._core.softmax cimport exponentials


cdef void curve(
    Loss loss, const floating* raw, const floating* y, const floating* weight, floating* scratch, floating* out,
    int n, int m, int n_targets, bint whole,
) noexcept nogil:
    """out (n, m, m) becomes s_n d2E_n / draw draw; the other arguments are those of `evaluate`, no weight zero."""
    cdef Py_ssize_t i, k, size = <Py_ssize_t> m * m
    cdef LossKind kind = loss.kind
    cdef floating factor
    if kind == OWN:
        curve_own_loss(loss.own, raw, y, weight, out, n, m, n_targets)
        return
    memset(out, 0, n * size * sizeof(floating))
    for i in range(n):
        if kind == MULTINOMIAL_LOG_LOSS:
            _multinomial_curve(raw, y, scratch, out, m)
        elif kind == GAUSSIAN_NLL:
            _gaussian_curve(raw, y, out, m, whole)
        elif kind == QUANTILE:
            _quantile_slopes(loss, raw, y, scratch, m, whole)
            for k in range(m):
                out[k * (m + 1)] = scratch[k]
        else:
            for k in range(m):
                out[k * (m + 1)] = _point_curvature(loss, raw[k], y[k])
        factor = 1 if weight == NULL else weight[i]
        for k in range(size):
            out[k] *= factor
        raw, y, out = raw + m, y + n_targets, out + size


cdef void hessian_product(
    Loss loss, const floating* raw, const floating* y, const floating* weight, const floating* r_raw,
    floating* r_seed, floating* scratch, int n, int m, int n_targets, bint whole,
) noexcept nogil:
    """r_seed = s_n L r_raw, L the second derivative of E_n; arrays as for `evaluate`."""
    cdef Py_ssize_t i, k
    cdef LossKind kind = loss.kind
    cdef floating factor, e
    if kind == OWN:
        multiply_own_loss(loss.own, raw, y, weight, r_raw, r_seed, n, m, n_targets)
        return
    if kind == BINARY_LOG_LOSS:
        for k in range(<Py_ssize_t> n * m):
            scratch[k] = -abs(raw[k])
        exp_(scratch, scratch, <Py_ssize_t> n * m)
    elif kind == POISSON:
        exp_(raw, scratch, <Py_ssize_t> n * m)
    for i in range(n):
        if kind == MULTINOMIAL_LOG_LOSS:
            _multinomial_product(raw, y, r_raw, r_seed, scratch, m)
        elif kind == GAUSSIAN_NLL:
            _gaussian_product(raw, y, r_raw, r_seed, m, whole)
        elif kind == BINARY_LOG_LOSS:
            for k in range(m):
                e = scratch[k]
                r_seed[k] = r_raw[k] * (e / ((1 + e) * (1 + e)))
        elif kind == POISSON:
            for k in range(m):
                r_seed[k] = r_raw[k] * scratch[k]
        elif kind == QUANTILE:
            _quantile_slopes(loss, raw, y, scratch, m, whole)
            for k in range(m):
                r_seed[k] = r_raw[k] * scratch[k] if scratch[k] != 0 else 0
        else:
            for k in range(m):
                e = _point_curvature(loss, raw[k], y[k])
                r_seed[k] = r_raw[k] * e if e != 0 else 0
        factor = 1 if weight == NULL else weight[i]
        for k in range(m):
            r_seed[k] = factor * r_seed[k] if factor != 0 else 0
        raw, y, r_raw, r_seed, scratch = raw + m, y + n_targets, r_raw + m, r_seed + m, scratch + m


cdef inline floating _point_curvature(Loss loss, floating a, floating y) noexcept nogil:
    """Of a loss that is a sum over its outputs."""
    cdef LossKind kind = loss.kind
    cdef floating e
    if kind == SQUARED_ERROR:
        return 1
    if kind == BINARY_LOG_LOSS:
        e = <floating> exp(-fabs(<double> a))
        return e / ((1 + e) * (1 + e))
    if kind == POISSON:
        return <floating> exp(<double> a)
    if kind == GAMMA:
        return <floating> gamma_curvature(a, y)
    if kind == HUBER:
        return <floating> huber_curvature(<double> a - <double> y, loss.numbers[0])
    if kind == LOG_COSH:
        return <floating> log_cosh_curvature(<double> a - <double> y)
    return 0   # the absolute error


cdef inline void _quantile_slopes(
    Loss loss, const floating* a, const floating* y, floating* out, int m, bint whole
) noexcept nogil:
    """The diagonal of the second derivative, which has nothing else; zero in the Gauss-Newton matrix."""
    cdef int j, k, n_levels = loss.n_each
    for k from 0 <= k < m by n_levels:
        if whole:
            pinball(a + k, y[k // n_levels], loss.numbers, n_levels, out + k)
            for j in range(1, n_levels):
                out[k + j] *= <floating> sigma_slope(a[k + j])
        for j in range(n_levels if not whole else 1):
            out[k + j] = 0


cdef inline void _gaussian_curve(const floating* a, const floating* y, floating* out, int m, bint whole) noexcept nogil:
    cdef Py_ssize_t k
    cdef double t, across
    cdef floating* block
    for k in range(0, m, 2):
        block = out + k * (m + 1)
        block[0] = <floating> scaled(scaled(1, a[k + 1]), a[k + 1])
        block[m + 1] = 0.5
        if whole:
            t = scaled(<double> a[k] - <double> y[k // 2], a[k + 1])
            across = -scaled(t, a[k + 1])
            block[1] = block[m] = <floating> across
            block[m + 1] = <floating> (0.5 * t * t)


cdef inline void _gaussian_product(
    const floating* a, const floating* y, const floating* ra, floating* out, int m, bint whole
) noexcept nogil:
    cdef Py_ssize_t k
    cdef double t, across, precision
    for k in range(0, m, 2):
        precision = scaled(scaled(1, a[k + 1]), a[k + 1])
        out[k], out[k + 1] = <floating> (precision * ra[k]), <floating> (0.5 * ra[k + 1])
        if whole:
            t = scaled(<double> a[k] - <double> y[k // 2], a[k + 1])
            across = -scaled(t, a[k + 1])
            out[k] = <floating> (precision * ra[k] + across * ra[k + 1])
            out[k + 1] = <floating> (across * ra[k] + 0.5 * t * t * ra[k + 1])


cdef inline void _multinomial_curve(
    const floating* a, const floating* y, floating* e, floating* out, int m
) noexcept nogil:
    """sum_k y_k (diag p - p p'), on the diagonal p_j times the sum of the others: no 1 - p_j of a sure class."""
    cdef floating rest = 0, total, targets = 0, scale
    cdef Py_ssize_t j, k, top = exponentials(a, e, m)
    for k in range(m):
        targets += y[k]
        if k != top:
            rest += e[k]
    total = 1 + rest
    for j in range(m):
        scale = targets * (e[j] / total)
        for k in range(m):
            out[j * m + k] = -scale * (e[k] / total)
        out[j * m + j] = scale * ((rest if j == top else total - e[j]) / total)


cdef inline void _multinomial_product(
    const floating* a, const floating* y, const floating* ra, floating* out, floating* e, int m
) noexcept nogil:
    """sum_j y_j p_k (ra_k - sum_j p_j ra_j), ra counted from that of the likeliest class.

    Its own difference is then minus the sum over the others: with a sure class nothing cancels.
    """
    cdef floating total = 0, mean = 0, targets = 0
    cdef Py_ssize_t k, top = exponentials(a, e, m)
    for k in range(m):
        targets += y[k]
        total += e[k]
        mean += e[k] * (ra[k] - ra[top])
    mean /= total
    for k in range(m):
        out[k] = targets * (e[k] / total) * ((ra[k] - ra[top]) - mean)


def matrices(Loss loss not None, raw, y, bint whole):
    """`Loss.hessian` of checked arrays."""
    out, scratch = np.empty((*raw.shape, raw.shape[1]), raw.dtype), np.empty_like(raw)
    if raw.dtype == np.float32:
        _curve_rows[float](loss, raw, y, scratch, out, whole)
    else:
        _curve_rows[double](loss, raw, y, scratch, out, whole)
    raise_pending()
    return out


def products(Loss loss not None, raw, y, direction, bint whole):
    """`Loss.hessian_product` of checked arrays."""
    out, scratch = np.empty_like(raw), np.empty_like(raw)
    if raw.dtype == np.float32:
        _multiply_rows[float](loss, raw, y, direction, out, scratch, whole)
    else:
        _multiply_rows[double](loss, raw, y, direction, out, scratch, whole)
    raise_pending()
    return out


cdef void _multiply_rows(
    Loss loss, const floating[:, ::1] raw, const floating[:, ::1] y, const floating[:, ::1] direction,
    floating[:, ::1] out, floating[:, ::1] scratch, bint whole,
):
    cdef int n = <int> raw.shape[0], m = <int> raw.shape[1], n_targets = <int> y.shape[1]
    if n:
        with nogil:
            hessian_product(
                loss, &raw[0, 0], &y[0, 0], <const floating*> NULL, &direction[0, 0], &out[0, 0], &scratch[0, 0],
                n, m, n_targets, whole,
            )


cdef void _curve_rows(
    Loss loss, const floating[:, ::1] raw, const floating[:, ::1] y, floating[:, ::1] scratch,
    floating[:, :, ::1] out, bint whole,
):
    cdef int n = <int> raw.shape[0], m = <int> raw.shape[1], n_targets = <int> y.shape[1]
    if n:
        with nogil:
            curve(
                loss, &raw[0, 0], &y[0, 0], <const floating*> NULL, &scratch[0, 0], &out[0, 0, 0],
                n, m, n_targets, whole,
            )
