"""The forecast sources that can be configured, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hems.adapters.registry import Registry
from hems.ports.clock import Clock
from hems.ports.forecasts import ForecastSource

ForecastSourceFactory = Callable[[Mapping[str, object], Clock], ForecastSource]

FORECAST_SOURCES: Registry[ForecastSourceFactory] = Registry(
    kind="forecast source", key="forecast.pv_source", package="hems.adapters.forecasts"
)


def create_forecast_source(name: str, settings: Mapping[str, object], clock: Clock) -> ForecastSource:
    """Return the forecast source called ``name``, set up from its own ``settings``.

    Raises: ConfigurationError: no such source, or a setting it does not have.
    """
    return FORECAST_SOURCES.factory(name)(settings, clock)
