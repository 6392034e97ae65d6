# SPDX-License-Identifier: BSD-3-Clause
"""Mini-batch training of any network: the loop over compiled epochs."""

import warnings
from numbers import Integral
from time import monotonic

import numpy as np

from bpnet._core.epoch import Epoch
from bpnet._core.plan import aligned
from bpnet._core.shuffling import shuffle_rows
from bpnet._core.updates import Adam, GradientDescent
from bpnet._threads import count_threads, one_blas_thread
from bpnet._validation import as_random_state

#: Seconds that a compiled epoch runs before Python looks for Ctrl-C.
SLICE = 0.05

RULES = {"sgd": GradientDescent, "adam": Adam}


def run_epoch(epoch, order=None, until=np.inf):
    """One epoch over the rows `order` (all, as they stand, by default), open to Ctrl-C every `SLICE` seconds.

    False where the clock of `time.monotonic` came to `until` before its end. Of a batch that is under way then nothing
    is learnt.
    """
    epoch.begin(order)
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
    batch_size=32,
    n_epochs=10,
    reduction="sum",
    alpha=0.0,
    sample_weight=None,
    shuffle=True,
    random_state=None,
    n_jobs=None,
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
    rule : {"sgd", "adam"}, default="sgd"
    learning_rate : float, default=0.01
    batch_size : int, default=32
        Rows per step; the last batch may be smaller.
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
    **settings
        Of the rule: `momentum` and `nesterov` of "sgd"; `beta_1`, `beta_2` and `epsilon` of "adam".

    Returns
    -------
    list of float
        The objective of each epoch: batch values, each taken before its step, summed; with "mean" averaged over rows.

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
    if rule not in RULES:
        raise ValueError(f"expected a rule out of {', '.join(RULES)}, got {rule!r}")
    if reduction not in ("sum", "mean"):
        raise ValueError(f"expected reduction 'sum' or 'mean', got {reduction!r}")
    if not learning_rate > 0 or not alpha >= 0:
        raise ValueError(f"expected learning_rate above 0 and alpha of at least 0, got {learning_rate} and {alpha}")
    if not isinstance(n_epochs, Integral):
        raise TypeError(f"expected n_epochs as an integer, got {n_epochs!r}")
    if n_epochs < 0:
        raise ValueError(f"expected n_epochs of at least 0, got {n_epochs}")
    data = net._data(X, y, sample_weight)
    if data.n_rows == 0:
        raise ValueError("expected at least one sample, got none")
    if isinstance(batch_size, Integral):
        batch_size = min(batch_size, data.n_rows)
    if not net.parameters.flags.writeable:
        raise ValueError("expected a network whose parameters can be written, got read-only ones: copy the network")
    w = aligned(net.parameters, net.dtype)
    steps = RULES[rule](len(w), net.dtype, learning_rate, **settings)
    mean = reduction == "mean"
    epoch = Epoch(
        net.topology.plan, net._loss, net._reads_raw, data, w, steps, batch_size, alpha, mean, count_threads(n_jobs)
    )
    random_state = as_random_state(random_state)
    order = np.arange(data.n_rows)
    curve = []
    try:
        with one_blas_thread():
            for _ in range(n_epochs):
                if shuffle:
                    shuffle_rows(random_state, order)
                run_epoch(epoch, order if shuffle else None)
                curve.append((epoch.data_loss + epoch.penalty) / (data.n_rows if mean else 1))
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
    check_finite(w)
    net.parameters = w
    return curve


def check_finite(w):
    """Raise the error of a training that diverged."""
    if not np.isfinite(w).all():
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
            "preprocessed."
        )
