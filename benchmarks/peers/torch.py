# SPDX-License-Identifier: BSD-3-Clause
"""PyTorch on the CPU: eager, with fused update rules; rows are permuted once per epoch and then sliced."""

import torch
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
