# SPDX-License-Identifier: BSD-3-Clause
"""Looking inside a classifier of digits: how it was trained, how it is wired, and what its last hidden layer sees.

The last hidden layer has two linear units, so its outputs are points in a plane, and the classes are what a softmax can
tell apart there.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bpnet import Layer, MLPClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
model = make_pipeline(
    StandardScaler(),
    MLPClassifier(
        topology=[Layer(40, "relu"), Layer(2, "identity", name="plane")],
        learning_rate_init=0.01,
        early_stopping=True,
        n_iter_no_change=40,
        random_state=0,
    ),
).fit(X_train, y_train)
print(model[-1].network_)
print(f"\n{model.score(X_test, y_test):.2f} of the test digits are right, out of two numbers for each.")

scaled = model[:-1].transform(X_test)
points = model[-1].hidden_output(scaled, "plane")
centres = np.array([points[y_test == digit].mean(axis=0) for digit in range(10)])
print("Means of the two units for each digit:")
for digit, centre in enumerate(centres):
    print(f"  {digit}: {centre[0]:6.1f} {centre[1]:6.1f}")

try:
    import matplotlib.pyplot as plt
except ImportError:
    print("For a picture: pip install bpnet[plot]")
else:
    from bpnet import DeltaDisplay, LossCurveDisplay, NetworkDisplay

    figure, axes = plt.subplots(2, 2, figsize=(11, 9), layout="constrained")
    LossCurveDisplay.from_estimator(model, ax=axes[0, 0])
    NetworkDisplay.from_estimator(model, max_units=12, ax=axes[0, 1])
    start = {"n_restarts": 20, "random_state": 0, "name": "as it starts"}
    DeltaDisplay.from_estimator(model, X_test, y_test, ax=axes[1, 0], **start)
    DeltaDisplay.from_estimator(model, X_test, y_test, ax=axes[1, 0], name="fitted")
    axes[1, 1].scatter(*points.T, c=y_test, cmap="tab10", s=12)
    for digit, centre in enumerate(centres):
        axes[1, 1].annotate(digit, centre, size="x-large", weight="bold")
    axes[1, 1].set(xlabel="unit 0 of the plane", ylabel="unit 1 of the plane")
    figure.savefig(Path(__file__).with_suffix(".png"))
    print(f"Curves, weights, error signals and these points: {Path(__file__).stem}.png, beside this example")
