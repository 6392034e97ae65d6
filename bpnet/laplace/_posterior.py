# SPDX-License-Identifier: BSD-3-Clause
"""Laplace's approximation at given parameters and precisions: posterior, noise and evidence in one value."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError

from bpnet.laplace import _prior, _structures

#: Least noise variance: residuals of 0 would make the density infinite.
TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True)
class Task:
    """What stays the same whatever the parameters are: data of float64, groups of weights, structure.

    `noise` is the variance that the user gave, None where it is to be estimated, and 1 for a log-loss, which has
    none: `normal` tells these apart.
    """

    X: Any
    y: np.ndarray
    weight: np.ndarray | None
    number: np.ndarray
    places: np.ndarray
    structure: str
    normal: bool
    noise: float | None

    @property
    def total(self):
        """Numbers that were observed: targets, times the weights of their rows."""
        rows = self.y.shape[0] if self.weight is None else float(self.weight.sum())
        return rows * self.y.shape[1]

    def of_rows(self, rows):
        """The same task of some of its rows."""
        weight = None if self.weight is None else self.weight[rows]
        return replace(self, X=self.X[rows], y=self.y[rows], weight=weight)


@dataclass(frozen=True)
class Laplace:
    """The approximation: covariances are the posterior's times the noise variance."""

    posterior: Any
    alphas: np.ndarray
    noise: float
    evidence: float
    used: np.ndarray  # of each parameter the share that the data determine
    suggestion: np.ndarray  # alphas of MacKay's fixed point


def approximate(task, net, alphas):
    """The approximation around the parameters of a network.

    Parameters
    ----------
    task : Task
    net : Network
        Of float64.
    alphas : ndarray of shape (n_groups,)

    Returns
    -------
    Laplace

    Notes
    -----
    With M = E + sum_i d_i w_i^2 / 2 over the weights, d_i their alphas, under normal noise of variance v the logarithm
    of the evidence is

        -M / v - N / 2 log(2 pi v) + 1/2 sum_i log d_i - 1/2 log det(J' L J + D)

    N the numbers observed. The powers of v in the prior's and the posterior's determinant cancel, so 2 M / N is the v
    that makes it largest; it is taken where the noise is not given, for else alphas far off would be judged by a noise
    that does not fit them. For a log-loss v is 1 and the second term is missing.

    Source: MacKay, Neural Computation 4 (1992); Bishop, Pattern Recognition and Machine Learning (2006), section 5.7.
    """
    prior, places, w = _prior.precisions(task.number, alphas), task.places, net.parameters
    try:
        posterior = _structures.CLASSES[task.structure](net, task.X, task.y, task.weight, places, prior)
    except LinAlgError:
        raise ValueError(
            f"the posterior of alpha {np.min(alphas):.3g} is singular to rounding: expected a larger alpha"
        ) from None
    used = 1 - prior[places] * posterior.variances()
    is_weight = task.number[places] >= 0
    held = np.where(is_weight, prior[places] * w[places] ** 2, 0)
    error = net.loss(task.X, task.y, task.weight)
    penalty = np.where(task.number >= 0, prior, 0) @ w**2
    noise = _noise(task, error, penalty, used.sum())
    cost = error + held.sum() / 2
    v = max(2 * cost / task.total, TINY) if task.noise is None else task.noise
    evidence = -cost / v + np.log(prior[places]).sum() / 2 - posterior.log_det / 2
    if task.normal:
        evidence -= task.total / 2 * np.log(2 * np.pi * v)
    suggestion = _fixed_point(task, used, w, noise, alphas)
    return Laplace(posterior, np.asarray(alphas), noise, float(evidence), used, suggestion)


def _noise(task, error, penalty, n_used):
    """Noise variance: as given; or the sum of squares, 2 E, over the numbers that no parameter was spent on.

    Only the full posterior knows their number: the others count directions twice, or leave layers out. They take the
    variance that maximises the evidence, (2 E + penalty) / N, which is the same where alpha maximises it too.
    """
    if task.noise is not None:
        return task.noise
    if task.structure != "full":
        return max((2 * error + penalty) / task.total, TINY)
    left = task.total - n_used
    # A proper posterior uses less than it was given; what is left may round to nothing.
    if left <= 1e-10 * task.total:
        raise ValueError(
            f"{n_used:.1f} effective parameters leave nothing of {task.total:g} targets to estimate the noise from: "
            "expected a larger alpha, or noise as a number"
        )
    return max(2 * error / left, TINY)


def _fixed_point(task, used, w, noise, alphas):
    """gamma v / |weights|^2 of each group: where the evidence is stationary if its log-determinant were not to move."""
    number = task.number[task.places]
    inside = number >= 0
    count = len(alphas)
    gamma = np.bincount(number[inside], used[inside], count)
    squares = np.bincount(number[inside], w[task.places][inside] ** 2, count)
    with np.errstate(divide="ignore", invalid="ignore"):
        proposed = gamma * noise / squares
    return np.where(np.isfinite(proposed) & (proposed > 0), proposed, alphas)
