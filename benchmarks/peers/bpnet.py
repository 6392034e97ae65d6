# SPDX-License-Identifier: BSD-3-Clause
"""bpnet: its estimators, and for bare outputs its Network."""

from peers import sklearn


class Peer(sklearn.Peer):
    def __init__(self, dtype, threads):
        from bpnet import MLPClassifier, MLPRegressor

        self.kinds = {"number": MLPRegressor, "class": MLPClassifier}
        self.dtype = dtype
        self.more = {"n_jobs": threads} if "n_jobs" in MLPRegressor().get_params() else {}

    def predictor(self, workload, X, y):
        model = self.trained(workload, X, y)
        return model.network_.predict if workload.answer == "outputs" else model.predict
