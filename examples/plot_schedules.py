# SPDX-License-Identifier: BSD-3-Clause
"""Learning-rate schedules, and the training losses of the diabetes data that they lead to in the same 60 epochs."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler

from bpnet import MLPRegressor
from bpnet.schedules import PLANS

N_EPOCHS = 60


def steps(t):
    """A schedule of one's own: ten times less in the last third."""
    return 1.0 if t < 2 / 3 else 0.1


X, y = load_diabetes(return_X_y=True)
X, y = StandardScaler().fit_transform(X), (y - y.mean()) / y.std()
schedules = {"constant": "constant"} | {name: name for name in PLANS} | {"steps": steps}
models = {}
print(f"{'':12}{'loss after 20':>14}{'40':>8}{f'{N_EPOCHS} epochs':>12}")
for name, schedule in schedules.items():
    models[name] = MLPRegressor(
        hidden_layer_sizes=(64, 64), learning_rate=schedule, learning_rate_init=0.01, batch_size=32, tol=0,
        max_iter=N_EPOCHS, n_iter_no_change=np.inf, random_state=0,
    )  # fmt: skip
    for _ in range(N_EPOCHS):
        models[name].partial_fit(X, y)
    curve = models[name].loss_curve_
    print(f"{name:12}{curve[19]:14.4f}{curve[39]:8.4f}{curve[-1]:12.4f}")

try:
    import matplotlib.pyplot as plt
except ImportError:
    print("For a picture: pip install bpnet[plot]")
else:
    figure, (rates, losses) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    t = np.linspace(0, 1, 500)
    for name, schedule in schedules.items():
        function = PLANS.get(name, schedule if callable(schedule) else lambda t: 1.0)
        rates.plot(N_EPOCHS * t, [float(function(part)) for part in t], label=name)
        losses.semilogy(models[name].loss_curve_, label=name)
    rates.set(xlabel="epoch", ylabel="factor of the learning rate")
    losses.set(xlabel="epoch", ylabel="training loss")
    losses.legend()
    figure.savefig(Path(__file__).with_suffix(".png"))
    print(f"Curves: {Path(__file__).stem}.png, beside this example")
