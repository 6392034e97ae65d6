# SPDX-License-Identifier: BSD-3-Clause
"""Peak memory of one derivative, in a process of its own. Run by derivatives.py; prints megabytes as JSON.

The megabytes are those by which the resident memory rises, at its highest, during one call: the result and whatever is
needed to get it. The library, data, parameters and compiled code are there before. So are the leftovers of compiling
and of a first, small call, which the call might use again unseen: what is free of them goes back to the system first.
"""

import ctypes
import gc
import json
import sys

import peers
from memory import highest, resident
from workloads import DERIVATIVES, make_point


def main(name, peer, way, quick):
    """Print how far one call raises the resident memory."""
    case = DERIVATIVES[name]
    contestant = peers.load(peer, case.dtype, 1)
    contestant.derivatives(case.quick(), *make_point(case.quick()))[way]()()
    if quick:
        case = case.quick()
    call = contestant.derivatives(case, *make_point(case))[way]()
    give_back()
    before = resident()
    result = call()
    print(json.dumps({"megabytes": (highest() - before) / 1e6}))
    del result


def give_back():
    """Free memory to the system, where the C library can."""
    gc.collect()
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim:
            trim(0)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
