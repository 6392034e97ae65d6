# SPDX-License-Identifier: BSD-3-Clause
"""Training and validation loss, and the epoch that early stopping keeps: handwritten digits, few of them.

A network with room to learn 200 digits by heart. Without early stopping the training loss falls and falls, while the
loss on the digits set aside turns and rises; with it, the parameters of the best epoch are kept. What is best depends
on what is asked for: the loss, or the share of digits that are right.
"""

from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from bpnet import MLPClassifier
from bpnet.callbacks import find_learning_rate

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, train_size=400, random_state=0, stratify=y)
X, X_val, y, y_val = train_test_split(X, y, train_size=200, random_state=0, stratify=y)

net = MLPClassifier((100, 100), batch_size=20, alpha=0.0, max_iter=60, n_iter_no_change=60, random_state=0)
rate = find_learning_rate(net, X, y).suggestion
net.set_params(learning_rate_init=rate, tol=0.0)
print(f"The loss falls fastest at a learning rate of {rate:.4f}.\n")
print(f"{'':34}{'epochs':>7}{'kept':>6}{'validation loss':>17}{'test loss':>11}{'test accuracy':>15}")
curves = {}
for name, settings in {
    "to the end": {"n_iter_no_change": 60},
    "early stopping by the loss": {"early_stopping": True, "scoring": "loss", "n_iter_no_change": 10},
    "early stopping by the accuracy": {"early_stopping": True, "scoring": "accuracy", "n_iter_no_change": 10},
}.items():
    model = MLPClassifier(**net.get_params() | settings)
    model.set_params(callbacks=[lambda record: record.epoch == 60])  # 60 epochs are meant: no warning
    model.fit(X, y, X_val=X_val, y_val=y_val)
    losses, scores = model.validation_loss_curve_, model.validation_scores_
    kept = len(scores) - 1 - scores[::-1].index(max(scores)) if model.early_stopping else len(scores) - 1
    test_loss = log_loss(y_test, model.predict_proba(X_test))
    print(f"{name:34}{model.n_iter_:7}{kept + 1:6}{losses[kept]:17.3f}{test_loss:11.3f}", end="")
    print(f"{model.score(X_test, y_test):15.1%}")
    curves[name] = model.loss_curve_, losses, kept

try:
    import matplotlib.pyplot as plt
except ImportError:
    print("\nFor a picture: pip install bpnet[plot]")
else:
    ax = plt.subplots(layout="constrained")[1]
    training, validation, _ = curves["to the end"]
    ax.semilogy(training, label="training loss")
    ax.semilogy(validation, label="validation loss")
    for name in list(curves)[1:]:
        ax.plot(curves[name][2], validation[curves[name][2]], "o", label=f"kept: {name}")
    ax.set(xlabel="epoch")
    ax.legend()
    ax.figure.savefig(Path(__file__).with_suffix(".png"))
