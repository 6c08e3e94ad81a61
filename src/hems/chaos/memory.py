"""Whether the coordinator's memory keeps what it promised: nothing committed is lost, nothing is half there."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime, timedelta
from pathlib import Path

from hems.adapters.storage.sqlite_reader import StoreReader
from hems.adapters.storage.sqlite_store import SqliteStore
from hems.domain.errors import StorageError
from hems.domain.record import CycleRecord, EnergySlot, EventRecord, SampleRecord

Key = tuple[str, datetime]

LONG_AGO = timedelta(days=800)


class Witness(SqliteStore):
    """The store itself, with somebody who writes down what it accepted."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self.accepted: set[Key] = set()
        self.committed: set[Key] = set()

    def add_sample(self, sample: SampleRecord) -> None:
        """Keep one poll."""
        self.accepted.add(("sample", sample.snapshot.at))
        super().add_sample(sample)

    def add_cycle(self, cycle: CycleRecord) -> None:
        """Keep one decision cycle."""
        self.accepted.add(("cycle", cycle.at))
        super().add_cycle(cycle)

    def add_event(self, event: EventRecord) -> None:
        """Keep one event."""
        self.accepted.add(("event", event.at))
        super().add_event(event)

    def add_energy(self, slot: EnergySlot) -> None:
        """Keep one quarter."""
        self.accepted.add(("energy", slot.start))
        super().add_energy(slot)

    def settle(self) -> bool:
        """Have everything written, and hold the store to it from now on; return whether the disk took it."""
        so_far = set(self.accepted)
        try:
            self.flush()
        except StorageError:
            return False
        if not self.stats().dropped:
            self.committed |= so_far
        return True


def records_in(database: Path, now: datetime, *, energy_only: bool = False) -> Iterator[Key]:
    """Yield every record of ``database``, each of them read whole.

    Raises: StorageError: one of them cannot be read.
    """
    start, end = now - LONG_AGO, now + LONG_AGO
    with StoreReader(database) as reader:
        yield from (("energy", slot.start) for slot in reader.energy_between(start, end))
        if energy_only:
            return
        yield from (("sample", sample.snapshot.at) for sample in reader.samples_between(start, end))
        yield from (("cycle", cycle.at) for cycle in reader.cycles_between(start, end))
        yield from (("event", event.at) for event in reader.events_between(start, end))


def unreadable_files(directory: Path) -> list[str]:
    """Return the JSON files under ``directory`` that are not whole."""
    found = []
    for path in directory.rglob("*.json"):
        try:
            json.loads(path.read_bytes())
        except ValueError as error:
            found.append(f"{path.name}: {error}")
    return found


def leave_behind(directory: Path, database: Path, heir: Path) -> None:
    """Copy to ``heir`` what a process that dies now leaves on its disk.

    The database's write lock is taken meanwhile, so that its files are those between two transactions: that SQLite
    survives a death within one is SQLite's own promise, and tried with real processes in the tests.
    """
    if not database.exists():
        shutil.copytree(directory, heir, dirs_exist_ok=True)
        return
    with closing(sqlite3.connect(database, isolation_level=None, timeout=30.0)) as guard:
        with suppress(sqlite3.DatabaseError):  # no database any more, or held by somebody: its files are as they are
            guard.execute("BEGIN IMMEDIATE")
        shutil.copytree(directory, heir, dirs_exist_ok=True)


def damage(database: Path, seed: int) -> None:
    """Turn some bytes of ``database`` into noise, as a dying card does."""
    if not database.exists():
        return
    dice = random.Random(seed)
    with database.open("r+b") as file:
        size = database.stat().st_size
        for _ in range(dice.choice((1, 3, 20))):
            file.seek(dice.randrange(max(1, size)))
            file.write(dice.randbytes(min(size, dice.choice((1, 16, 512, 4096)))))
