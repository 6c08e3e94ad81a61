"""``<data>/web/access.json``: changed by ``hems web``, followed by the running service without a restart."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hems.adapters.storage.disk import make_directory, why_refused
from hems.adapters.storage.json_text import write_json_atomically
from hems.domain.errors import RejectedData, StorageError
from hems.plain_files import read_json_file
from hems.web.access.records import Access, access_from_json, access_to_json

_log = logging.getLogger(__name__)

DIRECTORY = "web"
ACCESS_NAME = "access.json"
ACCESS_MAX_BYTES = 100_000
"""Fifty tokens take 15 kB."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Nobody gets in: it is not known who may."""

    reason: str


class FollowedAccess:
    """Who may, as the file says it now: asked at every request, read only when it has changed."""

    def __init__(self, directory: Path) -> None:
        """``directory``: ``<data>/web``."""
        self._path = directory / ACCESS_NAME
        self._seen: tuple[int, ...] | None = None
        self._held: Access | Unreadable | None = None
        self._has_been = False

    def now(self) -> Access | Unreadable:
        """Return who may; where that cannot be known, why. No file: nobody has set anything."""
        mark: tuple[int, ...] = ()
        try:
            found = self._path.stat()
            mark = (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_dev)
        except FileNotFoundError:
            pass
        except OSError as error:
            mark = (-(error.errno or 1),)
        if self._held is None or mark != self._seen:
            self._held, self._seen = self._read(), mark
            if isinstance(self._held, Unreadable):
                _log.error("the dashboard lets nobody in: %s", self._held.reason)
        return self._held

    def _read(self) -> Access | Unreadable:
        try:
            access = read_access(self._path.parent)
        except (StorageError, RejectedData) as error:
            self._has_been = True
            return Unreadable(str(error))
        if access is None:
            # `hems web passwd --remove` leaves a file: one that is gone took a password with it, perhaps.
            lost = "it was there and is gone; set the password again: `hems web passwd`"
            return Unreadable(f"{self._path}: {lost}") if self._has_been else Access()
        self._has_been = True
        return access


def read_access(directory: Path) -> Access | None:
    """Return what is set in ``<data>/web``; None where nobody has set anything.

    Raises: StorageError: the disk does not give it; RejectedData: it is damaged.
    """
    path = directory / ACCESS_NAME
    try:
        return access_from_json(read_json_file(path, ACCESS_MAX_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        hint = "; `sudo` may help" if isinstance(error, PermissionError) else ""
        raise StorageError(f"{path}: not read: {error.strerror or error}{hint}") from error
    except ValueError as error:
        raise RejectedData(f"{path}: damaged ({error}); set the password again: `hems web passwd`") from error


def write_access(directory: Path, access: Access) -> None:
    """Replace what is set, whole or not at all, for the service's user alone. Raises: StorageError."""
    write_private(directory / ACCESS_NAME, access_to_json(access))


@contextmanager
def changing(directory: Path) -> Iterator[None]:
    """Hold ``<data>/web`` for one change: two commands at a time would lose one's word. Raises: StorageError."""
    _prepare(directory)
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StorageError(f"{directory}: {why_refused(error)}") from error


def write_private(path: Path, body: Any) -> None:
    """Write JSON that only the service's user reads. Raises: StorageError."""
    _prepare(path.parent)
    write_json_atomically(path, body, private=True)


def _prepare(directory: Path) -> None:
    """Make ``directory``, its owner the data directory's also where root makes it. Raises: StorageError."""
    try:
        if directory.is_symlink():
            # Root follows nothing that the service's user can plant.
            raise StorageError(f"{directory}: a link stands in its place: remove it")
        if directory.is_dir():
            return
        make_directory(directory)
        if os.geteuid() == 0:
            owner = directory.parent.stat()
            os.chown(directory, owner.st_uid, owner.st_gid, follow_symlinks=False)
    except OSError as error:
        raise StorageError(f"{directory}: not made: {why_refused(error)}") from error
