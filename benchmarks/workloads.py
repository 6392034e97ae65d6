# SPDX-License-Identifier: BSD-3-Clause
"""What is timed: from the smallest nets one meets to widths at which every library is a matrix product."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Training:
    """Fits to the same data; the time counted is that of one pass: an epoch, or an iteration of L-BFGS."""

    units: tuple[int, ...]
    activation: str
    target: str  # "number" or "class"
    solver: str
    batch_size: int
    n_rows: int  # a multiple of batch_size: JAX compiles one shape, so a smaller last batch would be left out there
    n_passes: int  # long enough to be timed well

    def __str__(self):
        solver = {"sgd": "SGD", "adam": "Adam", "lbfgs": "L-BFGS"}[self.solver]
        rows = "all rows" if self.solver == "lbfgs" else f"batch {self.batch_size}"
        return f"{shape(self.units)} {self.activation}, {solver}, {rows}"

    def flops(self):
        """Of one pass, in the products alone: three per weight and row, but the first layer sends no error back.

        L-BFGS may evaluate more than once in an iteration; one is counted, so its figure is a lower bound.
        """
        return (6 * n_weights(self.units) - 2 * self.units[0] * self.units[1]) * self.n_rows

    def quick(self):
        n_rows = min(self.n_rows, max(self.batch_size, 1024 // self.batch_size * self.batch_size))
        return replace(self, n_rows=n_rows, n_passes=min(self.n_passes, 3))


@dataclass(frozen=True)
class Prediction:
    """One call on a trained network."""

    units: tuple[int, ...]
    activation: str
    target: str
    n_rows: int
    answer: str  # "predict" of the estimator; or "outputs": numbers or probabilities, in bpnet from the Network

    def __str__(self):
        rows = f"{self.n_rows // 1000}k rows" if self.n_rows >= 1000 else f"{self.n_rows} row"
        return f"{self.answer}, {rows}, {shape(self.units)}"

    def flops(self):
        return 2 * n_weights(self.units) * self.n_rows

    def quick(self):
        return replace(self, n_rows=min(self.n_rows, 1000))


@dataclass(frozen=True)
class Search:
    """A grid search over breast cancer data by two processes: 4 shapes, `n_alphas` penalties, 3 folds."""

    n_alphas: int = 4
    max_iter: int = 200

    def __str__(self):
        return f"GridSearchCV, {12 * self.n_alphas} fits, 2 jobs"

    def quick(self):
        return replace(self, n_alphas=1, max_iter=5)


@dataclass(frozen=True)
class Import:
    """Time and memory of an import in a fresh interpreter, by the statement for each peer."""

    title: str
    statements: dict[str, str]

    def __str__(self):
        return self.title

    def quick(self):
        return self


@dataclass(frozen=True)
class Product:
    """Product of two square matrices: the speed that the others are measured by."""

    n: int = 3072

    def __str__(self):
        return f"product of {self.n} x {self.n} matrices"

    def flops(self):
        return 2 * self.n**3

    def quick(self):
        return replace(self, n=512)


@dataclass(frozen=True)
class Derivative:
    """Derivatives of a network with tanh units: of its outputs to the inputs, or of its loss, twice, to the parameters.

    The loss, a sum over rows, is half the squared error for numbers and the log-loss of softmax for classes.
    """

    what: str  # "Jacobian", "Hessian", or "product" of the Hessian with a vector
    units: tuple[int, ...]
    target: str
    n_rows: int
    dtype: str = "float64"
    activation: str = "tanh"

    def __str__(self):
        what = {"product": "H v"}.get(self.what, self.what)
        loss = "" if self.what == "Jacobian" else {"number": ", squared error", "class": ", log-loss"}[self.target]
        return f"{what}, {shape(self.units)}{loss}, {self.n_rows} rows"

    def quick(self):
        """So small that what remains is what a library loads once and for all."""
        return replace(self, units=tuple(min(size, 4) for size in self.units), n_rows=10)


def n_weights(units):
    """Weights of a layered net, without its biases."""
    return sum(before * after for before, after in pairwise(units))


def shape(units):
    """28-5x300-1 for (28, 300, 300, 300, 300, 300, 1)."""
    hidden = units[1:-1]
    alike = len(hidden) > 2 and len(set(hidden)) == 1
    return "-".join(map(str, [units[0], f"{len(hidden)}x{hidden[0]}", units[-1]] if alike else units))


PEERS_IMPORT = {"sklearn": "import sklearn.neural_network", "torch": "import torch", "jax": "import jax.numpy"}
SMALL, IMAGES = (10, 16, 1), (784, 100, 10)

WORKLOADS = {
    "peak": Product(),
    "T1": Training(SMALL, "tanh", "number", "sgd", 32, 9_984, 10),
    "T2": Training((8, 32, 32, 1), "relu", "number", "adam", 32, 20_000, 4),
    "T3": Training((28, 64, 64, 1), "relu", "class", "adam", 200, 100_000, 2),
    "T4": Training(IMAGES, "relu", "class", "adam", 200, 20_000, 3),
    "T5": Training((28, *[300] * 5, 1), "tanh", "class", "adam", 100, 20_000, 1),
    "T6": Training((784, 1024, 1024, 10), "relu", "class", "adam", 256, 9_984, 1),
    "T7": Training(SMALL, "tanh", "number", "sgd", 1, 10_000, 2),
    "T8": Training((10, 50, 1), "tanh", "number", "lbfgs", 5_000, 5_000, 100),
    "T9": Search(),
    "P1": Prediction(SMALL, "tanh", "number", 1, "predict"),
    "P2": Prediction(SMALL, "tanh", "number", 100_000, "predict"),
    "P3": Prediction(IMAGES, "relu", "class", 100_000, "predict"),
    "N1": Prediction(SMALL, "tanh", "number", 1, "outputs"),
    "N2": Prediction(SMALL, "tanh", "number", 100_000, "outputs"),
    "N3": Prediction(IMAGES, "relu", "class", 100_000, "outputs"),
    "I1": Import("import of an estimator", {"bpnet": "from bpnet import MLPClassifier", **PEERS_IMPORT}),
    "I2": Import("import of the network", {"bpnet": "from bpnet import Network, train", **PEERS_IMPORT}),
}  # fmt: skip

JACOBIAN = Derivative("Jacobian", (20, 50, 50, 5), "number", 1000)
WIDE_PRODUCT = Derivative("product", IMAGES, "class", 5000)

# Named by the number of parameters, products by that of rows.
DERIVATIVES = {
    "J": JACOBIAN,
    "J32": replace(JACOBIAN, dtype="float32"),
    "H241": Derivative("Hessian", (10, 20, 1), "number", 500),
    "H1603": Derivative("Hessian", (4, 200, 3), "number", 500),
    "H1603s": Derivative("Hessian", (4, 200, 3), "class", 500),
    "H861": Derivative("Hessian", (10, 40, 10, 1), "number", 500),
    "H3855s": Derivative("Hessian", (20, 50, 50, 5), "class", 200),
    "V200": replace(WIDE_PRODUCT, n_rows=200),
    "V5000": WIDE_PRODUCT,
    "V5000f": replace(WIDE_PRODUCT, dtype="float32"),
}


def make_start(workload, dtype):
    """Weights and biases of each layer: those with which scikit-learn and bpnet begin from random_state=0.

    With one start for all, the losses in the measurements show that all have done the same work.
    """
    rng, layers = np.random.RandomState(0), []
    for sizes in pairwise(workload.units):
        bound = (6 / sum(sizes)) ** 0.5
        layers.append([rng.uniform(-bound, bound, size).astype(dtype) for size in (sizes, sizes[1])])
    return layers


def make_data(workload, n_rows, dtype):
    """Normal inputs, and targets that a network can learn in part: numbers, two classes, or as many as outputs."""
    rng = np.random.default_rng(0)
    n_inputs, n_outputs = workload.units[0], workload.units[-1]
    X = rng.standard_normal((n_rows, n_inputs), np.float32).astype(dtype)
    scores = X @ rng.standard_normal((n_inputs, n_outputs)).astype(dtype) / n_inputs**0.5
    if workload.target == "number":
        y = np.sin(2 * scores).astype(dtype)
        return X, y.ravel() if n_outputs == 1 else y
    return X, (np.sin(2 * scores).ravel() > 0).astype(np.int64) if n_outputs == 1 else scores.argmax(axis=1)


def make_point(case):
    """Where a derivative is taken: inputs, targets with a column for each output, parameters, and a direction."""
    X, y = make_data(case, case.n_rows, case.dtype)
    n_outputs = case.units[-1]
    T = np.eye(n_outputs, dtype=case.dtype)[y] if case.target == "class" else y.reshape(-1, n_outputs)
    w = np.concatenate([values.ravel() for layer in make_start(case, case.dtype) for values in layer])
    return X, T, w, np.random.default_rng(1).standard_normal(len(w)).astype(case.dtype)
