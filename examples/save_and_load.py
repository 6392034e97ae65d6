# SPDX-License-Identifier: BSD-3-Clause
"""Three ways from a training script to a server: a JSON file, scikit-learn's own estimator, an ONNX graph.

The digits are learnt behind a scaler. The network leaves as JSON, which is read back to the same bit and which any
other program can read; as scikit-learn's MLPClassifier, for a server that has no bpnet; and, scaler included, as ONNX.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bpnet import MLPClassifier, load_model, save_model, to_onnx

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
pipe = make_pipeline(StandardScaler(), MLPClassifier((64,), max_iter=500, random_state=0)).fit(X_train, y_train)
print(f"{pipe.score(X_test, y_test):.3f} of the test digits are right.")
scaler, mlp = pipe
Z = scaler.transform(X_test)

path = Path(__file__).with_name("digits.json")
save_model(mlp, path)
twin = load_model(path)
same = np.array_equal(twin.predict_proba(Z), mlp.predict_proba(Z))
print(f"JSON, {path.stat().st_size} bytes: the same bits again: {same}")

# What another program would do, with nothing but a JSON parser and the description in docs/guide/deployment.md.
network = json.loads(path.read_text())["network"]
z, rest = Z, np.array(network["parameters"])
for layer in network["topology"]["layers"]:
    n_in, n_out = z.shape[1], layer["n_units"]
    W, b, rest = rest[: n_in * n_out].reshape(n_in, n_out), rest[n_in * n_out :][:n_out], rest[(n_in + 1) * n_out :]
    a = z @ W + b
    z = np.maximum(a, 0) if layer["activation"] == "relu" else a
print(f"Read by ten lines of NumPy: {(z.argmax(axis=1) == mlp.predict(Z)).all()}")

theirs = mlp.to_sklearn()
gap = np.abs(theirs.predict_proba(Z) - mlp.predict_proba(Z)).max()
print(f"{type(theirs).__module__.split('.')[0]}'s own MLPClassifier: probabilities differ by {gap:.0e}")

try:
    import onnxruntime

    graph = to_onnx(pipe, X_test[:1]).SerializeToString()
except ImportError:
    print("For ONNX: pip install bpnet[onnx] onnxruntime")
else:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    label, proba = session.run(None, {"X": X_test})
    gap = np.abs(proba - pipe.predict_proba(X_test)).max()
    print(f"ONNX, {len(graph)} bytes, scaler included: probabilities differ by {gap:.0e}")
