"""The frame of the doctor: one broken check hides no other; the page is the findings themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from hems.adapters.daemon_thread import in_daemon_thread
from hems.cli.doctor import report_lines
from hems.composition.doctor.catalogue import CATALOGUES, kinds
from hems.composition.doctor.model import Catalogue, Check, Finding, Group, State
from hems.composition.doctor.report import Report
from hems.composition.doctor.runner import CRASHED, NOT_PERMITTED, TIMED_OUT, run_checks
from hems.composition.doctor.table import with_tables
from support.doctor_house import NOW, codes, the

PAGE = Path(__file__).resolve().parents[2] / "docs" / "troubleshooting.md"
FINE = Catalogue(Group.DISK).fine("fine", "All well")


async def good() -> Sequence[Finding]:
    return [FINE("here")]


async def broken() -> Sequence[Finding]:
    raise KeyError("a fault of the check")


async def times_out_inside() -> Sequence[Finding]:
    raise TimeoutError("its own")


async def endless() -> Sequence[Finding]:
    await asyncio.get_running_loop().create_future()
    return []


async def test_a_broken_check_and_one_that_never_ends_hide_no_other() -> None:
    told: list[list[str]] = []
    checks = [
        Check(group=Group.MACHINE, name="broken", run=broken),
        Check(group=Group.SERVICE, name="endless", run=endless, limit_s=0.05),
        Check(group=Group.CLOCK, name="inside", run=times_out_inside),
        Check(group=Group.DISK, name="good", run=good),
    ]
    findings = await run_checks(checks, lambda names: told.append(list(names)))
    assert codes(findings) == [CRASHED, "fine", TIMED_OUT, CRASHED], "in the order of the groups"
    assert "broken: KeyError: 'a fault of the check' (test_doctor_runner.py:" in findings[3].found
    assert findings[3].state is State.PROBLEM
    assert "endless: nothing was learnt within 0.05 s" in the(findings, TIMED_OUT).found
    assert told[0] == ["broken", "endless", "inside", "good"]
    assert told[-1] == []


async def test_what_hangs_in_a_thread_is_left_behind() -> None:
    import threading

    release = threading.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await in_daemon_thread(lambda: release.wait(30))
    release.set()
    assert await in_daemon_thread(lambda: 7) == 7
    with pytest.raises(OSError, match="no such"):
        await in_daemon_thread(lambda: (_ for _ in ()).throw(OSError("no such")))


def test_the_tables_on_the_page_are_the_ones_the_findings_make() -> None:
    text = PAGE.read_text(encoding="utf-8")
    renew = "renew it: python -m hems.composition.doctor.table docs/troubleshooting.md"
    assert with_tables(text) == text, renew
    for kind in kinds():
        assert (f"`{kind.code}`" in text) is (kind.state is not State.OK)
    for code in (CRASHED, NOT_PERMITTED, TIMED_OUT):
        assert f"`{code}`" in text
    with pytest.raises(ValueError, match="needs the marks"):
        with_tables("no marks here")


def test_every_kind_is_named_once_and_every_trouble_says_what_to_try() -> None:
    every = kinds()
    assert len({kind.code for kind in every}) == len(every)
    assert {catalogue.group for catalogue in CATALOGUES} == set(Group)
    without = {kind.code for kind in every if kind.state in {State.WARNING, State.PROBLEM} and not kind.advice}
    assert without == {"inverter_other_port"}, "its advice names the port that was found"
    for kind in every:
        assert kind.state is State.OK or kind.meaning, kind.code
        assert kind.code.startswith(kind.group.value) or kind.group is Group.RIGHTS, kind.code


@pytest.mark.parametrize("width", [80, 120])
def test_a_report_fits_the_terminal_and_says_all(width: int) -> None:
    found = [kind("found here: " + "word " * 40, "advice " * 30) for kind in kinds()]
    report = Report(at=NOW, configuration=Path("/etc/house.yaml"), findings=found)
    lines = [line.plain for line in report_lines(report, width)]
    assert max(len(line) for line in "\n".join(lines).splitlines()) <= width
    text = " ".join(" ".join(lines).split())
    for finding in found:
        assert finding.title in text
        if finding.state is not State.OK:
            assert all(" ".join(advice.split()) in text for advice in finding.advice)
    assert f"{report.count(State.PROBLEM)} problems, {report.count(State.WARNING)} warnings" in text


def test_a_long_path_stays_whole_to_be_copied() -> None:
    path = "/a" * 80
    finding = Finding(group=Group.DISK, code="x", state=State.PROBLEM, title="t", found=f"at {path}", advice=(path,))
    report = Report(at=NOW, configuration=Path("c"), findings=[finding])
    assert sum(path in line.plain for line in report_lines(report, 80)) == 2
    assert report.has_problems
    assert report.as_document()["findings"][0]["code"] == "x"
