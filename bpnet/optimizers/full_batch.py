# SPDX-License-Identifier: BSD-3-Clause
"""The table of the optimizers that see all rows at once: functions of (objective, w, limits and options)."""

from collections.abc import Callable
from inspect import signature
from typing import NamedTuple

from bpnet.optimizers.lbfgs import lbfgs
from bpnet.optimizers.lm import lm
from bpnet.optimizers.newton import newton_cg, trust_ncg
from bpnet.optimizers.rprop import rprop_plus
from bpnet.optimizers.scg import scg


class Solver(NamedTuple):
    """One of them: its function, and which second derivatives it asks for, "gauss_newton", "hessian" or None."""

    minimise: Callable
    derivatives: str | None

    @property
    def options(self):
        """Names of its own options, and of the limits that all but L-BFGS know."""
        if self.minimise is lbfgs:
            return ()
        own = [name for name, known in signature(self.minimise).parameters.items() if known.kind == known.KEYWORD_ONLY]
        return *own, *(name for name in ("ftol", "xtol", "goal") if name not in own)


SOLVERS = {
    "lbfgs": Solver(lbfgs, None),
    "lm": Solver(lm, "gauss_newton"),
    "newton-cg": Solver(newton_cg, "hessian"),
    "trust-ncg": Solver(trust_ncg, "hessian"),
    "scg": Solver(scg, "hessian"),
    "rprop+": Solver(rprop_plus, None),
}
