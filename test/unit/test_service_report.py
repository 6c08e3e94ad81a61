"""The watchdog is fed by finished cycles alone; a standstill is traced; the line of the status is true."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog

from hems.adapters.clock import LoopClock
from hems.adapters.inverters.goodwe import RetryOptions
from hems.adapters.service_manager import ServiceManager
from hems.adapters.virtual_time import run_in_virtual_time
from hems.composition.household import Household
from hems.composition.service_report import ServiceReport, patience_of, status_line, where_tasks_wait
from hems.domain.command import Command, Mode
from support.manager import Manager

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def household(
    mode: Mode = Mode.SELF_USE,
    *,
    soc_pct: float | None = 57.4,
    price: float | None = 412.3,
    failures: int = 0,
    uncertain: bool = False,
) -> Household:
    """Return what the report looks at, and nothing more."""
    active = None
    if mode is not Mode.SELF_USE:
        active = Command(
            mode=mode, power_w=3000.0, target_soc_pct=90.0, expires_at=NOW + timedelta(minutes=15), reason="cheap"
        )
    context = SimpleNamespace(price_per_mwh=price, currency="PLN")
    parts = SimpleNamespace(
        clock=SimpleNamespace(now=lambda: NOW),
        actions=SimpleNamespace(active=active, is_uncertain=uncertain),
        prices=SimpleNamespace(price_context=lambda _: context),
    )
    snapshot = SimpleNamespace(battery=SimpleNamespace(soc_pct=soc_pct))
    return cast(
        "Household",
        SimpleNamespace(
            coordinator=SimpleNamespace(parts=parts, snapshot=snapshot),
            collector=SimpleNamespace(consecutive_failures=failures),
        ),
    )


@pytest.mark.parametrize(
    ("house", "line"),
    [
        (household(), "Self-use, battery 57 %, 412 PLN/MWh"),
        (household(Mode.CHARGE), "Charging at 3.0 kW until 12:15 UTC, battery 57 %, 412 PLN/MWh"),
        (household(soc_pct=None, price=None), "Self-use, battery unknown, price unknown"),
        (
            household(failures=2, uncertain=True),
            "Self-use (asked for, not confirmed), battery 57 %, 412 PLN/MWh, the inverter does not answer",
        ),
    ],
)
def test_the_line_tells_mode_charge_and_price(house: Household, line: str) -> None:
    assert status_line(house) == line


def test_ready_comes_with_the_first_cycle_and_the_line_only_when_it_changed() -> None:
    async def live(manager: Manager) -> None:
        report = ServiceReport(ServiceManager(manager.environment(180.0)), LoopClock(NOW), 178.0)
        report.starting()
        assert "READY=1" not in manager.listen()
        for house in (household(), household(soc_pct=57.0), household(soc_pct=58.0)):
            report.cycle_finished(house)
        report.stopping(household())
        report.stopping(household())
        report.cycle_finished(household(soc_pct=60.0))

    with Manager() as manager:
        run_in_virtual_time(live(manager))
        heard = manager.listen()
    assert heard.count("READY=1") == 1
    assert heard.count("STOPPING=1") == 1
    assert [line for line in heard if "battery" in line] == [
        "STATUS=Self-use, battery 57 %, 412 PLN/MWh",
        "STATUS=Self-use, battery 58 %, 412 PLN/MWh",
    ], "the stop keeps its own line"
    assert heard.count("WATCHDOG=1") == 5


def test_what_cannot_be_told_in_a_line_feeds_the_watchdog_all_the_same() -> None:
    async def live(manager: Manager) -> None:
        report = ServiceReport(ServiceManager(manager.environment()), LoopClock(NOW), 178.0)
        report.cycle_finished(cast("Household", SimpleNamespace()))

    with Manager() as manager, structlog.testing.capture_logs() as logs:
        run_in_virtual_time(live(manager))
        assert "WATCHDOG=1" in manager.listen()
        assert "READY=1" in manager.listen()
    assert logs[0]["event"] == "the status line could not be made"


def test_ready_is_told_again_until_it_arrives() -> None:
    async def live(manager: Manager) -> None:
        report = ServiceReport(ServiceManager(manager.environment()), LoopClock(NOW), 178.0)
        manager.fill()
        report.cycle_finished(household())
        assert "READY=1" not in manager.listen()
        report.cycle_finished(household())
        assert "READY=1" in manager.listen()
        assert "STATUS=Self-use, battery 57 %, 412 PLN/MWh" in manager.listen()

    with Manager() as manager:
        run_in_virtual_time(live(manager))


async def _waits_for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def test_a_standstill_is_traced_once_before_the_watchdog_acts() -> None:
    async def live(manager: Manager) -> list[dict[str, Any]]:
        report = ServiceReport(ServiceManager(manager.environment(180.0)), LoopClock(NOW), 178.0)
        watch = asyncio.create_task(report.trace_where_it_hangs())
        stuck = asyncio.create_task(_waits_for_ever(), name="the cycle")
        with structlog.testing.capture_logs() as logs:
            await asyncio.sleep(130)
            before = len(logs)
            await asyncio.sleep(45)
            at_175 = list(logs)
            report.cycle_finished(household())
            await asyncio.sleep(100)
            assert logs == at_175, "progress again, and no new standstill"
        watch.cancel()
        stuck.cancel()
        assert before == 0
        return cast("list[dict[str, Any]]", at_175)

    with Manager() as manager:
        (told,) = run_in_virtual_time(live(manager))
    assert told["log_level"] == "critical"
    assert any(line.startswith("the cycle: _waits_for_ever:") for line in told["tasks"]), told


async def test_the_trace_goes_down_to_the_innermost_call() -> None:
    async def outer() -> None:
        await _waits_for_ever()

    task = asyncio.create_task(outer(), name="nested")
    await asyncio.sleep(0)
    (line,) = [line for line in where_tasks_wait() if line.startswith("nested")]
    assert line.index("outer:") < line.index("_waits_for_ever:")
    task.cancel()


@pytest.mark.parametrize(
    ("retry", "seconds"), [(RetryOptions(), 178.2), (RetryOptions(timeout_s=10.0, retries=10), 4187.7)]
)
def test_patience_follows_the_configured_time_outs(retry: RetryOptions, seconds: float) -> None:
    assert patience_of(retry) == pytest.approx(33 * retry.worst_case_s)
    assert patience_of(retry) == pytest.approx(seconds, rel=0.02)
