# SPDX-License-Identifier: BSD-3-Clause
"""A loss and an activation of one's own, checked before they are used, on the diabetes data.

Saying too little of a disease is worse than saying too much: LINEX, exp(d) - d - 1 with d = c (y - prediction), costs
exponentially on the one side and linearly on the other. A loss is an object with `value` and `gradient`; with `hessian`
the network has exact second derivatives too. `check_gradient` and `check_hessian` say whether the three agree.
"""

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from bpnet import Activation, MLPRegressor, Network, Topology, check_gradient, check_hessian


class Linex:
    """exp(d) - d - 1 of d = c (y - a), for each row the sum over its targets."""

    def __init__(self, c=1.5):
        self.c = c

    def value(self, a, y):
        d = self.c * (y - a)
        return (np.expm1(d) - d).sum(axis=1)

    def gradient(self, a, y):
        return -self.c * np.expm1(self.c * (y - a))

    def hessian(self, a, y):
        return (self.c**2 * np.exp(self.c * (y - a)))[:, :, None] * np.eye(a.shape[1])


sine = Activation("sine", np.sin, np.cos, lambda a: -np.sin(a))

X, y = load_diabetes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(StandardScaler().fit_transform(X), y, random_state=0)
mean, spread = y_train.mean(), y_train.std()

net = Network(Topology.layered([10, 5, 1], sine), Linex(), random_state=0)
arguments = X_train[:20], ((y_train - mean) / spread)[:20]
print(f"gradient against differences: {check_gradient(net, *arguments):.1e}")
print(f"Hessian against differences:  {check_hessian(net, *arguments):.1e}")

for name, loss in {"squared error": "squared_error", "LINEX": Linex()}.items():
    model = MLPRegressor(loss, (10,), activation=sine, solver="lbfgs", alpha=30.0, max_iter=500, random_state=0)
    residual = y_test - (mean + spread * model.fit(X_train, (y_train - mean) / spread).predict(X_test))
    print(f"{name:14} too low for {np.mean(residual > 0):.0%} of the patients, by {residual.max():.0f} at most")
