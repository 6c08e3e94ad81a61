"""A sale that may only take what the sun gave ends with it: in the plan, and in the command that is given."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hems.domain.command import Command, Mode
from hems.domain.plan import Plan
from hems.planning.grid_flow_optimizer import GridFlowOptimizer
from support.outlooks import NOON, home_model, outlook
from support.plan_records import context, planner

SELLS_WELL = [1.4] * 8 + [0.1] * 136


def plan_with(exportable_wh: float, present: Command | None = None) -> Plan:
    ahead = outlook(sell=SELLS_WELL, home=home_model(exportable_wh=exportable_wh))
    plan = GridFlowOptimizer().plan(ahead, NOON, 90.0, present)
    assert isinstance(plan, Plan)
    return plan


@pytest.mark.parametrize("exportable_wh", [0.0, 5.0])
def test_a_running_sale_is_not_kept_when_nothing_of_the_sun_is_left(exportable_wh: float) -> None:
    """The inverter would go on selling; that the price of a change is saved is no reason for it."""
    running = next(c for c in plan_with(8_000.0).choices if c.mode is Mode.DISCHARGE)
    present = Command(
        mode=Mode.DISCHARGE, power_w=running.power_w, expires_at=NOON + timedelta(minutes=16), reason="sold"
    )
    assert plan_with(8_000.0, present).chosen.mode is Mode.DISCHARGE
    assert plan_with(exportable_wh, present).chosen.mode is not Mode.DISCHARGE


@pytest.mark.parametrize("exportable_wh", [2_000.0, 4_000.0, 6_000.0])
def test_every_planned_sale_sells(exportable_wh: float) -> None:
    sales = [slot for slot in plan_with(exportable_wh).slots if slot.mode is Mode.DISCHARGE]
    assert sales
    assert all(slot.grid_w < 0.0 for slot in sales)


@pytest.mark.parametrize(
    ("exportable_wh", "lawless", "target_pct"),
    [
        (8_000.0, False, 10.0),  # more than one lease can sell: the reserve
        (500.0, False, 85.0),  # 90 % less the 5 % that may be sold
        (500.0, True, 10.0),
    ],
)
def test_a_sale_is_told_to_end_where_only_grid_energy_is_left(
    exportable_wh: float, lawless: bool, target_pct: float
) -> None:
    home = home_model(exportable_wh=exportable_wh, no_grid_energy_into_export=not lawless)
    command = planner().propose(context(outlook(sell=SELLS_WELL, home=home), at=NOON, soc_pct=90.0)).command
    assert command.mode is Mode.DISCHARGE
    assert command.target_soc_pct == pytest.approx(target_pct)
