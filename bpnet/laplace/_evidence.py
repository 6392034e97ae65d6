# SPDX-License-Identifier: BSD-3-Clause
"""Precisions by the evidence: an ascent that fits the network anew for each it tries, and keeps the best.

MacKay's update, alpha = gamma v / |weights|^2, is a fixed point of the evidence with the log-determinant of the
posterior held; repeated, it walks past the maximum, the effective parameters growing towards all there are. Here the
update gives a direction alone. A step along it counts where the evidence at the new minimum is larger; else it is
turned round and halved.
"""

import numpy as np
from scipy.optimize import minimize

from bpnet.laplace import _prior
from bpnet.laplace._posterior import approximate
from bpnet.objective import Objective

#: Times the units that a weight comes from: then each unit's sum varies little at the start, and the data have to ask
#: for more. Much more and the network falls to the constant function, which it does not leave.
_START = 3.0

#: Most that log alpha moves in one fit: minima far apart have little to do with each other.
_STRIDE = np.log(4.0)

#: Gain, in nats, below which it ends: a tenth of a nat tells no two models apart.
_GAIN = 0.1

#: Iterations of L-BFGS for each fit, and its tolerance as a share of the objective: below what the evidence can tell.
_ITERATIONS, _TOLERANCE = 1000, 1e-9

#: Pairs of steps that L-BFGS remembers: networks want more than SciPy's 10, and a pair costs little beside a gradient.
_PAIRS = 20


def ascend(task, net, max_refits):
    """The best approximation found, its parameters, and the evidence of each fit in turn.

    Parameters
    ----------
    task : Task
    net : Network
        Of float64; its parameters are where the ascent begins, and end as those returned.
    max_refits : int
    """
    alphas = np.full(task.number.max(initial=0) + 1, _START * _mean_fan_in(net.topology) * _unit(task))
    best, best_w = _fit(task, net, net.parameters, alphas)
    curve, stride = [best.evidence], 1.0
    while len(curve) < max_refits and abs(stride) > 1 / 20:
        step = np.clip(np.log(best.suggestion / best.alphas), -_STRIDE, _STRIDE)
        alphas = best.alphas * np.exp(stride * step)
        trial, w = _fit(task, net, best_w, alphas)
        curve.append(trial.evidence)
        gain = trial.evidence - best.evidence
        if gain > 0:
            best, best_w = trial, w
        if gain < _GAIN:
            stride *= -0.5
    net.parameters = best_w
    return best, best_w, curve


def minimum(task, net, w, alphas):
    """Parameters at the minimum of E + sum_i d_i w_i^2 / 2 that L-BFGS reaches from w; only those at `places` move."""
    held = np.where(task.number < 0, 0.0, _prior.precisions(task.number, alphas))
    objective = Objective(net, net._data(task.X, task.y, task.weight), 1.0, 0.0)
    w, places = w.copy(), task.places

    def value_and_gradient(moving):
        w[places] = moving
        value, gradient = objective.value_and_gradient(w)
        return value + (held * w) @ w / 2, (gradient + held * w)[places]

    options = {"maxiter": _ITERATIONS, "maxfun": 2 * _ITERATIONS, "ftol": _TOLERANCE, "gtol": 0.0, "maxcor": _PAIRS}
    w[places] = minimize(value_and_gradient, w[places], jac=True, method="L-BFGS-B", options=options).x
    return w


def _fit(task, net, w, alphas):
    """The approximation around the minimum for these alphas, and the minimum."""
    net.parameters = w = minimum(task, net, w, alphas)
    return approximate(task, net, alphas), w


def _unit(task):
    """Noise variance to begin with: what was given, or all the variance of the targets, 1 where they have none."""
    if task.noise is not None:
        return task.noise
    mean = np.average(task.y, axis=0, weights=task.weight)
    return np.average(((task.y - mean) ** 2).mean(axis=1), weights=task.weight) or 1.0


def _mean_fan_in(topology):
    """Mean over the layers of the connections into a unit."""
    ranges = zip(topology.layers, topology.plan.weight_ranges, strict=True)
    return np.mean([(stop - start) / layer.n_units for layer, (start, stop) in ranges])
