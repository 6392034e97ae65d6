# SPDX-License-Identifier: BSD-3-Clause
"""Losses E_n as functions of what they read at the outputs, with first and second derivative.

A loss is *matched* with one output activation. Where the outputs have it, the loss reads their a and gives dE/da;
elsewhere it reads z and gives dE/dz, and the backward sweep multiplies by h'. In a matched pair everything is computed
from a, in forms that neither cancel nor overflow: no probability is divided by, clipped, or subtracted from one.

====================  ==========  ====================================================================
loss                  matched     E_n
====================  ==========  ====================================================================
squared_error         identity    1/2 sum_k (y_k - t_k)^2
binary log-loss       logistic    sum_k t_k softplus(-a_k) + (1 - t_k) softplus(a_k)
multinomial log-loss  softmax     sum_k t_k (log sum_j exp(a_j) - a_k)
poisson               exp         sum_k t_k log(t_k / y_k) - t_k + y_k   (half the Poisson deviance)
====================  ==========  ====================================================================

(y the outputs, t the targets; only the squared error has a use with other activations.)
"""

import numpy as np

from libc.math cimport INFINITY, exp, fabs, log
from libc.string cimport memset

from bpnet._core.kernels cimport exp_, log1p_

NAMES = {
    "squared_error": (SQUARED_ERROR, "identity"),
    "binary_log_loss": (BINARY_LOG_LOSS, "logistic"),
    "multinomial_log_loss": (MULTINOMIAL_LOG_LOSS, "softmax"),
    "poisson": (POISSON, "exp"),
}


cdef class Loss:
    """A compiled loss.

    Parameters
    ----------
    name : {"squared_error", "binary_log_loss", "multinomial_log_loss", "poisson"}

    Attributes
    ----------
    activation : str
        The output activation that this loss is matched with.
    """

    def __init__(self, name):
        if name not in NAMES:
            raise ValueError(f"expected a loss out of {', '.join(NAMES)}, got {name!r}")
        self.name = name
        self.kind, self.activation = NAMES[name]

    def __reduce__(self):
        return Loss, (self.name,)

    def __repr__(self):
        return f"Loss({self.name!r})"

    def n_raw(self, int n_targets):
        """Number of raw outputs that this loss reads for so many target columns."""
        return n_targets

    def value(self, raw, y):
        """E_n for each row.

        Parameters
        ----------
        raw, y : array of shape (n_samples, n_outputs)
            a of matched outputs, else z; and the targets. Not changed.

        Returns
        -------
        ndarray of shape (n_samples,), float64
        """
        return self._evaluate(raw, y)[0]

    def gradient(self, raw, y):
        """dE_n/da of a matched pair, else dE_n/dz: an array of the shape and type of `raw`."""
        return self._evaluate(raw, y)[1]

    def hessian(self, raw, y):
        """d2E_n/da_j da_k of a matched pair, else to z: shape (n_samples, n_outputs, n_outputs), type of `raw`."""
        raw, y = _pair(raw, y)
        out, scratch = np.empty((*raw.shape, raw.shape[1]), raw.dtype), np.empty_like(raw)
        if raw.dtype == np.float32:
            _curve_rows[float](self.kind, raw, y, scratch, out)
        else:
            _curve_rows[double](self.kind, raw, y, scratch, out)
        return out

    def hessian_product(self, raw, y, direction):
        """Product of that matrix of each row with a row of `direction`: an array of the shape and type of `raw`."""
        raw, y = _pair(raw, y)
        _, direction = _pair(raw, direction)
        out, scratch = np.empty_like(raw), np.empty_like(raw)
        if raw.dtype == np.float32:
            _multiply_rows[float](self.kind, raw, y, direction, out, scratch)
        else:
            _multiply_rows[double](self.kind, raw, y, direction, out, scratch)
        return out

    def _evaluate(self, raw, y):
        raw, y = _pair(raw, y)
        values, gradient, scratch = np.empty(len(raw)), np.empty_like(raw), np.empty_like(raw)
        if raw.dtype == np.float32:
            _evaluate_rows[float](self.kind, raw, y, gradient, scratch, values)
        else:
            _evaluate_rows[double](self.kind, raw, y, gradient, scratch, values)
        return values, gradient


