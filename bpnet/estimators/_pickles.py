# SPDX-License-Identifier: BSD-3-Clause
"""Copies and pickles of estimators: pickles of another format are refused, a later parameter has its default."""

from inspect import signature
from typing import Any

from sklearn.base import BaseEstimator

from bpnet._pickles import FORMAT, check_format


class PickledByFormat(BaseEstimator):
    """scikit-learn's `BaseEstimator` with that."""

    network_: Any

    def __copy__(self):
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def __getstate__(self):
        state = {**super().__getstate__(), "_bpnet_format": FORMAT}
        state.pop("_loss", None)  # compiled, and the network's: it comes back with that
        return state

    def __setstate__(self, state):
        state = dict(state)
        check_format(state.pop("_bpnet_format", None), type(self).__name__)
        super().__setstate__(state)
        if missing := [name for name in self._get_param_names() if name not in vars(self)]:
            parameters = signature(type(self)).parameters
            self.__dict__.update({name: parameters[name].default for name in missing})
        if "network_" in state:
            self._loss = self.network_._loss
