# SPDX-License-Identifier: BSD-3-Clause
"""The network in JAX: every derivative is left to automatic differentiation. No bpnet import.

All graphs are padded to one size, so that one compiled function serves them all. The parameters of a padded graph are a
matrix, flattened: row j belongs to unit j, with a column for each input and unit that may be heard and one for the
bias. Where there is no connection the weight is zero; a unit or output too many counts nowhere. What belongs to the
graph itself is picked out of the results.

The formulas are such that no derivative of theirs is a difference of nearly equal numbers where units are saturated:
JAX's own tanh and logistic have the slopes 1 - z^2 and z (1 - z), which lose all digits there. At the kink of relu and
its kin the piece on the left counts.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

# The most that a graph may have.
MAX_INPUTS, MAX_UNITS = 4, 12
ROWS = (MAX_UNITS, MAX_INPUTS + MAX_UNITS + 1)


class Graph(NamedTuple):
    """What is known of a graph beside its parameters."""

    activation: np.ndarray  # of each unit: a place in ACTIVATIONS
    out: np.ndarray  # numbers of the output units
    exists: np.ndarray  # which of the entries of `out` are no padding
    loss: int  # a place in LOSSES


def magnitude(a):
    """|a|, at zero with slope -1 in place of none."""
    return jnp.where(a > 0, a, -a)


def logistic(a):
    e = jnp.exp(-magnitude(a))
    return jnp.where(a > 0, 1, e) / (1 + e)


def tanh(a):
    e = jnp.exp(-2 * magnitude(a))
    return jnp.where(a > 0, 1 - e, e - 1) / (1 + e)


def softplus(a):
    return jnp.where(a > 0, a, 0) + jnp.log1p(jnp.exp(-magnitude(a)))


def elu(a, alpha=1.0):
    return jnp.where(a > 0, a, alpha * (jnp.exp(jnp.where(a > 0, 0, a)) - 1))


ACTIVATIONS = {
    "identity": lambda a: a,
    "logistic": logistic,
    "tanh": tanh,
    "relu": lambda a: jnp.where(a > 0, a, 0),
    "leaky_relu": lambda a: jnp.where(a > 0, a, 0.01 * a),
    "elu": elu,
    "selu": lambda a: 1.0507009873554805 * elu(a, 1.6732632423543772),
    "softplus": softplus,
    "gelu": lambda a: a * jax.scipy.special.erfc(-a / np.sqrt(2)) / 2,
    "silu": lambda a: a * logistic(a),
    "exp": jnp.exp,
    "sine": jnp.sin,
    "softmax": lambda a: a,  # the outputs are coupled afterwards: they feed nothing
}


def odds_against(a, exists):
    """(1 - p) / p of each softmax output: the sum of exp(a_j - a_k) over all j but k."""
    others = exists & ~np.eye(len(a), dtype=bool)
    return jnp.where(others, jnp.exp(jnp.where(others, a - a[:, None], 0)), 0).sum(axis=1)


# Terms of E_n, one for each output, as functions of what the loss reads there. `exists` says which are no padding; t
# has a target for each output, or for each group of outputs.


def squares(z, t, exists):
    return (z - t) ** 2 / 2


def absolute_error(z, t, exists):
    return magnitude(z - t)


def huber(delta):
    def terms(z, t, exists):
        size = magnitude(z - t)
        return jnp.where(size > delta, delta * (size - delta / 2), (z - t) ** 2 / 2)

    return terms


def log_cosh(z, t, exists):
    """Near 0 by cosh^2 = 1 + sinh^2: the other form is there a difference of nearly equal numbers."""
    size = magnitude(z - t)
    near = jnp.log1p(jnp.sinh(jnp.where(size < 1, size, 0)) ** 2) / 2
    return jnp.where(size < 1, near, size - np.log(2) + jnp.log1p(jnp.exp(-2 * size)))


def binary_log_loss(a, t, exists):
    return t * softplus(-a) + (1 - t) * softplus(a)


def multinomial_log_loss(a, t, exists):
    return t * jnp.log1p(odds_against(a, exists))  # -log p = log(1 + (1 - p) / p)


def poisson(a, t, exists):
    return jax.scipy.special.xlogy(t, t) - t * a - t + jnp.exp(a)


def gamma(a, t, exists):
    return a - jnp.log(jnp.where(exists, t, 1)) + t * jnp.exp(-a) - 1


def grouped(size, group):
    """The terms of a loss that reads so many numbers for each target: `group` is a function of these and the target."""

    def terms(z, t, exists):
        return jax.vmap(group)(z.reshape(-1, size), t[: len(z) // size]).ravel()

    return terms


def pinball(levels):
    levels = np.array(levels)

    def group(z, t):
        excess = jnp.cumsum(jnp.concatenate([z[:1], softplus(z[1:])])) - t
        return jnp.where(excess > 0, (1 - levels) * excess, -levels * excess)

    return grouped(len(levels), group)


def normal_loss(z, t):
    return jnp.array([z[1], (t - z[0]) ** 2 * jnp.exp(-z[1])]) / 2


def cauchy_loss(z, t):
    return jnp.array([z[1], jnp.log1p(((t - z[0]) * jnp.exp(-z[1])) ** 2)])


def no_curvature(z, t, exists, at):
    """Of a loss that is linear in the predictions."""
    return 0 * z


def mean_normal_loss(z, t, exists, at):
    """The mean of `normal_loss` over targets of the distribution that `at` says; at `at` its curvature is Fisher's."""
    z, at = z.reshape(-1, 2), at.reshape(-1, 2)
    mean_square = jnp.exp(at[:, 1]) + (at[:, 0] - z[:, 0]) ** 2
    return jnp.stack([z[:, 1], mean_square * jnp.exp(-z[:, 1])], axis=1).ravel() / 2


