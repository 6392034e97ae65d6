# SPDX-License-Identifier: BSD-3-Clause
"""The form of a topology that is given unit by unit: the upstream sets S_j as edges.

Units are grouped by depth, the longest way from an input, into layers; those that feed nothing, outputs all of them,
are the last. In the core a graph of few connections becomes layers of one unit with sparse blocks, and one whose
weights mostly fill matrices is multiplied as such.
"""

from functools import cached_property

import numpy as np

from bpnet._core.activations import CODES
from bpnet._core.plan import Plan
from bpnet._core.tables import EARLIER
from bpnet._edges import (
    Names,
    as_label,
    check_edges,
    check_reach,
    check_softmax,
    depths,
    distinct,
    read_activations,
    read_biases,
    read_edges,
    read_outputs,
    runs,
)
from bpnet.layers import INPUT, Layer, count

# The order of the weights depends on the two numbers that follow: with others, old pickles would be read wrongly.

#: Share of the cells that must have a weight for a block between two layers to be worth a matrix product: between
#: layers of 100 or 300 units the two ways take the same time at 20 to 40 %, those of 32 units at 15 %.
MATRIX_DENSITY = 0.3
#: And the weights it must have: two full layers of 8. Below, a call costs more than the product.
MATRIX_WEIGHTS = 64

#: Most inputs: what checks and sorts a graph takes some 60 bytes for each, whether an edge leads from it or not.
MAX_INPUTS = 2**24


