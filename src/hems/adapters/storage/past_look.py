"""What the figures of past days are made from, all of one moment: sums by row, polls, quarters, kept state."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from hems.adapters.storage.history_reader import history_in
from hems.adapters.storage.looking import one_look
from hems.adapters.storage.rows import (
    ENERGY_COLUMNS,
    datetime_from_us,
    energy_of_row,
    us_from_datetime,
)
from hems.analysis.metrics import NEUTRAL_MONEY, WELL_COVERED, BatteryRun
from hems.domain.history import HistoryColumns, HistoryQuestion
from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU

_MTU_US = MTU // timedelta(microseconds=1)

_GAINS = f"""SELECT total(decision_gain > {NEUTRAL_MONEY}), total(decision_gain < -{NEUTRAL_MONEY}),
    count(decision_gain) FROM energy WHERE start_us >= ? AND start_us < ?"""  # noqa: S608 - our own numbers

_BATTERY = f"""SELECT start_us, charge_wh, discharge_wh, soc_start_pct, soc_end_pct FROM energy
WHERE start_us >= ? AND start_us < ? AND coverage >= {WELL_COVERED}
    AND soc_start_pct IS NOT NULL AND soc_end_pct IS NOT NULL ORDER BY start_us"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Gains:
    """How many quarters had a gain, and how many of them saved and cost."""

    right: int
    wrong: int
    quarters: int


@dataclass(frozen=True, slots=True)
class Polls:
    """How many polls were kept of a span, and how many of them were complete."""

    kept: int
    complete: int


class PastLook:
    """One look into the past. Every method raises sqlite3.Error, which ``look_back`` turns into a StorageError."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._look = connection

    def history(self, question: HistoryQuestion, cuts: Sequence[datetime] | None = None) -> HistoryColumns:
        """Return the past in columns, of rows between ``cuts`` where they are given.

        Raises: ValueError: more rows than anybody draws.
        """
        return history_in(self._look, question, cuts)

    def gains(self, start: datetime, end: datetime) -> Gains:
        """Return what the decisions of [start, end) came to."""
        right, wrong, quarters = self._look.execute(_GAINS, _span(start, end)).fetchone()
        return Gains(int(right), int(wrong), int(quarters))

    def battery_runs(self, start: datetime, end: datetime) -> Iterator[BatteryRun]:
        """Yield the unbroken runs of well-covered quarters in [start, end) that speak for the battery."""
        charged = discharged = first_soc = last_soc = 0.0
        last_us: int | None = None
        for at_us, charge_wh, discharge_wh, soc_start, soc_end in self._look.execute(_BATTERY, _span(start, end)):
            if last_us is None or at_us != last_us + _MTU_US:
                if last_us is not None:
                    yield _run(charged, discharged, first_soc, last_soc)
                charged = discharged = 0.0
                first_soc = soc_start
            charged += charge_wh
            discharged += discharge_wh
            last_us, last_soc = at_us, soc_end
        if last_us is not None:
            yield _run(charged, discharged, first_soc, last_soc)

    def quarters(self, start: datetime, end: datetime) -> Sequence[EnergySlot]:
        """Return the stored quarters that start in [start, end), in order."""
        sql = f"SELECT {', '.join(ENERGY_COLUMNS)} FROM energy WHERE start_us >= ? AND start_us < ? ORDER BY start_us"  # noqa: S608
        return [energy_of_row(row) for row in self._look.execute(sql, _span(start, end))]

    def first_poll_at(self) -> datetime | None:
        """Return when the oldest kept poll was taken."""
        first = self._look.execute("SELECT min(at_us) FROM samples").fetchone()[0]
        return None if first is None else datetime_from_us(first)

    def polls(self, start: datetime, end: datetime) -> Polls:
        """Return how many polls are kept of [start, end)."""
        sql = "SELECT count(*), total(complete) FROM samples WHERE at_us >= ? AND at_us < ?"
        kept, complete = self._look.execute(sql, _span(start, end)).fetchone()
        return Polls(int(kept), int(complete))

    def poll_times(self, start: datetime, end: datetime) -> tuple[list[datetime], list[datetime]]:
        """Return when polls of [start, end) were taken, in order: all of them, and those that were complete."""
        sql = "SELECT at_us, complete FROM samples WHERE at_us >= ? AND at_us < ? ORDER BY at_us"
        rows = [(datetime_from_us(at_us), complete) for at_us, complete in self._look.execute(sql, _span(start, end))]
        return [at for at, _ in rows], [at for at, complete in rows if complete]

    def state(self, key: str) -> object | None:
        """Return the JSON value kept under ``key``; None where there is none, or it is no JSON."""
        row = self._look.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        try:
            value: object = None if row is None else json.loads(row[0])
        except (ValueError, TypeError, RecursionError):
            return None
        return value


@contextmanager
def look_back(database: Path) -> Iterator[PastLook]:
    """Yield a look into ``database`` that sees one moment of it, also while a service writes. Raises: StorageError."""
    with one_look(database) as connection:
        yield PastLook(connection)


def _run(charged: float, discharged: float, first_soc: float, last_soc: float) -> BatteryRun:
    return BatteryRun(charged_wh=charged, discharged_wh=discharged, soc_start_pct=first_soc, soc_end_pct=last_soc)


def _span(start: datetime, end: datetime) -> tuple[int, int]:
    return us_from_datetime(start), us_from_datetime(end)
