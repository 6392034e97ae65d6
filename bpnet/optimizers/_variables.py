# SPDX-License-Identifier: BSD-3-Clause
"""What L-BFGS-B moves where that is not w itself: some parameters are frozen, or weights have an L1 penalty."""

import numpy as np


class Variables:
    """The vector x that a bounded smooth search sees in place of w.

    x holds the parameters that are free. Under an L1 penalty a weight is the difference of two parts, w = p - q with
    p >= 0 and q >= 0, and the penalty their sum: smooth in both, equal to |w| at the minimum, where one part is 0.

    Parameters
    ----------
    w : ndarray of shape (n_parameters,)
        The start.
    strength : float
        Of the penalty strength |w|_1.
    is_weight : ndarray of bool of shape (n_parameters,)
        Whether the penalty counts: not for biases.
    frozen : ndarray of bool of shape (n_parameters,), optional
    """

    def __init__(self, w, strength, is_weight, frozen=None):
        self._w, self._strength = w.astype(np.float64), strength
        self._free = np.flatnonzero(~frozen) if frozen is not None else np.arange(len(w))
        self._split = np.flatnonzero(is_weight[self._free]) if strength else np.arange(0)
        # What is frozen pays its penalty too.
        self._paid = strength * float(np.abs(self._w[is_weight & frozen]).sum()) if frozen is not None else 0.0

    def start(self):
        """x of the start."""
        x = self._w[self._free]
        parts = x[self._split]
        x[self._split] = np.maximum(parts, 0)
        return np.concatenate([x, np.maximum(-parts, 0)])

    def bounds(self):
        """Bounds of x as SciPy takes them, or None."""
        if not len(self._split):
            return None
        lower = np.full(len(self._free), -np.inf)
        lower[self._split] = 0
        return [(low, np.inf) for low in np.concatenate([lower, np.zeros(len(self._split))])]

    def parameters(self, x):
        """w that x stands for: frozen parameters to the bit."""
        w, n = self._w.copy(), len(self._free)
        free = x[:n].copy()
        free[self._split] -= x[n:]
        w[self._free] = free
        return w

    def direction(self, v):
        """The direction in w of a direction in x, where there is no L1 penalty."""
        direction = np.zeros(len(self._w))
        direction[self._free] = v
        return direction

    def restricted(self, derivatives):
        """Of a vector, or a matrix, of derivatives to w those that are derivatives to x; no L1 penalty."""
        return derivatives[self._free] if derivatives.ndim == 1 else derivatives[np.ix_(self._free, self._free)]

    def penalty(self, x):
        """The L1 penalty."""
        return self._strength * float(x[self._split].sum() + x[len(self._free) :].sum()) + self._paid

    def projected(self, x, gradient):
        """The gradient without what leads past a bound."""
        parts = np.concatenate([self._split, np.arange(len(self._free), len(x))])
        gradient = gradient.copy()
        gradient[parts] = np.where(x[parts] > 0, gradient[parts], np.minimum(gradient[parts], 0))
        return gradient

    def objective(self, value_and_gradient):
        """The function of x that takes the place of one of w."""

        def of_x(x):
            value, gradient = value_and_gradient(self.parameters(x))
            gradient = gradient[self._free]
            other = self._strength - gradient[self._split]
            gradient[self._split] += self._strength
            return value + self.penalty(x), np.concatenate([gradient, other])

        return of_x
