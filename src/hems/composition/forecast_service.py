"""The forecast service as configured: with its source on the real clock, or from the house's own past alone."""

from __future__ import annotations

import platform
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from zoneinfo import ZoneInfo

from hems.analysis.polish_calendar import is_public_holiday
from hems.composition.forecast import forecast_source_opened, pv_options_of
from hems.config.models import Configuration
from hems.coordination.forecast_feed import FeedOptions
from hems.coordination.forecast_service import ForecastService, ForecastServiceOptions, ForecastStore
from hems.forecasting.load import LoadForecaster, LoadOptions
from hems.forecasting.pv import PvForecaster
from hems.ports.clock import Clock
from hems.ports.forecasts import ForecastSource

POLISH_ZONE = "Europe/Warsaw"


@asynccontextmanager
async def forecast_service_of(
    settings: Configuration, store: ForecastStore, clock: Clock
) -> AsyncIterator[ForecastService]:
    """Yield the forecast service; its source's connection is let go at the end.

    Raises: ConfigurationError: an option that the source refuses.
    """
    async with forecast_source_opened(settings, clock) as source:
        yield _service(settings, store, clock, source)


def forecasts_without_source(settings: Configuration, store: ForecastStore, clock: Clock) -> ForecastService:
    """Return a forecast service that asks nobody."""
    return _service(settings, store, clock, None)


def load_options_of(settings: Configuration) -> LoadOptions:
    """Return what the load forecast knows of the house: whether its holidays are Polish ones."""
    return LoadOptions(is_holiday=_holidays_of(settings.site.time_zone))


def _service(
    settings: Configuration, store: ForecastStore, clock: Clock, source: ForecastSource | None
) -> ForecastService:
    seed = zlib.crc32(f"{platform.node()} {settings.inverter.ip_address}".encode())
    options = ForecastServiceOptions(zone=ZoneInfo(settings.site.time_zone), feed=FeedOptions(jitter_seed=seed))
    return ForecastService(
        source,
        store,
        clock,
        options,
        load=LoadForecaster(load_options_of(settings)),
        pv=PvForecaster(pv_options_of(settings)),
    )


def _holidays_of(zone: str) -> Callable[[date], bool] | None:
    """Return the calendar of the house; elsewhere than in Poland Sundays alone are known."""
    return is_public_holiday if zone == POLISH_ZONE else None
