# SPDX-License-Identifier: BSD-3-Clause
"""bpnet: its estimators, and for bare outputs and for derivatives its Network."""

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

    def derivatives(self, case, X, T, w, v):
        from bpnet import Network, Topology

        loss, outputs = {"number": ("squared_error", "identity"), "class": ("log_loss", "softmax")}[case.target]
        net = Network.from_parameters(Topology.layered(case.units, case.activation, outputs), w, loss)
        call = {
            "Jacobian": lambda: net.jacobian(X, of="raw"),
            "Hessian": lambda: net.hessian(X, T),
            "product": lambda: net.hessian_product(X, T, v),
        }[case.what]
        return {"exact": lambda: call}
