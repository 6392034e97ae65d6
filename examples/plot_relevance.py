# SPDX-License-Identifier: BSD-3-Clause
"""Which inputs matter? The diabetes data with five columns of noise, each input with a penalty of its own.

The evidence raises the penalty of an input that the data do not ask for, until its weights are as good as 0. What is
printed is the size that it leaves them: the standard deviation of the prior. It tells what the network uses: of inputs
that say the same it may keep one, and by chance it may keep a column of noise. A higher evidence is not always a better
prediction: new rows tell.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from bpnet import LaplaceRegressor, MLPRegressor

data = load_diabetes()
noise = np.random.default_rng(2).normal(size=(len(data.data), 5))
X, y = scale(np.hstack([data.data, noise])), scale(data.target)
names = [*data.feature_names, *(f"noise {k}" for k in range(1, 6))]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)

net = MLPRegressor(hidden_layer_sizes=5, activation="tanh", random_state=0)
models = {groups: LaplaceRegressor(net, alpha="evidence", groups=groups, max_refits=60) for groups in ("one", "input")}
for groups, model in models.items():
    model.fit(X_train, y_train)
    rmse = np.sqrt(np.mean((model.predict(X_test) - y_test) ** 2))
    print(
        f"groups={groups!r:8} log evidence {model.log_marginal_likelihood_:.1f} with "
        f"{model.n_effective_parameters_:.0f} parameters used; RMSE {rmse:.3f} on new patients"
    )

model = models["input"]
size = np.sqrt(model.noise_ / model.alpha_[: len(names)])
for k in np.argsort(-size):
    print(f"{names[k]:8} weights of size {size[k]:.4f}  {'#' * round(40 * size[k] / size.max())}")

try:
    import matplotlib.pyplot as plt
except ImportError:
    print("For a picture: pip install bpnet[plot]")
else:
    figure, axes = plt.subplots(layout="constrained")
    order = np.argsort(size)
    axes.barh([names[k] for k in order], size[order], color=["C1" if k > 9 else "C0" for k in order])
    axes.set(xlabel="size of the weights under the prior", title="Relevance of each input")
    figure.savefig(Path(__file__).with_suffix(".png"))
    print(f"Relevance: {Path(__file__).stem}.png, beside this example")
