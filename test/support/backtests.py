"""Studies of made-up homes: days with a sun, a rhythm of use, and prices with a cheap night and a dear evening."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from hems.backtest.known_prices import KnownPrices, Publication, prices_as_given
from hems.backtest.past import Past
from hems.backtest.study import ForecastKind, Study
from hems.domain.command import Mode
from hems.domain.measured import MeasuredHousehold, RecordQuality
from hems.domain.outlook import HomeModel
from hems.domain.prices import PriceOrigin, RetailPrice
from hems.domain.time_grid import MTU, local_day_bounds

WARSAW = ZoneInfo("Europe/Warsaw")
FIRST = date(2024, 11, 4)

HOME = HomeModel(
    capacity_wh=10_000.0,
    floor_pct=10.0,
    reserve_pct=10.0,
    ceiling_pct=100.0,
    charge_max_w=5_000.0,
    discharge_max_w=5_000.0,
    charge_efficiency=0.95,
    discharge_efficiency=0.95,
    wear_per_kwh=0.05,
    import_max_w=11_000.0,
    export_max_w=8_000.0,
    taper_from_pct=100.0,
    no_grid_energy_into_export=False,
    modes=(Mode.SELF_USE, Mode.HOLD, Mode.NO_CHARGE, Mode.CHARGE, Mode.DISCHARGE),
    can_limit_export=True,
)


def measured(
    days: int = 14, *, seed: int = 0, step_minutes: int = 15, with_forecast: bool = False
) -> MeasuredHousehold:
    """Return a house from midnight of ``FIRST`` on."""
    start = local_day_bounds(FIRST, WARSAW)[0]
    step = timedelta(minutes=step_minutes)
    count = int(timedelta(days=days) / step)
    rng = np.random.default_rng(seed)
    hour = (np.arange(count) * step.total_seconds() / 3600.0) % 24.0
    load = 250.0 + 900.0 * np.exp(-(((hour - 19.0) / 2.0) ** 2)) + rng.gamma(1.0, 150.0, count)
    load += np.where(rng.random(count) < 0.03, 2500.0, 0.0)
    cloud = np.repeat(rng.uniform(0.2, 1.0, days + 1), int(timedelta(days=1) / step))[:count]
    clear = np.maximum(np.sin((hour - 6.0) / 12.0 * np.pi), 0.0) * 4500.0
    pv = clear * cloud * rng.uniform(0.8, 1.0, count)
    said = clear * (0.6 + 0.4 * cloud) if with_forecast else None
    quality = RecordQuality(source="made up", rows=count, step=step, first=start, end=start + count * step)
    return MeasuredHousehold(start=start, step=step, load_w=load, pv_w=pv, pv_forecast_w=said, quality=quality)


def retail(days: int = 14, *, seed: int = 0, **shape: float) -> tuple[RetailPrice, ...]:
    """Return quarter prices from midnight of ``FIRST`` on; ``low``/``sell_low`` shift them, below zero too."""
    start = local_day_bounds(FIRST, WARSAW)[0]
    rng = np.random.default_rng(1000 + seed)
    found = []
    for index in range(days * 96):
        moment = start + index * MTU
        hour = moment.astimezone(WARSAW).hour + moment.minute / 60.0
        market = 0.35 + 0.3 * np.exp(-(((hour - 19.0) / 2.5) ** 2)) - 0.25 * np.exp(-(((hour - 13.0) / 2.5) ** 2))
        market += float(rng.normal(0.0, 0.03)) + shape.get("low", 0.0)
        buy = 1.23 * (market + 0.08) + 0.29
        sell = market + shape.get("sell_low", 0.0)
        found.append(RetailPrice(start=moment, import_per_kwh=buy, export_per_kwh=sell, origin=PriceOrigin.PUBLISHED))
    return tuple(found)


def known(prices: tuple[RetailPrice, ...], at: time = time(14, 0)) -> KnownPrices:
    """Return ``prices`` as they become known, in PLN."""
    return prices_as_given(prices, "PLN", Publication(zone=WARSAW, at=at))


def study(days: int = 14, *, seed: int = 0, step_minutes: int = 15, lived_from: int = 0, **changes: Any) -> Study:
    """Return a study of ``days``, lived from day ``lived_from`` on; ``changes`` replace fields of it or of its home."""
    house = changes.pop("measured", None) or measured(days, seed=seed, step_minutes=step_minutes)
    prices = changes.pop("prices", None) or known(retail(days, seed=seed))
    home_changes = {name: changes.pop(name) for name in list(changes) if name in HomeModel.__dataclass_fields__}
    past = Past.of(house)
    return replace(
        Study(
            title="made up",
            past=past,
            prices=prices,
            home=replace(HOME, **home_changes),
            zone=WARSAW,
            first=local_day_bounds(FIRST + timedelta(days=lived_from), WARSAW)[0],
            last=past.end,
            start_soc_pct=50.0,
            left_value_per_kwh=0.45,
            forecast=ForecastKind.CAUSAL,
        ),
        **changes,
    )


def at(text: str) -> datetime:
    """Return a moment of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