cdef double evaluate(
    LossKind kind, const floating* raw, const floating* y, const floating* weight, double scale,
    floating* seed, floating* scratch, double* values, int n, int m,
) noexcept nogil:
    """Returns sum_n s_n E_n; seed becomes scale s_n dE_n/draw, values (unless NULL) E_n.

    All arrays are (n, m) but weight and values, (n,); scratch is room; a NULL weight is all ones.
    """
    cdef double value, total = 0
    cdef Py_ssize_t i, k
    cdef floating factor
    if kind == SQUARED_ERROR and weight == NULL and values == NULL:
        # Nothing depends on the row: one run over all values.
        factor = <floating> scale
        total = _squared_error(raw, y, seed, <Py_ssize_t> n * m)
        for k in range(<Py_ssize_t> n * m):
            seed[k] *= factor
        return total
    if kind == BINARY_LOG_LOSS:
        # scratch = exp(-|a|), seed = log(1 + exp(-|a|)): all that both the value and the slope need.
        for k in range(<Py_ssize_t> n * m):
            scratch[k] = -abs(raw[k])
        exp_(scratch, scratch, <Py_ssize_t> n * m)
        log1p_(scratch, seed, <Py_ssize_t> n * m)
    for i in range(n):
        if kind == SQUARED_ERROR:
            value = _squared_error(raw, y, seed, m)
        elif kind == BINARY_LOG_LOSS:
            value = _binary_log_loss(raw, y, seed, scratch + i * m, m)
        elif kind == MULTINOMIAL_LOG_LOSS:
            value = _multinomial_log_loss(raw, y, seed, scratch, m)
        else:
            value = _poisson(raw, y, seed, m)
        factor = <floating> (scale if weight == NULL else scale * weight[i])
        # A weight of zero takes the row's loss and derivative away: they may be infinite.
        for k in range(m):
            seed[k] = factor * seed[k] if factor != 0 else 0
        if values != NULL:
            values[i] = value
        total += value if weight == NULL else weight[i] * value if weight[i] != 0 else 0
        raw, y, seed = raw + m, y + m, seed + m
    return total


cdef void curve(
    LossKind kind, const floating* raw, const floating* y, const floating* weight, floating* scratch, floating* out,
    int n, int m,
) noexcept nogil:
    """out (n, m, m) becomes s_n d2E_n / draw draw; the other arguments are those of `evaluate`, no weight zero."""
    cdef Py_ssize_t i, j, k, size = <Py_ssize_t> m * m
    cdef floating e, factor
    memset(out, 0, n * size * sizeof(floating))
    for i in range(n):
        factor = 1 if weight == NULL else weight[i]
        if kind == MULTINOMIAL_LOG_LOSS:
            _multinomial_curve(raw, y, scratch, out, m)
            for k in range(size):
                out[k] *= factor
        else:
            for j in range(m):
                k = j * (m + 1)
                if kind == SQUARED_ERROR:
                    out[k] = factor
                elif kind == BINARY_LOG_LOSS:
                    e = <floating> exp(-fabs(<double> raw[j]))
                    out[k] = factor * (e / ((1 + e) * (1 + e)))
                else:
                    out[k] = factor * <floating> exp(<double> raw[j])
        raw, y, out = raw + m, y + m, out + size


cdef inline void _multinomial_curve(
    const floating* a, const floating* y, floating* e, floating* out, int m
) noexcept nogil:
    """sum_k y_k (diag p - p p'), on the diagonal p_j times the sum of the others: no 1 - p_j of a sure class."""
    cdef floating rest = 0, total, targets = 0, scale
    cdef Py_ssize_t j, k, top = 0
    for k in range(1, m):
        if a[k] > a[top]:
            top = k
    for k in range(m):
        e[k] = a[k] - a[top]
    exp_(e, e, m)
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


cdef inline double _squared_error(
    const floating* z, const floating* y, floating* seed, Py_ssize_t m
) noexcept nogil:
    cdef double residual, value = 0
    cdef Py_ssize_t k
    for k in range(m):
        residual = <double> z[k] - <double> y[k]
        seed[k] = <floating> residual
        value += 0.5 * residual * residual
    return value


