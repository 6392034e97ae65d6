# SPDX-License-Identifier: BSD-3-Clause
"""The options of training as parameters of the estimators: what they do, how they resume, and what is refused."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from bpnet import MLPClassifier, MLPRegressor, Network, Topology, train

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = X[:, 0] - X[:, 1] * X[:, 2]
BASE = {"hidden_layer_sizes": (7, 5), "max_iter": 4, "random_state": 0, "batch_size": 16, "shuffle": False}
BASE |= {"n_iter_no_change": np.inf, "alpha": 0.0}
OPTIONS = {
    "dropout": {"dropout": 0.2},
    "dropout by layer": {"dropout": [0.0, 0.3], "input_dropout": 0.1},
    "l1": {"alpha_l1": 0.3},
    "decay": {"weight_decay": 0.2},
    "clipping": {"max_gradient_norm": 0.1},
    "frozen": {"frozen": "h1"},
    "cosine": {"learning_rate": "cosine"},
    "coslog4": {"learning_rate": "coslog4"},
    "one cycle": {"learning_rate": "one_cycle"},
    "rmsprop": {"solver": "rmsprop", "learning_rate": "cosine"},
    "sgd": {"solver": "sgd", "weight_decay": 0.1, "max_gradient_norm": 0.5, "learning_rate": "one_cycle"},
}


def _fit(**more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return MLPRegressor(**BASE | more).fit(X, Y)


@pytest.mark.parametrize("option", OPTIONS)
def test_option_does_in_the_estimator_what_it_does_in_train(option):
    given = OPTIONS[option]
    est = _fit(**given)
    rule = given.get("solver", "adam")
    net = Network.from_parameters(est.network_.topology, _start(), "squared_error")
    settings = {"sgd": {"momentum": 0.9, "nesterov": True}, "adam": {}, "rmsprop": {"decay": 0.999}}[rule]
    more = {key: value for key, value in given.items() if key not in ("solver", "learning_rate")}
    if "learning_rate" in given:
        more["schedule"] = given["learning_rate"]
    random_state = np.random.RandomState(0)
    random_state.uniform(size=len(net.parameters))  # the starting weights
    curve = train(
        net, X, Y, rule=rule, learning_rate=0.001, batch_size=16, n_epochs=4, reduction="mean", shuffle=False,
        random_state=random_state, **settings, **more,
    )  # fmt: skip
    assert_array_equal(net.parameters, est.network_.parameters)
    assert curve == est.loss_curve_


def _start():
    from bpnet.initializers import glorot_uniform

    return glorot_uniform(Topology.layered([4, 7, 5, 1], "relu"), np.random.RandomState(0), 6.0)


@pytest.mark.parametrize("option", OPTIONS)
def test_training_epoch_by_epoch_is_the_whole_training(option):
    whole, parts = _fit(**OPTIONS[option]), MLPRegressor(**BASE | OPTIONS[option])
    for _ in range(4):
        parts = pickle.loads(pickle.dumps(parts)).partial_fit(X, Y)
    assert_array_equal(parts.network_.parameters, whole.network_.parameters)
    assert parts.loss_curve_ == whole.loss_curve_


def test_dropout_goes_on_in_a_warm_start():
    # Rule and schedule begin anew at each fit, as they do in scikit-learn; the epochs of dropout go on.
    settings = {"dropout": 0.3, "solver": "sgd", "momentum": 0, "warm_start": True}
    whole, parts = _fit(**settings), MLPRegressor(**BASE | settings | {"max_iter": 2})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for _ in range(2):
            parts.fit(X, Y)
    assert_array_equal(parts.network_.parameters, whole.network_.parameters)


def test_schedule_that_has_run_its_length_is_no_failure_to_converge():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        est = MLPRegressor(**BASE | {"learning_rate": "cosine"}).fit(X, Y)
    assert est.n_iter_ == 4


def test_l1_leaves_weights_at_zero_and_says_what_they_cost():
    est = _fit(alpha_l1=1.0, max_iter=300, learning_rate_init=0.01, learning_rate="cosine")
    weights = np.concatenate([matrix.ravel() for matrix in est.coefs_])
    assert 0.5 < (weights == 0).mean() < 1
    assert est.loss_curve_[-1] > 1.0 * np.abs(weights).sum() / 16 > 0


@pytest.mark.parametrize("solver", ["sgd", "adam", "rmsprop", "rprop", "lbfgs"])
def test_every_solver_learns(solver):
    rate = {"sgd": 0.02, "adam": 0.01, "rmsprop": 0.002}.get(solver, 0.001)
    est = MLPRegressor(**BASE | {"batch_size": "auto"}).set_params(
        hidden_layer_sizes=20,
        activation="tanh",
        solver=solver,
        shuffle=True,
        learning_rate_init=rate,
        max_iter=500,
        tol=0,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert est.fit(X, Y).score(X, Y) > 0.9


def test_rprop_works_on_all_rows():
    est = _fit(solver="rprop", batch_size="auto")
    assert est._progress.rule.n_steps == 4
    for batch_size in (60, 100):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert_array_equal(_fit(solver="rprop", batch_size=batch_size).coefs_[0], est.coefs_[0])


def test_coef_init_and_intercept_init_are_the_start_also_of_a_warm_one():
    start = _fit()
    coefs, intercepts = [w + 1 for w in start.coefs_], [b - 1 for b in start.intercepts_]
    still = {"solver": "sgd", "learning_rate": lambda t: 0, "max_iter": 1, "momentum": 0}
    est = MLPRegressor(**BASE | still)
    for _ in range(2):
        est.set_params(warm_start=True).fit(X, Y, coef_init=coefs, intercept_init=intercepts)
        for got, given in zip([*est.coefs_, *est.intercepts_], [*coefs, *intercepts], strict=True):
            assert_array_equal(got, given)
        assert not any(np.shares_memory(a, b) for a, b in zip(est.coefs_, coefs, strict=True))
    assert_array_equal(est.fit(X, Y, intercept_init=intercepts).coefs_[0], coefs[0])
    some = MLPRegressor(**BASE | still).fit(X, Y, coef_init=[None, coefs[1], None])
    assert_array_equal(some.coefs_[1], coefs[1])
    for k in (0, 2):
        assert_array_equal(some.coefs_[k], MLPRegressor(**BASE | still).fit(X, Y).coefs_[k])
    classifier = MLPClassifier(**BASE | still).fit(X, Y > 0, coef_init=coefs)
    assert_array_equal(classifier.coefs_[1], coefs[1])


@pytest.mark.parametrize(
    ("error", "message", "start"),
    [
        (ValueError, "coef_init: expected 3 arrays, got 1", {"coef_init": [np.ones((4, 7))]}),
        (ValueError, r"coef_init: expected an array of shape \(4, 7\)", {"coef_init": [np.ones((7, 4))] * 3}),
        (ValueError, r"intercept_init: expected an array of shape \(7,\)", {"intercept_init": [[0.0]] * 3}),
        (ValueError, "expected finite", {"intercept_init": [np.full(7, np.nan), np.zeros(5), np.zeros(1)]}),
    ],
)
def test_starts_that_do_not_fit_are_refused(error, message, start):
    with pytest.raises(error, match=message):
        MLPRegressor(**BASE).fit(X, Y, **start)


@pytest.mark.parametrize("solver", ["lbfgs", "rprop", "lm", "scg"])
@pytest.mark.parametrize(
    "option",
    [
        {"dropout": 0.1},
        {"dropout": [0.0, 0.1]},
        {"input_dropout": 0.1},
        {"weight_decay": 0.1},
        {"max_gradient_norm": 1.0},
        {"learning_rate": "cosine"},
        {"learning_rate": lambda t: 1},
    ],
    ids=lambda option: str(next(iter(option))),
)
def test_solvers_of_all_rows_refuse_what_makes_no_sense_for_them(solver, option):
    est = MLPRegressor(**BASE | {"solver": solver, "batch_size": "auto"} | option)
    with pytest.raises(ValueError, match=f"{solver!r} does not take {next(iter(option))}"):
        est.fit(X, Y)
    assert not hasattr(est, "n_features_in_")


@pytest.mark.parametrize(
    ("message", "option"),
    [
        ("'dropout' parameter", {"dropout": 1.0}),
        ("dropout as one number or 2", {"dropout": [0.1]}),
        ("'input_dropout' parameter", {"input_dropout": -0.5}),
        ("'alpha_l1' parameter", {"alpha_l1": -1.0}),
        ("'weight_decay' parameter", {"weight_decay": "a"}),
        ("'max_gradient_norm' parameter", {"max_gradient_norm": 0.0}),
        ("'frozen' parameter", {"frozen": 0.5}),
        ("'initializer' parameter", {"initializer": "zeros"}),
        ("'learning_rate' parameter", {"learning_rate": "linear"}),
        ("'solver' parameter", {"solver": "newton"}),
        ("'rprop' works on all 60 rows", {"solver": "rprop"}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_values_out_of_range_are_refused(message, option):
    with pytest.raises((ValueError, TypeError), match=message):
        MLPRegressor(**BASE | option).fit(X, Y)


def test_options_are_searched_and_cloned_like_other_parameters():
    grid = {"dropout": [0.0, [0.1, 0.2]], "weight_decay": [0.0, 0.1], "initializer": [None, "he_normal"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search = GridSearchCV(MLPRegressor(**BASE), grid, cv=2).fit(X, Y)
    assert set(search.best_params_) == set(grid)
    assert clone(MLPRegressor(dropout=[0.1, 0.2])).dropout == [0.1, 0.2]
