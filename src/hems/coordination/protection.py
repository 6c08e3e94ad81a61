"""Protection: makes the inverter safe in every cycle, and keeps asking where it is not known to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from hems.coordination.action_executor_manager import ActionExecutorManager, self_use
from hems.coordination.events import EventLog
from hems.coordination.safety_guard import SAFETY_SOURCE, SafetyGuard, is_everyday
from hems.domain.command import AlreadySo, Command, Mode, NotConfirmed, Rejected, Unreachable, WritePurpose
from hems.domain.readings import SiteSnapshot
from hems.domain.record import ActionRecord
from hems.domain.safety import SafetyEnvelope
from hems.ports.clock import Clock

REFUSED_PAUSE_S = 60.0
"""An inverter that refuses even to rest is asked again only this often."""

PROMPT_ATTEMPTS = 3
FIRST_PAUSE_S = 15.0
LONGEST_PAUSE_S = 240.0
"""An inverter that answers and yet does not confirm is told again at once a few times, then ever more rarely: its flash
wears. Below five minutes, so that all is normal by then; above the time in which a write may still come late."""


class Protection:
    """Acts on the safety envelope, before anything is decided."""

    def __init__(
        self,
        clock: Clock,
        safety: SafetyGuard,
        actions: ActionExecutorManager,
        events: EventLog,
        silent_write_interval: timedelta,
        remember: Callable[[ActionRecord], None],
    ) -> None:
        """``silent_write_interval``: how often it is tried while the inverter answers no poll."""
        self._clock = clock
        self._safety = safety
        self._actions = actions
        self._events = events
        self._silent_write_interval_s = silent_write_interval.total_seconds()
        self._remember = remember
        # In seconds that never go back: a clock that is set must not stop these.
        self._next_silent_write_s = self._again_s = clock.monotonic()
        self._unproven: tuple[Mode, int] = (Mode.SELF_USE, 0)
        """What the inverter answered to and did not confirm, and how often in a row."""
        self._next_attempt_s = clock.monotonic()
        self._refused: Mode | None = None
        self._told: tuple[str, type] | None = None

    async def act(
        self, envelope: SafetyEnvelope, snapshot: SiteSnapshot, source: str | None, now: datetime, *, is_fresh: bool
    ) -> str | None:
        """Do what ``envelope`` demands, or make sure of what is not known; return who the mode in force is from.

        ``source``: who it was from so far. ``is_fresh``: whether the inverter answered this cycle's poll.
        """
        actions = self._actions
        command = self._safety.command_for(envelope, actions.active, source, snapshot.battery.power_w, now)
        if command is None and not actions.is_uncertain:
            self._unproven = (Mode.SELF_USE, 0)
            return source
        mode = command.mode if command is not None else Mode.SELF_USE
        if not self._may_write(mode, is_fresh=is_fresh):
            return source
        if command is None and actions.active is not None:
            return await self._make_sure_of_the_lease(source, now)
        record = await self._execute(command or self_use(now, "what the inverter does is not known"), now)
        if is_fresh:
            self._count(mode, record)
        if command is None:
            self._tell(record, "what the inverter does is not known", "warning")
        else:
            self._tell(record, command.reason, "info" if is_everyday(envelope) else "warning")
        if actions.active is None:
            return None
        # A narrowed charge stays its asker's, and so does the export limit that is left of a refused one.
        is_askers = actions.active.mode in {Mode.CHARGE, Mode.DISCHARGE, Mode.SELF_USE}
        return source if is_askers else SAFETY_SOURCE

    async def _make_sure_of_the_lease(self, source: str | None, now: datetime) -> str | None:
        """Put a lease that may be lost into the inverter again: an ordinary write, within the budget."""
        record = await self._actions.reconcile(now)
        if record is not None:
            self._remember(record)
        return source if self._actions.active is not None else None

    async def _execute(self, command: Command, now: datetime) -> ActionRecord:
        """Act for safety; where the inverter cannot do the gentle mode the battery rests, else nothing stays forced."""
        actions = self._actions
        if command.mode is self._refused:
            command = replace(command, mode=Mode.STANDBY)
        record = await actions.execute(command, WritePurpose.SAFETY, now)
        if isinstance(record.result, Rejected) and command.mode in {Mode.HOLD, Mode.NO_CHARGE}:
            self._refused = command.mode
            record = await actions.execute(replace(command, mode=Mode.STANDBY), WritePurpose.SAFETY, now)
        elif command.mode is Mode.SELF_USE:
            self._refused = None
        if isinstance(record.result, Rejected):
            self._again_s = self._clock.monotonic() + REFUSED_PAUSE_S
            record = await actions.end_lease(WritePurpose.SAFETY, f"{record.asked} was refused", now)
        return record

    def _tell(self, record: ActionRecord, reason: str, severity: str) -> None:
        if isinstance(record.result, AlreadySo):
            self._told = None
            return
        self._remember(record)
        told = (
            record.asked.split(" ")[0],
            type(record.result),
        )  # without power and end, which change from one to the next
        if told != self._told:  # an inverter that stays silent is asked on and on, and told of once
            self._events.add("safety_action", severity, f"{record.asked}: {reason}")
        self._told = told

    def _count(self, mode: Mode, record: ActionRecord) -> None:
        """Count what an answering inverter did not confirm, and let it rest the longer the more often it did not."""
        if not isinstance(record.result, NotConfirmed | Unreachable) or not record.register_writes:
            self._unproven = (mode, 0)
            return
        before, times = self._unproven
        times = times + 1 if before is mode else 1
        self._unproven = (mode, times)
        if times >= PROMPT_ATTEMPTS:
            pause_s = min(FIRST_PAUSE_S * 2.0 ** min(times - PROMPT_ATTEMPTS, 10), LONGEST_PAUSE_S)
            self._next_attempt_s = self._clock.monotonic() + pause_s

    def _may_write(self, mode: Mode, *, is_fresh: bool) -> bool:
        """A silent inverter is not written to at every poll, for each attempt costs all its time-outs."""
        elapsed_s = self._clock.monotonic()
        if is_fresh:
            self._next_silent_write_s = elapsed_s
            unproven, times = self._unproven
            if unproven is mode and times >= PROMPT_ATTEMPTS and elapsed_s < self._next_attempt_s:
                return False
            return elapsed_s >= self._again_s
        self._unproven = (mode, 0)  # after a silence it is told at once
        if elapsed_s < self._next_silent_write_s:
            return False
        self._next_silent_write_s = elapsed_s + self._silent_write_interval_s
        return True
