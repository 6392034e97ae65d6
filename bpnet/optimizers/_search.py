# SPDX-License-Identifier: BSD-3-Clause
"""One run of a full-batch optimizer: what it asks of the objective, what is recorded, and when it ends."""

import warnings
from time import monotonic
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult


class _Ended(Exception):  # noqa: N818 it is no error
    """Ends the search from within whatever runs, with the status and the message of its result."""


def _check_start(value, gradient):
    """Raise ValueError where no optimizer could tell a better place from this one."""
    with np.errstate(over="ignore"):
        length = np.linalg.norm(gradient)
    if not np.isfinite([value, length]).all():
        raise ValueError(
            f"expected data of a size that can be squared, got a loss of {value:.3g} and a gradient of length "
            f"{length:.3g} at the start: scale X and y"
        )


class Search:
    """What the optimizers see in place of objective, limits and whoever watches.

    Parameters
    ----------
    objective : Objective
    w : ndarray of shape (n_parameters,)
        The start; not changed.
    max_iter : int
        Most iterations.
    max_fun : int or inf, default=inf
        Most values of the objective, each with its gradient.
    tol : float, default=0.0
        Largest component of the gradient at which a search that is judged ends.
    ftol : float, default=0.0
        The least decrease of the objective that counts, as a part of it or, where that is below 1, in itself.
    xtol : float, default=0.0
        The shortest step that counts, as a part of the length of w.
    goal : float, default=-inf
        Loss at which the search ends, of those reported.
    verbose : bool
        Print a line for each iteration.
    loss_scale : float, default=1.0
        Factor of the data term in the value reported.
    variables : Variables, optional
        What moves in place of w.
    loss_curve : list, optional
        The value reported of each iteration is appended to it.
    watch : object, optional
        Its `begins()` is called before each iteration, and `reached(n_iter, w, gradient)` after it, with the gradient
        there of what moves: true ends the search with this iterate, as converged.
    until : float, optional
        Time of `time.monotonic` from which on the objective is not computed any more; the search ends with the last
        iterate, as not converged.

    Attributes
    ----------
    x : ndarray
        The last iterate, of float64: w, or what `variables` make of it.
    """

    def __init__(
        self, objective, w, *, max_iter, max_fun=np.inf, tol=0.0, ftol=0.0, xtol=0.0, goal=-np.inf, verbose=False,
        loss_scale=1.0, variables=None, loss_curve=None, watch=None, until=np.inf,
    ):  # fmt: skip
        self._objective, self._variables, self._dtype = objective, variables, w.dtype
        self._function, self.x = objective.value_and_gradient, w.astype(np.float64)
        if variables is not None:
            self._function, self.x = variables.objective(self._function), variables.start()
        self.max_iter, self._max_fun = max_iter, max_fun
        self._tol, self._ftol, self._xtol, self._goal = tol, ftol, xtol, goal
        self._verbose, self._loss_scale, self._watch, self._until = verbose, loss_scale, watch, until
        self._loss_curve = [] if loss_curve is None else loss_curve
        self._value, self._n_iter, self._n_evaluations, self._n_products = np.nan, 0, 0, 0
        self._last: Any = (None, None)  # where the objective was computed last, and its gradient

    def evaluate(self, x):
        """Value and gradient at x."""
        if monotonic() >= self._until:
            raise _Ended(1, "STOP: MAX_TIME REACHED")
        if self._n_evaluations >= self._max_fun:
            raise _Ended(1, "STOP: TOTAL NO. OF F,G EVALUATIONS EXCEEDS LIMIT")
        self._n_evaluations += 1
        value, gradient = self._function(x)
        if self._n_evaluations == 1:
            _check_start(value, gradient)
        self._last = (x.copy(), gradient)
        return value, gradient

    def product(self, x, v):
        """Hessian at x times v, exact."""
        self._look_at_the_clock()
        w, variables = self.parameters(x), self._variables
        if variables is None:
            return self._objective.product(w, v)
        return variables.restricted(self._objective.product(w, variables.direction(v)))

    def gauss_newton(self, x, out):
        """Gauss-Newton matrix of the objective at x; of all parameters in `out`, (n_parameters, n_parameters)."""
        self._look_at_the_clock()
        matrix = self._objective.gauss_newton(self.parameters(x), out)
        return matrix if self._variables is None else self._variables.restricted(matrix)

    def _look_at_the_clock(self):
        if monotonic() >= self._until:
            raise _Ended(1, "STOP: MAX_TIME REACHED")
        self._n_products += 1

    def parameters(self, x):
        """w that x stands for."""
        return x if self._variables is None else self._variables.parameters(x)

    def record(self, x, value):
        """Note an iterate; its gradient is what was computed last, as a rule."""
        self.x, self._value = x.copy(), float(value)
        self._n_iter += 1
        self._loss_curve.append(self._loss())
        if self._verbose:
            print(f"Iteration {self._n_iter}, loss = {value:.8f}")
        if self._watch is not None:
            gradient = self._gradient_there()
            if self._variables is not None:
                gradient = self._variables.projected(x, gradient)
            if self._watch.reached(self._n_iter, self.parameters(x), gradient):
                raise _Ended(0, "STOP: ENDED BY WHO WATCHED")
            if self._n_iter < self.max_iter:
                self._watch.begins()

    def judge(self, x, value):
        """Note an iterate, and end the search where one of its limits is reached."""
        before, step = self._value, x - self.x
        self.record(x, value)
        if self._loss_curve[-1] <= self._goal:
            raise _Ended(0, "CONVERGENCE: LOSS IS NOT ABOVE GOAL")
        if np.abs(self._gradient_there()).max() <= self._tol:
            raise _Ended(0, "CONVERGENCE: NORM OF GRADIENT <= TOL")
        if before - value <= self._ftol * max(abs(before), abs(value), 1.0) and np.isfinite(before):
            raise _Ended(0, "CONVERGENCE: RELATIVE REDUCTION OF F <= FTOL")
        if np.linalg.norm(step) < self._xtol * np.linalg.norm(x):
            raise _Ended(0, "CONVERGENCE: RELATIVE LENGTH OF STEP < XTOL")
        if self._n_iter >= self.max_iter:
            raise _Ended(1, "STOP: TOTAL NO. OF ITERATIONS REACHED LIMIT")

    def start(self):
        """Value and gradient at the start, which may be the end."""
        self._value, gradient = self.evaluate(self.x)
        if np.abs(gradient).max() <= self._tol or self._loss() <= self._goal:
            raise _Ended(0, "CONVERGENCE: THERE FROM THE START")
        return self._value, gradient

    def stuck(self):
        """End a search that has tried all: what is left of a decrease is rounding."""
        raise _Ended(0, "CONVERGENCE: NO STEP DECREASES F")

    def overflowed(self):
        """End a search that cannot go on, for its second derivatives are beyond all numbers."""
        raise _Ended(2, "STOP: CURVATURE BEYOND ALL NUMBERS")

    def finish(self, result):
        """End a search where SciPy has ended it by itself, with its status and message."""
        raise _Ended(result.status, result.message)

    def run(self, minimise):
        """Call `minimise(search)`, which may return a result of SciPy's.

        Returns
        -------
        result : scipy.optimize.OptimizeResult
            With the minimum `x`, of the type of w; `loss`, the value reported there, NaN where Ctrl-C came before it;
            numbers of iterations, of values with gradients, and of Hessian-vector products or Gauss-Newton matrices
            `nit`, `nfev` and `nhev`; `status`, 0 for convergence, and `message`.

        Raises
        ------
        ValueError
            Where the objective or the length of its gradient is not finite at the start.

        Warns
        -----
        UserWarning
            On Ctrl-C, which ends the search with the last iterate: at once, without another pass over the data.
        """
        status, message, interrupted = 0, "interrupted", False
        try:
            if self._watch is not None:
                self._watch.begins()
            result = minimise(self)
            if result is not None:
                self.x, self._value, self._n_iter = result.x, float(result.fun), result.nit
                status, message = result.status, result.message
        except _Ended as ended:
            status, message = ended.args
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=3)
            interrupted = True
        return OptimizeResult(
            x=self.parameters(self.x).astype(self._dtype), fun=self._value, loss=self._loss(), nit=self._n_iter,
            nfev=self._n_evaluations, nhev=self._n_products, status=status, message=message, interrupted=interrupted,
        )  # fmt: skip

    def _loss(self):
        """The value reported at the last iterate."""
        penalty = self._objective.penalty(self.parameters(self.x))
        penalty += 0.0 if self._variables is None else self._variables.penalty(self.x)
        return self._loss_scale * (self._value - penalty) + penalty

    def _gradient_there(self):
        """Gradient at the last iterate."""
        x, gradient = self._last
        return gradient if np.array_equal(x, self.x) else self._function(self.x)[1]
