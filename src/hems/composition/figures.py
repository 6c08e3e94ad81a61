"""The figures F1-F5 at hand: computed from the store when a quarter closes, kept until the next."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from hems.adapters.storage.sqlite_reader import StoreReader
from hems.adapters.storage.sqlite_store import SqliteStore
from hems.analysis.metrics import Figure, FigureInputs, figures
from hems.config.models import Configuration
from hems.domain.errors import StorageError

PERIOD = timedelta(days=30)
FRESH_FOR = timedelta(minutes=15)


class FigureBoard:
    """F1-F5 of the last 30 days."""

    def __init__(self, store: SqliteStore, settings: Configuration) -> None:
        self._store = store
        self._settings = settings
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
                self._shown = figures_of(self._store.reader, self._settings, now)
            except StorageError as error:
                self._shown = {"problem": {"value": None, "unit": "", "basis": "", "reason": str(error)}}
        return self._shown


def figures_of(reader: StoreReader, settings: Configuration, now: datetime) -> dict[str, Any]:
    """Return F1-F5 of the 30 days before ``now``.

    Raises: StorageError.
    """
    first = reader.first_sample_at()
    start = now - PERIOD if first is None else max(first, now - PERIOD)
    made = figures(
        FigureInputs(
            start=start,
            end=now,
            quarters=reader.energy_between(start - timedelta(minutes=15), now),
            sampled_at=reader.sample_times(start, now),
            complete_at=reader.sample_times(start, now, complete_only=True),
            sample_interval_s=settings.coordinator.data_collection_interval_seconds,
            capacity_wh=1000.0 * settings.battery_management.capacity_kwh,
            currency=settings.prices.currency,
        )
    )
    shown: dict[str, Any] = {}
    for field in fields(made):
        figure = getattr(made, field.name)
        if isinstance(figure, Figure):
            shown[field.name] = {
                "value": figure.value,
                "unit": figure.unit,
                "basis": figure.basis,
                "reason": figure.reason,
            }
    return shown
