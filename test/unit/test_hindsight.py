"""When there is a hindsight, and what it is a share of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hems.analysis.metrics import savings
from hems.composition.hindsight import captured, hindsight
from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU
from support.plan_records import home
from support.storage_records import quarter

START = datetime(2026, 11, 16, 23, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def evening_day() -> list[EnergySlot]:
    """Return a day of 500 W at 0.50, and 1.50 from 17 to 20, with a full battery that nobody used."""
    found = []
    for n in range(96):
        price = 1.5 if 68 <= n < 80 else 0.5
        found.append(
            quarter(
                START + n * MTU,
                soc_start_pct=80.0,
                soc_end_pct=80.0,
                baseline_soc_start_pct=80.0,
                baseline_soc_end_pct=80.0,
                import_price_per_kwh=price,
                export_price_per_kwh=0.2,
                cost=0.125 * price,
                baseline_cost=0.125 * price,
            )
        )
    return found


def test_the_evening_is_bought_at_night() -> None:
    found = hindsight(evening_day(), DAY, home(), "PLN")
    # 1.5 kWh of the evening come out of the battery and are bought back at 0.50 with the losses both ways.
    assert found.value == pytest.approx(1.5 * 1.5 - 1.5 / 0.95 / 0.95 * 0.5)
    assert found.unit == "PLN"
    assert found.reason is None


def test_wear_is_not_in_the_bill() -> None:
    assert hindsight(evening_day(), DAY, home(wear_per_kwh=9.0), "PLN") == hindsight(evening_day(), DAY, home(), "PLN")


def test_it_is_never_less_than_what_was_saved() -> None:
    """A battery better than the configured one saved what the plan cannot."""
    day = [replace(slot, cost=0.0, import_wh=0.0, discharge_wh=125.0) for slot in evening_day()]
    poor = home(discharge_efficiency=0.51, charge_efficiency=0.51)
    assert hindsight(day, DAY, poor, "PLN").value == savings(day, 10_000.0, "PLN").value


def test_what_the_inverter_itself_draws_is_not_to_be_saved() -> None:
    """The same day with 100 W of losses: the bill is higher, and so is the best one."""
    lossy = [
        replace(slot, import_wh=150.0, cost=0.15 * p, baseline_cost=0.15 * p)
        for slot in evening_day()
        if (p := slot.import_price_per_kwh) is not None
    ]
    found, plain = hindsight(lossy, DAY, home(), "PLN").value, hindsight(evening_day(), DAY, home(), "PLN").value
    assert found is not None
    assert plain is not None
    assert plain < found <= 1.2 * plain + 1e-9  # only the dearer use can be moved, its losses with it


def test_filling_the_battery_at_midnight_is_no_saving() -> None:
    """Stored energy is valued far above the night's price; with the same left at the end nothing is to be gained."""
    cheap = [replace(slot, import_price_per_kwh=0.1, cost=0.0125, baseline_cost=0.0125) for slot in evening_day()]
    valued = [replace(slot, stored_value_per_kwh=2.0, export_price_per_kwh=0.0) for slot in cheap]
    assert hindsight(valued, DAY, home(), "PLN").value == pytest.approx(0.0, abs=1e-9)


def test_a_negative_price_may_be_met_by_holding_pv_back() -> None:
    sunny = [
        replace(slot, pv_wh=1000.0, import_wh=0.0, export_wh=875.0, import_price_per_kwh=0.5, export_price_per_kwh=-0.1,
                cost=0.0875, baseline_cost=0.0875, soc_start_pct=100.0, soc_end_pct=100.0,
                baseline_soc_start_pct=100.0, baseline_soc_end_pct=100.0)
        for slot in evening_day()
    ]  # fmt: skip
    # Losses would burn some of it, and an export limit would cut some.
    lossless = home(charge_efficiency=1.0, discharge_efficiency=1.0, export_max_w=float("inf"))
    can, cannot = (hindsight(sunny, DAY, replace(lossless, can_limit_export=may), "PLN").value for may in (True, False))
    assert can == pytest.approx(96 * 0.0875)
    assert cannot == pytest.approx(0.0, abs=1e-9)


def test_a_tenth_may_be_missing_and_no_more() -> None:
    day = evening_day()
    assert hindsight(day[:87], DAY, home(), "PLN").value is not None
    found = hindsight(day[:86], DAY, home(), "PLN")
    assert found.value is None
    assert found.reason == "only 89.6 % of the time is measured, priced and compared"
    without_price = [replace(slot, cost=None) for slot in day[:20]]
    assert hindsight([*without_price, *day[20:]], DAY, home(), "PLN").value is None
    assert hindsight([], DAY, home(), "PLN").reason == "only 0.0 % of the time is measured, priced and compared"
    assert hindsight(day[:4], 4 * MTU, home(), "PLN").value is not None


def test_runs_on_both_sides_of_a_gap_are_lived_apart() -> None:
    day = evening_day()
    broken = [*day[:70], *day[73:]]
    apart = [hindsight(part, len(part) * MTU, home(), "PLN").value for part in (day[:70], day[73:])]
    assert hindsight(broken, DAY, home(), "PLN").value == pytest.approx(sum(value or 0.0 for value in apart))


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"capacity_wh": 0.0}, "no battery"), ({"charge_efficiency": 0.0}, "charge efficiency")],
)
def test_a_home_that_cannot_be_planned_for_says_so(changes: dict[str, float], says: str) -> None:
    found = hindsight(evening_day(), DAY, home(**changes), "PLN")
    assert found.value is None
    assert says in (found.reason or "")


def test_a_share_is_told_only_of_something() -> None:
    assert captured(2.0, 4.0, 10.0).value == 50.0
    assert captured(-1.0, 4.0, 10.0).value == -25.0
    assert captured(2.0, None, 10.0).value is None
    assert captured(None, 4.0, 10.0).value is None
    assert captured(0.0, 0.09, 10.0).reason == "there was next to nothing to save"
    assert captured(0.0, 0.0, 0.0).value is None
