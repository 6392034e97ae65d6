# SPDX-License-Identifier: BSD-3-Clause
"""The fit for given precisions of the prior: the minimum of E + sum_i d_i w_i^2 / 2, reached from where one stands.

What is no minimum has no evidence to speak of. Levenberg-Marquardt comes nearer to it in a hundred or two iterations
than L-BFGS in a thousand, though for 500 parameters it takes four times as long. An iteration costs n_samples W^2 + W^3
in time and W^2 in memory, as the full posterior does for each fit: so it is taken for that structure, up to so many
parameters, and L-BFGS elsewhere.
"""

import numpy as np
from scipy.optimize import minimize

from bpnet.laplace import _prior
from bpnet.objective import Objective
from bpnet.optimizers._variables import Variables
from bpnet.optimizers.lm import lm

#: Most parameters for Levenberg-Marquardt: an iteration takes some W / 20 times as long as one of L-BFGS.
_MOST_FOR_LM = 1000

#: Iterations of each kind, and the least decrease that counts as a share of the objective. A step of
#: Levenberg-Marquardt that gains less than 1e-5 changes the evidence of a thousand rows by less than a hundredth.
_LM, _LBFGS = (200, 1e-6), (1000, 1e-9)

#: Pairs of steps that L-BFGS remembers: networks want more than SciPy's 10, and a pair costs little beside a gradient.
_PAIRS = 20


class Held(Objective):
    """(E + sum_i d_i w_i^2 / 2) / scale, with a precision d_i of each parameter; biases are not held.

    Parameters
    ----------
    task : Task
    net : Network
    alphas : ndarray of shape (n_groups,)
    scale : float, default=1.0
    """

    def __init__(self, task, net, alphas, scale=1.0):
        super().__init__(net, net._data(task.X, task.y, task.weight), scale, 0.0)
        self.held = np.where(task.number < 0, 0.0, _prior.precisions(task.number, alphas))

    def data_term_and_gradient(self, w):
        """The part of the value without the penalty, and the whole gradient."""
        value, gradient = super().data_term_and_gradient(w)
        return value, gradient + self.held * w / self.total_weight

    def penalty(self, w):
        """sum_i d_i w_i^2 / 2 / scale."""
        return float((self.held * w) @ w) / (2 * self.total_weight)

    def gauss_newton(self, w, out):
        """Gauss-Newton matrix at w, with the penalty's part, in `out`."""
        super().gauss_newton(w, out)
        out.flat[:: len(out) + 1] += self.held / self.total_weight
        return out


def minimum(task, net, w, alphas):
    """Parameters at the minimum that is reached from w; only those at `places` move."""
    objective = Held(task, net, alphas)
    # Its own value at the start, so that decreases are shares of it whatever the unit of the targets.
    objective.total_weight = objective.value_and_gradient(w)[0] or 1.0
    frozen = np.ones(len(w), bool)
    frozen[task.places] = False
    variables = Variables(w, 0.0, np.zeros_like(frozen), frozen)
    settle = _by_lm if task.structure == "full" and len(w) <= _MOST_FOR_LM else _by_lbfgs
    return settle(objective, w, variables)


def _by_lm(objective, w, variables):
    most, tolerance = _LM
    result = lm(objective, w, max_iter=most, ftol=tolerance, variables=variables)
    if result.interrupted:
        raise KeyboardInterrupt
    return result.x


def _by_lbfgs(objective, w, variables):
    most, tolerance = _LBFGS
    options = {"maxiter": most, "maxfun": 2 * most, "ftol": tolerance, "gtol": 0.0, "maxcor": _PAIRS}
    function = variables.objective(objective.value_and_gradient)
    return variables.parameters(minimize(function, variables.start(), jac=True, method="L-BFGS-B", options=options).x)
