# SPDX-License-Identifier: BSD-3-Clause
"""Losses E_n as functions of what they read at the outputs, with first and second derivative.

A loss is *matched* with one output activation. Where the outputs have it, the loss reads their a and gives dE/da;
elsewhere it reads z and gives dE/dz, and the backward sweep multiplies by h'. In a matched pair everything is computed
from a, in forms that neither cancel nor overflow: no probability is divided by, clipped, or subtracted from one.

====================  ==========  ====================================================================
loss                  matched     E_n
====================  ==========  ====================================================================
squared_error         identity    1/2 sum_k (y_k - t_k)^2
absolute_error        identity    sum_k |y_k - t_k|                      (see `residuals`)
huber                 identity    sum_k of the square within delta, linear beyond
log_cosh              identity    sum_k log cosh (y_k - t_k)
binary log-loss       logistic    sum_k t_k softplus(-a_k) + (1 - t_k) softplus(a_k)
multinomial log-loss  softmax     sum_k t_k (log sum_j exp(a_j) - a_k)
poisson               exp         sum_k t_k log(t_k / y_k) - t_k + y_k   (half the deviance; `deviances`)
gamma                 exp         sum_k log(y_k / t_k) + t_k / y_k - 1   (half the deviance)
quantile              identity    pinball loss of several quantiles      (`quantiles`)
gaussian_nll          identity    -log p(t) of a normal distribution     (`gaussians`)
own                   any         what a user's functions say            (`own_losses`)
====================  ==========  ====================================================================

(y the outputs, t the targets. Losses matched with the identity have a use with other activations too.) All but the last
three are sums over outputs, one for each target; `quantile` reads as many raw outputs per target as there are levels,
`gaussian_nll` two, side by side. Second derivatives stand in `loss_curvatures`.
"""

import numpy as np

from libc.math cimport log

from bpnet._core.kernels cimport exp_, log1p_
from bpnet._core.loss_rows cimport blocks, points
from bpnet._core.own_errors cimport raise_pending
from bpnet._core.own_losses cimport evaluate_own
from bpnet._core.softmax cimport exponentials

#: Name -> kind, activation of the matched outputs, raw outputs per target (0: as many as there are parameters).
NAMES = {
    "squared_error": (SQUARED_ERROR, "identity", 1),
    "binary_log_loss": (BINARY_LOG_LOSS, "logistic", 1),
    "multinomial_log_loss": (MULTINOMIAL_LOG_LOSS, "softmax", 1),
    "poisson": (POISSON, "exp", 1),
    "absolute_error": (ABSOLUTE_ERROR, "identity", 1),
    "huber": (HUBER, "identity", 1),
    "log_cosh": (LOG_COSH, "identity", 1),
    "gamma": (GAMMA, "exp", 1),
    "quantile": (QUANTILE, "identity", 0),
    "gaussian_nll": (GAUSSIAN_NLL, "identity", 2),
}

#: Parameters of those that have some: delta, levels.
DEFAULTS = {"huber": (1.0,), "quantile": (0.5,)}


