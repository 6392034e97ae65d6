# SPDX-License-Identifier: BSD-3-Clause
"""Networks at their minimum to many digits, where closed forms of the posterior hold, and judges of their Jacobians."""

import numpy as np

FINE = {"solver": "lbfgs", "tol": 1e-10, "max_iter": 5000, "max_fun": 50000, "random_state": 0}
NET = {"hidden_layer_sizes": (4,), "activation": "tanh", "alpha": 0.5, **FINE}
STRUCTURES = ("full", "last_layer", "kronecker", "diagonal")


def numeric_jacobian(net, X):
    """dy/dw by central differences, (n, K, W)."""
    w, columns = net.parameters.copy(), []
    for k in range(len(w)):
        ends = []
        for step in (1e-5, -1e-5):
            net.parameters[k] = w[k] + step
            ends.append(net.predict_raw(X) if net._reads_raw else net.predict(X))
            net.parameters[k] = w[k]
        columns.append((ends[0] - ends[1]) / 2e-5)
    return np.stack(columns, axis=-1)
