# SPDX-License-Identifier: BSD-3-Clause
"""What skops must be told to trust in files that hold models of bpnet."""

#: Types to pass to `skops.io.load(path, trusted=TRUSTED)`. Their arguments and states are checked when they are read:
#: none of them runs code out of the file.
TRUSTED = (
    "bpnet._core.updates.Adam",
    "bpnet._core.updates.GradientDescent",
    "bpnet._core.updates.RMSProp",
    "bpnet._core.updates.Rprop",
    "bpnet.estimators.classifier.MLPClassifier",
    "bpnet.estimators.regressor.MLPRegressor",
    "bpnet.layers.Layer",
    "bpnet.losses.Huber",
    "bpnet.losses.Quantile",
    "bpnet.network.Network",
    "bpnet.optimizers.stochastic.Progress",
    "bpnet.schedules.Adaptive",
    "bpnet.schedules.Constant",
    "bpnet.schedules.InverseScaling",
    "bpnet.schedules.Planned",
    "bpnet.tabular.classifier.TabularMLPClassifier",
    "bpnet.tabular.columns.as_objects",
    "bpnet.tabular.ramps.Ramps",
    "bpnet.tabular.regressor.TabularMLPRegressor",
    "bpnet.topology.Topology",
    "numpy.dtype",  # which scikit-learn's imputer keeps, in the presets
)
