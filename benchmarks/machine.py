# SPDX-License-Identifier: BSD-3-Clause
"""What a measurement must name to be worth something later: the machine, the versions, the commit."""

import os
import platform
import subprocess
from datetime import datetime
from pathlib import Path

import peers

import bpnet
from bpnet._core.kernels import LEVEL


def describe_machine():
    """A dict that goes into every measurement of a run."""
    versions = {peer: version for peer in peers.NAMES if (version := peers.version(peer))}
    return {
        "run": datetime.now().astimezone().isoformat(timespec="seconds"),
        "machine": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions,
        "level": LEVEL,
        "commit": commit(),
    }


def processor():
    """Name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def commit():
    """That of the bpnet which is imported, with "-dirty" where files are changed; None if it is in no repository."""
    command = ["git", "-C", str(Path(bpnet.__file__).parent), "describe", "--always", "--dirty", "--match="]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
