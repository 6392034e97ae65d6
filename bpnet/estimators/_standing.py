# SPDX-License-Identifier: BSD-3-Clause
"""Where a training stands: what a checkpoint keeps, so that it can go on to the same bits."""

import zlib
from dataclasses import dataclass

import numpy as np

from bpnet.optimizers.stochastic import Progress


@dataclass
class Standing:
    """All that the next epochs depend on, but for the data and the estimator's parameters."""

    w: np.ndarray
    progress: Progress
    order: np.ndarray
    rows_set_aside: np.ndarray | None
    random_state: np.random.RandomState
    n_iter: int = 0
    elapsed: float = 0.0
    stops: bool = False
    checksum: int | None = None


def checksum(*arrays):
    """A number that tells data from others: of dense and sparse arrays, None and tuples of them."""
    total = 0
    for array in arrays:
        if isinstance(array, tuple):
            total = zlib.crc32(str(checksum(*array)).encode(), total)
        elif hasattr(array, "tocsr"):
            total = zlib.crc32(str(checksum(array.data, array.indices, array.indptr)).encode(), total)
        else:
            about = None if array is None else (array.shape, array.dtype.str)
            total = zlib.crc32(repr(about).encode(), total)
            if array is not None and array.size:
                total = zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, total)
    return total
