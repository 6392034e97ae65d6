# SPDX-License-Identifier: BSD-3-Clause
"""The split of early stopping where the classes are to stand in proportion on both sides."""

from math import ceil

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils.extmath import _approximate_mode


def stratified_split(y, classes, fraction, random_state):
    """Training and validation rows: the very draws of scikit-learn's `train_test_split`.

    That one goes through lists of Python numbers, which take 40 MB for a million rows.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class numbers.
    classes : ndarray
        What they stand for; only errors tell.
    fraction : float
        Of validation rows.
    random_state : numpy.random.RandomState
    """
    members = [np.flatnonzero(y == number) for number in np.unique(y)]
    counts = np.array([len(rows) for rows in members])
    n_validation = ceil(fraction * len(y))
    n_train = len(y) - n_validation
    if counts.min() < 2 or min(n_train, n_validation) < len(members):
        train_test_split(y, test_size=fraction, stratify=classes[y])  # raises, and says why
    in_train = _approximate_mode(counts, n_train, random_state)
    in_validation = _approximate_mode(counts - in_train, n_validation, random_state)
    train, validation = [], []
    for rows, n, m in zip(members, in_train, in_validation, strict=True):
        rows = rows[random_state.permutation(len(rows))]
        train.append(rows[:n])
        validation.append(rows[n : n + m])
    return random_state.permutation(np.concatenate(train)), random_state.permutation(np.concatenate(validation))
