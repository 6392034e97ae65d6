# SPDX-License-Identifier: BSD-3-Clause
"""The network in the HTML representation of an estimator, alone and as a step of a pipeline."""

from contextlib import suppress

from sklearn.base import BaseEstimator

from bpnet import _html
from bpnet.topology import Topology


class ShowsNetwork(BaseEstimator):
    """Mixin: the drawing of the network stands above the table of parameters in scikit-learn's diagram.

    The table is an object with a method that writes it, in every scikit-learn since 1.7; it gets one that writes both.
    Should scikit-learn no longer ask for it or make it otherwise, its own representation is all there is.
    """

    def _get_params_html(self, *args, **kwargs):
        table = super()._get_params_html(*args, **kwargs)
        network = _draw(self)
        with suppress(AttributeError, TypeError):
            plain = table._html_repr
            table._html_repr = lambda: network + plain()
        return table


def _draw(estimator):
    """HTML of the fitted network, or of a topology that is given; else nothing."""
    network = vars(estimator).get("network_")
    topology = network.topology if network is not None else estimator.topology
    return _html.network(topology) if isinstance(topology, Topology) else ""
