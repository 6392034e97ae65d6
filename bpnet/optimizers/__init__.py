# SPDX-License-Identifier: BSD-3-Clause
"""Optimizers: how the parameters of an estimator move. They know neither scikit-learn nor the kinds of estimators."""
