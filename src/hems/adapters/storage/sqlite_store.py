"""The memory of the coordinator in one SQLite file: one writer thread, many readers, no waiting in the cycle.

Records are encoded and queued by the caller in microseconds; the writer thread commits them in batches, so that an SD
card sees a few fsyncs a minute. Only ``put_state`` and ``flush`` wait for the disk. When the disk does not take records
they wait in bounded memory, and what must be let go is counted, samples first.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType

from hems.adapters.storage.rows import (
    Row,
    datetime_from_us,
    energy_of_row,
    price_of_row,
    row_of_cycle,
    row_of_energy,
    row_of_event,
    row_of_sample,
    us_from_datetime,
)
from hems.adapters.storage.sqlite_reader import StoreReader
from hems.adapters.storage.sqlite_schema import DamagedDatabase, connect_writer
from hems.adapters.storage.write_queue import INSERT, Batch, Kind, WriteQueue
from hems.domain.errors import StorageError
from hems.domain.prices import Market, PriceSeries
from hems.domain.record import CycleRecord, EnergySlot, EventRecord, SampleRecord

_log = logging.getLogger(__name__)

RETRY_S = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Waits between tries while the disk refuses; the last one repeats."""

PRUNE_CHUNK = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """Where and how records are kept. ``wait_max_s`` bounds every call that waits for the disk."""

    path: Path
    commit_every_s: float = 2.0
    commit_every_rows: int = 500
    max_queued_rows: int = 5000
    max_queued_bytes: int = 8_000_000
    wait_max_s: float = 15.0
    raw_kept: timedelta = timedelta(days=30)
    events_kept: timedelta = timedelta(days=365)
    quarters_kept: timedelta = timedelta(days=5 * 366)
    set_damaged_aside: bool = True
    """Whether a damaged file is renamed and a new one begun, so that the house is cared for; else opening fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStats:
    """How the store is doing. ``newest_on_disk``: time of the newest record known to be committed, None before one."""

    queued: int
    dropped: dict[str, int]
    refused: int
    """Rows the database would not take whatever the disk; each is a defect of ours and is logged."""
    commits: int
    failed_commits: int
    newest_on_disk: datetime | None
    file_bytes: int
    last_error: str | None
    """Why the last commit failed; None while the disk takes records."""
    pruned: dict[str, int]


@dataclass(slots=True)
class _Request:
    """Something a caller waits for: a state to keep, or nothing but the commit itself."""

    key: str | None = None
    value: str | None = None
    done: threading.Event = field(default_factory=threading.Event)
    error: str | None = None


class SqliteStore:
    """Implements ``RecordStore`` and ``PriceArchive``.

    Raises: StorageError: the file cannot be opened, or was written by a newer version.
    """

    def __init__(self, options: StoreOptions) -> None:
        self._options = options
        self.notice: str | None = None
        """What a person should know about how the file was found; None where all was well."""
        self._connection = self._open()
        try:
            self._reader = StoreReader(options.path)
        except StorageError:
            self._connection.close()
            raise
        self._wake = threading.Condition()
        self._queue = WriteQueue(max_rows=options.max_queued_rows, max_bytes=options.max_queued_bytes)
        self._in_flight = Batch()
        self._requests: list[_Request] = []
        self._prune_at: datetime | None = None
        self._closing = False
        self._refused = self._commits = self._failed = self._failed_in_a_row = 0
        self._last_error: str | None = None
        self._newest_us: int | None = None
        self._pruned: dict[str, int] = {}
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def __enter__(self) -> SqliteStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- accepting records: never waits for the disk -----------------------------------------------------------

    def add_sample(self, sample: SampleRecord) -> None:
        """Keep one poll."""
        self._add(Kind.SAMPLE, row_of_sample(sample))

    def add_cycle(self, cycle: CycleRecord) -> None:
        """Keep one decision cycle, whole."""
        self._add(Kind.CYCLE, row_of_cycle(cycle))

    def add_event(self, event: EventRecord) -> None:
        """Keep one event."""
        self._add(Kind.EVENT, row_of_event(event))

    def add_energy(self, slot: EnergySlot) -> None:
        """Keep the energy of one quarter; the same quarter again replaces it."""
        self._add(Kind.ENERGY, row_of_energy(slot))

    def save_prices(self, market: Market, prices: PriceSeries, source: str) -> None:
        """Keep published quarters; a quarter that is stored already is replaced.

        Raises: ValueError: a quarter is only estimated; a guess must never come back as a published price.
        """
        if any(slot.origin.is_estimated for slot in prices):
            raise ValueError("only published prices are kept: an estimated quarter was offered")
        for slot in prices:
            published = None if slot.published_at is None else us_from_datetime(slot.published_at)
            row = (market.value, us_from_datetime(slot.start), slot.price_per_mwh, prices.currency, published, source)
            self._add(Kind.PRICE, row)

    def prune(self, now: datetime) -> None:
        """Let go, in the background, of what is older than its retention at ``now``, and give the space back."""
        with self._wake:
            self._prune_at = now
            self._wake.notify_all()

    # -- waiting for the disk ----------------------------------------------------------------------------------

    def put_state(self, key: str, value: object) -> None:
        """Keep a JSON value under ``key``; it is on disk when this returns.

        Raises: StorageError: the disk did not take it, or not in time: it is not known to be kept.
        """
        self._wait_for(_Request(key=key, value=json.dumps(value, ensure_ascii=False, separators=(",", ":"))))

    def flush(self) -> None:
        """Return when everything accepted so far is on disk.

        Raises: StorageError: the disk did not take it; it is kept in memory and tried again.
        """
        self._wait_for(_Request())

    def close(self) -> None:
        """Write what waits, let go of the file; what the disk refuses to the last is counted in the log."""
        with self._wake:
            if self._closing:
                return
            self._closing = True
            self._wake.notify_all()
        self._thread.join(timeout=self._options.wait_max_s)
        self._reader.close()
        if self._thread.is_alive():
            _log.error("%s: the disk is too slow: %d records not known to be kept", self._options.path, self._unsaved())
            return
        self._connection.close()
        if left := self._unsaved():
            _log.error("%s: %d records lost on closing: %s", self._options.path, left, self._last_error)

    # -- reading -----------------------------------------------------------------------------------------------

    @property
    def reader(self) -> StoreReader:
        """Questions beyond the port, about what is on disk; ``flush`` first where the newest counts."""
        return self._reader

    def energy_between(self, start: datetime, end: datetime) -> Sequence[EnergySlot]:
        """Return the quarters accepted so far that start in [start, end), in order."""
        waiting = [energy_of_row(row) for row in self._not_yet_on_disk(Kind.ENERGY)]
        by_start = {slot.start: slot for slot in self._reader.energy_between(start, end)}
        by_start |= {slot.start: slot for slot in waiting if start <= slot.start < end}
        return [by_start[at] for at in sorted(by_start)]

    def load_prices(self, market: Market, start: datetime, end: datetime) -> PriceSeries:
        """Return the quarters accepted so far that start in [start, end)."""
        waiting = [row for row in self._not_yet_on_disk(Kind.PRICE) if row[0] == market.value]
        stored = self._reader.load_prices(market, start, end)
        if not waiting:
            return stored
        currency = waiting[-1][3]
        fresh = {
            datetime_from_us(row[1]): price_of_row((row[1], row[2], row[4])) for row in waiting if row[3] == currency
        }
        newer = PriceSeries.of(currency, fresh).between(start, end)
        return stored.merged_with(newer) if stored.currency == currency else newer

    def get_state(self, key: str) -> object | None:
        """Return the JSON value kept under ``key``, or None."""
        return self._reader.get_state(key)

    def stats(self) -> StoreStats:
        """Return how the store is doing."""
        with self._wake:
            return StoreStats(
                queued=len(self._queue) + len(self._in_flight),
                dropped={kind.name.lower(): count for kind, count in self._queue.dropped.items() if count},
                refused=self._refused,
                commits=self._commits,
                failed_commits=self._failed,
                newest_on_disk=None if self._newest_us is None else datetime_from_us(self._newest_us),
                file_bytes=_file_bytes(self._options.path),
                last_error=self._last_error,
                pruned=dict(self._pruned),
            )

    # -- inside ------------------------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        path = self._options.path
        try:
            return connect_writer(path)
        except DamagedDatabase as error:
            if not self._options.set_damaged_aside:
                raise StorageError(f"{error}. Stop the service, then restore a backup or move the file away") from error
            aside = _set_aside(path)
            self.notice = f"{error}. It was kept as {aside.name} and a new database was begun"
            _log.error("%s", self.notice)
            return connect_writer(path)

    def _add(self, kind: Kind, row: Row) -> None:
        with self._wake:
            self._queue.add(kind, row)
            self._wake.notify_all()

    def _not_yet_on_disk(self, kind: Kind) -> list[Row]:
        with self._wake:
            return [*self._in_flight.rows[kind], *self._queue.waiting(kind)]

    def _unsaved(self) -> int:
        with self._wake:
            return len(self._queue) + len(self._in_flight)

    def _wait_for(self, request: _Request) -> None:
        with self._wake:
            if self._closing:
                raise StorageError(f"{self._options.path}: the store is closed")
            self._requests.append(request)
            self._wake.notify_all()
        if not request.done.wait(self._options.wait_max_s):
            with self._wake:
                if request in self._requests:
                    self._requests.remove(request)
            request.error = request.error or f"no answer from the disk within {self._options.wait_max_s:g} s"
        if request.error is not None:
            raise StorageError(f"{self._options.path}: not written: {request.error}")

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wait_for_work()
                batch, requests = self._queue.take(), self._requests
                self._in_flight, self._requests = batch, []
                prune_at, self._prune_at = self._prune_at, None
                closing = self._closing
            try:
                self._write(batch, requests)
                if prune_at is not None:
                    self._prune(prune_at)
            except Exception as error:  # noqa: BLE001 - the top of the thread; else memory would end in silence
                _log.exception("%s: defect in the writer", self._options.path)
                self._failed_to_write(requests, f"defect in the writer: {error!r}")
            for request in requests:
                request.done.set()
            if closing:
                return

    def _wait_for_work(self) -> None:
        """Wait, with the lock held, until there is a reason to commit; batches what comes close together."""

        def urgent() -> bool:
            return bool(self._closing or self._requests or self._prune_at)

        if self._failed_in_a_row and len(self._queue) > 0:
            pause = RETRY_S[min(self._failed_in_a_row, len(RETRY_S)) - 1]
            self._wake.wait_for(urgent, timeout=pause)
            return
        self._wake.wait_for(lambda: urgent() or len(self._queue) > 0)
        self._wake.wait_for(
            lambda: urgent() or len(self._queue) >= self._options.commit_every_rows,
            timeout=self._options.commit_every_s,
        )

    def _write(self, batch: Batch, requests: list[_Request]) -> None:
        states = [(request.key, request.value) for request in requests if request.key is not None]
        if not len(batch) and not states:
            return
        try:
            refused = self._commit(batch, states)
        except sqlite3.Error as error:
            self._failed_to_write(requests, str(error))
            return
        with self._wake:
            self._in_flight = Batch()
            self._commits += 1
            self._refused += refused
            again, self._failed_in_a_row, self._last_error = self._failed_in_a_row, 0, None
            newest = max((row[0] for kind, row in batch if kind is not Kind.PRICE), default=None)
            if newest is not None:
                self._newest_us = max(newest, self._newest_us or newest)
        if again:
            lost = {kind.name.lower(): count for kind, count in self._queue.dropped.items() if count}
            _log.warning("%s: the disk takes records again; dropped so far: %s", self._options.path, lost or "none")

    def _failed_to_write(self, requests: list[_Request], error: str) -> None:
        with self._wake:
            first = self._failed_in_a_row == 0
            self._failed += 1
            self._failed_in_a_row += 1
            self._last_error = error
            self._queue.put_back(self._in_flight)
            self._in_flight = Batch()
        for request in requests:
            request.error = error
        if first:
            _log.error("%s: records wait in memory: %s. Is the disk full?", self._options.path, error)

    def _commit(self, batch: Batch, states: Sequence[tuple[str, str | None]]) -> int:
        """Write everything in one transaction; return how many rows the schema refused."""
        connection = self._connection
        refused = 0
        connection.execute("BEGIN IMMEDIATE")
        try:
            for kind, row in batch:
                try:
                    connection.execute(INSERT[kind], row)
                except (
                    sqlite3.IntegrityError,
                    sqlite3.ProgrammingError,
                    sqlite3.InterfaceError,
                    OverflowError,
                ) as error:
                    refused += 1
                    _log.error("%s: a %s cannot be kept: %s", self._options.path, kind.name.lower(), error)
            connection.executemany("INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)", states)
            connection.execute("COMMIT")
        except sqlite3.Error:
            # SQLite itself rolls back on some errors (disk full) and not on others.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return refused

    def _prune(self, now: datetime) -> None:
        options = self._options
        raw, events, quarters = (now - kept for kept in (options.raw_kept, options.events_kept, options.quarters_kept))
        jobs = (
            ("samples", "at_us", raw),
            ("cycles", "at_us", raw),
            ("events", "at_us", events),
            ("energy", "start_us", quarters),
            ("prices", "start_us", quarters),
        )
        try:
            pruned = {table: self._delete_before(table, column, limit) for table, column, limit in jobs}
            # execute() would take one step, which frees one page; a script runs to the end.
            self._connection.executescript("PRAGMA incremental_vacuum")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            with self._wake:
                self._last_error = f"pruning: {error}"
            _log.warning("%s: old records not pruned: %s; tried again tomorrow", options.path, error)
            return
        with self._wake:
            self._pruned = pruned

    def _delete_before(self, table: str, column: str, limit: datetime) -> int:
        """Delete in small transactions: a big one would hold the WAL, and the queue, for too long."""
        low = f"SELECT {column} FROM {table} WHERE {column} < ? ORDER BY {column} LIMIT {PRUNE_CHUNK}"  # noqa: S608
        deleted = 0
        while True:
            sql = f"DELETE FROM {table} WHERE {column} < ? AND {column} IN ({low})"  # noqa: S608 - our own names
            count = self._connection.execute(sql, (us_from_datetime(limit),) * 2).rowcount
            deleted += count
            if count < PRUNE_CHUNK:
                return deleted


def _set_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    return aside


def _file_bytes(path: Path) -> int:
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
