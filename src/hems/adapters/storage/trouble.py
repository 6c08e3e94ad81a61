"""What a disk's refusal means: wait, open the file anew, or give the file up; and how to say it to a person."""

from __future__ import annotations

import os
import sqlite3
import stat
from enum import Enum
from pathlib import Path

from hems.adapters.storage.disk import why_refused

_PRIMARY = 0xFF
"""An extended result code carries the primary one in its low byte."""


class Trouble(Enum):
    """What has to happen before the database takes records again."""

    WAIT = "wait"  # the same connection may succeed later: disk full, file locked
    REOPEN = "reopen"  # the connection is no good: read-only, input/output error, closed
    DAMAGED = "damaged"  # the file is no longer what SQLite wrote


def trouble_of(error: sqlite3.Error) -> Trouble:
    """Return what ``error`` asks for."""
    match _code(error):
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_NOMEM:
            return Trouble.WAIT
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return Trouble.DAMAGED
        case sqlite3.SQLITE_ERROR if str(error).startswith("no such table"):
            # Our tables are made on opening: somebody emptied the file under us.
            return Trouble.DAMAGED
        case _:
            return Trouble.REOPEN


def is_input_output(error: sqlite3.Error) -> bool:
    """Return whether the disk itself failed to read or write."""
    return _code(error) == sqlite3.SQLITE_IOERR


def is_full(error: sqlite3.Error) -> bool:
    """Return whether there is no room."""
    return _code(error) == sqlite3.SQLITE_FULL


def what_the_disk_said(error: sqlite3.Error, path: Path) -> str:
    """Return the reason for ``error`` at ``path`` in words, and what to do about it where that is known."""
    match _code(error):
        case sqlite3.SQLITE_FULL:
            return f"{error}. Make room on the disk"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"{error}. Another program holds the file"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_IOERR | sqlite3.SQLITE_PERM:
            # SQLite keeps the system's own word to itself: ask the system again.
            return why_not_writable(path) or f"{error}. Check the disk: it may be failing"
        case _:
            return str(error)


def why_not_writable(path: Path) -> str | None:
    """Return why the file at ``path`` cannot be written, in the system's words; None where it seems it can."""
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            return "a directory is in its place. Move it away"
        os.close(os.open(path, os.O_RDWR))
        if not os.access(path.parent, os.W_OK):
            return f"{path.parent} takes no new files. Check its owner and mode, and how the disk is mounted"
    except OSError as error:
        return why_refused(error)
    return None


def _code(error: sqlite3.Error) -> int | None:
    # Absent where Python's own module complains, as about a closed connection.
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY
