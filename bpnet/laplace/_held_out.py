# SPDX-License-Identifier: BSD-3-Clause
"""Precisions by rows set aside: the same walk as in search of the evidence, judged by what it says of rows unseen.

The evidence asks how probable the training targets were before anything was learnt, and often prefers a network that is
simpler than the one that predicts best. Here some of the rows are kept out of all fits of the walk. Each fit is judged
by their log-likelihood; in regression at the noise variance that makes this largest, which is the one reported, for the
residuals of training rows are too small by what was learnt from them. Then the best fit goes on to the minimum for all
rows at its own alpha: a precision times the variance of the noise, which does not grow with the number of rows.
"""

from dataclasses import replace
from functools import partial

import numpy as np
from scipy.special import log_expit
from sklearn.base import is_classifier
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.validation import _num_samples

from bpnet.laplace import _evidence, _rows
from bpnet.laplace._minimum import minimum
from bpnet.laplace._moderation import pairwise_probit, probit
from bpnet.laplace._posterior import TINY, approximate


def split(estimator, X, y):
    """Numbers of the rows to train on and of those set aside, by the estimator's `validation_fraction`, `random_state`.

    Classes stand in proportion on both sides.
    """
    X, y = indexable(X, y)
    y = np.asarray(y)
    stratify = y if is_classifier(estimator) and y.ndim == 1 else None
    rows = np.arange(_num_samples(X))
    return train_test_split(
        rows, test_size=estimator.validation_fraction, random_state=estimator.random_state, stratify=stratify
    )


def part(rows, X, y, sample_weight):
    """Those rows of what `fit` was given."""
    return tuple(None if each is None else _safe_indexing(each, rows) for each in indexable(X, y, sample_weight))


def choose(task, net, sides, max_refits):
    """The approximation at the alphas that predict the rows set aside best, its parameters, and the score of each fit.

    Parameters
    ----------
    task : Task
        Of all rows.
    net : Network
        Of float64; its parameters, which no row set aside has a part in, are where the fits begin, and in the end those
        returned.
    sides : pair of ndarray of int
        Numbers of the rows to train on and of those set aside.
    max_refits : int
        Not counting the last one, to all rows.
    """
    fitted, judged = (task.of_rows(rows) for rows in sides)
    if task.weight is not None and not (fitted.weight.any() and judged.weight.any()):
        raise ValueError("expected weights above 0 among the rows set aside and among those left for training")
    fit, w, scores = _evidence.ascend(fitted, net, max_refits, partial(score, judged))
    if task.normal and task.noise is None:
        net.parameters = w
        task = replace(task, noise=_noise(judged, *_rows.residuals(net, fit.posterior, judged.X, judged.y)))
    net.parameters = w = minimum(task, net, w, fit.alphas)
    return approximate(task, net, fit.alphas), w, scores


def score(task, net, fit):
    """Mean log-likelihood of the rows of a task for an approximation around the parameters of a network.

    With normal noise whose variance is not given it is that of the likeliest variance; of classes it is that of the
    moderated probabilities: plain ones of classes that no row contradicts are the better the weaker the prior.
    """
    if not task.normal:
        parts = _rows.linearised(net, fit.posterior, task.X)
        values = [_log_probability(net, task.y[rows], a, B) for rows, a, B in parts]
        return float(np.average(np.concatenate(values), weights=task.weight))
    residual, spread = _rows.residuals(net, fit.posterior, task.X, task.y)
    v = _noise(task, residual, spread) if task.noise is None else task.noise
    values = np.log(2 * np.pi * v) + np.log1p(spread) + residual**2 / (v * (1 + spread))
    return float(-0.5 * np.average(values.sum(axis=1), weights=task.weight))


def _log_probability(net, y, a, B):
    """Of each row's targets, (n,), which may be shares of classes."""
    if set(net.topology.out_activations) == {"softmax"}:
        p = pairwise_probit(a, B @ B.transpose(0, 2, 1))
        return (y * np.log(np.maximum(p, TINY))).sum(axis=1)
    a = probit(a, np.einsum("nkr,nkr->nk", B, B))
    return (y * log_expit(a) + (1 - y) * log_expit(-a)).sum(axis=1)


def _noise(task, residual, spread):
    """The noise variance v under which residuals of variance v (1 + spread) are the most likely."""
    return max(float(np.average((residual**2 / (1 + spread)).mean(axis=1), weights=task.weight)), TINY)
