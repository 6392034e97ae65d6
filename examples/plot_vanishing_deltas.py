# SPDX-License-Identifier: BSD-3-Clause
"""How error signals fade in deep nets of logistic units: M. Nielsen's experiment, and what theory says of it.

Nets of two to four hidden layers of 30 units, as they start: weights N(0, 1 / n_in), biases N(0, 1), binary log-loss.
For each layer the norm of the mean of delta over 1,000 images. Nielsen, "Neural networks and deep learning" (2015),
chapter 5, prints these norms for the first images of MNIST and one start each; here stand the mean and the spread of 50
starts, on the digits of scikit-learn, and on MNIST where BPNET_DATA names a folder with mnist.npz.
"""

import os
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from bpnet import Network, Topology
from bpnet.diagnostics import WeightMoments, delta_statistics, predict_delta_statistics

PUBLISHED = {2: [0.07, 0.31], 3: [0.012, 0.060, 0.28], 4: [0.0030, 0.017, 0.070, 0.29]}
N_STARTS = 50

digits = load_digits()
problems = {"digits": (digits.data[:1000] / 16, digits.target[:1000])}
if "BPNET_DATA" in os.environ:
    with np.load(Path(os.environ["BPNET_DATA"], "mnist.npz")) as mnist:
        problems["MNIST"] = mnist["X"][:1000].reshape(1000, -1) / 255, mnist["y"][:1000]

tables = {}
for name, (X, classes) in problems.items():
    print(f"{name}: norm of the mean delta, mean +- spread of {N_STARTS} starts", end="")
    print(" [published, one start]" if name == "MNIST" else "")
    for depth, published in PUBLISHED.items():
        topology = Topology.layered([X.shape[1], *[30] * depth, 10], "logistic", "logistic")
        net, start = Network(topology, "log_loss"), WeightMoments(topology, variance="lecun", bias_variance=1)
        table = delta_statistics(net, X, np.eye(10)[classes], n_restarts=N_STARTS, initializer=start, random_state=0)
        norms, spread = table["norm_of_mean"], table.standard_errors["norm_of_mean"] * np.sqrt(N_STARTS)
        for k in range(depth):
            print(f"{norms[k]:9.4f} +- {spread[k]:.4f}", f"[{published[k]:.4f}]" if name == "MNIST" else "", end="")
        print("   a layer loses", ", ".join(f"{norms[k + 1] / norms[k]:.1f} x" for k in range(depth - 1)))
    tables[name] = table
    predicted = predict_delta_statistics(net, X, np.eye(10)[classes], moments=start, n_restarts=1, random_state=0)
    losses = ", ".join(f"{1 / np.sqrt(chi):.1f} x" for chi in predicted["chi"][: depth - 1])
    print(f"Predicted loss per layer in root mean square: {losses}; the signals are {predicted.verdict}.\n")

try:
    import matplotlib.pyplot as plt
except ImportError:
    print("For a picture: pip install bpnet[plot]")
else:
    ax = plt.subplots(layout="constrained")[1]
    for table in tables.values():
        table.plot("norm_of_mean", ax=ax)
    ax.legend(tables)
    ax.figure.savefig(Path(__file__).with_suffix(".png"))
    print(f"The norms layer by layer: {Path(__file__).stem}.png, beside this example")
