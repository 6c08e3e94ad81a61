"""The clock beside a server's, the machine's figures, and what the kernel tells."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from hems.adapters import kernel_clock
from hems.composition.doctor import clock as clock_checks
from hems.composition.doctor.clock import clock_findings, compare, http_date
from hems.composition.doctor.machine import available_mb, judge_machine
from support.doctor_house import NOW, codes, house_in, the


@pytest.mark.parametrize(
    ("off", "code", "said"),
    [
        (timedelta(0), "clock_right", "within 30 s"),
        (timedelta(seconds=-30), "clock_right", "within 30 s"),
        (timedelta(seconds=31), "clock_slightly_off", "31 s ahead of"),
        (timedelta(minutes=-5), "clock_slightly_off", "300 s behind"),
        (timedelta(minutes=6), "clock_off", "360 s ahead of"),
        (timedelta(days=-400), "clock_off", "576000 minutes behind"),
    ],
)
def test_a_difference_to_a_server_is_told_by_its_size(off: timedelta, code: str, said: str) -> None:
    finding = compare(NOW + off, NOW, "prices.example")
    assert (finding.code, said in finding.found) == (code, True), finding.found


@pytest.mark.parametrize(
    ("header", "moment"),
    [
        ("Sun, 22 Nov 2026 12:00:00 GMT", NOW),
        ("Sun, 22 Nov 2026 13:00:00 +0100", NOW),
        ("Sun, 22 Nov 2026 12:00:00 -0000", NOW),
        ("noon", None),
        ("Sun, 99 Nov 2026 12:00:00 GMT", None),
        (None, None),
    ],
)
def test_a_date_header_is_read_or_not_guessed_at(header: str | None, moment: datetime | None) -> None:
    assert http_date(header) == moment


@pytest.mark.parametrize(
    ("ahead", "code"), [(timedelta(0), "clock_right"), (timedelta(hours=1), "clock_off"), (None, "clock_not_compared")]
)
async def test_the_price_server_s_own_time_is_asked(tmp_path: Path, ahead: timedelta | None, code: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        at = datetime.now(UTC) - (ahead or timedelta(0))
        date = "" if ahead is None else f"Date: {format_datetime(at, usegmt=True)}\r\n"
        writer.write(f"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n{date}Connection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        findings = await clock_findings(house_in(tmp_path, base_url=f"http://127.0.0.1:{port}/api"))
        await asyncio.sleep(0.05)
    assert code in codes(findings)
    assert "Europe/Warsaw" in the(findings, "clock_zone").found


async def test_a_server_that_is_not_there_leaves_the_clock_unjudged(tmp_path: Path) -> None:
    assert "clock_not_compared" in codes(await clock_findings(house_in(tmp_path)))
    nothing = dataclasses.replace(house_in(tmp_path), loaded=None)
    assert "clock_not_compared" in codes(await clock_findings(nothing))


@pytest.mark.parametrize(
    ("kept", "code"),
    [(True, "clock_kept_in_step"), (False, "clock_not_kept_in_step"), (None, "clock_keeping_not_told")],
)
async def test_what_the_kernel_says_of_its_clock_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool | None, code: str
) -> None:
    monkeypatch.setattr(clock_checks, "is_kept_in_step", lambda: kept)
    assert code in codes(await clock_findings(house_in(tmp_path)))


def test_asking_the_kernel_is_a_question() -> None:
    assert kernel_clock.is_kept_in_step() in {True, False, None}


@pytest.mark.parametrize(
    ("resources", "memory_mb", "load", "code"),
    [
        ({"rss_mb": 60.0, "cpu_pct_of_one_core": 2.0}, 800.0, 0.3, "machine_resources"),
        ({}, None, 0.0, "machine_resources"),
        ({"rss_mb": 450.0}, 800.0, 0.3, "machine_service_memory"),
        ({"cpu_pct_of_one_core": 48.0}, 800.0, 0.3, "machine_service_processor"),
        ({}, 60.0, 0.3, "machine_little_memory"),
        ({}, 800.0, 1e4, "machine_busy"),
        ({"rss_mb": "much"}, 800.0, 0.3, "machine_resources"),
    ],
)
def test_the_machine_s_figures_are_judged(
    resources: dict[str, object], memory_mb: float | None, load: float, code: str
) -> None:
    assert codes(judge_machine({"resources": resources}, memory_mb, load))[-1] == code


def test_memory_is_read_from_the_kernel() -> None:
    memory_mb = available_mb()
    assert memory_mb is not None
    assert memory_mb > 1
