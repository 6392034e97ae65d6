# SPDX-License-Identifier: BSD-3-Clause
"""The three products of a block at every size: our own kernels, their edges, and BLAS; judge: NumPy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bpnet import Layer, Network, Topology

# Around the widths of vectors and tiles (2 to 16, and three vectors: 6 to 48), at one, at the rows from which panels
# are made (64), at their depth (128), and beyond what our kernels take on at the lower levels.
SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 23, 31, 32, 33, 47, 48, 49, 63, 64, 65, 80, 96, 97)
SHAPES = [
    *((n, n_in, n_out) for n in (1, 2, 6, 7, 9, 13, 17) for n_in in SIZES[::3] for n_out in SIZES),
    *((n, n_in, n_out) for n in (63, 64, 65, 127, 129) for n_in in (1, 3, 20, 70) for n_out in SIZES[::2]),
    *((n, n_in, n_out) for n in (1, 3, 70) for n_in in (127, 128, 129, 255, 256, 257, 600) for n_out in (1, 3, 8, 20)),
    (64, 128, 129),
    (128, 100, 100),
    (300, 200, 64),
    (257, 784, 10),
    (300, 600, 300),
]


def _products(n, n_in, n_out, dtype):
    """Outputs and gradient of a linear network n_in - n_out - 2, and the same by NumPy in float64."""
    rng = np.random.default_rng(n + 100 * n_in + n_out)
    topology = Topology.layered([n_in, n_out, 2], activation="identity")
    net = Network(topology, dtype=dtype)
    net.parameters = rng.normal(size=topology.n_parameters) / np.sqrt(n_in)
    X, y = rng.normal(size=(n, n_in)).astype(dtype), rng.normal(size=(n, 2)).astype(dtype)
    (W1, W2), (b1, b2) = ([np.asarray(array, np.float64) for array in part] for part in (net.coefs, net.intercepts))
    z = X.astype(np.float64) @ W1 + b1
    delta = z @ W2 + b2 - y
    error = delta @ W2.T
    gradient = [(X.T @ error).ravel(), error.sum(axis=0), (z.T @ delta).ravel(), delta.sum(axis=0)]
    return net.predict(X), net.gradient(X, y), z @ W2 + b2, np.concatenate(gradient)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_of_every_size_are_those_of_numpy(dtype):
    # Sums of up to 784 products of order one: some 30 roundings of the largest term.
    tolerance = 100 * np.finfo(dtype).eps
    for shape in SHAPES:
        outputs, gradient, expected_outputs, expected_gradient = _products(*shape, dtype)
        scale = np.abs(expected_outputs).max() + 1
        assert_allclose(outputs, expected_outputs, rtol=0, atol=tolerance * scale, err_msg=str(shape))
        scale = np.abs(expected_gradient).max() + 1
        assert_allclose(gradient, expected_gradient, rtol=0, atol=tolerance * scale, err_msg=str(shape))


@pytest.mark.parametrize("n", [7, 8, 15, 16, 17, 24, 25, 48, 49])
@pytest.mark.parametrize(("n_low", "n_high"), [(100, 50), (129, 128), (200, 129), (257, 300), (60, 300)])
def test_few_rows_that_meet_transposed_weights_are_those_of_numpy(n, n_low, n_high, dtype):
    """Error signals that W' brings down, to units that have had some from elsewhere and to units that have not."""
    layers = [Layer(n_low, "identity", name="low"), Layer(n_low, "identity", name="apart", sources="input")]
    layers += [Layer(n_high, "identity", name="high", sources=("low", "apart"))]
    layers += [Layer(2, "identity", sources=("high", "low"))]
    net = Network(Topology(3, layers), dtype=dtype, random_state=0)
    rng = np.random.default_rng(n)
    X, y = rng.normal(size=(n, 3)).astype(dtype), rng.normal(size=(n, 2)).astype(dtype)
    low, apart, high, out = np.split(net.deltas(X, y).astype(float), np.cumsum([n_low, n_low, n_high]), axis=1)
    into_high, into_out = (np.asarray(W, float) for W in net.coefs[2:])
    brought = high @ into_high.T
    for found, expected in (low, brought[:, :n_low] + out @ into_out[n_high:].T), (apart, brought[:, n_low:]):
        assert_allclose(found, expected, rtol=0, atol=100 * np.finfo(dtype).eps * np.abs(expected).max())
