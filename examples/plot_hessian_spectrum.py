# SPDX-License-Identifier: BSD-3-Clause
"""How many directions does a fitted network use? Eigenvalues of the exact Hessian and of the Gauss-Newton matrix.

The Hessian at a minimum says how much worse the loss gets along each direction. Most of them cost nothing: the data
determine far fewer numbers than there are parameters. The Gauss-Newton matrix, which is never indefinite, tells the
same of the steep directions, because there the residuals hardly count.
"""

from pathlib import Path

import numpy as np
from scipy.linalg import eigh
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import scale

from bpnet import MLPRegressor

X, y = load_diabetes(return_X_y=True)
X, y = scale(X), scale(y)
alpha = 10.0
model = MLPRegressor(
    hidden_layer_sizes=(8,), activation="tanh", solver="lbfgs", alpha=alpha, max_iter=5000, tol=1e-12, random_state=0
)
network = model.fit(X, y).network_

# What was minimised is the network's loss and a penalty on the weights, not on the biases.
penalty = np.zeros(len(network.parameters))
for start, stop in network.topology.plan.weight_ranges:
    penalty[start:stop] = alpha
exact = network.hessian(X, y)
approximate = network.gauss_newton(X, y)
values = np.linalg.eigvalsh(exact)[::-1]
spectra = {"Hessian": values, "Gauss-Newton": np.linalg.eigvalsh(approximate)[::-1]}

print(f"{len(values)} parameters, {len(y)} samples, R^2 = {model.score(X, y):.2f}")
print(f"largest eigenvalues   Hessian {values[:3].round(1)}, Gauss-Newton {spectra['Gauss-Newton'][:3].round(1)}")
print(f"negative eigenvalues  Hessian {(values < -1e-9 * values[0]).sum()}, Gauss-Newton 0 by construction")
with_penalty = np.linalg.eigvalsh(exact + np.diag(penalty))
print(f"the smallest of them with the penalty  {with_penalty[0]:.2f}, above zero: a minimum")
# Along each direction data and penalty share the say; the shares of the data add up to the parameters in use.
shares = eigh(approximate, approximate + np.diag(penalty), eigvals_only=True)
print(f"parameters in use     {shares.sum():.1f} of {len(values)}: the penalty decides about the others")

try:
    import matplotlib.pyplot as plt
except ImportError:
    print("For a picture of the spectra: pip install bpnet[plot]")
else:
    figure, panel = plt.subplots(layout="constrained")
    for (name, spectrum), marker in zip(spectra.items(), "ox", strict=True):
        panel.plot(1 + np.arange(len(spectrum)), np.abs(spectrum), marker, fillstyle="none", label=name)
    panel.axhline(alpha, color="gray", linestyle="--", label="penalty")
    panel.set(yscale="log", xlabel="direction", ylabel="|eigenvalue|", ylim=(values[0] * 1e-9, values[0] * 3))
    panel.legend()
    figure.savefig(Path(__file__).with_suffix(".png"))
    print(f"Spectra: {Path(__file__).stem}.png, beside this example")
