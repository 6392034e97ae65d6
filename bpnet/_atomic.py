# SPDX-License-Identifier: BSD-3-Clause
"""Files that are either the old one or the new one, whenever the program or the machine stops."""

import os
from pathlib import Path


def write_atomically(path, parts):
    """Write byte strings to a file of this name, which until all are safe on the disk stays as it was.

    They go to a file beside it, named `path` + ".part", which then takes its place. What an interrupted write leaves
    there is overwritten by the next.

    Parameters
    ----------
    path : str or os.PathLike
    parts : iterable of bytes-like
    """
    path = Path(path)
    draft = path.with_name(path.name + ".part")
    try:
        with open(draft, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        # The new name is in the folder, which is to be safe on the disk too.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
