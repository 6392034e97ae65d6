# SPDX-License-Identifier: BSD-3-Clause
"""What dropout, weight decay and an L1 penalty do to a net that is too large for its data: test loss epoch by epoch.

300 of the digits are learned by two layers of 128 units, which could know them by heart.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from bpnet import MLPClassifier

OPTIONS = {
    "nothing": {},
    "dropout .3": {"dropout": 0.3},
    "weight decay 1": {"weight_decay": 1.0},
    "L1 .02": {"alpha_l1": 0.02},
}
N_EPOCHS = 60

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, train_size=300, random_state=0, stratify=y)
curves = {}
print(f"{'':16}{'test log-loss':>14}{'accuracy':>10}{'weights at 0':>14}")
for name, options in OPTIONS.items():
    model = MLPClassifier(
        (128, 128), alpha=0, batch_size=32, learning_rate_init=0.003, max_iter=N_EPOCHS, random_state=0, **options
    )
    curves[name] = []
    for _ in range(N_EPOCHS):
        model.partial_fit(X_train, y_train, classes=range(10))
        curves[name].append(log_loss(y_test, model.predict_proba(X_test)))
    zeros = np.mean(np.concatenate([weights.ravel() for weights in model.coefs_]) == 0)
    print(f"{name:16}{curves[name][-1]:14.3f}{model.score(X_test, y_test):10.3f}{zeros:14.0%}")

try:
    import matplotlib.pyplot as plt
except ImportError:
    print("For a picture: pip install bpnet[plot]")
else:
    figure, ax = plt.subplots(layout="constrained")
    for name, curve in curves.items():
        ax.semilogy(curve, label=name)
    ax.set(xlabel="epoch", ylabel="test log-loss")
    ax.legend()
    figure.savefig(Path(__file__).with_suffix(".png"))
    print(f"Curves: {Path(__file__).stem}.png, beside this example")
