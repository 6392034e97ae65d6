# SPDX-License-Identifier: BSD-3-Clause
"""Learning-rate schedules: how a rule's rate changes by epoch or step, and whether stagnation ends the training."""

import numpy as np


class Constant:
    """The rate stays; stagnation ends the training."""

    #: Whether a training that lasts all its epochs has come to its end as it should.
    ends_as_planned = False

    def rates(self, n_steps):
        """Rates of the steps of the next epoch, or None: the rule's own."""

    def epoch_ended(self, rule, n_seen):
        """Called after each epoch, with the number of samples seen in all."""

    def stagnated(self, rule):
        """Called when nothing has improved for long: None to go on, or the reason to stop, which may be empty."""
        return ""


class InverseScaling(Constant):
    """rate = initial rate / (samples seen + 1)^power."""

    def __init__(self, initial_rate, power):
        self.initial_rate, self.power = initial_rate, power

    def epoch_ended(self, rule, n_seen):
        """Set the rate of the next epoch."""
        rule.rate = self.initial_rate / (n_seen + 1) ** self.power


class Adaptive(Constant):
    """Stagnation divides the rate by five; below 1e-6 it ends the training."""

    def stagnated(self, rule):
        """Lower the rate, or stop."""
        if rule.rate <= 1e-6:
            return "Learning rate too small. "
        rule.rate /= 5.0
        return None


def cosine(t):
    """1 at the start, 0 at the end, half a cosine between (Loshchilov and Hutter, 2017)."""
    return 0.5 * (1 + np.cos(np.pi * t))


def coslog4(t):
    """Four cosine waves from 0 to 0, each half as fast as the one before (RealMLP: Holzmueller et al., 2024)."""
    return 0.5 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * t)))


def one_cycle(t):
    """From 1/25 up to 1 in three tenths of the time, then down to 1/250000, by half cosines (Smith and Topin, 2019)."""
    low, last, top = 1 / 25, 1 / 250_000, 0.3  # as torch.optim.lr_scheduler.OneCycleLR has them
    up = low + (1 - low) * 0.5 * (1 - np.cos(np.pi * np.minimum(t / top, 1)))
    down = last + (1 - last) * 0.5 * (1 + np.cos(np.pi * np.maximum(t - top, 0) / (1 - top)))
    return np.where(t < top, up, down)


#: Factors of the initial rate as functions of t, the part of the training that is done.
PLANS = {"cosine": cosine, "coslog4": coslog4, "one_cycle": one_cycle}


class Planned(Constant):
    """rate = initial rate times a function of t, step by step.

    t is the part of the training that is done before the step: from 0 up to, but not including, 1. Stagnation ends the
    training as it does for `Constant`.

    Parameters
    ----------
    initial_rate : float
    plan : str or callable
        One of `PLANS`; or any function of t, a float, that returns the factor, at least 0.
    n_epochs : int
        Length of the training; after it t stays 1.

    Attributes
    ----------
    n_done : int
        Epochs that are over.

    Raises
    ------
    ValueError
        For an unknown name.
    TypeError
        For what is neither a name nor callable.

    Examples
    --------
    >>> Planned(0.1, "cosine", 2).rates(2).round(4)  # of the first of two epochs, with two steps each
    array([0.1   , 0.0854])
    """

    ends_as_planned = True

    def __init__(self, initial_rate, plan, n_epochs):
        if isinstance(plan, str) and plan not in PLANS:
            raise ValueError(f"expected a schedule out of {', '.join(PLANS)}, or a callable, got {plan!r}")
        if not isinstance(plan, str) and not callable(plan):
            raise TypeError(f"expected a schedule as a name or a callable, got {plan!r}")
        self.initial_rate, self.plan, self.n_epochs, self.n_done = initial_rate, plan, n_epochs, 0

    def rates(self, n_steps):
        """Rates of the steps of the next epoch: an array."""
        t = np.minimum((self.n_done + np.arange(n_steps) / n_steps) / self.n_epochs, 1.0)
        factors = PLANS[self.plan](t) if isinstance(self.plan, str) else self._ask(t)
        return self.initial_rate * factors

    def epoch_ended(self, rule, n_seen):
        """Count it."""
        self.n_done += 1

    def _ask(self, t):
        """Factors from the user's function."""
        given = [self.plan(float(part)) for part in t]
        try:
            factors = np.array([float(factor) for factor in given])
        except (TypeError, ValueError):
            raise TypeError(f"expected a schedule that returns numbers, got {given[0]!r}") from None
        if not (np.isfinite(factors).all() and (factors >= 0).all()):
            raise ValueError(f"expected a schedule that returns finite factors of at least 0, got {factors.min()}")
        return factors
