"""A limit on export is a lease: begun, counted, renewed, proven and ended like any other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hems.coordination.action_executor_manager import ActionExecutorManager, ActionOptions, describe, self_use
from hems.coordination.verification import Proof, Verification, mismatch_of
from hems.decision.arbiter import ArbiterOptions, arbitrate
from hems.decision.explanation import command_of
from hems.domain.command import (
    AlreadySo,
    Applied,
    Command,
    Mode,
    NotConfirmed,
    Rejected,
    WritePurpose,
)
from hems.domain.decision import Allowed, Narrowed, Priority, Proposal, Refused
from hems.domain.readings import Quality, SiteSnapshot
from hems.domain.safety import Bounds, Cause, SafetyEnvelope, Violation
from hems.domain.site import Ability, Capabilities, ControlMethod
from hems.safety.gate import narrow_to_envelope
from hems.safety.rule import STOP_CHARGE, STOP_FORCED
from support.memory_store import MemoryStore
from support.safety_builders import NOON, context
from support.scripted_inverter import ScriptedInverter, snapshot

AT = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)
DECISION, SAFETY, RESTORE = WritePurpose.DECISION, WritePurpose.SAFETY, WritePurpose.RESTORE


class StillClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = AT

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    async def wait(self, event: object, seconds: float) -> bool:
        raise NotImplementedError


class Bench:
    """An executor on a scripted inverter, attached and reconciled."""

    def __init__(self, budget: int = 60) -> None:
        self.clock = StillClock()
        self.alarms: list[tuple[str, str, str]] = []
        self.inverter = ScriptedInverter()
        options = ActionOptions(daily_write_budget=budget, zone=ZoneInfo("Europe/Warsaw"))
        self.actions = ActionExecutorManager(self.clock, MemoryStore(), options, lambda *told: self.alarms.append(told))
        self.actions.attach(self.inverter)

    @property
    def asked(self) -> list[Command]:
        return [command for command, _ in self.inverter.applied]


@pytest.fixture
async def bench() -> Bench:
    bench = Bench()
    assert await bench.actions.reconcile(AT) is None
    return bench


def curtail(mode: Mode = Mode.SELF_USE, limit_w: float | None = 0.0, minutes: float = 17, **more: float) -> Command:
    return Command(mode=mode, expires_at=AT + timedelta(minutes=minutes), export_limit_w=limit_w, **more)


def test_self_use_with_a_limit_is_forced_and_another_request() -> None:
    plain = Command(mode=Mode.SELF_USE, expires_at=AT)
    assert (curtail().is_forced, plain.is_forced) == (True, False)
    assert not curtail().same_request(plain)
    assert not curtail().same_request(curtail(limit_w=500.0))
    assert curtail().same_request(curtail(minutes=99))
    assert describe(curtail()) == "self_use with at most 0 W of export until 2026-05-01T10:17:00Z"


async def test_it_begins_is_renewed_without_a_write_and_expires(bench: Bench) -> None:
    record = await bench.actions.execute(curtail(), DECISION, AT)
    assert record.result == Applied(writes=2)
    assert bench.actions.active == curtail()
    assert bench.inverter.saves == 1, "the owner's settings before the first change"
    again = await bench.actions.execute(curtail(minutes=32), DECISION, AT + timedelta(minutes=15))
    assert (again.result, len(bench.asked)) == (AlreadySo(), 1)
    assert not bench.actions.lease_is_over(AT + timedelta(minutes=31))
    assert bench.actions.lease_is_over(AT + timedelta(minutes=32))
    await bench.actions.end_lease(RESTORE, "over", AT + timedelta(minutes=32))
    assert bench.actions.active is None
    assert bench.asked[-1].export_limit_w is None


async def test_plain_self_use_ends_it_and_changes_no_run_time(bench: Bench) -> None:
    await bench.actions.execute(Command(mode=Mode.HOLD, expires_at=AT + timedelta(hours=1)), DECISION, AT)
    await bench.actions.execute(curtail(Mode.HOLD), DECISION, AT + timedelta(minutes=5))
    assert bench.actions.active_since == AT, "a limit is no mode"
    await bench.actions.execute(self_use(AT, "test"), DECISION, AT + timedelta(minutes=9))
    assert bench.actions.active is None
    assert bench.inverter.control_export_limit_w is None


async def test_it_counts_against_the_budget_and_leaving_it_does_not() -> None:
    bench = Bench(budget=2)
    await bench.actions.reconcile(AT)
    await bench.actions.execute(curtail(), DECISION, AT)
    refused = await bench.actions.execute(curtail(limit_w=500.0), DECISION, AT)
    assert isinstance(refused.result, Rejected)
    assert "budget" in refused.result.detail
    assert isinstance((await bench.actions.execute(self_use(AT, "test"), DECISION, AT)).result, Applied)


@pytest.mark.parametrize(
    ("found_w", "agrees"),
    [(0.0, True), (0.9, True), (400.0, False), (None, False)],
)
async def test_a_foreign_change_is_set_right(bench: Bench, found_w: float | None, agrees: bool) -> None:
    await bench.actions.execute(curtail(), DECISION, AT)
    bench.inverter.control_export_limit_w = found_w
    record = await bench.actions.reconcile(AT + timedelta(minutes=1))
    assert (record is None) is agrees
    if not agrees:
        assert bench.inverter.control_export_limit_w == 0.0
        assert bench.alarms[-1][0] == "control_differs"
        assert "0 W of export" in bench.alarms[-1][2]


async def test_after_a_restart_a_limit_that_is_no_owners_is_ended() -> None:
    bench = Bench()
    bench.inverter.control_export_limit_w = 0.0
    record = await bench.actions.reconcile(AT)
    assert record is not None
    assert (record.purpose, bench.asked[-1].mode, bench.asked[-1].export_limit_w) == (RESTORE, Mode.SELF_USE, None)
    assert bench.inverter.control_export_limit_w is None


async def test_at_the_end_of_the_service_the_owners_limit_is_back(bench: Bench) -> None:
    await bench.actions.execute(curtail(), DECISION, AT)
    await bench.actions.shut_down()
    assert (bench.inverter.control_export_limit_w, bench.actions.active) == (None, None)


async def test_an_inverter_without_the_ability_does_the_mode_without_the_limit_and_says_so(bench: Bench) -> None:
    bench.inverter.capabilities = Capabilities(
        abilities=frozenset(Ability) - {Ability.EXPORT_LIMIT},
        control=ControlMethod.EMS,
        refusals=((Ability.EXPORT_LIMIT, "it has no meter"),),
    )
    record = await bench.actions.execute(curtail(Mode.HOLD), DECISION, AT)
    assert bench.asked == [replace(curtail(Mode.HOLD), export_limit_w=None)]
    assert record.result == Applied(writes=2, detail="without an export limit: it has no meter")
    assert bench.actions.active == replace(curtail(Mode.HOLD), export_limit_w=None)
    await bench.actions.execute(curtail(Mode.HOLD, minutes=30), DECISION, AT)
    assert len(bench.asked) == 1, "renewed, not written again"
    assert [kind for kind, _, _ in bench.alarms] == ["export_limit"], "told once"
    plain = await bench.actions.execute(curtail(), DECISION, AT)
    assert bench.actions.active is None
    assert plain.asked.startswith("self_use")


async def test_a_limit_refused_before_a_write_is_tried_again_later(bench: Bench) -> None:
    for minute in (0, 15):
        bench.inverter.results = [Rejected(detail="its switch is off"), Applied(writes=1)]
        record = await bench.actions.execute(curtail(Mode.HOLD), DECISION, AT + timedelta(minutes=minute))
        assert isinstance(record.result, Applied | AlreadySo)
        assert "its switch is off" in record.result.detail
    assert [command.export_limit_w for command in bench.asked] == [0.0, None, 0.0]
    assert [kind for kind, _, _ in bench.alarms] == ["export_limit"]
    assert not bench.actions.is_uncertain


async def test_a_limit_whose_write_is_refused_is_not_written_again_and_again(bench: Bench) -> None:
    apply = bench.inverter.apply

    async def refuse_limits(command: Command, purpose: WritePurpose) -> object:
        if command.export_limit_w is None:
            return await apply(command, purpose)
        bench.inverter.applied.append((command, purpose))
        bench.inverter.register_writes += 3
        return Rejected(detail="illegal data value", writes=3)

    bench.inverter.apply = refuse_limits  # type: ignore[method-assign, assignment]
    record = await bench.actions.execute(curtail(Mode.HOLD), DECISION, AT)
    assert record.register_writes == 5
    assert bench.actions.writes_today == 5
    await bench.actions.execute(curtail(Mode.HOLD, minutes=30), DECISION, AT + timedelta(minutes=15))
    assert [command.export_limit_w for command in bench.asked] == [0.0, None]
    bench.actions.attach(bench.inverter)  # a new connection, a new try
    await bench.actions.execute(curtail(Mode.HOLD, minutes=40), DECISION, AT + timedelta(minutes=20))
    assert [command.export_limit_w for command in bench.asked] == [0.0, None, 0.0, None]
    late = AT + timedelta(hours=7)
    await bench.actions.execute(replace(curtail(Mode.HOLD), expires_at=late + timedelta(minutes=17)), DECISION, late)
    assert bench.asked[-2].export_limit_w == 0.0, "and another one after six hours"


async def test_an_unconfirmed_limit_is_uncertain_and_told(bench: Bench) -> None:
    bench.inverter.results = [NotConfirmed(detail="export_limit reads 0", writes=1)]
    await bench.actions.execute(curtail(), DECISION, AT)
    assert bench.actions.is_uncertain
    assert bench.actions.active is None
    assert bench.alarms[-1][0] == "not_confirmed"


async def test_a_limit_that_the_meter_contradicts_twice_rests_and_nothing_else_does(bench: Bench) -> None:
    for minute in (0, 3):
        at = AT + timedelta(minutes=minute)
        await bench.actions.execute(curtail(Mode.HOLD, minutes=60), DECISION, at)
        for second in (60, 65, 70):
            proof = bench.actions.observe(measured(-3000.0, at=at + timedelta(seconds=second)), at)
        assert proof is Proof.REFUTED
    assert bench.actions.forced_paused_until(at) is None
    assert [kind for kind, _, _ in bench.alarms] == ["not_confirmed", "not_confirmed"]
    record = await bench.actions.execute(curtail(Mode.HOLD, minutes=60), DECISION, at)
    assert bench.asked[-1] == replace(curtail(Mode.HOLD, minutes=60), export_limit_w=None)
    assert "does not keep it" in getattr(record.result, "detail", "")


async def test_a_limit_that_is_kept_in_between_does_not_rest(bench: Bench) -> None:
    for minute in (0, 3, 6):
        at = AT + timedelta(minutes=minute)
        await bench.actions.execute(curtail(Mode.HOLD, minutes=60), DECISION, at)
        for second, grid_w in ((60, 0.0), (65, -3000.0), (70, -3000.0), (75, -3000.0)):
            bench.actions.observe(measured(grid_w, at=at + timedelta(seconds=second)), at)
    assert all(command.export_limit_w == 0.0 for command in bench.asked)


async def test_a_battery_that_does_not_obey_is_no_fault_of_the_limit(bench: Bench) -> None:
    for minute in (0, 3):
        at = AT + timedelta(minutes=minute)
        await bench.actions.execute(curtail(Mode.CHARGE, power_w=2000.0, minutes=60), DECISION, at)
        for second in (60, 65, 70):
            bench.actions.observe(measured(0.0, 900.0, at=at + timedelta(seconds=second)), at)
    assert bench.actions.forced_paused_until(at) is not None
    assert all(command.export_limit_w == 0.0 for command in bench.asked)


# -- proof -----------------------------------------------------------------------------------------------------


def measured(
    grid_w: float | None,
    battery_w: float | None = -500.0,
    pv_w: float = 3000.0,
    at: datetime = AT + timedelta(minutes=1),
) -> SiteSnapshot:
    base = snapshot(at, power_w=battery_w)
    return replace(base, grid=replace(base.grid, power_w=grid_w), pv=replace(base.pv, power_w=pv_w))


@pytest.mark.parametrize(
    ("grid_w", "limit_w", "agrees"),
    [(0.0, 0.0, True), (300.0, 0.0, True), (-200.0, 0.0, True), (-201.0, 0.0, False), (-1150.0, 1000.0, True),
     (-1300.0, 1000.0, False), (None, 0.0, None)],
)  # fmt: skip
def test_the_meter_proves_the_limit(grid_w: float | None, limit_w: float, agrees: bool | None) -> None:
    found = mismatch_of(curtail(limit_w=limit_w), measured(grid_w))
    assert (None if found is None else found == "") is agrees
    if agrees is False:
        assert found is not None
        assert "fed in" in found


def test_both_proofs_are_needed_and_one_contradiction_is_enough() -> None:
    asked = curtail(Mode.CHARGE, power_w=2000.0)
    assert mismatch_of(asked, measured(0.0, -2000.0)) == ""
    assert mismatch_of(asked, measured(0.0, None)) is None, "nobody knows what the battery does"
    assert mismatch_of(asked, measured(None, -2000.0)) is None
    assert "charge" in (mismatch_of(asked, measured(None, 500.0)) or "")
    both = mismatch_of(asked, measured(-900.0, 500.0)) or ""
    assert "charge" in both
    assert "fed in" in both
    doubted = measured(-900.0, -2000.0)
    doubted = replace(doubted, grid=replace(doubted.grid, quality=Quality.SUSPECT))
    assert mismatch_of(asked, doubted) is None


@pytest.mark.parametrize(("battery_w", "agrees"), [(600.0, True), (320.0, True), (0.0, False)])
def test_a_discharge_gives_no_more_than_house_and_limit_take(battery_w: float, agrees: bool) -> None:
    asked = curtail(Mode.DISCHARGE, power_w=5000.0)
    assert (mismatch_of(asked, measured(0.0, battery_w, pv_w=0.0)) == "") is agrees


def test_three_samples_in_a_row_refute() -> None:
    proof = Verification(command=curtail(), applied_at=AT)
    for _ in range(2):
        proof = proof.observe(measured(-3000.0))
        assert proof.proof is Proof.PENDING
    assert proof.observe(measured(0.0)).proof is Proof.CONFIRMED
    assert "0 W fed in" in proof.observe(measured(0.0)).detail
    assert proof.observe(measured(-3000.0)).proof is Proof.REFUTED


# -- gate and steadiness ---------------------------------------------------------------------------------------


def gate(command: Command, bounds: Bounds) -> object:
    found = Violation(cause=Cause.SYSTEM_ERROR, bounds=bounds, detail="a reading")
    return narrow_to_envelope(command, SafetyEnvelope(at=AT, bounds=bounds, violations=(found,)))


def test_the_limit_outlives_a_refused_mode_but_neither_a_stop_nor_its_lease() -> None:
    cold = Bounds(forced_charge_max_w=0.0)
    refused = gate(curtail(Mode.CHARGE, power_w=3000.0), cold)
    assert isinstance(refused, Refused)
    assert (refused.fallback.mode, refused.fallback.export_limit_w) == (Mode.SELF_USE, 0.0)
    assert isinstance(gate(refused.fallback, cold), Allowed)
    stopped = gate(curtail(), STOP_FORCED)
    assert isinstance(stopped, Refused)
    assert stopped.fallback.export_limit_w is None
    late = gate(curtail(minutes=0), Bounds())
    assert isinstance(late, Refused)
    assert late.fallback.export_limit_w is None


def test_the_limit_stays_with_a_narrowed_mode() -> None:
    narrowed = gate(curtail(), STOP_CHARGE)
    assert isinstance(narrowed, Narrowed)
    assert (narrowed.command.mode, narrowed.command.export_limit_w) == (Mode.NO_CHARGE, 0.0)
    assert narrowed.command.expires_at == curtail().expires_at, "a lease is not prolonged"
    less = gate(curtail(Mode.CHARGE, power_w=3000.0), Bounds(forced_charge_max_w=1000.0))
    assert isinstance(less, Narrowed)
    assert (less.command.power_w, less.command.export_limit_w) == (1000.0, 0.0)


@pytest.mark.parametrize("limit_w", [-1.0, float("nan"), float("inf")])
def test_a_limit_that_is_none_is_refused(limit_w: float) -> None:
    refused = gate(curtail(limit_w=limit_w), Bounds())
    assert isinstance(refused, Refused)
    assert refused.fallback.export_limit_w is None
    assert "export limit" in refused.causes[0]


@pytest.mark.parametrize("limit_w", [None, 0.0])
def test_a_mode_that_stays_for_its_minimum_time_takes_the_limit_of_now(limit_w: float | None) -> None:
    soon = NOON + timedelta(minutes=17)
    active = Command(mode=Mode.CHARGE, expires_at=soon, power_w=3000.0, export_limit_w=700.0)
    wish = Proposal(
        source="plan",
        priority=Priority.STRATEGY,
        command=Command(mode=Mode.SELF_USE, expires_at=soon, export_limit_w=limit_w),
        reason="the price has changed",
        confidence_pct=90.0,
        expires_at=soon,
    )
    before = context(active=active, active_since=NOON - timedelta(minutes=5), charging=True)
    decision = arbitrate(before, [wish], SafetyEnvelope(at=NOON, bounds=Bounds()), ArbiterOptions())
    assert (decision.mode, decision.command.export_limit_w) == (Mode.CHARGE, limit_w)
    assert ("feeding in at most 0 W" in decision.reason) is (limit_w == 0.0)


def test_a_verdict_keeps_the_limit_it_lets_through() -> None:
    assert command_of(narrow_to_envelope(curtail(), SafetyEnvelope(at=AT, bounds=Bounds()))) == curtail()
