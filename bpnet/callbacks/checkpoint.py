# SPDX-License-Identifier: BSD-3-Clause
"""Checkpoints: all that a training depends on, on the disk, so that it can go on after a crash, to the same bits."""

import os
import pickle
from copy import copy
from numbers import Integral

from bpnet._files import write_whole

#: The first line of a file; the number counts the forms it has had.
HEAD = b"bpnet checkpoint 1\n"


class Checkpoint:
    """Callback that saves a training by 'sgd', 'adam', 'rmsprop' or 'rprop'; `resume` takes it up again.

    Saved are the estimator's parameters but for `callbacks`, the network's, the optimizer's memory, the state of the
    random numbers, the order of the rows, the curves and the best parameters so far. The file is replaced in one step:
    a program that dies in the middle of it leaves the file of before. Writing waits for the disk, so for short epochs
    choose a larger `every`.

    Parameters
    ----------
    path : str or os.PathLike
    every : int, default=1
        Epochs between two files.

    Notes
    -----
    Size and time are O(W + n_samples): three to four numbers for each parameter, the order of the rows, and a
    checksum of the data that is computed for the first file.

    Examples
    --------
    >>> import os, tempfile
    >>> from bpnet import MLPRegressor
    >>> from bpnet.callbacks import Checkpoint, resume
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> path = os.path.join(tempfile.mkdtemp(), "training")
    >>> model = MLPRegressor(random_state=0, tol=1e9, n_iter_no_change=5)  # ends after seven epochs
    >>> model.set_params(callbacks=[Checkpoint(path), lambda record: record.epoch == 3]).fit(X, y).n_iter_
    3
    >>> resumed = resume(path).fit(X, y)
    >>> resumed.n_iter_, resumed.loss_curve_ == model.set_params(callbacks=None).fit(X, y).loss_curve_
    (7, True)
    """

    def __init__(self, path, every=1):
        if not isinstance(every, Integral) or every < 1:
            raise ValueError(f"expected every as an integer of at least 1, got {every!r}")
        self.path, self.every = os.fspath(path), every

    def __call__(self, record):
        """Save, if it is time to."""
        if record._standing is None:
            raise ValueError(
                "expected fit by 'sgd', 'adam', 'rmsprop' or 'rprop': other solvers and partial_fit have no checkpoints"
            )
        if record.epoch % self.every:
            return
        draft, standing = record._standing()
        draft = copy(draft)
        draft.callbacks, draft._standing = None, standing
        write_whole(self.path, HEAD + pickle.dumps(draft, protocol=5))


def resume(path, callbacks=None):
    """The estimator of a checkpoint; its `fit`, given the same data, goes on to the end of the training.

    Parameters that each epoch heeds anew may be changed before, `max_iter` for example; left as they are, the fit is
    the same, to the bit, as if nothing had happened. `fit` refuses changes that would come too late: of the network,
    the loss, the split, the solver and its rates.

    Parameters
    ----------
    path : str or os.PathLike
        A file that can be trusted: it is a pickle, and whoever wrote it can have it run any code.
    callbacks : list of callable, default=None
        Take the place of those of the interrupted fit, which are not saved.

    Returns
    -------
    MLPRegressor or MLPClassifier

    Raises
    ------
    ValueError
        For a file that is none of `Checkpoint`, or not whole.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from bpnet import MLPRegressor
    >>> from bpnet.callbacks import Checkpoint, resume
    >>> X, y = np.eye(4), np.arange(4.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     watch = [Checkpoint(folder + "/saved", every=3)]
    ...     model = MLPRegressor(learning_rate="cosine", max_iter=5, callbacks=watch, random_state=0).fit(X, y)
    ...     again = resume(folder + "/saved").fit(X, y)  # from the fourth epoch on
    >>> np.array_equal(model.predict(X), again.predict(X))
    True
    """
    with open(os.fspath(path), "rb") as file:
        if file.readline(len(HEAD)) != HEAD:
            raise ValueError(f"expected a file written by bpnet.callbacks.Checkpoint, got {os.fspath(path)!r}")
        try:
            estimator = pickle.load(file)
        except (pickle.UnpicklingError, EOFError) as error:
            raise ValueError(f"the checkpoint {os.fspath(path)!r} is not whole: {error}") from error
    estimator.callbacks = callbacks
    return estimator
