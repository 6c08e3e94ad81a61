"""What the gate makes of each mode under each bound, and the modes that safety demands by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hems.decision.explanation import command_of
from hems.domain.command import Command, Mode
from hems.domain.decision import Allowed, Narrowed, Refused
from hems.domain.safety import Bounds, Cause, SafetyEnvelope, Violation
from hems.safety.gate import MIN_FORCED_POWER_W, narrow_to_envelope, protective_command, required_mode
from hems.safety.rule import STOP_BATTERY, STOP_CHARGE, STOP_DISCHARGE, STOP_FORCED
from support.safety_builders import NOON

FREE = Bounds()
SOON = NOON + timedelta(minutes=17)


def envelope(bounds: Bounds, cause: Cause = Cause.SYSTEM_ERROR) -> SafetyEnvelope:
    found = () if bounds == FREE else (Violation(cause=cause, bounds=bounds, detail="a reading"),)
    return SafetyEnvelope(at=NOON, bounds=bounds, violations=found)


def command(mode: Mode, power_w: float | None = None) -> Command:
    if mode in (Mode.CHARGE, Mode.DISCHARGE) and power_w is None:
        power_w = 3000.0
    return Command(mode=mode, expires_at=SOON, power_w=power_w, target_soc_pct=80.0)


TABLE = [
    # asked          bounds          verdict   mode
    (Mode.SELF_USE, FREE, Allowed, Mode.SELF_USE),
    (Mode.SELF_USE, STOP_FORCED, Allowed, Mode.SELF_USE),
    (Mode.SELF_USE, STOP_CHARGE, Narrowed, Mode.NO_CHARGE),
    (Mode.SELF_USE, STOP_DISCHARGE, Narrowed, Mode.HOLD),
    (Mode.SELF_USE, STOP_BATTERY, Narrowed, Mode.STANDBY),
    (Mode.CHARGE, FREE, Allowed, Mode.CHARGE),
    (Mode.CHARGE, STOP_DISCHARGE, Allowed, Mode.CHARGE),
    (Mode.CHARGE, STOP_FORCED, Refused, Mode.SELF_USE),
    (Mode.CHARGE, STOP_CHARGE, Refused, Mode.NO_CHARGE),
    (Mode.CHARGE, STOP_BATTERY, Refused, Mode.STANDBY),
    (Mode.DISCHARGE, STOP_CHARGE, Allowed, Mode.DISCHARGE),
    (Mode.DISCHARGE, STOP_DISCHARGE, Refused, Mode.HOLD),
    (Mode.DISCHARGE, STOP_FORCED, Refused, Mode.SELF_USE),
    (Mode.HOLD, FREE, Allowed, Mode.HOLD),
    (Mode.HOLD, STOP_DISCHARGE, Allowed, Mode.HOLD),
    (Mode.HOLD, STOP_CHARGE, Narrowed, Mode.STANDBY),
    (Mode.HOLD, STOP_FORCED, Refused, Mode.SELF_USE),
    (Mode.NO_CHARGE, STOP_DISCHARGE, Narrowed, Mode.STANDBY),
    (Mode.STANDBY, FREE, Allowed, Mode.STANDBY),
    (Mode.STANDBY, STOP_FORCED, Refused, Mode.SELF_USE),
    (Mode.STANDBY, STOP_BATTERY, Allowed, Mode.STANDBY),
]


@pytest.mark.parametrize(("asked", "bounds", "verdict_type", "mode"), TABLE)
def test_the_nearest_permitted_mode(asked: Mode, bounds: Bounds, verdict_type: type, mode: Mode) -> None:
    verdict = narrow_to_envelope(command(asked), envelope(bounds))
    assert isinstance(verdict, verdict_type)
    assert command_of(verdict).mode is mode


@pytest.mark.parametrize(
    ("asked_w", "bound_w", "through_w"),
    [(3000.0, 5000.0, 3000.0), (3000.0, 3000.0, 3000.0), (3000.0, 1664.0, 1664.0), (3000.0, MIN_FORCED_POWER_W, 100.0)],
)
def test_power_is_cut_to_the_bound(asked_w: float, bound_w: float, through_w: float) -> None:
    verdict = narrow_to_envelope(command(Mode.CHARGE, asked_w), envelope(Bounds(forced_charge_max_w=bound_w)))
    result = command_of(verdict)
    assert (result.mode, result.power_w, result.target_soc_pct, result.expires_at) == (
        Mode.CHARGE,
        through_w,
        80.0,
        SOON,
    )
    assert isinstance(verdict, Allowed) is (through_w == asked_w)


@pytest.mark.parametrize("power_w", [None, 0.0, -5.0, 99.9, float("nan")])
def test_a_charge_without_a_power_worth_asking_for_is_refused(power_w: float | None) -> None:
    asked = Command(mode=Mode.CHARGE, expires_at=SOON, power_w=power_w)
    verdict = narrow_to_envelope(asked, envelope(FREE))
    assert isinstance(verdict, Refused)
    assert verdict.fallback.mode is Mode.SELF_USE
    assert verdict.causes


@pytest.mark.parametrize("mode", [Mode.CHARGE, Mode.DISCHARGE])
@pytest.mark.parametrize("unusable", [float("nan"), -5.0, 0.0])
def test_a_bound_that_is_no_power_bounds_to_zero(mode: Mode, unusable: float) -> None:
    bounds = Bounds(forced_charge_max_w=unusable, forced_discharge_max_w=unusable)
    assert isinstance(narrow_to_envelope(command(mode), envelope(bounds)), Refused)


def test_an_expired_lease_is_refused() -> None:
    asked = Command(mode=Mode.CHARGE, expires_at=NOON, power_w=3000.0)
    verdict = narrow_to_envelope(asked, envelope(FREE))
    assert isinstance(verdict, Refused)
    assert "expired" in verdict.causes[0]


@pytest.mark.parametrize(
    ("bounds", "mode"),
    [
        (FREE, None),
        (STOP_FORCED, None),
        (STOP_CHARGE, Mode.NO_CHARGE),
        (STOP_DISCHARGE, Mode.HOLD),
        (STOP_BATTERY, Mode.STANDBY),
    ],
)
def test_the_mode_that_safety_demands(bounds: Bounds, mode: Mode | None) -> None:
    assert required_mode(envelope(bounds)) is mode
    protective = protective_command(envelope(bounds))
    assert (protective.mode if protective else None) is mode


def test_a_protective_command_is_a_lease_with_its_reason() -> None:
    protective = protective_command(envelope(STOP_BATTERY, Cause.BATTERY_TOO_HOT))
    assert protective is not None
    assert protective.expires_at > NOON
    assert "battery too hot: a reading" in protective.reason


def test_the_mode_that_replaces_self_use_is_a_lease_and_a_narrowed_lease_is_not_prolonged() -> None:
    past = Command(mode=Mode.SELF_USE, expires_at=NOON - timedelta(hours=1))
    assert command_of(narrow_to_envelope(past, envelope(STOP_BATTERY))).expires_at > NOON
    held = Command(mode=Mode.HOLD, expires_at=NOON + timedelta(minutes=1))
    narrowed = command_of(narrow_to_envelope(held, envelope(STOP_CHARGE)))
    assert (narrowed.mode, narrowed.expires_at) == (Mode.STANDBY, held.expires_at)


def test_only_the_causes_that_concern_the_request_are_named() -> None:
    bounds = Bounds(forced_discharge_max_w=0.0)
    both = SafetyEnvelope(
        at=NOON,
        bounds=bounds.intersect(Bounds(forced_charge_max_w=1000.0)),
        violations=(
            Violation(cause=Cause.METER_LOST, bounds=bounds, detail="no meter"),
            Violation(cause=Cause.CHARGE_DISABLED, bounds=Bounds(forced_charge_max_w=1000.0), detail="slow"),
        ),
    )
    charge, discharge = (narrow_to_envelope(command(mode), both) for mode in (Mode.CHARGE, Mode.DISCHARGE))
    assert isinstance(charge, Narrowed)
    assert charge.causes == ("charge disabled: slow",)
    assert isinstance(discharge, Refused)
    assert discharge.causes == ("meter lost: no meter",)


def test_a_bound_that_no_violation_made_is_named_as_everyday() -> None:
    everyday = SafetyEnvelope(at=NOON, bounds=Bounds(forced_charge_max_w=1664.0))
    verdict = narrow_to_envelope(command(Mode.CHARGE), everyday)
    assert isinstance(verdict, Narrowed)
    assert verdict.causes == ("the battery's current limit or charging.max_power allows no more now",)
