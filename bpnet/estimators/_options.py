# SPDX-License-Identifier: BSD-3-Clause
"""Rule, schedule and options of a training, from an estimator's parameters."""

from functools import partial
from numbers import Real

import numpy as np

from bpnet._options import OPTIONS, check_options, equip
from bpnet.frozen import frozen_parameters
from bpnet.optimizers._variables import Variables
from bpnet.optimizers.full_batch import SOLVERS
from bpnet.schedules import Adaptive, Constant, InverseScaling, Planned
from bpnet.training import RULES

#: Schedules that scikit-learn has.
_BY_EPOCH = ("constant", "invscaling", "adaptive")


def check_solver_options(estimator):
    """Raise ValueError for options that make no sense with the solver."""
    plan = None if estimator.learning_rate in _BY_EPOCH else estimator.learning_rate
    given = (estimator.dropout, estimator.input_dropout, estimator.weight_decay, estimator.max_gradient_norm)
    check_options(estimator.solver, *given, plan)
    solver, options = SOLVERS.get(estimator.solver), estimator.solver_options or {}
    known = () if solver is None else solver.options
    if unknown := [name for name in options if name not in known]:
        listed = f"some of {', '.join(known)}" if known else "none"
        raise ValueError(f"expected solver_options of {estimator.solver!r}, {listed}, got {unknown[0]!r}")
    for name, value in options.items():
        if not isinstance(value, Real) and not (value is None and name in ("mu_inc", "mu_dec")):
            raise TypeError(f"expected solver_options[{name!r}] as a number, got {value!r}")
    if solver is not None and estimator.solver != "lbfgs" and estimator.alpha_l1:
        raise ValueError(
            f"{estimator.solver!r} does not take alpha_l1, which has no derivative at 0: 'lbfgs' and the mini-batch "
            f"solvers do; got {estimator.alpha_l1}"
        )


def make_rule(estimator, w):
    """A new update rule for w."""
    settings = {
        "sgd": {"momentum": estimator.momentum, "nesterov": estimator.nesterovs_momentum},
        "adam": {"beta_1": estimator.beta_1, "beta_2": estimator.beta_2, "epsilon": estimator.epsilon},
        "rmsprop": {"decay": estimator.beta_2, "epsilon": estimator.epsilon},
        "rprop": {},
    }
    rule = estimator.solver
    return RULES[rule](len(w), w.dtype, estimator.learning_rate_init, **settings[rule])


def make_schedule(estimator):
    """A new schedule; Adam does not know those of scikit-learn, nor does it there."""
    name = estimator.learning_rate
    if name not in _BY_EPOCH:
        return Planned(estimator.learning_rate_init, name, estimator.max_iter)
    if name == "invscaling" and estimator.solver in ("sgd", "rmsprop"):
        return InverseScaling(estimator.learning_rate_init, estimator.power_t)
    if name == "adaptive" and estimator.solver in ("sgd", "rmsprop"):
        return Adaptive()
    return Constant()


def epoch_options(estimator, network, progress, random_state):
    """Keyword arguments of an `Epoch`."""
    options = {name: getattr(estimator, name) for name in OPTIONS}
    seed, n_epochs = partial(progress.draw_seed, random_state), len(progress.loss_curve)
    return equip(network.topology, network.parameters, seed, n_epochs, **options)


def moving_variables(estimator, network, factor):
    """What moves, where that is not w itself: some of it is frozen, or has an L1 penalty, alpha_l1 times a factor."""
    topology = network.topology
    frozen = frozen_parameters(topology, estimator.frozen)
    if frozen is None and not estimator.alpha_l1:
        return None
    is_weight = np.zeros(topology.n_parameters, bool)
    for start, stop in topology.plan.weight_ranges:
        is_weight[start:stop] = True
    return Variables(network.parameters, factor * estimator.alpha_l1, is_weight, frozen)


def set_start(network, coef_init, intercept_init):
    """Write the starting weights and biases that `fit` was given."""
    if coef_init is None and intercept_init is None:
        return
    for name, views, values in (
        ("coef_init", network.coefs, coef_init),
        ("intercept_init", network.intercepts, intercept_init),
    ):
        if values is None:
            continue
        try:
            if not hasattr(values, "__iter__"):
                raise TypeError(f"expected a list of arrays, one for each layer, got {values!r}")
            values = list(values)
            if len(values) == len(views):
                values = [view if value is None else value for view, value in zip(views, values, strict=True)]
            views[:] = values
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from None
    if not np.isfinite(network.parameters).all():
        raise ValueError("expected finite numbers in coef_init and intercept_init, got NaN or infinity")
