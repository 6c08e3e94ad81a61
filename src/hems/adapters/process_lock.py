"""One coordinator per data directory: two would fight over one inverter."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType

from hems.adapters.storage.disk import FILE_MODE, make_directory
from hems.domain.errors import PermanentError, StorageError

LOCK_NAME = "coordinator.lock"
_SAFELY = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""Whoever may write to the data directory may plant a link or a pipe there; neither leads or holds us."""


class ProcessLock:
    """Held by the running service; the kernel lets it go when the process ends, however it ends."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / LOCK_NAME
        self._descriptor: int | None = None

    def __enter__(self) -> ProcessLock:
        try:
            make_directory(self._path.parent)
            descriptor = self._open()
        except OSError as error:
            reason = "a link stands in its place: remove it" if error.errno == errno.ELOOP else error.strerror
            raise StorageError(
                f"{self._path}: {reason}; the data directory must be writable by the user that runs this"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise PermanentError(
                f"another Master Coordinator runs with the data directory {self._path.parent}; stop it first, "
                "or give this one its own storage.directory"
            ) from error
        self._descriptor = descriptor
        return self

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | _SAFELY, FILE_MODE)
        except OSError as error:
            if error.errno not in {errno.EROFS, errno.ENOSPC}:
                raise
            # The house is cared for on a disk that takes nothing, too: the lock of an earlier run serves as well.
            return os.open(self._path, os.O_RDONLY | _SAFELY)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_held(directory: Path) -> bool | None:
    """Return whether a coordinator runs with the data ``directory``; None where this user may not know."""
    try:
        descriptor = os.open(directory / LOCK_NAME, os.O_RDONLY | _SAFELY)
    except PermissionError:
        return None
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
