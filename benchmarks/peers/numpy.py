# SPDX-License-Identifier: BSD-3-Clause
"""NumPy: the matrix product alone."""


class Peer:
    def __init__(self, dtype, threads):
        pass

    def product(self, A):
        return lambda: A @ A
