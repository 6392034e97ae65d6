# SPDX-License-Identifier: BSD-3-Clause
"""Resident memory of this process, in bytes."""

import sys


def resident():
    """As it stands, and from here on the measure of `highest`; where there is no /proc, the highest until now."""
    if not sys.platform.startswith("linux"):
        return highest()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # sets the high-water mark back
    return _status("VmRSS")


def highest():
    """At its highest so far."""
    # Not from getrusage where it can be helped: on Linux that begins with the parent's.
    if sys.platform.startswith("linux"):
        return _status("VmHWM")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _status(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))
