"""Letting go of what is older than its retention, and of the oldest first where the directory grows too big."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from hems.adapters.storage.disk import bytes_under
from hems.adapters.storage.migration import backups_before_migrations
from hems.adapters.storage.rows import datetime_from_us, us_from_datetime
from hems.adapters.storage.store_options import StoreOptions, Told

PRUNE_CHUNK = 5000
DAY = timedelta(days=1)
DAYS_SPARED = 2
"""The size bound never takes today's and yesterday's readings: without them nothing could be decided or explained."""

DAMAGED_KEPT = 3
ASIDE_PREFIX = "before-restore-"
"""What going back to a backup has kept aside is its owner's to remove."""


def prune(connection: sqlite3.Connection, options: StoreOptions, now: datetime) -> dict[str, int]:
    """Delete what is older than its retention at ``now`` and give the space back; return how many rows by table.

    Raises: sqlite3.Error.
    """
    raw, events, quarters = (now - kept for kept in (options.raw_kept, options.events_kept, options.quarters_kept))
    jobs = (
        ("samples", "at_us", raw),
        ("cycles", "at_us", raw),
        ("forecasts", "issued_us", raw),
        ("events", "at_us", events),
        ("energy", "start_us", quarters),
        ("prices", "start_us", quarters),
    )
    pruned = {table: _delete_before(connection, table, column, limit) for table, column, limit in jobs}
    _give_back(connection)
    return pruned


def keep_size(connection: sqlite3.Connection, options: StoreOptions, tell: Callable[[Told], None]) -> None:
    """Let go of leftovers, then of the oldest raw days, until the directory is within its bound.

    Raises: sqlite3.Error, OSError.
    """
    directory = options.path.parent
    size = _bytes_of_ours(directory)
    if size <= options.max_bytes:
        return
    found = size
    gone: list[str] = []
    for leftover in (*reversed(damaged_files(options.path)), *reversed(backups_before_migrations(options.path))):
        if size > options.max_bytes:
            remove_with_log(leftover)
            gone.append(leftover.name)
            size = _bytes_of_ours(directory)
    while size > options.max_bytes and (day := _oldest_raw_day(connection)) is not None:
        for table in ("samples", "cycles"):
            _delete_before(connection, table, "at_us", day + DAY)
        _give_back(connection)
        gone.append(f"readings and decisions of {day.date()}")
        size = _bytes_of_ours(directory)
    bound = f"{directory} had grown to {found / 1e6:.0f} MB, allowed are {options.max_bytes / 1e6:.0f}"
    if size > options.max_bytes:
        bound += f"; it still takes {size / 1e6:.0f} MB: look for files that do not belong there"
    tell(Told("warning", f"{bound}. Removed: {', '.join(gone) or 'nothing'}"))


def _bytes_of_ours(directory: Path) -> int:
    """Return what the directory takes, without what a person has kept aside."""
    return bytes_under(directory) - sum(bytes_under(aside) for aside in directory.glob(f"{ASIDE_PREFIX}*"))


def damaged_files(path: Path) -> list[Path]:
    """Return the damaged databases that were set aside, newest first."""
    prefix = f"{path.name}.damaged-"
    numbered = [(file.name.removeprefix(prefix), file) for file in path.parent.glob(f"{prefix}*")]
    return [file for _, file in sorted(((int(n), file) for n, file in numbered if n.isdecimal()), reverse=True)]


def next_damaged_name(path: Path) -> Path:
    """Return the name for the next damaged database."""
    prefix = f"{path.name}.damaged-"
    found = damaged_files(path)
    number = int(found[0].name.removeprefix(prefix)) + 1 if found else 1
    return path.with_name(f"{prefix}{number}")


def remove_with_log(database: Path) -> None:
    """Remove a database file and its -wal and -shm. Raises: OSError."""
    for suffix in ("-wal", "-shm", ""):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def _oldest_raw_day(connection: sqlite3.Connection) -> datetime | None:
    """Return the UTC midnight of the oldest day with raw records that may go, or None."""
    oldest = connection.execute(
        "SELECT min(at) FROM (SELECT min(at_us) AS at FROM samples UNION ALL SELECT min(at_us) FROM cycles)"
    ).fetchone()[0]
    newest = connection.execute("SELECT max(at_us) FROM samples").fetchone()[0]
    if oldest is None or newest is None:
        return None
    midnight = datetime_from_us(oldest).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if midnight + DAYS_SPARED * DAY <= datetime_from_us(newest) else None


def _delete_before(connection: sqlite3.Connection, table: str, column: str, limit: datetime) -> int:
    """Delete in small transactions: a big one would hold the WAL, and the queue, for too long."""
    low = f"SELECT {column} FROM {table} WHERE {column} < ? ORDER BY {column} LIMIT {PRUNE_CHUNK}"  # noqa: S608
    deleted = 0
    while True:
        sql = f"DELETE FROM {table} WHERE {column} < ? AND {column} IN ({low})"  # noqa: S608 - our own names
        count = connection.execute(sql, (us_from_datetime(limit),) * 2).rowcount
        deleted += count
        if count < PRUNE_CHUNK:
            return deleted


def _give_back(connection: sqlite3.Connection) -> None:
    # execute() would take one step, which frees one page; a script runs to the end.
    connection.executescript("PRAGMA incremental_vacuum")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
