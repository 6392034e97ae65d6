# SPDX-License-Identifier: BSD-3-Clause
"""Models as ONNX graphs: networks, and through skl2onnx estimators and whole pipelines."""

import numpy as np

from bpnet._extras import extra
from bpnet.export._decisions import take_apart
from bpnet.export._graph import OPSET, Graph, forward
from bpnet.network import Network


def to_onnx(model, X=None, **options):
    """A model as an ONNX graph, which onnxruntime and others evaluate.

    Parameters
    ----------
    model : Network, MLPRegressor, MLPClassifier, or a pipeline or other estimator of scikit-learn that holds these
        Of any topology, float32 or float64; fitted.
    X : array or DataFrame, optional
        Some rows of input, for names and types; by default a matrix of the type of the network. Not for a Network.
    **options
        Passed on to `skl2onnx.to_onnx`. There `options` defaults to ``{"zipmap": False}`` for classifiers: their
        probabilities are a matrix.

    Returns
    -------
    onnx.ModelProto
        Inputs and outputs of estimators are named by skl2onnx: "label" and "probabilities", or "variable". A Network
        has one input "X" and the outputs "output" and "raw".

    Raises
    ------
    ImportError
        Without onnx and skl2onnx: ``pip install bpnet[onnx]``.
    TypeError
        For the presets for tables.
    ValueError
        For activations, losses or class labels that the graph cannot express, and for estimators around a classifier
        of which skl2onnx would make another: isotonic calibrations, tuned thresholds, stacks of the decisions of two
        classes, decisions of ensembles in pipelines.

    Notes
    -----
    Computed in the type of the network; outputs have the type of the inputs, as skl2onnx has it. Where connections are
    missing, the units heard by a layer are gathered and meet a full matrix.

    Examples
    --------
    >>> from bpnet import Network, Topology, to_onnx
    >>> graph = to_onnx(Network(Topology.layered([2, 3, 1]))).graph  # doctest: +SKIP
    >>> [node.op_type for node in graph.node]  # doctest: +SKIP
    ['MatMul', 'Add', 'Tanh', 'MatMul', 'Add', 'Identity', 'Identity']
    """
    if isinstance(model, Network):
        if X is not None or options:
            raise TypeError("expected no X and no options with a Network: they are for estimators and pipelines")
        return _network_model(model)
    register_onnx()
    skl2onnx = extra("skl2onnx", "onnx")
    from sklearn.base import is_classifier

    from bpnet.tabular._base import BaseTabularMLP

    if X is None or isinstance(model, BaseTabularMLP):  # a preset is refused there, in words that skl2onnx has not
        network, *_ = take_apart(model)
        X = np.zeros((1, network.topology.n_inputs), network.dtype)
    if is_classifier(model):
        options.setdefault("options", {"zipmap": False})
    return skl2onnx.to_onnx(model, X, **options)


def register_onnx():
    """Make the estimators known to skl2onnx, so that its functions convert pipelines that hold them.

    `to_onnx` does so by itself.

    Raises
    ------
    ImportError
        Without skl2onnx: ``pip install bpnet[onnx]``.
    """
    extra("onnx", "onnx")
    extra("skl2onnx", "onnx")
    from bpnet.export._skl2onnx import register

    register()


def _network_model(network):
    onnx = extra("onnx", "onnx")
    take_apart(network)
    nodes, constants = [], []
    names: dict[str, int] = {}

    def add_node(op, inputs, outputs, attributes):
        nodes.append(onnx.helper.make_node(op, inputs, outputs, **attributes))

    def add_constant(name, array):
        constants.append(onnx.numpy_helper.from_array(array, name))

    def fresh_name(hint):
        names[hint] = names.get(hint, 0) + 1
        return f"{hint}_{names[hint]}"

    g = Graph(network.dtype, add_node, add_constant, fresh_name)
    output, raw = forward(g, network, "X")
    g("Identity", output, into="output")
    g("Identity", raw, into="raw")
    kind = onnx.helper.np_dtype_to_tensor_dtype(network.dtype)
    sizes = {"X": network.topology.n_inputs, "output": network.topology.n_outputs, "raw": network.topology.n_outputs}
    infos = {name: onnx.helper.make_tensor_value_info(name, kind, ["N", size]) for name, size in sizes.items()}
    graph = onnx.helper.make_graph(nodes, "bpnet", [infos["X"]], [infos["output"], infos["raw"]], constants)
    opset = onnx.helper.make_opsetid("", OPSET)
    # The oldest format that goes with these operators, so that older runtimes read it.
    version = onnx.helper.find_min_ir_version_for([opset])
    model = onnx.helper.make_model(graph, producer_name="bpnet", opset_imports=[opset], ir_version=version)
    onnx.checker.check_model(model)
    return model
