"""The database file through all that may befall it: opened, watched, set aside when damaged, made anew and refilled.

Belongs to the writer: nothing here is thread-safe, ``DatabaseFile`` lives in the thread that opens the store until the
writer thread takes it over.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hems.adapters.storage.disk import why_refused
from hems.adapters.storage.migration import UnusableDatabase
from hems.adapters.storage.rebuild import PENDING_KEY, Rebuild
from hems.adapters.storage.retention import DAMAGED_KEPT, damaged_files, next_damaged_name, remove_with_log
from hems.adapters.storage.sqlite_schema import DamagedDatabase, connect_writer
from hems.adapters.storage.store_options import StoreOptions, Told
from hems.adapters.storage.trouble import Trouble, is_full, is_input_output, trouble_of, why_not_writable
from hems.domain.errors import StorageError

_log = logging.getLogger(__name__)

IO_ERRORS_MAX = 3
"""After so many input/output errors in a row, on a disk that takes other files, the file itself is given up."""

STEPS_ON_OPENING = 5
"""Of some hundred rows each: a second or two on a small computer."""

Place = tuple[int, int]
"""Device and inode: what a name stands for."""


class DatabaseFile:
    """Gives a connection to a usable database, and overcomes what can be overcome.

    ``on_replaced`` is called with False when readers must let go of the file, with True when they may read again.
    """

    def __init__(
        self, options: StoreOptions, tell: Callable[[Told], None], on_replaced: Callable[[bool], None]
    ) -> None:
        self._options = options
        self._path = options.path
        self._tell = tell
        self._on_replaced = on_replaced
        self._connection: sqlite3.Connection | None = None
        self._place: Place | None = None
        self._log_place: Place | None = None
        self._rebuild: Rebuild | None = None
        self._rebuilt_because = ""
        self._io_errors = 0
        self._has_worked = True
        self._given_up: str | None = None
        self.is_new = False
        """Whether the database was begun anew and lacks the state that is in memory; the writer resets it."""

    @property
    def is_rebuilding(self) -> bool:
        """Whether decisions and readings are still being brought back."""
        return self._rebuild is not None

    def ready(self) -> sqlite3.Connection:
        """Return a connection to the file that has the name now.

        Raises: StorageError: the disk refuses; sqlite3.Error.
        """
        if self._given_up is not None:
            raise StorageError(self._given_up)
        if self._connection is not None and _place_of(self._path) != self._place:
            self._find_it_gone()
        elif self._connection is not None and self._log_place not in {None, _place_of(log_of(self._path))}:
            self._find_its_log_gone(self._connection)
        if self._connection is None:
            self.open()
        if self._connection is None:
            raise StorageError(f"{self._path}: not open")
        return self._connection

    def open(self) -> None:
        """Open the file, or make it; a damaged one is set aside where the options allow it.

        Raises: StorageError: the disk refuses, or the file is damaged and to be left; UnusableDatabase.
        """
        self._on_replaced(False)  # a reader of a read-only disk would keep the writer from writing to its index
        try:
            self._open()
        finally:
            self._on_replaced(True)

    def _open(self) -> None:
        was_there = self._path.is_file() and self._path.stat().st_size > 0
        try:
            connection = connect_writer(self._path, durable=self._options.durable)
        except DamagedDatabase as error:
            if not self._options.set_damaged_aside:
                raise StorageError(f"{error}. Stop the service, then restore a backup or move the file away") from error
            self.set_aside(str(error))
            return
        except UnusableDatabase as error:
            self._given_up = str(error)
            raise
        self._take(connection)
        try:
            if not was_there:
                self._fill(None, f"{self._path}: there was no database")
            elif (name := _pending(connection)) is not None and (aside := self._path.with_name(name)).exists():
                self._fill(aside, f"{self._path}: the rebuild from {name} was cut short and is taken up again")
        except sqlite3.Error:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._rebuild = None
        self._log_place = None
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):  # nothing is waiting to be written; the file may be gone or broken
                connection.close()

    # -- trouble -----------------------------------------------------------------------------------------------

    def has_worked(self) -> None:
        """Take note that a commit succeeded."""
        self._io_errors = 0
        self._has_worked = True
        self._log_place = _place_of(log_of(self._path))

    def overcome(self, error: sqlite3.Error) -> bool:
        """Do what ``error`` asks for; return whether it is worth trying again at once.

        Raises: StorageError: the damaged file cannot be replaced; sqlite3.Error.
        """
        trouble = trouble_of(error)
        if is_full(error):
            return self._make_room()
        if trouble is Trouble.WAIT:
            return False
        if is_input_output(error):
            self._io_errors += 1
        if trouble is Trouble.DAMAGED or (self._io_errors >= IO_ERRORS_MAX and self._disk_takes_files()):
            # A new file that fails before its first commit is the disk's fault: it would be renamed for ever.
            if self._options.set_damaged_aside and self._has_worked:
                self.set_aside(f"{self._path}: {error}")
                return True
            return False
        self.close()
        return trouble is Trouble.REOPEN and not is_input_output(error) and why_not_writable(self._path) is None

    def set_aside(self, reason: str) -> None:
        """Rename the damaged file, begin a new one, and bring back what can be.

        Raises: StorageError: the disk refuses; sqlite3.Error.
        """
        self._on_replaced(False)
        self.close()
        aside = next_damaged_name(self._path)
        try:
            if self._path.exists():
                self._path.rename(aside)
            for suffix in ("-wal", "-shm"):
                beside = self._path.with_name(self._path.name + suffix)
                if beside.exists():
                    beside.rename(aside.with_name(aside.name + suffix))
            for old in damaged_files(self._path)[DAMAGED_KEPT:]:
                remove_with_log(old)
        except OSError as error:
            raise StorageError(f"{reason}. It cannot be set aside: {why_refused(error)}") from error
        self._has_worked = False
        self._io_errors = 0
        self._take(connect_writer(self._path, durable=self._options.durable))
        self._fill(aside, f"{reason}. It was kept as {aside.name} and a new database was begun")
        self._on_replaced(True)

    def _find_it_gone(self) -> None:
        """The name stands for another file, or for none: take what is there, or save what only we still hold open.

        Raises: StorageError, sqlite3.Error.
        """
        if self._path.exists() and not self._path.is_file():
            # What we hold open is kept until the way is free: it is all there is.
            raise StorageError(f"{self._path}: {why_not_writable(self._path) or 'it is no file'}")
        self._on_replaced(False)
        if self._path.exists() or self._path.is_symlink():
            self.close()
            self._tell(Told("warning", f"{self._path}: another file was put in its place: it is used from now on"))
            return
        connection, self._connection = self._connection, None
        assert connection is not None  # noqa: S101 - asked by ``ready``
        self._rebuild = None
        _remove_leftover_log(self._path)
        saved = _copy_of_open(connection, self._path)
        connection.close()
        if saved:
            self._tell(Told("warning", f"{self._path}: was deleted while it was in use: everything was written anew"))

    def _find_its_log_gone(self, connection: sqlite3.Connection) -> None:
        """The log was removed under us: what is in it would be lost with us. Raises: sqlite3.Error."""
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._on_replaced(False)
        self.close()
        self._tell(Told("warning", f"{self._path}: its log was deleted while it was in use: a new one is begun"))

    def _make_room(self) -> bool:
        """Where the disk is full, let go of the oldest damaged database: what read in it was brought back."""
        pending = None
        if self._connection is not None:
            with suppress(sqlite3.Error):
                pending = _pending(self._connection)
        old = [file for file in damaged_files(self._path) if file.name != pending and not self.is_rebuilding]
        if not old:
            return False
        try:
            remove_with_log(old[-1])
        except OSError:
            return False
        self._tell(Told("warning", f"{self._path}: the disk is full: {old[-1].name} was removed to make room"))
        return True

    def _disk_takes_files(self) -> bool:
        try:
            with tempfile.TemporaryFile(dir=self._path.parent) as file:
                file.write(b"\0" * 4096)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            return False
        return True

    # -- bringing back -----------------------------------------------------------------------------------------

    def rebuild_step(self) -> None:
        """Bring back a little more of what was lost. Raises: sqlite3.Error."""
        if self._rebuild is None or self._connection is None or self._rebuild.step():
            return
        said = f"{self._rebuilt_because}; {self._rebuild.summary()}"
        self._rebuild = None
        self._connection.execute("DELETE FROM state WHERE key = ?", (PENDING_KEY,))
        self._tell(Told("error", said))

    def bring_back_some(self) -> None:
        """Bring back what can be before the house is waited for too long, and tell of it. Raises: sqlite3.Error."""
        for _ in range(STEPS_ON_OPENING):
            if self._rebuild is None:
                return
            self.rebuild_step()
        if self._rebuild is not None:
            said = f"{self._rebuilt_because}; {self._rebuild.summary()} so far, older decisions and readings follow"
            self._tell(Told("error", said))

    def _take(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._place = _place_of(self._path)

    def _fill(self, damaged: Path | None, reason: str) -> None:
        connection = self._connection
        assert connection is not None  # noqa: S101 - every caller has just taken it
        self.is_new = True
        if damaged is not None:
            pending = (PENDING_KEY, f'"{damaged.name}"')
            connection.execute("INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)", pending)
        rebuild = Rebuild(connection, damaged, self._path.parent)
        rebuild.do_first()
        if damaged is None and not rebuild.found_anything:
            return  # a house's first start: nothing was there, and nothing is missing
        self._rebuild, self._rebuilt_because = rebuild, reason


def _pending(connection: sqlite3.Connection) -> str | None:
    rows = connection.execute("SELECT value FROM state WHERE key = ?", (PENDING_KEY,)).fetchall()
    return str(rows[0][0]).strip('"') if rows else None


def log_of(path: Path) -> Path:
    """Return where SQLite keeps what is committed and not yet in the file."""
    return path.with_name(path.name + "-wal")


def _place_of(path: Path) -> Place | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _remove_leftover_log(path: Path) -> None:
    """A log without its database would be played over the next one. Raises: StorageError."""
    try:
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{path}: its log cannot be removed: {why_refused(error)}") from error


def _copy_of_open(connection: sqlite3.Connection, path: Path) -> bool:
    """Write what the deleted file, still open here, holds to ``path``; return whether it came through whole."""
    unfinished = path.with_name(f".{path.name}.tmp")
    try:
        unfinished.unlink(missing_ok=True)
        connection.execute("VACUUM INTO ?", (str(unfinished),))
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.rename(path)
    except (sqlite3.Error, OSError) as error:
        _log.warning("%s: was deleted and its content could not be saved: %s", path, error)
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        return False
    return True
