"""The thread that writes: commits in batches, retries while the disk refuses, and does the chores in between."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from hems.adapters.storage.database_file import DatabaseFile
from hems.adapters.storage.integrity import BackgroundCheck
from hems.adapters.storage.migration import NewerDatabase
from hems.adapters.storage.patient_time import PatientTime, newest_believed
from hems.adapters.storage.retention import keep_size, prune
from hems.adapters.storage.rows import Row, datetime_from_us, us_from_datetime
from hems.adapters.storage.sqlite_schema import (
    CHECKED_ON_OPENING_MAX_BYTES,
    DamagedDatabase,
    connect_reader,
    refuse_damaged,
)
from hems.adapters.storage.state_copy import NUMBER_KEY, States, newest, read_copy, read_database, write_copy
from hems.adapters.storage.store_options import StoreOptions, Told
from hems.adapters.storage.trouble import Trouble, trouble_of, what_the_disk_said
from hems.adapters.storage.write_queue import INSERT, Batch, Kind, WriteQueue
from hems.domain.errors import StorageError

_log = logging.getLogger(__name__)

RETRY_S = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Waits between tries while the disk refuses; the last one repeats."""

REBUILD_PAUSE_S = 0.25
"""Between steps of some 0.2 s: a month of readings takes half a minute, and leaves the processor to the house."""

CHECK_EVERY = timedelta(days=7)


@dataclass(slots=True)
class Waiting:
    """A caller who waits for a commit. A state is safe in its copy as well: ``is_state`` is content with that."""

    is_state: bool = False
    done: threading.Event = field(default_factory=threading.Event)
    error: str | None = None


@dataclass(slots=True)
class _Work:
    """What one pass of the thread has to do."""

    batch: Batch
    states: dict[str, str]
    waiting: list[Waiting]
    prune_at: datetime | None
    damage: str | None
    closing: bool


