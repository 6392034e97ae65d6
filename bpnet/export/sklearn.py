# SPDX-License-Identifier: BSD-3-Clause
"""Fitted models from scikit-learn's multilayer perceptrons; the way back is `_to_sklearn.py`."""

from copy import deepcopy

import numpy as np
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer
from sklearn.utils.validation import check_is_fitted

from bpnet._core.plan import aligned
from bpnet._core.updates import Adam, GradientDescent
from bpnet.estimators.classifier import MLPClassifier
from bpnet.estimators.regressor import MLPRegressor
from bpnet.export._to_sklearn import copy_attributes
from bpnet.network import Network
from bpnet.optimizers.stochastic import Progress
from bpnet.schedules import Adaptive, Constant, InverseScaling
from bpnet.topology import Topology


def from_sklearn(estimator):
    """A fitted `bpnet.MLPClassifier` or `bpnet.MLPRegressor` from scikit-learn's.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier or MLPRegressor
        Fitted. It is not changed, and shares nothing with the result.

    Returns
    -------
    MLPClassifier or MLPRegressor
        With the same parameters, fitted attributes and predictions (to rounding). The state of the optimizer comes
        along: `partial_fit` and a warm start go on as scikit-learn's would.

    Raises
    ------
    TypeError
        For anything else, subclasses included: what they add would be lost.
    sklearn.exceptions.NotFittedError

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> theirs = MLPClassifier((5,), solver="lbfgs", alpha=1.0, max_iter=500, random_state=0).fit(X, y)
    >>> ours = from_sklearn(theirs)
    >>> bool(abs(ours.predict_proba(X) - theirs.predict_proba(X)).max() < 1e-12)
    True
    """
    kinds: dict[type, type] = {TheirClassifier: MLPClassifier, TheirRegressor: MLPRegressor}
    if type(estimator) not in kinds:
        raise TypeError(
            f"expected an MLPClassifier or MLPRegressor of sklearn.neural_network, got {type(estimator).__name__}"
        )
    check_is_fitted(estimator)
    model = kinds[type(estimator)](**deepcopy(estimator.get_params(deep=False)))
    copy_attributes(estimator, model)
    coefs, intercepts = estimator.coefs_, estimator.intercepts_
    sizes = [len(coefs[0]), *(W.shape[1] for W in coefs)]
    topology = Topology.layered(sizes, estimator.activation, estimator.out_activation_)
    model.network_ = Network.from_parameters(topology, _flat([*coefs, *intercepts], coefs[0].dtype), estimator.loss)
    if isinstance(model, MLPRegressor):
        model._loss = model.network_._loss
    model._progress = _progress_of(estimator)
    return model


def _flat(arrays, dtype):
    """The vector of parameters out of scikit-learn's list: all weight matrices, then all biases."""
    n = len(arrays) // 2
    pairs = zip(arrays[:n], arrays[n:], strict=True)
    return aligned(np.concatenate([part.ravel() for pair in pairs for part in pair]), dtype)


def _progress_of(estimator):
    """What the training has seen, with the state of the optimizer; None after lbfgs."""
    optimizer = getattr(estimator, "_optimizer", None)
    if optimizer is None:
        return None
    model_rule, schedule = _rule_of(estimator, optimizer)
    progress = Progress(model_rule, schedule)
    progress.loss_curve, progress.best_loss = list(estimator.loss_curve_), estimator.best_loss_
    progress.n_stagnant, progress.n_seen = estimator._no_improvement_count, int(estimator.t_)
    if estimator.early_stopping:
        progress.validation_scores = list(estimator.validation_scores_)
        progress.best_validation_score = estimator.best_validation_score_
        dtype = estimator.coefs_[0].dtype
        progress.best_parameters = _flat([*estimator._best_coefs, *estimator._best_intercepts], dtype)
    return progress


def _rule_of(estimator, optimizer):
    """The rule with the moments of theirs, and the schedule."""
    dtype = estimator.coefs_[0].dtype  # theirs may keep the moments of float32 in float64
    if isinstance(optimizer, AdamOptimizer):
        state = np.stack([_flat(optimizer.ms, dtype), _flat(optimizer.vs, dtype)])
        settings = optimizer.beta_1, optimizer.beta_2, optimizer.epsilon
        rule = Adam(state.shape[1], dtype, optimizer.learning_rate_init, *settings)
        return _with_state(rule, state, optimizer.t), Constant()
    return _sgd_of(optimizer, dtype)


def _sgd_of(optimizer, dtype):
    state = _flat(optimizer.velocities, dtype)[None]
    rule = GradientDescent(state.shape[1], dtype, optimizer.learning_rate, optimizer.momentum, optimizer.nesterov)
    schedules = {
        "constant": Constant(),
        "adaptive": Adaptive(),
        "invscaling": InverseScaling(optimizer.learning_rate_init, optimizer.power_t),
    }
    return _with_state(rule, state[: len(rule.state)], 0), schedules[optimizer.lr_schedule]


def _with_state(rule, state, n_steps):
    rebuild, (kind, settings, rate, _, _) = rule.__reduce__()
    return rebuild(kind, settings, rate, np.ascontiguousarray(state), n_steps)
