# SPDX-License-Identifier: BSD-3-Clause
"""The norm that `gradient_tol` is compared with in mini-batch training."""

from math import ceil

import numpy as np

from bpnet.estimators._options import moving_variables
from bpnet.objective import Objective


def gradient_norm(estimator, network, job, rows, batch_size):
    """Function that gives the Euclidean norm of the gradient of what mini-batch training minimises, over all rows.

    That is (sum_n s_n E_n + b alpha / 2 |w|^2) / sum_n s_n, with the penalty counted once for each of the b batches,
    as their steps do, and an L1 penalty likewise: of its subgradients the shortest counts. What is frozen does not. One
    call costs a sweep over the data forth and back, about as much as an epoch.

    Parameters
    ----------
    estimator : BaseMLP
    network : Network
    job : Job
        With the data, which are not copied.
    rows : ndarray of intp
        Those trained on.
    batch_size : int
    """
    n_rows, weight = len(job.y), job.weight
    if weight is not None or len(rows) < n_rows:
        inside = np.zeros(n_rows, network.dtype)
        inside[rows] = 1 if weight is None else weight[rows]
        weight = inside
    total_weight = n_rows if weight is None else float(weight.sum(dtype=np.float64))
    n_batches = ceil(len(rows) / batch_size)
    objective = Objective(network, job.data(network, weight), total_weight, estimator.alpha * n_batches)
    function = objective.value_and_gradient

    def norm():
        variables = moving_variables(estimator, network, n_batches / total_weight)
        if variables is None:
            return float(np.linalg.norm(function(network.parameters)[1]))
        x = variables.start()
        return float(np.linalg.norm(variables.projected(x, variables.objective(function)(x)[1])))

    return norm
