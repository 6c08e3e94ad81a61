"""Going back to a backup: the present data is kept aside, and nothing changes unless all of it can.

Only what is remembered goes back: the database and the files by day. What the present house needs stays as it is: the
state of control with its safety latch, the owner's inverter settings, requests, and the configuration.
"""

from __future__ import annotations

import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hems.adapters.storage.backup import Progress
from hems.adapters.storage.disk import DIRECTORY_MODE, FILE_MODE, make_directory, sync_directory, why_refused
from hems.adapters.storage.migration import SPARE_BYTES
from hems.adapters.storage.retention import ASIDE_PREFIX
from hems.adapters.storage.sqlite_schema import DATABASE_NAME, connect_reader
from hems.domain.errors import StorageError

DAY_FOLDERS = ("energy_data", "charging_schedules")
_COPY_BYTES = 1_000_000
_LOG_SUFFIXES = ("-wal", "-shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class GoneBack:
    """What was restored; ``aside`` holds what was there before, None where there was nothing."""

    aside: Path | None
    files: int
    configuration: str | None
    """The name of the configuration in the archive, which was left in it."""


def restore_backup(backup: Path, directory: Path, *, progress: Progress | None = None) -> GoneBack:
    """Put what ``backup`` holds in the place of what is in the data ``directory``.

    No coordinator may run on ``directory``: hold its lock.
    Raises: StorageError: it is not there, is no backup of ours, does not pass its check, is of a newer version, there
        is no room, or a disk refuses; the directory is as it was.
    """
    report = progress or (lambda _what, _share: None)
    if not backup.exists():
        raise StorageError(f"{backup}: there is no such backup; nothing was changed")
    try:
        make_directory(directory)
        with tempfile.TemporaryDirectory(prefix=".restore-", dir=directory) as scratch:
            staged = Path(scratch)
            configuration = _unpack(backup, staged, report)
            _check(staged / DATABASE_NAME, backup, report)
            files = sum(1 for file in staged.rglob("*") if file.is_file())
            aside = _exchange(staged, directory)
    except OSError as error:
        raise StorageError(f"{backup}: not restored: {why_refused(error)}. The data is as it was") from error
    return GoneBack(aside=aside, files=files, configuration=configuration)


def _unpack(backup: Path, staged: Path, report: Progress) -> str | None:
    """Write what belongs into the data directory to ``staged``; return the name of the configuration, if any."""
    if backup.suffix == ".sqlite3":
        _refuse_without_room(backup.stat().st_size, staged)
        report("copying", 0.0)
        shutil.copyfile(backup, staged / DATABASE_NAME)
        return None
    configuration = None
    try:
        with tarfile.open(backup, "r:gz") as tar:
            members = [member for member in tar.getmembers() if member.isreg()]
            _refuse_without_room(sum(member.size for member in members), staged)
            for index, member in enumerate(members):
                report("unpacking", index / len(members))
                name = PurePosixPath(member.name)
                if name.parts[0] == "config" and len(name.parts) == 2:
                    configuration = member.name
                target = _place_of(name)
                content = tar.extractfile(member) if target is not None else None
                if target is not None and content is not None:
                    (staged / target).parent.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
                    with content, (staged / target).open("wb") as file:
                        shutil.copyfileobj(content, file, _COPY_BYTES)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise StorageError(f"{backup}: not a whole backup of `hems backup`: {error}. The data is as it was") from error
    return configuration


def _place_of(name: PurePosixPath) -> Path | None:
    """Return where a member of the archive goes, below the data directory; None for what is not restored."""
    match name.parts:
        case ("out", file) if file == DATABASE_NAME:
            return Path(file)
        case ("out", folder, file) if folder in DAY_FOLDERS and file.endswith(".json") and not file.startswith("."):
            return Path(folder) / file
    return None


def _refuse_without_room(needed_bytes: int, directory: Path) -> None:
    free = shutil.disk_usage(directory).free
    if free < needed_bytes + SPARE_BYTES:
        needed = f"{(needed_bytes + SPARE_BYTES) / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free"
        raise StorageError(f"{directory.parent}: no room to restore: {needed}. Make room on the disk")


def _check(database: Path, backup: Path, report: Progress) -> None:
    """Refuse what is damaged or newer than this program. Raises: StorageError."""
    report("checking", 0.9)
    if not database.exists():
        raise StorageError(f"{backup}: holds no {DATABASE_NAME}: it is not a backup of `hems backup`")
    try:
        with closing(connect_reader(database)) as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(5)")]
            has_ours = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'samples'").fetchone()[0]
    except sqlite3.Error as error:
        raise StorageError(f"{backup}: its database cannot be read: {error}") from error
    if found != ["ok"]:
        raise StorageError(f"{backup}: its database does not pass its check: {'; '.join(found)}")
    if not has_ours:
        raise StorageError(f"{backup}: its database is not one of this program")


def _exchange(staged: Path, directory: Path) -> Path | None:
    """Move the present data aside and the staged one in; on a refusal everything moves back. Raises: OSError."""
    for path in staged.rglob("*"):
        path.chmod(DIRECTORY_MODE if path.is_dir() else FILE_MODE)
    for suffix in _LOG_SUFFIXES:  # of the check; without its database it would be played over the next
        (staged / (DATABASE_NAME + suffix)).unlink(missing_ok=True)
    restored = [path.name for path in staged.iterdir()]
    replaced = (*restored, *(DATABASE_NAME + suffix for suffix in _LOG_SUFFIXES))
    present = [name for name in replaced if (directory / name).exists()]
    aside = _next_aside(directory) if present else None
    moved: list[tuple[Path, Path]] = []

    def move(source: Path, target: Path) -> None:
        source.rename(target)
        moved.append((source, target))

    try:
        if aside is not None:
            aside.mkdir(mode=DIRECTORY_MODE)
            aside.chmod(DIRECTORY_MODE)
            for name in sorted(present, reverse=True):  # the logs before their database
                move(directory / name, aside / name)
        for name in restored:
            move(staged / name, directory / name)
    except OSError:
        for source, target in reversed(moved):
            target.rename(source)
        if aside is not None and aside.is_dir():
            aside.rmdir()
        raise
    sync_directory(directory)
    return aside


def _next_aside(directory: Path) -> Path:
    number = 1
    while (aside := directory / f"{ASIDE_PREFIX}{number}").exists():
        number += 1
    return aside
