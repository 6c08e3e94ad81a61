"""Whoever asks for a discharge: what may leave the house is what the sun gave."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from hems.decision.arbiter import ArbiterOptions, arbitrate
from hems.decision.explanation import command_of
from hems.decision.origin_rule import narrow, narrow_to_origin
from hems.domain.command import Command, Mode
from hems.domain.decision import Allowed, Decision, Narrowed, Priority, Proposal, Refused, StoredOrigin
from hems.domain.safety import Bounds, Cause, SafetyEnvelope, Violation
from hems.planning.origin_ledger import OriginLedger
from hems.safety.rule import STOP_FORCED
from support.safety_builders import NOON, context

SOON = NOON + timedelta(minutes=17)
CLEAR = SafetyEnvelope(at=NOON, bounds=Bounds())
CAPACITY_WH = 10_000.0


def discharge(target_pct: float | None = 20.0, **more: float) -> Command:
    return Command(mode=Mode.DISCHARGE, expires_at=SOON, power_w=3000.0, target_soc_pct=target_pct, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pv_wh", "grid_wh", "soc_pct", "asked_pct", "target_pct"),
    [
        (6000.0, 2000.0, 80.0, 20.0, 20.0),  # exactly down to the grid's share
        (6000.0, 2000.0, 80.0, 50.0, 50.0),  # less than it may
        (5000.0, 3000.0, 80.0, 20.0, 30.0),
        (5000.0, 3000.0, 80.0, None, 30.0),
        (5000.0, 2950.0, 79.0, 20.0, 30.0),  # 29.5 %: a SoC in whole percents ends it in time
        (5000.0, 2000.0, 80.0, 20.0, 30.0),  # the ledger lags behind the SoC: what it does not know is the grid's
        (8000.0, 0.0, 80.0, 10.0, 10.0),
    ],
)
def test_a_discharge_ends_where_the_grids_share_begins(
    pv_wh: float, grid_wh: float, soc_pct: float, asked_pct: float | None, target_pct: float
) -> None:
    command = discharge(asked_pct)
    verdict = narrow_to_origin(command, OriginLedger(pv_wh=pv_wh, grid_wh=grid_wh), soc_pct, CAPACITY_WH)
    assert command_of(verdict) == replace(command, target_soc_pct=target_pct)
    assert isinstance(verdict, Allowed if asked_pct == target_pct else Narrowed)


@pytest.mark.parametrize(
    ("ledger", "soc_pct", "capacity_wh"),
    [
        (OriginLedger(pv_wh=0.0, grid_wh=8000.0), 80.0, CAPACITY_WH),
        (OriginLedger(pv_wh=60.0, grid_wh=7940.0), 80.0, CAPACITY_WH),  # less than one percent
        (None, 80.0, CAPACITY_WH),
        (OriginLedger(pv_wh=8000.0, grid_wh=0.0), None, CAPACITY_WH),
        (OriginLedger(pv_wh=8000.0, grid_wh=0.0), float("nan"), CAPACITY_WH),
        (OriginLedger(pv_wh=8000.0, grid_wh=0.0), 80.0, 0.0),
    ],
)
def test_where_nothing_of_the_sun_is_left_or_known_nothing_is_sold(
    ledger: OriginLedger | None, soc_pct: float | None, capacity_wh: float
) -> None:
    verdict = narrow_to_origin(discharge(export_limit_w=2000.0), ledger, soc_pct, capacity_wh)
    assert isinstance(verdict, Refused)
    assert verdict.fallback.mode is Mode.SELF_USE
    assert verdict.fallback.export_limit_w == 2000.0
    assert "grid.no_grid_energy_into_export" in verdict.causes[0]


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.DISCHARGE])
def test_every_other_mode_passes(mode: Mode) -> None:
    command = Command(mode=mode, expires_at=SOON, power_w=2000.0)
    assert narrow_to_origin(command, None, None, 0.0) == Allowed(command=command)


def decide(origin: StoredOrigin | None, envelope: SafetyEnvelope = CLEAR, who: Priority = Priority.PERSON) -> Decision:
    asked = Proposal(
        source="somebody", priority=who, command=discharge(), reason="sell", confidence_pct=90.0, expires_at=SOON
    )
    before = replace(context(battery__soc_pct=80.0), origin=origin)
    return arbitrate(before, [asked], envelope, ArbiterOptions())


def origin(pv_wh: float | None, grid_wh: float | None) -> StoredOrigin:
    return StoredOrigin(pv_wh=pv_wh, grid_wh=grid_wh, capacity_wh=CAPACITY_WH)


@pytest.mark.parametrize("who", list(Priority))
def test_persons_and_strategies_are_bound_alike(who: Priority) -> None:
    decision = decide(origin(3000.0, 5000.0), who=who)
    assert (decision.mode, decision.command.target_soc_pct, decision.verdict) == (Mode.DISCHARGE, 50.0, "narrowed")
    assert "3.0 of 8.0 kWh stored came from the sun" in decision.reason
    refused = decide(origin(None, None), who=who)
    assert (refused.mode, refused.verdict) == (Mode.SELF_USE, "refused")
    assert refused.causes[0] in refused.reason


def test_an_owner_who_lets_it_be_sold_sells_it() -> None:
    decision = decide(None)
    assert (decision.mode, decision.command.target_soc_pct, decision.verdict) == (Mode.DISCHARGE, 20.0, "allowed")


def test_safety_comes_on_top() -> None:
    bounds = Bounds(forced_discharge_max_w=1000.0)
    hot = Violation(cause=Cause.BATTERY_TOO_HOT, bounds=bounds, detail="61 °C")
    envelope = SafetyEnvelope(at=NOON, bounds=bounds, violations=(hot,))
    decision = decide(origin(3000.0, 5000.0), envelope)
    assert (decision.command.power_w, decision.command.target_soc_pct) == (1000.0, 50.0)
    assert len(decision.causes) == 2
    stopped = SafetyEnvelope(at=NOON, bounds=STOP_FORCED, violations=(replace(hot, bounds=STOP_FORCED),))
    known = replace(context(battery__soc_pct=80.0), origin=origin(3000.0, 5000.0))
    verdict = narrow(discharge(), known, stopped)
    assert isinstance(verdict, Refused)
    assert verdict.fallback.mode is Mode.SELF_USE
    assert len(verdict.causes) == 2


def test_what_is_unknown_may_not_leave() -> None:
    assert origin(None, None).exportable_wh == 0.0
    assert origin(1200.0, 300.0).exportable_wh == 1200.0
