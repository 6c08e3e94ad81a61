"""From the configured place, panels and source to what forecasts take. numpy is imported only where one is made."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from hems.adapters.forecasts.registry import create_forecast_source
from hems.config.loader import resolve_directory
from hems.config.models import Configuration
from hems.domain.errors import ConfigurationError
from hems.domain.pv_plant import HorizonPoint, Place, PvPlane, PvPlant
from hems.domain.units import WATTS_PER_KILOWATT
from hems.ports.clock import Clock
from hems.ports.forecasts import ForecastSource

if TYPE_CHECKING:
    from hems.forecasting.pv import PvOptions

_ZONE_PLACE = re.compile(r"^([+-])(\d{2})(\d{2})(?:\d{2})?([+-])(\d{3})(\d{2})(?:\d{2})?$")


def place_of(settings: Configuration) -> Place | None:
    """Return where the house stands, None where that was not told."""
    site = settings.site
    if site.latitude is None or site.longitude is None:
        return None
    return Place(latitude_deg=site.latitude, longitude_deg=site.longitude)


def plant_of(settings: Configuration) -> PvPlant | None:
    """Return the panels, None where they were not told."""
    pv = settings.pv
    if not pv.planes:
        return None
    planes = tuple(
        PvPlane(
            peak_w=plane.peak_kw * WATTS_PER_KILOWATT,
            tilt_deg=plane.tilt_deg,
            azimuth_deg=plane.azimuth_deg,
            horizon=tuple(
                HorizonPoint(azimuth_deg=point.azimuth_deg, elevation_deg=point.elevation_deg)
                for point in plane.horizon
            ),
        )
        for plane in pv.planes
    )
    most_w = None if pv.inverter_max_kw is None else pv.inverter_max_kw * WATTS_PER_KILOWATT
    return PvPlant(planes=planes, inverter_max_w=most_w, losses_share=pv.losses_pct / 100.0)


def pv_options_of(settings: Configuration) -> PvOptions:
    """Return what the PV forecast knows of the house."""
    from hems.forecasting.pv import PvOptions

    place = place_of(settings)
    city = place_of_zone(settings.site.time_zone) if place is None else None
    rough_deg = None if city is None else city.latitude_deg
    return PvOptions(place=place, plant=plant_of(settings), latitude_deg=rough_deg)


def forecast_source_name(settings: Configuration) -> str | None:
    """Return which source is asked; None: nobody."""
    forecast = settings.forecast
    if forecast.pv_source == "none":
        return None
    if forecast.pv_source != "auto":
        return forecast.pv_source
    if forecast.file.path is not None:
        return "file"
    return "open_meteo" if place_of(settings) is not None and settings.pv.planes else None


def forecast_source_of(settings: Configuration, clock: Clock) -> ForecastSource | None:
    """Return the configured source, None where nobody is to be asked.

    Raises: ConfigurationError: an option that the source refuses.
    """
    name = forecast_source_name(settings)
    if name is None:
        return None
    if name == "file":
        return create_forecast_source(name, {"path": _file_of(settings)}, clock)
    service = settings.forecast.open_meteo if name == "open_meteo" else settings.forecast.forecast_solar
    options = {
        "place": place_of(settings),
        "plant": plant_of(settings),
        "base_url": str(service.base_url),
        "api_key": service.api_key,
        "timeout_s": service.timeout_seconds,
        "secrets": settings.secrets,
    }
    return create_forecast_source(name, options, clock)


@asynccontextmanager
async def forecast_source_opened(settings: Configuration, clock: Clock) -> AsyncIterator[ForecastSource | None]:
    """Yield the configured source or None; its connection is let go at the end."""
    source = forecast_source_of(settings, clock)
    try:
        yield source
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()


def place_of_zone(zone: str) -> Place | None:
    """Return where the city lies that a time zone is named after, None where it has none.

    Source: zone.tab of the IANA time zone database.
    """
    try:
        table = resources.files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8")
    except (ModuleNotFoundError, OSError):  # tzdata comes with the system instead: the seasons are then not followed
        return None
    for line in table.splitlines():
        columns = line.split("\t")
        if len(columns) >= 3 and columns[2] == zone and (found := _ZONE_PLACE.match(columns[1])):
            north, lat, lat_minutes, east, lon, lon_minutes = found.groups()
            latitude, longitude = int(lat) + int(lat_minutes) / 60.0, int(lon) + int(lon_minutes) / 60.0
            return Place(
                latitude_deg=-latitude if north == "-" else latitude,
                longitude_deg=-longitude if east == "-" else longitude,
            )
    return None


def _file_of(settings: Configuration) -> Path:
    path = settings.forecast.file.path
    if path is None:
        raise ConfigurationError([f"{settings.locate('forecast.file.path')}: required, because pv_source is file"])
    return path if settings.path is None else resolve_directory(settings.path, path)
