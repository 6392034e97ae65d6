# SPDX-License-Identifier: BSD-3-Clause
"""Learning-rate schedules: how a rule's rate changes between epochs, and whether stagnation ends the training."""


class Constant:
    """The rate stays; stagnation ends the training."""

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
