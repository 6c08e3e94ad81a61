"""Opening the database: integrity, numbered migrations, and the settings every connection needs.

Schema steps are the files ``migrations/NNNN_*.sql``; ``PRAGMA user_version`` holds the number of the last one applied.
Each step is one transaction, so a power cut leaves the schema before it or after it.
"""

from __future__ import annotations

import os
import sqlite3
from importlib import resources
from pathlib import Path

from hems.domain.errors import StorageError

DATABASE_NAME = "hems.sqlite3"
FILE_MODE = 0o640
DIRECTORY_MODE = 0o750
BUSY_TIMEOUT_MS = 5000
"""How long to wait for another process's write; ours take milliseconds, a backup's reading blocks nobody."""


class DamagedDatabase(StorageError):
    """The database file is no longer what SQLite wrote."""


def migrations() -> list[tuple[int, str]]:
    """Return the schema steps as (number, SQL), in order."""
    folder = resources.files("hems.adapters.storage") / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [(int(file.name.split("_", 1)[0]), file.read_text(encoding="utf-8")) for file in files]


def make_directory(path: Path) -> None:
    """Make ``path`` and what is missing above it, all closed to others. Raises: OSError."""
    if not path.is_dir():
        # mkdir(parents=True) would give the parents the default mode.
        make_directory(path.parent)
        path.mkdir(mode=DIRECTORY_MODE, exist_ok=True)


def connect_writer(path: Path) -> sqlite3.Connection:
    """Return a connection to the checked and migrated database at ``path``; makes it where there is none.

    Raises: DamagedDatabase: the integrity check failed; StorageError: newer schema, or the disk refuses.
    """
    try:
        make_directory(path.parent)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, FILE_MODE))
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be opened for writing: {error.strerror}. Check its owner and mode"
        ) from error
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection, path)
        _migrate(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        if isinstance(error, sqlite3.OperationalError):
            raise StorageError(f"{path}: {error}. Is the disk full, or another program holding the file?") from error
        raise DamagedDatabase(f"{path}: {error}") from error
    except StorageError:
        connection.close()
        raise
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """Return a read-only connection to ``path``, usable while a service writes and after it has stopped.

    Raises: StorageError: there is no database, it cannot be read, or its schema is newer than ours.
    """
    if not path.exists():
        raise StorageError(f"{path}: no database yet; the service makes it on its first start")
    # After a clean stop there is no WAL. Where this user may not create one, the file is as good as immutable.
    quiet = not path.with_name(path.name + "-wal").exists() and not os.access(path.parent, os.W_OK)
    uri = f"{path.resolve().as_uri()}?{'immutable=1' if quiet else 'mode=ro'}"
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        try:
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            _refuse_newer(_version(connection), path)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise StorageError(f"{path}: cannot be read: {error}. Check its owner and mode") from error
    return connection


def refuse_older(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a database that waits for its migration; only the writer migrates. Raises: StorageError."""
    version, newest = _version(connection), migrations()[-1][0]
    if version < newest:
        raise StorageError(
            f"{path}: has schema {version}, this version reads {newest}: start the service once, it updates it"
        )


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # takes effect only before the first table is made
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL: one fsync per commit, so a power cut loses no batch; batching keeps commits to a few a minute.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -2000")
    connection.execute("PRAGMA journal_size_limit = 4194304")
    found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]
    if found != ["ok"]:
        raise DamagedDatabase(f"{path}: integrity check failed: {'; '.join(found)}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _refuse_newer(version: int, path: Path) -> None:
    newest = max(number for number, _ in migrations())
    if version > newest:
        raise StorageError(
            f"{path}: has schema {version}, this program knows up to {newest}. "
            "It was written by a newer version: update the program, or restore a backup made before the update"
        )


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    steps = migrations()
    _refuse_newer(_version(connection), path)
    for number, script in steps:
        if number <= _version(connection):
            continue
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Asked again under the lock: another process may have migrated while we waited.
            if number > _version(connection):
                for statement in _statements(script):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _statements(script: str) -> list[str]:
    statements = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    if pending.strip():
        statements.append(pending)
    return statements
