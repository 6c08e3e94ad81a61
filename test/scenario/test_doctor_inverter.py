"""What an inverter that answers can do and says of itself, asked over real sockets and never written to."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hems.adapters.clock import SystemClock
from hems.adapters.inverters.goodwe import GoodWeOptions
from hems.adapters.inverters.goodwe.et import EtInverter
from hems.adapters.process_lock import ProcessLock
from hems.composition.doctor.house import look_at
from hems.composition.doctor.inverter import inverter_findings, visit_findings, visit_inverter
from hems.composition.doctor.model import Finding, Group, State
from hems.domain.readings import SiteSnapshot
from hems.simulation.server import ServerOptions, SimulatorServer
from hems.simulation.simulated_inverter import SimulatorOptions
from support.doctor_house import codes, house_in, the, with_status

_NUMBERS = itertools.count(1)
SERIAL = "9010KETU00SIM002"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An inverter, what the configuration wants of it, and what the doctor finds."""

    house: dict[str, Any]
    code: str
    said: str
    more: str = ""


@asynccontextmanager
async def inverter(**options: Any) -> AsyncIterator[SimulatorServer]:
    """Run a simulated inverter that lives now, so that its clock can be compared."""
    host = f"127.72.{os.getpid() % 250}.{next(_NUMBERS) % 250 + 1}"
    simulator = SimulatorOptions(**{"model": "GW10K-ET", "start": datetime.now(UTC), "pv": 500.0} | options)
    server = SimulatorServer(ServerOptions(host=host, simulator=simulator), SystemClock())
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def examined(folder: Path, server: SimulatorServer, more: str = "") -> list[Finding]:
    """Return the findings, and insist that nothing was written."""
    written: list[bytes] = []
    handle = server.inverter.handle_datagram
    server.inverter.handle_datagram = (
        lambda frame: (  # type: ignore[method-assign]
            written.append(frame) if frame[:1] == b"\xf7" and frame[1] != 3 else None,
            handle(frame),
        )[1]
    )
    findings = list(await inverter_findings(house_in(folder, host=server.host, more=more)))
    assert written == []
    return findings


