# SPDX-License-Identifier: BSD-3-Clause
"""PyTorch on the CPU: eager, with fused update rules; rows are permuted once per epoch and then sliced."""

from functools import partial

import torch
from torch import func
from torch.nn import functional
from workloads import make_start

from peers import RATES

LOSSES = {
    "number": lambda output, y: 0.5 * functional.mse_loss(output, y),
    "two classes": functional.binary_cross_entropy_with_logits,
    "classes": functional.cross_entropy,
}


class Peer:
    def __init__(self, dtype, threads):
        torch.set_num_threads(threads)
        torch.set_default_dtype(getattr(torch, dtype))
        torch.manual_seed(0)
        self.dtype = dtype

    def trainer(self, workload, X, y):
        target = kind_of_target(workload)
        loss = LOSSES[target]
        X, y = torch.from_numpy(X), torch.from_numpy(y)
        if target != "classes":
            y = y.to(X.dtype).reshape(-1, 1)
        if workload.solver == "lbfgs":
            return lambda n_passes: minimise(make_network(workload, self.dtype), loss, X, y, n_passes)
        return lambda n_passes: descend(make_network(workload, self.dtype), loss, X, y, workload, n_passes)

    def predictor(self, workload, X, y):
        network = make_network(workload, self.dtype).eval()
        target = kind_of_target(workload)
        finish = {"number": lambda a: a, "two classes": torch.sigmoid, "classes": lambda a: a.softmax(1)}[target]
        if workload.answer == "predict":
            finish = {"number": lambda a: a, "two classes": lambda a: a > 0, "classes": lambda a: a.argmax(1)}[target]

        def predict(X):
            with torch.inference_mode():
                return finish(network(torch.from_numpy(X))).numpy()

        return predict

    def product(self, A):
        A = torch.from_numpy(A)
        return lambda: A @ A

    def derivatives(self, case, X, T, w, v):
        shapes = [values.shape for layer in make_start(case, self.dtype) for values in layer]

        def outputs(w, X):
            pieces = w.split([shape.numel() for shape in map(torch.Size, shapes)])
            *hidden, weights, biases = [piece.view(shape) for piece, shape in zip(pieces, shapes, strict=True)]
            for W, b in zip(hidden[::2], hidden[1::2], strict=True):
                X = torch.tanh(X @ W + b)
            return X @ weights + biases

        def loss(w):
            a = outputs(w, X)
            return (a.logsumexp(1) - (T * a).sum(1) if case.target == "class" else 0.5 * (a - T) ** 2).sum()

        X, T, w, v = map(torch.from_numpy, (X, T, w, v))
        if case.what == "Jacobian":
            return {way: partial(partial, f, X) for way, f in ways_to_jacobian(partial(outputs, w)).items()}
        if case.what == "product":
            return {way: partial(partial, f, w, v) for way, f in ways_to_product(loss).items()}
        return {way: partial(partial, f, w) for way, f in ways_to_hessian(loss).items()}


def ways_to_jacobian(outputs):
    # A row's outputs depend on that row alone: the derivatives of the sums over rows are all there are.
    sums = func.jacrev(lambda X: outputs(X).sum(0))
    return {
        "vmap(jacrev)": func.vmap(func.jacrev(outputs)),
        "vmap(jacfwd)": func.vmap(func.jacfwd(outputs)),
        "jacrev of sums": lambda X: sums(X).movedim(0, 1),
    }


def ways_to_product(loss):
    gradient = func.grad(loss)
    return {
        "jvp(grad)": lambda w, v: func.jvp(gradient, (w,), (v,))[1],
        "vjp(grad)": lambda w, v: func.vjp(gradient, w)[1](v)[0],
    }


def ways_to_hessian(loss):
    gradient = func.grad(loss)
    multiply = ways_to_product(loss)["jvp(grad)"]
    # vmap asks for a function of tensors alone; the gradient's own sweeps are made once where they can be shared.
    return {
        "hessian": func.hessian(loss),
        "jacrev of 64 rows": func.jacrev(gradient, chunk_size=64),
        "vmap of 64 H v": lambda w: func.vmap(partial(multiply, w), chunk_size=64)(torch.eye(len(w))),
        "H v singly": lambda w: torch.stack([multiply(w, v) for v in torch.eye(len(w))]),
    }


def kind_of_target(workload):
    if workload.target == "number":
        return "number"
    return "two classes" if workload.units[-1] == 1 else "classes"


def make_network(workload, dtype):
    activation = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[workload.activation]
    layers = []
    for weights, biases in make_start(workload, dtype):
        layer = torch.nn.utils.skip_init(torch.nn.Linear, *weights.shape)
        layer.weight.data = torch.from_numpy(weights.T.copy())
        layer.bias.data = torch.from_numpy(biases)
        layers += [layer, activation()]
    return torch.nn.Sequential(*layers[:-1])


def descend(network, loss, X, y, workload, n_epochs):
    make_rule = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[workload.solver]
    rule = make_rule(network.parameters(), lr=RATES[workload.solver], fused=True)
    for _ in range(n_epochs):
        order = torch.randperm(len(X))
        for rows, targets in zip(X[order].split(workload.batch_size), y[order].split(workload.batch_size), strict=True):
            value = loss(network(rows), targets)
            value.backward()
            rule.step()
            rule.zero_grad(set_to_none=True)
    return n_epochs, value.item()


def minimise(network, loss, X, y, n_iterations):
    rule = torch.optim.LBFGS(
        network.parameters(), max_iter=n_iterations, max_eval=10**6, history_size=10, line_search_fn="strong_wolfe",
        tolerance_grad=0, tolerance_change=0,
    )  # fmt: skip

    def evaluate():
        rule.zero_grad(set_to_none=True)
        value = loss(network(X), y)
        value.backward()
        return value

    rule.step(evaluate)
    (state,) = rule.state.values()
    return state["n_iter"], float(state["prev_loss"])
