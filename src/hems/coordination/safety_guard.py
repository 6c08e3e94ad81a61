"""Safety guard: runs the safety rules on every poll and says what the inverter must be told because of them.

The rules are pure; this is where their memory is kept on disk, so that a latch survives a restart.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from hems.coordination.action_executor_manager import self_use
from hems.coordination.events import EventLog
from hems.domain.command import Command, Mode
from hems.domain.decision import Allowed, Narrowed, Refused
from hems.domain.errors import StorageError
from hems.domain.readings import SiteSnapshot
from hems.domain.safety import SafetyEnvelope
from hems.ports.storage import RecordStore
from hems.safety.envelope import SafetySupervisor
from hems.safety.gate import narrow_to_envelope, required_mode

LATCH_KEY = "safety_latch"

PROTECTIVE_LEASE = timedelta(minutes=10)
"""A protective mode is renewed at every poll; this is what is left of it if the polls stop."""

EXCESS_SHARE = 1.1
EXCESS_W = 100.0
"""The inverter follows its battery's own limits within a poll or two; a register is written only for power that really
flows beyond a bound."""


class SafetyGuard:
    """Bounds every cycle."""

    def __init__(self, supervisor: SafetySupervisor, store: RecordStore, events: EventLog) -> None:
        self._supervisor = supervisor
        self._store = store
        self._events = events
        self._told: frozenset[str] = frozenset()
        kept = store.get_state(LATCH_KEY)
        if isinstance(kept, dict):
            supervisor.restore_state(kept)
        self._kept_state: object = supervisor.to_state()

    def evaluate(
        self, raw: SiteSnapshot | None, now: datetime, last_success_at: datetime | None
    ) -> tuple[SafetyEnvelope, SiteSnapshot | None]:
        """Return this cycle's bounds and the snapshot as far as it may be trusted."""
        envelope, snapshot = self._supervisor.evaluate(raw, now, last_success_at)
        self._tell(envelope)
        self._keep()
        return envelope, snapshot

    def protective_command(
        self, envelope: SafetyEnvelope, active: Command | None, measured_w: float | None, now: datetime
    ) -> Command | None:
        """Return what the inverter must be told now because of ``envelope``, or None where nothing must."""
        required = required_mode(envelope)
        reason = "; ".join(violation.detail for violation in envelope.violations)
        if required is not None:
            return Command(mode=required, expires_at=now + PROTECTIVE_LEASE, reason=reason)
        if active is None:
            return None
        if active.mode in {Mode.STANDBY, Mode.HOLD, Mode.NO_CHARGE} and active.expires_at - now <= PROTECTIVE_LEASE:
            return self_use(now, "the protective mode is no longer needed")
        match narrow_to_envelope(active, envelope):
            case Allowed():
                return None
            case Narrowed(command=command):
                return command if _exceeds(measured_w, command.power_w) else None
            case Refused(fallback=fallback):
                return fallback

    def _tell(self, envelope: SafetyEnvelope) -> None:
        held = frozenset(cause.value for cause in envelope.causes)
        for violation in envelope.violations:
            if violation.cause.value not in self._told:
                self._events.add(violation.cause.value, "error" if violation.latches else "warning", violation.detail)
        for cause in sorted(self._told - held):
            self._events.add(f"{cause}_cleared", "info", f"{cause.replace('_', ' ')} is over")
        self._told = held

    def _keep(self) -> None:
        state = self._supervisor.to_state()
        if state == self._kept_state:
            return
        try:
            self._store.put_state(LATCH_KEY, state)
            self._kept_state = state
        except StorageError as error:
            self._events.add("storage", "error", f"the safety latch could not be kept: {error}")


def _exceeds(measured_w: float | None, bound_w: float | None) -> bool:
    if measured_w is None or bound_w is None:
        return True
    return abs(measured_w) > EXCESS_SHARE * bound_w + EXCESS_W
