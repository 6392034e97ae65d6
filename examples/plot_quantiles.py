# SPDX-License-Identifier: BSD-3-Clause
"""How sure is the prediction? Bands of quantiles, and mean with standard deviation, on the diabetes data.

One network with the loss `Quantile([0.1, 0.5, 0.9])` predicts all three at once, and they never cross, however far away
the patient is from those it was trained on. The loss "gaussian_nll" predicts a mean and a standard deviation. The band
from the 10 % to the 90 % quantile should hold eight of ten patients it has not seen.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.metrics import mean_pinball_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from bpnet import MLPRegressor
from bpnet.losses import Quantile

X, y = load_diabetes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
scaler = StandardScaler().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
mean, spread = y_train.mean(), y_train.std()
settings = {"hidden_layer_sizes": (10,), "activation": "tanh", "solver": "lbfgs", "alpha": 10.0, "random_state": 0}
settings |= {"max_iter": 1000, "tol": 1e-3}
target = (y_train - mean) / spread

levels = [0.1, 0.5, 0.9]
bands = mean + spread * MLPRegressor(Quantile(levels), **settings).fit(X_train, target).predict(X_test)
middle, deviation = MLPRegressor("gaussian_nll", **settings).fit(X_train, target).predict(X_test, return_std=True)
middle, deviation = mean + spread * middle, spread * deviation
normal = middle[:, None] + deviation[:, None] * np.array([-1.2816, 0, 1.2816])

for name, band in {"three quantiles": bands, "mean and deviation": normal}.items():
    inside = np.mean((band[:, 0] <= y_test) & (y_test <= band[:, 2]))
    pinball = np.mean([mean_pinball_loss(y_test, band[:, k], alpha=level) for k, level in enumerate(levels)])
    width = (band[:, 2] - band[:, 0]).mean()
    print(f"{name:20}{inside:.0%} of the patients in the band of 80 %, width {width:.0f}, pinball loss {pinball:.2f}")
print(f"crossings among {len(bands)} patients: {(np.diff(bands, axis=1) < 0).sum()}")

try:
    import matplotlib.pyplot as plt
except ImportError:
    print("For a picture of the bands: pip install bpnet[plot]")
else:
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    order = bands[:, 1].argsort()
    axes.fill_between(range(len(order)), bands[order, 0], bands[order, 2], alpha=0.3, label="10 % to 90 %")
    axes.plot(bands[order, 1], label="median")
    axes.plot(y_test[order], ".k", label="true progression")
    axes.set(xlabel="patients, by predicted median", ylabel="progression of the disease")
    axes.legend()
    figure.savefig(Path(__file__).with_suffix(".png"))
