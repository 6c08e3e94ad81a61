"""A command is proven by the battery's measured power."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from hems.coordination.verification import Proof, Verification, mismatch_of
from hems.domain.command import Command, Mode
from support.scripted_inverter import snapshot

AT = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)


def command(mode: Mode, power_w: float | None = None) -> Command:
    return Command(mode=mode, power_w=power_w, target_soc_pct=100.0, expires_at=AT + timedelta(hours=1))


@pytest.mark.parametrize(
    ("mode", "asked_w", "measured_w", "agrees"),
    [
        (Mode.CHARGE, 2000.0, -1990.0, True),
        (Mode.CHARGE, 2000.0, -1000.0, True),  # half is what a warm or full battery may take
        (Mode.CHARGE, 2000.0, -900.0, False),
        (Mode.CHARGE, 2000.0, 500.0, False),
        (Mode.DISCHARGE, 2000.0, 1800.0, True),
        (Mode.DISCHARGE, 2000.0, 300.0, False),
        (Mode.HOLD, None, 0.0, True),
        (Mode.HOLD, None, -1500.0, True),  # PV may charge
        (Mode.HOLD, None, 700.0, False),
        (Mode.NO_CHARGE, None, 700.0, True),
        (Mode.NO_CHARGE, None, -700.0, False),
        (Mode.STANDBY, None, 90.0, True),
        (Mode.STANDBY, None, 700.0, False),
        (Mode.STANDBY, None, -700.0, False),
        (Mode.SELF_USE, None, 600.0, True),
        (Mode.SELF_USE, None, -2000.0, False),  # charging from the grid
    ],
)
def test_measured_power_confirms_or_contradicts(
    mode: Mode, asked_w: float | None, measured_w: float, agrees: bool
) -> None:
    found = mismatch_of(command(mode, asked_w), snapshot(AT, power_w=measured_w))
    assert found is not None
    assert (found == "") is agrees, found


def test_charging_is_judged_against_what_the_battery_may_take() -> None:
    limited = snapshot(AT, power_w=-500.0, charge_limit_a=10.0)
    assert mismatch_of(command(Mode.CHARGE, 5000.0), limited) == ""


def test_a_nearly_full_battery_need_not_take_power() -> None:
    assert mismatch_of(command(Mode.CHARGE, 5000.0), snapshot(AT, power_w=-60.0, soc_pct=97.0)) == ""


def test_unknown_power_proves_nothing() -> None:
    assert mismatch_of(command(Mode.CHARGE, 5000.0), snapshot(AT, power_w=None)) is None


def test_refuted_only_after_three_mismatches_past_the_settling_time() -> None:
    proof = Verification(command=command(Mode.CHARGE, 2000.0), applied_at=AT)
    history = []
    for second in range(0, 50, 5):
        proof = proof.observe(snapshot(AT + timedelta(seconds=second), power_w=600.0))
        history.append(proof.proof)
    assert history[:8] == [Proof.PENDING] * 8  # 0-25 s settle, 30 and 35 s are the first two mismatches
    assert history[8] is Proof.REFUTED


def test_one_odd_sample_does_not_refute_a_confirmed_command() -> None:
    proof = Verification(command=command(Mode.CHARGE, 2000.0), applied_at=AT)
    for second, power_w in ((30, -2000.0), (35, 100.0), (40, -2000.0), (45, 100.0), (50, 100.0)):
        proof = proof.observe(snapshot(AT + timedelta(seconds=second), power_w=power_w))
    assert proof.proof is Proof.CONFIRMED


def test_a_clock_that_is_set_back_does_not_put_the_proof_off_for_hours() -> None:
    proof = Verification(command=command(Mode.CHARGE, 2000.0), applied_at=AT)
    for second in range(0, 15, 5):
        proof = proof.observe(snapshot(AT - timedelta(hours=3) + timedelta(seconds=second), power_w=600.0))
    assert proof.proof is Proof.REFUTED


def test_a_hold_may_first_give_what_is_above_its_whole_percent() -> None:
    proof = Verification(command=command(Mode.HOLD), applied_at=AT)
    for second in range(0, 300, 5):
        proof = proof.observe(snapshot(AT + timedelta(seconds=second), power_w=700.0, soc_pct=50.0))
    assert proof.proof is Proof.PENDING
    for second in range(300, 320, 5):
        proof = proof.observe(snapshot(AT + timedelta(seconds=second), power_w=700.0, soc_pct=48.0))
    assert proof.proof is Proof.REFUTED
