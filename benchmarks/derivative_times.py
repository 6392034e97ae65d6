# SPDX-License-Identifier: BSD-3-Clause
"""Times of one derivative by all contestants in one process, in turns. Run by derivatives.py; prints a line of JSON."""

import json
import sys
from math import ceil
from statistics import median

import numpy as np
import peers
from measure import seconds
from workloads import DERIVATIVES, make_point


def main(name, chosen, rounds, quick):
    """For each contestant its fastest way, the seconds of each round, and the deviation of all its ways from bpnet."""
    case = DERIVATIVES[name]
    for call in make_calls(case.quick(), chosen).values():
        call()  # loads what is loaded once and for all
    calls = make_calls(case.quick() if quick else case, chosen)
    tried, deviations = try_all(calls)
    fastest = {peer: min(tried[place] for place in tried if place[0] == peer) for peer in chosen}
    # Ways far slower than another of the same peer are out of the race: by a tenth where calls are long.
    turns = {place: [] for place in calls if tried[place] < (1.5 if tried[place] < 1 else 1.1) * fastest[place[0]]}
    for _ in range(rounds):
        for place, durations in turns.items():
            durations.append(time(calls[place], tried[place]))
    found = {}
    for peer in chosen:
        place = min([place for place in turns if place[0] == peer], key=lambda place: median(turns[place]))
        worst = max(deviation for (other, _), deviation in deviations.items() if other == peer)
        found[peer] = {"way": place[1], "seconds": turns[place], "deviation": worst}
    print(json.dumps(found))


def make_calls(case, chosen):
    """{(peer, way): function without arguments}, all compiled."""
    ways = {peer: peers.load(peer, case.dtype, 1).derivatives(case, *make_point(case)) for peer in chosen}
    return {(peer, way): make() for peer in chosen for way, make in ways[peer].items()}


def try_all(calls):
    """Seconds of one call of each, and how far its result lies from bpnet's, over the largest of bpnet's numbers."""
    truth = np.asarray(calls["bpnet", "exact"]())
    tried, deviations = {}, {}
    for place, call in calls.items():
        tried[place], result = seconds(call, 1)
        deviations[place] = float(abs(np.asarray(result) - truth).max() / abs(truth).max())
    return tried, deviations


def time(call, expected):
    """Seconds of one call: the mean over as many as take a twentieth of a second."""
    number = ceil(0.05 / max(expected, 1e-6))

    def repeat():
        for _ in range(number):  # one result at a time
            call()

    return seconds(repeat, 1)[0] / number


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
