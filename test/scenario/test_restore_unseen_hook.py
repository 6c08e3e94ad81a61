"""The hook after a stop, on real sockets: an inverter whose every answer is lost or garbled is told all the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hems.adapters.clock import SystemClock
from hems.adapters.inverters.goodwe import GoodWeConnector, GoodWeOptions
from hems.adapters.inverters.user_settings import JsonUserSettingsStore
from hems.cli.after_stop import code_of, sentence_of
from hems.cli.exit_codes import ExitCode
from hems.composition import restore
from hems.composition.kept_files import STATE, places_of
from hems.composition.last_run import USER_SETTINGS_FILE, ControlRecord, fingerprint_of, read_record, write_record
from hems.domain.command import Applied, Command, CommandResult, Mode, Unreachable, WritePurpose
from support.goodwe_bench import RegisterDevice, et_registers
from support.goodwe_wire_device import FAST, Sender, WireDevice, on_udp

FLOOR, OWNERS = 45356, 10
SINCE = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
Respond = Callable[[bytes, bytes, Sender], None]


class Home:
    """An installation whose run died while it held the battery of the inverter at ``host``."""

    def __init__(self, folder: Path, host: str) -> None:
        self.config, self.data, self.runtime = folder / "config" / "house.yaml", folder / "out", folder / "run"
        for directory in (self.config.parent, self.runtime, self.data / STATE):
            directory.mkdir(parents=True)
        self.config.write_text(f"inverter: {{ip_address: {host}}}\nbattery_management: {{capacity_kwh: 10}}\n")
        self.options = GoodWeOptions(host=host, frame_gap_s=0.0, retry=FAST, time_zone=ZoneInfo("Europe/Warsaw"))
        self.store = JsonUserSettingsStore(self.data / STATE / USER_SETTINGS_FILE)
        self.said: list[str] = []

    async def hold(self) -> None:
        """Raise the floor, as a coordinator does, and leave its record behind."""
        clock = SystemClock()
        inverter = await GoodWeConnector(self.options, clock, self.store).open()
        command = Command(mode=Mode.HOLD, expires_at=clock.now() + timedelta(hours=1))
        assert isinstance(await inverter.apply(command, WritePurpose.DECISION), Applied)
        await inverter.close()
        record = ControlRecord(
            inverter=self.options,
            serial_number=inverter.identity.serial_number,
            data=self.data,
            configuration=self.config.absolute(),
            fingerprint=fingerprint_of(self.config.read_bytes()),
            since=SINCE,
            places=places_of(self.runtime, self.data),
        )
        assert write_record(record) == []

    def record(self) -> ControlRecord:
        record = read_record([self.runtime])
        assert record is not None
        return record

    async def after_stop(self) -> CommandResult | None:
        return await restore.restore_after_stop(self.config, self.said.append, {"RUNTIME_DIRECTORY": str(self.runtime)})


def garble(_request: bytes, frame: bytes, send: Sender) -> None:
    send(frame[:-1] + bytes([frame[-1] ^ 0xFF]))


def lose(_request: bytes, _frame: bytes, _send: Sender) -> None:
    pass


def answer(_request: bytes, frame: bytes, send: Sender) -> None:
    send(frame)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "AFTER_STOP_S", 1.5)
    monkeypatch.setattr(restore, "PAUSE_S", 0.05)


async def held(home: Home, wire: WireDevice, respond: Respond) -> None:
    await home.hold()
    assert wire.device.registers[FLOOR] == 50, "the floor is at the SoC"
    wire.respond = respond


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("trouble", [garble, lose])
async def test_the_hook_gives_the_floor_back_unseen_and_says_so(tmp_path: Path, trouble: Respond) -> None:
    async with on_udp(RegisterDevice(et_registers())) as (wire, host):
        home = Home(tmp_path, host)
        await held(home, wire, trouble)
        result = await home.after_stop()
        assert wire.device.registers[FLOOR] == OWNERS, "the owner's floor"
        assert isinstance(result, Unreachable)
        assert result.writes > 0
        assert code_of(result) is ExitCode.UNREACHABLE
        assert "not confirmed" in sentence_of(result)
        assert "min_soc" in sentence_of(result)
        assert home.record().ended is None, "the next start has to make sure"
        assert home.store.load() is not None
        assert home.record().unseen > 0
        wire.respond = answer
        assert isinstance(await home.after_stop(), Applied | restore.AlreadySo)
        assert home.record().ended is not None
        assert home.store.load() is None


@pytest.mark.usefixtures("quick")
async def test_a_hook_every_half_minute_does_not_wear_the_flash(tmp_path: Path) -> None:
    async with on_udp(RegisterDevice(et_registers())) as (wire, host):
        home = Home(tmp_path, host)
        await held(home, wire, garble)
        write_record(replace(home.record(), unseen=restore.UNSEEN_ROUNDS, unseen_at=SystemClock().now()))
        before = len(wire.device.written)
        result = await home.after_stop()
        assert isinstance(result, Unreachable)
        assert (len(wire.device.written) - before, result.writes) == (0, 0)
        long_ago = replace(home.record(), unseen_at=home.record().unseen_at - restore.UNSEEN_PAUSE)  # type: ignore[operator]
        write_record(long_ago)
        await home.after_stop()
        assert len(wire.device.written) > before
        assert home.record().unseen == restore.UNSEEN_ROUNDS + 1


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("is_known", [True, False])
async def test_by_hand_only_the_address_of_the_last_run_is_written_to_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    monkeypatch.setattr(restore, "ATTEMPTS", 1)
    async with on_udp(RegisterDevice(et_registers())) as (wire, host):
        home = Home(tmp_path, host)
        await held(home, wire, garble)
        if not is_known:
            elsewhere = replace(home.options, host="127.44.0.77")
            write_record(replace(home.record(), inverter=elsewhere))
        before = len(wire.device.written)
        result = await restore.restore_inverter(home.config, host=host, port=None, progress=home.said.append)
        assert isinstance(result, Unreachable)
        assert (len(wire.device.written) > before) is is_known
        assert (wire.device.registers[FLOOR] == OWNERS) is is_known
