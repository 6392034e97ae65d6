# SPDX-License-Identifier: BSD-3-Clause
"""How the outputs of a network become predictions of the targets, and how their derivatives do."""

import numpy as np

from bpnet._core.activations import apply


def predictions(loss, z):
    """Predictions out of the outputs that a loss was trained on.

    Parameters
    ----------
    loss : bpnet._core.losses.Loss
    z : ndarray of shape (n_samples, n_outputs)

    Returns
    -------
    ndarray of shape (n_samples, n_targets), or (n_samples, n_targets, n_levels) of several quantiles
        Means of normal distributions; quantiles, each at least the one before; what the `predict` of a user's loss
        makes of z, if it has one; else z itself.
    """
    if loss.name == "gaussian_nll":
        return np.ascontiguousarray(z[:, ::2])
    if loss.name == "quantile" and loss.n_each > 1:
        steps = z.reshape(len(z), -1, loss.n_each).copy()
        steps[..., 1:] = apply("softplus", np.ascontiguousarray(steps[..., 1:]))
        return np.cumsum(steps, axis=2)
    if loss.name == "own" and hasattr(loss.own.source, "predict"):
        return np.asarray(loss.own.source.predict(z))
    return z


def check_has_std(loss):
    """Raise ValueError for a loss that predicts no standard deviation."""
    if loss.name != "gaussian_nll":
        raise ValueError(f"return_std=True needs loss='gaussian_nll', which predicts a variance, got {loss.name!r}")


def standard_deviations(z):
    """Standard deviations of the normal distributions of 'gaussian_nll': shape (n_samples, n_targets)."""
    with np.errstate(over="ignore"):
        return np.exp(z[:, 1::2] / 2)


def prediction_jacobian(loss, z, jacobian):
    """Derivatives of the predictions to the inputs.

    Parameters
    ----------
    loss, z
        As for `predictions`.
    jacobian : ndarray of shape (n_samples, n_outputs, n_inputs)
        Derivatives of z.

    Returns
    -------
    ndarray of the shape of the predictions and one more axis, n_inputs
    """
    if loss.name == "gaussian_nll":
        return np.ascontiguousarray(jacobian[:, ::2])
    if loss.name == "quantile" and loss.n_each > 1:
        steps = jacobian.reshape(len(z), -1, loss.n_each, jacobian.shape[2]).copy()
        raw = z.reshape(len(z), -1, loss.n_each)[..., 1:]
        steps[:, :, 1:] *= apply("logistic", np.ascontiguousarray(raw))[..., None]
        return np.cumsum(steps, axis=2)
    if loss.name == "own" and hasattr(loss.own.source, "predict"):
        raise ValueError("a loss with its own predict has no Jacobian of predictions: use network_.jacobian")
    return jacobian
