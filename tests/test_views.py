# SPDX-License-Identifier: BSD-3-Clause
"""Parameters of a network, and their views layer by layer: what is shared, what is copied, what may be assigned."""

import copy
import io
import pickle

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from problems import make

from bpnet import Network


def _through_joblib(net):
    stream = io.BytesIO()
    joblib.dump(net, stream)
    stream.seek(0)
    return joblib.load(stream)


COPIES = {
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),
    "deepcopy": copy.deepcopy,
    "joblib": _through_joblib,
}


def test_from_parameters_shares_its_vector(graph, dtype):
    w = graph.w.astype(dtype)
    net = Network.from_parameters(graph.topology, w, graph.loss_name)
    assert net.parameters is w and net.dtype == dtype
    before = net.predict(graph.X)
    w *= 2
    assert (net.predict(graph.X) != before).any()


def test_assigning_parameters_writes_into_the_vector(graph):
    net = graph.net()
    vector = net.parameters
    net.parameters = 2 * graph.w
    assert net.parameters is vector
    assert_array_equal(vector, 2 * graph.w)


def test_coefs_and_intercepts_are_the_vector_layer_by_layer(graph):
    net, topology, place = graph.net(), graph.topology, 0
    labels, units = {"input": [graph.label(("input", i)) for i in range(graph.n_inputs)]}, iter(topology.units)
    for layer, coefs, intercepts in zip(topology.layers, net.coefs, net.intercepts, strict=True):
        labels[layer.name] = [next(units) for _ in range(layer.n_units)]
        rows = [label for source in layer.sources for label in labels[source]]
        assert coefs.shape == (len(rows), layer.n_units) and coefs.dtype == net.dtype
        for i, upstream in enumerate(rows):
            for j, unit in enumerate(labels[layer.name]):
                try:
                    assert coefs[i, j] == net.parameters[topology.weight_index(upstream, unit)]
                    place += 1
                except KeyError:
                    assert coefs[i, j] == 0
        biases = [net.parameters[topology.bias_index(unit)] for unit in labels[layer.name] if layer.bias]
        assert_array_equal(intercepts, biases)
        place += len(biases)
    assert place == len(net.parameters)


def test_writing_into_a_view_changes_the_network(net):
    coefs, intercepts = net.coefs, net.intercepts
    coefs[0][1, 2] = 5
    intercepts[1][:] = 7
    assert net.parameters[net.topology.weight_index(("input", 1), ("p", 2))] == 5
    assert [net.parameters[net.topology.bias_index(("q", k))] for k in range(3)] == [7] * 3
    assert net.coefs[0][1, 2] == 5


@pytest.mark.parametrize("name", ["coefs", "intercepts"])
def test_assigning_an_item_or_a_slice_changes_the_network(graph, name):
    net, other = graph.net(), graph.net(w=graph.w + 1)
    views, new = getattr(net, name), getattr(other, name)
    views[-1] = new[-1].tolist()
    assert_array_equal(getattr(net, name)[-1], new[-1])
    views[:] = new
    for actual, expected in zip(getattr(net, name), new):
        assert_array_equal(actual, expected)
    part = "weight" if name == "coefs" else "bias"
    changed = np.flatnonzero(net.parameters != graph.w)
    weights = np.concatenate([np.arange(a, b) for a, b in net.topology.plan.weight_ranges])
    assert np.isin(changed, weights).all() if part == "weight" else not np.isin(changed, weights).any()


@pytest.mark.parametrize(("index", "shape"), [(0, (5, 4)), (0, (20,)), (1, (5, 4)), (-1, (3, 3)), (0, ())])
def test_item_of_another_shape_is_refused(net, index, shape):
    with pytest.raises(ValueError, match="expected an array of shape"):
        net.coefs[index] = np.zeros(shape)
    assert_array_equal(net.parameters, make("chain").w)


def test_slice_of_another_length_is_refused(net):
    with pytest.raises(ValueError, match="expected 3 arrays, got 2"):
        net.coefs[:] = net.coefs[:2]
    with pytest.raises(IndexError):
        net.coefs[3] = np.zeros((2, 2))


def test_masked_layer_gives_a_read_only_copy_that_may_be_assigned():
    graph = make("masked")
    net, mask = graph.net(), graph.layers[0]["mask"]["input"]
    with pytest.raises(ValueError, match="read-only"):
        net.coefs[0][0, 0] = 1
    assert not net.coefs[0][~mask].any() and not np.shares_memory(net.coefs[0], net.parameters)
    net.coefs[0] = np.arange(20.0).reshape(4, 5)
    assert_array_equal(net.coefs[0], np.arange(20.0).reshape(4, 5) * mask)
    start, stop = net.topology.plan.weight_ranges[0]
    assert_array_equal(np.delete(net.parameters, np.s_[start:stop]), np.delete(graph.w, np.s_[start:stop]))


@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES.keys())
def test_copy_predicts_the_same_bits_and_keeps_its_views_alive(graph, duplicate, dtype):
    net = graph.net(dtype)
    twin = duplicate(net)
    assert_array_equal(twin.predict(graph.X), net.predict(graph.X))
    assert (twin.topology, twin.loss_name, twin.dtype) == (net.topology, net.loss_name, net.dtype)
    assert not np.shares_memory(twin.parameters, net.parameters)
    assert np.shares_memory(twin.coefs[-1], twin.parameters) or not twin.coefs[-1].flags.writeable
    twin.coefs[-1] = np.zeros_like(twin.coefs[-1])
    assert not np.any(twin.coefs[-1]) and np.any(net.coefs[-1])


@pytest.mark.parametrize("duplicate", [lambda v: pickle.loads(pickle.dumps(v)), copy.deepcopy])
def test_copied_views_are_a_plain_list_of_arrays(net, duplicate):
    arrays = duplicate(net.coefs)
    assert type(arrays) is list
    for array, view in zip(arrays, net.coefs, strict=True):
        assert_array_equal(array, view)
        assert not np.shares_memory(array, net.parameters) and array.flags.writeable


def test_memory_mapped_network_predicts_and_says_that_it_is_read_only(net, tmp_path):
    joblib.dump(net, tmp_path / "net.joblib")
    twin = joblib.load(tmp_path / "net.joblib", mmap_mode="r")
    assert_array_equal(twin.predict(np.ones((2, 4))), net.predict(np.ones((2, 4))))
    with pytest.raises(ValueError, match="read-only"):
        twin.parameters[0] = 1


def test_assignment_that_fails_changes_nothing(net):
    before = net.parameters.copy()
    for wrong in (
        [np.zeros_like(net.coefs[0]), *[np.zeros((9, 9))] * (len(net.coefs) - 1)],
        [np.zeros_like(net.coefs[0])],
    ):
        with pytest.raises(ValueError, match="expected"):
            net.coefs[:] = wrong
        assert_array_equal(net.parameters, before)


def test_views_cannot_be_lengthened_or_reordered(net):
    for change in (lambda: net.coefs.append(0), lambda: net.coefs.pop(), lambda: net.intercepts.reverse()):
        with pytest.raises(TypeError, match="the layers of a network are fixed"):
            change()


def test_views_are_lists(net):
    assert isinstance(net.coefs, list) and len(net.coefs) == 3
    assert [view.shape for view in net.coefs] == [(4, 5), (5, 3), (3, 2)]
    assert [view.shape for view in net.intercepts] == [(5,), (3,), (2,)]
    assert make("no bias").net().intercepts[0].shape == (0,)
