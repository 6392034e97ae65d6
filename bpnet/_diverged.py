# SPDX-License-Identifier: BSD-3-Clause
"""The error of a training whose numbers have left those that floats hold."""


class DivergedError(ValueError):
    """At the start, or on the way. Where there are several starts, another one may do better."""
