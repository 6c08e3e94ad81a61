"""Action Executor Manager: the sole holder of the inverter's writer.

It keeps the lease in force, counts writes against the daily budget, and whenever it cannot know what the inverter
does it goes on asking for self-use until the inverter confirms it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never
from zoneinfo import ZoneInfo

import structlog

from hems.coordination.export_trust import ExportTrust, export_agrees, limit_text
from hems.coordination.verification import Proof, Verification, mismatch_of
from hems.domain.command import (
    AlreadySo,
    Applied,
    Command,
    CommandResult,
    ControlState,
    Mode,
    NotConfirmed,
    Rejected,
    Unreachable,
    WritePurpose,
)
from hems.domain.errors import InverterUnreachable, StorageError
from hems.domain.readings import SiteSnapshot
from hems.domain.record import ActionRecord
from hems.domain.time_grid import local_date
from hems.ports.clock import Clock
from hems.ports.inverter import Inverter
from hems.ports.storage import RecordStore

log = structlog.get_logger(__name__)

WRITES_KEY = "register_writes"

POWER_TOLERANCE_W = 25.0
"""Registers hold whole watts or percents; a smaller difference on read-back is rounding."""

REFUSAL_PAUSE = timedelta(minutes=5)
"""After the inverter did not do as told twice, forced commands rest this long: hammering wears flash and proves
nothing."""

Alarm = Callable[[str, str, str], None]
"""Called with kind, severity and message of something a person should know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionOptions:
    """The daily write budget and the zone whose midnight renews it."""

    daily_write_budget: int
    zone: ZoneInfo


