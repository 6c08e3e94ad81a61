"""Pacing: when the next cycle begins. On its cadence, or at once where somebody asked, but never in a hurry twice."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hems.domain.decision import Decision
from hems.domain.record import ActionRecord
from hems.ports.clock import Clock

EXTRA_CYCLE_EVERY_S = 1.0
"""A burst of orders costs the inverter one poll a second, beside its cadence."""

SAME_CYCLE_S = 0.5
"""A cycle that was asked for this shortly before the next one is due is that one."""


@dataclass(slots=True)
class Heard:
    """What came of the first cycle that began after somebody asked for one."""

    finished: asyncio.Event = field(default_factory=asyncio.Event)
    decision: Decision | None = None
    """None until then, and where the coordinator stopped before."""
    action: ActionRecord | None = None
    """What the inverter was told in that cycle; None where nothing."""


class Pacing:
    """Keeps the cadence of the cycle, and who waits for one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._roused = asyncio.Event()
        self._waiting: list[Heard] = []
        self._served: list[Heard] = []
        self._due_s = clock.monotonic()
        self._last_extra_s = float("-inf")
        self._is_extra = False
        self._is_urgent = False
        self._last_urgent_s = float("-inf")
        self.is_running = False

    def start(self) -> None:
        """Begin the cadence now."""
        self._due_s = self._clock.monotonic()
        self.is_running = True

    def ask(self, *, urgent: bool = False) -> Heard:
        """Have a cycle begin at once, within a second where one was asked for just before; ``urgent`` waits for none.

        Of many urgent ones one a second waits for none: the inverter must not be polled without a pause. Call it on the
        event loop of the cycle. Where nothing runs there is nothing to wait for.
        """
        heard = Heard()
        self._waiting.append(heard)
        if urgent and self._clock.monotonic() - self._last_urgent_s >= EXTRA_CYCLE_EVERY_S:
            self._is_urgent, self._last_urgent_s = True, self._clock.monotonic()
        self._roused.set()
        return heard

    def begin(self) -> bool:
        """Take up all that was asked for so far; return whether anything was. What is asked from now on comes next."""
        self._roused.clear()
        self._is_urgent = False
        self._served, self._waiting = [*self._served, *self._waiting], []
        return bool(self._served)

    def finish(self, decision: Decision | None, action: ActionRecord | None) -> None:
        """Tell all that were taken up what came of the cycle."""
        served, self._served = self._served, []
        for heard in served:
            heard.decision, heard.action = decision, action
            heard.finished.set()

    def stopped(self) -> None:
        """Nothing more will come: let all go that wait."""
        self.is_running = False
        self.begin()
        self.finish(None, None)

    async def until_next(self, stop: asyncio.Event, interval_s: float) -> None:
        """Wait for the next cycle: ``interval_s`` after the last one was due, or as soon as somebody asks or stops."""
        clock = self._clock
        if stop.is_set():
            return
        if not self._is_extra:
            self._due_s += interval_s
        elif self._due_s > clock.monotonic() + interval_s:  # such as a lease that ends before
            self._due_s = clock.monotonic() + interval_s
        self._due_s = max(self._due_s, clock.monotonic())
        await self._wait(self._due_s - clock.monotonic())
        self._is_extra = self._due_s - clock.monotonic() > SAME_CYCLE_S
        if not self._is_extra or stop.is_set():
            return
        rest_s = self._last_extra_s + EXTRA_CYCLE_EVERY_S - clock.monotonic()
        while rest_s > 0.0 and not self._is_urgent and not stop.is_set():
            self._roused.clear()  # a stop that has come by now was seen in the line above
            await self._wait(rest_s)
            rest_s = self._last_extra_s + EXTRA_CYCLE_EVERY_S - clock.monotonic()
        self._last_extra_s = clock.monotonic()

    async def rouse_at(self, stop: asyncio.Event) -> None:
        """End the wait for the next cycle when ``stop`` is set; runs beside the cycle."""
        await stop.wait()
        self._roused.set()

    async def _wait(self, seconds: float) -> None:
        await self._clock.wait(self._roused, seconds)
