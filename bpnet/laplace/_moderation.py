# SPDX-License-Identifier: BSD-3-Clause
"""Moderated probabilities: means of the logistic function and of the softmax over normal arguments, approximately."""

import numpy as np

#: (1 + v pi / 8)^(-1/2) shrinks the log-odds as normal noise of variance v does: the logistic function and the normal
#: distribution function of argument sqrt(pi / 8) have the same slope at 0 (MacKay 1992).
_PROBIT = np.pi / 8


def probit(a, variance):
    """What the logistic function takes to its mean over normal arguments of these means and variances."""
    return a / np.sqrt(1 + _PROBIT * variance)


def pairwise_probit(a, cov):
    """Mean of the softmax of normal a, approximately: each difference of two shrunk by its own variance.

    Parameters
    ----------
    a : ndarray of shape (n, K)
    cov : ndarray of shape (n, K, K)

    Returns
    -------
    ndarray of shape (n, K)
        Rows add up to 1.
    """
    variance = np.einsum("nkk->nk", cov)
    spread = variance[:, :, None] + variance[:, None, :] - 2 * cov
    shrunk = (a[:, :, None] - a[:, None, :]) / np.sqrt(1 + _PROBIT * np.maximum(spread, 0))
    # log of 1 / sum_i exp(-shrunk_ki), which no difference of raw outputs makes overflow.
    lowest = shrunk.min(axis=2, keepdims=True)
    log = lowest[..., 0] - np.log(np.exp(lowest - shrunk).sum(axis=2))
    p = np.exp(log - log.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)
