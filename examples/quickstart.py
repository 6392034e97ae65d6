# SPDX-License-Identifier: BSD-3-Clause
"""Three small problems, each solved with bpnet and with scikit-learn: the same code, the scores and the fit times."""

from pathlib import Path
from time import perf_counter

from sklearn import neural_network as scikit_learn
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import bpnet


def classifier(library):
    mlp = library.MLPClassifier(hidden_layer_sizes=(64,), max_iter=500, random_state=0)
    return make_pipeline(StandardScaler(), mlp)


def searched_regressor(library):
    mlp = library.MLPRegressor(hidden_layer_sizes=(16,), learning_rate_init=0.01, max_iter=3000, random_state=0)
    return GridSearchCV(make_pipeline(StandardScaler(), mlp), {"mlpregressor__alpha": [100, 300, 1000]}, cv=3)


threadpool_limits(1)  # For both: more threads make scikit-learn slower on networks of this size.
problems = {
    "breast cancer": (load_breast_cancer, classifier),
    "digits": (load_digits, classifier),
    "diabetes, grid search": (load_diabetes, searched_regressor),
}
curves = {}
print(f"{'':22}{'bpnet: test score':>18}{'fit [s]':>8}{'scikit-learn: test score':>28}{'fit [s]':>8}")
for name, (load, make_model) in problems.items():
    X_train, X_test, y_train, y_test = train_test_split(*load(return_X_y=True), random_state=0)
    print(f"{name:22}", end="", flush=True)
    for library, width in [(bpnet, 18), (scikit_learn, 28)]:
        start = perf_counter()
        model = make_model(library).fit(X_train, y_train)
        seconds = perf_counter() - start
        print(f"{model.score(X_test, y_test):{width}.4f}{seconds:8.3f}", end="", flush=True)
        curves[name, library] = getattr(model, "best_estimator_", model)[-1].loss_curve_
    print()

try:
    import matplotlib.pyplot as plt
except ImportError:
    print("For a picture of the learning curves: pip install bpnet[plot]")
else:
    figure, panels = plt.subplots(1, len(problems), figsize=(12, 4), layout="constrained")
    for name, panel in zip(problems, panels, strict=True):
        panel.loglog(curves[name, bpnet], linewidth=4, alpha=0.5, label="bpnet")
        panel.loglog(curves[name, scikit_learn], "k--", linewidth=1, label="scikit-learn")
        panel.set(title=name, xlabel="epoch", ylabel="training loss")
    panels[0].legend()
    figure.savefig(Path(__file__).with_suffix(".png"))
    print(f"Learning curves: {Path(__file__).stem}.png, beside this example")
