# SPDX-License-Identifier: BSD-3-Clause
"""Features learned for one question serve another: hidden layers are frozen, and the last one learns from few examples.

A net learns from 1,000 images to tell the ten digits apart. Another one takes over its hidden layers and learns from 20
other images whether a digit is a prime number: with those layers frozen, free, or begun anew.
"""

import numpy as np
from sklearn.datasets import load_digits

from bpnet import MLPClassifier

N_FEW, N_DRAWS = 20, 10

X, digit = load_digits(return_X_y=True)
X, is_prime = X / 16, np.isin(digit, [2, 3, 5, 7])
settings = {"hidden_layer_sizes": (64, 32), "solver": "lbfgs", "alpha": 0.1, "tol": 1e-3, "max_iter": 5000}
settings |= {"random_state": 0}
teacher = MLPClassifier(**settings).fit(X[:1000], digit[:1000])

scores: dict[str, list[float]] = {"frozen": [], "free": [], "anew": []}
taken_over = {"coef_init": [*teacher.coefs_[:2], None], "intercept_init": [*teacher.intercepts_[:2], None]}
for seed in range(N_DRAWS):
    order = 1000 + np.random.default_rng(seed).permutation(len(X) - 1000)
    few, rest = order[:N_FEW], order[N_FEW:]
    for name, frozen, start in (("frozen", ["h1", "h2"], taken_over), ("free", None, taken_over), ("anew", None, {})):
        student = MLPClassifier(**settings, frozen=frozen).fit(X[few], is_prime[few], **start)
        scores[name].append(student.score(X[rest], is_prime[rest]))
        if frozen:
            assert all(np.array_equal(student.coefs_[k], teacher.coefs_[k]) for k in range(2))

print(f"Prime or not, from {N_FEW} images: test accuracy, mean and spread of {N_DRAWS} draws")
for name, values in scores.items():
    print(f"  hidden layers {name:8}{np.mean(values):.3f} +- {np.std(values):.3f}")
