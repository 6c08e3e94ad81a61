"""What a plan says and does where a limit binds: cycles that are used up, money without what only steers."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hems.domain.command import Command, Mode
from hems.domain.plan import Plan
from hems.domain.time_grid import MTU
from hems.planning.grid_flow_optimizer import GridFlowOptimizer
from support.outlooks import NOON, home_model, outlook

SPENT = home_model(cycles_per_day_max=1.0, discharged_today_wh=10_000.0)


def swinging(t: int) -> float:
    """Return prices that pay for a cycle every five hours."""
    return 0.2 if (t // 10) % 2 == 0 else 2.0


@pytest.mark.parametrize("present", [None, Mode.HOLD, Mode.DISCHARGE])
@pytest.mark.parametrize("buy", [0.5, 1.5])
def test_a_day_that_has_had_its_cycles_takes_nothing_out(present: Mode | None, buy: float) -> None:
    power_w = 5000.0 if present is Mode.DISCHARGE else None
    command = None if present is None else Command(mode=present, expires_at=NOON + MTU, power_w=power_w)
    plan = GridFlowOptimizer().plan(outlook(buy=buy, home=SPENT), NOON, 60.0, command)
    assert isinstance(plan, Plan)
    assert plan.chosen.mode is Mode.HOLD
    assert {choice.mode for choice in plan.choices} == {Mode.HOLD, Mode.CHARGE}
    assert max(slot.battery_w for slot in plan.slots[:44]) <= 0.0  # until local midnight


def test_self_use_beyond_the_days_cycles_is_no_money_that_anybody_would_pay() -> None:
    plan = GridFlowOptimizer().plan(outlook(home=SPENT), NOON, 60.0, None)
    assert isinstance(plan, Plan)
    assert not plan.reasoning.self_use_is_money


def test_cycles_used_up_today_leave_tomorrow_all_its_modes() -> None:
    ahead = outlook(buy=lambda t: 0.4 if t < 60 else 2.0, sell=lambda t: 1.9 if t > 70 else 0.0, home=SPENT)
    plan = GridFlowOptimizer().plan(ahead, NOON, 60.0, None)
    assert isinstance(plan, Plan)
    tomorrow = plan.slots[44:]
    assert any(slot.mode is Mode.SELF_USE and slot.battery_w > 0.0 for slot in tomorrow)
    assert len({slot.mode for slot in tomorrow} - {Mode.HOLD, Mode.CHARGE}) >= 1


def test_the_money_of_a_slot_counts_the_batterys_own_wear_and_no_more() -> None:
    home = home_model(cycles_per_day_max=0.3)
    plan = GridFlowOptimizer().plan(outlook(buy=swinging, load_w=2500.0, home=home), NOON, 50.0, None)
    assert isinstance(plan, Plan)
    moved = [slot for slot in plan.slots if abs(slot.battery_w) > 100.0]
    assert moved
    for slot in plan.slots:
        price = slot.import_per_kwh if slot.grid_w > 0.0 else slot.export_per_kwh
        money = (slot.grid_w * price + abs(slot.battery_w) * home.wear_per_kwh) * 0.25 / 1000.0
        assert slot.cost == pytest.approx(money, abs=1e-9)
    assert all(a.end == b.start for a, b in pairwise(plan.slots))
