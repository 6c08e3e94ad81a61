"""Many proposals, one decision: order, steadiness, the gate, and the words for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from hems.decision.arbiter import ArbiterOptions, arbitrate
from hems.decision.multi_factor_engine import MultiFactorEngine
from hems.decision.stability import StabilityOptions
from hems.domain.command import Command, Mode
from hems.domain.decision import Decision, Priority, Proposal
from hems.domain.safety import Bounds, Cause, SafetyEnvelope, Violation
from hems.safety.rule import STOP_BATTERY, STOP_FORCED
from support.plan_records import reasoning
from support.safety_builders import NOON, context

SOON = NOON + timedelta(minutes=17)
CLEAR = SafetyEnvelope(at=NOON, bounds=Bounds())
CHARGE = Command(mode=Mode.CHARGE, expires_at=SOON, power_w=5000.0, target_soc_pct=100.0)
SELF_USE = Command(mode=Mode.SELF_USE, expires_at=SOON)
DISCHARGE = Command(mode=Mode.DISCHARGE, expires_at=SOON, power_w=3000.0, target_soc_pct=20.0)


def wish(
    command: Command,
    priority: Priority = Priority.STRATEGY,
    source: str = "a",
    confidence: float = 80.0,
    expires_at: datetime = SOON,
) -> Proposal:
    return Proposal(
        source=source,
        priority=priority,
        command=command,
        reason=f"because of {source}",
        confidence_pct=confidence,
        expires_at=expires_at,
    )


def decide(*proposals: Proposal, envelope: SafetyEnvelope = CLEAR, **changes: Any) -> Decision:
    return arbitrate(context(**changes), proposals, envelope, ArbiterOptions())


def bounded(bounds: Bounds) -> SafetyEnvelope:
    violation = Violation(cause=Cause.BATTERY_TOO_HOT, bounds=bounds, detail="61.0 °C")
    return SafetyEnvelope(at=NOON, bounds=bounds, violations=(violation,))


def test_the_strongest_priority_wins() -> None:
    decision = decide(
        wish(SELF_USE), wish(DISCHARGE, Priority.PERSON, "person"), wish(CHARGE, Priority.EMERGENCY, "rescue")
    )
    assert (decision.source, decision.mode) == ("rescue", Mode.CHARGE)
    assert [proposal.source for proposal in decision.proposals] == ["rescue", "person", "a"]
    assert "Next best, from a person's order: discharge at 3 kW to 20 %" in decision.reason


def test_among_equals_the_present_mode_wins_then_the_surer_one() -> None:
    surer, present = wish(CHARGE, source="surer", confidence=90.0), wish(SELF_USE, source="present", confidence=10.0)
    assert decide(surer, present).source == "present"
    assert decide(wish(CHARGE, source="less", confidence=10.0), surer).source == "surer"


def test_expired_proposals_are_dropped() -> None:
    late = wish(CHARGE, Priority.PERSON, "late", expires_at=NOON)
    stale_lease = wish(replace(CHARGE, expires_at=NOON), Priority.PERSON, "stale")
    decision = decide(late, stale_lease, wish(SELF_USE))
    assert decision.source == "a"
    assert [proposal.source for proposal in decision.proposals] == ["a"]


def test_nothing_proposed_is_self_use() -> None:
    decision = decide()
    assert (decision.source, decision.mode, decision.verdict) == ("none", Mode.SELF_USE, "allowed")


def test_a_person_is_bound_by_safety_too() -> None:
    decision = decide(wish(CHARGE, Priority.PERSON, "person"), envelope=bounded(STOP_BATTERY))
    assert (decision.mode, decision.verdict) == (Mode.STANDBY, "refused")
    assert decision.causes == ("battery too hot: 61.0 °C",)
    assert "61.0 °C" in decision.reason
    assert decision.confidence_pct == 100.0, "a rule is followed, not weighed"


def test_a_narrowed_charge_says_to_what_and_why() -> None:
    decision = decide(wish(CHARGE), envelope=SafetyEnvelope(at=NOON, bounds=Bounds(forced_charge_max_w=1664.0)))
    assert (decision.command.power_w, decision.verdict, decision.confidence_pct) == (1664.0, "narrowed", 80.0)
    assert decision.reason.startswith(
        "Because of a. Less than asked, 1.66 kW instead of 5 kW: the battery's current limit or charging.max_power "
        "allows no more now. Until the next decision at most 0.42 kWh"
    )


def test_a_charge_says_what_it_costs() -> None:
    """5 kW for a quarter of an hour, no PV to spare: 1.25 kWh at 0.90 PLN."""
    assert "1.25 kWh of it from the grid at 0.90 PLN/kWh: 1.12 PLN" in decide(wish(CHARGE)).reason
    sunny = decide(wish(CHARGE), pv__power_w=4500.0)
    assert "0.50 kWh of it from the grid" in sunny.reason


def test_a_plan_has_told_its_money_and_weighed_its_changes() -> None:
    planned = replace(wish(CHARGE, source="optimal"), reasoning=reasoning())
    early = decide(planned, active=None, charging=False, active_since=since(2.0))
    assert early.mode is Mode.CHARGE  # the score would have waited: see the table below
    assert early.reason == "Because of optimal"
    bounds = SafetyEnvelope(at=NOON, bounds=Bounds(forced_charge_max_w=1664.0))
    narrowed = decide(planned, envelope=bounds)
    assert narrowed.reason.startswith("Because of optimal; less than asked, 1.66 kW instead of 5 kW: ")
    assert narrowed.reasoning == planned.reasoning


def since(minutes: float) -> datetime:
    return NOON - timedelta(minutes=minutes)


STEADY = [
    # present  charging  ran [min]  proposed  what happens
    (None, False, 5.0, CHARGE, Mode.SELF_USE),
    (None, False, 14.4, CHARGE, Mode.SELF_USE),
    (None, False, 14.6, CHARGE, Mode.CHARGE),
    (None, False, 15.0, CHARGE, Mode.CHARGE),
    (None, False, None, CHARGE, Mode.CHARGE),
    (CHARGE, True, 5.0, SELF_USE, Mode.CHARGE),
    (CHARGE, True, 15.0, SELF_USE, Mode.SELF_USE),
    (CHARGE, True, -60.0, SELF_USE, Mode.SELF_USE),  # the clock was set back
    (CHARGE, False, 5.0, SELF_USE, Mode.SELF_USE),  # a person's charge that is over
    (replace(CHARGE, target_soc_pct=50.0), True, 5.0, SELF_USE, Mode.SELF_USE),  # reached its target
    (DISCHARGE, False, 5.0, SELF_USE, Mode.SELF_USE),
    (Command(mode=Mode.STANDBY, expires_at=SOON), False, 5.0, SELF_USE, Mode.SELF_USE),  # safety let go
    (Command(mode=Mode.STANDBY, expires_at=SOON), False, 5.0, CHARGE, Mode.CHARGE),
    (replace(CHARGE, expires_at=NOON), True, 5.0, SELF_USE, Mode.SELF_USE),
]


@pytest.mark.parametrize(("active", "charging", "ran", "proposed", "mode"), STEADY)
def test_a_mode_runs_for_its_minimum_time(
    active: Command | None, charging: bool, ran: float | None, proposed: Command, mode: Mode
) -> None:
    active_since = None if ran is None else since(ran)
    decision = decide(wish(proposed), active=active, charging=charging, active_since=active_since)
    assert decision.mode is mode


@pytest.mark.parametrize("priority", [Priority.EMERGENCY, Priority.PERSON])
def test_emergencies_and_persons_do_not_wait(priority: Priority) -> None:
    assert decide(wish(CHARGE, priority), active_since=since(1)).mode is Mode.CHARGE


def test_safety_does_not_wait() -> None:
    decision = decide(
        wish(SELF_USE), envelope=bounded(STOP_FORCED), active=CHARGE, charging=True, active_since=since(1)
    )
    assert (decision.mode, decision.verdict) == (Mode.SELF_USE, "refused")


def test_a_kept_lease_is_not_prolonged() -> None:
    active = replace(CHARGE, expires_at=NOON + timedelta(minutes=3))
    decision = decide(wish(SELF_USE), active=active, charging=True, active_since=since(5))
    assert decision.command is active
    assert "it has run for 5 of at least 15 min" in decision.reason
    assert "Charge stays: it has run for 5 of at least 15 min; a asks for self-use" in decision.reason


def test_another_power_in_the_same_mode_is_no_change_of_mode() -> None:
    decision = decide(wish(replace(CHARGE, power_w=2000.0)), active=CHARGE, charging=True, active_since=since(1))
    assert decision.command.power_w == 2000.0


def test_an_unknown_soc_ends_a_charge_at_once() -> None:
    unknown = context(battery__soc_pct=None, active=CHARGE, charging=True, active_since=since(1))
    decision = arbitrate(unknown, [MultiFactorEngine().propose(unknown)], CLEAR, ArbiterOptions())
    assert decision.mode is Mode.SELF_USE


def test_an_unknown_price_ends_a_charge_at_once() -> None:
    unknown = context(price=None, active=CHARGE, charging=True, active_since=since(1))
    decision = arbitrate(unknown, [MultiFactorEngine().propose(unknown)], CLEAR, ArbiterOptions())
    assert decision.mode is Mode.SELF_USE


def test_the_minimum_run_time_is_a_setting() -> None:
    options = ArbiterOptions(stability=StabilityOptions(min_mode=timedelta(0)))
    decision = arbitrate(context(active_since=since(0)), [wish(CHARGE)], CLEAR, options)
    assert decision.mode is Mode.CHARGE
