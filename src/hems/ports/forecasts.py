"""Where expectations come from: sources outside the house, and the memory of what was expected when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from hems.domain.forecast import EnergyForecast, Quantity, SourceForecast


class ForecastSource(Protocol):
    """A service or file that tells what the sun will give."""

    @property
    def name(self) -> str:
        """How logs and status name this source."""
        ...

    @property
    def interval(self) -> timedelta:
        """How often it may be asked."""
        ...

    async def fetch(self, now: datetime) -> SourceForecast:
        """Return what it expects from the MTU of ``now`` on.

        Raises: ForecastUnavailable: no usable answer, try later (``retry_after`` where the source says when);
            ForecastRefused: the request itself is refused, a person has to act; RejectedData: an answer that cannot
            be right.
        """
        ...


class ForecastArchive(Protocol):
    """Forecasts as they were issued: a look back sees what was known then, and nothing later."""

    def save_forecast(self, forecast: EnergyForecast) -> None:
        """Keep a forecast under its quantity and ``issued_at``."""
        ...

    def forecasts_between(self, quantity: Quantity, start: datetime, end: datetime) -> Sequence[EnergyForecast]:
        """Return the forecasts issued in [start, end), in order."""
        ...
