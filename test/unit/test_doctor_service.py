"""What unit, lock and record mean together, and what the configuration's own state is."""

from __future__ import annotations

import dataclasses
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hems.adapters import systemd
from hems.adapters.process_lock import ProcessLock
from hems.adapters.systemd import UnitState, parse_show, unit_state
from hems.cli.exit_codes import MEANINGS
from hems.cli.show_status import warning_of
from hems.composition.doctor.house import configuration_findings, look_at
from hems.composition.doctor.inverter import inverter_findings
from hems.composition.doctor.service import judge_service
from support.doctor_house import NOW, codes, house_in, the, with_status

ACTIVE = {"LoadState": "loaded", "ActiveState": "active", "SubState": "running", "UnitFileState": "enabled"}
ENDED = ACTIVE | {"ActiveState": "inactive", "SubState": "dead"}
OPTIONS = {"exit_meanings": {int(code): text for code, text in MEANINGS.items()}, "left_behind": warning_of}
RUNNING = {"uptime_s": 7200, "resources": {"pid": 42}}

UNITS = {
    "no systemd": (None, ["service_runs", "service_no_systemd"]),
    "not installed": ({"LoadState": "not-found"}, ["service_runs", "service_not_installed"]),
    "all well": (ACTIVE, ["service_runs", "service_enabled"]),
    "not enabled": (ACTIVE | {"UnitFileState": "disabled"}, ["service_runs", "service_not_enabled"]),
    "restarted often": (ACTIVE | {"NRestarts": "5"}, ["service_runs", "service_restarted_often", "service_enabled"]),
    "changed on disk": (
        ACTIVE | {"NeedDaemonReload": "yes"},
        ["service_runs", "service_enabled", "service_unit_changed"],
    ),
    "run by hand": (ENDED, ["service_runs", "service_run_by_hand", "service_enabled"]),
}


@pytest.mark.parametrize(("unit", "expected"), UNITS.values(), ids=UNITS.keys())
def test_a_running_coordinator(tmp_path: Path, unit: dict[str, str] | None, expected: list[str]) -> None:
    with_status(tmp_path, **RUNNING)
    with ProcessLock(tmp_path / "out"):
        house = house_in(tmp_path, OPTIONS)
        found = judge_service(house, None if unit is None else UnitState(properties=unit), NOW)
    assert codes(found) == expected
    assert "up 120 minutes" in found[0].found or "up 2 hours" in found[0].found


@pytest.mark.parametrize(
    ("web", "expected"),
    [
        ({"address": "http://127.0.0.1:8080/", "open": True, "message": "it is there"}, ["service_dashboard_open"]),
        (
            {"address": "http://127.0.0.1:8080/", "open": False, "message": "the port is taken"},
            ["service_dashboard_closed"],
        ),
        (None, []),
    ],
)
def test_the_dashboard_of_a_running_coordinator(tmp_path: Path, web: object, expected: list[str]) -> None:
    with_status(tmp_path, **RUNNING, web=web)
    with ProcessLock(tmp_path / "out"):
        found = judge_service(house_in(tmp_path, OPTIONS), None, NOW)
    told = [finding for finding in found if "dashboard" in finding.code]
    assert [finding.code for finding in told] == expected
    assert all(isinstance(web, dict) and finding.found == web["message"] for finding in told)


DEAD_UNITS = {
    "failed": (
        {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "2"},
        "service_failed",
        "the command line or the configuration is wrong",
    ),
    "starting again and again": (
        {"ActiveState": "activating", "SubState": "auto-restart", "NRestarts": "9", "ExecMainStatus": "5"},
        "service_restarting",
        "9 restarts; last exit code 5 (a person has to act",
    ),
    "hung": ({"ActiveState": "failed", "Result": "watchdog"}, "service_watchdog", "watchdog"),
}


@pytest.mark.parametrize(("unit", "code", "said"), DEAD_UNITS.values(), ids=DEAD_UNITS.keys())
def test_a_service_that_ended(tmp_path: Path, unit: dict[str, str], code: str, said: str) -> None:
    found = judge_service(house_in(tmp_path, OPTIONS), UnitState(properties=ACTIVE | unit), NOW)
    assert found[0].code == "service_not_running"
    assert said in the(found, code).found


def test_a_record_that_is_old_while_the_lock_is_held_means_a_hang(tmp_path: Path) -> None:
    with_status(tmp_path, **RUNNING)
    with ProcessLock(tmp_path / "out"):
        found = judge_service(house_in(tmp_path), None, NOW + timedelta(minutes=10))
    assert codes(found)[0] == "service_record_stale"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ({"state": "stopped", "mode": {"mode": "self_use", "power_w": None, "certain": True}}, "service_gave_back"),
        ({"mode": {"mode": "charge", "power_w": 3000.0, "certain": True}}, "service_left_inverter"),
    ],
)
def test_how_the_last_run_left_the_inverter(tmp_path: Path, status: dict[str, Any], code: str) -> None:
    with_status(tmp_path, **status)
    (tmp_path / "out" / "coordinator.lock").touch()
    found = judge_service(house_in(tmp_path, OPTIONS), None, NOW)
    assert code in codes(found)
    assert "left behind, which is harmless" in the(found, "service_not_running").found


