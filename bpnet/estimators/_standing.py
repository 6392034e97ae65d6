# SPDX-License-Identifier: BSD-3-Clause
"""Where a training stands: what a checkpoint keeps, so that it can go on to the same bits."""

import zlib
from dataclasses import dataclass, field

import numpy as np

from bpnet.losses import are_same
from bpnet.optimizers.stochastic import Progress
from bpnet.topology import Topology

#: Parameters of the estimator that have done their work when training begins: a change would not be heeded.
SETTLED = (
    "learning_rate", "learning_rate_init", "power_t", "momentum", "nesterovs_momentum", "beta_1", "beta_2", "epsilon",
    "initializer", "random_state", "validation_fraction",
)  # fmt: skip


@dataclass
class Standing:
    """All that the next epochs depend on, but for the data and the estimator's parameters.

    `topology` and `settings` are what the parameters have led to that can no longer be changed.
    """

    w: np.ndarray
    progress: Progress
    order: np.ndarray
    rows_set_aside: np.ndarray | None
    random_state: np.random.RandomState
    n_iter: int = 0
    elapsed: float = 0.0
    stops: bool = False
    checksum: int | None = None
    topology: Topology | None = None
    settings: dict = field(default_factory=dict)

    def check(self, estimator, on_given):
        """Raise ValueError where the estimator has other parameters than its training can go on with."""
        for name, before in self.settings.items():
            now = getattr(estimator, name)
            is_same = are_same(now, before) if name == "loss" else now is before or now == before
            if not is_same:
                raise ValueError(f"expected {name} as in the checkpoint, {before!r}, got {now!r}")
        if estimator.early_stopping and self.rows_set_aside is None and not on_given:
            raise ValueError("expected early_stopping=False as in the checkpoint, without rows set aside, got True")

    def check_network(self, network):
        """Raise ValueError for a network of another topology."""
        if network.topology != self.topology:
            raise ValueError(
                "expected hidden_layer_sizes, activation, out_activation and topology as in the checkpoint: "
                f"{self.topology!r}, got {network.topology!r}"
            )


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
