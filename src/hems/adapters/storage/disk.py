"""Directories and files with the least rights, kept across a power cut, and a disk's refusals in words."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

FILE_MODE = 0o640
DIRECTORY_MODE = 0o750
PRIVATE_MODE = 0o600
"""Of files that open something by themselves: nobody but the service's user reads them."""


def make_directory(path: Path) -> None:
    """Make ``path`` and what is missing above it, all closed to others whatever the umask. Raises: OSError."""
    if not path.is_dir():
        # mkdir(parents=True) would give the parents the default mode.
        make_directory(path.parent)
        with suppress(FileExistsError):
            path.mkdir(mode=DIRECTORY_MODE)
            path.chmod(DIRECTORY_MODE)
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{path} is a file where a directory should be", str(path))


def sync_directory(directory: Path) -> None:
    """Make a rename in ``directory`` survive a power cut. Raises: OSError."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def why_refused(error: OSError) -> str:
    """Return the system's word for why a disk refused, and what to do about it where that is known."""
    reason = error.strerror or str(error)
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"{reason}. Make room on the disk"
        case errno.EFBIG:
            return f"{reason}. The user that runs this may not write bigger files: see `ulimit -f`"
        case errno.EACCES | errno.EPERM:
            return f"{reason}. Check owner and mode: the user that runs this must be allowed to write there"
        case errno.EROFS:
            return f"{reason}. The disk takes no writes: check it and how it is mounted"
        case errno.ENOENT:
            return "there is no such directory: make it, or name another"
        case errno.EISDIR:
            return f"{reason}. A directory is in the file's place: move it away"
        case errno.EIO:
            return f"{reason}. Check the disk: it may be failing"
        case _:
            return reason


def bytes_under(directory: Path) -> int:
    """Return what the files in ``directory`` and below take; those that vanish meanwhile count nothing."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118 - thousands of files
    return total
