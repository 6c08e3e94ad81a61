"""What sources said of the weather, quarter by quarter: the past that the house's need of heat is learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from hems.domain.forecast import SourceForecast
from hems.domain.time_grid import MTU, require_utc
from hems.forecasting.load_weather import QuarterTemperature

KEPT = timedelta(days=62)
"""As long as the measured past."""


class TemperatureMemory:
    """The newest temperature said of each quarter [degrees C], from 62 days before the newest word to its end."""

    def __init__(self) -> None:
        self._series: QuarterTemperature | None = None

    def series(self) -> QuarterTemperature | None:
        """Return all that is remembered; None before anything was said."""
        return self._series

    def remember(self, said: SourceForecast) -> None:
        """Take in what ``said`` tells of temperatures; it replaces what was said of the same quarters before."""
        news = np.array([np.nan if value is None else value for value in said.temperature_c], dtype=np.float64)
        if not np.isfinite(news).any():
            return
        before = self._series
        start = said.start - KEPT
        length = (said.start - start) // MTU + len(news)
        celsius = np.full(length, np.nan)
        if before is not None:
            index = (before.start - start) // MTU + np.arange(len(before.celsius))
            usable = (index >= 0) & (index < length)
            celsius[index[usable]] = before.celsius[usable]
        latest = celsius[length - len(news) :]
        celsius[length - len(news) :] = np.where(np.isfinite(news), news, latest)
        self._series = QuarterTemperature(start=start, celsius=celsius)

    def state(self) -> dict[str, Any] | None:
        """Return all of this as plain JSON values; None where nothing is remembered."""
        if self._series is None:
            return None
        values = [round(value, 1) if np.isfinite(value) else None for value in self._series.celsius.tolist()]
        return {"start": self._series.start.isoformat(), "celsius": values}

    def take_up(self, kept: Mapping[str, Any]) -> None:
        """Go on from what ``state`` told. Raises: ValueError, KeyError, TypeError: it is no such state."""
        celsius = np.array([np.nan if value is None else float(value) for value in kept["celsius"]], dtype=np.float64)
        self._series = QuarterTemperature(
            start=require_utc(datetime.fromisoformat(str(kept["start"]))), celsius=celsius
        )