CASES = {
    "well": Wanted(house={}, code="inverter_reads", said="ems control, mode self use"),
    "a clock an hour off": Wanted(house={"clock_offset_s": 3600.0}, code="inverter_clock_off", said="60 minutes ahead"),
    "a clock that is behind": Wanted(
        house={"clock_offset_s": -900.0}, code="inverter_clock_off", said="15 minutes behind"
    ),
    "no meter": Wanted(house={"faults": ("meter_lost",)}, code="inverter_meter_lost", said="smart meter"),
    "a silent battery": Wanted(house={"faults": ("no_bms",)}, code="inverter_battery_unknown", said=""),
    "another battery than configured": Wanted(
        house={},
        code="inverter_battery_window_wrong",
        said="battery_management.profile",
        more="charging: {safety_voltage_min: 45.0, safety_voltage_max: 58.0}",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_what_it_says_of_itself(tmp_path: Path, case: Wanted) -> None:
    async with inverter(**case.house) as server:
        findings = await examined(tmp_path, server, case.more)
    assert codes(findings)[:1] == ["inverter_answers"]
    assert case.code in codes(findings), findings
    if case.code != "inverter_battery_window_wrong":
        assert case.said in the(findings, case.code).found
    assert SERIAL not in "".join(finding.found for finding in findings), "reports are shown to others"


def control(folder: Path, choice: str) -> None:
    """Ask for a way of control in the configuration of ``folder``."""
    path = folder / "config" / "master_coordinator_config.yaml"
    path.write_text(path.read_text().replace("inverter:\n", f"inverter:\n  control: {choice}\n"))


CONTROLS = {
    "no EMS": ("GW5048-ES", "ems", "eco_slot"),
    "no fast charge": ("GW10K-ET-fw617", "fast_charge", "ems, eco_slot"),
}


@pytest.mark.parametrize(("model", "choice", "there_is"), CONTROLS.values(), ids=CONTROLS.keys())
async def test_firmware_without_the_wanted_control_is_told_with_what_there_is(
    tmp_path: Path, model: str, choice: str, there_is: str
) -> None:
    async with inverter(model=model) as server:
        house = house_in(tmp_path, host=server.host)
        control(tmp_path, choice)
        findings = await inverter_findings(look_at(house.options))
    missing = the(findings, "inverter_control_missing")
    assert f"has no {choice}" in missing.found.lower()
    assert missing.advice[0].endswith(f"this inverter has: {there_is}")


async def test_a_wrong_family_is_told_beside_a_bad_line(tmp_path: Path) -> None:
    for faults, expected in (
        ((), ["inverter_wrong_family"]),
        (("truncate:0.5",), ["inverter_answers_cut", "inverter_wrong_family"]),
    ):
        async with inverter(faults=faults) as server:
            house = house_in(tmp_path, host=server.host)
            path = tmp_path / "config" / "master_coordinator_config.yaml"
            path.write_text(path.read_text().replace("inverter:\n", "inverter:\n  family: DT\n"))
            findings = await inverter_findings(look_at(house.options))
        assert codes(findings) == expected
        assert "Set inverter.family to ET, or to auto" in findings[-1].advice


async def test_what_a_bad_line_can_look_like_is_not_blamed_on_meter_and_battery_first() -> None:
    line = Finding(
        group=Group.INVERTER,
        code="inverter_answers_damaged",
        state=State.WARNING,
        title="Answers damaged",
        found="5 of 12",
    )
    async with inverter(faults=("meter_lost", "no_bms")) as server:
        visit = await visit_inverter(GoodWeOptions(host=server.host), SystemClock())
    for judged, is_first in ((line, True), (replace(line, state=State.OK), False)):
        findings = visit_findings(visit, None, datetime.now(UTC), line=judged)
        for code in ("inverter_meter_lost", "inverter_battery_unknown"):
            assert the(findings, code).advice[0].startswith("Mend the line first (Answers damaged)") is is_first


async def test_a_house_in_the_middle_of_a_change_is_looked_at_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    read, looks = EtInverter.read_snapshot, itertools.count()

    async def contradicting_itself_at_first(inverter: EtInverter) -> SiteSnapshot:
        snapshot = await read(inverter)
        return replace(snapshot, notes=("check the meter's clamps",)) if next(looks) == 0 else snapshot

    monkeypatch.setattr(EtInverter, "read_snapshot", contradicting_itself_at_first)
    monkeypatch.setattr("hems.composition.doctor.inverter.SECOND_LOOK_S", 0.0)
    async with inverter() as server:
        visit = await visit_inverter(GoodWeOptions(host=server.host), SystemClock())
    assert visit.snapshot.notes == ()
    assert next(looks) == 2


async def test_a_clock_that_controls_is_graver(tmp_path: Path) -> None:
    async with inverter(clock_offset_s=900.0) as server:
        house = house_in(tmp_path, host=server.host)
        control(tmp_path, "eco_slot")
        findings = await inverter_findings(look_at(house.options))
    assert the(findings, "inverter_clock_off_eco_slots").state is State.PROBLEM


async def test_a_mode_that_somebody_left_is_told(tmp_path: Path) -> None:
    async with inverter() as server:
        server.inverter.exchange_pdu(bytes.fromhex("10b997000204000b0bb8"))  # EMS 11 at 3000 W
        findings = await examined(tmp_path, server)
    assert "hems restore" in the(findings, "inverter_not_in_self_use").advice[0]


async def test_an_inverter_that_falls_silent_after_its_first_answers_is_told(tmp_path: Path) -> None:
    async with inverter() as server:
        handle, answered = server.inverter.handle_datagram, itertools.count()
        server.inverter.handle_datagram = lambda frame: (  # type: ignore[method-assign]
            handle(frame) if next(answered) < 14 else []
        )
        findings = await inverter_findings(house_in(tmp_path, host=server.host))
    assert codes(findings) == ["inverter_answers", "inverter_broke_off"]


async def test_a_running_service_keeps_its_inverter_to_itself_unless_told_otherwise(tmp_path: Path) -> None:
    with_status(tmp_path, inverter={"connected": True, "model": "GW10K-ET"}, collection={"rate_pct": 100.0})
    asked: list[bytes] = []
    async with inverter() as server:
        handle = server.inverter.handle_datagram
        server.inverter.handle_datagram = lambda frame: (asked.append(frame), handle(frame))[1]  # type: ignore[method-assign,func-returns-value]
        with ProcessLock(tmp_path / "out"):
            findings = await inverter_findings(house_in(tmp_path, host=server.host))
            assert (codes(findings), asked) == (["inverter_reported"], [])
            options = {"ask_inverter": True, "show_serial": True}
            findings = await inverter_findings(house_in(tmp_path, options, host=server.host))
    assert codes(findings) == ["inverter_answers", "inverter_reads"]
    assert SERIAL in findings[0].found
    assert asked