def test_a_refusal_to_start_is_told(tmp_path: Path) -> None:
    with_status(tmp_path)
    refusal = {"at": NOW.isoformat(), "message": "house.yaml:3:1: inverter: missing"}
    (tmp_path / "out" / "system_state" / "refusal.json").write_text(json.dumps(refusal))
    found = judge_service(house_in(tmp_path), None, NOW)
    assert "house.yaml:3:1" in the(found, "service_refused_start").found


def test_a_lock_that_may_not_be_read_is_no_answer(tmp_path: Path) -> None:
    house = dataclasses.replace(house_in(tmp_path), is_running=None)
    assert codes(judge_service(house, None, NOW))[0] == "service_not_told"


async def test_systemd_s_words_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for systemctl, which needs a machine that systemd started."""
    unit = parse_show("LoadState=loaded\nUser=goodwe-ems\nStatusText=a=b\nNRestarts=3\nbroken\n")
    assert (unit.is_installed, unit.user, unit.get("StatusText"), unit.number("NRestarts")) == (
        True,
        "goodwe-ems",
        "a=b",
        3,
    )
    assert (unit.number("User"), unit.get("Missing")) == (None, "")
    tool = tmp_path / "systemctl"
    tool.write_text("#!/bin/sh\necho LoadState=loaded\n")
    tool.chmod(0o755)
    monkeypatch.setattr(systemd, "_BOOTED", tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert await unit_state() == UnitState(properties={"LoadState": "loaded"})
    tool.write_text("#!/bin/sh\nexec sleep 30\n")
    monkeypatch.setattr(systemd, "ASK_S", 0.1)
    assert await unit_state() is None
    monkeypatch.setattr(systemd, "_BOOTED", tmp_path / "missing")
    assert await unit_state() is None


async def test_a_wrong_configuration_is_named_with_its_lines(tmp_path: Path) -> None:
    house = house_in(tmp_path, more="nonsense: 1")
    findings = await configuration_findings(house)
    assert codes(findings) == ["configuration_invalid", "configuration_missing_for_checks"]
    assert f"{house.path}:" in findings[0].found
    assert codes(await inverter_findings(house)) == ["inverter_not_named"]


async def test_checks_go_on_with_the_last_good_configuration(tmp_path: Path) -> None:
    good = house_in(tmp_path, host="192.168.7.7")
    copy = good.good_copy
    copy.parent.mkdir(parents=True)
    copy.write_text(good.path.read_text())
    good.path.write_text("inverter: [")
    house = look_at(good.options)
    assert codes(await configuration_findings(house)) == ["configuration_invalid", "configuration_last_good_used"]
    assert house.loaded is not None
    assert house.loaded.settings.inverter.ip_address == "192.168.7.7"
    assert house.data == good.data


LINKS = {
    "well": ({"connected": True}, 99.0, ["inverter_reported"]),
    "often lost": ({"connected": True}, 71.0, ["inverter_reported", "inverter_often_lost"]),
    "lost": ({"connected": False, "last_error": "Port silent"}, 50.0, ["inverter_lost_by_service"]),
    "not known yet": ({"connected": True}, None, ["inverter_reported"]),
}


@pytest.mark.parametrize(("inverter", "rate", "expected"), LINKS.values(), ids=LINKS.keys())
async def test_while_the_service_runs_its_record_speaks_for_the_inverter(
    tmp_path: Path, inverter: dict[str, Any], rate: float | None, expected: list[str]
) -> None:
    with_status(tmp_path, inverter={"model": "GW10K-ET"} | inverter, collection={"rate_pct": rate})
    with ProcessLock(tmp_path / "out"):
        assert codes(await inverter_findings(house_in(tmp_path, host="192.0.2.77"))) == expected


async def test_a_grave_safety_stop_is_told_and_a_record_without_words_is_no_answer(tmp_path: Path) -> None:
    causes = [{"detail": "battery 66 °C", "grave": True}, {"detail": "PV only", "grave": False}]
    with_status(tmp_path, inverter={"connected": True}, safety={"causes": causes})
    with ProcessLock(tmp_path / "out"):
        findings = await inverter_findings(house_in(tmp_path, host="192.0.2.77"))
        assert the(findings, "inverter_safety_stop").found == "battery 66 °C"
        with_status(tmp_path, inverter=None)
        assert codes(await inverter_findings(house_in(tmp_path, host="192.0.2.77"))) == ["inverter_no_record"]
    assert codes(await inverter_findings(house_in(tmp_path))) == ["inverter_simulated"]
