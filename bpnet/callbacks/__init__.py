# SPDX-License-Identifier: BSD-3-Clause
"""Callbacks of the estimators, and what else watches a training: progress, checkpoints, the search for a rate.

A callback is a function of one `EpochRecord`; training ends when it returns True. An object that is called so may have
a method `end()` too, which is called once when training ends, however it does.
"""

from bpnet.callbacks._record import EpochRecord
from bpnet.callbacks.checkpoint import Checkpoint, resume
from bpnet.callbacks.learning_rate import LearningRateSearch, find_learning_rate
from bpnet.callbacks.progress import ProgressBar

__all__ = ["Checkpoint", "EpochRecord", "LearningRateSearch", "ProgressBar", "find_learning_rate", "resume"]
