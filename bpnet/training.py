# SPDX-License-Identifier: BSD-3-Clause
"""Mini-batch training of any network: the loop over compiled epochs."""

import warnings
from time import monotonic

import numpy as np

from bpnet._core.epoch import Epoch
from bpnet._core.plan import aligned
from bpnet._core.shuffling import shuffle_rows
from bpnet._core.updates import Adam, GradientDescent, RMSProp, Rprop
from bpnet._options import check_options, equip
from bpnet._threads import count_threads, one_blas_thread
from bpnet._validation import as_random_state, check_choice, check_count, check_number
from bpnet.network import check_network
from bpnet.schedules import Constant, Planned

#: Seconds that a compiled epoch runs before Python looks for Ctrl-C.
SLICE = 0.05

RULES = {"sgd": GradientDescent, "adam": Adam, "rmsprop": RMSProp, "rprop": Rprop}


def run_epoch(epoch, order=None, rates=None, until=np.inf):
    """One epoch over the rows `order` (all, as they stand, by default), open to Ctrl-C every `SLICE` seconds.

    `rates`, where there are any, are those of the step of each batch. False where the clock of `time.monotonic` came to
    `until` before the end. Of a batch that is under way then nothing is learnt.
    """
    epoch.begin(order, rates)
    while not epoch.advance(min(SLICE, until - monotonic())):
        if monotonic() >= until:
            return False
    return True


