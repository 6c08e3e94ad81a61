"""What is restored after a stop: by the record of the last run, by the configuration, both, or nothing."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hems.adapters.clock import SystemClock
from hems.adapters.inverters.goodwe import GoodWeConnector, GoodWeOptions, RetryOptions
from hems.adapters.process_lock import ProcessLock
from hems.adapters.storage.json_text import write_json_atomically
from hems.cli.exit_codes import ExitCode
from hems.cli.show_status import show_status
from hems.composition import restore
from hems.composition.kept_files import places_of
from hems.composition.last_run import RECORD, ControlRecord, end_record, fingerprint_of, read_record, write_record
from hems.composition.refusal import data_of_refused, note_refusal, read_refusal
from hems.composition.status_file import read_status
from hems.domain.command import AlreadySo, Applied, CommandResult, Unreachable
from hems.domain.errors import ConfigurationError

SINCE = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)
ENDED = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
A, B = "127.44.0.1", "127.44.0.2"
GOOD = "inverter: {{ip_address: {host}}}\nbattery_management: {{capacity_kwh: 10}}\n"
BROKEN = "inverter: [\n"


class Home:
    """An installation on disk: configuration, data, and systemd's directory in memory."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "config" / "house.yaml"
        self.config.parent.mkdir()
        self.data = folder / "out"
        self.runtime = folder / "run"
        self.runtime.mkdir()
        self.said: list[str] = []

    @property
    def environment(self) -> dict[str, str]:
        return {"RUNTIME_DIRECTORY": str(self.runtime)}

    def configure(self, text: str | None) -> None:
        if text is None:
            self.config.unlink(missing_ok=True)
        else:
            self.config.write_text(text)

    def record(self, host: str, *, ended: datetime | None = None, in_memory: bool = True) -> ControlRecord:
        places = places_of(self.runtime if in_memory else None, self.data)
        record = ControlRecord(
            inverter=GoodWeOptions(
                host=host, retry=RetryOptions(timeout_s=3.0, retries=2), time_zone=ZoneInfo("Europe/Warsaw")
            ),
            serial_number="9010KETU000W0001",
            data=self.data,
            configuration=self.config.absolute(),
            fingerprint=fingerprint_of(self.config.read_bytes() if self.config.exists() else b""),
            since=SINCE,
            places=places,
            ended=ended,
        )
        assert write_record(record) == []
        return record

    def after_stop(self) -> CommandResult | None:
        return asyncio.run(restore.restore_after_stop(self.config, self.said.append, self.environment))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Take the inverters' place; note which were asked, how patiently."""
    seen: list[str] = []

    async def note(connector: GoodWeConnector, *_: object) -> CommandResult:
        seen.append(connector._options.host)
        assert connector._options.retry.timeout_s <= restore.AFTER_STOP_TIMEOUT_S
        return Applied(writes=1)

    monkeypatch.setattr(restore, "restore_opened", note)
    return seen


def test_a_record_comes_back_as_it_was_kept(home: Home) -> None:
    record = home.record(A)
    for place in record.places:
        assert read_record([place]) == record
        assert (place / RECORD).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "{}", '{"format": 1}', '{"format": 1, "inverter": 5}', '{"format": 2}', "\x00\xff"],
)
def test_a_damaged_record_is_none_and_the_next_place_is_asked(home: Home, content: str) -> None:
    record = home.record(A)
    (home.runtime / RECORD).write_text(content)
    assert read_record([home.runtime]) is None
    assert read_record(record.places) == record


def test_a_zone_that_does_not_exist_is_a_damaged_record(home: Home) -> None:
    home.record(A)
    path = home.runtime / RECORD
    body = json.loads(path.read_text())
    for zone in ("Europe/Atlantis", "../../etc/passwd", ""):
        body["inverter"]["time_zone"] = zone
        path.write_text(json.dumps(body))
        assert read_record([home.runtime]) is None


def test_an_end_is_noted_only_in_the_record_of_the_same_run(home: Home) -> None:
    record = home.record(A)
    later = replace(record, since=ENDED, places=(home.runtime,))
    write_record(later)
    assert end_record(record, ENDED) == []
    assert read_record([home.runtime]) == later, "a run has begun since"
    ended = read_record([home.data / "system_state"])
    assert ended is not None
    assert ended.ended == ENDED


