# SPDX-License-Identifier: BSD-3-Clause
"""From the columns of a table to numbers that a network can learn from, by scikit-learn's own transformers."""

import sys
from numbers import Integral

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

#: Most columns made of one: the rarest categories share the last. As many as HistGradientBoosting accepts, and enough
#: to keep a column of names or numbers of orders from filling the memory.
MAX_CATEGORIES = 255


def make_preprocessor(numeric, categorical):
    """A transformer that is still to be fitted.

    Numbers are standardised; a missing one becomes the mean, and a further column says that it was missing, where any
    was in training. Categories become columns of 0 and 1, a missing value being a category like others; categories that
    training did not see are 0 in all of them, or count as rare where some do.

    Parameters
    ----------
    numeric, categorical : list of int
        Positions of columns.

    Returns
    -------
    ColumnTransformer
    """
    # Scaled before they are filled in, so that the missing do not shrink the spread and the indicators stay 0 and 1.
    numbers = make_pipeline(StandardScaler(), SimpleImputer(add_indicator=True, keep_empty_features=True))
    categories = make_pipeline(
        FunctionTransformer(as_objects, feature_names_out="one-to-one"),
        OneHotEncoder(
            handle_unknown="infrequent_if_exist",
            max_categories=MAX_CATEGORIES,
            sparse_output=False,
            dtype=np.float32,
        ),
    )
    parts = [("numeric", numbers, numeric), ("categorical", categories, categorical)]
    transformer = ColumnTransformer([part for part in parts if part[2]], sparse_threshold=0.0)
    return transformer.set_output(transform="default")  # arrays, whatever scikit-learn is set to


def as_objects(X):
    """Columns as objects, all that is missing as None: the encoder knows of one kind of missing alone."""
    if is_frame(X):
        return X.astype(object).where(X.notna(), None).to_numpy(dtype=object)
    X = np.array(X, dtype=object)
    X[X != X] = None  # NaN alone differs from itself
    return X


def na_as_nan(X):
    """The same with NaN where pandas' NA stands among objects: scikit-learn's transformers do not know NA there."""
    if is_frame(X):
        objects = [j for j, dtype in enumerate(X.dtypes) if isinstance(dtype, np.dtypes.ObjectDType)]
        if any(X.iloc[:, j].isna().any() for j in objects):
            X = X.copy()
            for j in objects:
                X.isetitem(j, X.iloc[:, j].where(X.iloc[:, j].notna(), np.nan))
    elif isinstance(X, np.ndarray | list | tuple) and "pandas" in sys.modules:
        na = sys.modules["pandas"].NA
        table = X if isinstance(X, np.ndarray) else np.array(X, dtype=object)
        if table.dtype == object:
            is_na = np.frompyfunc(lambda value: value is na, 1, 1)(table).astype(bool)
            if is_na.any():  # else lists stay what they are
                X = np.where(is_na, np.nan, table)
    return X


def is_frame(X):
    """Whether X is a pandas DataFrame, without importing pandas."""
    return hasattr(X, "iloc") and hasattr(X, "dtypes") and hasattr(X, "columns")


def split_columns(X, categorical_features):
    """Which columns hold numbers and which categories.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_samples, n_features)
    categorical_features : "from_dtype", None, or array-like of bool, int or str
        As the estimators have it.

    Returns
    -------
    numeric, categorical : list of int
        Positions, in order.

    Raises
    ------
    ValueError
        For columns that are not there, and for columns of a DataFrame that are neither numbers nor categories.
    """
    kinds = [dtype.kind for dtype in X.dtypes] if is_frame(X) else [X.dtype.kind] * X.shape[1]
    if isinstance(categorical_features, str):  # "from_dtype"
        chosen = {j for j, kind in enumerate(kinds) if kind in "bOSU"} if is_frame(X) else set()
    else:
        chosen = set() if categorical_features is None else set(_positions(X, categorical_features))
    numeric = [j for j in range(len(kinds)) if j not in chosen]
    if is_frame(X):
        # Objects may be numbers after all: the scaler finds out.
        for j in numeric:
            if kinds[j] not in "iufbO":
                raise ValueError(
                    f"expected columns of numbers, booleans, strings or categories, got {X.columns[j]!r} of type "
                    f"{X.dtypes.iloc[j]}: turn it into numbers"
                )
    return numeric, sorted(chosen)


def _positions(X, chosen):
    """Positions of columns that are given by names, by positions or by a mask."""
    n, chosen = X.shape[1], np.asarray(chosen)
    if chosen.size == 0:
        return []
    if chosen.ndim != 1:
        raise ValueError(f"expected categorical_features in one dimension, got shape {chosen.shape}")
    if chosen.dtype.kind == "b":
        if len(chosen) != n:
            raise ValueError(f"expected a mask categorical_features of {n} columns, got {len(chosen)}")
        return np.flatnonzero(chosen).tolist()
    if chosen.dtype.kind in "OSU" and not all(isinstance(column, Integral) for column in chosen.tolist()):
        if not is_frame(X):
            raise ValueError("categorical_features names columns, but X has no names: expected a DataFrame")
        names = list(X.columns)
        if unknown := [name for name in chosen.tolist() if name not in names]:
            raise ValueError(f"categorical_features names columns that X does not have: {unknown}")
        return [names.index(name) for name in chosen.tolist()]
    if chosen.dtype.kind not in "iuO":
        raise ValueError(f"expected categorical_features as names, positions or a mask, got {chosen.tolist()}")
    if chosen.min() < -n or chosen.max() >= n:
        raise ValueError(f"expected positions below {n} in categorical_features, got {chosen.tolist()}")
    return [int(j) % n for j in chosen]