def train(
    net,
    X,
    y,
    *,
    rule="sgd",
    learning_rate=0.01,
    batch_size=None,
    n_epochs=10,
    reduction="sum",
    alpha=0.0,
    sample_weight=None,
    shuffle=True,
    random_state=None,
    n_jobs=None,
    schedule=None,
    dropout=0.0,
    input_dropout=0.0,
    alpha_l1=0.0,
    weight_decay=0.0,
    max_gradient_norm=None,
    frozen=None,
    **settings,
):
    """Train a network of any topology and loss by mini-batches, without an estimator.

    For each batch in turn the gradient of sum_n s_n E_n + alpha / 2 |w|^2 over the batch is computed by
    back-propagation, and the rule takes one step.

    Parameters
    ----------
    net : Network
        Its parameters are changed in place once training has ended; not at all if it fails.
    X, y, sample_weight
        As for `Network.gradient`.
    rule : {"sgd", "adam", "rmsprop", "rprop"}, default="sgd"
        "rprop" works on all rows at once.
    learning_rate : float, default=0.01
        Of "rprop" the size of the first step.
    batch_size : int, optional
        Rows per step; the last batch may be smaller. By default 32, and all rows for "rprop".
    n_epochs : int, default=10
    reduction : {"sum", "mean"}, default="sum"
        "mean" divides each batch's gradient, penalty included, by the batch's weight, sum_n s_n.
    alpha : float, default=0.0
        Strength of the penalty on weights (biases are free).
    shuffle : bool, default=True
        Whether each epoch takes the rows in a new random order.
    random_state : None, int, RandomState or Generator, default=None
        Of the orders.
    n_jobs : int, default=None
        Most threads that share the work of a batch; None is one, -1 as many as there are processors. The result is the
        same to the last bit.
    schedule : {"cosine", "coslog4", "one_cycle"} or callable, optional
        Factor of the learning rate, step by step; see `schedules.Planned`. A callable gets t, the part of the training
        that is done, from 0 up to but not including 1.
    dropout : float or sequence of float, default=0.0
        Probability, in [0, 1), with which each output of a hidden unit is left out, anew for each row and epoch; those
        that stay are divided by the probability of staying. One for each hidden layer, or one for all.
    input_dropout : float, default=0.0
        The same of the inputs. Sparse inputs are laid out as dense chunks for it.
    alpha_l1 : float, default=0.0
        Strength of the penalty alpha_l1 |w|_1 on weights (biases are free). The gradient becomes the shortest
        subgradient, and a step that would change the sign of a weight ends at 0: weights become exactly 0.
    weight_decay : float, default=0.0
        Each step begins with w -= learning_rate weight_decay w, for weights alone: AdamW, or SGD with decoupled decay.
    max_gradient_norm : float, optional
        A gradient of a batch that is longer, penalties included, is shortened to this.
    frozen : None, str, int, sequence of str and int, or array of bool of shape (n_parameters,), default=None
        Layers that do not move, by name or place; or the parameters. They keep their bits.
    **settings
        Of the rule: `momentum` and `nesterov` of "sgd"; `beta_1`, `beta_2` and `epsilon` of "adam"; `decay`, `epsilon`
        and `momentum` of "rmsprop"; `shrink`, `grow`, `least` and `most` of "rprop".

    Returns
    -------
    list of float
        The objective of each epoch: batch values, each taken before its step, summed; with "mean" averaged over rows.
        With dropout, of the thinned networks.

    Raises
    ------
    ValueError
        For arguments out of range, and when training diverges to parameters that are not finite.

    Warns
    -----
    UserWarning
        On Ctrl-C, which ends the training with the parameters reached.

    Examples
    --------
    >>> import numpy as np
    >>> from bpnet import Network, Topology
    >>> X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    >>> xor = np.array([0.0, 1, 1, 0])
    >>> net = Network(Topology.layered([2, 4, 1], out_activation="logistic"), "log_loss", random_state=1)
    >>> curve = train(net, X, xor, rule="adam", learning_rate=0.05, batch_size=4, n_epochs=500)
    >>> net.predict(X).round().ravel()
    array([0., 1., 1., 0.])
    """
    check_network(net)
    numbers = {"alpha_l1": alpha_l1, "weight_decay": weight_decay, "max_gradient_norm": max_gradient_norm}
    _check_arguments(rule, reduction, n_epochs, learning_rate, alpha, numbers | settings)
    check_options(rule, dropout, input_dropout, weight_decay, max_gradient_norm, schedule)
    data = net._data(X, y, sample_weight)
    if data.n_rows == 0:
        raise ValueError("expected at least one sample, got none")
    batch_size = _resolve_batch_size(batch_size, rule, data.n_rows)
    if not net.parameters.flags.writeable:
        raise ValueError("expected a network whose parameters can be written, got read-only ones: copy the network")
    w = aligned(net.parameters, net.dtype)
    steps = RULES[rule](len(w), net.dtype, learning_rate, **settings)
    mean = reduction == "mean"
    random_state = as_random_state(random_state)
    plan = Constant() if schedule is None else Planned(learning_rate, schedule, n_epochs)
    options = equip(
        net.topology, w, lambda: draw_seed(random_state), dropout=dropout, input_dropout=input_dropout,
        alpha_l1=alpha_l1, weight_decay=weight_decay, max_gradient_norm=max_gradient_norm, frozen=frozen,
    )  # fmt: skip
    epoch = Epoch(
        net.topology.plan, net._loss, net._reads_raw, data, w, steps, batch_size, alpha, mean, count_threads(n_jobs),
        **options,
    )  # fmt: skip
    n_batches = -(-data.n_rows // batch_size)
    order = np.arange(data.n_rows)
    curve = []
    try:
        with one_blas_thread():
            for _ in range(n_epochs):
                if shuffle:
                    shuffle_rows(random_state, order)
                rates = plan.rates(n_batches)
                run_epoch(epoch, order if shuffle else None, rates)
                plan.epoch_ended(steps, 0)
                curve.append((epoch.data_loss + epoch.penalty) / (data.n_rows if mean else 1))
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
    check_finite(w)
    net.parameters = w
    return curve


def _check_arguments(rule, reduction, n_epochs, learning_rate, alpha, numbers):
    check_choice("a rule", rule, RULES)
    check_choice("a reduction", reduction, ("sum", "mean"))
    for name, value in {"learning_rate": learning_rate, "alpha": alpha, **numbers}.items():
        if name != "max_gradient_norm" or value is not None:
            check_number(name, value)
    if not learning_rate > 0 or not alpha >= 0:
        raise ValueError(f"expected learning_rate above 0 and alpha of at least 0, got {learning_rate} and {alpha}")
    check_count(n_epochs, "n_epochs")


def _resolve_batch_size(batch_size, rule, n_rows):
    """Rows of a batch, no more than there are; all of them for a rule that needs the sign of the whole gradient."""
    if batch_size is None:
        batch_size = n_rows if rule == "rprop" else 32
    batch_size = check_count(batch_size, "batch_size", 1)
    if rule == "rprop" and batch_size < n_rows:
        raise ValueError(f"'rprop' works on all {n_rows} rows at once, got batch_size {batch_size}")
    return min(batch_size, n_rows)


def draw_seed(random_state):
    """Seed of dropout, from a RandomState or a Generator."""
    draw = random_state.integers if isinstance(random_state, np.random.Generator) else random_state.randint
    return int(draw(2**31 - 1))


def check_finite(w):
    """Raise the error of a training that diverged."""
    if not np.isfinite(w).all():
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
            "preprocessed."
        )
