# SPDX-License-Identifier: BSD-3-Clause
"""A net wired by hand, from what is known of the data, beside complete ones.

The 30 features of the breast cancer data are ten measurements, each as mean, error and worst value over the cells of an
image. In the wired net two units look at the three numbers of one measurement; four units look at these pairs; the
output hears them and, past all units, the ten worst values.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bpnet import MLPClassifier, Topology

X, y = load_breast_cancer(return_X_y=True)
pairs = [(measure, k) for measure in range(10) for k in range(2)]
edges = [(feature, (measure, k)) for measure, k in pairs for feature in range(measure, 30, 10)]
edges += [(pair, f"mix {k}") for pair in pairs for k in range(4)]
edges += [(f"mix {k}", "malign") for k in range(4)] + [(feature, "malign") for feature in range(20, 30)]
wired = Topology.from_edges(30, edges, outputs=["malign"], activation="tanh", out_activation="logistic")
nets = {
    "wired by hand": wired,
    "complete, 20 and 4 units": Topology.layered([30, 20, 4, 1], "tanh", "logistic"),
    "complete, 6 units": Topology.layered([30, 6, 1], "tanh", "logistic"),
}
folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=4, random_state=0)
losses = {}
for name, net in nets.items():
    mlp = MLPClassifier(topology=net, solver="lbfgs", alpha=1.0, max_iter=500, random_state=0)
    model = make_pipeline(StandardScaler(), mlp)
    losses[name] = -cross_val_score(model, X, y, cv=folds, scoring="neg_log_loss")
    error = losses[name].std() / np.sqrt(len(losses[name]))
    print(f"{name:26}{net.n_parameters:5} parameters, log-loss of new images {losses[name].mean():.4f} +- {error:.4f}")
gain = losses["complete, 20 and 4 units"] - losses["wired by hand"]
print(f"On the same folds the wired net is better by {gain.mean():.4f} than the complete one of its units,")
share = wired.n_parameters / nets["complete, 20 and 4 units"].n_parameters
print(f"in {(gain > 0).sum()} of {len(gain)} folds, with {share:.0%} of its parameters.")

try:
    import matplotlib.pyplot as plt
except ImportError:
    print("For a picture of the wiring: pip install bpnet[plot]")
else:
    sizes = [30, *(layer.n_units for layer in wired.layers)]
    points = [(depth, (k + 0.5) / size) for depth, size in enumerate(sizes) for k in range(size)]
    place = dict(zip([*range(30), *wired.units], points, strict=True))
    for upstream, downstream in edges:
        plt.plot(*zip(place[upstream], place[downstream], strict=True), color="0.6", linewidth=0.5)
    plt.scatter(*zip(*points, strict=True), zorder=2)
    plt.gca().set(
        xlabel="longest way from an input", xticks=range(4), yticks=[], title=f"{wired.n_parameters} parameters"
    )
    plt.gcf().savefig(Path(__file__).with_suffix(".png"))
