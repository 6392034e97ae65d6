# SPDX-License-Identifier: BSD-3-Clause
"""A network in a C program that needs no Python: for a device, a game, a database.

Breast cancer is told from 30 measurements. The scaler is folded into the network's weights, for a linear map before a
linear map is one; so the C function takes the measurements as they are. It is compiled and asked about every image.
"""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bpnet import MLPClassifier, export_c

data = load_breast_cancer()
X_train, X_test, y_train, y_test = train_test_split(data.data, data.target_names[data.target], random_state=0)
mlp = MLPClassifier((8,), activation="tanh", solver="lbfgs", alpha=1.0, max_iter=1000, random_state=0)
pipe = make_pipeline(StandardScaler(), mlp).fit(X_train, y_train)
expected = pipe.predict_proba(X_test)
print(f"{pipe.score(X_test, y_test):.3f} of the test images are right.")

# (x - mean) / scale W + b = x (W / scale) + (b - mean / scale W)
scaler = pipe[0]
W = mlp.coefs_[0] / scaler.scale_[:, None]
mlp.intercepts_[0] = mlp.intercepts_[0] - scaler.mean_ @ W
mlp.coefs_[0] = W

path = Path(__file__).with_name("cancer.c")
export_c(mlp, path, name="cancer")
text = path.read_text()
print(f"{path.name}: {len(text.splitlines())} lines, {len(text)} bytes. It says how it is called:")
print(text[: text.index("*/") + 2])

if shutil.which("gcc") is None:
    print("There is no gcc to try it with.")
else:
    library = path.with_suffix(".so")
    subprocess.run(["gcc", "-std=c99", "-O2", "-shared", "-fPIC", path, "-o", library, "-lm"], check=True)
    function = ctypes.CDLL(str(library)).cancer_predict_proba
    pointer = ctypes.POINTER(ctypes.c_double)
    proba = np.empty_like(expected)
    for x, p in zip(np.ascontiguousarray(X_test), proba, strict=True):
        function(x.ctypes.data_as(pointer), p.ctypes.data_as(pointer))
    print(f"Compiled, its probabilities differ from Python's by {np.abs(proba - expected).max():.0e}.")