cdef inline double _binary_log_loss(
    const floating* a, const floating* y, floating* seed, const floating* e, int m
) noexcept nogil:
    """e = exp(-|a|); on entry seed = log(1 + e).

    softplus(a) = max(a, 0) + log(1 + e), and delta = (1 - y) sigma(a) - y sigma(-a): a sure and right answer costs
    its true 1e-22, not 0, and every term of a sure and wrong one has the same sign.
    """
    cdef double value = 0
    cdef floating larger, smaller
    cdef Py_ssize_t k
    for k in range(m):
        larger = 1 / (1 + e[k])          # sigma(|a|)
        smaller = e[k] * larger          # sigma(-|a|)
        if a[k] >= 0:
            value += <double> y[k] * seed[k] + (1 - <double> y[k]) * (<double> a[k] + seed[k])
            seed[k] = (1 - y[k]) * larger - y[k] * smaller
        else:
            value += <double> y[k] * (seed[k] - <double> a[k]) + (1 - <double> y[k]) * seed[k]
            seed[k] = (1 - y[k]) * smaller - y[k] * larger
    return value


cdef inline double _multinomial_log_loss(
    const floating* a, const floating* y, floating* seed, floating* e, int m
) noexcept nogil:
    """-sum_k y_k log p_k with -log p_k = (a_top - a_k) + log(1 + rest), rest = sum of exp(a_j - a_top) without the top.

    delta_k = p_k (sum of the other targets) - y_k (sum of the other probabilities): for a right and sure class no
    difference of numbers near one is ever taken.
    """
    cdef double value = 0, log_sum
    cdef floating rest = 0, total, targets = 0, others, other_targets
    cdef Py_ssize_t j, k, top = 0
    for k in range(1, m):
        if a[k] > a[top]:
            top = k
    for k in range(m):
        e[k] = a[k] - a[top]
    exp_(e, e, m)
    for k in range(m):
        targets += y[k]
        if k != top:
            rest += e[k]
    total = 1 + rest
    log_sum = _log1p(rest)
    for k in range(m):
        if y[k] != 0:
            value += y[k] * ((<double> a[top] - <double> a[k]) + log_sum)
        others = rest if k == top else total - e[k]
        other_targets = targets - y[k]
        if y[k] > other_targets:   # at most one k: soft labels may be tiny beside it, and a difference would lose them
            other_targets = 0
            for j in range(m):
                if j != k:
                    other_targets += y[j]
        seed[k] = (e[k] * other_targets - y[k] * others) / total
    return value


cdef inline double _poisson(const floating* a, const floating* y, floating* seed, int m) noexcept nogil:
    """y log(y / z) - y + z with z = exp(a)."""
    cdef double value = 0
    cdef Py_ssize_t k
    for k in range(m):
        value += _half_deviance(y[k], a[k])
        seed[k] = <floating> (exp(<double> a[k]) - y[k])
    return value


cdef double _half_deviance(double y, double a) noexcept nogil:
    """exp(a) - y - y d with d = a - log(y), in the form that cancels least for each d."""
    cdef double z = exp(a), d, term, total
    cdef int k
    if y == 0:
        return z
    d = a - log(y)
    if fabs(d) > 1:
        # Where z overflows the difference need not, and must not become inf - inf.
        return z - y * (1 + d) if z < INFINITY else y * (exp(d) - (1 + d))
    # exp(d) - 1 - d = d^2 / 2 + d^3 / 6 + ...: 18 terms reach 1e-17 at |d| = 1.
    term = total = d * d / 2
    for k in range(3, 21):
        term *= d / k
        total += term
    return y * total


cdef inline double _log1p(double x) noexcept nogil:
    """log(1 + x), x >= 0, through the textbook correction for the rounding of 1 + x."""
    cdef double u = 1 + x
    if u == 1:
        return x
    return log(u) * (x / (u - 1)) if x < 1 else log(u)