class Loss(NamedTuple):
    """What is known of a loss."""

    terms: Callable
    reads_a: bool = False
    curved: Callable | None = None  # what the Gauss-Newton matrix takes the second derivative of, if not of the terms


# By name, and activation of the outputs.
LOSSES = {
    ("squared_error", "any"): Loss(squares),
    ("squared_error", "softmax"): Loss(squares),
    ("binary_log_loss", "logistic"): Loss(binary_log_loss, True),
    ("multinomial_log_loss", "softmax"): Loss(multinomial_log_loss, True),
    ("poisson", "exp"): Loss(poisson, True),
    ("gamma", "exp"): Loss(gamma, True),
    ("absolute_error", "any"): Loss(absolute_error, curved=no_curvature),
    ("huber", "any"): Loss(huber(1.0)),
    ("narrow_huber", "any"): Loss(huber(0.4)),
    ("log_cosh", "any"): Loss(log_cosh),
    ("quantile", "any"): Loss(pinball((0.1, 0.5, 0.8)), curved=no_curvature),
    ("one_quantile", "any"): Loss(pinball((0.7,)), curved=no_curvature),
    ("gaussian_nll", "any"): Loss(grouped(2, normal_loss), curved=mean_normal_loss),
    ("cauchy", "any"): Loss(grouped(2, cauchy_loss)),
}
COUPLED = jnp.array([activation == "softmax" for _, activation in LOSSES])
READS_A = jnp.array([loss.reads_a for loss in LOSSES.values()])
TERMS = [loss.terms for loss in LOSSES.values()]
# The others take no notice of `at`.
CURVED = [loss.curved or (lambda z, t, exists, at, terms=loss.terms: terms(z, t, exists)) for loss in LOSSES.values()]


def forward(graph, w, x, shift):
    """Sums a of all units, `shift` added to each, and outputs z of inputs and units, for one sample."""

    def unit(z, one):
        j, activation, weights, added = one
        a = weights[:-1] @ z + weights[-1] + added
        return z.at[MAX_INPUTS + j].set(jax.lax.switch(activation, list(ACTIVATIONS.values()), a)), a

    inputs = jnp.concatenate([x, jnp.zeros(MAX_UNITS)])
    z, a = jax.lax.scan(unit, inputs, (np.arange(MAX_UNITS), graph.activation, w.reshape(ROWS), shift))
    return a, z


def outputs(graph, w, x, shift):
    """a and z of the output units."""
    a, z = forward(graph, w, x, shift)
    a, z = a[graph.out], z[MAX_INPUTS + graph.out]
    return a, jax.lax.cond(COUPLED[graph.loss], lambda: 1 / (1 + odds_against(a, graph.exists)), lambda: z)


def what_is_read(graph, w, x, shift):
    a, z = outputs(graph, w, x, shift)
    return jnp.where(READS_A[graph.loss], a, z)


def loss_of(graph, read, t, s):
    read = jnp.where(graph.exists, read, 0)
    return s * jnp.where(graph.exists, jax.lax.switch(graph.loss, TERMS, read, t, graph.exists), 0).sum()


def curved_loss_of(graph, read, t, s, at):
    """What the Gauss-Newton matrix takes the second derivative of, at `at`."""
    read, at = jnp.where(graph.exists, read, 0), jnp.where(graph.exists, at, 0)
    return s * jnp.where(graph.exists, jax.lax.switch(graph.loss, CURVED, read, t, graph.exists, at), 0).sum()


def error(graph, w, x, shift, t, s):
    """s_n E_n of one sample."""
    return loss_of(graph, what_is_read(graph, w, x, shift), t, s)


