"""The connection to a silent inverter is made anew, and the one that is held is let go only then."""

from __future__ import annotations

from datetime import datetime

import pytest

from hems.coordination.enhanced_data_collector import CollectorOptions, EnhancedDataCollector
from hems.domain.errors import InverterUnreachable
from hems.domain.readings import SiteSnapshot
from hems.ports.inverter import Inverter
from support.goodwe_bench import LeapingClock
from support.scripted_inverter import ScriptedInverter, snapshot

OPTIONS = CollectorOptions(reopen_after_failures=3, backoff_first_s=2.0, backoff_max_s=8.0)


class Line:
    """A connector whose inverters answer, or do not."""

    def __init__(self, clock: LeapingClock) -> None:
        self.clock = clock
        self.answers = self.opens = True
        self.opened: list[_Inverter] = []

    async def open(self) -> Inverter:
        if not self.opens:
            raise InverterUnreachable("nobody is there")
        self.opened.append(_Inverter(self))
        return self.opened[-1]


class _Inverter(ScriptedInverter):
    def __init__(self, line: Line) -> None:
        super().__init__()
        self.line = line
        self.is_closed = False

    async def read_snapshot(self) -> SiteSnapshot:
        if not self.line.answers:
            raise InverterUnreachable("no answer")
        return snapshot(self.line.clock.now())

    async def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def line() -> Line:
    return Line(LeapingClock(datetime.fromisoformat("2026-01-10T20:00:00+00:00")))


async def do_nothing(_: Inverter) -> None:
    return None


def collector_on(line: Line) -> EnhancedDataCollector:
    return EnhancedDataCollector(line, line.clock, do_nothing, OPTIONS)


async def test_a_silent_inverter_is_kept_until_another_is_open(line: Line) -> None:
    collector = collector_on(line)
    assert await collector.collect() is not None
    line.answers = line.opens = False
    for _ in range(8):
        assert await collector.collect() is None
        await line.clock.sleep(5.0)
    assert collector.inverter is line.opened[0]
    assert not line.opened[0].is_closed, "it may still have to be told to stop"
    line.answers = line.opens = True
    await line.clock.sleep(10.0)
    assert await collector.collect() is not None
    assert collector.inverter is line.opened[1]
    assert line.opened[0].is_closed
    assert collector.consecutive_failures == 0


async def test_between_two_attempts_to_open_the_one_held_is_asked(line: Line) -> None:
    collector = collector_on(line)
    await collector.collect()
    line.answers = line.opens = False
    for _ in range(5):
        await collector.collect()
    line.answers = True  # the line is back, though opening is not due again yet
    assert await collector.collect() is not None
    assert len(line.opened) == 1


async def test_an_inverter_that_cannot_be_taken_over_is_let_go(line: Line) -> None:
    async def refuse(_: Inverter) -> None:
        raise InverterUnreachable("it fell silent")

    collector = EnhancedDataCollector(line, line.clock, refuse, OPTIONS)
    assert await collector.collect() is None
    assert collector.inverter is None
    assert line.opened[0].is_closed
    assert collector.last_error == "it fell silent"


async def test_a_mistake_in_taking_over_lets_go_and_is_told(line: Line) -> None:
    async def fail(_: Inverter) -> None:
        raise ZeroDivisionError

    collector = EnhancedDataCollector(line, line.clock, fail, OPTIONS)
    with pytest.raises(ZeroDivisionError):
        await collector.collect()
    assert line.opened[0].is_closed
