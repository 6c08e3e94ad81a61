"""The engine as a strategy: leases, targets, and what it leaves alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hems.decision.multi_factor_engine import MultiFactorEngine, MultiFactorOptions
from hems.domain.command import Command, Mode
from hems.domain.decision import Priority, Proposal, ScoreAction
from hems.domain.readings import Quality
from hems.ports.strategy import Strategy
from support.safety_builders import NOON, context

CHEAP: dict[str, Any] = {"price": 100.0, "pv__power_w": 0.0, "load__power_w": 3000.0}  # starts a charge at 50 %
DEAR: dict[str, Any] = {"price": 900.0, "pv__power_w": 0.0, "load__power_w": 3000.0}
BETWEEN: dict[str, Any] = {"price": 500.0, "pv__power_w": 0.0, "load__power_w": 3000.0}


def propose(options: MultiFactorOptions | None = None, **changes: Any) -> Proposal:
    engine: Strategy = MultiFactorEngine(options)
    proposal = engine.propose(context(**changes))
    assert proposal is not None
    return proposal


def lease(target_pct: float | None = 100.0) -> Command:
    return Command(mode=Mode.CHARGE, expires_at=NOON + timedelta(minutes=2), power_w=5000.0, target_soc_pct=target_pct)


def test_a_good_score_asks_for_a_lease() -> None:
    proposal = propose(**CHEAP)
    assert proposal.priority is Priority.STRATEGY
    assert proposal.command == Command(
        mode=Mode.CHARGE,
        power_w=5000.0,
        target_soc_pct=100.0,
        expires_at=NOON + timedelta(minutes=17),
        reason=proposal.reason,
    )


def test_a_poor_score_asks_for_self_use() -> None:
    assert propose(**DEAR).command.mode is Mode.SELF_USE


@pytest.mark.parametrize("charging", [False, True])
def test_in_between_the_present_state_goes_on(charging: bool) -> None:
    proposal = propose(**BETWEEN, charging=charging, active=lease() if charging else None)
    assert proposal.score is not None
    assert proposal.score.action is ScoreAction.CONTINUE
    assert (proposal.command.mode is Mode.CHARGE) is charging


def test_an_emergency_goes_first_and_ends_a_little_above_its_level() -> None:
    proposal = propose(**DEAR, battery__soc_pct=20.0)
    assert proposal.priority is Priority.EMERGENCY
    assert (proposal.command.mode, proposal.command.target_soc_pct) == (Mode.CHARGE, 25.0)


def test_an_emergency_at_a_good_price_charges_to_the_full_target() -> None:
    assert propose(**CHEAP, battery__soc_pct=20.0).command.target_soc_pct == 100.0


def test_an_emergency_that_continues_keeps_its_target_until_the_price_is_good() -> None:
    active = lease(25.0)
    assert propose(**DEAR, battery__soc_pct=22.0, charging=True, active=active).command.target_soc_pct == 25.0
    assert propose(**CHEAP, battery__soc_pct=22.0, charging=True, active=active).command.target_soc_pct == 100.0
    assert propose(**DEAR, battery__soc_pct=25.0, charging=True, active=active).command.mode is Mode.SELF_USE


@pytest.mark.parametrize(
    ("soc", "charging", "mode"),
    [
        (77.9, False, Mode.CHARGE),
        (78.0, False, Mode.CHARGE),
        (78.1, False, Mode.SELF_USE),
        (79.9, True, Mode.CHARGE),
        (80.0, True, Mode.SELF_USE),
        (85.0, True, Mode.SELF_USE),
    ],
)
def test_a_battery_at_its_target_is_not_charged(soc: float, charging: bool, mode: Mode) -> None:
    options = MultiFactorOptions(target_soc_pct=80.0)
    proposal = propose(
        options, **CHEAP, battery__soc_pct=soc, charging=charging, active=lease(80.0) if charging else None
    )
    assert proposal.score is not None
    assert proposal.score.charging_after, "the score alone would charge"
    assert proposal.command.mode is mode
    assert ("target" in proposal.reason) is (mode is Mode.SELF_USE)


@pytest.mark.parametrize(
    "changes",
    [
        {"battery__soc_pct": None},
        {"battery__quality": Quality.MISSING},
        {"pv__power_w": None},
        {"load__quality": Quality.MISSING},
        {"price": None},
        {"origin": None},
        {"battery__at": NOON - timedelta(minutes=5, seconds=1)},
        {"pv__at": NOON + timedelta(hours=1)},
    ],
)
@pytest.mark.parametrize("charging", [False, True])
def test_what_is_unknown_or_too_old_never_charges(changes: dict[str, Any], charging: bool) -> None:
    proposal = propose(**(CHEAP | {"charging": charging, "active": lease() if charging else None} | changes))
    assert proposal.command.mode is Mode.SELF_USE
    assert proposal.score is not None
    assert proposal.score.action is ScoreAction.UNKNOWN


def test_the_same_context_decides_the_same() -> None:
    assert propose(**CHEAP) == propose(**CHEAP)
