# SPDX-License-Identifier: BSD-3-Clause
"""Frozen parameters: which ones a training leaves as they are."""

from numbers import Integral

import numpy as np


def frozen_parameters(topology, frozen):
    """Mark the parameters that a training does not move.

    Parameters
    ----------
    topology : Topology
    frozen : None, str, int, sequence of str and int, or ndarray of bool of shape (n_parameters,)
        Names of layers, or their places as in `coefs` (from the end where negative): weights into the layer and its
        biases. Or the marks themselves.

    Returns
    -------
    ndarray of bool of shape (n_parameters,), or None
        None where everything moves.

    Raises
    ------
    ValueError
        For unknown layers, vectors of another shape, and where nothing would move.
    TypeError
        For anything else.

    Examples
    --------
    >>> from bpnet import Topology
    >>> frozen_parameters(Topology.layered([2, 1, 1]), "h1").tolist()
    [True, True, True, False, False]
    """
    if frozen is None:
        return None
    names = [frozen] if isinstance(frozen, str | Integral) else list(frozen)
    if names and all(isinstance(name, bool | np.bool_) for name in names):
        marks = np.array(names)
        if marks.shape != (topology.n_parameters,):
            raise ValueError(f"expected frozen as {topology.n_parameters} bools, one per parameter, got {len(marks)}")
    else:
        marks = np.zeros(topology.n_parameters, bool)
        for name in names:
            start, stop = _range(topology, name)
            marks[start:stop] = True
    if marks.all():
        raise ValueError("expected at least one parameter that is not frozen, got none")
    return marks if marks.any() else None


def _range(topology, name):
    """Where the parameters of a layer begin and end."""
    known = [layer.name for layer in topology.layers]
    if isinstance(name, bool | np.bool_) or not isinstance(name, str | Integral):
        raise TypeError(f"expected frozen layers as names or numbers, got {name!r}")
    if isinstance(name, str) and name not in known:
        raise ValueError(f"expected frozen layers out of {', '.join(map(str, known))}, got {name!r}")
    if not isinstance(name, str) and not -len(known) <= int(name) < len(known):
        raise ValueError(f"expected numbers of frozen layers from {-len(known)} to {len(known) - 1}, got {name}")
    k = known.index(name) if isinstance(name, str) else int(name) % len(known)
    start, stop = topology.plan.weight_ranges[k]
    return start, stop + topology.layers[k].n_units * topology.layers[k].bias
