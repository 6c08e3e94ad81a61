"""Safety guard: runs the safety rules on every poll and says what the inverter must be told because of them.

The rules are pure; this is where their memory is kept on disk, so that a latch survives a restart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from hems.coordination.action_executor_manager import self_use
from hems.coordination.events import EventLog
from hems.domain.command import Command, Mode
from hems.domain.decision import Allowed, Narrowed, Refused
from hems.domain.errors import StorageError
from hems.domain.readings import SiteSnapshot, unknown_snapshot
from hems.domain.safety import Bounds, Cause, HeldViolation, SafetyEnvelope, Violation
from hems.domain.site import SiteSpec
from hems.ports.storage import RecordStore
from hems.safety import latch
from hems.safety.envelope import SafetySupervisor
from hems.safety.gate import narrow_to_envelope, protective_command
from hems.safety.latch import LatchState

LATCH_KEY = "safety_latch"

SAFETY_SOURCE = "safety"
"""Who asked for a protective mode."""

STOPPING_CAUSES = frozenset(
    {
        Cause.BATTERY_TOO_HOT,
        Cause.BATTERY_OVER_VOLTAGE,
        Cause.BATTERY_UNDER_VOLTAGE,
        Cause.GRID_OVER_VOLTAGE,
        Cause.GRID_UNDER_VOLTAGE,
        Cause.GRID_LOST,
        Cause.COMMUNICATION_LOST,
        Cause.SYSTEM_ERROR,
        Cause.BMS_ALARM,
        Cause.SOC_IMPLAUSIBLE,
        Cause.STOPPED_BY_PERSON,
    }
)
"""Causes that the users' documentation calls a stop of all operations; the state shown is *error*."""

NO_INVERTER_YET = "no inverter has answered yet"

EXCESS_SHARE = 1.1
EXCESS_W = 100.0
"""The inverter follows its battery's own limits within a poll or two; a register is written only for power that really
flows beyond a bound."""


