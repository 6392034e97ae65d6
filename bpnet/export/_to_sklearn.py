# SPDX-License-Identifier: BSD-3-Clause
"""Fitted models as those of scikit-learn."""

import warnings
from copy import deepcopy

import numpy as np
from sklearn.base import is_classifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer
from sklearn.utils._param_validation import InvalidParameterError, validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted

from bpnet._core.updates import Adam, GradientDescent
from bpnet._unitwise import Unitwise
from bpnet.activations import name_of

ACTIVATIONS = ("identity", "logistic", "tanh", "relu")
#: Parameters that scikit-learn lacks but that lose nothing when they are left out of a fitted model.
HARMLESS = frozenset({"n_jobs", "topology", "callbacks", "out_activation"})
#: Fitted attributes under the same name on both sides, where they exist.
SHARED = (
    "n_features_in_", "feature_names_in_", "n_outputs_", "n_layers_", "out_activation_", "n_iter_", "t_", "loss_",
    "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_", "classes_", "_label_binarizer",
)  # fmt: skip


def to_sklearn(model):
    """See `MLPClassifier.to_sklearn`."""
    check_is_fitted(model)
    network = model.network_
    _check_expressible(network)
    kind = MLPClassifier if is_classifier(model) else MLPRegressor
    layers = network.topology.layers
    given, theirs = model.get_params(deep=False), kind().get_params(deep=False)
    parameters = {key: value for key, value in given.items() if key in theirs and _is_theirs(kind, key, value)}
    parameters["hidden_layer_sizes"] = tuple(layer.n_units for layer in layers[:-1])
    if len(layers) > 1:
        parameters["activation"] = layers[0].activations[0]
    if "loss" in theirs:
        parameters["loss"] = network.loss_name
    _warn_of_losses(model, given, parameters)
    result = kind(**deepcopy(parameters))
    copy_attributes(model, result)
    arrays = _unflat(network.parameters, network)
    result.coefs_, result.intercepts_ = arrays[: len(layers)], arrays[len(layers) :]
    if result.solver in ("sgd", "adam"):
        _restore_progress(model._progress, result, network)
    return result


def copy_attributes(source, target):
    """Those of `SHARED` that are there."""
    for name in SHARED:
        if name in vars(source):
            setattr(target, name, deepcopy(getattr(source, name)))


def _check_expressible(network):
    """ValueError that names what scikit-learn's multilayer perceptron has no place for."""
    topology, before = network.topology, "input"
    if isinstance(topology._form, Unitwise):
        raise ValueError("scikit-learn's MLP has complete layers: it cannot express a graph given unit by unit")
    for layer in topology.layers:
        if layer.sources != (before,):
            raise ValueError(
                f"scikit-learn's MLP has no skip connections: layer {layer.name!r} hears {', '.join(layer.sources)}"
            )
        if layer.mask:
            raise ValueError(f"scikit-learn's MLP has no masks: layer {layer.name!r} has one")
        if not layer.bias:
            raise ValueError(f"scikit-learn's MLP has biases everywhere: layer {layer.name!r} has none")
        before = layer.name
    if topology.outputs != (before,):
        raise ValueError(f"scikit-learn's MLP has one layer of outputs, the last: got {', '.join(topology.outputs)}")
    hidden = {name for layer in topology.layers[:-1] for name in layer.activations}
    if len(hidden) > 1 or not hidden <= set(ACTIVATIONS):
        raise ValueError(
            f"scikit-learn's MLP has one activation out of {', '.join(ACTIVATIONS)} for all hidden units: got "
            f"{', '.join(sorted(map(name_of, hidden)))}"
        )
    wanted = {"squared_error": {"identity"}, "poisson": {"exp"}, "log_loss": {"logistic", "softmax"}}
    if not isinstance(network.loss_name, str) or network.loss_name not in wanted:
        raise ValueError(f"scikit-learn's MLP has the losses {', '.join(wanted)}: got {network.loss_name!r}")
    outputs = set(topology.out_activations)
    if len(outputs) > 1 or not outputs <= wanted[network.loss_name]:
        raise ValueError(
            f"scikit-learn's MLP with the loss {network.loss_name!r} has outputs with the activation "
            f"{' or '.join(sorted(wanted[network.loss_name]))}: got {', '.join(sorted(map(name_of, outputs)))}"
        )


def _is_theirs(kind, key, value):
    """Whether scikit-learn's has such a value of the parameter: not so solver='rmsprop'."""
    try:
        validate_parameter_constraints(kind._parameter_constraints, {key: value}, kind.__name__)
    except InvalidParameterError:
        return False
    return True


def _warn_of_losses(model, given, carried):
    """A warning that names parameters of training which scikit-learn lacks; predictions do not depend on them."""
    defaults = type(model)().get_params(deep=False)
    lost = [key for key in given if key not in {*carried, *HARMLESS} and not _equal(given[key], defaults[key])]
    if lost:
        warnings.warn(
            f"scikit-learn's MLP has no {', '.join(f'{key}={given[key]!r}' for key in lost)}: further training will do "
            "without",
            stacklevel=4,
        )


def _equal(value, default):
    try:
        return bool(value == default)
    except ValueError:  # arrays
        return False


def _unflat(vector, network):
    """Scikit-learn's list out of a vector like the parameters."""
    like = network._with(np.array(vector))
    return [np.array(part) for part in (*like.coefs, *like.intercepts)]


def _restore_progress(progress, result, network):
    """The private attributes with which theirs goes on training; without an optimizer it makes a new one."""
    params = [*result.coefs_, *result.intercepts_]
    best_parameters = None if progress is None else progress.best_parameters
    best = _unflat(network.parameters if best_parameters is None else best_parameters, network)
    result._best_coefs, result._best_intercepts = best[: len(best) // 2], best[len(best) // 2 :]
    result._no_improvement_count = 0 if progress is None else progress.n_stagnant
    if not hasattr(result, "best_loss_"):
        result.best_loss_ = np.inf
    if result.early_stopping and getattr(result, "validation_scores_", None) is None:  # of a solver without such stops
        result.validation_scores_, result.best_validation_score_, result.best_loss_ = [], -np.inf, None
    rule = None if progress is None else progress.rule
    if isinstance(rule, Adam) and result.solver == "adam":
        optimizer = AdamOptimizer(params, rule.rate, rule.beta_1, rule.beta_2, rule.epsilon)
        optimizer.ms, optimizer.vs = (_unflat(moment, network) for moment in rule.state)
        optimizer.t, result._optimizer = rule.n_steps, optimizer
    elif isinstance(rule, GradientDescent) and result.solver == "sgd":
        settings = result.learning_rate, rule.momentum, bool(rule.nesterov), result.power_t
        optimizer = SGDOptimizer(params, result.learning_rate_init, *settings)
        optimizer.learning_rate, result._optimizer = rule.rate, optimizer
        if len(rule.state):
            optimizer.velocities = _unflat(rule.state[0], network)
