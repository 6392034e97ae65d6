# SPDX-License-Identifier: BSD-3-Clause
"""Laplace's approximation around a fitted network: error bars, moderated probabilities, and the evidence."""

from bpnet.laplace.classifier import LaplaceClassifier
from bpnet.laplace.regressor import LaplaceRegressor

__all__ = ["LaplaceClassifier", "LaplaceRegressor"]