class StoreWriter:
    """Owns the queue, the state and the file; everything public may be called from any thread.

    Raises: StorageError: the file is unusable or, where trouble is not to be overcome, anything is wrong with it.
    """

    def __init__(
        self, options: StoreOptions, tell: Callable[[Told], None], on_replaced: Callable[[bool], None]
    ) -> None:
        self._options = options
        self._tell = tell
        self._on_replaced = on_replaced
        self.wake = threading.Condition()
        self.queue = WriteQueue(max_rows=options.max_queued_rows, max_bytes=options.max_queued_bytes)
        self.in_flight = Batch()
        self.refused = self.commits = self.failed = 0
        self.last_error: str | None = None
        self.newest_us: int | None = None
        self.pruned: dict[str, int] = {}
        self._waiting: list[Waiting] = []
        self._changed: dict[str, str] = {}
        self._prune_at: datetime | None = None
        self._damage: str | None = None
        self._closing = self._is_overdue = False
        self._failed_in_a_row = 0
        self._patient = PatientTime()
        self._checked_at: datetime | None = None
        self._states = newest(read_database(options.path), read_copy(options.path.parent))
        self._file = DatabaseFile(options, tell, on_replaced)
        self._open()
        self._newest_before = self._find_newest()
        self._check = BackgroundCheck(options.path, self.report_damage)
        if options.path.is_file() and options.path.stat().st_size > CHECKED_ON_OPENING_MAX_BYTES:
            self._check.start()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def _open(self) -> None:
        try:
            self._file.open()
            self._file.bring_back_some()
        except NewerDatabase:
            raise
        except (StorageError, sqlite3.Error) as error:
            if not self._options.set_damaged_aside:
                raise StorageError(str(error)) from error
            self.last_error = str(error)
            self._failed_in_a_row = 1
            self._tell(Told("error", f"{error}. The house is cared for meanwhile; records wait in memory"))

    # -- from any thread ---------------------------------------------------------------------------------------

    def add(self, kind: Kind, row: Row) -> None:
        """Queue one row."""
        with self.wake:
            self.queue.add(kind, row)
            self.wake.notify_all()

    def state(self, key: str) -> str | None:
        """Return the latest accepted JSON text under ``key``."""
        with self.wake:
            return self._states.values.get(key)

    def put_state(self, key: str, value: str) -> None:
        """Accept a state and wait for the disk, not for long. Raises: StorageError: it is not known to be on disk."""
        with self.wake:
            self._changed[key] = value
            self._states = States(self._states.number, {**self._states.values, key: value})
        self.wait_for(Waiting(is_state=True), self._options.state_wait_max_s)

    def wait_for(self, waiting: Waiting, at_most_s: float) -> None:
        """Wait for a commit of everything accepted so far. Raises: StorageError."""
        path = self._options.path
        with self.wake:
            if self._closing:
                raise StorageError(f"{path}: the store is closed")
            self._waiting.append(waiting)
            self.wake.notify_all()
            if self._is_overdue and waiting.is_state:
                # The disk is stuck and known to be: the cycle must not wait for it each time anew.
                at_most_s = 0.0
        if not waiting.done.wait(at_most_s):
            with self.wake:
                self._is_overdue = not waiting.done.is_set()
            raise StorageError(f"{path}: no answer from the disk yet; what was to be written waits in memory")
        if waiting.error is not None:
            raise StorageError(f"{path}: not written: {waiting.error}")

    def prune(self, now: datetime) -> None:
        """Have old records let go of in the background."""
        with self.wake:
            self._prune_at = now
            self.wake.notify_all()

    def report_damage(self, reason: str) -> None:
        """Have the file looked at, and replaced where it is damaged indeed."""
        with self.wake:
            self._damage = reason
            self.wake.notify_all()

    def not_yet_on_disk(self, kind: Kind) -> list[Row]:
        """Return the rows of ``kind`` that are not known to be on disk, oldest first."""
        with self.wake:
            return [*self.in_flight.rows[kind], *self.queue.waiting(kind)]

    def unsaved(self) -> int:
        """Return how many rows are not known to be on disk."""
        with self.wake:
            return len(self.queue) + len(self.in_flight)

    def close(self) -> bool:
        """Write what waits and let go of the file; return whether the disk answered in time."""
        with self.wake:
            if self._closing:
                return True
            self._closing = True
            self.wake.notify_all()
        self._check.stop()
        self._thread.join(timeout=self._options.wait_max_s)
        return not self._thread.is_alive()

    # -- the thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            work = self._take()
            try:
                self._mend(work)
                self._write(work)
                self._chores(work)
            except Exception as error:  # noqa: BLE001 - the top of the thread; else memory would end in silence
                _log.exception("%s: defect in the writer", self._options.path)
                self._put_back(work, f"defect in the writer: {error!r}")
            with self.wake:
                self._is_overdue = False
                for waiting in work.waiting:
                    waiting.done.set()
            if work.closing:
                self._on_replaced(False)  # the last to let go moves the log into the file: that must be the writer
                self._file.close()
                return

    def _take(self) -> _Work:
        with self.wake:
            self._wait_for_work()
            work = _Work(self.queue.take(), self._changed, self._waiting, self._prune_at, self._damage, self._closing)
            self.in_flight, self._changed, self._waiting = work.batch, {}, []
            self._prune_at = self._damage = None
            return work

    def _wait_for_work(self) -> None:
        """Wait, with the lock held, until there is a reason to commit; batches what comes close together."""

        def urgent() -> bool:
            return bool(self._closing or self._waiting or self._prune_at or self._damage)

        if self._failed_in_a_row:
            pause = RETRY_S[min(self._failed_in_a_row, len(RETRY_S)) - 1]
            self.wake.wait_for(urgent, timeout=pause)
            return
        if self._file.is_rebuilding:
            self.wake.wait_for(urgent, timeout=REBUILD_PAUSE_S)
            return
        self.wake.wait_for(lambda: urgent() or len(self.queue) > 0)
        self.wake.wait_for(
            lambda: urgent() or len(self.queue) >= self._options.commit_every_rows,
            timeout=self._options.commit_every_s,
        )

    # -- committing --------------------------------------------------------------------------------------------

    def _write(self, work: _Work) -> None:
        if not (len(work.batch) or work.states or work.waiting or self._failed_in_a_row or self._file.is_new):
            return
        if work.states:
            with self.wake:
                self._states = States(self._states.number + 1, self._states.values)
        try:
            refused = self._commit(work)
        except (sqlite3.Error, StorageError) as error:
            said = str(error)
            if isinstance(error, sqlite3.Error):
                said = what_the_disk_said(error, self._options.path)
            self._put_back(work, said, states_are_safe=self._copy_states(work))
            return
        # Only now: a state must not come back that knows of records which do not.
        self._copy_states(work)
        self._file.has_worked()
        with self.wake:
            self.in_flight = Batch()
            self.commits += 1
            self.refused += refused
            again, self._failed_in_a_row, self.last_error = self._failed_in_a_row, 0, None
            found = max((row[0] for kind, row in work.batch if kind is not Kind.PRICE), default=None)
            if found is not None:
                self.newest_us = max(found, self.newest_us or found)
        if again:
            lost = {kind.name.lower(): count for kind, count in self.queue.dropped.items() if count}
            said = f"the disk takes records again; lost meanwhile: {_counted(lost) or 'none'}"
            self._tell(Told("warning" if lost else "info", f"{self._options.path}: {said}"))

    def _put_back(self, work: _Work, error: str, *, states_are_safe: bool = False) -> None:
        with self.wake:
            first = self._failed_in_a_row == 0
            self.failed += 1
            self._failed_in_a_row += 1
            self.last_error = error
            self.queue.put_back(self.in_flight)
            self.in_flight = Batch()
            self._changed = {**work.states, **self._changed}
        for waiting in work.waiting:
            if not (waiting.is_state and states_are_safe):
                waiting.error = error
        if first:
            self._tell(Told("error", f"{self._options.path}: records wait in memory: {error}"))

    def _copy_states(self, work: _Work) -> bool:
        """Write the copy of the state where it changed; return whether every state is safe there."""
        if not work.states:
            return False
        with self.wake:
            states = self._states
        try:
            write_copy(self._options.path.parent, states, durable=self._options.durable)
        except StorageError as error:
            _log.warning("%s", error)
            return False
        return True

    def _commit(self, work: _Work) -> int:
        """Write everything; once more where the file could be mended. Raises: sqlite3.Error, StorageError."""
        try:
            return self._commit_to(self._file.ready(), work)
        except sqlite3.Error as error:
            if not self._file.overcome(error):
                raise
        return self._commit_to(self._file.ready(), work)

    def _commit_to(self, connection: sqlite3.Connection, work: _Work) -> int:
        """Write everything in one transaction; return how many rows the schema refused. Raises: sqlite3.Error."""
        refused = 0
        with self.wake:
            number, everything = self._states.number, dict(self._states.values)
        states = everything if self._file.is_new else work.states
        connection.execute("BEGIN IMMEDIATE")
        try:
            for kind, row in work.batch:
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
            if states:
                kept = [*states.items(), (NUMBER_KEY, str(number))]
                connection.executemany("INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)", kept)
            connection.execute("COMMIT")
        except sqlite3.Error:
            # SQLite itself rolls back on some errors (disk full) and not on others.
            if connection.in_transaction:
                with suppress(sqlite3.Error):  # the first error is the one to tell
                    connection.execute("ROLLBACK")
            raise
        self._file.is_new = False
        return refused

    # -- chores ------------------------------------------------------------------------------------------------

    def _mend(self, work: _Work) -> None:
        if work.damage is not None:
            self._or_later(partial(self._look_at_damage, work.damage))

    def _chores(self, work: _Work) -> None:
        if work.prune_at is not None:
            self._or_later(partial(self._prune, work.prune_at))
        if self._file.is_rebuilding:
            self._or_later(self._file.rebuild_step)

    def _or_later(self, job: Callable[[], None]) -> None:
        """Do ``job``; a disk that refuses puts it off, a damaged file is replaced."""
        path = self._options.path
        try:
            job()
        except sqlite3.Error as error:
            self._tell(Told("warning", f"{path}: put off: {what_the_disk_said(error, path)}"))
            if trouble_of(error) is Trouble.DAMAGED:
                with suppress(sqlite3.Error, StorageError):  # the next commit meets the same and tells
                    self._file.overcome(error)
        except (StorageError, OSError) as error:
            self._tell(Told("warning", f"{path}: put off: {error}"))

    def _look_at_damage(self, reason: str) -> None:
        path = self._options.path
        try:
            with closing(connect_reader(path)) as fresh:  # the writer has pages of better days at hand
                refuse_damaged(fresh, path)
        except DamagedDatabase as error:
            self._file.set_aside(str(error))
        else:
            if reason.startswith("integrity check failed"):  # the full check sees more than the quick one
                self._file.set_aside(f"{path}: {reason}")

    def _prune(self, now: datetime) -> None:
        connection = self._file.ready()
        pruned = prune(connection, self._options, self._patient.at(now, self._newest_before))
        keep_size(connection, self._options, self._tell)
        with self.wake:
            self.pruned = pruned
        if self._checked_at is None:
            self._checked_at = now  # opening has checked it, or had it checked
        elif now - self._checked_at >= CHECK_EVERY:
            self._checked_at = now
            self._check.start()

    def _find_newest(self) -> datetime | None:
        def ask(sql: str, *at: datetime) -> datetime | None:
            row = self._file.ready().execute(sql, tuple(map(us_from_datetime, at))).fetchone()
            return None if row[0] is None else datetime_from_us(row[0])

        def last_before(at: datetime | None) -> datetime | None:
            if at is None:
                return ask("SELECT max(at_us) FROM samples")
            return ask("SELECT max(at_us) FROM samples WHERE at_us < ?", at)

        def first_from(at: datetime) -> datetime | None:
            return ask("SELECT min(at_us) FROM samples WHERE at_us >= ?", at)

        try:
            return newest_believed(last_before, first_from)
        except (sqlite3.Error, StorageError):
            return None


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name} records" for name, count in counts.items())
