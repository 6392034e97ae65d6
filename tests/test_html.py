# SPDX-License-Identifier: BSD-3-Clause
"""What networks show of themselves: in HTML, by themselves and within scikit-learn's diagrams, and in plain text."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from problems import GRAPHS, make
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from bpnet import Layer, MLPClassifier, MLPRegressor, Network, Topology

X, Y = np.eye(4), np.arange(4.0)
MARK = 'class="bpnet-network"'


def fitted(**more):
    return MLPRegressor(hidden_layer_sizes=(7, 3), solver="lbfgs", random_state=0, **more).fit(X, Y)


def drawing(html):
    """The SVG, parsed: it must be well-formed XML."""
    return ElementTree.fromstring(re.search(r"<svg xmlns.*</svg>", html)[0])


def count(svg, tag):
    return len(svg.findall(f".//{{http://www.w3.org/2000/svg}}{tag}"))


def texts(svg):
    return [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("graph", GRAPHS)
def test_drawing_has_a_box_for_each_layer_and_an_arrow_for_each_source(graph):
    topology = make(graph).topology
    columns = 1
    svg = drawing(topology._repr_html_())
    if len(topology.layers) < 8:
        assert count(svg, "rect") == 1 + len(topology.layers)
        assert count(svg, "path") == sum(len(layer.sources) for layer in topology.layers)
    columns = svg.iter("{http://www.w3.org/2000/svg}rect")
    assert len({box.get("x") for box in columns}) <= 8


def test_boxes_say_name_units_and_activation():
    layers = [Layer(1200, "relu"), Layer(3, ("tanh", "relu", "tanh"), name="mixed"), Layer(2, "identity")]
    svg = drawing(Topology(4, layers)._repr_html_())
    assert texts(svg) == ["input", "4", "h1", "1,200 relu", "mixed", "2 tanh, 1 relu", "output", "2 identity"]


def test_deep_and_broad_networks_are_cut_in_the_middle():
    svg = drawing(Topology.layered([5] * 100)._repr_html_())
    assert [name for name in texts(svg) if not name.startswith("5")] == [
        "input", "h1", "h2", "h3", "h97", "h98", "output", "...",
    ]  # fmt: skip
    assert count(svg, "path") == 3 + 2
    branches = [Layer(1, sources=("input",), name=f"b{k}") for k in range(50)]
    broad = Topology(1, [*branches, Layer(1, sources=tuple(layer.name for layer in branches))])
    assert count(drawing(broad._repr_html_()), "rect") == 1 + 5 + 1 and "46 more" in broad._repr_html_()


def test_names_are_escaped():
    name = '<script>alert("x")</script>&'
    topology = Topology(1, [Layer(2, name=name), Layer(1, name="</svg>", sources=(name, "input"))])
    html = Network(topology)._repr_html_()
    assert "<script" not in html and html.count("</svg>") == 1
    assert drawing(html).find(".//*{http://www.w3.org/2000/svg}title").text
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;" in html
    model = MLPRegressor(topology=[Layer(2, name=name)], solver="lbfgs").fit(X, Y)
    assert "<script>alert" not in estimator_html_repr(make_pipeline(model))


def test_fitted_network_is_shown_once_alone_and_in_a_pipeline():
    model = fitted()
    for shown in (model, make_pipeline(StandardScaler(), model)):
        html = estimator_html_repr(shown)
        assert html.count(MARK) == 1 and "4 inputs, 1 output, 63 parameters" in html and "hidden_layer_sizes" in html
        assert texts(drawing(html)) == ["input", "4", "h1", "7 relu", "h2", "3 relu", "output", "1 identity"]
    assert model._repr_html_().count(MARK) == 1 and MARK in model._repr_mimebundle_()["text/html"]
    with config_context(display="text"):
        assert list(model._repr_mimebundle_()) == ["text/plain"]


def test_before_the_fit_a_given_topology_is_shown():
    assert MARK not in estimator_html_repr(MLPClassifier()) and MARK not in estimator_html_repr(clone(fitted()))
    topology = Topology.layered([4, 2, 1])
    assert MARK in estimator_html_repr(MLPRegressor(topology=topology))
    assert MARK not in estimator_html_repr(MLPRegressor(topology=[Layer(3)]))


def test_without_the_hook_the_plain_representation_remains(monkeypatch):
    class Table:
        __slots__ = ()

        def _repr_html_inner(self):
            return "plain"

    plain = estimator_html_repr(MLPRegressor())
    monkeypatch.setattr(BaseEstimator, "_get_params_html", lambda self, *args, **kwargs: Table())
    html = estimator_html_repr(fitted())
    assert "plain" in html and MARK not in html and "sk-top-container" in plain and "sk-top-container" in html


@pytest.mark.parametrize("graph", GRAPHS)
def test_printed_table_has_a_row_for_each_layer_whose_parameters_add_up(graph):
    problem = make(graph)
    head, titles, *lines = str(problem.net()).split("\n")
    assert head.startswith(f"Network: {problem.n_inputs} input") and "float64, loss squared_error" in head
    assert titles.split() == ["layer", "units", "activation", "hears", "parameters"]
    assert len({len(line) for line in lines}) == 1
    if len(problem.topology.layers) <= 20:
        assert [line.split()[0] for line in lines] == [layer.name for layer in problem.topology.layers]
        assert [int(line.split()[1]) for line in lines] == [layer.n_units for layer in problem.topology.layers]
        assert sum(int(line.split()[-1]) for line in lines) == problem.topology.n_parameters
    assert str(problem.topology).split("\n")[1:] == [titles, *lines]


def test_printed_table_of_many_layers_leaves_out_the_middle():
    lines = str(Topology.layered([1] * 1001)).split("\n")[2:]
    assert len(lines) == 20 and [line.split()[0] for line in lines][9:12] == ["h10", "...", "h992"]
    assert "981 more" in lines[10] and lines[-1].split()[0] == "output"
