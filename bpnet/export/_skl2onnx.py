# SPDX-License-Identifier: BSD-3-Clause
"""Converters of the estimators for skl2onnx, by which pipelines convert that hold them."""

import numpy as np
import skl2onnx
from skl2onnx.common.data_types import (
    BooleanTensorType,
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
    guess_tensor_type,
)
from skl2onnx.common.utils import check_input_and_output_numbers, check_input_and_output_types
from skl2onnx.proto import onnx_proto

from bpnet.estimators.classifier import MLPClassifier
from bpnet.estimators.regressor import MLPRegressor
from bpnet.export._containers import check_holders, reads_decisions
from bpnet.export._decisions import take_apart
from bpnet.export._graph import OPSET, Graph, forward

PROTO = {
    np.dtype(np.float32): onnx_proto.TensorProto.FLOAT,
    np.dtype(np.float64): onnx_proto.TensorProto.DOUBLE,
    np.dtype(np.int64): onnx_proto.TensorProto.INT64,
}
NUMERIC = [BooleanTensorType, DoubleTensorType, FloatTensorType, Int64TensorType]


def register():
    """Tell skl2onnx; a second call changes nothing."""
    skl2onnx.update_registered_converter(MLPRegressor, "BpnetMLPRegressor", _regressor_shapes, _convert_regressor)
    skl2onnx.update_registered_converter(
        MLPClassifier,
        "BpnetMLPClassifier",
        _classifier_shapes,
        _convert_classifier,
        # skl2onnx asks for some by itself: `nocl`, numbers in place of labels, which are not offered; `raw_scores`
        # where a calibration or a stack reads `decision_function`.
        options={
            "zipmap": [True, False, "columns"],
            "output_class_labels": [False, True],
            "nocl": [False],
            "raw_scores": [False, True],
        },
    )


def _regressor_shapes(operator):
    check_input_and_output_numbers(operator, input_count_range=1, output_count_range=1)
    check_input_and_output_types(operator, good_input_types=NUMERIC)
    n_rows, model = operator.inputs[0].get_first_dimension(), operator.raw_operator
    kind = type(guess_tensor_type(operator.inputs[0].type))
    operator.outputs[0].set_type(kind(shape=[n_rows, model.n_outputs_]))


def _classifier_shapes(operator):
    check_input_and_output_numbers(operator, input_count_range=1, output_count_range=2)
    check_input_and_output_types(operator, good_input_types=NUMERIC)
    n_rows, model = operator.inputs[0].get_first_dimension(), operator.raw_operator
    _, how, classes = take_apart(model)
    label = Int64TensorType if how == "multilabel" or not isinstance(classes[0], str) else StringTensorType
    operator.outputs[0].set_type(label(shape=[n_rows, len(classes)] if how == "multilabel" else [n_rows]))
    kind = type(guess_tensor_type(operator.inputs[0].type))
    operator.outputs[1].set_type(kind(shape=[n_rows, max(2, model.n_outputs_)]))


def _convert_regressor(scope, operator, container):
    network, _, _ = take_apart(operator.raw_operator)
    g = _graph(scope, container, network)
    output, _ = forward(g, network, _inputs(g, operator, network))
    _finish(g, output, operator.outputs[0])


def _convert_classifier(scope, operator, container):
    model = operator.raw_operator
    holders = [other.raw_operator for other in scope.operators.values()]
    check_holders(holders)
    network, how, classes = take_apart(model)
    g = _graph(scope, container, network)
    output, raw = forward(g, network, _inputs(g, operator, network))
    label, scores = operator.outputs
    is_raw = reads_decisions(model, holders, container.options or {})
    is_raw = is_raw or container.get_options(model, {"raw_scores": False})["raw_scores"]
    # As `predict` does: from the raw outputs, which tell classes apart where probabilities round to the same number.
    if how == "multilabel":
        positive = g("Greater", raw, g.number(0))
        g("Cast", positive, into=label.full_name, to=onnx_proto.TensorProto.INT64)
    elif network.topology.n_outputs > 1:
        _look_up(g, g("ArgMax", raw, axis=1, keepdims=0), classes, label)
    else:
        positive = g("Cast", g("Greater", raw, g.number(0)), to=onnx_proto.TensorProto.INT64)
        _look_up(g, g("Squeeze", positive, g.constant(np.array([1]))), classes * (3 - len(classes)), label)
        raw = g("Concat", g("Neg", raw), raw, axis=1)
        output = g("Sigmoid", raw)
    _finish(g, raw if is_raw else output, scores)


def _look_up(g, number, classes, label):
    """Labels of the classes with these numbers."""
    if not isinstance(classes[0], str):
        if any(int(value) != value for value in classes):
            raise ValueError(f"cannot export these class labels: expected whole numbers or strings, got {classes}")
        classes = np.array([int(value) for value in classes])
    g("Gather", g.constant(np.array(classes)), number, into=label.full_name, axis=0)


def _inputs(g, operator, network):
    return g("Cast", operator.inputs[0].full_name, to=PROTO[network.dtype])


def _finish(g, tensor, variable):
    """The result under the name and with the type that were announced."""
    kind = np.float64 if isinstance(variable.type, DoubleTensorType) else np.float32
    g("Cast", tensor, into=variable.full_name, to=PROTO[np.dtype(kind)])


def _graph(scope, container, network):
    """A graph that grows in skl2onnx's container."""

    def add_node(op, inputs, outputs, attributes):
        container.add_node(op, inputs, outputs, op_version=OPSET, name=scope.get_unique_operator_name(op), **attributes)

    def add_constant(name, array):
        if array.dtype.kind == "U":
            content, kind = [label.encode() for label in array.tolist()], onnx_proto.TensorProto.STRING
        else:
            content, kind = array.ravel(), PROTO[array.dtype]
        container.add_initializer(name, kind, array.shape, content)

    return Graph(network.dtype, add_node, add_constant, scope.get_unique_variable_name)