# The axes of each result: samples n, units u, outputs k, inputs i, parameters w, directions d.
AXES = {
    "sums": "nu",
    "raw outputs": "nk",
    "outputs": "nk",
    "value": "",
    "gradient": "w",
    "deltas": "nu",
    "Jacobian": "nki",
    "raw Jacobian": "nki",
    "parameter Jacobian": "nkw",
    "raw parameter Jacobian": "nkw",
    "Hessian": "ww",
    "Hessian product": "dw",
    "curvatures": "nu",
    "Gauss-Newton": "ww",
    "Gauss-Newton product": "dw",
}


@jax.jit
def differentiate(graph, w, X, y, s, directions):
    """All the results that AXES names, with the padding in them."""
    shifts = jnp.zeros((len(X), MAX_UNITS))

    def samples(function, *more):
        """A function of graph, w, x, shift and perhaps t, s for every sample."""
        return jax.vmap(lambda x, shift, *rest: function(graph, w, x, shift, *rest))(X, shifts, *more)

    def total(w):
        return jax.vmap(lambda x, shift, t, s: error(graph, w, x, shift, t, s))(X, shifts, y, s).sum()

    def loss_curvature(graph, w, x, shift, t, s):
        read = what_is_read(graph, w, x, shift)
        return jax.hessian(curved_loss_of, argnums=1)(graph, read, t, s, read)

    value, gradient = jax.value_and_grad(total)(w)
    raw, out = samples(outputs)
    raw_jacobian, jacobian = samples(jax.jacfwd(outputs, argnums=2))
    raw_parameter_jacobian, parameter_jacobian = samples(jax.jacrev(outputs, argnums=1))
    J, L = samples(jax.jacrev(what_is_read, argnums=1)), samples(loss_curvature, y, s)
    J_v = jnp.einsum("nkw,dw->dnk", J, directions)
    return {
        "sums": samples(forward)[0],
        "raw outputs": raw,
        "outputs": out,
        "value": value,
        "gradient": gradient,
        "deltas": samples(jax.grad(error, argnums=3), y, s),
        "Jacobian": jacobian,
        "raw Jacobian": raw_jacobian,
        "parameter Jacobian": parameter_jacobian,
        "raw parameter Jacobian": raw_parameter_jacobian,
        "Hessian": jax.hessian(total)(w),
        "Hessian product": jax.vmap(lambda v: jax.jvp(jax.grad(total), (w,), (v,))[1])(directions),
        "curvatures": jnp.diagonal(samples(jax.hessian(error, argnums=3), y, s), axis1=1, axis2=2),
        "Gauss-Newton": jnp.einsum("nki,nkl,nlj->ij", J, L, J),
        "Gauss-Newton product": jnp.einsum("nki,nkl,dnl->di", J, L, J_v),
    }


def calculus(n_inputs, units, out, loss, w, X, y, s, directions):
    """The results of `differentiate` for one graph, without padding.

    `units` and w are those of reference.py, `out` is a list of labels, `directions` of shape (n, n_parameters).
    """
    column = {("input", i): i for i in range(n_inputs)}
    column |= {unit.label: MAX_INPUTS + j for j, unit in enumerate(units)}
    cells = np.zeros(len(w), int)
    for j, unit in enumerate(units):
        for label, place in unit.upstream:
            cells[place] = np.ravel_multi_index((j, column[label]), ROWS)
        if unit.bias is not None:
            cells[unit.bias] = np.ravel_multi_index((j, ROWS[1] - 1), ROWS)
    activations = {unit.label: unit.activation for unit in units}
    pair = loss, activations[out[0]]
    graph = Graph(
        padded([list(ACTIVATIONS).index(name) for name in activations.values()], MAX_UNITS),
        padded([column[label] - MAX_INPUTS for label in out], MAX_UNITS),
        np.arange(MAX_UNITS) < len(out),
        list(LOSSES).index(pair if pair in LOSSES else (loss, "any")),
    )
    vectors = np.zeros((1 + len(directions), np.prod(ROWS)))
    vectors[:, cells] = [w, *directions]
    results = differentiate(graph, vectors[0], padded(X, MAX_INPUTS), padded(y, MAX_UNITS), s, vectors[1:])
    kept = {"u": range(len(units)), "k": range(len(out)), "i": range(n_inputs), "w": cells}
    return {name: picked(np.asarray(results[name]), axes, kept) for name, axes in AXES.items()}


def padded(array, n):
    """With zeros at the end of the last axis."""
    array = np.asarray(array)
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, n - array.shape[-1])])


def picked(array, axes, kept):
    for axis, letter in enumerate(axes):
        if letter in kept:
            array = array.take(kept[letter], axis=axis)
    return array
