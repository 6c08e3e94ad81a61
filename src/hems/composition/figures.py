"""The figures F1-F5 at hand: computed from the store when a quarter closes, kept until the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from hems.adapters.storage.sqlite_reader import StoreReader
from hems.adapters.storage.sqlite_store import SqliteStore
from hems.analysis.metrics import (
    Figure,
    charging_efficiency,
    data_collection_rate,
    decision_accuracy,
    savings,
    uptime,
)
from hems.composition.settings import readings_every
from hems.config.models import Configuration
from hems.domain.errors import StorageError
from hems.domain.time_grid import MTU
from hems.domain.units import wh_from_kwh

PERIOD = timedelta(days=30)
FRESH_FOR = timedelta(minutes=15)
DAY = timedelta(days=1)

ShareOf = Callable[[Sequence[datetime], datetime, datetime, float], Figure]


class FigureBoard:
    """F1-F5 of the last 30 days."""

    def __init__(self, store: SqliteStore, settings: Configuration) -> None:
        self._store = store
        interval_s = readings_every(settings).total_seconds()
        self._uptime = ShareOfTime(uptime, interval_s, complete_only=False)
        self._collection = ShareOfTime(data_collection_rate, interval_s, complete_only=True)
        self._capacity_wh = wh_from_kwh(settings.battery_management.capacity_kwh)
        self._currency = settings.prices.currency
        self._made_at: datetime | None = None
        self._shown: dict[str, Any] = {}

    def invalidate(self) -> None:
        """Compute anew at the next reading."""
        self._made_at = None

    def read(self, now: datetime) -> dict[str, Any]:
        """Return the figures by name, each with value, unit, basis and the reason where there is no value."""
        if self._made_at is None or not timedelta(0) <= now - self._made_at < FRESH_FOR:
            self._made_at = now
            try:
                self._shown = self._compute(self._store.reader, now)
            except StorageError as error:
                self._shown = {"problem": {"value": None, "unit": "", "basis": "", "reason": str(error)}}
        return self._shown

    def _compute(self, reader: StoreReader, now: datetime) -> dict[str, Any]:
        first = reader.first_sample_at()
        start = now if first is None else max(first, now - PERIOD)  # nobody is blamed for the time before
        quarters = reader.energy_between(start - MTU, now)
        return {
            "decision_accuracy": _shown(decision_accuracy(quarters)),
            "uptime": _shown(self._uptime.between(reader, start, now)),
            "data_collection_rate": _shown(self._collection.between(reader, start, now)),
            "charging_efficiency": _shown(charging_efficiency(quarters, self._capacity_wh)),
            "savings": _shown(savings(quarters, self._capacity_wh, self._currency)),
        }


class ShareOfTime:
    """F2 and F3 day by day: what is past does not change, so a quarter costs one day's readings, not thirty."""

    def __init__(self, share_of: ShareOf, interval_s: float, *, complete_only: bool) -> None:
        self._share_of = share_of
        self._interval_s = interval_s
        self._complete_only = complete_only
        self._past: dict[tuple[datetime, datetime], float] = {}

    def between(self, reader: StoreReader, start: datetime, end: datetime) -> Figure:
        """Return the share of [start, end); raises StorageError."""
        nothing = self._share_of((), start, end, self._interval_s)
        if nothing.value is None:
            return nothing
        covered, watched = timedelta(), timedelta()
        kept: dict[tuple[datetime, datetime], float] = {}
        for day in _days(start, end):
            share_pct = self._past.get(day)
            if share_pct is None:
                moments = reader.sample_times(*day, complete_only=self._complete_only)
                share_pct = self._share_of(moments, *day, self._interval_s).value
            if share_pct is None:  # the piece of a day is shorter than is worth judging
                continue
            if day[1] < end:
                kept[day] = share_pct
            covered += (day[1] - day[0]) * share_pct / 100.0
            watched += day[1] - day[0]
        self._past = kept
        value = 100.0 * (covered / watched) if watched else None
        return Figure(name=nothing.name, value=value, unit="%", basis=f"of {end - start}")


def _days(start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Return [start, end) cut at UTC midnights."""
    pieces = []
    while start < end:
        midnight = datetime.combine(start.date(), time.min, tzinfo=UTC) + DAY
        pieces.append((start, min(midnight, end)))
        start = midnight
    return pieces


def _shown(figure: Figure) -> dict[str, Any]:
    return {"value": figure.value, "unit": figure.unit, "basis": figure.basis, "reason": figure.reason}
