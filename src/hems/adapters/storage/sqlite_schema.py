"""Opening the database: rights, integrity, schema, and the settings every connection needs."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from hems.adapters.storage.disk import FILE_MODE, make_directory, why_refused
from hems.adapters.storage.migration import migrate, refuse_newer
from hems.adapters.storage.trouble import Trouble, trouble_of, what_the_disk_said
from hems.domain.errors import StorageError

DATABASE_NAME = "hems.sqlite3"
BUSY_TIMEOUT_MS = 5000
"""How long to wait for another process's write; ours take milliseconds, a backup's reading blocks nobody."""

CHECKED_ON_OPENING_MAX_BYTES = 32_000_000
"""A slow SD card reads 10-20 MB/s: a bigger file would keep the house waiting, and is checked beside the work."""

FAULTS_SHOWN = 3
_READ_ONLY = "mode=ro"


class DamagedDatabase(StorageError):
    """The database file is no longer what SQLite wrote."""


def connect_writer(path: Path, *, durable: bool = True) -> sqlite3.Connection:
    """Return a connection to the migrated database at ``path``; makes it where there is none.

    A file of up to 32 MB is checked first; a bigger one is the caller's to check.
    Raises: DamagedDatabase: the integrity check failed; UnusableDatabase: newer schema, or a migration failed;
        StorageError: the disk refuses.
    """
    try:
        _make_file(path)
    except OSError as error:
        raise StorageError(f"{path}: cannot be opened for writing: {why_refused(error)}") from error
    connection: sqlite3.Connection | None = None
    try:
        _look_first(path)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        _prepare(connection, durable=durable)
        if path.stat().st_size <= CHECKED_ON_OPENING_MAX_BYTES:
            refuse_damaged(connection, path)
        migrate(connection, path)
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        if trouble_of(error) is Trouble.DAMAGED:
            raise DamagedDatabase(f"{path}: {error}") from error
        raise StorageError(f"{path}: {what_the_disk_said(error, path)}") from error
    except StorageError:
        if connection is not None:
            connection.close()
        raise
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """Return a read-only connection to ``path``, usable while a service writes and after it has stopped.

    Raises: DamagedDatabase; UnusableDatabase: its schema is newer than ours; StorageError: there is no database, or it
        cannot be read.
    """
    if not path.exists():
        raise StorageError(f"{path}: no database yet; the service makes it on its first start")
    # After a clean stop there is no WAL. Where this user may not create one, the file is as good as immutable.
    quiet = not path.with_name(path.name + "-wal").exists() and not os.access(path.parent, os.W_OK)
    try:
        connection = _connect_read_only(path, "immutable=1" if quiet else _READ_ONLY)
        try:
            refuse_newer(connection, path)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        if trouble_of(error) is Trouble.DAMAGED:
            raise DamagedDatabase(f"{path}: cannot be read: {error}") from error
        raise StorageError(f"{path}: cannot be read: {error}. Check its owner and mode") from error
    return connection


def refuse_damaged(connection: sqlite3.Connection, path: Path) -> None:
    """Check the whole file, without its indices. Raises: DamagedDatabase, sqlite3.Error."""
    if found := faults_found(connection, "quick_check"):
        raise DamagedDatabase(f"{path}: integrity check failed: {found}")


def faults_found(connection: sqlite3.Connection, check: str) -> str | None:
    """Return the first faults that ``check`` (quick_check or integrity_check) finds, None where all is well.

    Raises: sqlite3.Error.
    """
    text = "\n".join(str(row[0]) for row in connection.execute(f"PRAGMA {check}({FAULTS_SHOWN})"))
    lines = [line for line in text.splitlines() if not line.startswith("***")]
    return None if lines == ["ok"] else "; ".join(lines[:FAULTS_SHOWN])


def _connect_read_only(path: Path, how: str) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?{how}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    return connection


def _make_file(path: Path) -> None:
    """Have the file, closed to others whatever the umask; -wal and -shm take their mode from it."""
    make_directory(path.parent)
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, FILE_MODE)
    except FileExistsError:
        handle = os.open(path, os.O_RDWR)
    try:
        with suppress(PermissionError):  # its owner's to change
            os.fchmod(handle, FILE_MODE)
    finally:
        os.close(handle)


def _look_first(path: Path) -> None:
    """Refuse a newer schema before anything in the file is touched. Raises: UnusableDatabase, sqlite3.Error."""
    if path.stat().st_size:
        with closing(_connect_read_only(path, _READ_ONLY)) as connection:
            refuse_newer(connection, path)


def _prepare(connection: sqlite3.Connection, *, durable: bool) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # takes effect only before the first table is made
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL: one fsync per commit, so a power cut loses no batch; batching keeps commits to a few a minute.
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
    connection.execute("PRAGMA cache_size = -2000")
    connection.execute("PRAGMA journal_size_limit = 4194304")
