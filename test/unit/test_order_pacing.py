"""The pace of the cycle: its cadence, an extra one at once, at most one a second, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from hems.adapters.clock import LoopClock
from hems.adapters.virtual_time import run_in_virtual_time
from hems.coordination.pacing import Heard, Pacing

Act = Callable[[Pacing, asyncio.Event, LoopClock], Awaitable[None]]


def cycles_while(act: Act, *, interval_s: float = 10.0, length_s: float = 35.0, cycle_s: float = 0.0) -> list[float]:
    """Return when cycles began while ``act`` ran beside them."""
    return run_in_virtual_time(_cycles_while(act, interval_s, length_s, cycle_s))


async def _cycles_while(act: Act, interval_s: float, length_s: float, cycle_s: float) -> list[float]:
    clock, stop, began = LoopClock(datetime(2026, 5, 1, tzinfo=UTC)), asyncio.Event(), []
    pacing = Pacing(clock)
    asyncio.get_running_loop().call_later(length_s, stop.set)
    watcher = asyncio.create_task(pacing.rouse_at(stop))
    actor = asyncio.create_task(act(pacing, stop, clock))  # type: ignore[arg-type]
    pacing.start()
    while not stop.is_set():
        began.append(round(clock.monotonic(), 3))
        pacing.begin()
        await clock.sleep(cycle_s)
        pacing.finish(None, None)
        await pacing.until_next(stop, interval_s)
    pacing.stopped()
    watcher.cancel()
    await actor
    return began


async def nobody(_pacing: Pacing, _stop: asyncio.Event, _clock: LoopClock) -> None:
    return None


def test_without_orders_the_cadence_is_kept_whatever_a_cycle_takes() -> None:
    assert cycles_while(nobody) == [0.0, 10.0, 20.0, 30.0]
    assert cycles_while(nobody, cycle_s=4.0) == [0.0, 10.0, 20.0, 30.0]
    assert cycles_while(nobody, cycle_s=12.0) == [0.0, 12.0, 24.0]


def test_an_order_begins_a_cycle_at_once_and_shifts_no_other() -> None:
    async def act(pacing: Pacing, _stop: asyncio.Event, clock: LoopClock) -> None:
        await clock.sleep(13.0)
        heard = pacing.ask()
        await heard.finished.wait()
        assert clock.monotonic() < 13.01

    assert cycles_while(act) == [0.0, 10.0, 13.0, 20.0, 30.0]


def test_an_order_just_before_the_next_cycle_is_that_cycle() -> None:
    async def act(pacing: Pacing, _stop: asyncio.Event, clock: LoopClock) -> None:
        await clock.sleep(9.8)
        pacing.ask()

    assert cycles_while(act) == [0.0, 9.8, 20.0, 30.0]


def test_a_burst_costs_one_cycle_a_second_and_all_are_heard() -> None:
    heard: list[Heard] = []

    async def act(pacing: Pacing, _stop: asyncio.Event, clock: LoopClock) -> None:
        await clock.sleep(12.0)
        for _ in range(30):
            heard.append(pacing.ask())
            await clock.sleep(0.1)

    began = cycles_while(act, length_s=19.0)
    assert began == [0.0, 10.0, 12.0, 13.0, 14.0, 15.0]
    assert all(one.finished.is_set() for one in heard)


def test_a_stop_waits_for_no_pause_between_orders() -> None:
    async def act(pacing: Pacing, _stop: asyncio.Event, clock: LoopClock) -> None:
        await clock.sleep(12.0)
        pacing.ask()
        await clock.sleep(0.1)
        pacing.ask()
        await clock.sleep(0.1)
        pacing.ask(urgent=True)

    assert cycles_while(act, length_s=19.0) == [0.0, 10.0, 12.0, 12.2]


def test_of_many_stops_only_one_a_second_waits_for_no_pause() -> None:
    heard: list[Heard] = []

    async def act(pacing: Pacing, _stop: asyncio.Event, clock: LoopClock) -> None:
        await clock.sleep(12.0)
        while clock.monotonic() < 17.0:  # each as soon as the one before is answered, as a program at a loss would
            heard.append(pacing.ask(urgent=True))
            await heard[-1].finished.wait()

    began = cycles_while(act, length_s=19.0, cycle_s=0.05)
    within = [at for at in began if 12.0 <= at < 17.0]
    assert 5 <= len(within) <= 11, began
    assert all(one.finished.is_set() for one in heard)


def test_an_order_within_a_cycle_is_heard_by_the_next_one() -> None:
    async def act(pacing: Pacing, _stop: asyncio.Event, clock: LoopClock) -> None:
        await clock.sleep(11.0)
        heard = pacing.ask()
        await heard.finished.wait()
        assert clock.monotonic() >= 14.0

    assert cycles_while(act, cycle_s=2.0, length_s=19.0) == [0.0, 10.0, 12.0]


def test_the_end_of_the_service_is_not_waited_out_and_lets_all_go() -> None:
    async def act(pacing: Pacing, stop: asyncio.Event, clock: LoopClock) -> None:
        await clock.sleep(12.0)
        stop.set()
        heard = pacing.ask()
        await heard.finished.wait()
        assert heard.decision is None
        assert clock.monotonic() < 12.1

    assert cycles_while(act, length_s=100.0)[:2] == [0.0, 10.0]
