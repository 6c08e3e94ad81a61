"""Numbered schema steps, and the backup that is made before they are applied.

Steps are the files ``migrations/NNNN_*.sql``; ``PRAGMA user_version`` holds the number of the last one applied. All
that are missing are applied in one transaction: after a power cut or a failure the file has its old schema.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

from hems.adapters.storage.disk import sync_directory, why_refused
from hems.adapters.storage.trouble import Trouble, trouble_of, what_the_disk_said
from hems.domain.errors import StorageError

_log = logging.getLogger(__name__)

BACKUP_MODE = 0o600
BACKUPS_KEPT = 3
BACKUPS_MAX_BYTES = 300_000_000
"""Beyond it older backups go; the newest stays whatever its size."""

SPARE_BYTES = 16_000_000
"""Room that must be left beside the backup: the migration itself writes, and so do the log and the JSON files."""


class UnusableDatabase(StorageError):
    """The database is whole, but not for this version of the program: opening it again will not help."""


class NewerDatabase(UnusableDatabase):
    """The database was written by a newer version of the program."""


def migrations() -> list[tuple[int, str]]:
    """Return the schema steps as (number, SQL), in order."""
    folder = resources.files("hems.adapters.storage") / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [(int(file.name.split("_", 1)[0]), file.read_text(encoding="utf-8")) for file in files]


def version_of(connection: sqlite3.Connection) -> int:
    """Return the number of the last schema step applied; 0 for a new file."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def refuse_newer(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a database of a newer program. Raises: NewerDatabase."""
    version, newest = version_of(connection), migrations()[-1][0]
    if version > newest:
        raise NewerDatabase(
            f"{path}: has schema {version}, this program knows up to {newest}. It was written by a newer version and "
            "is left untouched: update the program, or restore a backup made before the update"
        )


def refuse_older(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a database that waits for its migration; only the writer migrates. Raises: StorageError."""
    version, newest = version_of(connection), migrations()[-1][0]
    if version < newest:
        raise StorageError(
            f"{path}: has schema {version}, this version reads {newest}: start the service once, it updates it"
        )


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up to date, all or nothing, after a backup of what was there.

    Raises: UnusableDatabase: a step failed; StorageError: no room for the backup, or the disk refuses;
        sqlite3.DatabaseError: the file is damaged. The file is as it was in every case.
    """
    version, newest = version_of(connection), migrations()[-1][0]
    if version >= newest:
        return
    kept = ""
    if version:
        kept = f"; a backup of it is {_back_up(connection, path, version).name}"
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Asked again under the lock: another process may have migrated while we waited.
            missing = [step for step in migrations() if step[0] > version_of(connection)]
            for number, script in missing:
                for statement in _statements(script):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    except sqlite3.Error as error:
        if trouble_of(error) is Trouble.DAMAGED and not str(error).startswith("no such table"):
            raise
        said = f"{path}: not updated from schema {version} to {newest}: {what_the_disk_said(error, path)}"
        said += f". It is as it was{kept}"
        failed = StorageError if trouble_of(error) is Trouble.WAIT else UnusableDatabase
        raise failed(said) from error
    if version:
        _log.info("%s: updated from schema %d to %d%s", path, version, newest, kept)


def backups_before_migrations(path: Path) -> list[Path]:
    """Return the backups made before migrations of ``path``, newest first."""
    prefix, suffix = f"{path.name}.schema-", ".backup"
    found = []
    for file in path.parent.glob(f"{prefix}*{suffix}"):
        number = file.name.removeprefix(prefix).removesuffix(suffix)
        if number.isdecimal():
            found.append((int(number), file))
    return [file for _, file in sorted(found, reverse=True)]


def _back_up(connection: sqlite3.Connection, path: Path, version: int) -> Path:
    """Keep a checked copy of the old schema beside the database. Raises: StorageError."""
    backup = path.with_name(f"{path.name}.schema-{version}.backup")
    unfinished = backup.with_name(f".{backup.name}.tmp")
    try:
        size = sum(file.stat().st_size for file in (path, path.with_name(path.name + "-wal")) if file.exists())
        free = shutil.disk_usage(path.parent).free
        if free < size + SPARE_BYTES:
            raise StorageError(
                f"{path}: must be updated to a new schema, and there is no room for a backup of it first: "
                f"{(size + SPARE_BYTES) / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free. Make room on the disk"
            )
        unfinished.unlink(missing_ok=True)
        # Made empty first: SQLite would give a new file whatever the umask leaves.
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, BACKUP_MODE))
        unfinished.chmod(BACKUP_MODE)
        try:
            connection.execute("VACUUM INTO ?", (str(unfinished),))
            _check(unfinished)
            with unfinished.open("rb") as file:
                os.fsync(file.fileno())
            unfinished.replace(backup)
        finally:
            unfinished.unlink(missing_ok=True)
        sync_directory(path.parent)
        _let_go_of_old(path)
    except OSError as error:
        raise StorageError(f"{path}: no backup before its update: {why_refused(error)}") from error
    except sqlite3.Error as error:
        if trouble_of(error) is Trouble.DAMAGED:
            raise
        raise StorageError(f"{path}: no backup before its update: {what_the_disk_said(error, path)}") from error
    return backup


def _check(copy: Path) -> None:
    with closing(sqlite3.connect(f"{copy.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]
    if found != ["ok"]:
        raise StorageError(f"{copy}: the backup does not pass its check: {'; '.join(found)}")


def _let_go_of_old(path: Path) -> None:
    room = BACKUPS_MAX_BYTES
    for number, file in enumerate(backups_before_migrations(path)):
        room -= file.stat().st_size
        if number > 0 and (number >= BACKUPS_KEPT or room < 0):
            file.unlink(missing_ok=True)


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
