# SPDX-License-Identifier: BSD-3-Clause
"""The shape of a network: which units there are, who hears whom, and where each parameter lies in the flat vector."""

from functools import cached_property

import numpy as np

from bpnet import _html, summary
from bpnet._core.wiring import Wiring
from bpnet._layered import Layered
from bpnet._unitwise import Unitwise
from bpnet.activations import Activation
from bpnet.export._topologies import decode_form, encode_form
from bpnet.layers import Layer


class Topology:
    """Which units there are, which of them hear which, and with what activations.

    A topology is immutable, can be compared and hashed, and its repr builds it again. It holds no weights: those are
    one flat vector, ordered layer by layer; in a layer one (n_source, n_units) row-major block for each source, in the
    order of `sources`, of the connections that exist; then the biases.

    Parameters
    ----------
    n_inputs : int
    layers : sequence of Layer
        In an order in which each hears only layers before it.
    outputs : sequence of str, optional
        Names of the layers whose units are the outputs; by default the last. They may feed further layers.

    Attributes
    ----------
    layers : tuple of Layer
        With names and sources filled in.
    outputs : tuple
        Names of layers, or labels of units where the topology was given unit by unit.
    n_inputs, n_outputs, n_parameters : int

    Raises
    ------
    ValueError
        For layers that hear unknown or later ones, or that no output hears, and for masks of the wrong shape.

    See Also
    --------
    from_edges : Any acyclic graph, unit by unit.

    Examples
    --------
    >>> skip = Topology(2, [Layer(3, "tanh"), Layer(1, "identity", sources=("h1", "input"))])
    >>> skip.n_parameters
    15
    >>> skip == eval(repr(skip))
    True
    """

    _form: Layered | Unitwise

    def __init__(self, n_inputs, layers, outputs=None):
        self._adopt(Layered(n_inputs, layers, outputs))

    @classmethod
    def layered(cls, sizes, activation="tanh", out_activation="identity"):
        """Chain of complete layers.

        Parameters
        ----------
        sizes : sequence of int
            Numbers of inputs, of units of each hidden layer, and of outputs.
        activation : str, Activation or sequence, default="tanh"
            Of the hidden layers: one for all, or one per layer, each as `Layer` takes it.
        out_activation : str, default="identity"

        Examples
        --------
        >>> Topology.layered([8, 32, 1]).n_parameters
        321
        """
        if not np.iterable(sizes):
            raise TypeError(f"expected sizes as a sequence of integers, got {sizes!r}")
        sizes = list(sizes)
        if len(sizes) < 2:
            raise ValueError(f"expected sizes of at least the inputs and the outputs, got {sizes}")
        n_inputs, *hidden, n_outputs = sizes
        is_one = isinstance(activation, str | Activation)
        if not is_one and not np.iterable(activation):
            raise TypeError(f"expected an activation by name, an Activation or one per layer, got {activation!r}")
        names = [activation] * len(hidden) if is_one else list(activation)
        if len(names) != len(hidden):
            raise ValueError(f"expected one activation or {len(hidden)}, one per hidden layer, got {len(names)}")
        return cls(n_inputs, [*map(Layer, hidden, names), Layer(n_outputs, out_activation)])

    @classmethod
    def from_edges(cls, n_inputs, edges, *, outputs, activation="tanh", out_activation=None, bias=True):
        """Any acyclic graph of units, given by its edges: unit j hears the units of its upstream set S_j.

        Parameters
        ----------
        n_inputs : int
            The units 0, ..., n_inputs - 1 are the inputs; at most 2^24.
        edges : sequence of pairs (upstream, downstream), or integer array of shape (n_edges, 2)
            Any other labels, integers, strings or other hashable objects, are units, as soon as an edge names them.
        outputs : sequence of labels
            Units in any place, in the order of the columns of the outputs; they may feed further units.
        activation : str or dict of {label: str}, default="tanh"
            One name (see `Layer`), or one for each unit.
        out_activation : str, optional
            Of all outputs, whatever `activation` says. "softmax" couples exactly the outputs, which then feed nothing.
        bias : bool or dict of {label: bool}, default=True
            Whether the units have a bias.

        Returns
        -------
        Topology
            Its `layers` are the units grouped by the longest way from an input; the units that feed nothing are the
            last one. In a layer units stand by activation, then as the edges name them first. Their masks are left
            out, so it is not equal to a topology made of these layers.

        Raises
        ------
        ValueError
            For cycles, units that hear nothing or reach no output, edges that come twice or lead into an input, and
            outputs, activations and biases of what is no unit.
        TypeError
            For labels that are None, bool, numbers but no integers, or not hashable.

        Notes
        -----
        A network of W parameters costs O(W) forward, backward and per update whatever the graph is. The weights are
        ordered layer by layer and, where a layer is sparse, unit by unit: `weight_index` tells each one's place.

        Examples
        --------
        >>> topology = Topology.from_edges(2, [(0, "p"), (1, "p"), ("p", "q"), (1, "q")], outputs=["q"])
        >>> topology.units, topology.n_parameters
        (['p', 'q'], 6)
        >>> topology.weight_index("p", "q"), topology.bias_index("q")
        (4, 5)
        """
        return cls._of(Unitwise.read(n_inputs, edges, outputs, activation, out_activation, bias))

    @classmethod
    def from_networkx(cls, graph, *, inputs=None, outputs=None, activation=None, out_activation=None, bias=None):
        """Topology of a `networkx.DiGraph`.

        Parameters
        ----------
        graph : networkx.DiGraph
            Its nodes may carry the attributes "activation" and "bias", the graph "inputs" and "outputs", as those of
            `to_networkx` do.
        inputs : sequence of nodes, optional
            In the order of the columns of X. By default what the graph says, else the nodes without upstream, sorted.
        outputs : sequence of nodes, optional
            By default what the graph says, else the nodes without downstream, in the graph's order.
        activation, out_activation, bias
            As for `from_edges`. By default what the nodes say, else "tanh" and True.

        Returns
        -------
        Topology
            Its units have the labels of the nodes; the inputs are 0, 1, ...

        Raises
        ------
        ImportError
            Without networkx: ``pip install bpnet[graph]``.
        """
        from bpnet._exchange import read_networkx

        return cls.from_edges(**read_networkx(graph, inputs, outputs, activation, out_activation, bias))

    def to_networkx(self):
        """The graph as a `networkx.DiGraph`.

        Nodes are the inputs 0, 1, ... and the labels in `units`, with the attributes "activation" and "bias"; edges
        have the place of their weight as "index"; the graph's attributes "inputs" and "outputs" list nodes.

        Raises
        ------
        ImportError
            Without networkx: ``pip install bpnet[graph]``.
        """
        from bpnet._exchange import as_networkx

        return as_networkx(self)

    @classmethod
    def _of(cls, form):
        """Around a form, which was checked when it was made."""
        topology = cls.__new__(cls)
        topology._adopt(form)
        return topology

    def _adopt(self, form):
        if form.n_parameters * np.dtype(np.float64).itemsize > np.iinfo(np.intp).max:
            raise ValueError(f"a network of {form.n_parameters} parameters does not fit into the address space")
        object.__setattr__(self, "_form", form)

    def __setattr__(self, key, value=None):
        raise AttributeError("a Topology is immutable")

    __delattr__ = __setattr__

    n_inputs = property(lambda self: self._form.n_inputs)
    layers = property(lambda self: self._form.layers)
    outputs = property(lambda self: self._form.outputs)
    n_outputs = property(lambda self: self._form.n_outputs)
    n_parameters = property(lambda self: self._form.n_parameters)

    @property
    def units(self):
        """Labels of all units but the inputs, in the order of the columns of the deltas.

        Those given to `from_edges`; else (layer name, number).
        """
        return self._form.units

    @property
    def activations(self):
        """Activation of each unit, a list in the order of `units`."""
        return list(self._form.activations)

    @property
    def out_activations(self):
        """Activation of each output, in their order."""
        return list(self._form.out_activations)

    def weight_index(self, upstream, downstream):
        """Place in the flat vector of the weight from one unit to another.

        Parameters
        ----------
        upstream, downstream : label
            As in `units`; the i-th input is i where the topology was given by edges, else ("input", i).

        Raises
        ------
        KeyError
            If there is no such unit or no such connection.
        """
        place = self._form.weight_index(upstream, downstream)
        if place is None:
            raise KeyError(f"no connection from {upstream} to {downstream}")
        return place

    def bias_index(self, unit):
        """Place in the flat vector of the bias of a unit, given by its label; KeyError where it has none."""
        place = self._form.bias_index(unit)
        if place is None:
            raise KeyError(f"no unit {unit} with a bias")
        return place

    @cached_property
    def plan(self):
        """The compiled form: `bpnet._core.plan.Plan`."""
        return self._form.compile()

    @cached_property
    def wiring(self):
        """The plan unit by unit, for second derivatives: `bpnet._core.wiring.Wiring`."""
        return Wiring(self.plan)

    def __eq__(self, other):
        return self._form.key == other._form.key if isinstance(other, Topology) else NotImplemented

    def __hash__(self):
        return hash(self._form.key)

    def __reduce__(self):
        return _rebuild, (self._form,)

    # Pickles hold the form as it is. skops asks for a state: plain values, which are checked when they are read.
    def __getstate__(self):
        return encode_form(self._form)

    def __setstate__(self, state):
        self._adopt(decode_form(state, "topology"))

    def __repr__(self):
        return repr(self._form)

    def __str__(self):
        return f"Topology: {summary.headline(self)}\n{summary.as_text(self)}"

    def _repr_html_(self):
        return _html.network(self, "Topology")


def _rebuild(form):
    """What pickles call."""
    return Topology._of(form)