class SafetyGuard:
    """Bounds every cycle; before the inverter has been opened nothing is known, so nothing may be forced.

    ``make_supervisor`` is called with the house and with what was latched before the last stop.
    """

    def __init__(
        self,
        make_supervisor: Callable[[SiteSpec, object | None], SafetySupervisor],
        store: RecordStore,
        events: EventLog,
    ) -> None:
        self._make_supervisor = make_supervisor
        self._store = store
        self._events = events
        self._told: frozenset[str] = frozenset()
        self._supervisor: SafetySupervisor | None = None
        self._kept_state: object = store.get_state(LATCH_KEY)
        self._waiting: LatchState | None = None
        """What a person changed of the latch while no inverter had been opened yet; None where nobody did."""
        self.spec: SiteSpec | None = None

    def configure(self, spec: SiteSpec) -> None:
        """Take the house as the opened inverter confirmed it; what is latched stays latched."""
        self.spec = spec
        if self._supervisor is None:
            saved = self._kept_state if self._waiting is None else latch.to_state(self._waiting)
            self._supervisor = self._make_supervisor(spec, saved)
        else:
            self._supervisor.use_spec(spec)

    def evaluate(
        self, raw: SiteSnapshot | None, now: datetime, last_success_at: datetime | None
    ) -> tuple[SafetyEnvelope, SiteSnapshot]:
        """Return this cycle's bounds and the snapshot as far as it may be trusted.

        Where a poll failed, the last snapshot stands until the inverter counts as lost; then nothing is known.
        """
        if self._supervisor is None:
            return _nothing_known(now, self.persons_stop(now)), unknown_snapshot(now, NO_INVERTER_YET)
        envelope, snapshot = self._supervisor.evaluate(raw, now, last_success_at)
        self._tell(envelope)
        return envelope, snapshot

    # -- what a person may say to it ---------------------------------------------------------------------------

    def stop_by_person(self, detail: str, now: datetime) -> None:
        """Stop all operations from the next cycle on, until a person releases them. ``keep`` puts it on disk."""
        if self._supervisor is None:
            self._waiting = latch.stopped_by_person(self._latched_before(now), detail, now)
        else:
            self._supervisor.stop_by_person(detail, now)

    def release_by_person(self, now: datetime) -> tuple[Violation, ...]:
        """Release a person's stop and every latched violation whose rule is seen clear now; return what was released.

        Before the inverter has answered no rule is seen at all, and only the stop can be released.
        """
        if self._supervisor is not None:
            return self._supervisor.release_by_person()
        self._waiting, released = latch.released_by_person(self._latched_before(now), (), None)
        return released

    def held(self, now: datetime) -> tuple[HeldViolation, ...]:
        """Return what is latched, oldest first: since when, how long seen clear, and whether a person may release it.

        Before the inverter has been opened nothing is seen clear, and nothing lets go by itself.
        """
        if self._supervisor is not None:
            return self._supervisor.held()
        return latch.held_of(self._latched_before(now), (), None, None)

    def persons_stop(self, now: datetime) -> HeldViolation | None:
        """Return the stop that waits for a person to release it, or None."""
        return next((one for one in self.held(now) if one.violation.cause is Cause.STOPPED_BY_PERSON), None)

    def _latched_before(self, now: datetime) -> LatchState:
        return latch.from_state(self._kept_state, now) if self._waiting is None else self._waiting

    def command_for(
        self,
        envelope: SafetyEnvelope,
        active: Command | None,
        source: str | None,
        measured_w: float | None,
        now: datetime,
    ) -> Command | None:
        """Return what the inverter must be told now because of ``envelope``, or None where nothing must.

        ``source`` asked for the lease in force; ``measured_w`` is the battery's power.
        """
        required = protective_command(envelope)
        if required is not None:
            return required
        if active is None:
            return None
        if source == SAFETY_SOURCE:
            return self_use(now, "the protective mode is no longer needed")
        match narrow_to_envelope(active, envelope):
            case Allowed():
                return None
            case Narrowed(command=command, causes=causes):
                if _exceeds_fuse(active, envelope) or _exceeds(measured_w, command.power_w):
                    return replace(command, reason="; ".join(causes) or command.reason)
                return None
            case Refused(fallback=fallback):
                return fallback

    def _tell(self, envelope: SafetyEnvelope) -> None:
        """Tell of what stops something; a full battery that takes no more is no reason to bother anybody."""
        grave = {violation.cause.value: violation.detail for violation in envelope.violations if is_grave(violation)}
        for cause, detail in grave.items():
            if cause not in self._told:
                self._events.add(cause, "warning", detail)
        for cause in sorted(self._told - grave.keys()):
            self._events.add(f"{cause}_cleared", "info", f"{cause.replace('_', ' ')} is over")
        self._told = frozenset(grave)

    def keep(self) -> str | None:
        """Keep what is latched, so that it survives a restart; return why it would not, or None.

        Waits for the disk: to be called after acting.
        """
        if self._supervisor is not None:
            state = self._supervisor.to_state()
        elif self._waiting is not None:
            state = latch.to_state(self._waiting)
        else:
            return None
        if state == self._kept_state:
            return None
        try:
            self._store.put_state(LATCH_KEY, state)
            self._kept_state = state
        except StorageError as error:
            self._events.add("storage", "error", f"the safety latch could not be kept: {error}")
            return str(error)
        return None


def is_grave(violation: Violation) -> bool:
    """Return whether ``violation`` stops all operations, or the battery's own charging or discharging."""
    bounds = violation.bounds
    stops_operations = bounds.forced_charge_max_w <= 0 and bounds.forced_discharge_max_w <= 0
    return stops_operations or bounds.charge_max_w <= 0 or bounds.discharge_max_w <= 0


def _nothing_known(now: datetime, stop: HeldViolation | None) -> SafetyEnvelope:
    bounds = Bounds(forced_charge_max_w=0.0, forced_discharge_max_w=0.0, export_max_w=0.0)
    violation = Violation(cause=Cause.COMMUNICATION_LOST, bounds=bounds, detail=NO_INVERTER_YET, latches=False)
    held = (violation,) if stop is None else (stop.violation, violation)
    return SafetyEnvelope(at=now, bounds=bounds, violations=held)


def _exceeds_fuse(active: Command, envelope: SafetyEnvelope) -> bool:
    """Return whether a charge asks for more than the fuse leaves: nothing but a write brings it down."""
    if active.mode is not Mode.CHARGE or active.power_w is None:
        return False
    bounds_w = (found.bounds.forced_charge_max_w for found in envelope.violations if found.cause is Cause.FUSE)
    return active.power_w > min(bounds_w, default=float("inf"))


def is_everyday(envelope: SafetyEnvelope) -> bool:
    """Return whether the fuse bounds a charge and nothing grave holds: a kettle is no reason to alarm anybody."""
    return Cause.FUSE in envelope.causes and not any(map(is_grave, envelope.violations))


def _exceeds(measured_w: float | None, bound_w: float | None) -> bool:
    if measured_w is None or bound_w is None:
        return True
    return abs(measured_w) > EXCESS_SHARE * bound_w + EXCESS_W
