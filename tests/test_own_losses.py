# SPDX-License-Identifier: BSD-3-Clause
"""Losses of a user, in Python and compiled by gcc: the numbers of the built-in ones, and errors that change nothing."""

import ctypes
import pickle
import shutil
import subprocess

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import LowLevelCallable
from sklearn.base import clone
from sklearn.neural_network import MLPRegressor as SkRegressor

from bpnet import MLPRegressor, Network, Topology, check_gradient, check_hessian, train
from bpnet.losses import CompiledLoss

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:lbfgs failed")


class Squared:
    """Half the squared error once more."""

    def value(self, a, y):
        return 0.5 * ((a - y) ** 2).sum(axis=1)

    def gradient(self, a, y):
        return a - y

    def hessian(self, a, y):
        return np.tile(np.eye(a.shape[1], dtype=a.dtype), (len(a), 1, 1))


class Deviance(Squared):
    """Half the Poisson deviance, of exp outputs."""

    activation = "exp"

    def value(self, a, y):
        with np.errstate(divide="ignore", invalid="ignore"):
            return (np.exp(a) - y - np.where(y > 0, y * (a - np.log(y)), 0)).sum(axis=1)

    def gradient(self, a, y):
        return np.exp(a) - y

    def hessian(self, a, y):
        return np.exp(a)[:, :, None] * np.eye(a.shape[1], dtype=a.dtype)


class Normal:
    """The likelihood of mean and log-variance, outputs of all targets together: first the means."""

    def n_raw(self, n_targets):
        return 2 * n_targets

    def _parts(self, a, y):
        m, s = np.split(a, 2, axis=1)
        return m - y, s, np.exp(-s)

    def value(self, a, y):
        r, s, e = self._parts(a, y)
        return 0.5 * (s + r**2 * e).sum(axis=1)

    def gradient(self, a, y):
        r, _, e = self._parts(a, y)
        return np.hstack([r * e, 0.5 * (1 - r**2 * e)])

    def predict(self, a):
        return a[:, : a.shape[1] // 2]


def data(n=60, n_targets=1, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)).astype(dtype)
    return X, rng.poisson(2, (n, n_targets)).astype(dtype), rng.choice([0, 0.5, 2], n).astype(dtype)


def nets(own, name, hidden=("tanh",), out="identity", n_outputs=2, dtype=np.float64):
    topology = Topology.layered([3, *[4] * len(hidden), n_outputs], list(hidden), out)
    return [Network(topology, loss, dtype=dtype, random_state=0) for loss in (own, name)]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("library")
    (folder / "own.c").write_text("""
        #include <math.h>
        double squared(double *a, double *y, double *g, int n_raw, int n_targets)
        {
            double e = 0;
            for (int k = 0; k < n_raw; k++) { g[k] = a[k] - y[k]; e += g[k] * g[k] / 2; }
            return e;
        }
        void second(double *a, double *y, double *h, int n_raw, int n_targets)
        {
            for (int k = 0; k < n_raw; k++) h[k * (n_raw + 1)] = 1;
        }
        double scaled(double *a, double *y, double *g, int n_raw, int n_targets, void *factor)
        {
            double c = *(double *)factor, e = c * squared(a, y, g, n_raw, n_targets);
            for (int k = 0; k < n_raw; k++) g[k] *= c;
            return e;
        }
        double broken(double *a, double *y, double *g, int n_raw, int n_targets) { g[0] = 0; return NAN; }
    """)
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "own.c", "-o", "own.so", "-lm"], cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "own.so"))


def function(library, name, result=ctypes.c_double, user_data=None):
    row, more = ctypes.POINTER(ctypes.c_double), [] if user_data is None else [ctypes.c_void_p]
    symbol = library[name]
    symbol.restype, symbol.argtypes = result, [row, row, row, ctypes.c_int, ctypes.c_int, *more]
    return LowLevelCallable(symbol, user_data)


def compiled(library):
    return CompiledLoss(function(library, "squared"), function(library, "second", None))


