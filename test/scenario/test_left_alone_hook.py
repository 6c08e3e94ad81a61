"""What a restore may not forget: an inverter that was silent, a service that runs, a run by hand, a broken wait."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from hems.adapters.inverters.goodwe import GoodWeConnector, GoodWeOptions
from hems.adapters.inverters.user_settings import JsonUserSettingsStore
from hems.adapters.process_lock import ProcessLock
from hems.composition import restore, trial
from hems.composition.household import Household
from hems.composition.kept_files import places_of
from hems.composition.last_run import USER_SETTINGS_FILE, ControlRecord, fingerprint_of, read_record, write_record
from hems.coordination.enhanced_data_collector import EnhancedDataCollector
from hems.domain.command import Applied, Command, CommandResult, Mode, Unreachable
from hems.domain.decision import Decision
from hems.domain.errors import WrongBatteryWindow
from hems.ports.inverter import Inverter
from support.goodwe_bench import LeapingClock
from support.scripted_inverter import ScriptedInverter

A, B = "127.44.0.1", "127.44.0.2"
SINCE = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
CONFIGURATION = "inverter: {{ip_address: {host}}}\nbattery_management: {{capacity_kwh: 10}}\n"


class Home:
    def __init__(self, folder: Path) -> None:
        self.config, self.data, self.runtime = folder / "config" / "house.yaml", folder / "out", folder / "run"
        self.config.parent.mkdir()
        self.runtime.mkdir()
        self.configure(A)
        self.said: list[str] = []

    def configure(self, host: str) -> None:
        self.config.write_text(CONFIGURATION.format(host=host))

    def record(self, host: str) -> ControlRecord:
        return ControlRecord(
            inverter=GoodWeOptions(host=host, time_zone=ZoneInfo("Europe/Warsaw")),
            serial_number="9010KETU000W0001",
            data=self.data,
            configuration=self.config.absolute(),
            fingerprint=fingerprint_of(self.config.read_bytes()),
            since=SINCE,
            places=places_of(self.runtime, self.data),
        )

    def after_stop(self) -> CommandResult | None:
        environment = {"RUNTIME_DIRECTORY": str(self.runtime)}
        return asyncio.run(restore.restore_after_stop(self.config, self.said.append, environment))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_silent_inverter_is_not_forgotten_because_another_one_answered(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def one_silent(connector: GoodWeConnector, *_: object) -> CommandResult:
        asked.append(connector._options.host)
        return Applied(writes=1) if connector._options.host == B else Unreachable(detail="no answer")

    monkeypatch.setattr(restore, "restore_opened", one_silent)
    monkeypatch.setattr(restore, "AFTER_STOP_S", 0.2)
    write_record(home.record(A))
    home.configure(B)
    assert isinstance(home.after_stop(), Unreachable)
    asked.clear()
    assert isinstance(home.after_stop(), Unreachable), "it is tried again"
    assert A in asked


@pytest.mark.parametrize("is_running", [True, False])
def test_a_restore_by_hand_leaves_a_running_service_its_save(
    home: Home, monkeypatch: pytest.MonkeyPatch, is_running: bool
) -> None:
    saved = JsonUserSettingsStore(home.data / "system_state" / USER_SETTINGS_FILE)
    saved.save({"serial_number": "X"})

    async def clear(connector: GoodWeConnector, *_: object) -> CommandResult:
        assert connector._user_settings.load() == {"serial_number": "X"}
        connector._user_settings.clear()
        return Applied(writes=1)

    monkeypatch.setattr(restore, "restore_opened", clear)
    with ProcessLock(home.data) if is_running else nullcontext():
        asyncio.run(restore.restore_inverter(home.config, host=None, port=None, progress=home.said.append))
    assert saved.load() == ({"serial_number": "X"} if is_running else None)


def test_what_a_run_by_hand_took_over_since_is_restored(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def note(connector: GoodWeConnector, *_: object) -> CommandResult:
        asked.append(connector._options.host)
        return Applied(writes=1)

    monkeypatch.setattr(restore, "restore_opened", note)
    record = replace(home.record(A), ended=SINCE + timedelta(minutes=1))
    write_record(record)
    assert home.after_stop() is None
    by_hand = replace(record, since=SINCE + timedelta(hours=1), ended=None, places=places_of(None, home.data))
    write_record(by_hand)
    assert isinstance(home.after_stop(), Applied)
    assert home.after_stop() is None, "once is enough"
    assert asked == [A]
    assert all(found is not None and found.ended for found in (read_record([place]) for place in record.places))


async def test_a_test_that_is_broken_off_puts_the_inverter_back(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    class Actions:
        verification = None

        async def reconcile(self, _now: object) -> None:
            return None

        async def execute(self, *_: object) -> Any:
            return SimpleNamespace(result=Applied(writes=1))

        async def shut_down(self) -> Applied:
            done.append("back")
            return Applied(writes=1)

    async def wait_for_ever(*_: object) -> None:
        await asyncio.Event().wait()

    def gone(line: str) -> None:
        if "back" in line:
            raise BrokenPipeError(line)

    monkeypatch.setattr(trial, "_wait_for_proof", wait_for_ever)
    parts = SimpleNamespace(actions=Actions(), clock=LeapingClock())
    household = cast("Household", SimpleNamespace(coordinator=SimpleNamespace(parts=parts)))
    decision = cast(
        "Decision", SimpleNamespace(command=Command(mode=Mode.CHARGE, power_w=1.0, expires_at=SINCE, reason="a test"))
    )
    task = asyncio.create_task(trial._carry_out(household, decision, gone, lambda: done.append("noted")))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["back", "noted"]


async def test_a_battery_that_is_refused_leaves_the_way_back_open() -> None:
    class Told(ScriptedInverter):
        is_closed = False

        async def close(self) -> None:
            self.is_closed = True

    inverter = Told()

    class Connector:
        async def open(self) -> Inverter:
            return inverter

    async def refuse(_: Inverter) -> None:
        raise WrongBatteryWindow("cannot be this battery's")

    collector = EnhancedDataCollector(Connector(), LeapingClock(), refuse)
    with pytest.raises(WrongBatteryWindow):
        await collector.collect()
    assert not inverter.is_closed, "the stop has to put it back to self-use first"
    await collector.close()
    assert inverter.is_closed
