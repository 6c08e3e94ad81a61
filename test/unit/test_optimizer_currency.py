"""The same house in a currency whose kWh costs a hundred: the same plan, told in that money, and the fuse is kept."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from hems.domain.outlook import Outlook
from hems.domain.plan import Plan
from hems.planning.comparison import compare
from hems.planning.grid_flow_optimizer import GridFlowOptimizer
from support.outlooks import NOON, home_model, outlook

MONEY = {"gap", "cost", "regret", "costs_more", "self_use_costs_more"}


def priced_in(unit: float) -> Outlook:
    """Return a house whose fuse leaves little room to charge, its prices in a currency ``unit`` times smaller."""
    return outlook(
        buy=[(0.2 if (t // 10) % 2 == 0 else 1.0) * unit for t in range(144)],
        sell=0.1 * unit,
        load_w=1500.0,
        spread=0.2,
        home=home_model(wear_per_kwh=0.05 * unit, import_max_w=5000.0),
    )


def plan_in(unit: float) -> Plan:
    plan = GridFlowOptimizer().plan(priced_in(unit), NOON, 30.0, None)
    assert isinstance(plan, Plan)
    return plan


def same(found: Any, wanted: Any, unit: float, name: str = "") -> None:
    """Compare field by field; what is money is ``unit`` times as much."""
    if is_dataclass(wanted):
        for field in fields(wanted):
            same(getattr(found, field.name), getattr(wanted, field.name), unit, field.name)
    elif isinstance(wanted, tuple):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            same(one, other, unit, name)
    elif isinstance(wanted, float):
        factor = unit if name in MONEY or name.endswith("_kwh") else 1.0
        # The value function is compacted within a tolerance: which of two neighbouring pieces is met is rounding.
        near = 0.02 if name == "stored_value_per_kwh" else 1e-4
        assert found == pytest.approx(wanted * factor, rel=near, abs=1e-4 * factor), name
    else:
        assert found == wanted, name


@pytest.mark.parametrize("unit", [100.0, 10_000.0])
def test_the_plan_is_the_same_in_any_currency(unit: float) -> None:
    same(plan_in(unit), plan_in(1.0), unit)


@pytest.mark.parametrize("unit", [1.0, 5.0, 20.0, 70.0, 400.0])
def test_the_fuse_is_kept_whatever_the_currency(unit: float) -> None:
    assert max(slot.grid_w for slot in plan_in(unit).slots) <= 5000.0 + 1e-6


def test_a_plan_in_another_currency_is_compared_in_it() -> None:
    small, large = compare(priced_in(1.0), plan_in(1.0)), compare(priced_in(100.0), plan_in(100.0))
    assert small is not None
    assert large is not None
    assert small.saving > 0.0
    assert large.saving == pytest.approx(100.0 * small.saving, rel=1e-6)
