"""The Battery Manager against hand calculations and a step-by-step charge."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hems.analysis.battery_manager import (
    ChargeModel,
    energy_to_target_wh,
    full_cycles,
    taper_share,
    time_to_target,
    usable_charge_power_w,
    utilisation_per_day,
)
from hems.domain.readings import EnergyCounters
from support.safety_builders import SPEC, snapshot

MODEL = ChargeModel()
LOSSLESS = ChargeModel(charge_efficiency=1.0)


@pytest.mark.parametrize(("soc", "share"), [(0.0, 1.0), (95.0, 1.0), (97.5, 0.525), (100.0, 0.05)])
def test_the_taper(soc: float, share: float) -> None:
    assert taper_share(soc, MODEL) == pytest.approx(share)


@pytest.mark.parametrize(
    ("changes", "power_w"),
    [
        ({}, 32.0 * 52.0),  # the window's 32 A
        ({"battery__charge_limit_a": 10.0}, 520.0),  # the BMS's limit
        ({"battery__charge_limit_a": 0.0}, 0.0),
        ({"battery__soc_pct": 97.5}, 32.0 * 52.0 * 0.525),
        ({"battery__voltage_v": None}, None),
        ({"battery__charge_limit_a": None}, None),
        ({"battery__soc_pct": None}, None),
    ],
)
def test_usable_power_is_the_least_of_all_limits(changes: dict[str, Any], power_w: float | None) -> None:
    found = usable_charge_power_w(snapshot(**changes).battery, SPEC.window, 5000.0, MODEL)
    assert found == (None if power_w is None else pytest.approx(power_w))


def test_the_owners_limit_counts_too() -> None:
    assert usable_charge_power_w(snapshot().battery, SPEC.window, 1000.0, MODEL) == 1000.0


def test_energy_and_time_by_hand() -> None:
    assert energy_to_target_wh(50.0, 90.0, 10_000.0, LOSSLESS) == pytest.approx(4000.0)
    assert energy_to_target_wh(50.0, 90.0, 10_000.0, ChargeModel(charge_efficiency=0.8)) == pytest.approx(5000.0)
    assert energy_to_target_wh(90.0, 50.0, 10_000.0, LOSSLESS) == 0.0
    assert time_to_target(50.0, 90.0, 10_000.0, 2000.0, LOSSLESS) == timedelta(hours=2)
    assert time_to_target(90.0, 50.0, 10_000.0, 2000.0, LOSSLESS) == timedelta(0)
    assert time_to_target(50.0, 90.0, 10_000.0, 0.0, LOSSLESS) is None


@given(st.floats(min_value=0.0, max_value=99.0), st.floats(min_value=0.5, max_value=60.0))
def test_the_closed_form_agrees_with_a_charge_in_small_steps(soc: float, gain: float) -> None:
    target = min(soc + gain, 100.0)
    steps, hours = 1000, 0.0
    for index in range(steps):
        middle = soc + (target - soc) * (index + 0.5) / steps
        power_w = 3000.0 * taper_share(middle, MODEL)
        hours += energy_to_target_wh(0.0, (target - soc) / steps, 10_000.0, MODEL) / power_w
    found = time_to_target(soc, target, 10_000.0, 3000.0, MODEL)
    assert found is not None
    assert found.total_seconds() / 3600 == pytest.approx(hours, rel=1e-3)


def test_cycles_and_utilisation_come_from_the_counters() -> None:
    before = EnergyCounters(charge_wh=100_000.0, discharge_wh=90_000.0)
    after = EnergyCounters(charge_wh=121_000.0, discharge_wh=109_000.0)
    assert full_cycles(before, 10_000.0) == 9.0
    assert utilisation_per_day(before, after, timedelta(days=2), 10_000.0) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("earlier", "later", "elapsed"),
    [
        (EnergyCounters(), EnergyCounters(charge_wh=1.0, discharge_wh=1.0), timedelta(days=1)),
        (
            EnergyCounters(charge_wh=5.0, discharge_wh=5.0),
            EnergyCounters(charge_wh=1.0, discharge_wh=9.0),
            timedelta(1),
        ),
        (
            EnergyCounters(charge_wh=1.0, discharge_wh=1.0),
            EnergyCounters(charge_wh=2.0, discharge_wh=2.0),
            timedelta(0),
        ),
    ],
)
def test_counters_that_cannot_be_compared_give_no_figure(
    earlier: EnergyCounters, later: EnergyCounters, elapsed: timedelta
) -> None:
    assert utilisation_per_day(earlier, later, elapsed, 10_000.0) is None
    assert full_cycles(replace(earlier, discharge_wh=None), 10_000.0) is None


@pytest.mark.parametrize("change", [{"taper_from_pct": 100.0}, {"taper_to_share": 0.0}, {"charge_efficiency": 1.1}])
def test_a_model_without_sense_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"taper|charge_efficiency"):
        ChargeModel(**change)
