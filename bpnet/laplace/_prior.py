# SPDX-License-Identifier: BSD-3-Clause
"""The prior that a penalty stands for: which of an estimator's alphas is which precision, and of which parameters.

All precisions are in the unit of the estimator's alpha, that is of the sum of losses E = sum_n s_n E_n: a fit with
alpha minimises E + alpha / 2 |weights|^2. Under normal noise of variance v the negative logarithm of the posterior is
this over v, so the precision of the prior is alpha / v; under a log-loss v is 1.
"""

import numpy as np

from bpnet.frozen import frozen_parameters

#: Precision of the biases, which no penalty holds: a thousandth of a row of data. The prior stands around the fitted
#: biases, so that it moves nothing; it makes the posterior proper where the data do not determine a bias.
BIAS_PRECISION = 1e-3

#: Solvers that divide the penalty by the weight of a batch, not by that of all rows.
_IN_BATCHES = ("sgd", "adam", "rmsprop")

GROUPS = ("one", "layer", "input")


def effective_alpha(estimator, n_samples):
    """The alpha of E + alpha / 2 |weights|^2 whose minimum the estimator's solver looks for.

    A step of a mini-batch b follows (E_b + alpha / 2 |weights|^2) / S_b. The mean of its gradient over the batches of
    an epoch is that of E / S + alpha mean_b(1 / S_b) / 2 |weights|^2, and S times this has alpha mean_b(S / S_b), about
    alpha times the number of batches. Weights of rows are taken to be spread evenly: S / S_b = n_samples / n_b.
    """
    if estimator.solver not in _IN_BATCHES:
        return float(estimator.alpha)
    if estimator.early_stopping:
        n_samples -= int(np.ceil(estimator.validation_fraction * n_samples))
    size = min(200 if estimator.batch_size == "auto" else estimator.batch_size, n_samples)
    n_full, rest = divmod(n_samples, size)
    sizes = np.array([size] * n_full + [rest] * (rest > 0))
    return float(estimator.alpha * np.mean(n_samples / sizes))


def moving(topology, frozen, structure):
    """Places of the parameters that have a posterior: those that are not frozen, of all layers or of the last."""
    marks = frozen_parameters(topology, frozen)
    free = np.ones(topology.n_parameters, bool) if marks is None else ~marks
    if structure == "last_layer":
        free[: topology.plan.weight_ranges[-1][0]] = False
    if not free.any():
        raise ValueError("expected parameters with a posterior, but all those of the last layer are frozen")
    return np.flatnonzero(free)


def groups_of(topology, groups):
    """Number of the alpha of each parameter, -1 for biases, which have none.

    Parameters
    ----------
    topology : Topology
    groups : {"one", "layer", "input"}
        All weights; those of each layer; those out of each input, and then those of each layer that hears no input.
    """
    number = np.full(topology.n_parameters, -1)
    for k, (start, stop) in enumerate(topology.plan.weight_ranges):
        number[start:stop] = k if groups != "one" else 0
    if groups == "input":
        number[number >= 0] += topology.n_inputs
        _number_inputs(topology, number)
        used = np.unique(number[number >= 0])
        number[number >= 0] = np.searchsorted(used, number[number >= 0])
    return number


def _number_inputs(topology, number):
    """Write i for the weights out of input i."""
    form = topology._form
    for k, (start, _) in enumerate(topology.plan.weight_ranges):
        layer = topology.layers[k]
        if "input" not in layer.sources:
            continue
        if form.cells(k) is not None:
            raise ValueError("groups='input' needs layers whose connections to the inputs all exist")
        sizes = [form.sizes[source] for source in layer.sources]
        at = layer.sources.index("input")
        begin = start + sum(sizes[:at]) * layer.n_units
        inputs = np.repeat(np.arange(topology.n_inputs), layer.n_units)
        number[begin : begin + len(inputs)] = inputs


def precisions(number, alphas):
    """Prior precision of each parameter, out of its group's number and the alphas of the groups."""
    return np.where(number < 0, BIAS_PRECISION, np.asarray(alphas, np.float64)[number])
