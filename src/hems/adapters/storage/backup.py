"""One consistent copy of everything worth keeping, taken while the service runs.

A target that ends in ``.sqlite3`` gets the database alone; any other name gets a gzipped tar with the database, the
JSON files and the configuration. The copy is made beside the target, checked, synced and only then given its name.
"""

from __future__ import annotations

import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hems.adapters.storage.disk import sync_directory, why_refused
from hems.adapters.storage.sqlite_schema import DATABASE_NAME, connect_reader
from hems.adapters.storage.trouble import what_the_disk_said
from hems.domain.errors import StorageError

BACKUP_MODE = 0o600
KEYS_FOLDER = "web"
"""Who may use the dashboard: never restored, so not packed; a key is not to lie in more places than it must."""
"""The configuration may hold passwords: a backup is its owner's alone."""

_OPS_PER_REPORT = 20_000

Progress = Callable[[str, float], None]
"""Told what is being done and the share of it that is done (0-1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What was written."""

    path: Path
    size_bytes: int
    contents: tuple[str, ...]


def make_backup(
    directory: Path,
    target: Path,
    *,
    config: Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Backup:
    """Copy the data ``directory`` (and ``config``) to ``target``; the service may go on writing.

    Raises: StorageError: the target exists and ``overwrite`` is not given, there is no database, the copy does not
        pass its check, or a disk refuses; a target that existed is as it was.
    """
    report = progress or (lambda _what, _share: None)
    database = directory / DATABASE_NAME
    try:
        if target.exists() and not overwrite:
            raise StorageError(f"{target} exists and is kept: choose another name, or overwrite it with --force")
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
            copy = Path(scratch) / DATABASE_NAME
            _copy_database(database, copy, report)
            if target.suffix == ".sqlite3":
                finished = copy
                contents: tuple[str, ...] = (DATABASE_NAME,)
            else:
                finished = Path(scratch) / "archive.tar.gz"
                contents = _archive(finished, copy, directory, config, report)
            _give_name(finished, target, overwrite=overwrite)
    except OSError as error:
        raise StorageError(f"{target}: backup not written: {why_refused(error)}") from error
    return Backup(path=target, size_bytes=target.stat().st_size, contents=contents)


def _copy_database(database: Path, copy: Path, report: Progress) -> None:
    expected = max(1, database.stat().st_size) if database.exists() else 1

    def show() -> int:
        report("copying the database", min(1.0, copy.stat().st_size / expected) if copy.exists() else 0.0)
        return 0

    with closing(connect_reader(database)) as connection:
        connection.set_progress_handler(show, _OPS_PER_REPORT)
        try:
            # One read transaction: consistent, compact, and the writer is never held up.
            connection.execute("VACUUM INTO ?", (str(copy),))
        except sqlite3.Error as error:
            raise StorageError(f"{database}: not copied: {what_the_disk_said(error, copy)}") from error
    copy.chmod(BACKUP_MODE)
    with closing(sqlite3.connect(f"{copy.resolve().as_uri()}?mode=ro", uri=True)) as check:
        found = [str(row[0]) for row in check.execute("PRAGMA integrity_check(5)")]
    if found != ["ok"]:
        raise StorageError(f"{database}: the copy does not pass its check: {'; '.join(found)}")


def _archive(archive: Path, copy: Path, directory: Path, config: Path | None, report: Progress) -> tuple[str, ...]:
    members = [(copy, f"out/{DATABASE_NAME}")]
    readable = (
        file
        for file in sorted(directory.rglob("*.json"))
        if not file.name.startswith(".") and file.relative_to(directory).parts[0] != KEYS_FOLDER
    )
    members.extend((file, f"out/{file.relative_to(directory)}") for file in readable)
    if config is not None:
        members.append((config, f"config/{config.name}"))
    written = []
    with tarfile.open(archive, "w:gz", compresslevel=6) as tar:
        for index, (file, name) in enumerate(members):
            report("packing", index / len(members))
            try:
                tar.add(file, arcname=name, recursive=False)
            except FileNotFoundError:
                continue  # a day's file that the service pruned meanwhile
            written.append(name)
    archive.chmod(BACKUP_MODE)
    return tuple(written)


def _give_name(finished: Path, target: Path, *, overwrite: bool) -> None:
    with finished.open("rb") as file:
        os.fsync(file.fileno())
    if overwrite:
        finished.replace(target)
    else:
        try:
            os.link(finished, target)  # unlike a rename, refuses a name that was taken meanwhile
        except FileExistsError as error:
            raise StorageError(f"{target} exists and is kept: choose another name, or use --force") from error
    sync_directory(target.parent)
