"""The plan in the status document: plain JSON, energies that add up, nothing that is no money shown as money."""

from __future__ import annotations

import json

import pytest

from hems.composition.plan_status import plan_status
from hems.domain.plan import NoPlan, Plan
from hems.planning.grid_flow_optimizer import GridFlowOptimizer
from support.outlooks import NOON, home_model, outlook


def plan(**changes: object) -> Plan:
    found = GridFlowOptimizer().plan(outlook(**changes), NOON, 30.0, None)  # type: ignore[arg-type]
    assert isinstance(found, Plan)
    return found


def test_runs_follow_each_other_and_hold_the_energies_of_their_slots() -> None:
    found = plan(buy=[0.30 + 0.01 * slot for slot in range(8)] + [1.5] * 136, load_w=1500.0)
    told = plan_status(found)
    assert told is not None
    assert json.loads(json.dumps(told)) == told
    runs = told["runs"]
    assert runs[0]["mode"] == "charge"
    assert [run["end"] for run in runs[:-1]] == [run["start"] for run in runs[1:]]
    assert sum(run["grid_wh"] for run in runs) == pytest.approx(
        sum(s.grid_w * 0.25 for s in found.slots), abs=len(runs)
    )
    assert runs[-1]["soc_end_pct"] == pytest.approx(found.slots[-1].soc_pct, abs=0.06)
    assert told["reasoning"]["use"]["price_per_kwh"] == pytest.approx(1.5)


def test_what_would_blow_the_fuse_has_no_amount() -> None:
    told = plan_status(plan(buy=1.0, load_w=20_000.0, home=home_model()))
    assert told is not None
    amounts = [told["reasoning"]["self_use_costs_more"], (told["reasoning"]["alternative"] or {}).get("costs_more")]
    assert all(amount is None or amount < 50.0 for amount in amounts)
    assert any("import limit" in remark for remark in told["remarks"])


def test_no_plan_says_why_and_no_planner_is_null() -> None:
    told = plan_status(NoPlan(at=NOON, remarks=("SoC: unknown",)))
    assert told is not None
    assert told["remarks"] == ["SoC: unknown"]
    assert told["runs"] == []
    assert plan_status(None) is None
