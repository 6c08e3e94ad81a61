"""A new database gets back what a damaged one still gives, and what the files for people hold beyond that.

First, and at once, what the house runs on: quarters of energy, prices, events. Then, in small steps beside the work,
decisions and single readings; a rebuild cut short by a power cut is taken up again at the next start.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

from hems.adapters.storage import json_days, salvage
from hems.adapters.storage.rows import Row, datetime_from_us

PENDING_KEY = "rebuild_from"
"""State that names the damaged file while it is being read."""

_WORDS = {
    "energy": "quarters",
    "prices": "prices",
    "events": "events",
    "cycles": "decisions",
    "forecasts": "forecasts",
    "samples": "readings",
}


class _Tally:
    """How many rows of which days came back."""

    def __init__(self) -> None:
        self.count = 0
        self._first_us: int | None = None
        self._last_us: int | None = None

    def add(self, at_us: int) -> None:
        self.count += 1
        self._first_us = at_us if self._first_us is None else min(at_us, self._first_us)
        self._last_us = at_us if self._last_us is None else max(at_us, self._last_us)

    def days(self) -> str:
        first, last = _day(self._first_us), _day(self._last_us)
        return f"of {first}" if first == last else f"of {first} to {last}"


class Rebuild:
    """Fills ``connection``; what was written there meanwhile is newer and stays.

    ``damaged`` is None where there is no file to read: it was missing or empty.
    """

    def __init__(self, connection: sqlite3.Connection, damaged: Path | None, directory: Path) -> None:
        self._connection = connection
        self._damaged = damaged
        self._directory = directory
        self._saved: dict[str, _Tally] = {}
        self._from_files: dict[str, _Tally] = {}
        self._rest = self._read_rest()

    def do_first(self) -> None:
        """Bring back quarters, prices and events. Raises: sqlite3.Error."""
        for table, rows in (
            (salvage.ENERGY, json_days.energy_rows),
            (salvage.PRICES, json_days.price_rows),
            (salvage.EVENTS, json_days.event_rows),
        ):
            if self._damaged is not None:
                for chunk in salvage.readable_rows(self._damaged, table):
                    self._insert(table, chunk, self._saved)
            self._insert(table, rows(self._directory), self._from_files)

    def step(self) -> bool:
        """Bring back the next few hundred decisions or readings; return whether there may be more.

        Raises: sqlite3.Error.
        """
        return next(self._rest, False)

    @property
    def found_anything(self) -> bool:
        """Whether there was something to bring back so far."""
        return bool(self._saved or self._from_files)

    def summary(self) -> str:
        """Return what came back so far, in words."""
        sources = []
        if self._saved:
            sources.append(f"from the damaged file {_listed(self._saved)}")
        if self._from_files:
            sources.append(f"from the JSON files {_listed(self._from_files)}")
        return f"brought back {' and '.join(sources)}" if sources else "nothing could be brought back"

    def _read_rest(self) -> Iterator[bool]:
        if self._damaged is None:
            return
        for table in (salvage.CYCLES, salvage.FORECASTS, salvage.SAMPLES):
            for chunk in salvage.readable_rows(self._damaged, table):
                self._insert(table, chunk, self._saved)
                yield True

    def _insert(self, table: salvage.Table, rows: Iterable[Row], tallies: dict[str, _Tally]) -> None:
        at = table.columns.index(table.at)
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for row in rows:
                if self._connection.execute(_insert_sql(table), _bound(table, row)).rowcount > 0:
                    tallies.setdefault(table.name, _Tally()).add(row[at])
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def _insert_sql(table: salvage.Table) -> str:
    """Return the statement that keeps a row unless it is there; decisions and events have no key of their own."""
    names, marks = ", ".join(table.columns), ", ".join("?" * len(table.columns))
    if table.key != "id":
        return f"INSERT OR IGNORE INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608 - our own names
    same = " AND ".join(f"{name} = ?" for name in (table.at, table.columns[-1]))
    return (
        f"INSERT INTO {table.name} ({names}) SELECT {marks}"  # noqa: S608 - our own names
        f" WHERE NOT EXISTS (SELECT 1 FROM {table.name} WHERE {same})"
    )


def _bound(table: salvage.Table, row: Row) -> Row:
    return row if table.key != "id" else (*row, row[table.columns.index(table.at)], row[-1])


def _listed(tallies: dict[str, _Tally]) -> str:
    return ", ".join(f"{tally.count} {_WORDS[name]} {tally.days()}" for name, tally in tallies.items())


def _day(at_us: int | None) -> date | None:
    return None if at_us is None else datetime_from_us(at_us).date()
