# SPDX-License-Identifier: BSD-3-Clause
"""How far do Levenberg-Marquardt, L-BFGS and Adam come in the same time? The diabetes data, the same start.

Levenberg-Marquardt needs few iterations, each of which solves a system of equations for all parameters at once; the
others need many cheap ones.
"""

import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from bpnet import MLPRegressor

X, y = load_diabetes(return_X_y=True)
X, y = scale(X), scale(y)
settings = {"hidden_layer_sizes": (10,), "activation": "tanh", "alpha": 0.1, "random_state": 0, "tol": 0.0}
solvers = {
    "lm": {},
    "scg": {},
    "trust-ncg": {},
    "lbfgs": {},
    "adam": {"batch_size": len(X), "learning_rate_init": 0.01, "n_iter_no_change": np.inf},
}

curves = {}
for solver, more in solvers.items():
    seconds = []
    model = MLPRegressor(solver=solver, max_iter=10**6, max_fun=10**6, max_time=1.0, **settings, **more)
    model.set_params(callbacks=[lambda record, seconds=seconds: seconds.append(record.elapsed)])
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    curves[solver] = seconds, model.loss_curve_
    print(f"{solver:9}  loss {model.loss_:.4f} after {model.n_iter_:5} iterations, {time.perf_counter() - began:.2f} s")

print("Each ends at a minimum of its own; the least of five starts of 'lm':", end=" ")
best = MLPRegressor(solver="lm", max_iter=200, max_time=2.0, n_restarts=5, **settings)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(f"{best.fit(X, y).loss_:.4f} out of", [round(loss, 4) for loss in best.restart_losses_])

try:
    import matplotlib.pyplot as plt
except ImportError:
    print("For a picture: pip install bpnet[plot]")
else:
    figure, panel = plt.subplots(layout="constrained")
    for solver, curve in curves.items():
        panel.plot(*curve, label=solver)
    panel.set(xscale="log", yscale="log", xlabel="seconds", ylabel="loss")
    panel.legend()
    figure.savefig(Path(__file__).with_suffix(".png"))
    print(f"Curves: {Path(__file__).stem}.png, beside this example")
