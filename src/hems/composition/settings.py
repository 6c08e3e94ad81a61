"""From what the owner configured to each component's own options. Pure mapping; nothing is opened here."""

from __future__ import annotations

import math
import platform
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from hems.adapters.prices.registry import create_price_source
from hems.adapters.storage.compass_archive import CompassInState, StateKeeper
from hems.composition.tariff import SETTLEMENT_ZONE, tariff_of
from hems.config.factors import FallingFactor, RisingFactor
from hems.config.models import Configuration
from hems.coordination.compass_feed import CompassFeed
from hems.coordination.price_service import PriceService, PriceServiceOptions
from hems.decision.factors import Band, FactorRule
from hems.decision.multi_factor_engine import MultiFactorOptions
from hems.domain.decision import FactorName
from hems.ports.clock import Clock
from hems.ports.prices import CompassSource, PriceArchive, PriceSource, Tariff

__all__ = [
    "SETTLEMENT_ZONE",
    "PriceStore",
    "minutes",
    "multi_factor_options_of",
    "price_service_of",
    "price_service_options_of",
    "price_source_of",
    "readings_every",
    "tariff_of",
]


def multi_factor_options_of(settings: Configuration) -> MultiFactorOptions:
    """Return the score's bands, weights and thresholds."""
    factors = settings.coordinator.factors
    names = (FactorName.PRICE, FactorName.BATTERY, FactorName.PV, FactorName.CONSUMPTION)
    sections: tuple[RisingFactor | FallingFactor, ...] = (
        factors.price,
        factors.battery,
        factors.pv,
        factors.consumption,
    )
    total = math.fsum(section.weight for section in sections)
    price, battery, pv, consumption = (
        _factor_rule(name, section, total) for name, section in zip(names, sections, strict=True)
    )
    thresholds = settings.coordinator.charging_thresholds
    return MultiFactorOptions(
        price=price,
        battery=battery,
        pv=pv,
        consumption=consumption,
        start_score=thresholds.start_charging_score,
        stop_score=thresholds.stop_charging_score,
        emergency_soc_pct=settings.charging.emergency_soc,
        charge_power_w=settings.charging.max_power,
        target_soc_pct=settings.charging.target_soc,
    )


def price_source_of(settings: Configuration, clock: Clock) -> PriceSource:
    """Return the configured publisher of prices."""
    pse = settings.prices.pse
    options = {
        "base_url": str(pse.base_url),
        "timeout_s": pse.timeout_seconds,
        "page_size": pse.page_size,
        "secrets": settings.secrets,
    }
    return create_price_source(settings.prices.source, options, clock)


def price_service_options_of(settings: Configuration) -> PriceServiceOptions:
    """Return when prices are asked for; houses differ in the second they ask."""
    return PriceServiceOptions(
        zone=ZoneInfo(SETTLEMENT_ZONE),
        currency=settings.prices.currency,
        first_fetch_time=settings.prices.first_fetch_time,
        jitter_seed=zlib.crc32(f"{platform.node()} {settings.inverter.ip_address}".encode()),
    )


class PriceStore(PriceArchive, StateKeeper, Protocol):
    """Keeps prices, and state beside them."""


@asynccontextmanager
async def price_service_of(
    settings: Configuration, archive: PriceStore, tariff: Tariff, clock: Clock
) -> AsyncIterator[PriceService]:
    """Yield the price service; its connection is let go at the end."""
    source = price_source_of(settings, clock)
    options = price_service_options_of(settings)
    compass = None
    if tariff.needs.compass and isinstance(source, CompassSource):
        compass = CompassFeed(source, CompassInState(archive), options.zone)
    try:
        yield PriceService(source, archive, tariff, clock, options, compass=compass)
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()


def readings_every(settings: Configuration) -> timedelta:
    """Return how often a reading is kept: at most once a poll, however short the configured interval."""
    return timedelta(
        seconds=max(settings.coordinator.data_collection_interval_seconds, settings.inverter.poll_interval_seconds)
    )


def minutes(value: float) -> timedelta:
    """Return ``value`` minutes."""
    return timedelta(minutes=value)


def _factor_rule(name: FactorName, section: RisingFactor | FallingFactor, weights_total: float) -> FactorRule:
    """Return the rule; weights are divided by their sum, which the configuration holds near enough to 1."""
    if isinstance(section, RisingFactor):
        bands = tuple(Band(up_to=band.up_to, points=band.points) for band in section.bands)
    else:
        bands = tuple(Band(at_least=band.at_least, points=band.points) for band in section.bands)
    return FactorRule(name=name, weight=section.weight / weights_total, bands=bands, otherwise=section.otherwise)