def test_a_disk_that_refuses_costs_a_sentence_and_not_the_other_places(home: Home) -> None:
    record = home.record(A)
    (home.data / "system_state" / RECORD).unlink()
    (home.data / "system_state").rmdir()
    (home.data / "system_state").write_text("a file where the directory should be")
    (problem,) = write_record(record)
    assert str(home.data) in problem
    assert read_record([home.runtime]) == record


# -- which inverters ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recorded", "configured", "restored", "said"),
    [
        pytest.param(A, GOOD.format(host=A), [A], "Restoring self-use", id="crash, nothing changed"),
        pytest.param(A, GOOD.format(host=A) + "# edited\n", [A], "Restoring self-use", id="edited, same inverter"),
        pytest.param(A, BROKEN, [A], "cannot be used", id="configuration broken"),
        pytest.param(A, None, [A], "no such file", id="configuration gone"),
        pytest.param(A, GOOD.format(host=B), [A, B], "restoring both", id="another inverter configured"),
        pytest.param(A, GOOD.format(host="simulator"), [A], "cannot be used", id="simulator configured"),
        pytest.param(None, GOOD.format(host=A), [A], "Restoring self-use", id="no record, not known in this boot"),
        pytest.param(None, BROKEN, [], "no run is on record", id="never ran"),
        pytest.param(None, GOOD.format(host="simulator"), [], "simulator ends with", id="only ever the simulator"),
    ],
)
def test_what_is_restored_after_a_stop(
    home: Home, asked: list[str], recorded: str | None, configured: str | None, restored: list[str], said: str
) -> None:
    home.configure(GOOD.format(host=A))
    if recorded is not None:
        home.record(recorded)
    home.configure(configured)
    result = home.after_stop()
    assert asked == restored
    assert said in " ".join(home.said)
    assert (result is None) == (not restored)
    if restored:
        assert home.after_stop() is None, "once is enough"
        assert asked == restored


@pytest.mark.parametrize("on_disk", [None, ENDED])
def test_after_a_reboot_the_disk_alone_is_not_believed(home: Home, asked: list[str], on_disk: datetime | None) -> None:
    home.configure(GOOD.format(host=A))
    home.record(A, ended=on_disk, in_memory=False)
    home.configure(BROKEN)
    assert isinstance(home.after_stop(), Applied)
    assert asked == [A]
    assert home.after_stop() is None, "and then it is known"


def test_without_systemd_the_record_on_disk_is_believed(home: Home, asked: list[str]) -> None:
    home.configure(GOOD.format(host=A))
    home.record(A, ended=ENDED, in_memory=False)
    assert asyncio.run(restore.restore_after_stop(home.config, home.said.append, {})) is None
    assert asked == []


def test_data_elsewhere_is_found_by_the_copy_below_the_default_place(home: Home, asked: list[str]) -> None:
    elsewhere = home.data.parent / "disk"
    home.configure(GOOD.format(host=A) + f"storage: {{directory: {elsewhere}}}\n")
    record = replace(home.record(A, in_memory=False), data=elsewhere)
    write_record(record)
    home.configure(BROKEN)
    assert isinstance(home.after_stop(), Applied)
    assert asked == [A]
    assert data_of_refused(home.config, home.environment) == elsewhere


def test_while_another_coordinator_is_in_control_nothing_is_touched(home: Home, asked: list[str]) -> None:
    home.configure(GOOD.format(host=A))
    record = home.record(A)
    with ProcessLock(home.data):
        assert home.after_stop() is None
    assert asked == []
    assert read_record(record.places) == record


def test_a_silent_inverter_is_given_up_in_time_and_tried_again_next_time(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_: object) -> CommandResult:
        await SystemClock().sleep(0.01)
        return Unreachable(detail="no answer")

    monkeypatch.setattr(restore, "restore_opened", silent)
    monkeypatch.setattr(restore, "AFTER_STOP_S", 0.3)
    monkeypatch.setattr(restore, "PAUSE_S", 0.05)
    home.configure(GOOD.format(host=A))
    record = home.record(A)
    assert isinstance(home.after_stop(), Unreachable)
    assert sum("attempt" in line for line in home.said) > 1
    assert read_record(record.places) == record