@pytest.mark.parametrize("kind", ["Python", "compiled"])
def test_own_loss_gives_the_numbers_of_the_same_built_in_one(kind, dtype, library):
    own = Squared() if kind == "Python" else compiled(library)
    X, y, s = data(700, 2, dtype)
    eps = float(30 * np.finfo(dtype).eps)
    for out in ("identity", "tanh"):
        mine, built_in = nets(own, "squared_error", ("tanh", "silu"), out, dtype=dtype)
        v = np.random.default_rng(1).normal(size=(2, len(mine.parameters))).astype(dtype)
        assert mine.loss(X, y, s) == pytest.approx(built_in.loss(X, y, s), rel=eps)
        for name in ("gradient", "deltas", "hessian", "gauss_newton", "hessian_diagonal", "curvatures"):
            expected = getattr(built_in, name)(X, y, s)
            assert_allclose(getattr(mine, name)(X, y, s), expected, rtol=0, atol=eps * np.abs(expected).max())
        for name in ("hessian_product", "gauss_newton_product"):
            expected = getattr(built_in, name)(X, y, v, s)
            assert_allclose(getattr(mine, name)(X, y, v, s), expected, rtol=0, atol=eps * np.abs(expected).max())


def test_own_loss_reads_a_of_the_activation_it_names():
    X, y, s = data(50, 2)
    mine, built_in = nets(Deviance(), "poisson", out="exp")
    assert_allclose(mine.gradient(X, y, s), built_in.gradient(X, y, s), rtol=1e-11, atol=1e-12)
    assert_allclose(mine.hessian(X, y, s), built_in.hessian(X, y, s), rtol=0, atol=1e-11)
    assert check_gradient(mine, X, y, s) < 1e-7 and check_hessian(mine, X, y, s) < 1e-7


def test_check_gradient_finds_a_wrong_derivative_of_an_own_loss():
    class Wrong(Squared):
        def gradient(self, a, y):
            return 1.1 * (a - y)

    X, y, _ = data(20, 2)
    assert check_gradient(nets(Squared(), "squared_error")[0], X, y) < 1e-7
    assert check_gradient(nets(Wrong(), "squared_error")[0], X, y) > 0.01


def test_mixed_differences_need_no_second_derivative_and_all_else_says_what_is_missing():
    X, y, _ = data(20, 2)
    own = Network(Topology.layered([3, 4, 4]), Normal(), random_state=0)
    assert own.hessian(X, y, method="mixed").shape == (len(own.parameters),) * 2
    for call in (
        own.hessian,
        own.gauss_newton,
        own.curvatures,
        own.hessian_diagonal,
        lambda X, y: own.hessian(X, y, method="columns"),
        lambda X, y: own.hessian_product(X, y, own.parameters),
    ):
        with pytest.raises(ValueError, match="Normal has no hessian"):
            call(X, y)


def test_own_loss_may_read_more_outputs_than_there_are_targets():
    X, y, s = data(40, 2)
    topology = Topology.layered([3, 5, 4])
    mine, built_in = Network(topology, Normal(), random_state=0), Network(topology, "gaussian_nll", random_state=0)
    last = topology.n_parameters - 24  # the built-in one wants mean and spread of a target side by side
    matrix = built_in.parameters[last:].reshape(6, 4)
    own = mine.parameters[last:].reshape(6, 4)
    matrix[...] = own[:, [0, 2, 1, 3]]
    assert mine.loss(X, y, s) == pytest.approx(built_in.loss(X, y, s), rel=1e-13)
    assert_allclose(mine.gradient(X, y, s)[:last], built_in.gradient(X, y, s)[:last], rtol=1e-11)
    with pytest.raises(ValueError, match=r"expected y of shape \(40, n_targets\), got \(40, 3\)"):
        mine.loss(X, np.zeros((40, 3)))


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("kind", ["Python", "compiled"])
def test_fit_with_an_own_squared_error_is_the_plain_fit(solver, kind, library):
    X, y, s = data(80)
    settings = {"hidden_layer_sizes": (5,), "solver": solver, "max_iter": 20, "random_state": 0, "activation": "tanh"}
    plain = MLPRegressor(**settings).fit(X, y[:, 0], s)
    own = MLPRegressor(Squared() if kind == "Python" else compiled(library), **settings).fit(X, y[:, 0], s)
    # lbfgs amplifies the last digits in twenty line searches.
    assert_allclose(own.network_.parameters, plain.network_.parameters, rtol=1e-6 if solver == "lbfgs" else 1e-11)
    assert_allclose(own.loss_, plain.loss_, rtol=1e-7)
    reference = SkRegressor(**settings).fit(X, y[:, 0], s)
    assert_allclose(own.predict(X), reference.predict(X), rtol=1e-5)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_rows_one_by_one_and_threads_take_own_losses_too(n_jobs, library):
    X, y, _ = data(300, 1)
    for own in (Squared(), compiled(library)):
        weights = []
        for loss in (own, "squared_error"):
            for batch_size in (1, 150):
                net = Network(Topology.layered([3, 100, 1]), loss, random_state=0)
                train(net, X, y, batch_size=batch_size, n_epochs=1, random_state=0, n_jobs=n_jobs, learning_rate=1e-3)
                weights.append(net.parameters)
        assert_allclose(weights[:2], weights[2:], rtol=1e-9)


