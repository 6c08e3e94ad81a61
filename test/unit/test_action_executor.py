"""The one holder of the writer: leases, budget, uncertainty, proof."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hems.coordination.action_executor_manager import ActionExecutorManager, ActionOptions, self_use
from hems.coordination.verification import Proof
from hems.domain.command import (
    AlreadySo,
    Applied,
    Command,
    Mode,
    NotConfirmed,
    Rejected,
    Unreachable,
    WritePurpose,
)
from hems.domain.errors import StorageError
from support.memory_store import MemoryStore
from support.scripted_inverter import ScriptedInverter, snapshot

AT = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)
DECISION, SAFETY = WritePurpose.DECISION, WritePurpose.SAFETY


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
        self.store = MemoryStore()
        self.alarms: list[tuple[str, str, str]] = []
        self.inverter = ScriptedInverter()
        self.options = ActionOptions(daily_write_budget=budget, zone=ZoneInfo("Europe/Warsaw"))
        self.actions = self.new_executor()

    def new_executor(self) -> ActionExecutorManager:
        actions = ActionExecutorManager(self.clock, self.store, self.options, lambda *told: self.alarms.append(told))
        actions.attach(self.inverter)
        return actions


def charge(power_w: float = 2000.0, minutes: float = 16) -> Command:
    return Command(mode=Mode.CHARGE, power_w=power_w, target_soc_pct=90.0, expires_at=AT + timedelta(minutes=minutes))


@pytest.fixture
async def bench() -> Bench:
    bench = Bench()
    assert await bench.actions.reconcile(AT) is None
    return bench


async def test_a_forced_command_becomes_the_lease_in_force(bench: Bench) -> None:
    record = await bench.actions.execute(charge(), DECISION, AT)
    assert record.result == Applied(writes=2)
    assert bench.actions.active == charge()
    assert bench.inverter.saves == 1  # the owner's settings before the first change


async def test_renewing_a_lease_says_nothing_to_the_inverter(bench: Bench) -> None:
    await bench.actions.execute(charge(), DECISION, AT)
    record = await bench.actions.execute(charge(minutes=31), DECISION, AT + timedelta(minutes=15))
    assert record.result == AlreadySo()
    assert len(bench.inverter.applied) == 1
    assert bench.actions.active is not None
    assert bench.actions.active.expires_at == AT + timedelta(minutes=31)


async def test_the_budget_stops_decisions_but_neither_safety_nor_self_use() -> None:
    bench = Bench(budget=2)
    await bench.actions.reconcile(AT)
    await bench.actions.execute(charge(), DECISION, AT)
    refused = await bench.actions.execute(charge(1000.0), DECISION, AT)
    assert isinstance(refused.result, Rejected)
    assert "budget" in refused.result.detail
    back = await bench.actions.execute(self_use(AT, "test"), DECISION, AT)
    assert isinstance(back.result, Applied)
    safe = await bench.actions.execute(Command(mode=Mode.STANDBY, expires_at=AT + timedelta(minutes=10)), SAFETY, AT)
    assert isinstance(safe.result, Applied)


async def test_the_count_of_writes_survives_a_restart_and_ends_at_local_midnight(bench: Bench) -> None:
    await bench.actions.execute(charge(), DECISION, AT)
    assert bench.new_executor().writes_today == 2
    bench.clock.at = datetime(2026, 1, 10, 23, 0, tzinfo=UTC)  # midnight in Warsaw
    assert bench.new_executor().writes_today == 0


async def test_a_refusal_does_not_end_the_lease_that_was_in_force(bench: Bench) -> None:
    await bench.actions.execute(charge(), DECISION, AT)
    bench.inverter.results.append(Rejected(detail="it cannot discharge"))
    await bench.actions.execute(Command(mode=Mode.DISCHARGE, power_w=900.0, expires_at=AT), DECISION, AT)
    assert bench.actions.active is None
    assert bench.actions.is_uncertain, "the charge may go on: self-use has to be asked for"


async def test_a_refused_forced_command_leaves_self_use(bench: Bench) -> None:
    bench.inverter.results = [Rejected(detail="illegal data value")]
    await bench.actions.execute(charge(), DECISION, AT)
    assert bench.actions.active is None
    assert not bench.actions.is_uncertain
    assert bench.alarms[-1][0] == "rejected"


@pytest.mark.parametrize("result", [NotConfirmed(detail="reads 0", writes=2), Unreachable(detail="silent")])
async def test_an_unconfirmed_command_makes_the_inverter_uncertain_until_it_confirms(
    bench: Bench, result: NotConfirmed | Unreachable
) -> None:
    bench.inverter.results = [result]
    await bench.actions.execute(charge(), DECISION, AT)
    assert bench.actions.is_uncertain
    assert bench.actions.active is None
    await bench.actions.execute(self_use(AT, "test"), SAFETY, AT)
    assert not bench.actions.is_uncertain
    assert bench.inverter.applied[-1][0].mode is Mode.SELF_USE


async def test_settings_that_cannot_be_saved_stop_a_decision_but_not_safety(bench: Bench) -> None:
    bench.inverter.save_error = StorageError("disk full")
    refused = await bench.actions.execute(charge(), DECISION, AT)
    assert isinstance(refused.result, Rejected)
    assert "disk full" in refused.result.detail
    assert bench.inverter.applied == []
    standby = Command(mode=Mode.STANDBY, expires_at=AT + timedelta(minutes=10))
    assert isinstance((await bench.actions.execute(standby, SAFETY, AT)).result, Applied)


async def test_reconcile_puts_a_foreign_forced_mode_back_to_self_use() -> None:
    bench = Bench()
    bench.inverter.control_mode, bench.inverter.control_power_w = Mode.CHARGE, 5000.0
    record = await bench.actions.reconcile(AT)
    assert record is not None
    assert bench.inverter.applied[-1] == (bench.inverter.applied[-1][0], WritePurpose.RESTORE)
    assert bench.inverter.applied[-1][0].mode is Mode.SELF_USE
    assert bench.alarms[0][0] == "control_differs"


async def test_reconcile_puts_our_lease_back_when_another_client_changed_it(bench: Bench) -> None:
    await bench.actions.execute(charge(), DECISION, AT)
    bench.inverter.control_mode = Mode.SELF_USE
    await bench.actions.reconcile(AT + timedelta(minutes=1))
    assert bench.inverter.control_mode is Mode.CHARGE
    assert bench.actions.active is not None


async def test_reconcile_does_not_renew_an_expired_lease(bench: Bench) -> None:
    await bench.actions.execute(charge(), DECISION, AT)
    await bench.actions.reconcile(AT + timedelta(minutes=20))
    assert bench.inverter.control_mode is Mode.SELF_USE


async def test_an_inverter_that_does_not_obey_is_told_again_once_then_rested(bench: Bench) -> None:
    now = AT
    await bench.actions.execute(charge(), DECISION, now)
    for round_number in (1, 2):
        proofs = []
        for _ in range(10):
            now += timedelta(seconds=5)
            proofs.append(bench.actions.observe(snapshot(now, power_w=600.0), now))
        assert Proof.REFUTED in proofs
        assert bench.actions.is_uncertain
        if round_number == 1:
            assert bench.actions.forced_paused_until(now) is None
            await bench.actions.execute(charge(), DECISION, now)
    assert bench.actions.forced_paused_until(now) is not None
    assert [kind for kind, _, _ in bench.alarms] == ["not_confirmed", "not_confirmed", "not_obeyed"]
    assert bench.actions.forced_paused_until(now - timedelta(hours=5)) is None, "five minutes, not the five hours"


@pytest.mark.parametrize(("mode", "soc_pct", "reached"), [(Mode.CHARGE, 90.0, True), (Mode.CHARGE, 89.9, False)])
async def test_target(bench: Bench, mode: Mode, soc_pct: float, reached: bool) -> None:
    await bench.actions.execute(charge(), DECISION, AT)
    assert bench.actions.target_reached(snapshot(AT, soc_pct=soc_pct)) is reached


async def test_shut_down_tries_until_the_inverter_confirms(bench: Bench) -> None:
    await bench.actions.execute(charge(), DECISION, AT)
    bench.inverter.results = [Unreachable(detail="silent")]
    result = await bench.actions.shut_down()
    assert isinstance(result, Applied)
    assert bench.inverter.restores == 2
    assert bench.actions.active is None
