# SPDX-License-Identifier: BSD-3-Clause
"""Times of one derivative by one contestant, a turn for each line of input. Run by derivatives.py; prints JSON lines.

The line printed before any turn says how far the results of all its ways lie from those of bpnet, over the largest of
their numbers: bpnet itself leaves them in the file `truth`.
"""

import json
import sys
from math import ceil

import numpy as np
import peers
from measure import seconds
from workloads import DERIVATIVES, make_point


def main(name, peer, truth, quick):
    """Get ready, then print for each line of input {way: seconds}, the ways far slower than another left out."""
    case = DERIVATIVES[name]
    for call in make_calls(case.quick(), peer).values():
        call()  # loads what is loaded once and for all
    calls = make_calls(case.quick() if quick else case, peer)
    tried, results = {}, {}
    for way, call in calls.items():
        tried[way], result = seconds(call, 1)
        results[way] = np.asarray(result)
    if peer == "bpnet":
        np.save(truth, results["exact"])
    print(json.dumps(deviation(results.values(), np.load(truth))), flush=True)
    results.clear()
    # By a tenth where calls are long.
    fast = [way for way in calls if tried[way] < (1.5 if tried[way] < 1 else 1.1) * min(tried.values())]
    for _ in sys.stdin:
        print(json.dumps({way: time(calls[way], tried[way]) for way in fast}), flush=True)


def make_calls(case, peer):
    """{way: function without arguments}, all compiled."""
    ways = peers.load(peer, case.dtype, 1).derivatives(case, *make_point(case))
    return {way: make() for way, make in ways.items()}


def deviation(results, truth):
    """The largest of all results from what bpnet found, over the largest of its numbers."""
    return max(float(abs(result - truth).max() / abs(truth).max()) for result in results)


def time(call, expected):
    """Seconds of one call: the mean over as many as take a twentieth of a second."""
    number = ceil(0.05 / max(expected, 1e-6))

    def repeat():
        for _ in range(number):  # one result at a time
            call()

    return seconds(repeat, 1)[0] / number


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
