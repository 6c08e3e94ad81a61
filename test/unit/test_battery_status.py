"""The battery's part of the status."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hems.composition.battery_status import battery_status
from hems.domain.readings import EnergyCounters, unknown_snapshot
from hems.domain.site import BatteryWindow, SiteSpec
from support.scripted_inverter import snapshot

AT = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)
SPEC = SiteSpec(
    battery_capacity_wh=10_000.0,
    window=BatteryWindow(
        voltage_min_v=45.0,
        voltage_max_v=58.0,
        charge_current_max_a=32.0,
        discharge_current_max_a=32.0,
        charge_temperature_min_c=0.0,
        discharge_temperature_min_c=-10.0,
        temperature_max_c=60.0,
    ),
    charge_max_w=5000.0,
    grid_voltage_min_v=200.0,
    grid_voltage_max_v=250.0,
    soc_min_pct=10.0,
    soc_max_pct=100.0,
)


def test_says_what_the_battery_takes_and_how_long_it_lasts() -> None:
    shown = battery_status(SPEC, "48 V pack", 90.0, [snapshot(AT)])
    assert shown["usable_charge_w"] == round(32.0 * 52.0)
    # 4 kWh at 95 % efficiency with 1664 W, below the taper: 2.53 h.
    assert abs(shown["time_to_target_s"] - 3600 * 4000 / 0.95 / 1664) < 5


def test_counts_cycles_over_the_time_that_was_counted() -> None:
    first = replace(snapshot(AT), counters=EnergyCounters(charge_wh=100_000.0, discharge_wh=90_000.0))
    last = replace(
        snapshot(AT + timedelta(hours=12)), counters=EnergyCounters(charge_wh=105_000.0, discharge_wh=95_000.0)
    )
    silent = unknown_snapshot(AT + timedelta(hours=13), "the inverter did not answer")
    shown = battery_status(SPEC, None, 100.0, [first, last, silent])
    assert shown["full_cycles"] == 9.5
    assert shown["full_cycles_per_day"] == 1.0
    assert shown["usable_charge_w"] is None


def test_knows_nothing_before_the_first_reading() -> None:
    shown = battery_status(SPEC, None, 100.0, [])
    assert (shown["usable_charge_w"], shown["time_to_target_s"], shown["full_cycles"]) == (None, None, None)
