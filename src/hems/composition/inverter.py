"""Which inverter: the one at the configured address, or the built-in simulated one on a loopback address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import structlog

from hems.adapters.inverters.goodwe import GoodWeConnector, GoodWeOptions, RetryOptions
from hems.adapters.inverters.user_settings import JsonUserSettingsStore
from hems.composition.last_run import USER_SETTINGS_FILE as USER_SETTINGS_FILE
from hems.composition.tools import Loaded
from hems.config.models import Configuration
from hems.ports.clock import Clock
from hems.ports.inverter import InverterConnector

log = structlog.get_logger(__name__)


@asynccontextmanager
async def connector_of(loaded: Loaded, clock: Clock) -> AsyncIterator[InverterConnector]:
    """Yield what opens the configured inverter; the built-in simulator lives as long as this context."""
    options = goodwe_options_of(loaded)
    user_settings = JsonUserSettingsStore(loaded.data / "system_state" / USER_SETTINGS_FILE)
    if not loaded.settings.inverter.is_simulated:
        yield GoodWeConnector(options, clock, user_settings)
        return
    from hems.composition.built_in_simulator import start_simulator

    server = await start_simulator(loaded.settings, clock)
    try:
        log.info("built-in simulated inverter started", host=server.host)
        # The simulator needs no rest between frames; on hardware dongles do.
        yield GoodWeConnector(replace(options, host=server.host, frame_gap_s=0.0), clock, user_settings)
    finally:
        await server.stop()


def goodwe_options_of(loaded: Loaded) -> GoodWeOptions:
    """Return where the inverter is and how patiently it is asked."""
    inverter = loaded.settings.inverter
    return GoodWeOptions(
        host=inverter.ip_address,
        port=inverter.port,
        family=inverter.family,
        control=inverter.control,
        frame_gap_s=inverter.frame_gap_milliseconds / 1000.0,
        retry=retry_options_of(loaded.settings),
        time_zone=loaded.zone,
    )


def retry_options_of(settings: Configuration) -> RetryOptions:
    """Return how long one answer may take and how often it is asked for again."""
    inverter = settings.inverter
    return RetryOptions(timeout_s=inverter.request_timeout_seconds, retries=inverter.request_retries)
