# SPDX-License-Identifier: BSD-3-Clause
"""Precisions by the evidence: a walk that fits the network anew for each it tries, keeps the best, and ends on decline.

Two stages. Down: one alpha for all, from so strong a prior that nothing is learned, by factors of 4, each fit from the
minimum before. On: from the best of these towards MacKay's update, alpha = gamma v / |weights|^2, group by group. That
is a fixed point of the evidence with the log-determinant of the posterior held; repeated as it stands it walks past the
maximum, the effective parameters growing towards all there are. Here it only proposes: from the best fit so far a step
is tried of the alphas that are to rise, then one of all, then shorter ones. What is kept is the fit of the largest
evidence, and a stage ends when some in turn have not been better.

The walk may be judged by another score than the evidence: by rows set aside, see `_held_out.py`.
"""

from typing import Any

import numpy as np

from bpnet.laplace._minimum import minimum
from bpnet.laplace._posterior import approximate

#: Times the units that a weight comes from: then each unit's sum varies little at the start, and the data have to ask
#: for more.
_START = 3.0

#: Factor between the alphas on the way down, and most that an alpha changes in a step of the second stage: minima far
#: apart have little to do with each other.
_STRIDE = 4.0

#: The weakest prior that is tried, as a share of the first: below, rounding makes the posterior singular.
_WEAKEST = 1e-10

#: Fits in turn without gain before the way down ends. There are valleys, above all where the first units come to life:
#: twice as many while nothing better than a constant function has been found.
_PATIENCE = 4

#: What is tried of a step of the second stage, in turn until something gains: least power of the stride, which keeps
#: alphas from falling where it is 0, and share of the step. What runs away are the alphas that fall.
_TRIES = ((0, 1.0), (-1, 1.0), (0, 0.25), (-1, 0.25))

#: The least change of an alpha, of its logarithm, that is worth a fit.
_CHANGE = 0.01

#: Weights that use less than this of a parameter have fallen to the constant function; what begins there stays there.
_ALIVE = 0.5

#: Gain, in nats of the evidence, that counts: a tenth tells no two models apart.
_GAIN = 0.1


def ascend(task, net, max_refits, judge=None):
    """The best approximation found, its parameters, and the score of each fit in turn.

    Parameters
    ----------
    task : Task
    net : Network
        Of float64; its parameters are where the fits begin, and in the end those returned.
    max_refits : int
    judge : callable, optional
        Score of (network, approximation), per row of the task, in place of the evidence. One alpha for all is then
        left as the way down has it: a fourth or four times as much makes no difference to it.
    """
    walk = _Walk(task, net, max_refits, judge)
    n_groups = task.number.max(initial=0) + 1
    alphas = np.full(n_groups, _START * _mean_fan_in(net.topology) * _unit(task))
    walk.down(alphas)
    if judge is None or n_groups > 1:
        walk.on()
    net.parameters = walk.w
    return walk.best, walk.w, walk.scores


class _Walk:
    """Fits so far: the best one, its parameters `w`, and the score of each in turn."""

    def __init__(self, task, net, max_refits, judge):
        self.task, self.net, self.judge, self.max_refits = task, net, judge, max_refits
        self.best: Any = None
        self.w, self.scores = net.parameters.copy(), []
        # A score per row, times the rows, is in nats as the evidence is.
        self._unit = 1.0 if judge is None else task.total / task.y.shape[1]
        self._highest, self._weakest = -np.inf, np.zeros(1)

    def down(self, alphas):
        """The first stage: weaker and weaker priors."""
        w = start = self.net.parameters.copy()
        since = 0
        self._weakest = _WEAKEST * alphas
        while since < _PATIENCE * (1 + self._is_dead(self.best)) and self._goes_on() and (alphas > self._weakest).all():
            fit, w, gain = self._try(alphas, w)
            since = 0 if gain > _GAIN else since + 1
            alphas, w = alphas / _STRIDE, start if self._is_dead(fit) else w

    def _is_dead(self, fit):
        """Whether a fit has fallen to the constant function."""
        return fit is not None and fit.used[self.task.number[self.task.places] >= 0].sum() < _ALIVE

    def on(self):
        """The second stage: from the best, group by group."""
        since = 0
        while since < len(_TRIES) and self._goes_on():
            least, share = _TRIES[since]
            step = np.log(self.best.suggestion / self.best.alphas)
            step = share * np.clip(step, least * np.log(_STRIDE), np.log(_STRIDE))
            step = np.maximum(step, np.log(self._weakest / self.best.alphas))
            since += 1
            if abs(step).max() > _CHANGE and self._try(self.best.alphas * np.exp(step), self.w)[2] > _GAIN:
                since = 0

    def _goes_on(self):
        return len(self.scores) < self.max_refits

    def _try(self, alphas, w):
        """The fit from w, its parameters, and what it gains over the best, in nats; it is kept if it is better."""
        fit, w = self._fit(alphas, w)
        gain = (self.scores[-1] - self._highest) * self._unit
        if gain > 0:
            self.best, self.w, self._highest = fit, w, self.scores[-1]
        return fit, w, gain

    def _fit(self, alphas, w):
        """The approximation around the minimum for these alphas, and the minimum; its score is noted.

        None with score -inf where the prior is so weak that no noise is left, or the posterior is singular.
        """
        self.net.parameters = w = minimum(self.task, self.net, w, alphas)
        try:
            fit = approximate(self.task, self.net, alphas)
        except ValueError:
            if not self.scores:  # the strongest prior
                raise
            fit = None
        if fit is None:
            score = -np.inf
        else:
            score = fit.evidence if self.judge is None else self.judge(self.net, fit)
        self.scores.append(score)
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
