# SPDX-License-Identifier: BSD-3-Clause
"""NetworkDisplay: the graph of a network with its weights."""

import numpy as np

from bpnet._extras import extra
from bpnet._layered import Layered
from bpnet.displays import _layout
from bpnet.displays._models import innermost, network_of
from bpnet.layers import INPUT
from bpnet.summary import size_text

#: Points on an edge that is bent round the layers between its ends.
BEND = np.linspace(0, 1, 17)
#: Edges beyond which lines are drawn thinner: so many of full width just leave some white between ten columns of 20.
THIN = 2000
#: Units and columns up to which their names find room in a figure of ordinary size.
MOST_NAMES, MOST_COLUMNS = 40, 9


class NetworkDisplay:
    """The units of a network and the weights between them; best made by `from_estimator`.

    Parameters
    ----------
    topology : Topology
    parameters : ndarray of shape (n_parameters,)
    input_names, output_names : sequence of str, optional

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    edges_ : matplotlib.collections.LineCollection
        All weights that are shown, the largest on top; ``edges_.get_array()`` holds them.
    places_ : ndarray of shape (n_edges,)
        The place of each in the vector of parameters.
    units_ : matplotlib.collections.PathCollection
        Inputs and units that are shown, filled by their bias on the scale of the weights; inputs and units without bias
        are grey.
    nodes_ : ndarray of shape (n_shown,)
        Their numbers: the inputs, then the units in the order of ``topology.units``.
    colorbar_ : matplotlib.colorbar.Colorbar or None

    Examples
    --------
    >>> from bpnet import MLPRegressor, NetworkDisplay
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = MLPRegressor(hidden_layer_sizes=5, solver="lbfgs", max_iter=2000, random_state=0).fit(X, y / 100)
    >>> display = NetworkDisplay.from_estimator(model)
    >>> len(display.edges_.get_array()), display.ax_.texts[0].get_text()
    (55, 'age')
    """

    def __init__(self, *, topology, parameters, input_names=None, output_names=None):
        self.topology, self.parameters = topology, parameters
        self.input_names = _names(input_names, topology.n_inputs, "input_names")
        self.output_names = _names(output_names, topology.n_outputs, "output_names")

    @classmethod
    def from_estimator(cls, estimator, *, input_names=None, output_names=None, ax=None, **kwargs):
        """Draw the network of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator, pipeline, search, or Network
        input_names : sequence of str, optional
            By default `feature_names_in_` of the estimator that holds the network.
        output_names : sequence of str, optional
            By default its `classes_`, where there is an output for each.
        ax, **kwargs
            As for `plot`.

        Returns
        -------
        NetworkDisplay
        """
        network, model = network_of(estimator), innermost(estimator)
        classes = getattr(model, "classes_", ())
        if input_names is None:
            input_names = getattr(model, "feature_names_in_", None)
        if output_names is None and len(classes) == network.topology.n_outputs:
            output_names = classes
        display = cls(
            topology=network.topology,
            parameters=network.parameters.copy(),
            input_names=input_names,
            output_names=output_names,
        )
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, *, max_units=20, names=None, colorbar=True, cmap="RdBu_r", **kwargs):
        """Draw: inputs on the left, outputs on the right, positive weights red, negative ones blue.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            By default one of a new figure.
        max_units : int, default=20
            Most units that are shown of each layer, at least 2: of a larger one its first and last.
        names : bool, optional
            Whether inputs, outputs, and the layers or units in between are named; by default where there is room.
        colorbar : bool, default=True
        cmap : str or matplotlib.colors.Colormap, default="RdBu_r"
            Its middle is a weight of zero.
        **kwargs
            For `matplotlib.collections.LineCollection`, the edges.

        Returns
        -------
        NetworkDisplay
            Itself.

        Notes
        -----
        Cost: that of the edges shown, at most max_units^2 for each pair of layers; where the topology was given by
        edges, or has masks, O(W) besides.
        """
        pyplot = extra("matplotlib.pyplot", "plot")
        if isinstance(max_units, bool) or not isinstance(max_units, int | np.integer) or max_units < 2:
            raise ValueError(f"expected max_units as an integer of at least 2, got {max_units!r}")
        layout = _layout.arrange(self.topology, max_units)
        upstream, downstream, places = _layout.edges_among(self.topology, layout.nodes)
        ax = pyplot.subplots(layout="constrained")[1] if ax is None else ax
        self.ax_, self.figure_, self.nodes_ = ax, ax.figure, layout.nodes
        order = np.argsort(np.abs(self.parameters[places]), kind="stable")
        self.places_ = places[order]
        ends = np.searchsorted(layout.nodes, [upstream[order], downstream[order]])
        self._draw_edges(layout, ends, self.parameters[self.places_], cmap, kwargs)
        self._draw_units(layout)
        self._write(layout, names)
        ax.axis("off")
        self.colorbar_ = self.figure_.colorbar(self.edges_, ax=ax, label="weight", shrink=0.7) if colorbar else None
        return self

    def _draw_edges(self, layout, ends, weights, cmap, style):
        """One collection of lines, coloured and broadened by weight."""
        matplotlib = extra("matplotlib", "plot")
        size = np.abs(weights.astype(float))
        largest = size.max(initial=0) or 1.0
        width = min(1.0, np.sqrt(THIN / max(len(size), 1)))
        style = {
            "norm": matplotlib.colors.Normalize(-largest, largest),
            "linewidths": (0.3 + 1.7 * size / largest) * width,
            "zorder": 1,
            **style,
        }
        lines = matplotlib.collections.LineCollection(_segments(layout, *ends), cmap=cmap, array=weights, **style)
        self.edges_ = self.ax_.add_collection(lines)
        self.ax_.autoscale_view()

    def _draw_units(self, layout):
        """A disc for each node, smaller in high columns."""
        bias = _layout.bias_places(self.topology)[layout.nodes]
        colors = self.edges_.to_rgba(np.where(bias < 0, 0.0, self.parameters[bias]))
        colors[bias < 0] = (0.85, 0.85, 0.85, 1.0)
        n_rows, n_columns = 2 * layout.heights.max() + 1, len(layout.heights)
        area = np.clip(4000 / max(n_rows, n_columns) ** 1.5, 4, 160)  # in square points, of 200 by 300 points
        style = {"s": area, "c": colors, "edgecolors": "black", "linewidths": 0.7, "zorder": 2}
        self.units_ = self.ax_.scatter(layout.x, layout.y, **style)
        for _, x, top, foot, is_cut in layout.layers:
            if is_cut:
                n_top = -(-(top - foot) // 2)
                self.ax_.text(x, top - n_top, "...", rotation=90, ha="center", va="center", fontsize="small")

    def _write(self, layout, wanted):
        """Names of inputs and outputs, and of layers, or of units that were given one by one."""
        topology, is_layered = self.topology, isinstance(self.topology._form, Layered)
        few = wanted if wanted is not None else len(layout.nodes) <= MOST_NAMES
        room = wanted if wanted is not None else len(layout.heights) <= MOST_COLUMNS
        labels = topology._form.output_labels
        position = {label: topology.n_inputs + k for k, label in enumerate(topology.units)}
        texts: dict[int, str] = {}
        if few and not is_layered:
            texts |= {k: str(label) for label, k in position.items()} | {i: str(i) for i in range(topology.n_inputs)}
        if self.input_names is not None and wanted is not False:
            texts |= dict(enumerate(self.input_names))
        if self.output_names is not None and wanted is not False:
            texts |= {position[label]: name for label, name in zip(labels, self.output_names, strict=True)}
        last = len(layout.heights) - 1
        for node, x, y in zip(layout.nodes.tolist(), layout.x, layout.y, strict=True):
            if node in texts:
                side = {0: (-8, 0, "right", "center"), last: (8, 0, "left", "center")}.get(
                    x, (0, 8, "center", "bottom")
                )
                self._text(texts[node], x, y, *side)
        if room and is_layered:
            layers = {layer.name: layer for layer in topology.layers}
            for name, x, _, foot, _ in layout.layers:
                below = f"{topology.n_inputs:,}" if name == INPUT else size_text(layers[name])
                self._text(f"{name}\n{below}", x, foot, 0, -10, "center", "top")

    def _text(self, text, x, y, right, up, ha, va):
        # Names are no mathematics, whatever dollars they hold.
        self.ax_.annotate(
            text, (x, y), (right, up), textcoords="offset points", ha=ha, va=va, fontsize="small", parse_math=False
        )


def _segments(layout, i, j):
    """Points of each edge: straight to the next column, else an arc round what stands between."""
    start, stop = np.stack([layout.x[i], layout.y[i]], axis=1), np.stack([layout.x[j], layout.y[j]], axis=1)
    segments = list(np.stack([start, stop], axis=1))
    for k in np.flatnonzero(stop[:, 0] > start[:, 0] + 1):
        (x0, y0), (x1, y1) = start[k], stop[k]
        between = layout.heights[int(x0) + 1 : int(x1)].max() + 1 + 0.3 * np.sqrt(x1 - x0)
        middle = 2 * (between if y0 + y1 >= 0 else -between) - (y0 + y1) / 2  # the arc goes through half of it
        y = (1 - BEND) ** 2 * y0 + 2 * BEND * (1 - BEND) * middle + BEND**2 * y1
        segments[k] = np.stack([x0 + BEND * (x1 - x0), y], axis=1)
    return segments


def _names(names, n, what):
    """A list of n strings, or None."""
    if names is None:
        return None
    if len(names) != n:
        raise ValueError(f"expected {what} for {n} units, got {len(names)}")
    return [str(name) for name in names]
