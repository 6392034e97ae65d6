# SPDX-License-Identifier: BSD-3-Clause
"""Update rules: one step of the flat vector w along its gradient g, whatever the topology.

A step is begun once and then taken piece by piece, in any order and by any thread. A rule remembers something of every
parameter in `state`, one flat vector for each thing it remembers.
"""

import numpy as np

from libc.math cimport pow, sqrt

from bpnet._core.kernels cimport table


cdef class UpdateRule:
    """Base of the rules: learning rate, step count and state.

    Attributes
    ----------
    rate : float
        Learning rate of the next step; may be changed at any time.
    n_steps : int
        Steps taken so far.
    state : ndarray of shape (n_vectors, n_parameters)
        What the rule remembers, of the type of the parameters.
    """

    def _start(self, double rate, state, Py_ssize_t n_steps=0):
        if state.dtype not in (np.float32, np.float64) or not state.flags.c_contiguous or not state.flags.writeable:
            raise TypeError("expected the state of an update rule as a writable, C-contiguous float32 or float64 array")
        self.rate = rate
        self.n_steps = n_steps
        self.state = state
        self.n_parameters = state.shape[1]
        self.memory = <void*> <size_t> state.ctypes.data

    # skops knows no rebuilding functions, and asks for a state: the arguments that `__reduce__` gives to `_restore`.
    def __getstate__(self):
        return dict(zip(("settings", "rate", "state", "n_steps"), self.__reduce__()[1][1:]))

    def __setstate__(self, values):
        state = np.require(values["state"], requirements=["C", "W"])
        if state.ndim != 2:
            raise ValueError(f"expected the state of an update rule as a matrix, got the shape {state.shape}")
        self.__init__(state.shape[1], state.dtype, values["rate"], *values["settings"])
        if state.shape != self.state.shape:
            raise ValueError(f"expected the state of the rule in the shape {self.state.shape}, got {state.shape}")
        self._start(values["rate"], state, values["n_steps"])

    cdef void begin_step(self) noexcept nogil:
        self.n_steps += 1
        self.step_rate = self.rate

    cdef void step_f32(self, const float* g, float* w, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
        pass

    cdef void step_f64(self, const double* g, double* w, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
        pass


cdef class GradientDescent(UpdateRule):
    """v = momentum v - rate g, then w += v; with Nesterov's look-ahead w += momentum v - rate g.

    Parameters
    ----------
    n_parameters : int
    dtype : numpy.dtype
        float32 or float64, that of the parameters.
    rate : float
    momentum : float, default=0.0
        0 remembers nothing: w -= rate g.
    nesterov : bool, default=False
    """

    def __init__(self, n_parameters, dtype, rate, momentum=0.0, nesterov=False):
        if not 0 <= momentum <= 1:
            raise ValueError(f"expected momentum from 0 to 1, got {momentum}")
        self.momentum = momentum
        self.nesterov = nesterov
        self._start(rate, np.zeros((1 if momentum else 0, n_parameters), dtype))

    def __reduce__(self):
        return _restore, (GradientDescent, (self.momentum, self.nesterov), self.rate, self.state, self.n_steps)

    cdef void step_f32(self, const float* g, float* w, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
        cdef float* v = <float*> self.memory + start if self.momentum else NULL
        table.f32.sgd(<float> self.step_rate, <float> self.momentum, self.nesterov, g + start, v, w + start, n)

    cdef void step_f64(self, const double* g, double* w, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
        cdef double* v = <double*> self.memory + start if self.momentum else NULL
        table.f64.sgd(self.step_rate, self.momentum, self.nesterov, g + start, v, w + start, n)


cdef class Adam(UpdateRule):
    """Adam (Kingma and Ba, 2015), in the form with the bias corrections in the rate.

    m = beta_1 m + (1 - beta_1) g;  v = beta_2 v + (1 - beta_2) g^2;
    w -= rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon), t counting the steps.

    Parameters
    ----------
    n_parameters : int
    dtype : numpy.dtype
    rate, beta_1, beta_2, epsilon : float
    """

    def __init__(self, n_parameters, dtype, rate, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        if not (0 <= beta_1 < 1 and 0 <= beta_2 < 1 and epsilon > 0):
            raise ValueError(f"expected betas in [0, 1) and epsilon above 0, got {beta_1}, {beta_2} and {epsilon}")
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self._start(rate, np.zeros((2, n_parameters), dtype))

    def __reduce__(self):
        return _restore, (Adam, (self.beta_1, self.beta_2, self.epsilon), self.rate, self.state, self.n_steps)

    cdef void begin_step(self) noexcept nogil:
        self.n_steps += 1
        self.step_rate = self.rate * sqrt(1 - pow(self.beta_2, self.n_steps)) / (1 - pow(self.beta_1, self.n_steps))

    cdef void step_f32(self, const float* g, float* w, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
        cdef float* m = <float*> self.memory + start
        table.f32.adam(
            <float> self.step_rate, self.beta_1, self.beta_2, <float> self.epsilon,
            g + start, m, m + self.n_parameters, w + start, n,
        )

    cdef void step_f64(self, const double* g, double* w, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
        cdef double* m = <double*> self.memory + start
        table.f64.adam(
            self.step_rate, self.beta_1, self.beta_2, self.epsilon,
            g + start, m, m + self.n_parameters, w + start, n,
        )


cdef class RMSProp(UpdateRule):
    """RMSProp (Tieleman and Hinton, 2012).

    square = decay square + (1 - decay) g^2;  w -= rate g / (sqrt(square) + epsilon). With momentum
    v = momentum v + g / (sqrt(square) + epsilon);  w -= rate v.

    The average begins at 0 and is not corrected: the first step is 1 / sqrt(1 - decay) times the rate.

    Parameters
    ----------
    n_parameters : int
    dtype : numpy.dtype
    rate : float
    decay : float, default=0.99
    epsilon : float, default=1e-8
    momentum : float, default=0.0
    """

    def __init__(self, n_parameters, dtype, rate, decay=0.99, epsilon=1e-8, momentum=0.0):
        if not (0 <= decay < 1 and epsilon > 0 and 0 <= momentum <= 1):
            raise ValueError(
                "expected decay in [0, 1), epsilon above 0 and momentum from 0 to 1, "
                f"got {decay}, {epsilon} and {momentum}"
            )
        self.decay = decay
        self.epsilon = epsilon
        self.momentum = momentum
        self._start(rate, np.zeros((2 if momentum else 1, n_parameters), dtype))

    def __reduce__(self):
        return _restore, (RMSProp, (self.decay, self.epsilon, self.momentum), self.rate, self.state, self.n_steps)

    cdef void step_f32(self, const float* g, float* w, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
        cdef float* square = <float*> self.memory + start
        table.f32.rmsprop(
            <float> self.step_rate, self.decay, <float> self.epsilon, <float> self.momentum,
            g + start, square, square + self.n_parameters if self.momentum else NULL, w + start, n,
        )

    cdef void step_f64(self, const double* g, double* w, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
        cdef double* square = <double*> self.memory + start
        table.f64.rmsprop(
            self.step_rate, self.decay, self.epsilon, self.momentum,
            g + start, square, square + self.n_parameters if self.momentum else NULL, w + start, n,
        )


cdef class Rprop(UpdateRule):
    """iRprop- (Igel and Huesken, 2003): steps of their own size for each parameter, by the sign of its gradient.

    While the sign stays the size grows, where it turns the size shrinks and the parameter waits for one step; the
    gradient of a step it waited for counts as 0 in the next. For gradients of all rows: batches turn signs by chance.

    Parameters
    ----------
    n_parameters : int
    dtype : numpy.dtype
    rate : float
        Size of the first step; later ones do not depend on it.
    shrink, grow : float, default=0.5 and 1.2
    least, most : float, default=1e-6 and 50.0
        Bounds of the sizes.
    """

    def __init__(self, n_parameters, dtype, rate, shrink=0.5, grow=1.2, least=1e-6, most=50.0):
        if not (0 < shrink < 1 < grow and 0 <= least <= most):
            raise ValueError(
                f"expected 0 < shrink < 1 < grow and 0 <= least <= most, got {shrink}, {grow}, {least} and {most}"
            )
        self.shrink = shrink
        self.grow = grow
        self.least = least
        self.most = most
        state = np.zeros((2, n_parameters), dtype)
        state[1] = rate
        self._start(rate, state)

    def __reduce__(self):
        settings = (self.shrink, self.grow, self.least, self.most)
        return _restore, (Rprop, settings, self.rate, self.state, self.n_steps)

    cdef void step_f32(self, const float* g, float* w, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
        cdef float* before = <float*> self.memory + start
        table.f32.rprop(
            <float> self.shrink, <float> self.grow, <float> self.least, <float> self.most,
            g + start, before, before + self.n_parameters, w + start, n,
        )

    cdef void step_f64(self, const double* g, double* w, Py_ssize_t start, Py_ssize_t n) noexcept nogil:
        cdef double* before = <double*> self.memory + start
        table.f64.rprop(
            self.shrink, self.grow, self.least, self.most,
            g + start, before, before + self.n_parameters, w + start, n,
        )


def _restore(kind, settings, rate, state, n_steps):
    """Rebuild a pickled rule around its state."""
    rule = kind(0, state.dtype, rate, *settings)
    # joblib may hand the state over as a read-only memory map.
    rule._start(rate, np.require(state, requirements=["C", "W"]), n_steps)
    return rule
