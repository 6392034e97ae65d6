# SPDX-License-Identifier: BSD-3-Clause
"""Which rows each net of an ensemble is judged on, and which it learns from."""

import numpy as np

#: Folds where there are fewer nets: each is trained on four fifths of the rows or more.
LEAST = 5


def deal(n_estimators, n_samples, random_state, classes=None):
    """Numbers of folds, one for each row: random, of equal size, and with each class spread evenly.

    A class of a single row is in no fold, -1: every net has to learn that it exists.

    Parameters
    ----------
    n_estimators : int
        At most n_samples.
    n_samples : int
    random_state : numpy.random.RandomState
    classes : ndarray of int of shape (n_samples,), optional

    Returns
    -------
    ndarray of intp of shape (n_samples,)
        Net k is judged on the rows of fold k. With fewer nets than folds the last ones judge nobody.
    """
    order = random_state.permutation(n_samples)
    folds = np.empty(n_samples, np.intp)
    if classes is not None:
        # Class after class the rows are dealt like cards, so that any two folds differ by one row of a class at most.
        order = order[np.argsort(classes[order], kind="stable")]
    n_folds = min(max(n_estimators, LEAST), n_samples)
    folds[order] = np.arange(n_samples) % n_folds
    if classes is not None:
        folds[np.bincount(classes)[classes] == 1] = -1
    return folds