class Unitwise:
    """Units in the order of their columns, and edges ordered by downstream, then by upstream unit.

    Parameters
    ----------
    n_inputs : int
    labels, activations, biases : tuple
        Of each unit.
    layer : ndarray of intp
        Number of the layer of each unit, from 0.
    upstream, downstream : ndarray of intp
        Of each edge: inputs, then units, counted through.
    outputs : tuple of int
        Columns.
    """

    def __init__(self, n_inputs, labels, activations, biases, layer, upstream, downstream, outputs):
        self.n_inputs, self.labels, self.activations, self.biases = n_inputs, labels, activations, biases
        self.layer, self.upstream, self.downstream, self.columns_of_outputs = layer, upstream, downstream, outputs
        for array in (layer, upstream, downstream):
            array.setflags(write=False)
        self.n_outputs = len(outputs)
        self.n_parameters = len(upstream) + sum(biases)

    @classmethod
    def read(cls, n_inputs, edges, outputs, activation="tanh", out_activation=None, bias=True):
        """From the arguments of `Topology.from_edges`, after all checks."""
        n_inputs = count(n_inputs, "n_inputs")
        if n_inputs > MAX_INPUTS:
            raise ValueError(f"expected at most {MAX_INPUTS} inputs of a graph given unit by unit, got {n_inputs}")
        labels, upstream, downstream = read_edges(edges, n_inputs)
        names, numbers = Names(labels, n_inputs), {label: k for k, label in enumerate(labels)}
        outputs = read_outputs(outputs, numbers, n_inputs)
        check_edges(upstream, downstream, names, n_inputs)
        depth = depths(upstream, downstream, names, n_inputs)[n_inputs:]
        check_reach(upstream, downstream, np.array(outputs) + n_inputs, names, n_inputs)
        activations = read_activations(activation, out_activation, labels, outputs)
        biases = read_biases(bias, labels)

        feeds = np.zeros(n_inputs + len(labels), bool)
        feeds[upstream] = True
        ends = ~feeds[n_inputs:]
        depth[ends] = depth.max()
        check_softmax(activations, outputs, biases, ends, labels)
        return cls._in_order(n_inputs, labels, activations, biases, depth, ends, upstream, downstream, list(outputs))

    @classmethod
    def _in_order(cls, n_inputs, labels, activations, biases, depth, ends, upstream, downstream, outputs):
        """Units sorted by layer, and in a layer by activation."""
        n_units = len(labels)
        # Outputs in the order asked for: where they are the last layer, the loss reads them in place.
        position = np.arange(n_units)
        position[outputs] = np.where(ends[outputs], np.arange(len(outputs)), position[outputs])
        own = [name for name in dict.fromkeys(activations) if not isinstance(name, str)]
        codes = np.array(
            [CODES[name] if isinstance(name, str) else len(CODES) + own.index(name) for name in activations]
        )
        order = np.lexsort((position, codes, biases, depth))
        layer = np.unique(np.column_stack([depth, biases])[order], axis=0, return_inverse=True)[1].ravel()
        number = np.arange(n_inputs + n_units)
        number[n_inputs + order] = n_inputs + np.arange(n_units)
        upstream, downstream = number[upstream], number[downstream]
        by_target = np.argsort(downstream * len(number) + upstream)
        return cls(
            n_inputs,
            tuple(labels[k] for k in order),
            tuple(activations[k] for k in order),
            tuple(biases[k] for k in order),
            layer,
            upstream[by_target],
            downstream[by_target],
            tuple((number[n_inputs:][outputs] - n_inputs).tolist()),
        )

    @cached_property
    def key(self):
        """Equal for equal topologies."""
        edges = (self.upstream.tobytes(), self.downstream.tobytes())
        return (self.n_inputs, self.labels, self.activations, self.biases, edges, self.columns_of_outputs)

    def __reduce__(self):
        units = (self.labels, self.activations, self.biases, self.layer)
        return Unitwise, (self.n_inputs, *units, self.upstream, self.downstream, self.columns_of_outputs)

    def __repr__(self):
        names = self.names
        edges = [(names(i), names(j)) for i, j in zip(self.upstream, self.downstream, strict=True)]
        activation = dict(zip(self.labels, self.activations, strict=True))
        bias = self.biases[0] if len(set(self.biases)) == 1 else dict(zip(self.labels, self.biases, strict=True))
        one = set(self.activations)
        return (
            f"Topology.from_edges({self.n_inputs}, {edges!r}, outputs={list(self.outputs)!r}, "
            f"activation={one.pop() if len(one) == 1 else activation!r}, bias={bias!r})"
        )

    @property
    def names(self):
        """From numbers to labels."""
        return Names(self.labels, self.n_inputs)

    @property
    def units(self):
        """Label of each unit."""
        return list(self.labels)

    @property
    def outputs(self):
        """Labels of the outputs."""
        return tuple(self.labels[k] for k in self.columns_of_outputs)

    @property
    def output_labels(self):
        """The same as a list."""
        return list(self.outputs)

    @property
    def out_activations(self):
        """Of each output."""
        return [self.activations[k] for k in self.columns_of_outputs]

    @cached_property
    def bounds(self):
        """First unit of each layer, and the number of units."""
        return np.searchsorted(self.layer, np.arange(self.layer[-1] + 2))

    @cached_property
    def layers(self):
        """Layers as objects; the masks are left out."""
        n = len(self.bounds) - 1
        names = [INPUT, *(f"h{k}" for k in range(1, n)), "output"]
        target, source = self._layers_of_edges
        pairs = distinct(target * (n + 1) + source)
        heard = np.split(pairs % (n + 1), np.searchsorted(pairs // (n + 1), np.arange(1, n)))
        layers = []
        for k, numbers in enumerate(heard):
            functions = self.activations[self.bounds[k] : self.bounds[k + 1]]
            activation = functions[0] if len(set(functions)) == 1 else functions
            sources = [names[number] for number in numbers]
            layers.append(Layer(len(functions), activation, sources, names[k + 1], bias=self.biases[self.bounds[k]]))
        return tuple(layers)

    @cached_property
    def sizes(self):
        """Number of units of each layer by name, the inputs included."""
        return {INPUT: self.n_inputs} | {layer.name: layer.n_units for layer in self.layers}

    def compile(self):
        """The `Plan`."""
        return Plan(self.n_inputs, self.plan_rows, runs(self.columns_of_outputs))

    @property
    def plan_rows(self):
        """What the `Plan` reads of each layer."""
        return [row for row, _ in self._arrangement]

    def edges(self):
        """Arrays of the upstream and the downstream unit of each weight, in their order: inputs, then units."""
        order = np.concatenate([edges for _, edges in self._arrangement])
        return self.upstream[order], self.downstream[order]

    def weight_index(self, upstream, downstream):
        """Place of a weight, or None."""
        i, j = self._number(upstream), self._number(downstream)
        if i is None or j is None:
            return None
        first, last = np.searchsorted(self.downstream, [j, j + 1])
        edge = first + np.searchsorted(self.upstream[first:last], i)
        return int(self._places[0][edge]) if edge < last and self.upstream[edge] == i else None

    def bias_index(self, unit):
        """Place of a bias, or None."""
        j = self._number(unit)
        if j is None or j < self.n_inputs or not self.biases[j - self.n_inputs]:
            return None
        k = self.layer[j - self.n_inputs]
        return int(self._places[1][k] + j - self.n_inputs - self.bounds[k])

    def cells(self, k):
        """Rows and columns of the weights of layer k in the stack of its sources; None if they fill it in order."""
        row, edges = self._arrangement[k]
        if not any(isinstance(mask, tuple | np.ndarray) for mask in row["masks"]):
            return None
        sources = distinct(self._layers_of_edges[1][edges])
        bounds = np.concatenate([[0], self.n_inputs + self.bounds])  # of the numbers of inputs and of each layer
        sizes = np.diff(bounds)[sources]
        place = np.zeros(len(bounds), np.intp)
        place[sources] = np.cumsum(sizes) - sizes - bounds[sources]
        upstream = self.upstream[edges]
        source = np.searchsorted(bounds, upstream, side="right") - 1
        return upstream + place[source], self.downstream[edges] - self.n_inputs - self.bounds[k]

    def places(self):
        """Places in the flat vector: of the weight of each edge, and of the bias of each unit, -1 where it has none."""
        weights, first = self._places
        biases = np.array(first)[self.layer] + np.arange(len(self.layer)) - self.bounds[self.layer]
        return weights, np.where(self.biases, biases, -1)

    def _number(self, label):
        """Number of an input or unit, or None."""
        try:
            label = as_label(label)
            is_input = isinstance(label, int) and 0 <= label < self.n_inputs
            return label if is_input else self._numbers.get(label)
        except TypeError:
            return None

    @cached_property
    def _numbers(self):
        return {label: self.n_inputs + k for k, label in enumerate(self.labels)}

    @cached_property
    def _places(self):
        """Place of each edge's weight, and of the first bias of each layer."""
        places, biases, start = np.empty(len(self.upstream), np.intp), [], 0
        for k, (_, edges) in enumerate(self._arrangement):
            places[edges] = start + np.arange(len(edges))
            biases.append(start + len(edges))
            start = biases[k] + (self.bounds[k + 1] - self.bounds[k]) * self.biases[self.bounds[k]]
        return places, biases

    @cached_property
    def _layers_of_edges(self):
        """Of each edge the target's layer, from 0, and the source's, from 1; 0 for inputs."""
        layer = np.concatenate([np.zeros(self.n_inputs, np.intp), self.layer + 1])
        return layer[self.downstream] - 1, layer[self.upstream]

    @cached_property
    def _arrangement(self):
        """For each layer its row of the plan, and its edges in the order of the weights."""
        n = len(self.bounds) - 1
        target, source = self._layers_of_edges
        _, pair, counts = np.unique(target * (n + 1) + source, return_inverse=True, return_counts=True)
        sizes = np.concatenate([[self.n_inputs], np.diff(self.bounds)])
        cells = sizes[target + 1] * sizes[source]
        in_matrix = (counts[pair] >= MATRIX_WEIGHTS) & (counts[pair] >= MATRIX_DENSITY * cells)
        fills_matrices = 2 * in_matrix.sum() > len(in_matrix)
        if not fills_matrices:
            in_matrix[:] = False
        starts, first_end, rows = np.searchsorted(target, np.arange(n + 1)), self._first_end(), []
        for k in range(n):
            edges = np.arange(starts[k], starts[k + 1])
            matrices, rest = edges[in_matrix[edges]], edges[~in_matrix[edges]]
            # The last layers stay together: softmax couples them, the loss reads them in place, and nothing hears them.
            apart = not fills_matrices and k < first_end
            rows.append(self._arrange(k, matrices, source[matrices], rest, apart))
        return rows

    def _first_end(self):
        """Number of the first layer that feeds nothing."""
        last = int(self.upstream.max()) - self.n_inputs
        return int(self.layer[last]) + 1 if last >= 0 else 0

    def _arrange(self, k, matrices, sources, rest, apart):
        """One layer: edges that go into matrices, the layers they come from, and all other edges."""
        names, bias = self.activations[self.bounds[k] : self.bounds[k + 1]], self.biases[self.bounds[k]]
        row, order = {"activations": names, "sources": [], "masks": [], "bias": bias, "apart": apart}, []
        first, last = self.bounds[k : k + 2] + self.n_inputs
        for source in distinct(sources):
            edges = matrices[sources == source]
            edges = edges[np.lexsort((self.downstream[edges], self.upstream[edges]))]
            start, stop = (0, self.n_inputs) if source == 0 else self.bounds[source - 1 : source + 1] + self.n_inputs
            mask = np.zeros((stop - start, last - first), bool)
            mask[self.upstream[edges] - start, self.downstream[edges] - first] = True
            row["sources"].append(int(source))
            row["masks"].append(None if mask.all() else mask)
            order.append(edges)
        is_input = self.upstream[rest] < self.n_inputs
        for source, edges, offset in [(0, rest[is_input], 0), (EARLIER, rest[~is_input], self.n_inputs)]:
            if len(edges):
                starts = np.searchsorted(self.downstream[edges], np.arange(first, last + 1))
                row["sources"].append(source)
                row["masks"].append((starts, self.upstream[edges] - offset))
                order.append(edges)
        return row, rest if apart else np.concatenate(order)
