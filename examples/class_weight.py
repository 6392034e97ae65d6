# SPDX-License-Identifier: BSD-3-Clause
"""A rare class: tumours among many healthy samples, with and without class weights.

Of the breast cancer data all benign tumours are kept, but one malignant in ten: six per cent of the rows. Weighted
"balanced", a malignant tumour counts as much as the many benign ones it stands against; weighted ten to one, it is ten
times as costly to miss. Accuracy falls where fewer tumours are missed: it is the wrong score for rare classes.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import balanced_accuracy_score, confusion_matrix
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bpnet import MLPClassifier

data = load_breast_cancer()
malignant = data.target == 0
kept = ~malignant | (np.cumsum(malignant) % 10 == 0)
X, y = data.data[kept][:, :4], np.where(malignant[kept], "malignant", "benign")
print(f"{np.sum(y == 'malignant')} of {len(y)} tumours are malignant\n")
print(f"{'class_weight':24}{'missed':>8}{'false alarms':>14}{'accuracy':>10}{'balanced':>10}")

folds = StratifiedKFold(5, shuffle=True, random_state=0)
for class_weight in (None, {"malignant": 10.0}, "balanced"):
    net = MLPClassifier((10,), solver="lbfgs", alpha=3.0, max_iter=2000, class_weight=class_weight, random_state=0)
    predicted = cross_val_predict(make_pipeline(StandardScaler(), net), X, y, cv=folds)
    (_, alarms), (missed, _) = confusion_matrix(y, predicted, labels=["benign", "malignant"])
    balanced = balanced_accuracy_score(y, predicted)
    print(f"{class_weight!s:24}{missed:8}{alarms:14}{np.mean(predicted == y):10.1%}{balanced:10.1%}")
