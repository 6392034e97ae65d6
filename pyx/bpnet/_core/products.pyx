# SPDX-License-Identifier: BSD-3-Clause
"""BLAS, loaded when a product is to come that is beyond the reach of our kernels: most nets never meet it."""

from importlib import import_module

#: Called, without arguments, once BLAS is loaded.
WHEN_LOADED = []

cdef bint is_loaded = False


def load_blas():
    """Take SciPy's BLAS: a third of a second and 27 MB the time it is asked for, nothing later."""
    global is_loaded
    if is_loaded:
        return
    import_module("bpnet._core.blas")   # sets the pointers
    is_loaded = True
    for call in WHEN_LOADED:
        call()
