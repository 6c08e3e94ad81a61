"""What the service manager hears of the service: that it works, what it does, that it stops, and where it hangs."""

from __future__ import annotations

import asyncio
from types import CodeType, FrameType
from typing import Any

import structlog

from hems.adapters.inverters.goodwe import RetryOptions
from hems.adapters.service_manager import ServiceManager
from hems.composition.household import Household
from hems.domain.command import Mode
from hems.domain.units import kw_from_w
from hems.ports.clock import Clock

log = structlog.get_logger(__name__)

QUESTIONS_OF_A_CYCLE = 33
"""So many questions answered only by their last retry are still an honest cycle.

Measured: the longest cycle on a link where every answer takes all retries was the first one (opening, reading, taking
over): 90 s or 17 questions at 5.4 s each. Twice that leaves room for a slow disk and for inverters with more blocks.
"""

STOP_EXTENSION_MAX_S = 300.0
"""A stop does not wait longer than this for a silent inverter: the restore hook tries once more after it."""

TRACE_AT_SHARE = 0.75
"""At this share of the watchdog's patience the log says where everything waits: the abort shows only threads."""

DOING = {
    Mode.SELF_USE: "self-use",
    Mode.CHARGE: "charging",
    Mode.DISCHARGE: "discharging",
    Mode.HOLD: "holding the battery",
    Mode.NO_CHARGE: "not charging",
    Mode.STANDBY: "battery idle",
}


def patience_of(retry: RetryOptions) -> float:
    """Return how long one honest cycle may take with an inverter asked so patiently [s]."""
    return QUESTIONS_OF_A_CYCLE * retry.worst_case_s


class ServiceReport:
    """Feeds the watchdog with finished cycles and nothing else."""

    def __init__(self, manager: ServiceManager, clock: Clock, patience_s: float) -> None:
        self._manager = manager
        self._clock = clock
        self._patience_s = patience_s
        self._is_ready = False
        self._is_stopping = False
        self._told = ""
        self._progress_s = clock.monotonic()
        self._traced_s: float | None = None

    def starting(self) -> None:
        """Ask for the time that a first cycle with a silent inverter may take."""
        self._manager.tell("STATUS=Starting: opening the inverter", _extension(self._patience_s))

    def cycle_finished(self, household: Household) -> None:
        """Tell that the cycle goes on, and what it does where that is news.

        A cycle in which the inverter was silent is a finished one: the service is up when it has begun to try.
        """
        self._progress_s = self._clock.monotonic()
        words = ["WATCHDOG=1"]
        if self._is_stopping:
            self._manager.tell(*words)
            return
        if not self._is_ready:
            words += ["READY=1", *self._longer_watchdog()]
        try:
            line = status_line(household)
        except Exception:  # a sentence that cannot be made must not keep the watchdog hungry
            log.exception("the status line could not be made")
            line = self._told
        if line != self._told:
            words.append(f"STATUS={line}")
        if self._manager.tell(*words):
            self._is_ready, self._told = True, line

    def stopping(self, household: Household) -> None:
        """Tell that the stop has begun: it may have to wait for the time-outs of a silent inverter."""
        if self._is_stopping:
            return
        self._is_stopping = True
        where = "restoring self-use" if household.coordinator.parts.actions.active is not None else "making sure"
        self._manager.tell(
            "STOPPING=1",
            f"STATUS=Stopping: {where} at the inverter",
            "WATCHDOG=1",
            _extension(min(self._patience_s, STOP_EXTENSION_MAX_S)),
        )

    async def tell_when_asked_to_stop(self, stop: asyncio.Event, household: Household) -> None:
        """Tell of the stop as soon as it is asked for, though a cycle may have to end first."""
        await stop.wait()
        self.stopping(household)

    async def trace_where_it_hangs(self) -> None:
        """Once per standstill, before the watchdog acts, log where every task waits."""
        limit_s = self._limit_s
        if limit_s is None:
            return
        while True:
            await self._clock.sleep(limit_s / 20)
            silent_s = self._clock.monotonic() - self._progress_s
            if silent_s >= TRACE_AT_SHARE * limit_s and self._traced_s != self._progress_s:
                self._traced_s = self._progress_s
                log.critical("the control cycle stands still", for_s=round(silent_s), tasks=where_tasks_wait())

    @property
    def _limit_s(self) -> float | None:
        watchdog_s = self._manager.watchdog_s
        return None if watchdog_s is None else max(watchdog_s, self._patience_s)

    def _longer_watchdog(self) -> list[str]:
        """Return the request for more patience where the owner configured longer time-outs than the unit foresees."""
        limit_s = self._limit_s
        if limit_s is None or limit_s == self._manager.watchdog_s:
            return []
        return [f"WATCHDOG_USEC={round(limit_s * 1e6)}"]


def status_line(household: Household) -> str:
    """Return what the service does now in one line: mode, state of charge, price."""
    coordinator = household.coordinator
    parts = coordinator.parts
    active, now = parts.actions.active, parts.clock.now()
    words = [DOING[active.mode if active is not None else Mode.SELF_USE]]
    if active is not None:
        if active.power_w is not None:
            words[0] += f" at {kw_from_w(active.power_w):.1f} kW"
        if active.export_limit_w is not None:
            words[0] += f" with at most {kw_from_w(active.export_limit_w):.1f} kW of export"
        words[0] += f" until {active.expires_at:%H:%M} UTC"
    if parts.actions.is_uncertain:
        words[0] += " (asked for, not confirmed)"
    snapshot = coordinator.snapshot
    soc_pct = snapshot.battery.soc_pct if snapshot is not None else None
    words.append("battery unknown" if soc_pct is None else f"battery {soc_pct:.0f} %")
    context = parts.prices.price_context(now)
    price = "price unknown" if context.price_per_mwh is None else f"{context.price_per_mwh:.0f} {context.currency}/MWh"
    words.append(price)
    if household.collector.consecutive_failures:
        words.append("the inverter does not answer")
    line = ", ".join(words)
    return line[0].upper() + line[1:]


def where_tasks_wait() -> list[str]:
    """Return, for every task of this event loop, the call in which it waits, innermost last."""
    return [f"{task.get_name()}: {' > '.join(_calls(task.get_coro()))}" for task in asyncio.all_tasks()]


def _calls(awaitable: Any) -> list[str]:
    calls = []
    while awaitable is not None:
        frame: FrameType | None = getattr(awaitable, "cr_frame", None)
        if frame is not None:
            code: CodeType = frame.f_code
            calls.append(f"{code.co_qualname}:{frame.f_lineno}")
        awaitable = getattr(awaitable, "cr_await", None)
    return calls


def _extension(seconds: float) -> str:
    return f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}"