@pytest.mark.parametrize(
    ("method", "result", "message"),
    [
        ("value", lambda a, y: 1 / 0, "division by zero"),
        ("value", lambda a, y: a, r"Broken.value: expected an array of shape \(\d+,\), got \(\d+, 1\)"),
        ("value", lambda a, y: np.full(len(a), np.nan), "Broken.value: expected numbers for every finite a, got NaN"),
        ("value", lambda a, y: ["x"] * len(a), "Broken.value: expected an array of numbers"),
        ("gradient", lambda a, y: a[:, 0], r"Broken.gradient: expected an array of shape \(\d+, 1\), got \(\d+,\)"),
        ("gradient", lambda a, y: a * np.nan, "Broken.gradient: expected numbers for every finite a, got NaN"),
        ("gradient", lambda a, y: None, "Broken.gradient: expected an array of numbers"),
    ],
)
@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
def test_own_loss_that_fails_is_named_and_changes_nothing(method, result, message, solver):
    class Broken(Squared):
        pass

    X, y, _ = data()
    kind = ZeroDivisionError if "zero" in message else (TypeError if "of numbers" in message else ValueError)
    model = MLPRegressor(Broken(), hidden_layer_sizes=(4,), solver=solver, max_iter=3, random_state=0)
    before = model.fit(X, y[:, 0]).predict(X)
    setattr(Broken, method, lambda self, a, y: result(a, y))
    with pytest.raises(kind, match=message):
        model.fit(X, y[:, 0])
    assert_array_equal(model.predict(X), before)
    with pytest.raises(kind, match=message):
        fresh = clone(model)
        fresh.fit(X, y[:, 0])
    assert not hasattr(fresh, "network_")
    net = Network(Topology.layered([3, 4, 1]), Broken(), random_state=0)
    for call in (net.loss, net.gradient, net.deltas):
        with pytest.raises(kind, match=message):
            call(X, y)
    assert Network(net.topology, Squared(), random_state=0).loss(X, y) > 0  # nothing is left of the error


def test_second_derivative_that_fails_is_named():
    class Broken(Squared):
        def hessian(self, a, y):
            return np.ones(3)

    X, y, _ = data()
    net = Network(Topology.layered([3, 4, 1]), Broken(), random_state=0)
    for call in (net.hessian, net.gauss_newton, lambda X, y: net.hessian_product(X, y, net.parameters)):
        with pytest.raises(ValueError, match=r"Broken.hessian: expected an array of shape \(60, 1, 1\), got \(3,\)"):
            call(X, y)


def test_compiled_loss_that_gives_nan_is_refused(library):
    X, y, _ = data()
    model = MLPRegressor(CompiledLoss(function(library, "broken")), hidden_layer_sizes=(4,), max_iter=2)
    with pytest.raises(ValueError, match="NaN from the compiled loss"):
        model.fit(X, y[:, 0])
    assert not hasattr(model, "network_")


