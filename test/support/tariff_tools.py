"""Whole local days priced by a configured tariff, for tests that compare with hand-made bills."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hems.composition.tariff import tariff_of
from hems.config.models import Configuration
from hems.domain.prices import CompassLevel, MarketView, PriceOrigin, PriceSeries, RetailPrice, SlotPrice
from hems.domain.time_grid import slots_of_day
from hems.ports.prices import Tariff
from support.price_tools import WARSAW

Price = Callable[[datetime], float]
"""From the local start of a quarter to its price per MWh."""


def tariff(**settings: Any) -> Tariff:
    """Return the tariff of ``prices.tariff`` with these keys; all others have their defaults."""
    return tariff_of(
        Configuration.model_validate(
            {
                "inverter": {"ip_address": "simulator"},
                "battery_management": {"capacity_kwh": 10.0},
                "prices": {"tariff": settings},
            }
        )
    )


def series(day: date, price: Price, zone: ZoneInfo = WARSAW, currency: str = "PLN") -> PriceSeries:
    """Return the published quarters of the local ``day``."""
    return PriceSeries(
        currency,
        tuple(
            SlotPrice(start=start, price_per_mwh=price(start.astimezone(zone)), origin=PriceOrigin.PUBLISHED)
            for start in slots_of_day(day, zone)
        ),
    )


def priced(
    of: Tariff,
    day: date,
    market: float | Price = 400.0,
    settlement: float | Price | None = 300.0,
    compass: Mapping[datetime, CompassLevel] | None = None,
) -> tuple[RetailPrice, ...]:
    """Return the retail prices of the local ``day``."""
    day_ahead = series(day, _as_price(market))
    settled = PriceSeries("PLN", ()) if settlement is None else series(day, _as_price(settlement))
    return of.retail_series(MarketView(day_ahead=day_ahead, settlement=settled, compass=compass or {}))


def hours_of(day: date) -> list[datetime]:
    """Return the UTC starts of the local day's hours: 23, 24 or 25."""
    return list(slots_of_day(day, WARSAW, timedelta(hours=1)))


def _as_price(value: float | Price) -> Price:
    return value if callable(value) else lambda _: value
