# SPDX-License-Identifier: BSD-3-Clause
"""Checks of arrays at the doors of `Network`; the estimators use scikit-learn's."""

from numbers import Integral, Real

import numpy as np
from numpy.random import Generator, RandomState

from bpnet._core.data import all_finite
from bpnet.losses import check_targets


def as_data_type(dtype):
    """float32 or float64 as a `numpy.dtype`."""
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"expected dtype float32 or float64, got {dtype}")
    return dtype


def as_random_state(seed):
    """A source of random numbers from None, an integer, a RandomState or a Generator."""
    if isinstance(seed, RandomState | Generator):
        return seed
    if seed is not None and not isinstance(seed, int | np.integer):
        raise TypeError(f"expected random_state as None, an integer, a RandomState or a Generator, got {seed!r}")
    return RandomState(seed)


def check_choice(name, value, choices):
    """Raise ValueError unless a value is one of some words."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"expected {name} out of {', '.join(choices)}, got {value!r}")


def check_number(name, value):
    """Raise TypeError unless a value is a real number."""
    if not isinstance(value, Real):
        raise TypeError(f"expected {name} as a number, got {value!r}")


def check_count(value, name, least=0):
    """An integer of at least so much."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"expected {name} as an integer, got {value!r}")
    if value < least:
        raise ValueError(f"expected {name} of at least {least}, got {value}")
    return int(value)


def as_inputs(X, n_inputs, dtype, check_finite=True):
    """X in the form the core reads: a contiguous matrix, or (values, columns, indptr) of a sparse one.

    Raises ValueError for NaN, infinities and wrong shapes, TypeError for what is no array of numbers. Without
    `check_finite` a dense matrix may hold NaN and infinities still.
    """
    if hasattr(X, "tocsr"):
        return as_csr(X, n_inputs, dtype)
    X = _as_numbers(X, "X", dtype, check_finite)
    if X.ndim != 2 or X.shape[1] != n_inputs:
        raise ValueError(f"expected X of shape (n_samples, {n_inputs}), got {X.shape}")
    return X


def as_csr(X, n_inputs, dtype):
    """The three arrays of a sparse matrix in CSR form, indices as int32 and intp."""
    X = X.tocsr()
    if X.ndim != 2 or X.shape[1] != n_inputs:
        raise ValueError(f"expected X of shape (n_samples, {n_inputs}), got {X.shape}")
    n_entries = int(X.indptr[-1])  # there may be room for more
    values = _as_numbers(X.data[:n_entries], "X", dtype)
    columns = X.indices[:n_entries]
    if n_entries and not 0 <= columns.min() <= columns.max() < n_inputs:
        raise ValueError(f"expected columns from 0 to {n_inputs - 1} in X, got {columns.min()} to {columns.max()}")
    return values, np.ascontiguousarray(columns, np.int32), np.ascontiguousarray(X.indptr, np.intp)


def as_targets(y, n_samples, n_outputs, loss, dtype):
    """y as (n_samples, n_targets) numbers, or as int32 class numbers where the loss is the multinomial one."""
    given = np.asarray(y)
    if loss.name == "multinomial_log_loss" and given.ndim == 1 and given.dtype.kind in "iu":
        y = given.astype(np.int32)
        if len(y) != n_samples:
            raise ValueError(f"expected y for {n_samples} samples, got {len(y)}")
        if len(y) and not 0 <= given.min() <= given.max() < n_outputs:
            raise ValueError(
                f"expected class numbers from 0 to {n_outputs - 1} in y, got {given.min()} to {given.max()}"
            )
        return y
    y = _as_numbers(y, "y", dtype)
    if y.ndim == 1:
        y = y.reshape(-1, 1)
    if y.ndim != 2 or len(y) != n_samples or loss.n_raw(y.shape[1]) != n_outputs:
        columns = n_outputs // loss.n_each if loss.n_each else "n_targets"
        raise ValueError(
            f"expected y of shape ({n_samples}, {columns}), got {np.shape(given)}"
            + ("" if loss.n_each == 1 else f": loss {loss.name!r} reads several of the {n_outputs} outputs per target")
        )
    check_targets(loss, y)
    return y


def as_directions(v, n_parameters, dtype):
    """v as a contiguous matrix of directions in the parameters, one a row."""
    v = _as_numbers(v, "v", dtype)
    if v.ndim not in (1, 2) or v.shape[-1] != n_parameters:
        raise ValueError(f"expected v of shape ({n_parameters},) or (n_directions, {n_parameters}), got {v.shape}")
    return np.atleast_2d(v)


def as_raw(of):
    """Whether `of` asks for the raw outputs."""
    if not isinstance(of, str) or of not in ("output", "raw"):
        raise ValueError(f"expected of as 'output' or 'raw', got {of!r}")
    return of == "raw"


def as_weights(sample_weight, n_samples, dtype):
    """Sample weights as a vector, or None."""
    if sample_weight is None:
        return None
    weight = _as_numbers(sample_weight, "sample_weight", dtype)
    if weight.shape != (n_samples,):
        raise ValueError(f"expected sample_weight of shape ({n_samples},), got {weight.shape}")
    if n_samples and weight.min() < 0:
        raise ValueError(f"expected sample_weight of at least 0, got {weight.min()}")
    return weight


def _as_numbers(values, name, dtype, check_finite=True):
    """A contiguous array of finite numbers of this type; no copy where it is one already."""
    # Conversion is gone around where there is nothing to convert: it takes longer than the outputs of one row.
    ready = type(values) is np.ndarray and values.dtype == dtype and values.flags.c_contiguous and values.flags.aligned
    array = values if ready else as_array(values, name, dtype)
    if check_finite and not all_finite(array):
        raise ValueError(f"expected finite numbers in {name}, got NaN, infinity or one too large for {np.dtype(dtype)}")
    return array


def as_array(values, name, dtype):
    """A contiguous array of this type; TypeError or ValueError for what is none of real numbers."""
    try:
        given = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"expected an array of numbers as {name}: {error}") from None
    has_strings = given.dtype.kind == "O" and any(isinstance(value, str) for value in given.flat)
    if given.dtype.kind not in "fiubO" or has_strings:
        raise TypeError(f"expected numbers in {name}, got {given.dtype}")
    try:
        with np.errstate(over="ignore"):  # numbers too large for the type become infinite, and are refused as such
            return np.require(given, dtype, ["C", "A"]).reshape(given.shape)
    except (TypeError, ValueError, OverflowError) as error:  # of objects
        raise (TypeError if isinstance(error, TypeError) else ValueError)(
            f"expected numbers in {name}: {error}"
        ) from None
