"""The numbers behind a choice, and a plan's money beside plain self-use, each against arithmetic of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hems.domain.command import Mode
from hems.domain.outlook import Outlook
from hems.domain.plan import Plan
from hems.planning.comparison import compare
from hems.planning.grid_flow_optimizer import GridFlowOptimizer
from support.plan_records import NOON, choice, outlook


def plan_of(ahead: Outlook, soc_pct: float = 50.0) -> Plan:
    plan = GridFlowOptimizer().plan(ahead, ahead.start, soc_pct, None)
    assert isinstance(plan, Plan)
    return plan


def test_until_ends_where_the_power_changes_too() -> None:
    plan = plan_of(outlook(NOON - timedelta(hours=12), sun_w=0.0), soc_pct=20.0)
    first = plan.slots[0]
    same = [slot for slot in plan.slots if (slot.mode, slot.power_w) == (first.mode, first.power_w)]
    assert plan.reasoning.until in {slot.end for slot in same}
    after = next((slot for slot in plan.slots if slot.start == plan.reasoning.until), None)
    assert after is None or (after.mode, after.power_w) != (first.mode, first.power_w)


def test_a_use_is_worth_its_price_less_losses_and_wear() -> None:
    use = plan_of(outlook()).reasoning.use
    assert use is not None
    assert use.worth_stored_per_kwh == pytest.approx((use.price_per_kwh - 0.05) * 0.95)
    assert use.worth_charged_per_kwh == pytest.approx((use.price_per_kwh - 0.05) * 0.95 * 0.95 - 0.05)


def test_what_breaks_the_reserve_is_no_money() -> None:
    empty = plan_of(outlook(sun_w=0.0, floor_pct=5.0, reserve_pct=20.0), soc_pct=20.0).reasoning
    assert not empty.self_use_is_money, "self-use takes the battery below its reserve, which counts 5 a kWh"
    half = plan_of(outlook(sun_w=0.0), soc_pct=50.0).reasoning
    assert half.self_use_is_money
    assert half.alternative_is_money


def test_what_breaks_the_fuse_is_no_money() -> None:
    night = NOON - timedelta(hours=10)
    small = outlook(night, sun_w=0.0, import_max_w=1500.0, modes=(Mode.SELF_USE, Mode.CHARGE))
    why = plan_of(small, soc_pct=20.0).reasoning
    assert why.alternative is not None
    assert why.alternative.mode is Mode.CHARGE
    assert why.alternative_is_money == (why.alternative.power_w is not None and why.alternative.power_w <= 660.0)


def test_a_mode_that_cannot_be_is_no_alternative() -> None:
    full = plan_of(outlook(modes=(Mode.SELF_USE, Mode.CHARGE)), soc_pct=100.0)
    assert full.chosen == choice(Mode.SELF_USE)
    assert full.reasoning.alternative is None


def test_a_home_that_can_do_nothing_else_saves_nothing() -> None:
    ahead = outlook(modes=(Mode.SELF_USE,))
    found = compare(ahead, plan_of(ahead))
    assert found is not None
    assert found.saving == pytest.approx(0.0, abs=1e-9)
    assert found.plan.left_wh == pytest.approx(found.self_use.left_wh)


def test_self_use_is_the_house_left_alone() -> None:
    ahead = outlook(hours=6.0, sun_w=0.0, load_w=1000.0)  # 13:00 to 19:00, 5 kWh at 50 %
    found = compare(ahead, plan_of(ahead))
    assert found is not None
    # 4 kWh above the floor give 3.8 kWh: 3.8 of the 6 h; then 12 min at 0.90 and two hours at 1.40 are bought.
    assert found.self_use.paid == pytest.approx(0.2 * 0.90 + 2.0 * 1.40)
    assert found.self_use.earned == 0.0
    assert found.self_use.wear == pytest.approx(3.8 * 0.05)
    assert found.self_use.left_wh == pytest.approx(1000.0)
    assert found.saving > 0.5, "holding what is stored for the evening is worth more"
    assert found.saving == pytest.approx(found.self_use.total - found.plan.total)


def test_selling_below_zero_costs_the_house_left_alone_and_not_the_plan_that_stops_it() -> None:
    ahead = outlook(hours=3.0, sun_w=6000.0, load_w=0.0, price=lambda _: 0.4, can_limit_export=True)
    ahead = replace(ahead, export_per_kwh=tuple(-0.2 for _ in ahead.export_per_kwh))
    found = compare(ahead, plan_of(ahead, soc_pct=100.0))
    assert found is not None
    assert found.self_use.earned < -0.5
    assert found.plan.earned == pytest.approx(0.0, abs=1e-9)
    assert found.saving == pytest.approx(-found.self_use.earned)
