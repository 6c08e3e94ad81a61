"""The disk: room, whether it takes writes, how much is kept, and whether what is kept can be read."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from hems.adapters.daemon_thread import in_daemon_thread
from hems.adapters.inverters.user_settings import JsonUserSettingsStore
from hems.adapters.storage.disk import bytes_under, why_refused
from hems.adapters.storage.sqlite_schema import connect_reader
from hems.composition.doctor.house import House
from hems.composition.doctor.model import Catalogue, Finding, Group
from hems.composition.inverter import USER_SETTINGS_FILE
from hems.composition.tools import DATABASE
from hems.domain.errors import StorageError
from hems.ports.clock import Clock

CATALOGUE = Catalogue(Group.DISK)

ROOM_WARNING_BYTES, ROOM_PROBLEM_BYTES = 500_000_000, 50_000_000
INODES_LEAST = 500
KEPT_BYTES = 1_000_000_000
"""What the documentation promises for 30 days of data and logs."""
SLOW_WRITE_S = 2.0
QUICK_CHECK_S = 8.0
JSON_FILES_READ = 40
_PROBE_BYTES = 4096

ROOM = CATALOGUE.fine("disk_room", "Room on the disk")
TAKES_WRITES = CATALOGUE.fine("disk_takes_writes", "Disk takes writes")
KEPT = CATALOGUE.fine("disk_data_size", "Data and logs")
DATABASE_GOOD = CATALOGUE.fine("disk_database_good", "Database whole")
JSON_GOOD = CATALOGUE.fine("disk_json_good", "JSON files whole")
NO_DATA = CATALOGUE.unknown(
    "disk_no_data_yet", "No data yet", "the data directory is made on the service's first start", "Start the service"
)
LITTLE_ROOM = CATALOGUE.warning(
    "disk_little_room",
    "Little room on the disk",
    "some hundred megabytes are left: enough for now",
    "Make room: `journalctl --vacuum-size=100M`, `apt-get clean`, old logs and backups",
)
FULL = CATALOGUE.problem(
    "disk_full",
    "Disk full",
    "the disk takes no more: the battery goes on being cared for, but records are lost",
    "Make room: `journalctl --vacuum-size=100M`, `apt-get clean`, old logs and backups",
    "`df -h` and `du -xsh /* 2>/dev/null` show where the room went",
)
NO_INODES = CATALOGUE.problem(
    "disk_no_inodes",
    "Disk out of inodes",
    "the disk has room, but cannot hold more files",
    "Remove directories with many small files; `df -i` shows which disk it is",
)
READ_ONLY = CATALOGUE.problem(
    "disk_read_only",
    "Disk read-only",
    "the disk takes no writes; after an error of an SD card Linux mounts it so by itself",
    "`dmesg | grep -i -e mmc -e ext4 -e 'i/o error'` says why; a card that did so once should be replaced",
    "If it is mounted so on purpose, put storage.directory and logging.directory on another disk",
)
REFUSES = CATALOGUE.problem(
    "disk_refuses",
    "Disk refuses writes",
    "a file could not be written here",
    "Check owner and mode of the directory, and the disk (`dmesg`)",
)
SLOW = CATALOGUE.warning(
    "disk_slow",
    "Disk slow",
    "writing a few kilobytes takes seconds: often a worn-out SD card",
    "Replace the card, or put storage.directory on another disk",
)
MUCH_KEPT = CATALOGUE.warning(
    "disk_much_kept",
    "More kept than promised",
    "data and logs take more than about a gigabyte",
    "Lower storage.raw_days or logging.keep_days; switch debug.enabled off when it has served",
)
DATABASE_DAMAGED = CATALOGUE.problem(
    "disk_database_damaged",
    "Database damaged",
    "the database is no longer what was written; the service sets it aside at its next start and begins a new one",
    "Restart the service; a backup (`hems backup`) can be put back, docs/storage.md says how",
    "Damage that comes again is a failing disk or a power supply that is too weak",
)
DATABASE_UNREADABLE = CATALOGUE.problem(
    "disk_database_unreadable",
    "Database cannot be read",
    "the database is there, but cannot be opened by this user or this version",
    "Try as root or as the service's user; after going back to an older version, update again",
)
DATABASE_NOT_FINISHED = CATALOGUE.unknown(
    "disk_database_not_finished",
    "Database not checked to its end",
    "the check was ended because it took too long; what was read was whole",
    "Stop the service and run `hems doctor` again for a check without company",
)
SET_ASIDE = CATALOGUE.warning(
    "disk_database_set_aside",
    "Damaged database set aside",
    "an earlier database was damaged and renamed; it is kept in case its records are wanted",
    "Delete it when nothing is missing; look for a failing disk or weak power supply if there are several",
)
JSON_BROKEN = CATALOGUE.problem(
    "disk_json_broken",
    "JSON file broken",
    "a file that a person may read is not whole; a file of this product is written whole or not at all",
    "The service writes it anew; if it was edited by hand, correct or delete it",
    "If nobody touched it, the disk may be failing (`dmesg`)",
)
SETTINGS_BROKEN = CATALOGUE.problem(
    "disk_saved_settings_broken",
    "Saved inverter settings broken",
    "the owner's own inverter settings, saved to be given back, cannot be read: nothing is forced until they can",
    "Look at the file; delete it only if the inverter's settings are as you want them",
)


async def room_findings(house: House) -> Sequence[Finding]:
    """Return what is to be said of the disks below data and logs."""
    return await in_daemon_thread(lambda: _room(house))


def _enter(directory: Path) -> None:
    """Return where this user may look into ``directory``; what it may not see would pass for broken or missing.

    Raises: PermissionError.
    """
    if directory.is_dir() and not os.access(directory, os.R_OK | os.X_OK, effective_ids=True):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(directory))


def _room(house: House) -> list[Finding]:
    _enter(house.data)
    findings: list[Finding] = []
    seen: set[int] = set()
    for directory in (house.data, house.logs):
        if not directory.is_dir():
            continue
        device = directory.stat().st_dev
        if device not in seen:
            seen.add(device)
            findings += _disk_of(directory, house.clock)
    if not house.data.is_dir():
        return [NO_DATA(f"{house.data} does not exist"), *findings]
    kept = bytes_under(house.data) + (0 if house.data in house.logs.parents else bytes_under(house.logs))
    return [*findings, (MUCH_KEPT if kept > KEPT_BYTES else KEPT)(f"{kept / 1e6:.0f} MB in {house.data} and logs")]


def _disk_of(directory: Path, clock: Clock) -> list[Finding]:
    space = os.statvfs(directory)
    if space.f_flag & os.ST_RDONLY:
        return [READ_ONLY(f"{directory} lies on a disk that is mounted read-only")]
    free = space.f_bavail * space.f_frsize
    found = f"{free / 1e6:.0f} MB free at {directory}"
    written = probe(directory, clock)
    if written is not None and written.code == FULL.code:
        return [written]
    if space.f_files and space.f_favail < INODES_LEAST:
        return [NO_INODES(f"{space.f_favail} files more fit at {directory}")]
    room = ROOM
    if free < ROOM_WARNING_BYTES:
        room = FULL if free < ROOM_PROBLEM_BYTES else LITTLE_ROOM
    return [room(found), written or TAKES_WRITES(f"{directory}")]


def probe(directory: Path, clock: Clock) -> Finding | None:
    """Write, sync and remove a small file in ``directory``; return what is wrong with that, None where nothing is.

    Raises: PermissionError: it is another user's to write there.
    """
    began_s = clock.monotonic()
    try:
        with tempfile.NamedTemporaryFile(dir=directory, prefix=".doctor-") as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if isinstance(error, PermissionError) and os.geteuid() != directory.stat().st_uid:
            raise
        if why_refused(error).startswith("No space") or "quota" in (error.strerror or ""):
            return FULL(f"{directory}: {error.strerror}")
        return REFUSES(f"{directory}: {why_refused(error)}")
    took_s = clock.monotonic() - began_s
    return SLOW(f"{directory}: {took_s:.1f} s for {_PROBE_BYTES // 1024} kB") if took_s > SLOW_WRITE_S else None


async def database_findings(house: House) -> Sequence[Finding]:
    """Return what is to be said of the database."""
    path = house.data / DATABASE
    until_s = house.clock.monotonic() + QUICK_CHECK_S
    return await in_daemon_thread(lambda: _database(path, lambda: house.clock.monotonic() > until_s))


def _database(path: Path, too_long: Callable[[], bool]) -> list[Finding]:
    _enter(path.parent)
    aside = sorted(path.parent.glob(f"{path.name}.damaged-*"))
    findings = [SET_ASIDE(f"{len(aside)} beside {path}, the newest {aside[-1].name}")] if aside else []
    if not path.exists():
        return findings
    try:
        with closing(_open(path)) as connection:
            connection.set_progress_handler(too_long, 10_000)
            found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
    except sqlite3.OperationalError as error:
        kind = DATABASE_NOT_FINISHED if "interrupted" in str(error) else DATABASE_UNREADABLE
        return [*findings, kind(f"{path}: {error}")]
    except sqlite3.DatabaseError as error:
        return [*findings, DATABASE_DAMAGED(f"{path}: {error}")]
    except StorageError as error:
        damaged = isinstance(error.__cause__, sqlite3.DatabaseError) and "not a database" in str(error)
        return [*findings, (DATABASE_DAMAGED if damaged else DATABASE_UNREADABLE)(str(error))]
    if found != ["ok"]:
        return [*findings, DATABASE_DAMAGED(f"{path}: {'; '.join(found)}")]
    return [*findings, DATABASE_GOOD(f"{path}, {path.stat().st_size / 1e6:.1f} MB")]


def _open(path: Path) -> sqlite3.Connection:
    if path.with_name(f"{path.name}-wal").exists():
        return connect_reader(path)
    # Nobody writes: read so that no file is left beside it which the service's user might not own.
    return sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True, check_same_thread=False)


async def json_findings(house: House) -> Sequence[Finding]:
    """Return what is to be said of the readable files."""
    return await in_daemon_thread(lambda: _json(house.data))


def _json(data: Path) -> list[Finding]:
    _enter(data)
    if not data.is_dir():
        return []
    newest = sorted(data.glob("*/*.json"), key=lambda path: path.name, reverse=True)[:JSON_FILES_READ]
    saved = data / "system_state" / USER_SETTINGS_FILE
    findings: list[Finding] = []
    try:
        JsonUserSettingsStore(saved).load()
    except StorageError as error:
        findings.append(SETTINGS_BROKEN(str(error)))
    broken = [text for path in newest if path != saved and (text := _broken(path)) is not None]
    findings += [JSON_BROKEN(text) for text in broken[:3]]
    return findings or [JSON_GOOD(f"{len(newest)} files read")]


def _broken(path: Path) -> str | None:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None  # removed meanwhile
    except PermissionError:
        return None  # the group of rights tells
    except (OSError, ValueError, RecursionError) as error:
        return f"{path}: {error}"
    return None
