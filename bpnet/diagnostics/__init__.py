# SPDX-License-Identifier: BSD-3-Clause
"""Statistics of the error signals delta_j = dE_n/da_j, layer by layer: measured, and predicted at initialisation."""

from bpnet.diagnostics.measured import delta_statistics
from bpnet.diagnostics.moments import WeightMoments
from bpnet.diagnostics.predicted import predict_delta_statistics
from bpnet.diagnostics.table import LayerTable

__all__ = ["LayerTable", "WeightMoments", "delta_statistics", "predict_delta_statistics"]
