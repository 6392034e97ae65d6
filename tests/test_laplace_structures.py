# SPDX-License-Identifier: BSD-3-Clause
"""Structures of the posterior's matrix against the matrices themselves, and against each other."""

import numpy as np
import pytest
from laplace_nets import FINE, NET, STRUCTURES, numeric_jacobian
from numpy.testing import assert_allclose
from sklearn.frozen import FrozenEstimator

from bpnet import LaplaceRegressor, Layer, MLPRegressor, Topology
from bpnet.laplace import _prior, _rows, _structures

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


SHAPES = {
    "chain": Topology.layered([2, 4, 3, 2]),
    "skip, no bias": Topology(2, [Layer(4, "relu"), Layer(2, "identity", sources=("h1", "input"), bias=False)]),
}


@pytest.mark.parametrize("topology", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_each_structure_inverts_its_matrix(wave, structure, topology):
    X, y = wave
    net = MLPRegressor(topology=topology, **{**FINE, "alpha": 0.5, "max_iter": 50})
    model = LaplaceRegressor(net, structure=structure).fit(X, y)
    net, posterior = model.estimator_.network_, model._laplace.posterior
    matrix, places = net.gauss_newton(X, y), posterior.places
    prior = _prior.precisions(_prior.groups_of(topology, "one"), [0.5])
    if structure == "diagonal":
        matrix = np.diag(np.diag(matrix))
    elif structure == "kronecker":
        matrix = of_layers(net, X)
    matrix = (matrix + np.diag(prior))[np.ix_(places, places)]
    B = posterior.whiten(np.eye(topology.n_parameters)[places])
    assert_allclose(B @ B.T @ matrix, np.eye(len(places)), atol=1e-9)
    assert_allclose(posterior.log_det, np.linalg.slogdet(matrix)[1], rtol=1e-10)
    assert_allclose(posterior.variances(), np.diag(np.linalg.inv(matrix)), rtol=1e-8)


def of_layers(net, X):
    """Kronecker products of each layer, row by row out of finite differences to its biases and to its weights."""
    J = numeric_jacobian(net, X)
    total, n = np.zeros((J.shape[2],) * 2), len(X)
    for layer, (start, stop), z in zip(
        net.topology.layers, net.topology.plan.weight_ranges, _rows.sources_of(net, X), strict=True
    ):
        end = stop + layer.n_units * layer.bias
        # z_i g_j of the source that is largest in each row.
        largest = abs(z).argmax(axis=1)
        g = J[..., start:end].reshape(n, -1, z.shape[1], layer.n_units)[np.arange(n), :, largest]
        g /= z[np.arange(n), largest][:, None, None]
        total[start:end, start:end] = np.kron(z.T @ z / n, np.einsum("nki,nkj->ij", g, g))
    return total


def test_structures_agree_where_they_must(rng):
    """One layer on features that are orthogonal: the posterior is diagonal, and the Kronecker product exact."""
    X = np.linalg.qr(rng.normal(size=(40, 3)))[0] * [3, 2, 1]
    Y = X @ rng.normal(size=(3, 2)) + 0.1 * rng.normal(size=(40, 2))
    topology = Topology(3, [Layer(2, "identity", bias=False)])
    net = FrozenEstimator(MLPRegressor(topology=topology, **{**FINE, "alpha": 1.0}).fit(X, Y))
    models = [LaplaceRegressor(net, structure=structure, noise=0.1).fit(X, Y) for structure in STRUCTURES]
    for model in models[1:]:
        assert_allclose(model.predict(X, return_std=True)[1], models[0].predict(X, return_std=True)[1], rtol=1e-10)
        assert_allclose(model.log_marginal_likelihood_, models[0].log_marginal_likelihood_, rtol=1e-10)


def test_kronecker_is_exact_for_one_layer_of_any_features(wave):
    X, y = wave
    net = FrozenEstimator(MLPRegressor(hidden_layer_sizes=(), **{**FINE, "alpha": 1.0}).fit(X, y))
    full, kronecker = (LaplaceRegressor(net, structure=name, noise=1).fit(X, y) for name in ("full", "kronecker"))
    assert_allclose(
        kronecker.predict(X, return_cov=True)[1], full.predict(X, return_cov=True)[1], rtol=1e-9, atol=1e-12
    )


def test_frozen_parameters_are_known(wave):
    X, y = wave
    model = LaplaceRegressor(MLPRegressor(frozen=0, **NET), noise=1).fit(X, y)
    last = LaplaceRegressor(FrozenEstimator(model.estimator_), structure="last_layer", noise=1).fit(X, y)
    for name in ("log_marginal_likelihood_", "n_effective_parameters_"):
        assert_allclose(getattr(model, name), getattr(last, name), rtol=1e-12)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_memory_is_checked_before_it_is_taken(wave, structure):
    model = LaplaceRegressor(MLPRegressor(**NET), structure=structure, max_memory=1e-7)
    with pytest.raises(MemoryError, match=f"structure='{structure}' of .* takes .*; cheaper: ") as caught:
        model.fit(*wave)
    cheaper = {name for name in STRUCTURES if f"{name!r} " in str(caught.value)}
    assert "diagonal" in cheaper or structure in ("diagonal", "last_layer")
    assert not hasattr(model, "estimator_")


def test_memory_of_a_large_network_names_all_that_are_cheaper():
    topology = Topology.layered([100, 300, 300, 1])
    with pytest.raises(MemoryError, match=r"'last_layer' .*'kronecker' .*'diagonal' "):
        _structures.check(topology, "full", None, np.arange(topology.n_parameters), 4.0)
    _structures.check(topology, "kronecker", None, np.arange(topology.n_parameters), 4.0)
