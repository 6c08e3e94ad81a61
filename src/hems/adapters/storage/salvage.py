"""What still reads in a damaged database, table by table, around the pages that do not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hems.adapters.storage.codec import load_record
from hems.adapters.storage.forecast_rows import FORECAST_COLUMNS, forecast_of_row
from hems.adapters.storage.rows import (
    CYCLE_COLUMNS,
    ENERGY_COLUMNS,
    EVENT_COLUMNS,
    PRICE_COLUMNS,
    SAMPLE_COLUMNS,
    Row,
    datetime_from_us,
    energy_of_row,
    event_of_row,
    price_of_row,
    sample_of_row,
)
from hems.adapters.storage.sqlite_schema import connect_reader
from hems.domain.errors import StorageError
from hems.domain.forecast import Quantity
from hems.domain.prices import Market
from hems.domain.record import CycleRecord

CHUNK = 500
_WHEN_LACKING = {"settled_lead_wh": "0.0"}
"""Columns that an older schema lacks, with what its migration gives them."""
MINUTE_US = 60_000_000
KEY_MAX = 2**62
MOMENTS_US = (946_684_800_000_000, 4_102_444_800_000_000)
"""2000 to 2100: what says it is from another time was not written by us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table to be saved. ``key`` ascends; ``check`` raises where a row is not what we wrote.

    ``leap`` is how far in keys the first try goes over a page that does not read; each further try goes twice as far.
    """

    name: str
    columns: tuple[str, ...]
    key: str
    at: str
    check: Callable[[Row], object]
    leap: int = MINUTE_US


def _check_cycle(row: Row) -> object:
    return load_record(row[-1], CycleRecord)


def _check_price(row: Row) -> object:
    market, start_us, price, currency, published_us, source = row
    if not all(isinstance(text, str) for text in (market, currency, source)):
        raise TypeError(row)
    return price_of_row((start_us, float(price), published_us))


ENERGY = Table(name="energy", columns=ENERGY_COLUMNS, key="start_us", at="start_us", check=energy_of_row)
PRICES = Table(name="prices", columns=PRICE_COLUMNS, key="start_us", at="start_us", check=_check_price)
CYCLES = Table(name="cycles", columns=CYCLE_COLUMNS, key="id", at="at_us", check=_check_cycle, leap=1)
EVENTS = Table(name="events", columns=EVENT_COLUMNS, key="id", at="at_us", check=event_of_row, leap=1)
SAMPLES = Table(name="samples", columns=SAMPLE_COLUMNS, key="at_us", at="at_us", check=sample_of_row)

FORECASTS = Table(name="forecasts", columns=FORECAST_COLUMNS, key="issued_us", at="issued_us", check=forecast_of_row)


def readable_rows(path: Path, table: Table) -> Iterator[list[Row]]:
    """Yield the rows of ``table`` that read and are whole, in chunks, in the order of its columns; never raises.

    A schema older than ours is read as far as it goes.
    """
    try:
        with closing(connect_reader(path)) as connection:
            found = [str(row[1]) for row in connection.execute(f"PRAGMA table_info({table.name})")]
            columns = ", ".join(name if name in found else _WHEN_LACKING.get(name, "NULL") for name in table.columns)
            for where in _ranges(table):
                select = f"SELECT {table.key}, {columns} FROM {table.name} WHERE {where}"  # noqa: S608 - our own names
                walk = _Walk(connection, table, select)
                for rows in walk.chunks():
                    if whole := [row for row in rows if _is_whole(row, table)]:
                        yield whole
    except (StorageError, sqlite3.Error):
        return  # it does not even open, or has no such table: nothing reads


def _ranges(table: Table) -> list[str]:
    """Return conditions under each of which the key is the table's order: prices lie by market, then by time."""
    if table is PRICES:
        return [f"market = '{market.value}'" for market in Market]
    return [f"quantity = '{quantity.value}'" for quantity in Quantity] if table is FORECASTS else ["1"]


class _Walk:
    """From the first key to the last; where a page does not read, on behind it and back to its other edge."""

    def __init__(self, connection: sqlite3.Connection, table: Table, select: str) -> None:
        self._connection = connection
        self._up = f"{select} AND {table.key} >= ? ORDER BY {table.key} LIMIT {CHUNK}"
        self._down = f"{select} AND {table.key} < ? AND {table.key} >= ? ORDER BY {table.key} DESC LIMIT {CHUNK}"
        self._first_leap = table.leap
        self._lowest = 0 if table.key == "id" else MOMENTS_US[0]
        self._damaged = False

    def chunks(self) -> Iterator[list[Row]]:
        at = -KEY_MAX
        while True:
            rows = self._read(self._up, at)
            yield [row[1:] for row in rows]
            if rows:
                at = max(at, rows[-1][0]) + 1
            if not self._damaged:
                if len(rows) < CHUNK:
                    return
                continue
            behind = self._leap(max(at, self._lowest))
            if behind is None:
                return
            yield from self._back(behind, at)
            at = behind

    def _leap(self, at: int) -> int | None:
        """Return a key behind the damage from which on it reads again, or None."""
        leap = self._first_leap
        while at + leap < KEY_MAX:
            rows = self._read(self._up, at + leap)
            if rows:
                return int(rows[0][0])
            if not self._damaged:
                return at + leap  # behind everything: the other edge of the damage is found from there
            leap *= 2
        return None

    def _back(self, behind: int, at: int) -> Iterator[list[Row]]:
        """Yield what lies before ``behind``, down to the damage or to ``at``."""
        while True:
            rows = self._read(self._down, behind, at)
            yield [row[1:] for row in rows]
            if self._damaged or len(rows) < CHUNK:
                return
            behind = min(behind - 1, rows[-1][0])

    def _read(self, sql: str, *values: int) -> list[Row]:
        rows, self._damaged = _rows_until_damage(self._connection, sql, values)
        return rows


def _rows_until_damage(connection: sqlite3.Connection, sql: str, values: tuple[int, ...]) -> tuple[list[Row], bool]:
    """Return the rows before the first page that does not read, with keys in order, and whether there was one."""
    rows: list[Row] = []
    try:
        cursor = connection.execute(sql, values)
        while (row := cursor.fetchone()) is not None:
            if not isinstance(row[0], int):
                return rows, True
            rows.append(row)
    except (sqlite3.Error, UnicodeDecodeError):
        return rows, True
    return rows, False


def _is_whole(row: Row, table: Table) -> bool:
    """Return whether ``row`` is what we wrote; SQLite has no checksums, a damaged page may read as nonsense."""
    try:
        moment = row[table.columns.index(table.at)]
        if not MOMENTS_US[0] <= moment < MOMENTS_US[1]:
            return False
        datetime_from_us(moment)
        table.check(row)
    except (StorageError, ValueError, TypeError, KeyError, ArithmeticError, RecursionError):
        return False
    return True