cdef class Loss:
    """A compiled loss.

    Parameters
    ----------
    name : str
        A key of `NAMES`.
    parameters : tuple of float, optional
        Of "huber" its delta, of "quantile" its levels. Trusted: `bpnet.losses` has checked them.

    Attributes
    ----------
    activation : str
        The output activation that this loss is matched with.
    """

    def __init__(self, name, parameters=None):
        if name not in NAMES:
            raise ValueError(f"expected a loss out of {', '.join(NAMES)}, got {name!r}")
        self.name = name
        self.kind, self.activation, self.n_each = NAMES[name]
        self.parameters = tuple(DEFAULTS.get(name, ()) if parameters is None else parameters)
        self.n_each = self.n_each or len(self.parameters)
        self.couples = name in ("multinomial_log_loss", "gaussian_nll")
        self.has_hessian = True
        self._memory = np.array(self.parameters, np.float64)
        self.numbers = <const double*> <size_t> self._memory.ctypes.data

    @staticmethod
    def of(OwnLoss own not None, activation):
        """A user's loss, matched with this activation."""
        loss = Loss("squared_error")
        loss.name, loss.kind, loss.activation, loss.n_each, loss.own = "own", OWN, activation, 0, own
        loss.couples, loss.has_hessian = True, own.has_hessian
        return loss

    def __reduce__(self):
        if self.own is not None:
            return _of, (self.own.source, not self.own.is_python, self.activation)
        return Loss, (self.name, self.parameters) if self.parameters else (self.name,)

    def __repr__(self):
        return f"Loss({self.name!r}, {self.parameters!r})" if self.parameters else f"Loss({self.name!r})"

    @property
    def calls_python(self):
        """Whether it needs the GIL."""
        return self.own is not None and self.own.is_python

    def n_raw(self, int n_targets):
        """Number of raw outputs that this loss reads for so many target columns."""
        return self.own.n_raw(n_targets) if self.own is not None else n_targets * self.n_each

    def value(self, raw, y):
        """E_n for each row.

        Parameters
        ----------
        raw : array of shape (n_samples, n_outputs)
            a of matched outputs, else z. Not changed.
        y : array of shape (n_samples, n_targets)

        Returns
        -------
        ndarray of shape (n_samples,), float64
        """
        return self._evaluate(raw, y)[0]

    def gradient(self, raw, y):
        """dE_n/da of a matched pair, else dE_n/dz: an array of the shape and type of `raw`."""
        return self._evaluate(raw, y)[1]

    def hessian(self, raw, y, bint whole=True):
        """d2E_n/da_j da_k of a matched pair, else to z: shape (n_samples, n_outputs, n_outputs), type of `raw`.

        Without `whole` what the Gauss-Newton matrix takes in its place, positive semi-definite.
        """
        from bpnet._core.loss_curvatures import matrices   # that module reads this one

        return matrices(self, *self._pair(raw, y), whole)

    def hessian_product(self, raw, y, direction, bint whole=True):
        """Product of that matrix of each row with a row of `direction`: an array of the shape and type of `raw`."""
        from bpnet._core.loss_curvatures import products

        raw, y = self._pair(raw, y)
        direction = np.ascontiguousarray(direction, dtype=raw.dtype)
        if direction.shape != raw.shape:
            raise ValueError(f"expected directions of shape {raw.shape}, got {direction.shape}")
        return products(self, raw, y, direction, whole)

    def _evaluate(self, raw, y):
        raw, y = self._pair(raw, y)
        values, gradient, scratch = np.empty(len(raw)), np.empty_like(raw), np.empty_like(raw)
        if raw.dtype == np.float32:
            _evaluate_rows[float](self, raw, y, gradient, scratch, values)
        else:
            _evaluate_rows[double](self, raw, y, gradient, scratch, values)
        raise_pending()
        return values, gradient

    def _pair(self, raw, y):
        """Both as contiguous matrices of one floating type, with the columns that the loss reads."""
        raw = np.asarray(raw)
        if raw.dtype != np.float32:
            raw = raw.astype(np.float64)
        raw = np.ascontiguousarray(raw)
        y = np.ascontiguousarray(y, dtype=raw.dtype)
        is_fit = raw.ndim == y.ndim == 2 and raw.shape[1] and len(raw) == len(y)
        if not is_fit or self.n_raw(y.shape[1]) != raw.shape[1]:
            of_one_shape = "of one shape (n_samples, n_outputs)" if self.n_each == 1 else (
                f"of shapes (n_samples, {self.n_each or ''} n_targets) and (n_samples, n_targets)"
            )
            raise ValueError(f"expected raw outputs and targets {of_one_shape}, got {raw.shape} and {y.shape}")
        return raw, y


def _of(source, compiled, activation):
    """A user's loss out of a pickle."""
    return Loss.of(OwnLoss(source, compiled), activation)


cdef double evaluate(
    Loss loss, const floating* raw, const floating* y, const floating* weight, double scale,
    floating* seed, floating* scratch, double* values, int n, int m, int n_targets,
) noexcept nogil:
    """Returns sum_n s_n E_n; seed becomes scale s_n dE_n/draw, values (unless NULL) E_n.

    All arrays are (n, m) but y, (n, n_targets), weight and values, (n,); scratch is room; a NULL weight is all ones.
    """
    cdef LossKind kind = loss.kind
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
    elif kind == OWN:
        return evaluate_own(loss.own, raw, y, weight, scale, seed, values, n, m, n_targets)
    for i in range(n):
        if kind == SQUARED_ERROR:
            value = _squared_error(raw, y, seed, m)
        elif kind == BINARY_LOG_LOSS:
            value = _binary_log_loss(raw, y, seed, scratch + i * m, m)
        elif kind == MULTINOMIAL_LOG_LOSS:
            value = _multinomial_log_loss(raw, y, seed, scratch, m)
        elif loss.n_each == 1 and kind != QUANTILE:
            value = points(kind, loss.numbers, raw, y, seed, m)
        else:
            value = blocks(kind, loss.numbers, loss.n_each, raw, y, seed, m)
        factor = <floating> (scale if weight == NULL else scale * weight[i])
        # A weight of zero takes the row's loss and derivative away: they may be infinite.
        for k in range(m):
            seed[k] = factor * seed[k] if factor != 0 else 0
        if values != NULL:
            values[i] = value
        total += value if weight == NULL else weight[i] * value if weight[i] != 0 else 0
        raw, y, seed = raw + m, y + n_targets, seed + m
    return total


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
    cdef Py_ssize_t j, k, top = exponentials(a, e, m)
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


cdef inline double _log1p(double x) noexcept nogil:
    """log(1 + x), x >= 0, through the textbook correction for the rounding of 1 + x."""
    cdef double u = 1 + x
    if u == 1:
        return x
    return log(u) * (x / (u - 1)) if x < 1 else log(u)


cdef void _evaluate_rows(
    Loss loss, const floating[:, ::1] raw, const floating[:, ::1] y, floating[:, ::1] gradient,
    floating[:, ::1] scratch, double[::1] values,
):
    cdef int n = <int> raw.shape[0], m = <int> raw.shape[1], n_targets = <int> y.shape[1]
    if n:
        with nogil:
            evaluate(
                loss, &raw[0, 0], &y[0, 0], <const floating*> NULL, 1.0,
                &gradient[0, 0], &scratch[0, 0], &values[0], n, m, n_targets,
            )
