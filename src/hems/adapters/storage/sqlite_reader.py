"""Questions to the database. Read-only, from any thread, while another connection or process writes."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from hems.adapters.storage.codec import load_record
from hems.adapters.storage.forecast_rows import FORECAST_COLUMNS, forecast_of_row
from hems.adapters.storage.migration import refuse_older
from hems.adapters.storage.rows import (
    ENERGY_COLUMNS,
    EVENT_COLUMNS,
    SAMPLE_COLUMNS,
    Row,
    datetime_from_us,
    energy_of_row,
    event_of_row,
    price_of_row,
    sample_of_row,
    us_from_datetime,
)
from hems.adapters.storage.sqlite_schema import DamagedDatabase, connect_reader
from hems.adapters.storage.trouble import Trouble, trouble_of
from hems.domain.errors import StorageError
from hems.domain.forecast import EnergyForecast, Quantity
from hems.domain.prices import Market, PriceSeries
from hems.domain.record import CycleRecord, EnergySlot, EventRecord, SampleRecord

CHUNK = 2000


class StoreReader:
    """Everything the database can be asked. Also the way in for other processes: status, export, backup.

    ``on_damage`` is told, in the asking thread, that the file is damaged.
    Raises: StorageError: there is no database, or it cannot be read.
    """

    def __init__(self, path: Path, on_damage: Callable[[str], None] | None = None) -> None:
        self.path = path
        self._on_damage = on_damage
        self._lock = threading.Lock()
        self._is_away = False
        self._connection: sqlite3.Connection | None = self._connect()

    def __enter__(self) -> StoreReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self.use_file(False)

    def use_file(self, may: bool) -> None:
        """Let go of the file while it is being replaced, or read the one that has the name now."""
        with self._lock:
            self._is_away = not may
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _connect(self) -> sqlite3.Connection:
        connection = connect_reader(self.path)
        try:
            refuse_older(connection, self.path)
        except (StorageError, sqlite3.Error):
            connection.close()
            raise
        return connection

    def energy_between(self, start: datetime, end: datetime) -> Sequence[EnergySlot]:
        """Return the stored quarters that start in [start, end), in order."""
        sql = f"SELECT {', '.join(ENERGY_COLUMNS)} FROM energy WHERE start_us >= ? AND start_us < ? ORDER BY start_us"  # noqa: S608
        return [energy_of_row(row) for row in self._all(sql, *_span(start, end))]

    def forecasts_between(self, quantity: Quantity, start: datetime, end: datetime) -> Sequence[EnergyForecast]:
        """Return the forecasts issued in [start, end), in order."""
        columns = ", ".join(FORECAST_COLUMNS)
        sql = f"SELECT {columns} FROM forecasts WHERE quantity = ? AND issued_us >= ? AND issued_us < ? ORDER BY issued_us"  # noqa: S608, E501
        return [forecast_of_row(row) for row in self._all(sql, quantity.value, *_span(start, end))]

    def samples_between(self, start: datetime, end: datetime) -> Iterator[SampleRecord]:
        """Yield the stored samples of [start, end), in order, without holding them all in memory."""
        columns = ", ".join(SAMPLE_COLUMNS)
        sql = f"SELECT {columns} FROM samples WHERE at_us >= ? AND at_us < ? ORDER BY at_us LIMIT {CHUNK}"  # noqa: S608
        low, high = _span(start, end)
        while rows := self._all(sql, low, high):
            yield from (sample_of_row(row) for row in rows)
            low = rows[-1][0] + 1

    def last_sample(self) -> SampleRecord | None:
        """Return the newest sample, or None before the first."""
        sql = f"SELECT {', '.join(SAMPLE_COLUMNS)} FROM samples ORDER BY at_us DESC LIMIT 1"  # noqa: S608
        rows = self._all(sql)
        return sample_of_row(rows[0]) if rows else None

    def sample_times(self, start: datetime, end: datetime, *, complete_only: bool = False) -> Sequence[datetime]:
        """Return when samples were taken in [start, end); with ``complete_only`` those with all main figures."""
        wanted = " AND complete = 1" if complete_only else ""
        sql = f"SELECT at_us FROM samples WHERE at_us >= ? AND at_us < ?{wanted} ORDER BY at_us"  # noqa: S608
        return [datetime_from_us(row[0]) for row in self._all(sql, *_span(start, end))]

    def first_sample_at(self) -> datetime | None:
        """Return when the oldest kept sample was taken: figures are not asked for before it."""
        return self._moment("SELECT min(at_us) FROM samples")

    def cycles_between(self, start: datetime, end: datetime) -> Iterator[CycleRecord]:
        """Yield the whole records of the decision cycles of [start, end), in order."""
        sql = f"SELECT id, at_us, record FROM cycles WHERE at_us >= ? AND at_us < ? ORDER BY at_us, id LIMIT {CHUNK}"  # noqa: S608
        more = (
            "SELECT id, at_us, record FROM cycles WHERE (at_us, id) > (?, ?) AND at_us < ?"  # noqa: S608
            f" ORDER BY at_us, id LIMIT {CHUNK}"
        )
        low, high = _span(start, end)
        rows = self._all(sql, low, high)
        while rows:
            yield from (load_record(row[2], CycleRecord) for row in rows)
            rows = self._all(more, rows[-1][1], rows[-1][0], high)

    def last_cycles(self, count: int) -> Sequence[CycleRecord]:
        """Return the newest ``count`` decision cycles, newest first."""
        rows = self._all("SELECT record FROM cycles ORDER BY at_us DESC, id DESC LIMIT ?", count)
        return [load_record(row[0], CycleRecord) for row in rows]

    def last_cycle_until(self, moment: datetime) -> CycleRecord | None:
        """Return the newest decision cycle at or before ``moment``, or None where none is kept."""
        sql = "SELECT record FROM cycles WHERE at_us <= ? ORDER BY at_us DESC, id DESC LIMIT 1"
        rows = self._all(sql, us_from_datetime(moment))
        return load_record(rows[0][0], CycleRecord) if rows else None

    def count_cycles(self, start: datetime, end: datetime) -> int:
        """Return how many decision cycles are kept of [start, end)."""
        return int(self._all("SELECT count(*) FROM cycles WHERE at_us >= ? AND at_us < ?", *_span(start, end))[0][0])

    def events_between(self, start: datetime, end: datetime) -> Sequence[EventRecord]:
        """Return the events of [start, end), in order."""
        columns = ", ".join(EVENT_COLUMNS)
        sql = f"SELECT {columns} FROM events WHERE at_us >= ? AND at_us < ? ORDER BY at_us, id"  # noqa: S608
        return [event_of_row(row) for row in self._all(sql, *_span(start, end))]

    def load_prices(self, market: Market, start: datetime, end: datetime) -> PriceSeries:
        """Return the stored quarters that start in [start, end), in the currency stored last; others are left out."""
        rows = self.price_rows(market, start, end)
        currency = rows[-1][1] if rows else (self.currency() or "PLN")
        return PriceSeries(
            currency, tuple(price_of_row((row[0], row[2], row[3])) for row in rows if row[1] == currency)
        )

    def price_rows(self, market: Market, start: datetime, end: datetime) -> list[Row]:
        """Return (start_us, currency, price_per_mwh, published_at_us) of the stored quarters, in order."""
        sql = (
            "SELECT start_us, currency, price_per_mwh, published_at_us FROM prices"
            " WHERE market = ? AND start_us >= ? AND start_us < ? ORDER BY start_us"
        )
        return self._all(sql, market.value, *_span(start, end))

    def currency(self) -> str | None:
        """Return the currency of the newest stored price, or None where no price is stored."""
        rows = self._all("SELECT currency FROM prices ORDER BY start_us DESC LIMIT 1")
        return str(rows[0][0]) if rows else None

    def get_state(self, key: str) -> object | None:
        """Return the JSON value kept under ``key``, or None.

        What is kept but is no JSON comes back as its text: nobody's own value, and not the same as nothing, since a
        safety latch that cannot be read must not pass for none.
        """
        rows = self._all("SELECT value FROM state WHERE key = ?", key)
        if not rows:
            return None
        try:
            value: object = json.loads(rows[0][0])
        except (ValueError, TypeError, RecursionError):
            return str(rows[0][0])
        return value

    def _moment(self, sql: str) -> datetime | None:
        value = self._all(sql)[0][0]
        return None if value is None else datetime_from_us(value)

    def _tell_of_damage(self, error: Exception) -> None:
        if self._on_damage is not None:
            self._on_damage(str(error))

    def _all(self, sql: str, *values: Any) -> list[Row]:
        try:
            with self._lock:
                if self._is_away:
                    raise StorageError(f"{self.path}: cannot be read: it is closed, or being replaced")
                if self._connection is None:
                    self._connection = self._connect()
                return self._connection.execute(sql, values).fetchall()
        except DamagedDatabase as error:
            self._tell_of_damage(error)
            raise
        except sqlite3.Error as error:
            if trouble_of(error) is Trouble.DAMAGED:
                self._tell_of_damage(error)
            raise StorageError(f"{self.path}: cannot be read: {error}") from error


def _span(start: datetime, end: datetime) -> tuple[int, int]:
    return us_from_datetime(start), us_from_datetime(end)
