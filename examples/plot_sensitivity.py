# SPDX-License-Identifier: BSD-3-Clause
"""Which measurements sway the diagnosis? Exact derivatives of a classifier's probability, on the breast cancer data.

`predict_jacobian` says how the predicted probability changes with each feature, for each patient. Difference quotients
say the same to fewer digits and take two predictions per feature. Averaged over patients the derivatives rank the
features, and the ranking can be put to the test: features that sway the probability little may be left out.
"""

from pathlib import Path
from time import perf_counter

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from bpnet import MLPClassifier

data = load_breast_cancer()
X_train, X_test, y_train, y_test = train_test_split(data.data, data.target, random_state=0, stratify=data.target)
scaler = StandardScaler().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
settings = {"activation": "tanh", "solver": "lbfgs", "alpha": 10.0, "max_iter": 500, "random_state": 0}
model = MLPClassifier((20, 20), **settings).fit(X_train, y_train)

start = perf_counter()
exact = model.predict_jacobian(X_test)[:, 1]
exact_time = perf_counter() - start

start, step = perf_counter(), 1e-5
quotients = np.empty_like(exact)
for i, move in enumerate(step * np.eye(X_test.shape[1])):
    ahead, behind = model.predict_proba(X_test + move), model.predict_proba(X_test - move)
    quotients[:, i] = (ahead - behind)[:, 1] / (2 * step)
quotient_time = perf_counter() - start
print(f"Jacobian of {len(X_test)} patients: {1e3 * exact_time:.2f} ms; differences: {1e3 * quotient_time:.2f} ms")
print(f"largest disagreement: {np.abs(exact - quotients).max():.1e}")

sway = np.sqrt((exact**2).mean(axis=0))
order = sway.argsort()[::-1]
print("\nchange of the probability of a benign tumour, per standard deviation of the feature:")
for i in order[:5]:
    print(f"  {data.feature_names[i]:24}{exact[:, i].mean():+.4f}")
for name, chosen in {"ten that sway it most": order[:10], "ten that sway it least": order[-10:]}.items():
    score = MLPClassifier((20, 20), **settings).fit(X_train[:, chosen], y_train).score(X_test[:, chosen], y_test)
    print(f"a network of the {name} is right for {score:.1%}, that of all for {model.score(X_test, y_test):.1%}")

try:
    import matplotlib.pyplot as plt
except ImportError:
    print("For a picture of all features: pip install bpnet[plot]")
else:
    figure, axes = plt.subplots(figsize=(8, 8), layout="constrained")
    axes.barh(data.feature_names[order[::-1]], sway[order[::-1]])
    axes.set(xlabel="root mean square of d P(benign) / d feature, per standard deviation")
    figure.savefig(Path(__file__).with_suffix(".png"))
