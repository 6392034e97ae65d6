# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn's own callbacks (`sklearn.callback`, from 1.9 on): the one place that knows their protocol.

It is experimental there; without it the estimators have no `set_callbacks`, and all else works.
"""

from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for scikit-learn's before 1.9: no callbacks of that kind."""


#: What scikit-learn leaves on an estimator during a fit, and its callbacks; not part of what was learnt.
PRIVATE = ("_skl_callbacks", "_skl_callbacks_to_teardown", "_callback_fit_ctx", "_parent_callback_ctx")


def begin_tasks(estimator, X, y, sample_weight):
    """The tasks of a fit where somebody listens, else None.

    scikit-learn's decorator of `fit` ends what begins here, also when the fit fails.
    """
    estimator.__dict__.pop("_callback_fit_ctx", None)  # of an estimator that was pickled in the middle of a fit
    if not hasattr(estimator, "_skl_callbacks") or not hasattr(estimator, "_init_callback_context"):
        return None
    return Tasks(estimator, X, y, sample_weight)


class Tasks:
    """The task "fit" of an estimator, with one subtask for each epoch or iteration."""

    def __init__(self, estimator, X, y, sample_weight):
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._told = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._fit = estimator._init_callback_context(max_subtasks=estimator.max_iter)
        self._fit.call_on_fit_task_begin(**self._told)
        self._epoch: Any = None

    def epoch_begins(self):
        """Tell that an epoch begins."""
        self._epoch = self._fit.subcontext(task_name="epoch").call_on_fit_task_begin(**self._told)

    def epoch_ended(self, make_fitted):
        """Tell that it has ended; true if a callback wants training to stop.

        `make_fitted` makes the estimator as if training ended now. Only callbacks that ask for it pay for it.
        """
        attributes = lambda: _learnt(make_fitted())  # noqa: E731
        epoch, self._epoch = self._epoch, None
        return epoch.call_on_fit_task_end(**self._told, reconstruction_attributes=attributes)

    def end(self, fitted):
        """Tell that the fit has ended, and with it an epoch that was begun."""
        if self._epoch is not None:
            self._epoch.call_on_fit_task_end(**self._told)
        self._fit.call_on_fit_task_end(**self._told, reconstruction_attributes=lambda: _learnt(fitted))


def _learnt(fitted):
    """Attributes that make a copy of the unfitted estimator this fitted one."""
    parameters = fitted._get_param_names()
    return {name: value for name, value in vars(fitted).items() if name not in parameters and name not in PRIVATE}
