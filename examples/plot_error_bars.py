# SPDX-License-Identifier: BSD-3-Clause
"""Error bars in one dimension, where they can be seen, and on real tables, where they can be counted.

The penalty is chosen by the evidence: no data are set aside for it. The band of the model alone is wide where there
are no data; with the noise it should hold nine of ten new targets. The tables are the diabetes data of scikit-learn
and, where BPNET_DATA names a folder with concrete.npz, the strength of concrete from the UCI repository.
"""

import os
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from bpnet import LaplaceRegressor, MLPRegressor

rng = np.random.default_rng(0)
x = np.concatenate([rng.uniform(-3, -0.8, 40), rng.uniform(0.8, 3, 40)])
y = np.sin(2 * x) + 0.15 * rng.standard_normal(80)
net = MLPRegressor(hidden_layer_sizes=20, activation="tanh", solver="lbfgs", max_iter=15000, random_state=0)
model = LaplaceRegressor(net, alpha="evidence").fit(x[:, None], y)
grid = np.linspace(-4.5, 4.5, 300)
mean, std = model.predict(grid[:, None], return_std=True, include_noise=False)
low, high = model.predict_interval(grid[:, None], coverage=0.9).T
print(f"noise {model.noise_**0.5:.2f}, truly 0.15; {model.n_effective_parameters_:.0f} parameters used of 61")
for name, place in {"among the data": 2.0, "between them": 0.0, "beyond them": 4.5}.items():
    print(f"the model's standard deviation {name:16}{np.interp(place, grid, std):.2f}")

tables = {"diabetes": load_diabetes(return_X_y=True)}
if "BPNET_DATA" in os.environ:
    with np.load(Path(os.environ["BPNET_DATA"], "concrete.npz")) as concrete:
        tables["concrete"] = concrete["X"].astype(float), concrete["y"].ravel().astype(float)
for name, (X, target) in tables.items():
    X_train, X_test, y_train, y_test = train_test_split(X, target, random_state=0)
    scaler = StandardScaler().fit(X_train)
    centre, spread = y_train.mean(), y_train.std()
    fitted = LaplaceRegressor(net, alpha="evidence").fit(scaler.transform(X_train), (y_train - centre) / spread)
    y_test = (y_test - centre) / spread
    for coverage in (0.5, 0.9, 0.95):
        bottom, top = fitted.predict_interval(scaler.transform(X_test), coverage).T
        print(
            f"{name}: intervals of {coverage:.0%} hold {np.mean((bottom <= y_test) & (y_test <= top)):.0%} of new rows"
        )

try:
    import matplotlib.pyplot as plt
except ImportError:
    print("For a picture of the bands: pip install bpnet[plot]")
else:
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    axes.fill_between(grid, low, high, alpha=0.2, label="90 % of new targets")
    axes.fill_between(grid, mean - 1.645 * std, mean + 1.645 * std, alpha=0.4, label="90 % of the function")
    axes.plot(grid, model.sample_y(grid[:, None], 4, include_noise=False), color="gray", linewidth=0.7)
    axes.plot(grid, mean, label="mean")
    axes.plot(x, y, ".k", label="data")
    axes.set(xlabel="x", ylabel="y", ylim=(-4, 4))
    axes.legend()
    figure.savefig(Path(__file__).with_suffix(".png"))
