# SPDX-License-Identifier: BSD-3-Clause
"""A table as it comes, with words and gaps in it, and nothing tuned: the preset beside two models that need care.

The diabetes data get their sex as a word and their blood sugar in four classes, and one value in ten is lost. Boosted
trees take that as it is, and so does the preset; scikit-learn's perceptron needs a pipeline.
"""

import numpy as np
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from bpnet import TabularMLPRegressor

try:
    import pandas as pd
except ImportError:
    raise SystemExit("This example shows a DataFrame: pip install pandas") from None

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X = X.mask(np.random.default_rng(0).random(X.shape) < 0.1)
X["sex"] = X["sex"].map({1: "woman", 2: "man"}).astype("category")
X["s6"] = pd.cut(X["s6"], [0, 80, 90, 100, 200], labels=["low", "normal", "raised", "high"])
words = ["sex", "s6"]
print(X.head(3), "\n")

columns = make_column_transformer(
    (make_pipeline(StandardScaler(), SimpleImputer(add_indicator=True)), X.columns.drop(words)),
    (OneHotEncoder(handle_unknown="ignore"), words),
)
pipeline = make_pipeline(columns, MLPRegressor(max_iter=1000, random_state=0))
MODELS = {
    "TabularMLPRegressor": TabularMLPRegressor(random_state=0),
    "one net of it": TabularMLPRegressor(n_estimators=1, random_state=0),
    "scikit-learn's perceptron": TransformedTargetRegressor(pipeline, transformer=StandardScaler()),
    "boosted trees": HistGradientBoostingRegressor(categorical_features="from_dtype", random_state=0),
}
folds = KFold(5, shuffle=True, random_state=0)
print(f"{'':28}{'RMSE':>8}{'+-':>6}")
for name, model in MODELS.items():
    scores = -cross_val_score(model, X, y, cv=folds, scoring="neg_root_mean_squared_error")
    print(f"{name:28}{scores.mean():8.1f}{scores.std():6.1f}")
