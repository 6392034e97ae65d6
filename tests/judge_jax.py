# SPDX-License-Identifier: BSD-3-Clause
"""The whole calculus against JAX's automatic differentiation, on random graphs: what `make judge` runs.

`make test` leaves this file out, as JAX is a large thing to install. The graphs are the same in every run: at most a
dozen units with mixed activations, biases or none, outputs in any place, every loss with each of its outputs and one of
a user, sample weights, zeros among them. For a part of them the weights are so large that units saturate.

A relative error is the largest difference over the largest number of JAX's array. There is no floor below which an
error counts as small: where JAX says that all is zero, all must be.
"""

import jax
import numpy as np
import pytest
import reference
import reference_jax
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from problems import ALL_LOSSES
from random_problems import random_layers, random_units

FIRST_ORDER, SECOND_ORDER = 1e-10, 1e-9
BOUNDS = {
    "raw outputs": FIRST_ORDER,
    "outputs": FIRST_ORDER,
    "value": FIRST_ORDER,
    "gradient": FIRST_ORDER,
    "deltas": FIRST_ORDER,
    "Jacobian": FIRST_ORDER,
    "raw Jacobian": FIRST_ORDER,
    "parameter Jacobian": FIRST_ORDER,
    "raw parameter Jacobian": FIRST_ORDER,
    "Hessian": SECOND_ORDER,
    "Hessian by columns": SECOND_ORDER,
    "Hessian diagonal": SECOND_ORDER,
    "Hessian product": SECOND_ORDER,
    "curvatures": SECOND_ORDER,
    "Gauss-Newton": SECOND_ORDER,
    "Gauss-Newton product": SECOND_ORDER,
}

# Name: graphs of a loss, and how they are drawn. Twenty losses make 580 graphs unit by unit.
KINDS = {
    "unit by unit": (29, random_units),
    "layer by layer": (8, lambda losses: random_layers(losses, max_layers=4, max_units=3)),
}

# Weights times 8 saturate logistic, tanh and softmax units on many a sample.
SCALES = (1, 1, 8)
# Where exp units hear one another a sum can be larger; its rounding, magnified by exp, then takes the digits of both.
LARGEST_SUM = 100


@pytest.fixture(scope="module")
def errors():
    """By kind and quantity: a relative error for each graph. The largest are printed at the end."""
    errors = {kind: {name: [] for name in BOUNDS} for kind in KINDS}
    yield errors
    print(f"\nworst relative error against JAX {jax.__version__}")
    print(f"{'':24}{'bound':8}", *(f"{kind:>16}" for kind in KINDS))
    for name, bound in BOUNDS.items():
        print(f"{name:24}{bound:<8.0e}", *(f"{max(errors[kind][name], default=np.nan):16.1e}" for kind in KINDS))
    print(f"{'graphs':32}", *(f"{len(errors[kind]['value']):16}" for kind in KINDS))
    print(f"{'with curvatures':32}", *(f"{len(errors[kind]['curvatures']):16}" for kind in KINDS))


@pytest.mark.parametrize("loss", ALL_LOSSES)
@pytest.mark.parametrize("kind", KINDS)
def test_calculus_equals_automatic_differentiation(kind, loss, errors):
    n_graphs, strategy = KINDS[kind]
    beyond = []

    @settings(max_examples=n_graphs, phases=[Phase.generate])
    @given(strategy(losses=[loss]), st.sampled_from(SCALES))
    def judge(problem, scale):
        w = scale * problem.w
        directions = np.random.default_rng(len(w)).normal(size=(2, len(w)))
        expected = by_jax(problem, w, directions)
        actual = by_bpnet(problem.net(w=w), problem, directions)
        for name, bound in BOUNDS.items():
            if name not in actual:
                continue
            error = relative_error(actual[name], expected[name])
            errors[kind][name].append(error)
            if not error <= bound:
                beyond.append(f"{name}: {error:.1e}, weights times {scale}, {problem.topology!r}")

    judge()
    assert not beyond, "\n".join(beyond)


def by_jax(problem, w, directions):
    units, _ = reference.units(problem.n_inputs, problem.layers)
    out = reference.out_labels(units, problem.outputs)
    s = np.ones(len(problem.X)) if problem.s is None else problem.s
    results = reference_jax.calculus(
        problem.n_inputs, units, out, problem.reference_loss, w, problem.X, problem.y, s, directions
    )
    assume(np.abs(results.pop("sums")).max() <= LARGEST_SUM)
    results["Hessian by columns"] = results["Hessian"]
    results["Hessian diagonal"] = np.diag(results["Hessian"])
    return results


def by_bpnet(net, problem, directions):
    X, data = problem.X, (problem.X, problem.y)
    value, gradient = net.value_and_gradient(*data, problem.s)
    results = {
        "raw outputs": net.predict_raw(X),
        "outputs": net.predict(X),
        "value": value,
        "gradient": gradient,
        "deltas": net.deltas(*data, problem.s),
        "Jacobian": net.jacobian(X),
        "raw Jacobian": net.jacobian(X, of="raw"),
        "parameter Jacobian": net.parameter_jacobian(X),
        "raw parameter Jacobian": net.parameter_jacobian(X, of="raw"),
        "Hessian": net.hessian(*data, problem.s),
        "Hessian by columns": net.hessian(*data, problem.s, method="columns"),
        "Hessian product": net.hessian_product(*data, directions, problem.s),
        "Gauss-Newton": net.gauss_newton(*data, problem.s),
        "Gauss-Newton product": net.gauss_newton_product(*data, directions, problem.s),
    }
    if problem.is_scattered:
        for method in (net.hessian_diagonal, net.curvatures):
            with pytest.raises(ValueError, match="couples outputs of different layers"):
                method(*data, problem.s)
        return results
    return results | {
        "Hessian diagonal": net.hessian_diagonal(*data, problem.s),
        "curvatures": net.curvatures(*data, problem.s),
    }


def relative_error(actual, expected):
    assert np.shape(actual) == np.shape(expected)
    assert np.isfinite(expected).all()
    difference = np.abs(actual - expected).max(initial=0)
    return difference / max(np.abs(expected).max(initial=0), np.finfo(float).tiny)
