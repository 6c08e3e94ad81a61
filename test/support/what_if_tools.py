"""Small homes for what-if tests: a few days of load, sun and prices, planned by the plain kernel in seconds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from hems.backtest.known_prices import KnownPrices, Publication
from hems.backtest.past import Past
from hems.backtest.study import ForecastKind, Study
from hems.composition.backtest import home_of
from hems.composition.backtest_request import BacktestRequest
from hems.config.models import Configuration
from hems.domain.measured import MeasuredHousehold, RecordQuality
from hems.domain.outlook import HomeModel
from hems.domain.time_grid import MTU
from hems.planning.problem import PlanningOptions

WARSAW = ZoneInfo("Europe/Warsaw")
START = datetime(2026, 3, 1, 23, tzinfo=UTC)
"""A local midnight."""


def plain_home(**changes: object) -> HomeModel:
    """Return a home of 10 kWh and 5 kW."""
    settings = Configuration.model_validate(
        {"inverter": {"ip_address": "192.0.2.1"}, "battery_management": {"capacity_kwh": 10.0}}
    )
    return replace(home_of(BacktestRequest(home="x"), settings, is_configured=False), **changes)


def small_study(days: int = 2, *, buy_shift: float = 0.0, past: Past | None = None) -> Study:
    """Return ``days`` of a steady load, a midday sun and prices that are dear in the evening."""
    count = 96 * days
    hour = (np.arange(count) % 96) / 4.0
    if past is None:
        load_w = np.full(count, 800.0)
        pv_w = np.maximum(0.0, 3000.0 * np.sin((hour - 7.0) / 10.0 * np.pi)) * ((hour > 7.0) & (hour < 17.0))
        quality = RecordQuality(source="made up", rows=count, step=MTU, first=START, end=START + count * MTU)
        past = Past.of(
            MeasuredHousehold(start=START, step=MTU, load_w=load_w, pv_w=pv_w, pv_forecast_w=None, quality=quality)
        )
    buy = np.where((hour >= 17.0) & (hour < 21.0), 1.4, np.where(hour < 6.0, 0.4, 0.8)) + buy_shift
    prices = KnownPrices(
        start=START,
        currency="PLN",
        buy=buy,
        sell=np.full(count, 0.2),
        market_per_mwh=None,
        publication=Publication(zone=WARSAW),
        estimate=lambda day, known_day: {},
    )
    return Study(
        title="made up",
        past=past,
        prices=prices,
        home=plain_home(),
        zone=WARSAW,
        first=START,
        last=START + count * MTU,
        start_soc_pct=50.0,
        left_value_per_kwh=0.4,
        forecast=ForecastKind.PERFECT,
        planning=PlanningOptions(horizon=timedelta(hours=24)),
    )
