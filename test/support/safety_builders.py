"""A healthy house to break one reading of, for the tests of safety and deciding."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hems.domain.command import Command
from hems.domain.decision import DecisionContext, PriceContext
from hems.domain.prices import PriceOrigin
from hems.domain.readings import (
    BatteryReading,
    GridReading,
    InverterReading,
    LoadReading,
    PvReading,
    Quality,
    SiteSnapshot,
    WorkState,
)
from hems.domain.site import BatteryWindow, SiteSpec

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
POLL = timedelta(seconds=5)

WINDOW_48V = BatteryWindow(
    voltage_min_v=45.0,
    voltage_max_v=58.0,
    charge_current_max_a=32.0,
    discharge_current_max_a=32.0,
    charge_temperature_min_c=0.0,
    discharge_temperature_min_c=-20.0,
    temperature_max_c=60.0,
)
SPEC = SiteSpec(
    battery_capacity_wh=10_000.0,
    window=WINDOW_48V,
    charge_max_w=5000.0,
    grid_voltage_min_v=200.0,
    grid_voltage_max_v=250.0,
    soc_min_pct=10.0,
    soc_max_pct=100.0,
)


def snapshot(at: datetime = NOON, **changes: Any) -> SiteSnapshot:
    """Return a healthy snapshot; a change is named ``part__field``, such as ``battery__temperature_c=61.0``."""
    good = Quality.GOOD
    healthy = SiteSnapshot(
        at=at,
        pv=PvReading(at=at, quality=good, power_w=1000.0),
        battery=BatteryReading(
            at=at,
            quality=good,
            soc_pct=50.0,
            power_w=0.0,
            voltage_v=52.0,
            current_a=0.0,
            temperature_c=25.0,
            cell_temperature_min_c=24.0,
            cell_temperature_max_c=26.0,
            charge_limit_a=50.0,
            discharge_limit_a=50.0,
        ),
        grid=GridReading(
            at=at, quality=good, power_w=500.0, voltage_v=(230.0, 231.0, 232.0), frequency_hz=50.0, connected=True
        ),
        load=LoadReading(at=at, quality=good, power_w=1500.0),
        inverter=InverterReading(at=at, quality=good, state=WorkState.ON_GRID, clock=at),
    )
    for name, value in changes.items():
        part, _, field = name.partition("__")
        healthy = replace(healthy, **{part: replace(getattr(healthy, part), **{field: value})})
    return healthy


def context(
    *,
    price: float | None = 300.0,
    origin: PriceOrigin | None = PriceOrigin.PUBLISHED,
    charging: bool = False,
    active: Command | None = None,
    active_since: datetime | None = None,
    at: datetime = NOON,
    **changes: Any,
) -> DecisionContext:
    """Return the context of a decision at ``at`` over a healthy snapshot with ``changes``."""
    return DecisionContext(
        at=at,
        snapshot=snapshot(at, **changes),
        price=PriceContext(price_per_mwh=price, currency="PLN", origin=origin, import_per_kwh=0.9),
        active=active,
        active_since=active_since,
        charging=charging,
        decision_interval_s=900.0,
    )