class ActionExecutorManager:
    """Puts decisions into the inverter and proves that they took."""

    def __init__(self, clock: Clock, store: RecordStore, options: ActionOptions, alarm: Alarm) -> None:
        self._clock = clock
        self._store = store
        self._options = options
        self._alarm = alarm
        self._inverter: Inverter | None = None
        self._settings_saved = False
        self._active: Command | None = None
        self._active_since: datetime | None = None
        self._lease_ends_s = 0.0
        self._uncertain = True
        self._verification: Verification | None = None
        self._refutations = 0
        self._paused_until: datetime | None = None
        self._export = ExportTrust()
        self._day, self._writes_today = self._load_writes()

    # -- what others may know --------------------------------------------------------------------------------

    @property
    def active(self) -> Command | None:
        """The forced command whose lease is in force, or None in self-use."""
        return self._active

    @property
    def active_since(self) -> datetime | None:
        """Since when the present mode has been in force."""
        return self._active_since

    @property
    def is_uncertain(self) -> bool:
        """Whether what the inverter does now is unknown."""
        return self._uncertain

    @property
    def verification(self) -> Verification | None:
        """How far the command in force is proven."""
        return self._verification

    @property
    def writes_today(self) -> int:
        """Register writes since local midnight."""
        self._roll_day(self._clock.now())
        return self._writes_today

    def forced_paused_until(self, now: datetime) -> datetime | None:
        """Return until when forced commands rest after the inverter did not obey, or None."""
        # Further ahead than it was ever set means that the clock was set back since.
        if self._paused_until is not None and now < self._paused_until <= now + REFUSAL_PAUSE:
            return self._paused_until
        return None

    # -- the inverter's coming and going ---------------------------------------------------------------------

    def attach(self, inverter: Inverter) -> None:
        """Take the writer of a freshly opened inverter; what it does is unknown until reconciled."""
        self._inverter = inverter
        self._settings_saved = False
        self._uncertain = True
        self._export.reset()

    async def reconcile(self, now: datetime) -> ActionRecord | None:
        """Compare the control registers with the lease in force and correct them; None where they agree.

        Without a lease the inverter has to be in self-use, whoever put it elsewhere.
        """
        if self._inverter is None:
            return None
        try:
            found = await self._inverter.read_control()
        except InverterUnreachable as error:
            log.warning("control registers not read", error=str(error))
            return None
        wanted = self._wanted(now)
        if _agrees(found, wanted):
            self._uncertain = False
            return None
        self._uncertain = True
        purpose = WritePurpose.DECISION if wanted.is_forced else WritePurpose.RESTORE
        record = await self.execute(wanted, purpose, now)
        if isinstance(record.result, Rejected) and wanted.is_forced:
            return await self.end_lease(WritePurpose.RESTORE, f"{wanted.mode.value} was lost and refused", now)
        if not isinstance(record.result, AlreadySo):  # some modes look alike, such as hold at the floor
            asked = f"{wanted.mode.value}{limit_text(wanted)}"
            detail = f"the inverter was set to {found.detail}, not to {asked}; setting it right"
            self._alarm("control_differs", "warning", detail)
        return record

    # -- acting ----------------------------------------------------------------------------------------------

    async def execute(self, command: Command, purpose: WritePurpose, now: datetime) -> ActionRecord:
        """Put ``command`` in force; a lease that asks the same already is only renewed, without a register write.

        An export limit that the inverter cannot have or refuses costs the command its limit, not its mode: the result
        says so.
        """
        self._roll_day(now)
        inverter = self._inverter
        if command.export_limit_w is not None and inverter is not None:
            why = self._export.why_not(inverter.capabilities, now)
            if why is not None:
                return await self._execute_unlimited(command, purpose, now, why)
        if not self._uncertain and self._is_in_force(command):
            self._active = command if command.is_forced else None
            self._lease_ends_s = self._clock.monotonic() + (command.expires_at - now).total_seconds()
            return self._record(now, purpose, command, AlreadySo(), 0)
        if inverter is None:
            return self._record(now, purpose, command, Unreachable(detail="no inverter is connected"), 0)
        refusal = await self._refusal(inverter, command, purpose)
        if refusal is not None:
            return self._record(now, purpose, command, refusal, 0)
        before = inverter.register_writes
        result = await inverter.apply(command, purpose)
        writes = inverter.register_writes - before
        self._count_writes(writes)
        if isinstance(result, Rejected) and command.export_limit_w is not None:
            # What was in force before may have been ended by the refusal: it is not to be taken for in force still.
            if writes:  # each attempt at a limit whose writes themselves are refused wears the flash
                self._export.refused(result.detail, now)
                self._uncertain = True
            record = await self._execute_unlimited(command, purpose, now, result.detail)
            return replace(record, register_writes=writes + record.register_writes)
        self._settle(command, purpose, result, now)
        return self._record(now, purpose, command, result, writes)

    async def _execute_unlimited(
        self, command: Command, purpose: WritePurpose, now: datetime, why: str
    ) -> ActionRecord:
        """Put ``command`` in force without its export limit, and say why."""
        if self._export.is_news(why):
            self._alarm("export_limit", "warning", f"the export is not limited: {why}")
        record = await self.execute(replace(command, export_limit_w=None), purpose, now)
        detail = "; ".join(part for part in (record.result.detail, f"without an export limit: {why}") if part)
        return replace(record, result=replace(record.result, detail=detail))

    async def end_lease(self, purpose: WritePurpose, reason: str, now: datetime) -> ActionRecord:
        """Put the inverter back to self-use."""
        return await self.execute(self_use(now, reason), purpose, now)

    def lease_is_over(self, now: datetime) -> bool:
        """Return whether the lease in force has expired, by the clock or, where that was set back, by time passed."""
        if self._active is None:
            return False
        return now >= self._active.expires_at or self._clock.monotonic() >= self._lease_ends_s

    @property
    def lease_left_s(self) -> float | None:
        """Seconds until the lease in force ends, 0 or more; None in self-use."""
        if self._active is None:
            return None
        return max(0.0, self._lease_ends_s - self._clock.monotonic())

    def target_reached(self, snapshot: SiteSnapshot) -> bool:
        """Return whether the command in force has reached its target SoC."""
        active, soc_pct = self._active, snapshot.battery.soc_pct
        if active is None or active.target_soc_pct is None or soc_pct is None:
            return False
        if active.mode is Mode.CHARGE:
            return soc_pct >= active.target_soc_pct
        return active.mode is Mode.DISCHARGE and soc_pct <= active.target_soc_pct

    def observe(self, snapshot: SiteSnapshot, now: datetime) -> Proof | None:
        """Hold the command in force against what was measured; REFUTED is answered once, then starts a new proof."""
        if self._verification is None:
            return None
        before = self._verification.proof
        self._verification = self._verification.observe(snapshot)
        proof = self._verification.proof
        if proof is Proof.CONFIRMED:
            self._refutations = 0
            self._export.kept()
        if proof is not Proof.REFUTED or before is Proof.REFUTED:
            return None if proof is before else proof
        self._uncertain = True
        command, detail = self._verification.command, self._verification.detail
        if command.export_limit_w is not None and not mismatch_of(replace(command, export_limit_w=None), snapshot):
            self._export.broken(detail, now)  # the mode is kept: nothing but the limit has to rest
            self._alarm("not_confirmed", "warning", detail)
        else:
            self._note_disobedience(detail, now)
        return proof

    async def shut_down(self, attempts: int = 3) -> CommandResult:
        """Stop charging first, then give the owner's own settings back. For the end of the service."""
        inverter = self._inverter
        if inverter is None:
            return Unreachable(detail="no inverter is connected")
        result: CommandResult = Unreachable(detail="not tried")
        for attempt in range(attempts):
            before = inverter.register_writes
            result = await inverter.restore_self_use(user_settings=True)
            self._count_writes(inverter.register_writes - before)
            if isinstance(result, Applied | AlreadySo):
                self._active, self._active_since, self._uncertain = None, None, False
                return result
            log.warning("self-use not restored", attempt=attempt + 1, result=repr(result))
            await self._clock.sleep(1.0)
        return result

    # -- inside ----------------------------------------------------------------------------------------------

    def _wanted(self, now: datetime) -> Command:
        if self._active is not None and not self.lease_is_over(now):
            return self._active
        return self_use(now, "no lease is in force")

    def _is_in_force(self, command: Command) -> bool:
        if not command.is_forced:
            return self._active is None
        return command.same_request(self._active)

    async def _refusal(self, inverter: Inverter, command: Command, purpose: WritePurpose) -> Rejected | None:
        is_protective = purpose is not WritePurpose.DECISION or not command.is_forced
        if not is_protective and self._writes_today >= self._options.daily_write_budget:
            detail = f"the daily budget of {self._options.daily_write_budget} register writes is used up"
            self._alarm("write_budget", "warning", f"{detail}; {command.mode.value} is not started before midnight")
            return Rejected(detail=detail)
        if self._settings_saved:
            return None
        try:
            await inverter.save_user_settings()
        except (InverterUnreachable, StorageError) as error:
            if is_protective:
                log.warning("acting without a save of the owner's settings", error=str(error))
                return None
            return Rejected(detail=f"the owner's own inverter settings could not be saved first: {error}")
        self._settings_saved = True
        return None

    def _settle(self, command: Command, purpose: WritePurpose, result: CommandResult, now: datetime) -> None:
        match result:
            case Applied() | AlreadySo():
                self._uncertain = False
                self._change_to(command if command.is_forced else None, purpose, now)
                self._verification = Verification(command=command, applied_at=now)
            case Rejected():
                # A refusal ends nothing by itself: what was in force before may be so still.
                self._uncertain = self._uncertain or self._active is not None
                self._change_to(None, purpose, now)
                self._verification = None
                self._alarm("rejected", "warning", f"{command.mode.value} was refused: {result.detail}")
            case NotConfirmed() | Unreachable():
                self._change_to(None, purpose, now)
                self._verification = None
                self._uncertain = True
                if isinstance(result, NotConfirmed) and command.is_forced:
                    self._note_disobedience(f"{command.mode.value}: {result.detail}", now)
                else:
                    log.warning("command not confirmed", mode=command.mode.value, detail=result.detail)
            case _:
                assert_never(result)

    def _note_disobedience(self, detail: str, now: datetime) -> None:
        """Tell it; from the second time in a row on, let forced commands rest."""
        self._refutations += 1
        self._alarm("not_confirmed", "warning", detail)
        if self._refutations < 2:
            return
        self._paused_until = now + REFUSAL_PAUSE
        until = f"{self._paused_until.astimezone(self._options.zone):%H:%M}"
        self._alarm(
            "not_obeyed", "error", f"the inverter does not do as told ({detail}); no forced mode before {until}"
        )

    def _change_to(self, command: Command | None, purpose: WritePurpose, now: datetime) -> None:
        """Note the lease in force; another mode starts a new run time, save where safety chose it."""
        before = self._active.mode if self._active is not None else Mode.SELF_USE
        after = command.mode if command is not None else Mode.SELF_USE
        if before is not after:
            self._active_since = None if purpose is WritePurpose.SAFETY else now
        self._active = command
        if command is not None:
            self._lease_ends_s = self._clock.monotonic() + (command.expires_at - now).total_seconds()

    def _record(
        self, now: datetime, purpose: WritePurpose, command: Command, result: CommandResult, writes: int
    ) -> ActionRecord:
        return ActionRecord(
            at=now,
            purpose=purpose,
            asked=describe(command),
            result=result,
            register_writes=writes,
            writes_today=self._writes_today,
        )

    def _load_writes(self) -> tuple[str, int]:
        today = local_date(self._clock.now(), self._options.zone).isoformat()
        kept = self._store.get_state(WRITES_KEY)
        if isinstance(kept, dict) and kept.get("day") == today and isinstance(kept.get("count"), int):
            return today, max(0, kept["count"])
        return today, 0

    def _roll_day(self, now: datetime) -> None:
        today = local_date(now, self._options.zone).isoformat()
        if today != self._day:
            self._day, self._writes_today = today, 0

    def _count_writes(self, writes: int) -> None:
        if not writes:
            return
        self._writes_today += writes
        try:
            self._store.put_state(WRITES_KEY, {"day": self._day, "count": self._writes_today})
        except StorageError as error:
            self._alarm("storage", "error", f"the count of register writes could not be kept: {error}")


def self_use(now: datetime, reason: str) -> Command:
    """Return the command for self-use, which needs no lease and so does not expire for years."""
    return Command(mode=Mode.SELF_USE, expires_at=now + timedelta(days=3650), reason=reason)


def describe(command: Command) -> str:
    """Return ``command`` in words, for a record."""
    parts = [command.mode.value]
    if command.power_w is not None:
        parts.append(f"at {command.power_w:.0f} W")
    if command.target_soc_pct is not None:
        parts.append(f"to {command.target_soc_pct:.0f} %")
    if command.export_limit_w is not None:
        parts.append(limit_text(command).strip())
    if command.is_forced:
        parts.append(f"until {command.expires_at:%Y-%m-%dT%H:%M:%SZ}")
    return " ".join(parts)


def _agrees(found: ControlState, wanted: Command) -> bool:
    if found.mode is not wanted.mode or not export_agrees(found, wanted):
        return False
    if wanted.power_w is None or found.power_w is None:
        return True
    tolerance_w = max(POWER_TOLERANCE_W, 0.02 * wanted.power_w)
    return abs(found.power_w - wanted.power_w) <= tolerance_w
