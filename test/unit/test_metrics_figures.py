"""F1-F5: worked by hand, and silent with a reason where there is too little to go by."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hems.analysis.metrics import (
    FigureInputs,
    charging_efficiency,
    data_collection_rate,
    decision_accuracy,
    figures,
    savings,
    uptime,
)
from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU
from support.storage_records import T0, quarter

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
CAPACITY_WH = 10_000.0


def run_of(*changes: dict[str, Any], start: int = 0) -> list[EnergySlot]:
    return [quarter(T0 + (start + n) * MTU, **change) for n, change in enumerate(changes)]


@pytest.mark.parametrize(
    ("gains", "value", "reason"),
    [
        ([], None, "no measured, priced quarter"),
        ([None, None], None, "no measured, priced quarter"),
        ([0.0, 0.004, -0.005], None, "no decision has moved money"),
        ([0.5, 0.2, -0.1, 0.001], 200 / 3, None),
        ([-0.5], 0.0, None),
        ([0.5], 100.0, None),
    ],
)
def test_f1_decision_accuracy(gains: list[float | None], value: float | None, reason: str | None) -> None:
    figure = decision_accuracy(run_of(*({"decision_gain": gain} for gain in gains)))
    assert figure.value == (None if value is None else pytest.approx(value))
    assert (figure.reason is None) == (reason is None)
    assert reason is None or (figure.reason or "").startswith(reason)


def polls(*spans: tuple[int, int]) -> list[Any]:
    return [T0 + n * MINUTE for low, high in spans for n in range(low, high)]


@pytest.mark.parametrize(
    ("case", "moments", "hours", "value"),
    [
        ("all there", polls((0, 120)), 2, 100.0),
        ("nothing at all", [], 2, 0.0),
        ("one lost poll is no outage", polls((0, 50), (51, 120)), 2, 100.0),
        ("half an hour away", polls((0, 60), (90, 120)), 2, 75.0),
        ("stopped half way", polls((0, 60)), 2, 50.0),
        ("started half way", polls((60, 120)), 2, 50.0),
        ("polls outside the period are not asked", polls((-60, 0), (0, 60), (120, 300)), 2, 50.0),
        ("too short to say", polls((0, 30)), 0.5, None),
    ],
)
def test_f2_and_f3_share_of_time(case: str, moments: list[Any], hours: float, value: float | None) -> None:
    for figure in (
        uptime(moments, T0, T0 + hours * HOUR, 60.0),
        data_collection_rate(moments, T0, T0 + hours * HOUR, 60.0),
    ):
        assert figure.value == (None if value is None else pytest.approx(value, abs=0.01)), case
        assert (figure.reason is not None) == (value is None)


@pytest.mark.parametrize(
    ("case", "slots", "value", "reason"),
    [
        (
            "a full turn: what went in and came out",
            run_of({"charge_wh": 6000.0, "soc_end_pct": 100.0}, {"discharge_wh": 5400.0, "soc_start_pct": 100.0}),
            90.0,
            None,
        ),
        (
            "what is still there counts as come out",
            run_of({"charge_wh": 5000.0, "soc_start_pct": 50.0, "soc_end_pct": 95.0}),
            90.0,
            None,
        ),
        (
            "what was there before counts as gone in",
            run_of({"charge_wh": 5000.0, "discharge_wh": 8100.0, "soc_start_pct": 50.0, "soc_end_pct": 10.0}),
            90.0,
            None,
        ),
        ("too little charged", run_of({"charge_wh": 1000.0, "soc_end_pct": 59.0}), None, "1.0 kWh charged; 5.0 kWh"),
        (
            "every run needs its own charge",
            [
                *run_of({"charge_wh": 4000.0, "soc_end_pct": 88.0}),
                *run_of({"charge_wh": 4000.0, "soc_end_pct": 88.0}, start=5),
            ],
            None,
            "8.0 kWh charged; 10.0 kWh",
        ),
        (
            "a poorly covered quarter does not speak",
            run_of({"charge_wh": 9000.0, "soc_end_pct": 88.0, "coverage": 0.5}),
            None,
            "0.0 kWh charged",
        ),
        (
            "more out than in",
            run_of({"charge_wh": 6000.0, "discharge_wh": 9000.0}),
            None,
            "more came out than went in: battery_management.capacity_kwh",
        ),
    ],
)
def test_f4_charging_efficiency(case: str, slots: list[EnergySlot], value: float | None, reason: str | None) -> None:
    figure = charging_efficiency(slots, CAPACITY_WH)
    assert figure.value == (None if value is None else pytest.approx(value)), case
    assert reason is None or (figure.reason or "").startswith(reason), case


def test_f4_without_a_battery_says_so() -> None:
    assert charging_efficiency(run_of({}), 0.0).reason == "the house has no battery"


def test_f5_an_emptied_battery_is_no_saving() -> None:
    # The real house sold 5 kWh that the baseline still holds: 2.00 less on the bill, 3.50 less in the battery.
    slots = run_of({}, {"cost": -1.9, "soc_end_pct": 0.0})
    figure = savings(slots, CAPACITY_WH, "PLN")
    assert figure.value == pytest.approx(2.0 - 5.0 * 0.7)
    assert figure.unit == "PLN"
    assert "-3.50 is energy in the battery" in figure.basis


def test_f5_a_lead_at_the_start_is_not_earned_again() -> None:
    slots = run_of({"baseline_soc_start_pct": 20.0, "baseline_soc_end_pct": 20.0, "baseline_cost": 0.35})
    assert savings(slots, CAPACITY_WH, "PLN").value == pytest.approx(0.25)


def test_f5_counts_a_lead_that_was_settled_on_the_way() -> None:
    ahead = {"soc_start_pct": 50.0, "soc_end_pct": 51.0, "cost": 0.2}
    met = {"soc_start_pct": 51.0, "soc_end_pct": 51.0, "baseline_soc_end_pct": 51.0, "settled_lead_wh": 100.0}
    assert savings(run_of(ahead, met), CAPACITY_WH, "PLN").value == pytest.approx(-0.1 + 0.1 * 0.7)


def test_f5_leaves_out_what_has_no_price_with_all_that_moved_in_it() -> None:
    unknown = {"cost": None, "baseline_cost": None, "soc_end_pct": 100.0, "charge_wh": 5000.0}
    filled = {"soc_start_pct": 100.0, "soc_end_pct": 100.0, "cost": 0.1, "baseline_cost": 0.3}
    figure = savings(run_of({"baseline_cost": 0.2}, unknown, filled), CAPACITY_WH, "PLN")
    assert figure.value == pytest.approx(0.1 + 0.2)
    assert figure.basis.startswith("2 quarters, 0 at estimated prices")


@pytest.mark.parametrize(
    "missing", ["cost", "baseline_cost", "soc_start_pct", "baseline_soc_end_pct", "stored_value_per_kwh"]
)
def test_f5_is_unknown_where_one_side_is(missing: str) -> None:
    figure = savings(run_of({missing: None}), CAPACITY_WH, "PLN")
    assert figure.value is None
    assert figure.reason is not None


def test_f5_without_a_battery_needs_no_soc() -> None:
    bare = {"soc_start_pct": None, "soc_end_pct": None, "baseline_soc_start_pct": None, "baseline_soc_end_pct": None}
    assert savings(run_of({**bare, "baseline_cost": 0.4}), 0.0, "PLN").value == pytest.approx(0.3)


def test_all_figures_of_a_period() -> None:
    everything = figures(
        FigureInputs(
            start=T0,
            end=T0 + HOUR,
            quarters=run_of(*[{"decision_gain": 0.1}] * 4),
            sampled_at=polls((0, 60)),
            complete_at=polls((0, 30)),
            sample_interval_s=60.0,
            capacity_wh=CAPACITY_WH,
            currency="EUR",
        )
    )
    assert everything.decision_accuracy.value == 100.0
    assert everything.uptime.value == pytest.approx(100.0)
    assert everything.data_collection_rate.value == pytest.approx(50.0)
    assert everything.charging_efficiency.value is None
    assert everything.savings.value == pytest.approx(0.0)
    assert everything.savings.unit == "EUR"
