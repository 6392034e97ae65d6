# SPDX-License-Identifier: BSD-3-Clause
"""Noise that is not the same everywhere: in one dimension, where it can be seen, and on the diabetes data.

A network of its own learns how the variance depends on the input; one variance for all is too large on one side and too
small on the other. On the diabetes data, models of the noise are compared by the log-likelihood of patients they have
not seen, for one network and for three averaged.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from bpnet import LaplaceRegressor, MLPRegressor


def draw(n, seed):
    """Rows, and targets whose noise grows tenfold from left to right."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, n)
    return x[:, None], np.sin(2 * x) + np.exp(0.6 * x - 1.2) * rng.standard_normal(n)


net = MLPRegressor(hidden_layer_sizes=8, activation="tanh", solver="lm", alpha=0.1, max_iter=100, random_state=0)
x, y = draw(300, seed=0)
models = {
    "one variance": LaplaceRegressor(net).fit(x, y),
    "one that depends on x": LaplaceRegressor(net, noise="heteroscedastic").fit(x, y),
}
x_new, y_new = draw(5000, seed=1)
for name, model in models.items():
    low, high = model.predict_interval(x_new, coverage=0.9).T
    inside = (low <= y_new) & (y_new <= high)
    left, right = inside[x_new[:, 0] < 0].mean(), inside[x_new[:, 0] > 0].mean()
    print(f"{name:22}intervals of 90 % hold {left:.0%} on the left, {right:.0%} on the right")

X, progression = load_diabetes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, progression, random_state=0)
scaler = StandardScaler().fit(X_train)
centre, spread = y_train.mean(), y_train.std()
patients = MLPRegressor(hidden_layer_sizes=5, activation="tanh", solver="lm", alpha=3.0, max_iter=100, random_state=0)
for noise in (None, "student_t", "heteroscedastic"):
    for n_estimators in (1, 3):
        model = LaplaceRegressor(patients, noise=noise, n_estimators=n_estimators)
        model.fit(scaler.transform(X_train), (y_train - centre) / spread)
        density = model.log_density(scaler.transform(X_test), (y_test - centre) / spread) - np.log(spread)
        print(f"{noise or 'normal':16}{n_estimators} of a kind: log-likelihood of new patients {density.mean():.3f}")

try:
    import matplotlib.pyplot as plt
except ImportError:
    print("For a picture of the bands: pip install bpnet[plot]")
else:
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    grid = np.linspace(-2, 2, 200)[:, None]
    for (name, model), style in zip(models.items(), ("--", "-"), strict=True):
        axes.plot(grid, model.predict_interval(grid, coverage=0.9), style, color="C0", label=[f"90 %, {name}", None])
    axes.plot(grid, models["one that depends on x"].predict(grid), color="C1", label="mean")
    axes.plot(x, y, ".k", markersize=4, label="data")
    axes.set(xlabel="x", ylabel="y")
    axes.legend()
    figure.savefig(Path(__file__).with_suffix(".png"))
