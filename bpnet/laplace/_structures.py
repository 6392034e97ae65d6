# SPDX-License-Identifier: BSD-3-Clause
"""Posterior covariances (J' L J + D)^-1, D the precisions of the prior, in four structures.

Each tells the log-determinant of its matrix, the variance of each parameter, and `whiten`: rows J to rows B with
B B' = J (J' L J + D)^-1 J'. From those comes all that is predicted: B B' is a covariance, B times normal numbers are a
draw.
"""

import numpy as np
from scipy.linalg import cholesky, eigh, lapack, solve_triangular

from bpnet.laplace import _rows

STRUCTURES = ("full", "last_layer", "kronecker", "diagonal")


class Full:
    """All covariances, of all parameters or of the last layer's; memory O(W^2), time O(n_samples W^2 + W^3)."""

    def __init__(self, net, X, y, sample_weight, places, prior):
        matrix = _rows.full(net, X, y, sample_weight, places)
        matrix[np.diag_indices_from(matrix)] += prior[places]
        self.places = places
        # The transpose is what LAPACK reads, so nothing is copied.
        self.factor = cholesky(matrix.T, lower=True, overwrite_a=True, check_finite=False)
        self.log_det = 2 * np.log(self.factor.diagonal()).sum()

    def whiten(self, J):
        """Rows (m, W) to rows (m, r)."""
        some = J if J.shape[1] == len(self.places) else J[:, self.places]
        return solve_triangular(self.factor, some.T, lower=True, check_finite=False).T

    def variances(self):
        """Of each parameter at `places`."""
        inverse, _ = lapack.dtrtri(self.factor, lower=1)
        return np.einsum("ij,ij->j", inverse, inverse)


class Diagonal:
    """Variances alone, as if the parameters were independent given the data; memory O(W)."""

    def __init__(self, net, X, y, sample_weight, places, prior):
        precision = _rows.diagonal(net, X, y, sample_weight, places) + prior[places]
        self.places, self.precision = places, precision
        self.log_det = np.log(precision).sum()

    def whiten(self, J):
        """Rows (m, W) to rows (m, r)."""
        return J[:, self.places] / np.sqrt(self.precision)

    def variances(self):
        """Of each parameter at `places`."""
        return 1 / self.precision


class Kronecker:
    """For each layer a matrix of its sources times one of its units; memory O(sources^2 + units^2) for each.

    With A the former, G the latter and D the prior's precisions of the sources, A V = D V diag(p), V' D V = 1 and
    G U = U diag(q) the posterior's precision A (x) G + D (x) 1 is diagonal, p q + 1, in the basis V (x) U.
    """

    def __init__(self, net, X, y, sample_weight, places, prior):
        topology = net.topology
        self.places, self.layers, self.log_det = places, [], 0.0
        factors = _rows.kronecker(net, X, y, sample_weight)
        for k, (A, G) in enumerate(factors):
            start, n_units = topology.plan.weight_ranges[k][0], len(G)
            stop = start + len(A) * n_units
            D = prior[start:stop].reshape(len(A), n_units)[:, 0]
            p, V = eigh(A, np.diag(D), check_finite=False)
            q, U = eigh(G, check_finite=False)
            # Rounding may leave them a little below zero.
            scale = np.maximum(p, 0)[:, None] * np.maximum(q, 0) + 1
            self.layers.append((start, stop, V, U, scale))
            self.log_det += np.log(scale).sum() + n_units * np.log(D).sum()

    def whiten(self, J):
        """Rows (m, W) to rows (m, r)."""
        parts = []
        for start, stop, V, U, scale in self.layers:
            block = J[:, start:stop].reshape(len(J), *scale.shape)
            parts.append((V.T @ block @ U / np.sqrt(scale)).reshape(len(J), -1))
        return np.hstack(parts)

    def variances(self):
        """Of each parameter."""
        return np.concatenate([(V**2 @ (1 / scale) @ (U**2).T).ravel() for _, _, V, U, scale in self.layers])


#: Name of a structure -> its class.
CLASSES: dict[str, type] = {"full": Full, "last_layer": Full, "kronecker": Kronecker, "diagonal": Diagonal}


def check(topology, structure, frozen, places, max_memory):
    """Raise for structures that the network does not have, and MemoryError for those that take too much memory.

    Parameters
    ----------
    max_memory : float
        In GiB.
    """
    if structure == "kronecker":
        if frozen is not None:
            raise ValueError(
                "structure='kronecker' is that of whole layers: expected frozen=None, or another structure"
            )
        if any(topology._form.cells(k) is not None for k in range(len(topology.layers))):
            raise ValueError(
                "structure='kronecker' needs layers without missing connections; 'full', 'last_layer' and 'diagonal' "
                "do not"
            )
    needed = {name: memory(topology, name, len(places) if name == structure else None) for name in STRUCTURES}
    if needed[structure] > max_memory * 2**30:
        cheaper = [f"{name!r} {_as_text(size)}" for name, size in needed.items() if size < needed[structure]]
        raise MemoryError(
            f"structure={structure!r} of {len(places)} parameters takes {_as_text(needed[structure])}, more than "
            f"max_memory={max_memory} GiB; cheaper: {', '.join(cheaper) or 'none'}"
        )


def memory(topology, structure, n_parameters=None):
    """Bytes that a posterior takes while it is computed."""
    if structure == "kronecker":
        numbers = 0
        for layer, (start, stop) in zip(topology.layers, topology.plan.weight_ranges, strict=True):
            n_sources = (stop - start) // layer.n_units + layer.bias
            # Matrix and eigenvectors of both, and the sums of a chunk.
            numbers += 3 * (n_sources**2 + layer.n_units**2)
        return 8 * (numbers + topology.n_parameters)
    if n_parameters is None:
        n_parameters = topology.n_parameters
        if structure == "last_layer":
            n_parameters -= topology.plan.weight_ranges[-1][0]
    # The matrix, its triangle packed while it is summed, and the factor's inverse for the variances.
    return 8 * (2 * n_parameters if structure == "diagonal" else 2 * n_parameters**2)


def _as_text(size):
    return f"{size / 2**30:.1f} GiB" if size >= 2**29 else f"{size / 2**20:.1f} MiB"
