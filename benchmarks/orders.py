# SPDX-License-Identifier: BSD-3-Clause
"""Orders of the calculus: how the time of each derivative grows with the number W of weights and biases.

    python benchmarks/orders.py

Nets of four families grow; the rows stay as they are: squared error, tanh units, float64, one thread. The exponent is
the slope of log(time) against log(W), by least squares, over the larger sizes: those with at least four times the time
of the smallest, for below that fixed costs count. The sizes end where signals no longer fit into the caches, for there
the time of a weight makes a step. Units cost time as well as weights do, and a wider layer has fewer units for its
weights: where layers get wider, exponents are too low, most for finite differences, for which nets have to be small.
"""

import argparse
from dataclasses import dataclass
from math import ceil
from statistics import median

import numpy as np
from graphs import random_units
from growth import fit_exponent
from measure import seconds
from table import format_seconds
from threadpoolctl import threadpool_limits

from bpnet import Network, Topology

# Of any size n; units of the sparse graph hear eight others each.
FAMILIES = {
    "10-n-1": lambda n: Topology.layered((10, n, 1)),
    "n-n-n-2": lambda n: Topology.layered((n, n, n, 2)),
    "10-8xn-1": lambda n: Topology.layered((10, *[n] * 8, 1)),
    "sparse graph": lambda n: random_units(np.random.default_rng(0), 10, n, 8, ["tanh"], "identity"),
}
# Here the units are few for the weights, and more weights fit before the signals leave the caches.
WIDE = ("n-n-n-2", "10-8xn-1")


@dataclass(frozen=True)
class Derivative:
    """What is timed, on how many rows, and the order in theory."""

    call: object  # of network, X, y, v
    order: int

    @property
    def n_rows(self):
        # Of differences of E so many that in a small net they take longer than the call itself.
        return {1: 32, 2: 100, 3: 500}[self.order]

    def sizes(self, family):
        """Numbers of weights, rising by the root of two."""
        wide = family in WIDE
        smallest, n_sizes = {1: (8_000 if wide else 1_000, 11), 2: (500 if wide else 250, 7), 3: (57, 6)}[self.order]
        return [round(smallest * 2 ** (k / 2)) for k in range(n_sizes)]


def hessian(method):
    """The Hessian, by whichever method."""
    return lambda net, X, y, v: net.hessian(X, y, method=method)


DERIVATIVES = {
    "value_and_gradient": Derivative(lambda net, X, y, v: net.value_and_gradient(X, y), 1),
    "hessian_product": Derivative(Network.hessian_product, 1),
    "gauss_newton_product": Derivative(Network.gauss_newton_product, 1),
    "hessian, exact": Derivative(hessian("exact"), 2),
    "gauss_newton": Derivative(lambda net, X, y, v: net.gauss_newton(X, y), 2),
    "hessian, columns": Derivative(hessian("columns"), 2),
    "hessian, mixed": Derivative(hessian("mixed"), 2),
    "hessian, finite_difference": Derivative(hessian("finite_difference"), 3),
}


def main():
    """Print a line for each derivative, with the exponent of each family of nets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--derivatives", nargs="+", choices=DERIVATIVES, default=list(DERIVATIVES), metavar="NAME")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES), metavar="NAME")
    parser.add_argument("--sizes", type=int, help="only so many of the sizes, from the smallest")
    options = parser.parse_args()
    print("Exponent of the time against W; in brackets the W it is fitted from and to, and the time there.\n")
    heads = "".join(f"{family:>32}" for family in options.families)
    print(f"{'derivative':27}{'theory':>7}{'rows':>6}{heads}")
    for name in options.derivatives:
        derivative = DERIVATIVES[name]
        print(f"{name:27}{derivative.order:7}{derivative.n_rows:6}", end="")
        for family in options.families:
            print(f"{measure(derivative, family, options.sizes):>32}", end="", flush=True)
        print()


def measure(derivative, family, n_sizes):
    """A cell of the table."""
    topologies = [find(FAMILIES[family], size) for size in derivative.sizes(family)[:n_sizes]]
    times = [time(derivative, topology) for topology in topologies]
    sizes = [topology.n_parameters for topology in topologies]
    exponent, start = fit_exponent(sizes, times)
    end = f"{sizes[-1]}: {format_seconds(times[-1])}"
    return f"- ({end})" if exponent is None else f"{exponent:.2f} ({start:.0f}-{end})"


def find(family, size):
    """The smallest net of a family that has as many weights and biases, or more."""
    low, high = 0, 16
    while family(high).n_parameters < size:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if family(middle).n_parameters >= size else (middle, high)
    return family(high)


def time(derivative, topology):
    """Seconds of one call: the median of three turns, or those of a single one that takes more than a second."""
    rng = np.random.default_rng(0)
    net = Network(topology, random_state=0)
    X = rng.standard_normal((derivative.n_rows, topology.n_inputs))
    y = rng.standard_normal((derivative.n_rows, topology.n_outputs))
    v = rng.standard_normal(topology.n_parameters)

    def repeat(number):
        for _ in range(number):
            derivative.call(net, X, y, v)

    with threadpool_limits(1):
        first = seconds(lambda: repeat(1), 1)[0]
        if first > 1:
            return first
        number = ceil(0.02 / first)
        return median(seconds(lambda: repeat(number), 1)[0] / number for _ in range(3))


if __name__ == "__main__":
    main()
