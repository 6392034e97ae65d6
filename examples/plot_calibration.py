# SPDX-License-Identifier: BSD-3-Clause
"""Do probabilities and intervals keep their word? Tumours by four measures, and the diabetes data, on new rows.

A network that learnt its few rows by heart is sure of itself and often wrong. Moderated probabilities, averaged over
what the data leave open, take that back, and more; with a penalty that rows set aside have chosen there is little to
take back. Of intervals for new targets, such a share should hold them as they promise.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from bpnet import LaplaceClassifier, LaplaceRegressor, MLPClassifier, MLPRegressor

net = {"hidden_layer_sizes": 10, "activation": "tanh", "solver": "lm", "max_iter": 1000, "random_state": 0}
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(scale(X[:, :4]), y, train_size=150, random_state=0)
weak = LaplaceClassifier(MLPClassifier(alpha=0.001, **net)).fit(X_train, y_train)
chosen = LaplaceClassifier(MLPClassifier(**net), alpha="validation").fit(X_train, y_train)
proba = {
    "weak penalty, plain": weak.predict_proba(X_test, moderated=False)[:, 1],
    "weak penalty, moderated": weak.predict_proba(X_test)[:, 1],
    "chosen penalty, plain": chosen.predict_proba(X_test, moderated=False)[:, 1],
    "chosen penalty, moderated": chosen.predict_proba(X_test)[:, 1],
}
for name, p in proba.items():
    right = np.mean((p > 0.5) == y_test)
    print(f"{name:26}log-loss {log_loss(y_test, p):.3f}, {right:.1%} right, {np.mean(abs(p - 0.5)) + 0.5:.1%} expected")

X, y = load_diabetes(return_X_y=True)
X_train, X_new, t_train, t_new = train_test_split(scale(X), scale(y), test_size=0.5, random_state=0)
patients = LaplaceRegressor(MLPRegressor(**net), alpha="validation").fit(X_train, t_train)
promised, held = np.linspace(0.05, 0.95, 19), []
for coverage in promised:
    low, high = patients.predict_interval(X_new, float(coverage)).T
    held.append(np.mean((low <= t_new) & (t_new <= high)))
print("intervals of 50, 90 and 95 % hold", ", ".join(f"{np.interp(p, promised, held):.0%}" for p in (0.5, 0.9, 0.95)))

try:
    import matplotlib.pyplot as plt
    from sklearn.calibration import CalibrationDisplay
except ImportError:
    print("For a picture of both: pip install bpnet[plot]")
else:
    figure, (left, right) = plt.subplots(ncols=2, figsize=(10, 5), layout="constrained")
    for name, p in proba.items():
        CalibrationDisplay.from_predictions(y_test, p, n_bins=8, strategy="quantile", name=name, ax=left)
    right.plot([0, 1], [0, 1], "k:")
    right.plot(promised, held, "s-")
    right.set(xlabel="coverage promised", ylabel="share of new targets held", title="Intervals, diabetes")
    figure.savefig(Path(__file__).with_suffix(".png"))
    print(f"Calibration: {Path(__file__).stem}.png, beside this example")
