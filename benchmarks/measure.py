# SPDX-License-Identifier: BSD-3-Clause
"""One measurement: one peer on one workload, in a process of its own. Run by run.py; prints a line of JSON."""

import json
import sys
import time
import warnings
from math import ceil

import numpy as np
import peers
from memory import highest
from workloads import WORKLOADS, Prediction, Product, Search, make_data


def seconds(call, threads):
    """Seconds of one call, and what it gave.

    With one thread the smaller of wall clock and processor time: while another program has the core no time counts,
    and a library that starts a helper thread all the same is not charged for both. With more threads it is the wall
    clock, for processor time is their sum and so hides all that parallel work gains.
    """
    wall, processor = time.perf_counter(), time.process_time()
    result = call()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return (min(wall, processor) if threads == 1 else wall), result


def repeated(call, threads, repetitions):
    """Seconds of a call that may be too short to be timed alone: means over a twentieth of a second or more."""
    call()
    number = ceil(0.05 / max(seconds(call, 1)[0], 1e-6))
    loop = range(number)
    return [seconds(lambda: [call() for _ in loop] and None, threads)[0] / number for _ in range(repetitions)]


def measure_training(peer, workload, dtype, threads, repetitions):
    fit = peer.trainer(workload, *make_data(workload, workload.n_rows, dtype))
    fit(1)  # compiles, loads, fills caches
    results = [seconds(lambda: fit(workload.n_passes), threads) for _ in range(repetitions)]
    _, (n_passes, loss) = results[-1]
    return {"seconds": [duration / passes for duration, (passes, _) in results], "passes": n_passes, "loss": loss}


def measure_prediction(peer, workload, dtype, threads, repetitions):
    X, y = make_data(workload, max(workload.n_rows, 1000), dtype)
    predict = peer.predictor(workload, X, y)
    X = X[: workload.n_rows].copy()
    return {"seconds": repeated(lambda: predict(X), threads, repetitions)}


def measure_search(peer, workload, dtype, threads, repetitions):
    search, X, y = peer.searcher(workload)
    search.fit(X, y)  # starts the processes
    # By the wall clock always: the work is done in other processes.
    return {"seconds": [seconds(lambda: search.fit(X, y), 2)[0] for _ in range(repetitions)]}


def measure_product(peer, workload, dtype, threads, repetitions):
    A = np.random.default_rng(0).standard_normal((workload.n, workload.n)).astype(dtype)
    return {"seconds": repeated(peer.product(A), threads, repetitions)}


def main(name, peer, dtype, threads, repetitions, quick):
    """Print the measurement as JSON."""
    warnings.simplefilter("ignore")  # fits that have not converged
    workload = WORKLOADS[name].quick() if quick else WORKLOADS[name]
    kinds = {Search: measure_search, Prediction: measure_prediction, Product: measure_product}
    run = kinds.get(type(workload), measure_training)
    result = run(peers.load(peer, dtype, threads), workload, dtype, threads, repetitions)
    print(json.dumps({**result, "megabytes": highest() / 1e6}))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
