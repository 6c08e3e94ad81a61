"""When reality leaves the plan: only what is measured well can say so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hems.coordination.plan_watch import PlanWatch
from hems.domain.plan import Plan
from hems.domain.readings import Quality, SiteSnapshot
from hems.planning.grid_flow_optimizer import GridFlowOptimizer
from support.outlooks import NOON, outlook
from support.safety_builders import snapshot

LATER = NOON + timedelta(minutes=8)


def watching() -> PlanWatch:
    """Return a watch over a plan that expects 500 W and no sun, from 50 % on."""
    plan = GridFlowOptimizer().plan(outlook(load_w=500.0), NOON, 50.0, None)
    assert isinstance(plan, Plan)
    watch = PlanWatch()
    watch.follow(plan, NOON)
    return watch


def measured(load_w: float | None, *, load: Quality = Quality.GOOD, pv: Quality = Quality.GOOD) -> SiteSnapshot:
    """Return what the house measures: no sun, and the battery as planned."""
    base = snapshot(LATER)
    return replace(
        base,
        battery=replace(base.battery, soc_pct=50.0),
        load=replace(base.load, power_w=load_w, quality=load),
        pv=replace(base.pv, power_w=0.0, quality=pv),
    )


def test_a_house_that_needs_far_more_than_planned_has_left_the_plan_once() -> None:
    watch = watching()
    assert watch.why_left(measured(4500.0), LATER) == "the house needs 4000 W more than planned"
    assert watch.why_left(measured(4500.0), LATER) is None


@pytest.mark.parametrize(
    ("load", "pv"),
    [(Quality.SUSPECT, Quality.GOOD), (Quality.GOOD, Quality.SUSPECT), (Quality.SUSPECT, Quality.SUSPECT)],
)
def test_a_doubtful_reading_says_nothing_of_the_plan(load: Quality, pv: Quality) -> None:
    assert watching().why_left(measured(4500.0, load=load, pv=pv), LATER) is None
