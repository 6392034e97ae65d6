# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of networks and of their training, as scikit-learn's displays: `from_estimator`, then `plot` again at will.

They need Matplotlib, ``pip install bpnet[plot]``, which is imported when something is drawn.
"""

from bpnet.displays.delta import DeltaDisplay
from bpnet.displays.loss_curve import LossCurveDisplay
from bpnet.displays.network import NetworkDisplay

__all__ = ["DeltaDisplay", "LossCurveDisplay", "NetworkDisplay"]
