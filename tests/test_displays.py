# SPDX-License-Identifier: BSD-3-Clause
"""Displays: what the artists hold is what the networks hold, edge by edge as the reference numbers them."""

import sys

import numpy as np
import pytest
import reference
from numpy.testing import assert_allclose, assert_array_equal
from problems import GRAPHS, make
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.neural_network import MLPClassifier as ScikitLearnClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bpnet import DeltaDisplay, Layer, LossCurveDisplay, MLPClassifier, MLPRegressor, Network, NetworkDisplay, Topology
from bpnet.diagnostics import delta_statistics


@pytest.fixture
def plt():
    """Matplotlib without a screen; whatever a test has drawn is closed."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.gcf().canvas.draw()  # warns where something cannot be drawn
    plt.close("all")


def converging(**more):
    """A classifier that stops after a few epochs."""
    return MLPClassifier((5, 4), learning_rate_init=0.01, tol=0.05, n_iter_no_change=2, random_state=0, **more)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


# NetworkDisplay


@pytest.mark.parametrize("graph", GRAPHS)
def test_every_edge_runs_from_its_unit_to_its_unit_with_its_weight(plt, graph):
    problem = make(graph)
    display = NetworkDisplay.from_estimator(problem.net(), max_units=40)
    labels = [("input", i) for i in range(problem.n_inputs)] + problem.topology.units
    label_at = {tuple(place): labels[node] for place, node in zip(display.units_.get_offsets(), display.nodes_)}
    assert len(label_at) == len(labels)  # each has a place of its own
    drawn = {
        (label_at[tuple(line[0])], label_at[tuple(line[-1])]): (place, weight)
        for line, place, weight in zip(display.edges_.get_segments(), display.places_, display.edges_.get_array())
    }
    units, _ = reference.units(problem.n_inputs, problem.layers)
    expected = {
        (upstream, unit.label): (place, problem.w[place]) for unit in units for upstream, place in unit.upstream
    }
    assert drawn == expected


@pytest.mark.parametrize("graph", ["no bias", "unit by unit", "units of several depths"])
def test_units_are_filled_by_their_bias_on_the_scale_of_the_weights(plt, graph):
    problem = make(graph)
    display = NetworkDisplay.from_estimator(problem.net())
    units, _ = reference.units(problem.n_inputs, problem.layers)
    fills = dict(zip(display.nodes_, display.units_.get_facecolor()))
    for k, unit in enumerate(units, start=problem.n_inputs):
        expected = (0.85, 0.85, 0.85, 1) if unit.bias is None else display.edges_.to_rgba(problem.w[unit.bias])
        assert_array_equal(fills[k], expected)
    assert all((fills[i] == (0.85, 0.85, 0.85, 1)).all() for i in range(problem.n_inputs))


@pytest.mark.parametrize("is_masked", [False, True])
def test_of_large_layers_the_first_and_last_units_are_shown(plt, rng, is_masked):
    mask = rng.random((30, 25)) < 0.7
    layers = [Layer(25, mask={"input": mask} if is_masked else None), Layer(3, "identity", sources=("h1", "input"))]
    net = Network(Topology(30, layers), random_state=0)
    display = NetworkDisplay.from_estimator(net, max_units=6)
    shown, own = [0, 1, 2, 27, 28, 29], [0, 1, 2, 22, 23, 24]
    assert_array_equal(display.nodes_, [*shown, *(30 + k for k in own), 55, 56, 57])
    exists = mask[np.ix_(shown, own)] if is_masked else np.ones((6, 6), bool)
    first, second = net.coefs[0][np.ix_(shown, own)][exists], net.coefs[1][[*own, *(25 + i for i in shown)]]
    expected = np.concatenate([first, second.ravel()])
    assert_array_equal(np.sort(display.edges_.get_array()), np.sort(expected))
    assert_array_equal(net.parameters[display.places_], display.edges_.get_array())


def test_edges_that_pass_a_column_go_round_it(plt):
    layers = [Layer(9, name="p"), Layer(1, "identity", sources=("p", "input"))]
    display = NetworkDisplay.from_estimator(Network(Topology(2, layers)))
    tallest = np.abs(display.units_.get_offsets()[:, 1]).max()
    bent = [line for line in display.edges_.get_segments() if len(line) > 2]
    assert len(bent) == 2
    for line in bent:
        assert abs(line[len(line) // 2][1]) > tallest


def test_colours_are_even_about_zero_and_keywords_reach_the_lines(plt):
    ax = plt.subplots()[1]
    net = Network(Topology.layered([3, 4, 2]), random_state=0)
    net.parameters[0] = 2.0
    display = NetworkDisplay.from_estimator(net, ax=ax, colorbar=False, alpha=0.25, linewidths=3)
    assert display.ax_ is ax and display.figure_ is ax.figure and display.colorbar_ is None
    weights = np.concatenate([np.ravel(coef) for coef in net.coefs])
    assert display.edges_.norm.vmax == -display.edges_.norm.vmin == np.abs(weights).max()
    assert display.edges_.get_alpha() == 0.25 and list(display.edges_.get_linewidths()) == [3]
    again = display.plot(cmap="PiYG")
    assert again is display and display.ax_ is not ax and display.colorbar_.ax.get_ylabel() == "weight"


def test_features_classes_layers_and_units_are_named(plt, iris):
    frame = load_iris(as_frame=True)
    model = converging().fit(frame.data, frame.target_names[frame.target])
    texts = {text.get_text() for text in NetworkDisplay.from_estimator(model).ax_.texts}
    assert texts == {
        *frame.data.columns,
        *frame.target_names,
        "input\n4",
        "h1\n5 relu",
        "h2\n4 relu",
        "output\n3 softmax",
    }
    own = NetworkDisplay.from_estimator(model, input_names="abcd", output_names=[r"$\x$", 1, "$"])
    assert {"a", "b", "c", "d", r"$\x$", "1", "$"} < {text.get_text() for text in own.ax_.texts}
    own.figure_.canvas.draw()  # dollars are no mathematics
    assert not NetworkDisplay.from_estimator(model, names=False).ax_.texts
    wired = NetworkDisplay.from_estimator(make("unit by unit").net())
    assert {text.get_text() for text in wired.ax_.texts} == {"0", "1", "2", "p", "-7", "('q', 1)", "y"}
    with pytest.raises(ValueError, match="expected input_names for 4 units, got 1"):
        NetworkDisplay.from_estimator(model, input_names="a")


@pytest.mark.parametrize("max_units", [1, 2.5, True])
def test_max_units_below_two_are_refused(plt, max_units):
    with pytest.raises(ValueError, match="max_units as an integer of at least 2"):
        NetworkDisplay.from_estimator(Network(Topology.layered([1, 1])), max_units=max_units)


def test_network_of_weights_zero_and_deep_graphs_are_drawn(plt):
    net = Network(Topology.layered([2, 2]))
    net.parameters[...] = 0
    assert_array_equal(NetworkDisplay.from_estimator(net).edges_.get_array(), np.zeros(4))
    chain = [(0, 1), *((k, k + 1) for k in range(1, 300)), *((k, k + 7) for k in range(1, 290, 3))]
    deep = Network(Topology.from_edges(1, chain, outputs=[300]), random_state=0)
    assert len(NetworkDisplay.from_estimator(deep).edges_.get_segments()) == len(chain)


# LossCurveDisplay


def test_lines_hold_the_curves_epoch_by_epoch(plt, iris):
    model = converging(early_stopping=True).fit(*iris)
    display = LossCurveDisplay.from_estimator(model)
    (line,), (validation,) = display.lines_, display.validation_lines_
    assert_array_equal(line.get_xdata(), np.arange(1, model.n_iter_ + 1))
    assert_array_equal(line.get_ydata(), model.loss_curve_)
    assert_array_equal(validation.get_ydata(), model.validation_loss_curve_)
    assert [text.get_text() for text in display.legend_.get_texts()] == ["training loss", "validation loss"]
    (scores,) = display.plot(scores=True).score_lines_
    assert_array_equal(scores.get_ydata(), model.validation_scores_)
    (line,) = display.lines_
    assert scores.axes is display.score_ax_ and line.axes is display.ax_ and line.get_color() == scores.get_color()
    assert display.ax_.get_yscale() == "log" and display.plot(log_scale=False).ax_.get_yscale() == "linear"


def test_validation_losses_stand_beside_the_losses_in_place_of_scores(plt):
    curves = {"losses": [[3, 2], [4, -1]], "validation_losses": [[5, 4], None], "validation_scores": [[0, 1], [1, 2]]}
    display = LossCurveDisplay(**curves, names=["a", "b"]).plot(linewidth=3)
    assert_array_equal(display.validation_lines_[0].get_ydata(), [5, 4])
    assert display.validation_lines_[1] is None and display.score_lines_[0] is None
    assert_array_equal(display.score_lines_[1].get_ydata(), [1, 2])
    assert display.ax_.get_yscale() == "linear" and display.validation_lines_[0].get_linestyle() == "--"
    assert {line.get_linewidth() for line in display.lines_} == {3} and len(display.legend_.get_texts()) == 4
    assert all(line is not None for line in display.plot(scores=True).score_lines_)
    assert display.plot(scores=False).score_ax_ is None
    assert LossCurveDisplay(losses=[[1, 2]]).plot().legend_ is None


def test_fitted_attributes_of_validation_are_found(plt, iris):
    model = converging().fit(*iris)
    model.validation_loss_curve_ = [1.0, 0.5]
    assert_array_equal(LossCurveDisplay.from_estimator(model).validation_lines_[0].get_ydata(), [1, 0.5])


def test_several_fits_by_list_dict_search_and_folds(plt, iris):
    X, y = iris
    pipeline = make_pipeline(StandardScaler(), converging()).fit(X, y)
    search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [0.1, 1]}, cv=2).fit(X, y)
    other = ScikitLearnClassifier((3,), tol=0.1, n_iter_no_change=2).fit(X, y)
    best = search.best_estimator_[-1]
    display = LossCurveDisplay.from_estimator({"one": pipeline, "best": search, "other": other})
    for line, model in zip(display.lines_, (pipeline[-1], best, other), strict=True):
        assert_array_equal(line.get_ydata(), model.loss_curve_)
    assert [line.get_label() for line in display.lines_] == [
        f"{name}, training loss" for name in ("one", "best", "other")
    ]
    assert len({line.get_color() for line in display.lines_}) == 3
    assert LossCurveDisplay.from_estimator([pipeline, other]).names == ["MLPClassifier 0", "MLPClassifier 1"]

    results = cross_validate(pipeline, X, y, cv=3, return_estimator=True)
    folds = LossCurveDisplay.from_cv_results(results)
    assert folds.names == ["fold 0", "fold 1", "fold 2"]
    assert_array_equal(folds.lines_[2].get_ydata(), results["estimator"][2][-1].loss_curve_)


def test_what_has_no_curve_is_refused(iris):
    with pytest.raises(ValueError, match="with a loss_curve_, got StandardScaler without"):
        LossCurveDisplay.from_estimator(StandardScaler())
    with pytest.raises(ValueError, match="got MLPClassifier without"):
        LossCurveDisplay.from_estimator([MLPClassifier()])
    with pytest.raises(ValueError, match="at least one estimator"):
        LossCurveDisplay.from_estimator([])
    with pytest.raises(ValueError, match="return_estimator=True"):
        LossCurveDisplay.from_cv_results({"test_score": [1]})
    with pytest.raises(ValueError, match="validation_losses for each of 2 fits, got 1"):
        LossCurveDisplay(losses=[[1], [2]], validation_losses=[None])
    with pytest.raises(ValueError, match="a name for each of 1 fits, got 2"):
        LossCurveDisplay(losses=[[1]], names=["a", "b"])


# DeltaDisplay


def points(display):
    return display.container_[0].get_ydata()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_deltas_are_those_of_what_the_pipeline_hands_on(plt, iris, n_classes):
    X, names = iris[0][iris[1] < n_classes], np.array(["p", "q", "r"])[iris[1][iris[1] < n_classes]]
    model = make_pipeline(StandardScaler(), converging()).fit(X, names)
    probability = model.predict_proba(X)
    delta = probability - (names[:, None] == model.classes_)
    delta = delta[:, 1:] if n_classes == 2 else delta
    s = np.arange(len(X))
    display = DeltaDisplay.from_estimator(model, X, names)
    assert_allclose(points(display)[-1], (delta**2).mean(), rtol=1e-10)
    weighted = DeltaDisplay.from_estimator(model, X, names, sample_weight=s, column="mean", ax=display.ax_, name="s")
    assert_allclose(points(weighted)[-1], np.abs(np.average(delta, axis=0, weights=s).mean()), rtol=1e-10)
    assert weighted.ax_ is display.ax_ and weighted.figure_ is display.figure_
    assert [text.get_text() for text in weighted.ax_.get_legend().get_texts()][-1] == "s"
    with pytest.raises(ValueError, match="expected y out of the classes .*, got .*zebra"):
        DeltaDisplay.from_estimator(model, X[:1], ["zebra"])


def test_deltas_of_transformed_targets_and_of_data_frames(plt):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    inner = MLPRegressor("squared_error", 4, solver="lbfgs", alpha=1, random_state=0, max_iter=1000)
    model = TransformedTargetRegressor(inner, transformer=StandardScaler()).fit(X, y)
    residual = (model.predict(X) - y) / y.std(ddof=0)
    assert_allclose(points(DeltaDisplay.from_estimator(model, X, y))[-1], (residual**2).mean(), rtol=1e-10)
    search = GridSearchCV(inner, {"alpha": [1]}, cv=2).fit(X, y)
    residual = search.predict(X) - y
    assert_allclose(points(DeltaDisplay.from_estimator(search, X, y))[-1], (residual**2).mean(), rtol=1e-10)


def test_deltas_of_a_network_and_of_its_new_starts_are_the_table(plt):
    problem = make("chain", weighted=True)
    net, args = problem.net(), (problem.X, problem.y, problem.s)
    display = DeltaDisplay.from_estimator(net, problem.X, problem.y, sample_weight=problem.s, color="k")
    assert_array_equal(points(display), delta_statistics(net, *args)["mean_square"])
    assert display.container_[0].get_color() == "k"
    display = DeltaDisplay.from_estimator(net, problem.X, problem.y, n_restarts=3, random_state=0)
    assert display.table.n_draws == 3 and len(display.container_[2]) == 1  # error bars
    assert display.plot(column="norm_of_mean") is display
    with pytest.raises(ValueError, match="expected a column out of .*mean_square.*, got 'size'"):
        display.plot(column="size")


# All


@pytest.mark.parametrize(
    "draw",
    [
        lambda: NetworkDisplay.from_estimator(Network(Topology.layered([1, 1]))),
        lambda: LossCurveDisplay(losses=[[1.0]]).plot(),
        lambda: DeltaDisplay.from_estimator(Network(Topology.layered([1, 1])), [[1.0]], [1.0]),
    ],
)
def test_without_matplotlib_the_extra_is_named(monkeypatch, draw):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"needs matplotlib.*pip install bpnet\[plot\]"):
        draw()


@pytest.mark.parametrize("model", [MLPClassifier(), make_pipeline(StandardScaler()), StandardScaler(), None])
def test_what_holds_no_network_is_refused(model):
    for draw in (NetworkDisplay.from_estimator, lambda model: DeltaDisplay.from_estimator(model, [[1.0]], [1.0])):
        with pytest.raises(
            TypeError, match=f"got {type(getattr(model, 'steps', [[0, model]])[-1][1]).__name__} without"
        ):
            draw(model)
