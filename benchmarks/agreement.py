# SPDX-License-Identifier: BSD-3-Clause
"""Symmetry of the Hessian, and how closely its four methods agree.

    python benchmarks/agreement.py

Every kind of net below with every loss, and layered nets with every activation; float64, 20 rows with weights of their
own. Asymmetry is the largest |H - H'|, deviation the largest |H - exact|, each over the largest |H|; of each the worst
of all nets of a kind. Mixed and finite differences are symmetric by construction. The activations are smooth: across a
kink of relu a difference says nothing.
"""

import argparse

import numpy as np
from graphs import random_units, skipping

from bpnet import Network, Topology

ACTIVATIONS = ("tanh", "logistic", "softplus", "gelu", "silu", "identity")
# With matched outputs and others.
LOSSES = (
    ("squared_error", "identity"),
    ("squared_error", "tanh"),
    ("squared_error", "softmax"),
    ("log_loss", "logistic"),
    ("log_loss", "softmax"),
    ("poisson", "exp"),
)
METHODS = ("exact", "columns", "mixed", "finite_difference")

# Of a generator and the activations of hidden units and outputs.
LAYERED = {
    "6-8-2": lambda rng, hidden, out: Topology.layered((6, 8, 2), hidden, out),
    "4-4-4-4-4-2": lambda rng, hidden, out: Topology.layered((4, 4, 4, 4, 4, 2), hidden, out),
    "4-5-5-2 with skips": lambda rng, hidden, out: skipping(4, 5, 2, hidden, out),
}
RANDOM = "random graphs of 12 units"


def main():
    """Print a line for each kind of net."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--random", type=int, default=10, metavar="N", help="random graphs for each loss")
    parser.add_argument("--activations", nargs="+", choices=ACTIVATIONS, default=list(ACTIVATIONS), metavar="NAME")
    options = parser.parse_args()
    heads = [f"{name:>19}" for name in (*METHODS, *METHODS[1:])]
    print(f"{'':35}{'asymmetry:':>19}{'':57}{'deviation:':>19}")
    print(f"{'kind':27}{'nets':>8}{''.join(heads)}")
    for kind, build in LAYERED.items():
        print_worst(kind, [measure(build, hidden, *pair) for hidden in options.activations for pair in LOSSES])
    seeds = range(options.random)
    print_worst(RANDOM, [measure(draw, ACTIVATIONS, *pair, seed) for seed in seeds for pair in LOSSES])


def draw(rng, hidden, out):
    """Of mixed activations: a unit hears three others."""
    return random_units(rng, 3, 12, 3, hidden, out)


def measure(build, hidden, loss, out, seed=0):
    """Asymmetry of each method, then deviation of each but the first from that."""
    rng = np.random.default_rng(seed)
    topology = build(rng, hidden, out)
    net = Network.from_parameters(topology, 0.4 * rng.standard_normal(topology.n_parameters), loss)
    X, s = rng.standard_normal((20, topology.n_inputs)), rng.uniform(0, 2, 20)
    y = rng.dirichlet(np.ones(topology.n_outputs), 20)  # targets between 0 and 1 suit every loss
    exact, *others = [net.hessian(X, y, s, method=method) for method in METHODS]
    scale = abs(exact).max()
    differences = [H - H.T for H in (exact, *others)] + [H - exact for H in others]
    return [abs(difference).max() / scale for difference in differences]


def print_worst(kind, measured):
    """The line of a kind of net."""
    cells = "".join(f"{worst:19.1e}" for worst in np.max(measured, axis=0))
    print(f"{kind:27}{len(measured):8}{cells}", flush=True)


if __name__ == "__main__":
    main()
