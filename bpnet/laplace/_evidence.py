# SPDX-License-Identifier: BSD-3-Clause
"""Precisions by the evidence: a walk that fits the network anew for each it tries, keeps the best, and ends on decline.

Two stages. Down: one alpha for all, from so strong a prior that nothing is learned, by factors of 4, each fit from the
minimum before. On: from the best of these along MacKay's update, alpha = gamma v / |weights|^2, group by group. That is
a fixed point of the evidence with the log-determinant of the posterior held; repeated as it stands it walks past the
maximum, the effective parameters growing towards all there are. Here it only proposes, as the way down does: what is
kept is the fit of the largest evidence, and a stage ends when some in turn have not been better.
"""

import numpy as np
from scipy.optimize import minimize

from bpnet.laplace import _prior
from bpnet.laplace._posterior import approximate
from bpnet.objective import Objective

#: Times the units that a weight comes from: then each unit's sum varies little at the start, and the data have to ask
#: for more.
_START = 3.0

#: Factor between the alphas on the way down, and most that an alpha changes in a step of the second stage: minima far
#: apart have little to do with each other.
_STRIDE = 4.0

#: Fits in turn without gain before a stage ends. There are valleys: where the first units come to life, say.
_PATIENCE = 4

#: Weights that use less than this of a parameter have fallen to the constant function; what begins there stays there.
_ALIVE = 0.5

#: Gain, in nats, that counts: a tenth tells no two models apart.
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
        Of float64; its parameters are where the fits begin, and in the end those returned.
    max_refits : int
    """
    start = net.parameters.copy()
    curve: list[float] = []
    n_groups = task.number.max(initial=0) + 1
    alphas = np.full(n_groups, _START * _mean_fan_in(net.topology) * _unit(task))

    def down(alphas, fit, w):
        is_dead = fit is not None and fit.used[task.number[task.places] >= 0].sum() < _ALIVE
        return alphas / _STRIDE, start if is_dead else w

    def on(alphas, fit, w):
        step = 0 if fit is None else np.log(fit.suggestion / alphas)
        return alphas * np.exp(np.clip(step, -np.log(_STRIDE), np.log(_STRIDE))), w

    best = _walk(task, net, max_refits, curve, alphas, start, down)
    alphas, w = on(best[0].alphas, *best)
    fit, w = _walk(task, net, max_refits, curve, alphas, w, on, best)
    net.parameters = w
    return fit, w, curve


def _walk(task, net, max_refits, curve, alphas, w, advance, best=(None, None)):
    """Fit and advance until some fits in turn have not been better than the best, which is returned."""
    since = 0
    while len(curve) < max_refits and since < _PATIENCE:
        fit, w = _fit(task, net, w, alphas, curve)
        gain = np.inf if best[0] is None else curve[-1] - best[0].evidence
        since = 0 if gain > _GAIN else since + 1
        if gain > 0:
            best = fit, w
        alphas, w = advance(alphas, fit, w)
    return best


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


def _fit(task, net, w, alphas, curve):
    """The approximation around the minimum for these alphas, and the minimum; the evidence is added to the curve.

    None with evidence -inf where the prior is so weak that no noise is left, or the posterior is singular.
    """
    net.parameters = w = minimum(task, net, w, alphas)
    try:
        fit = approximate(task, net, alphas)
    except ValueError:
        if not curve:  # the strongest prior
            raise
        fit = None
    curve.append(-np.inf if fit is None else fit.evidence)
    return fit, w


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
