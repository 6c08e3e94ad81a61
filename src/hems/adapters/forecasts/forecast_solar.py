"""Forecast.Solar: power of each plane, computed there. Without a key one plane a call and 12 calls an hour an address.

Source: https://doc.forecast.solar, recorded answers. Azimuth there: 0 south, -90 east, 90 west.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote

import httpx2

from hems.adapters.forecasts.forecast_solar_body import power_by_quarter, wait_in_refusal
from hems.adapters.forecasts.http_json import HttpOptions, JsonClient
from hems.adapters.forecasts.registry import FORECAST_SOURCES
from hems.adapters.registry import options_from
from hems.domain.errors import RejectedData
from hems.domain.forecast import SourceForecast
from hems.domain.pv_plant import Place, PvPlane, PvPlant
from hems.domain.time_grid import MTU, floor_to_grid
from hems.ports.clock import Clock
from hems.ports.forecasts import ForecastSource

LOCATION_DIGITS = 2
"""A hundredth of a degree is about a kilometre: enough for the sun and the weather."""

_CALLS_PER_HOUR = 6
"""Half of what an address is allowed: others behind it may ask too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSolarOptions:
    """Where the house is, what its panels are, and where the forecast is asked for."""

    place: Place
    plant: PvPlant
    base_url: str = field(default="https://api.forecast.solar", repr=False)
    api_key: str | None = field(default=None, repr=False)
    timeout_s: float = 20.0
    total_timeout_s: float = 60.0
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    def __post_init__(self) -> None:
        """Refuse what cannot work. Raises: ValueError."""
        self.http()

    def http(self) -> HttpOptions:
        """Return how the service is reached. Raises: ValueError: its address is none."""
        key = frozenset() if self.api_key is None else frozenset({self.api_key})
        return HttpOptions(
            base_url=self.base_url,
            key="forecast.forecast_solar.base_url",
            timeout_s=self.timeout_s,
            total_timeout_s=self.total_timeout_s,
            secrets=self.secrets | key,
        )


class ForecastSolarSource:
    """Asks for each plane at the rounded place and adds them up, within what the inverter gives."""

    def __init__(
        self, options: ForecastSolarOptions, clock: Clock, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        """``transport`` replaces the network, for simulated time."""
        self._options = options
        self._clock = clock
        self._client = JsonClient(options.http(), clock, transport)

    @property
    def name(self) -> str:
        """How logs and status name this source."""
        return "forecast_solar"

    @property
    def interval(self) -> timedelta:
        """How often it may be asked: an hour, longer for more planes than an hour allows."""
        return max(timedelta(hours=1), timedelta(hours=1) * len(self._options.plant.planes) / _CALLS_PER_HOUR)

    async def fetch(self, now: datetime) -> SourceForecast:
        """Return the expected power from the MTU of ``now`` on.

        Raises: ForecastUnavailable: with ``retry_after`` where the rate limit names a time; ForecastRefused,
            RejectedData: the message names address and status.
        """
        with self._client.guarded():
            planes = [await self._ask(plane) for plane in self._options.plant.planes]
        return self._forecast(planes, now)

    async def aclose(self) -> None:
        """Let go of the connection; the next fetch opens a new one."""
        await self._client.aclose()

    async def _ask(self, plane: PvPlane) -> Mapping[datetime, float]:
        address = self._address(plane)
        body = await self._client.get(address, wait_of=lambda content: wait_in_refusal(content, self._clock.now()))
        return power_by_quarter(body, most_w=3.0 * plane.peak_w, where=address)

    def _address(self, plane: PvPlane) -> str:
        place = self._options.place.rounded(LOCATION_DIGITS)
        key = "" if self._options.api_key is None else f"/{quote(self._options.api_key, safe='')}"
        azimuth_deg = plane.azimuth_deg - 180.0
        path = (
            f"{key}/estimate/{place.latitude_deg:.{LOCATION_DIGITS}f}/{place.longitude_deg:.{LOCATION_DIGITS}f}"
            f"/{plane.tilt_deg:.0f}/{azimuth_deg:.0f}/{plane.peak_w / 1000.0:.3f}"
        )
        return self._client.address(path, {"time": "iso8601"})

    def _forecast(self, planes: list[Mapping[datetime, float]], now: datetime) -> SourceForecast:
        start = floor_to_grid(now)
        end = max((quarter for plane in planes for quarter in plane), default=start)
        most_w = self._options.plant.inverter_max_w
        values: list[float | None] = []
        for number in range(max(0, (end - start) // MTU + 1)):
            parts = [plane.get(start + number * MTU) for plane in planes]
            known = [part for part in parts if part is not None]
            total = sum(known) if len(known) == len(parts) else None
            values.append(total if total is None or most_w is None else min(total, most_w))
        if not any(value is not None for value in values):
            raise RejectedData(f"forecast_solar says nothing of the time after {now:%Y-%m-%d %H:%M} UTC")
        return SourceForecast(source=self.name, received_at=now, start=start, pv_w=tuple(values))


@FORECAST_SOURCES.register("forecast_solar")
def _forecast_solar_from_settings(settings: Mapping[str, object], clock: Clock) -> ForecastSource:
    return ForecastSolarSource(options_from(ForecastSolarOptions, settings, key="forecast.forecast_solar"), clock)
