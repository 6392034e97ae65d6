# SPDX-License-Identifier: BSD-3-Clause
"""Pickles of estimators: those of another format are refused, those without a later parameter get its default."""

from inspect import signature

from bpnet._pickles import FORMAT, check_format


class PickledByFormat:
    """Mixin before scikit-learn's `BaseEstimator`."""

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
