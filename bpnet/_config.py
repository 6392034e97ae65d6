# SPDX-License-Identifier: BSD-3-Clause
"""What bpnet runs on, for reports of bugs and of speed."""

import platform
from importlib import metadata

from bpnet._core.kernels import LEVEL, LEVELS
from bpnet._core.products import load_blas


def show_config():
    """Print the instruction-set level in use, the BLAS and its threads, and the versions of what bpnet stands on.

    The environment variable BPNET_ISA chooses another of the levels before bpnet is imported.

    Examples
    --------
    >>> show_config()  # doctest: +ELLIPSIS
    bpnet ...
    """
    from threadpoolctl import threadpool_info

    load_blas()
    print(f"bpnet {metadata.version('bpnet')}: level {LEVEL} of {', '.join(LEVELS)} on {platform.machine()}")
    for pool in threadpool_info():
        if pool["user_api"] == "blas":
            details = (
                f"{pool['internal_api']} {pool['version']} ({pool.get('architecture')}, {pool['num_threads']} threads)"
            )
            print(f"BLAS: {details}")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("numpy", "scipy", "scikit-learn"))
    print(f"Python {platform.python_version()}, {versions}")
