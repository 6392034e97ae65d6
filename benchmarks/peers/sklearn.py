# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn's own multilayer perceptrons; bpnet's are used by the same code, with another import."""

from peers import RATES


class Peer:
    def __init__(self, dtype, threads):
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        self.kinds = {"number": MLPRegressor, "class": MLPClassifier}
        self.dtype, self.more = dtype, {}

    def trainer(self, workload, X, y):
        # Neither a penalty nor an early end: every pass is made, and is the same work in all libraries.
        settings = {"alpha": 0.0, "n_iter_no_change": 10**6, "max_fun": 10**6, "random_state": 0, **self.more}
        settings |= {"hidden_layer_sizes": workload.units[1:-1], "activation": workload.activation}
        if workload.solver == "lbfgs":
            settings |= {"solver": "lbfgs", "tol": 1e-12}
        else:
            settings |= {"solver": workload.solver, "tol": 0.0, "batch_size": workload.batch_size}
            settings |= {"momentum": 0.0, "nesterovs_momentum": False, "learning_rate_init": RATES[workload.solver]}

        def fit(n_passes):
            model = self.kinds[workload.target](max_iter=n_passes, **settings).fit(X, y)
            return model.n_iter_, float(model.loss_)

        return fit

    def predictor(self, workload, X, y):
        model = self.trained(workload, X, y)
        if workload.answer == "outputs" and workload.target == "class":
            return model.predict_proba
        return model.predict

    def trained(self, workload, X, y):
        """Trained in haste: prediction takes the same time whatever the weights."""
        settings = {"hidden_layer_sizes": workload.units[1:-1], "activation": workload.activation}
        return self.kinds[workload.target](max_iter=1, **settings, **self.more).fit(X[:1000], y[:1000])

    def searcher(self, workload):
        from sklearn.datasets import load_breast_cancer
        from sklearn.model_selection import GridSearchCV
        from sklearn.preprocessing import StandardScaler

        X, y = load_breast_cancer(return_X_y=True)
        X = StandardScaler().fit_transform(X).astype(self.dtype)
        model = self.kinds["class"](max_iter=workload.max_iter, tol=0.0, n_iter_no_change=10**6, random_state=0)
        alphas = [10.0**-k for k in range(2, 2 + workload.n_alphas)]
        grid = {"hidden_layer_sizes": [(10,), (20,), (50,), (20, 20)], "alpha": alphas}
        return GridSearchCV(model, grid, cv=3, n_jobs=2, refit=False), X, y