cdef void hessian_product(
    LossKind kind, const floating* raw, const floating* y, const floating* weight, const floating* r_raw,
    floating* r_seed, floating* scratch, int n, int m,
) noexcept nogil:
    """r_seed = s_n L r_raw, L the second derivative of E_n; arrays as for `evaluate`."""
    cdef Py_ssize_t i, k
    cdef floating factor, e
    if kind == BINARY_LOG_LOSS:
        for k in range(<Py_ssize_t> n * m):
            scratch[k] = -abs(raw[k])
        exp_(scratch, scratch, <Py_ssize_t> n * m)
    elif kind == POISSON:
        exp_(raw, scratch, <Py_ssize_t> n * m)
    for i in range(n):
        if kind == MULTINOMIAL_LOG_LOSS:
            _multinomial_product(raw, y, r_raw, r_seed, scratch, m)
        else:
            for k in range(m):
                r_seed[k] = r_raw[k]
                e = scratch[k]
                if kind == BINARY_LOG_LOSS:
                    r_seed[k] *= e / ((1 + e) * (1 + e))
                elif kind == POISSON:
                    r_seed[k] *= e
        factor = 1 if weight == NULL else weight[i]
        for k in range(m):
            r_seed[k] = factor * r_seed[k] if factor != 0 else 0
        raw, y, r_raw, r_seed, scratch = raw + m, y + m, r_raw + m, r_seed + m, scratch + m


cdef inline void _multinomial_product(
    const floating* a, const floating* y, const floating* ra, floating* out, floating* e, int m
) noexcept nogil:
    """sum_j y_j p_k (ra_k - sum_j p_j ra_j), ra counted from that of the likeliest class.

    Its own difference is then minus the sum over the others: with a sure class nothing cancels.
    """
    cdef floating total = 0, mean = 0, targets = 0
    cdef Py_ssize_t k, top = 0
    for k in range(1, m):
        if a[k] > a[top]:
            top = k
    for k in range(m):
        e[k] = a[k] - a[top]
    exp_(e, e, m)
    for k in range(m):
        targets += y[k]
        total += e[k]
        mean += e[k] * (ra[k] - ra[top])
    mean /= total
    for k in range(m):
        out[k] = targets * (e[k] / total) * ((ra[k] - ra[top]) - mean)


cdef void _multiply_rows(
    LossKind kind, const floating[:, ::1] raw, const floating[:, ::1] y, const floating[:, ::1] direction,
    floating[:, ::1] out, floating[:, ::1] scratch,
):
    cdef int n = <int> raw.shape[0], m = <int> raw.shape[1]
    if n:
        with nogil:
            hessian_product(
                kind, &raw[0, 0], &y[0, 0], <const floating*> NULL, &direction[0, 0], &out[0, 0], &scratch[0, 0], n, m
            )


cdef void _evaluate_rows(
    LossKind kind, const floating[:, ::1] raw, const floating[:, ::1] y, floating[:, ::1] gradient,
    floating[:, ::1] scratch, double[::1] values,
):
    cdef int n = <int> raw.shape[0], m = <int> raw.shape[1]
    if n:
        with nogil:
            evaluate(
                kind, &raw[0, 0], &y[0, 0], <const floating*> NULL, 1.0,
                &gradient[0, 0], &scratch[0, 0], &values[0], n, m,
            )


cdef void _curve_rows(
    LossKind kind, const floating[:, ::1] raw, const floating[:, ::1] y, floating[:, ::1] scratch,
    floating[:, :, ::1] out,
):
    cdef int n = <int> raw.shape[0], m = <int> raw.shape[1]
    if n:
        with nogil:
            curve(kind, &raw[0, 0], &y[0, 0], <const floating*> NULL, &scratch[0, 0], &out[0, 0, 0], n, m)


def _pair(raw, y):
    """Both as contiguous matrices of one floating type and shape."""
    raw = np.asarray(raw)
    if raw.dtype != np.float32:
        raw = raw.astype(np.float64)
    raw = np.ascontiguousarray(raw)
    y = np.ascontiguousarray(y, dtype=raw.dtype)
    if raw.ndim != 2 or raw.shape[1] == 0 or raw.shape != y.shape:
        shapes = f"{raw.shape} and {y.shape}"
        raise ValueError(f"expected raw outputs and targets of one shape (n_samples, n_outputs), got {shapes}")
    return raw, y
