# SPDX-License-Identifier: BSD-3-Clause
"""The libraries compared, one file each, with the same methods; each is timed as its experts would write it.

`Peer(dtype, threads)` has

- `trainer(workload, X, y)`: a function fit(n_passes) that trains from `make_start` and gives the number of
  passes made and the loss it ended with. Data are converted, and code compiled, before the clock runs;
- `predictor(workload, X, y)`: a function of X, a NumPy array, to a NumPy array;
- `product(A)`: a function that computes A @ A;
- `derivatives(case, X, T, w, v)`, of those that differentiate: the ways to a derivative, {name: f}. f() makes one
  ready, and gives the function without arguments that is timed; what that gives, NumPy takes as an array.
"""

import sys
from importlib import import_module, metadata

RIVALS = ("sklearn", "torch", "jax")
# SciPy brings the BLAS that bpnet uses, and L-BFGS.
NAMES = {
    "bpnet": "bpnet", "sklearn": "scikit-learn", "torch": "PyTorch", "jax": "JAX", "numpy": "NumPy", "scipy": "SciPy"
}  # fmt: skip
DISTRIBUTIONS = {"sklearn": "scikit-learn"}

#: Of plain gradient descent and Adam, in all libraries.
RATES = {"sgd": 0.01, "adam": 0.001}


def version(peer):
    """Version of an installed peer, None where it is not installed."""
    try:
        return metadata.version(DISTRIBUTIONS.get(peer, peer))
    except metadata.PackageNotFoundError:
        return None


def installed(chosen):
    """Those of the chosen peers that are installed, with a word for each other."""
    absent = [peer for peer in chosen if version(peer) is None]
    for peer in absent:
        print(f"{NAMES[peer]} is not installed: skipped", file=sys.stderr)
    return [peer for peer in chosen if peer not in absent]


def load(peer, dtype, threads):
    """The peer of that name; its library is imported here."""
    return import_module(f"peers.{peer}").Peer(dtype, threads)
