"""Open-Meteo: the weather of the coming days, turned into power by our own model of sun and panels.

Source: https://open-meteo.com/en/docs; radiation is the mean of the PRECEDING interval. No key for private use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isnan

import httpx2
import numpy as np

from hems.adapters.forecasts.http_json import HttpOptions, JsonClient
from hems.adapters.forecasts.open_meteo_body import read_weather
from hems.adapters.forecasts.registry import FORECAST_SOURCES
from hems.adapters.registry import options_from
from hems.domain.errors import RejectedData
from hems.domain.forecast import SourceForecast
from hems.domain.pv_plant import Place, PvPlant
from hems.domain.time_grid import MTU, floor_to_grid
from hems.forecasting.pv_plant import power_from_weather
from hems.forecasting.solar import FloatArray
from hems.ports.clock import Clock
from hems.ports.forecasts import ForecastSource

_VARIABLES = "shortwave_radiation,direct_radiation,diffuse_radiation,temperature_2m"
_MTU_S = int(MTU.total_seconds())
LOCATION_DIGITS = 2
"""A hundredth of a degree is about a kilometre; the weather model's grid is no finer than two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMeteoOptions:
    """Where the house is, what its panels are, and where the weather is asked for."""

    place: Place
    plant: PvPlant
    base_url: str = field(default="https://api.open-meteo.com/v1/forecast", repr=False)
    api_key: str | None = field(default=None, repr=False)
    timeout_s: float = 20.0
    total_timeout_s: float = 60.0
    interval: timedelta = timedelta(hours=1)
    """The models behind it run every one to six hours."""
    days: int = 3
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    def __post_init__(self) -> None:
        """Refuse what cannot work. Raises: ValueError."""
        if not 1 <= self.days <= 16:
            raise ValueError(f"days {self.days}: must be 1 to 16")
        self.http()

    def http(self) -> HttpOptions:
        """Return how the service is reached. Raises: ValueError: its address is none."""
        key = frozenset() if self.api_key is None else frozenset({self.api_key})
        return HttpOptions(
            base_url=self.base_url,
            key="forecast.open_meteo.base_url",
            timeout_s=self.timeout_s,
            total_timeout_s=self.total_timeout_s,
            secrets=self.secrets | key,
        )


class OpenMeteoSource:
    """Asks for the weather at the rounded place and computes what the panels make of it."""

    def __init__(
        self, options: OpenMeteoOptions, clock: Clock, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        """``transport`` replaces the network, for simulated time."""
        self._options = options
        self._client = JsonClient(options.http(), clock, transport)

    @property
    def name(self) -> str:
        """How logs and status name this source."""
        return "open_meteo"

    @property
    def interval(self) -> timedelta:
        """How often it may be asked."""
        return self._options.interval

    async def fetch(self, now: datetime) -> SourceForecast:
        """Return the expected power and temperature from the MTU of ``now`` on.

        Raises: ForecastUnavailable, ForecastRefused, RejectedData: the message names address and status.
        """
        with self._client.guarded():
            address = self._address()
            return self._forecast(await self._client.get(address), now, address)

    async def aclose(self) -> None:
        """Let go of the connection; the next fetch opens a new one."""
        await self._client.aclose()

    def _address(self) -> str:
        place = self._options.place.rounded(LOCATION_DIGITS)
        query = {
            "latitude": f"{place.latitude_deg:.{LOCATION_DIGITS}f}",
            "longitude": f"{place.longitude_deg:.{LOCATION_DIGITS}f}",
            "minutely_15": _VARIABLES,
            "hourly": _VARIABLES,
            "forecast_days": str(self._options.days),
            "timeformat": "unixtime",
            "timezone": "GMT",
        }
        if self._options.api_key is not None:
            query["apikey"] = self._options.api_key
        return self._client.address("", query)

    def _forecast(self, body: Mapping[str, object], now: datetime, where: str) -> SourceForecast:
        first = int(floor_to_grid(now).timestamp()) // _MTU_S
        series = read_weather(body, where)
        count = max((block.start_s + len(block.temperature_c) * block.step_s) // _MTU_S for block in series) - first
        power_w, temperature_c = np.full(max(0, count), np.nan), np.full(max(0, count), np.nan)
        for block in series:  # the finest first: a coarser one only fills what is still unknown
            offset = block.start_s // _MTU_S - first
            _fill(power_w, offset, power_from_weather(self._options.plant, self._options.place, block))
            _fill(temperature_c, offset, np.repeat(block.temperature_c, block.step_s // _MTU_S))
        if not np.isfinite(power_w).any():
            raise RejectedData(f"{where}: says nothing of the time after {now:%Y-%m-%d %H:%M} UTC")
        return SourceForecast(
            source=self.name,
            received_at=now,
            start=floor_to_grid(now),
            pv_w=_or_none(power_w),
            temperature_c=_or_none(temperature_c),
        )


def _fill(series: FloatArray, offset: int, values: FloatArray) -> None:
    """Put ``values``, which begin ``offset`` after ``series``, where that is unknown."""
    low, high = max(0, offset), min(len(series), offset + len(values))
    if high > low:
        part = series[low:high]
        part[:] = np.where(np.isnan(part), values[low - offset : high - offset], part)


def _or_none(values: FloatArray) -> tuple[float | None, ...]:
    return tuple(None if isnan(value) else value for value in values.tolist())


@FORECAST_SOURCES.register("open_meteo")
def _open_meteo_from_settings(settings: Mapping[str, object], clock: Clock) -> ForecastSource:
    return OpenMeteoSource(options_from(OpenMeteoOptions, settings, key="forecast.open_meteo"), clock)