def test_compiled_loss_gets_its_user_data(library):
    factor = ctypes.c_double(3.0)
    loss = CompiledLoss(function(library, "scaled", user_data=ctypes.cast(ctypes.pointer(factor), ctypes.c_void_p)))
    X, y, s = data(30, 2)
    mine, built_in = nets(loss, "squared_error")
    assert_allclose(mine.gradient(X, y, s), 3 * built_in.gradient(X, y, s), rtol=1e-12, atol=1e-14)


def test_compiled_loss_of_another_signature_is_refused(library):
    with pytest.raises(TypeError, match=r"expected a compiled function of signature 'double\(double\*.*got 'void"):
        CompiledLoss(function(library, "second", None))
    with pytest.raises(TypeError, match="expected function and hessian as scipy.LowLevelCallable"):
        CompiledLoss(len)
    with pytest.raises(ValueError, match="expected n_raw as an integer of at least 1, got 0"):
        CompiledLoss(function(library, "squared"), n_raw=0)


def test_what_is_no_loss_is_refused():
    topology = Topology.layered([3, 1])
    for wrong in (Squared, object(), 3, None):
        with pytest.raises(TypeError, match=r"expected a loss by name.*value\(a, y\) and gradient\(a, y\)"):
            Network(topology, wrong)


def test_estimator_with_a_python_loss_can_be_cloned_and_pickled():
    X, y, _ = data()
    model = MLPRegressor(Normal(), hidden_layer_sizes=(4,), max_iter=3, random_state=0).fit(X, y[:, 0])
    again = pickle.loads(pickle.dumps(model))
    assert model.predict(X).shape == (60,)
    assert_array_equal(again.predict(X), model.predict(X))
    assert_array_equal(again.fit(X, y[:, 0]).predict(X), clone(model).fit(X, y[:, 0]).predict(X))


def test_compiled_loss_says_that_it_cannot_be_pickled(library):
    X, y, _ = data()
    model = clone(MLPRegressor(compiled(library), hidden_layer_sizes=(4,), max_iter=3)).fit(X, y[:, 0])
    for thing in (model, model.network_, model.loss):
        with pytest.raises(pickle.PicklingError, match="compiled functions .* cannot be pickled"):
            pickle.dumps(thing)


def test_own_loss_may_keep_and_change_the_arrays_it_is_given():
    class Greedy(Squared):
        seen: list = []

        def value(self, a, y):
            self.seen.append(a.copy())
            result = super().value(a, y)
            return result

        def hessian(self, a, y):
            result = super().hessian(a, y)
            a[:], y[:] = np.nan, np.nan
            return result

    X, y, s = data(30, 2)
    mine, built_in = nets(Greedy(), "squared_error")
    assert_allclose(mine.hessian(X, y, s), built_in.hessian(X, y, s), rtol=1e-10, atol=1e-12)
    assert_allclose(np.concatenate(Greedy.seen), built_in.predict(X[s > 0]), rtol=1e-12)


def test_python_sees_subnormal_numbers_while_the_network_trains_without():
    class Tiny(Squared):
        seen: list = []

        def value(self, a, y):
            self.seen.append(np.full(1, 1e-310)[0] * 0.5)
            return super().value(a, y)

    X, y, _ = data()
    MLPRegressor(Tiny(), hidden_layer_sizes=(4,), max_iter=1).fit(X, y[:, 0])
    assert Tiny.seen and set(Tiny.seen) == {0.5e-310}


def test_error_in_a_thread_that_helps_reaches_the_caller(library):
    X, y, _ = data(600)
    net = Network(Topology.layered([3, 100, 50, 1]), CompiledLoss(function(library, "broken")), random_state=0)
    before = net.parameters.copy()
    with pytest.raises(ValueError, match="NaN from the compiled loss"):
        train(net, X, y, batch_size=600, n_epochs=1, n_jobs=2)
    assert_array_equal(net.parameters, before)


def test_gauss_newton_of_own_loss_takes_its_hessian_as_it_is():
    X, y, s = data(30, 2)
    net = nets(Deviance(), "poisson", out="exp")[0]
    J = net.parameter_jacobian(X, of="raw")
    G = np.einsum("n,nk,nkv,nkw->vw", s, net.predict(X), J, J)
    assert_allclose(net.gauss_newton(X, y, s), G, rtol=0, atol=1e-12 * np.abs(G).max())
