# SPDX-License-Identifier: BSD-3-Clause
"""JAX on the CPU: a whole epoch is one compiled function; L-BFGS is SciPy's, around a compiled value and gradient."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from scipy.optimize import minimize
from workloads import make_start

from peers import RATES

tree_map = jax.tree_util.tree_map


class Peer:
    def __init__(self, dtype, threads):
        jax.config.update("jax_enable_x64", dtype == "float64")
        self.dtype = dtype

    def trainer(self, workload, X, y):
        X, y = jnp.asarray(X), jnp.asarray(y, "int32" if workload.units[-1] > 1 else self.dtype)
        loss = partial(mean_loss, workload)
        if workload.solver == "lbfgs":
            return self._minimiser(workload, loss, X, y)
        run = jax.jit(partial(run_epoch, loss, workload.solver, workload.batch_size), donate_argnums=0)

        def fit(n_passes):
            rng = np.random.default_rng(0)
            state = start(self._parameters(workload))
            for _ in range(n_passes):
                state, value = run(state, X, y, rng.permutation(len(X)).astype("int32"))
            return n_passes, float(value)

        return fit

    def _minimiser(self, workload, loss, X, y):
        w, unravel = ravel_pytree(self._parameters(workload))
        value_and_gradient = jax.jit(jax.value_and_grad(lambda w, X, y: loss(unravel(w), X, y)))

        def evaluate(w):
            value, gradient = value_and_gradient(jnp.asarray(w, self.dtype), X, y)
            return float(value), np.asarray(gradient, "float64")

        def fit(n_passes):
            # The limits of scikit-learn and bpnet, which call the same function of SciPy.
            options = {"maxiter": n_passes, "maxfun": 10**6, "gtol": 1e-12}
            result = minimize(evaluate, np.asarray(w, "float64"), jac=True, method="L-BFGS-B", options=options)
            return result.nit, float(result.fun)

        return fit

    def predictor(self, workload, X, y):
        parameters = self._parameters(workload)

        @jax.jit
        def outputs(X):
            a = forward(workload.activation, parameters, X)
            if workload.target == "number":
                return a
            if workload.answer == "predict":
                return a.argmax(1) if workload.units[-1] > 1 else a > 0
            return jax.nn.softmax(a) if workload.units[-1] > 1 else jax.nn.sigmoid(a)

        return lambda X: np.asarray(outputs(X))

    def product(self, A):
        A, multiply = jnp.asarray(A), jax.jit(jnp.matmul)
        return lambda: multiply(A, A).block_until_ready()

    def derivatives(self, case, X, T, w, v):
        unravel = ravel_pytree(self._parameters(case))[1]

        def outputs(w, X):
            return forward(case.activation, unravel(w), X)

        def loss(w, X, T):
            a = outputs(w, X)
            return jnp.sum(jax.nn.logsumexp(a, 1) - jnp.sum(T * a, 1) if case.target == "class" else 0.5 * (a - T) ** 2)

        X, T, w, v = map(jnp.asarray, (X, T, w, v))
        if case.what == "Jacobian":
            return {way: partial(compiled, f, w, X) for way, f in ways_to_jacobian(outputs).items()}
        if case.what == "product":
            return {way: partial(compiled, f, w, v, X, T) for way, f in ways_to_product(loss).items()}
        return {way: partial(compiled, f, w, X, T) for way, f in ways_to_hessian(loss, len(w)).items()}

    def _parameters(self, workload):
        return [tuple(map(jnp.asarray, layer)) for layer in make_start(workload, self.dtype)]


def forward(activation, parameters, X):
    h = {"tanh": jnp.tanh, "relu": jax.nn.relu}[activation]
    *hidden, (weights, biases) = parameters
    for W, b in hidden:
        X = h(X @ W + b)
    return X @ weights + biases


def mean_loss(workload, parameters, X, y):
    a = forward(workload.activation, parameters, X)
    if workload.target == "number":
        return 0.5 * jnp.mean((a.ravel() - y) ** 2)
    if workload.units[-1] == 1:
        return jnp.mean(jnp.logaddexp(0, a.ravel()) - y * a.ravel())
    return jnp.mean(jax.nn.logsumexp(a, 1) - jnp.take_along_axis(a, y[:, None], 1)[:, 0])


def start(parameters):
    """Parameters, both moments, and the number of steps made."""
    zeros = partial(tree_map, jnp.zeros_like)
    return parameters, zeros(parameters), zeros(parameters), jnp.zeros((), "int32")


def run_epoch(loss, solver, batch_size, state, X, y, order):
    """The state after an epoch, and its mean loss. Without a trace of Python left once it is compiled."""
    X, y = X[order], y[order]
    step = {"sgd": step_sgd, "adam": step_adam}[solver]

    def advance(batch, carried):
        state, total = carried
        rows = jax.lax.dynamic_slice_in_dim(X, batch * batch_size, batch_size)
        targets = jax.lax.dynamic_slice_in_dim(y, batch * batch_size, batch_size)
        value, gradient = jax.value_and_grad(loss)(state[0], rows, targets)
        return step(state, gradient), total + value

    n_batches = len(X) // batch_size
    state, total = jax.lax.fori_loop(0, n_batches, advance, (state, jnp.zeros((), X.dtype)))
    return state, total / n_batches


def step_sgd(state, gradient):
    w, *rest = state
    return tree_map(lambda w, g: w - RATES["sgd"] * g, w, gradient), *rest


def step_adam(state, gradient):
    w, m, v, t = state
    t = t + 1
    rate = RATES["adam"] * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    m = tree_map(lambda m, g: 0.9 * m + 0.1 * g, m, gradient)
    v = tree_map(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradient)
    w = tree_map(lambda w, m, v: w - (rate * m / (jnp.sqrt(v) + 1e-8)).astype(w.dtype), w, m, v)
    return w, m, v, t


def compiled(f, *arguments):
    run = jax.jit(f).lower(*arguments).compile()
    return lambda: run(*arguments).block_until_ready()


def ways_to_jacobian(outputs):
    # A row's outputs depend on that row alone: the derivatives of the sums over rows are all there are.
    sums = jax.jacrev(lambda X, w: outputs(w, X).sum(0))
    return {
        "vmap(jacrev)": jax.vmap(jax.jacrev(outputs, 1), (None, 0)),
        "vmap(jacfwd)": jax.vmap(jax.jacfwd(outputs, 1), (None, 0)),
        "jacrev of sums": lambda w, X: jnp.moveaxis(sums(X, w), 0, 1),
    }


def ways_to_product(loss):
    gradient = jax.grad(loss)
    return {
        "jvp(grad)": lambda w, v, X, T: jax.jvp(lambda w: gradient(w, X, T), (w,), (v,))[1],
        "grad(grad . v)": lambda w, v, X, T: jax.grad(lambda w: jnp.vdot(gradient(w, X, T), v))(w),
    }


def ways_to_hessian(loss, n):
    multiply = ways_to_product(loss)["jvp(grad)"]

    def columns(together, w, X, T):
        return jax.lax.map(lambda v: multiply(w, v, X, T), jnp.eye(n, dtype=w.dtype), batch_size=together)

    return {
        "hessian": jax.hessian(loss),
        "map of H v": partial(columns, None),
        "map of 64 H v": partial(columns, 64),
    }
