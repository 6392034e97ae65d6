# SPDX-License-Identifier: BSD-3-Clause
"""Error signals at the start of training: predicted from the weights' mean and variance, and measured.

Predicted is the expected delta, exactly and as if slopes and error signals were independent, and the expected delta^2.
Measured are their means over drawn networks, with standard errors.
"""

from pathlib import Path

from sklearn.datasets import load_diabetes
from sklearn.preprocessing import scale

from bpnet import Network, Topology
from bpnet.diagnostics import WeightMoments, delta_statistics, predict_delta_statistics

X, y = map(scale, load_diabetes(return_X_y=True))
X, y = X[:100], y[:100]
tables = {}
for title, activation, loss, start in [
    ("tanh, squared error, Glorot", "tanh", "squared_error", {"variance": "glorot"}),
    ("relu, squared error, He", "relu", "squared_error", {"variance": "he"}),
    ("logistic, squared error, mean 0.05", "logistic", "squared_error", {"mean": 0.05, "bias_variance": 0.5}),
    ("relu, log-loss, He, biases 0.1", "relu", "log_loss", {"variance": "he", "bias_mean": 0.1}),
]:
    out = "identity" if loss == "squared_error" else "logistic"
    topology = Topology.layered([X.shape[1], 50, 50, 50, 1], activation, out)
    net, start = Network(topology, loss), WeightMoments(topology, **start)
    targets = y if loss == "squared_error" else y > 0
    predicted = predict_delta_statistics(net, X, targets, moments=start, n_restarts=50, random_state=0)
    measured = delta_statistics(net, X, targets, n_restarts=300, initializer=start, random_state=1)
    tables[title] = predicted, measured
    print(f"\n{title}: the signals are {predicted.verdict}, measured {measured.verdict}")
    print(f"{'':8}{'mean of delta':>14}{'independent':>13}{'measured':>22}{'mean square':>15}{'measured':>22}")
    for k, layer in enumerate(predicted.layers):
        print(f"{layer:8}{predicted['mean'][k]:14.2e}{predicted['independent'][k]:13.2e}", end="")
        print(f"{measured['mean'][k]:12.2e} +- {measured.standard_errors['mean'][k]:.0e}", end="")
        print(f"{predicted['mean_square'][k]:15.2e}", end="")
        print(f"{measured['mean_square'][k]:12.2e} +- {measured.standard_errors['mean_square'][k]:.0e}")

try:
    import matplotlib.pyplot as plt
except ImportError:
    print("\nFor a picture: pip install bpnet[plot]")
else:
    figure, panels = plt.subplots(1, len(tables), figsize=(14, 4), layout="constrained", sharey=True)
    for panel, (title, pair) in zip(panels, tables.items(), strict=True):
        for table in pair:
            table.plot(ax=panel)
        panel.set(title=title)
        panel.label_outer()
    panels[0].legend(["predicted", "measured"])
    figure.savefig(Path(__file__).with_suffix(".png"))
    print(f"\nMean squares layer by layer: {Path(__file__).stem}.png, beside this example")
