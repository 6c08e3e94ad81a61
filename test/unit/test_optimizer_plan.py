"""The Grid Flow Optimizer on outlooks whose answer a person can tell; always a plan, or why there is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import inf, nan

import pytest

from hems.domain.command import Command, Mode
from hems.domain.forecast import QUANTILE_LEVELS
from hems.domain.outlook import Outlook
from hems.domain.plan import NoPlan, Plan
from hems.domain.time_grid import MTU
from hems.planning.grid_flow_optimizer import GridFlowOptimizer
from hems.planning.problem import PlanningOptions
from support.outlooks import ALL_MODES, NOON, forecast, home_model, hours, outlook

CHEAP_THEN_DEAR = [0.30 + 0.01 * slot for slot in range(8)] + [1.5] * 136
DEAR_THEN_CHEAP = [1.5] * 8 + [0.3] * 136


def plan_of(ahead: Outlook, soc_pct: float | None = 50.0, present: Command | None = None) -> Plan:
    plan = GridFlowOptimizer().plan(ahead, NOON, soc_pct, present)
    assert isinstance(plan, Plan), plan
    return plan


def refusal(ahead: Outlook, soc_pct: float | None = 50.0) -> tuple[str, ...]:
    plan = GridFlowOptimizer().plan(ahead, NOON, soc_pct, None)
    assert isinstance(plan, NoPlan)
    return plan.remarks


# -- what is done now --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead", "soc_pct", "mode"),
    [
        (outlook(buy=CHEAP_THEN_DEAR, load_w=1500.0), 30.0, Mode.CHARGE),
        (outlook(buy=DEAR_THEN_CHEAP), 80.0, Mode.SELF_USE),
        (outlook(buy=[0.8] * 8 + [1.6] * 136, load_w=1500.0), 60.0, Mode.HOLD),
        (outlook(buy=1.0), 50.0, Mode.SELF_USE),
        (
            outlook(sell=[1.4] * 2 + [0.1] * 142, home=home_model(exportable_wh=8_000.0)),
            90.0,
            Mode.DISCHARGE,
        ),
        # The sun sells well now, and fills the battery all the same later.
        (
            outlook(sell=[0.9] * 4 + [0.0] * 140, pv_w=[2500.0] * 24 + [0.0] * 120, buy=0.95, load_w=400.0),
            50.0,
            Mode.NO_CHARGE,
        ),
    ],
    ids=["cheap now", "dear now", "dearer later", "flat", "sells well", "sun sells well"],
)
def test_present_mode_is_the_obvious_one(ahead: Outlook, soc_pct: float, mode: Mode) -> None:
    assert plan_of(ahead, soc_pct).chosen.mode is mode


def test_charges_in_the_cheapest_quarters_only() -> None:
    prices = [0.9] * 12 + [0.2] * 4 + [0.9] * 8 + [1.0] * 120  # what is left is worth 0.76: less than 0.9 and losses
    plan = plan_of(outlook(buy=prices, load_w=200.0), 20.0)
    charging = [i for i, slot in enumerate(plan.slots) if slot.mode is Mode.CHARGE and slot.battery_w < -1000.0]
    assert charging
    assert set(charging) <= set(range(12, 16))


def test_without_grid_energy_from_the_sun_nothing_is_sold() -> None:
    ahead = outlook(buy=0.35, sell=[0.1] * 16 + [3.0] * 8 + [0.1] * 120, load_w=300.0)
    lawful = plan_of(ahead, 20.0)
    free = plan_of(replace(ahead, home=home_model(no_grid_energy_into_export=False)), 20.0)
    assert sum(max(-slot.grid_w, 0.0) for slot in lawful.slots) < 1.0
    assert sum(max(-slot.grid_w, 0.0) for slot in free.slots) > 10_000.0


def test_sells_what_the_sun_gave() -> None:
    ahead = outlook(buy=0.6, sell=[0.0] * 20 + [0.9] * 8 + [0.1] * 116, pv_w=[3000.0] * 12 + [0.0] * 132, load_w=200.0)
    plan = plan_of(ahead, 20.0)
    sold = [slot for slot in plan.slots[20:28] if slot.grid_w < -1000.0]
    assert sold


def test_curtails_where_selling_costs_money() -> None:
    ahead = outlook(sell=-0.4, pv_w=4000.0, buy=0.2, home=home_model(can_limit_export=True))
    plan = plan_of(ahead, 100.0)
    assert plan.chosen.export_limit_w == 0.0
    assert plan.slots[0].grid_w == pytest.approx(0.0, abs=1e-6)
    assert plan.slots[0].curtailed_w == pytest.approx(3500.0)


def test_no_export_limit_at_night_nor_without_the_ability() -> None:
    able, unable = home_model(can_limit_export=True), home_model()
    assert plan_of(outlook(sell=-0.4, pv_w=0.0, home=able)).chosen.export_limit_w is None
    assert plan_of(outlook(sell=-0.4, pv_w=4000.0, home=unable)).chosen.export_limit_w is None


def test_present_mode_stays_unless_a_change_is_worth_it() -> None:
    ahead = outlook(buy=1.0, load_w=0.0)  # nothing to do: hold and self-use are equal
    held = Command(mode=Mode.HOLD, expires_at=NOON + MTU)
    assert plan_of(ahead, 50.0, held).chosen.mode is Mode.HOLD
    assert plan_of(ahead, 50.0, None).chosen.mode is Mode.SELF_USE


def test_only_modes_that_the_inverter_has() -> None:
    ahead = outlook(buy=CHEAP_THEN_DEAR, home=home_model(modes=(Mode.SELF_USE,)))
    plan = plan_of(ahead, 30.0)
    assert {slot.mode for slot in plan.slots} == {Mode.SELF_USE}
    assert [choice.mode for choice in plan.choices] == [Mode.SELF_USE]


def test_never_planned_dearer_than_self_use_by_more_than_its_changes() -> None:
    ahead = outlook(
        buy=lambda t: 0.6 + 0.4 * ((t // 12) % 3), sell=0.2, load_w=lambda t: 300.0 + 900.0 * ((t // 9) % 2),
        pv_w=lambda t: 2500.0 if t % 96 < 16 else 0.0,
    )  # fmt: skip
    plan = plan_of(ahead, 50.0)
    alone = plan_of(replace(ahead, home=home_model(modes=(Mode.SELF_USE,))), 50.0)
    worth = sum(ahead.import_per_kwh) / 144 * 0.95 * 0.95 - 0.1

    def cost(found: Plan) -> float:
        return sum(slot.cost for slot in found.slots) - worth * found.slots[-1].soc_pct / 10.0

    changes = sum(a.mode is not b.mode for a, b in zip(plan.slots, plan.slots[1:], strict=False))
    assert cost(plan) <= cost(alone) + 0.005 * (changes + 1)


# -- the reserve -------------------------------------------------------------------------------------------------


def test_below_the_reserve_it_recharges_at_the_cheapest_moment_within_two_hours() -> None:
    prices = [2.0] * 4 + [1.2] * 2 + [2.0] * 8 + [0.2] * 130
    plan = plan_of(outlook(buy=prices, load_w=0.0, home=home_model(reserve_pct=20.0)), 12.0)
    charged = [i for i, slot in enumerate(plan.slots[:8]) if slot.battery_w < 0.0]
    assert set(charged) <= {4, 5}
    assert plan.slots[7].soc_pct >= 20.0 - 1e-6


def test_nearly_empty_it_recharges_at_once() -> None:
    plan = plan_of(outlook(buy=DEAR_THEN_CHEAP, home=home_model(floor_pct=0.0)), 3.0)
    assert plan.chosen.mode is Mode.CHARGE


def test_a_percent_below_the_reserve_is_the_step_of_the_reading() -> None:
    plan = plan_of(outlook(buy=DEAR_THEN_CHEAP, load_w=0.0), 9.4)
    assert plan.chosen.mode is not Mode.CHARGE


def test_the_reserve_is_kept_for_an_outage() -> None:
    plan = plan_of(outlook(buy=1.0, load_w=3000.0, home=home_model(reserve_pct=40.0)), 60.0)
    assert min(slot.soc_pct for slot in plan.slots) >= 40.0 - 7.6  # at most the quarter that crosses it
    assert plan.slots[-1].soc_pct >= 32.0


# -- cycles ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cap", [0.3, 0.6, 1.0])
def test_daily_cycles_are_capped(cap: float) -> None:
    def swinging(t: int) -> float:
        return 0.2 if (t // 10) % 2 == 0 else 2.0

    free = plan_of(outlook(buy=swinging, load_w=2500.0), 50.0)
    capped = plan_of(outlook(buy=swinging, load_w=2500.0, home=home_model(cycles_per_day_max=cap)), 50.0)

    def given_kwh(plan: Plan) -> float:  # until local midnight, 11 hours ahead
        return sum(max(slot.battery_w, 0.0) * 0.25 / 1000.0 for slot in plan.slots[:44])

    assert given_kwh(free) > 10.0
    assert given_kwh(capped) <= 10.0 * cap + 1.3  # at most the quarter that crosses it
    assert given_kwh(capped) >= 10.0 * cap - 2.6


# -- always a plan, or why not -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("soc_pct", "told"),
    [(None, "SoC: unknown"), (nan, "cannot be right"), (180.0, "cannot be right"), (-1.0, "SoC -1")],
)
def test_impossible_soc_is_refused(soc_pct: float | None, told: str) -> None:
    assert any(told in remark for remark in refusal(outlook(), soc_pct))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"capacity_wh": 0.0}, "battery capacity 0 Wh"),
        ({"capacity_wh": nan}, "battery capacity nan Wh"),
        ({"charge_efficiency": 0.0}, "charge efficiency 0"),
        ({"discharge_efficiency": nan}, "discharge efficiency nan"),
        ({"wear_per_kwh": inf}, "wear per kwh: not a number"),
    ],
)
def test_impossible_home_is_refused_by_name(changes: dict[str, float], told: str) -> None:
    assert any(told in remark for remark in refusal(outlook(home=home_model(**changes))))


def test_a_price_that_is_no_number_ends_the_horizon_there() -> None:
    prices = [1.0] * 40 + [nan] + [1.0] * 103
    plan = plan_of(outlook(buy=prices))
    assert len(plan.slots) == 40
    assert any(remark.startswith("prices: nothing usable from 2026-01-14 22:00") for remark in plan.remarks)


def test_no_price_for_the_present_is_no_plan() -> None:
    assert any("prices" in remark for remark in refusal(outlook(buy=[nan] + [1.0] * 143)))


@pytest.mark.parametrize(("gone", "told"), [("load", "load forecast"), ("pv", "PV forecast")])
def test_without_a_forecast_there_is_no_plan(gone: str, told: str) -> None:
    ahead = replace(outlook(), **{gone: None})  # type: ignore[arg-type]
    assert any(told in remark for remark in refusal(ahead))


def test_numbers_that_are_none_inside_a_forecast_end_the_horizon() -> None:
    ahead = outlook()
    assert ahead.load is not None
    broken = tuple((*level[:10], nan, *level[11:]) for level in ahead.load.levels_w)
    plan = plan_of(replace(ahead, load=replace(ahead.load, levels_w=broken)))
    assert len(plan.slots) == 10
    assert any("load forecast" in remark for remark in plan.remarks)


@pytest.mark.parametrize("soc_pct", [0.0, 2.0, 9.0, 10.0, 99.9, 100.0])
@pytest.mark.parametrize("price", [-1.5, -0.2, 0.0, 0.5, 5.0])
def test_any_soc_and_price_give_a_plan_within_bounds(soc_pct: float, price: float) -> None:
    ahead = outlook(
        buy=price, sell=price - 0.1, pv_w=lambda t: 3000.0 if t < 20 else 0.0, home=home_model(floor_pct=5.0)
    )
    plan = plan_of(ahead, soc_pct)
    for slot in plan.slots:
        assert -1e-6 <= slot.soc_pct <= 100.0 + 1e-6
        assert abs(slot.battery_w) <= 5000.0 + 1e-6
        assert slot.pv_w - slot.curtailed_w + slot.battery_w + slot.grid_w == pytest.approx(slot.load_w, abs=1e-6)
        assert slot.grid_w >= -8000.0 - 1e-6


def test_a_load_above_the_fuse_is_told_and_planned_around() -> None:
    plan = plan_of(outlook(load_w=20_000.0))
    assert any(remark.startswith("import limit") for remark in plan.remarks)
    assert plan.chosen.mode is Mode.SELF_USE


def test_a_charge_does_not_blow_the_fuse() -> None:
    plan = plan_of(outlook(buy=CHEAP_THEN_DEAR, load_w=2500.0, home=home_model(import_max_w=5000.0)), 30.0)
    assert plan.chosen.mode is Mode.CHARGE
    assert plan.slots[0].grid_w <= 5000.0


def test_hollow_prices_are_planned_on_a_grid() -> None:
    ahead = outlook(
        buy=0.5, sell=1.1, load_w=800.0, pv_w=lambda t: 2000.0 if t < 24 else 0.0,
        home=home_model(no_grid_energy_into_export=False),
    )  # fmt: skip
    plan = plan_of(ahead)
    assert plan.method == "grid"


# -- time and scenarios ------------------------------------------------------------------------------------------


def test_in_the_middle_of_a_quarter_only_its_rest_is_planned() -> None:
    at = NOON + timedelta(minutes=10)
    plan = GridFlowOptimizer().plan(outlook(buy=CHEAP_THEN_DEAR, load_w=1500.0), at, 30.0, None)
    assert isinstance(plan, Plan)
    first = plan.slots[0]
    assert (first.start, first.end) == (at, NOON + MTU)
    assert first.soc_pct - 30.0 == pytest.approx(100.0 * 5.0 * 0.95 * (5 / 60) / 10.0, rel=1e-6)


def test_an_outlook_of_an_earlier_quarter_is_used_from_now_on() -> None:
    later = NOON + hours(1)
    plan = GridFlowOptimizer().plan(outlook(), later, 50.0, None)
    assert isinstance(plan, Plan)
    assert plan.slots[0].start == later


def test_certain_forecasts_agree() -> None:
    reasoning = plan_of(outlook(buy=CHEAP_THEN_DEAR, load_w=1500.0), 30.0).reasoning
    assert reasoning.agreement == 1.0
    assert reasoning.regret == pytest.approx(0.0, abs=1e-9)


def test_wide_forecasts_may_disagree_and_say_so() -> None:
    ahead = outlook(
        buy=[0.8] * 8 + [1.05] * 136, load_w=900.0, pv_w=lambda t: 1500.0 if 20 < t < 44 else 0.0, spread=0.9
    )
    reasoning = plan_of(ahead, 40.0).reasoning
    assert 0.0 <= reasoning.agreement <= 1.0
    assert reasoning.regret >= 0.0


def test_reasoning_holds_the_break_even() -> None:
    reasoning = plan_of(outlook(buy=CHEAP_THEN_DEAR, load_w=1500.0), 30.0).reasoning
    worth = reasoning.stored_value_per_kwh
    assert reasoning.charge_below_per_kwh == pytest.approx(worth * 0.95 - 0.05)
    assert reasoning.sell_above_per_kwh == pytest.approx(worth / 0.95 + 0.05)
    assert reasoning.cost_per_stored_kwh == pytest.approx((0.3 + 0.05) / 0.95)
    assert reasoning.use is not None
    assert reasoning.use.price_per_kwh == pytest.approx(1.5)
    assert reasoning.alternative is not None
    assert reasoning.self_use_costs_more > 0.0


def test_more_scenarios_than_one_only_where_forecasts_differ() -> None:
    from hems.planning.problem import build_problem

    sure = build_problem(outlook(), NOON, 50.0, PlanningOptions())
    unsure = build_problem(outlook(spread=0.5), NOON, 50.0, PlanningOptions())
    assert not isinstance(sure, NoPlan)
    assert not isinstance(unsure, NoPlan)
    assert len(sure.load) == 1
    assert len(unsure.load) == len(QUANTILE_LEVELS)
    assert unsure.expected_load[0] == pytest.approx(sum(row[0] for row in unsure.load) / 5)


def test_modes_of_the_tests_are_all_there_are() -> None:
    assert set(ALL_MODES) == set(Mode) - {Mode.STANDBY}
    assert forecast.__name__ == "forecast"