def test_the_worse_of_two_outcomes_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async def one_silent(connector: GoodWeConnector, *_: object) -> CommandResult:
        return AlreadySo() if connector._options.host == B else Unreachable(detail="no answer")

    monkeypatch.setattr(restore, "restore_opened", one_silent)
    monkeypatch.setattr(restore, "PAUSE_S", 0.0)
    home.configure(GOOD.format(host=A))
    record = home.record(A)
    home.configure(GOOD.format(host=B))
    result = asyncio.run(restore.restore_inverter(home.config, host=None, port=None, progress=home.said.append))
    assert isinstance(result, Unreachable)
    found = read_record(record.places)
    assert found is not None
    assert found.ended is None


def test_by_hand_a_broken_configuration_falls_back_to_the_last_run(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts: list[str] = []

    async def note(connector: GoodWeConnector, *_: object) -> CommandResult:
        hosts.append(connector._options.host)
        return AlreadySo()

    monkeypatch.setattr(restore, "restore_opened", note)
    home.configure(GOOD.format(host=A))
    home.record(A, in_memory=False)
    write_json_atomically(home.data / "system_state" / "current_state.json", {"schema": 1})
    home.configure(BROKEN)
    asyncio.run(restore.restore_inverter(home.config, host=None, port=None, progress=home.said.append))
    assert hosts == [A]
    assert "restored_at" in json.loads((home.data / "system_state" / "current_state.json").read_text())


# -- why it did not start ----------------------------------------------------------------------------------------------


def test_a_refusal_is_shown_until_the_service_has_news_of_its_own(home: Home) -> None:
    home.configure(GOOD.format(host=A))
    assert note_refusal(home.data, "house.yaml:1:1: inverter: gone", ENDED) == []
    document = read_status(home.config).document
    assert document["refused"] == {"at": ENDED.isoformat(), "message": "house.yaml:1:1: inverter: gone"}
    state = home.data / "system_state" / "current_state.json"
    write_json_atomically(state, {"schema": 1, "at": SINCE.isoformat()})
    assert "refused" in read_status(home.config).document, "the record is older"
    write_json_atomically(state, {"schema": 1, "at": "2026-11-22T11:00:01Z"})
    assert "refused" not in read_status(home.config).document


@pytest.mark.parametrize("text", [BROKEN, None, "inverter: {ip_address: 5}\n"])
def test_the_last_record_is_shown_where_the_configuration_cannot_be_used(
    home: Home, text: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    home.configure(GOOD.format(host=A))
    home.record(A, in_memory=False)
    mode = {"mode": "charge", "power_w": 3000.0, "certain": True}
    record = {"schema": 1, "at": SINCE.isoformat(), "state": "charging", "mode": mode}
    write_json_atomically(home.data / "system_state" / "current_state.json", record)
    home.configure(text)
    assert show_status(home.config, as_json=True) == ExitCode.USAGE
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert "may still charge at 3.0 kW" in document["warning"]
    assert str(home.config) in document["configuration_fault"]
    assert str(home.config) in told.err


@pytest.mark.parametrize("content", ["", "{", "[]", '{"at": "soon", "message": "x"}', '{"at": 5}'])
def test_a_damaged_refusal_is_none(home: Home, content: str) -> None:
    note_refusal(home.data, "x", ENDED)
    (home.data / "system_state" / "refusal.json").write_text(content)
    assert read_refusal(home.data) is None


def test_a_configuration_without_inverter_and_record_names_the_way_out(home: Home) -> None:
    home.configure(BROKEN)
    with pytest.raises(ConfigurationError, match="--host ADDRESS"):
        asyncio.run(restore.restore_inverter(home.config, host=None, port=None, progress=home.said.append))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_what_root_restores_by_hand_the_service_can_still_read(home: Home) -> None:
    state = home.data / "system_state"
    state.mkdir(parents=True)
    os.chown(state, 12345, 12345)
    home.record(A, in_memory=False)
    found = (state / RECORD).stat()
    assert (found.st_uid, found.st_gid) == (12345, 12345)
