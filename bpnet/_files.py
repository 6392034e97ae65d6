# SPDX-License-Identifier: BSD-3-Clause
"""Files that are there whole or not at all."""

import os
import secrets
import shutil
from contextlib import suppress


def write_whole(path, data):
    """Write a file so that whatever happens, a crash or a full disk, the path holds either all of it or what it held.

    The bytes go into a new file in the same folder, are forced to the disk, and then take over the name in one step.

    Parameters
    ----------
    path : str or os.PathLike
        A file that is there already keeps its permissions; a link stays, and the file that it names is replaced.
    data : bytes or str
        Text is written as UTF-8.
    """
    path = os.path.realpath(os.fspath(path))
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(path):
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.remove(temporary)
        raise
    _sync_folder(folder)


def _sync_folder(folder):
    """So that the new name is on the disk too; where folders cannot be opened, as on Windows, that is not needed."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
