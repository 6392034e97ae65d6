# SPDX-License-Identifier: BSD-3-Clause
"""Weights of classes as weights of samples."""

from numbers import Real

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from bpnet.estimators._checks import too_large_is_a_value_error


def class_factors(class_weight, y, classes, sample_weight):
    """The weight of each class, as `class_weight` says for these rows.

    "balanced" weighs a class by n / (n_classes n_class), where a row counts as often as its sample weight says: so an
    integer weight stays the same as that many rows.

    Parameters
    ----------
    class_weight : dict, list of dict or "balanced"
        A list for several labels a row, with a dict for each; else a dict.
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Class numbers, or zeros and ones.
    classes : ndarray of shape (n_classes,)
        What the numbers stand for.
    sample_weight : ndarray of shape (n_samples,) or None

    Returns
    -------
    ndarray of shape (n_classes,) or (n_labels, 2), float64
        In the order of `classes`; for labels that are not and that are set.
    """
    for weights in class_weight if isinstance(class_weight, list) else [class_weight]:
        if isinstance(weights, dict) and not all(isinstance(weight, Real) for weight in weights.values()):
            raise TypeError(f"expected numbers as weights in class_weight, got {weights!r}")
    with too_large_is_a_value_error():
        if y.ndim == 2:
            factors = _of_labels(class_weight, (y > 0.5).astype(np.intp), sample_weight)
        elif isinstance(class_weight, str):
            factors = _balanced(y, len(classes), sample_weight)
        elif isinstance(class_weight, dict):
            factors = compute_class_weight(class_weight, classes=classes, y=classes[y])
        else:
            raise ValueError("expected class_weight as a dict or 'balanced' for one label per sample, got a list")
    if not (np.isfinite(factors) & (factors >= 0)).all():
        raise ValueError(f"expected finite weights of at least 0 in class_weight, got {class_weight}")
    return factors


def weigh(y, factors, sample_weight):
    """Sample weights times the weight of each row's class; of all its labels, where it has several."""
    if y.ndim == 1:
        weight = factors[y]
    else:
        weight = np.prod(
            [by_value[(column > 0.5).astype(np.intp)] for by_value, column in zip(factors, y.T, strict=True)], 0
        )
    return weight if sample_weight is None else weight * sample_weight


def _of_labels(class_weight, y, sample_weight):
    if isinstance(class_weight, str):
        return np.array([_balanced(column, 2, sample_weight) for column in y.T])
    if isinstance(class_weight, dict):
        raise ValueError("expected class_weight as a list with a dict for each label, or 'balanced', got a dict")
    if len(class_weight) != y.shape[1]:
        raise ValueError(f"expected {y.shape[1]} dicts in class_weight, one for each label, got {len(class_weight)}")
    for weights in class_weight:
        if not isinstance(weights, dict) or not {0, 1} >= set(weights):
            raise ValueError(f"expected dicts with weights for 0 and 1 in class_weight, got {weights!r}")
    return np.array([[weights.get(0, 1), weights.get(1, 1)] for weights in class_weight], float)


def _balanced(y, n_classes, sample_weight):
    """Weights that give all classes the same share; those without a row do not count."""
    counts = np.bincount(y, sample_weight, n_classes).astype(float)
    present = counts > 0
    return np.divide(counts.sum(), present.sum() * counts, out=np.ones(n_classes), where=present)
