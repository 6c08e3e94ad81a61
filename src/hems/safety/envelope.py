"""The safety supervisor: from a poll to the bounds of this cycle. No I/O, no clock of its own; called on every poll."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce

from hems.domain.readings import SiteSnapshot, unknown_snapshot
from hems.domain.safety import Bounds, HeldViolation, SafetyEnvelope, Violation
from hems.domain.site import SiteSpec
from hems.safety import fuse_guard, latch
from hems.safety.fuse_guard import FuseState
from hems.safety.limits import power_limits
from hems.safety.plausibility import PlausibilityOptions, PlausibilityState, filter_snapshot
from hems.safety.rule import RuleInput
from hems.safety.rules import NOTHING_FOUND, find_violations
from hems.safety.site_rules import COMMUNICATION_RULE


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyOptions:
    """The times of safety."""

    communication_lost_after: timedelta = timedelta(seconds=30)
    """Silence of the inverter longer than this is a loss; gaps of about 20 s are ordinary."""
    release_after: timedelta = timedelta(minutes=5)
    """How long a cause must have been clear before it lets go."""
    max_poll_step: timedelta = timedelta(seconds=60)
    """The most clear time that one poll may add: the longest poll interval that can be set."""
    fuse_hold: timedelta = timedelta(minutes=5)
    """How long more must have fitted under the fuse before a charge may take it: a kettle is over by then."""
    plausibility: PlausibilityOptions = field(default_factory=PlausibilityOptions)

    def __post_init__(self) -> None:
        if min(self.communication_lost_after, self.max_poll_step) <= timedelta(0) or (
            min(self.release_after, self.fuse_hold) < timedelta(0)
        ):
            raise ValueError("the times of safety must be positive")


class SafetySupervisor:
    """Turns each poll into an envelope; remembers only what latches, plausibility and the fuse need.

    ``saved`` is what ``to_state`` gave before the last stop. It is kept whole: what held then holds now, until it has
    been seen clear for the whole release time.
    """

    def __init__(self, spec: SiteSpec, options: SafetyOptions, *, saved: object | None, now: datetime) -> None:
        self._spec = spec
        self._options = options
        self._latch = latch.from_state(saved, now)
        self._plausibility = PlausibilityState()
        self._fuse = FuseState()
        self._snapshot: SiteSnapshot | None = None
        self._findings = NOTHING_FOUND
        self._blind = True
        """Whether the last poll told nothing: then no rule can tell whether it is kept."""

    def use_spec(self, spec: SiteSpec) -> None:
        """Judge by ``spec`` from the next poll on, as when the battery was recognised anew after a reconnect."""
        self._spec = spec

    def to_state(self) -> dict[str, object]:
        """Return what must survive a restart, as JSON; equal to the last one unless a violation came or went."""
        return latch.to_state(self._latch)

    def stop_by_person(self, detail: str, now: datetime) -> None:
        """Hold all operations from the next envelope on, until a person releases them."""
        self._latch = latch.stopped_by_person(self._latch, detail, now)

    def release_by_person(self) -> tuple[Violation, ...]:
        """Let go of a person's stop and of every latched violation whose rule was kept at the last poll; return them.

        What a later poll finds broken holds again, before anything is decided.
        """
        found = self._findings.violations
        self._latch, released = latch.released_by_person(self._latch, found, self._untold())
        return released

    def held(self) -> tuple[HeldViolation, ...]:
        """Return what is latched, oldest first, and what of it a person may release now."""
        found = self._findings.violations
        return latch.held_of(self._latch, found, self._untold(), self._options.release_after)

    def _untold(self) -> frozenset[str] | None:
        return None if self._blind else self._findings.untold

    def evaluate(
        self, snapshot: SiteSnapshot | None, now: datetime, last_success_at: datetime | None
    ) -> tuple[SafetyEnvelope, SiteSnapshot]:
        """Return the bounds that hold at ``now`` and the snapshot that may be used.

        ``snapshot`` is None where this poll failed: within ``communication_lost_after`` of ``last_success_at`` the last
        snapshot and its findings stand; beyond it the inverter is lost and nothing is known.
        """
        lost = self._why_lost(snapshot, now, last_success_at)
        if snapshot is not None:
            filtered = filter_snapshot(self._plausibility, snapshot, self._options.plausibility)
            self._plausibility = filtered.state
            self._snapshot = filtered.snapshot
            lost = lost or filtered.stale
            site = RuleInput(
                snapshot=filtered.snapshot, spec=self._spec, now=now, soc_doubt=filtered.soc_doubt, lost=lost
            )
            self._findings = find_violations(site)
        elif lost is not None:
            self._snapshot = unknown_snapshot(now, lost)
            self._findings = find_violations(RuleInput(snapshot=self._snapshot, spec=self._spec, now=now, lost=lost))
        # Else one missed poll proves nothing: what was found stands, and nothing grows clearer.
        used = self._snapshot or unknown_snapshot(now, "nothing has been read from the inverter yet")
        self._blind = blind = snapshot is None or lost is not None
        started = snapshot is not None or last_success_at is not None
        return self._envelope(used, now, started=started, blind=blind), used

    def _why_lost(self, snapshot: SiteSnapshot | None, now: datetime, last_success_at: datetime | None) -> str | None:
        limit = self._options.communication_lost_after
        if snapshot is not None:
            age = abs(snapshot.age(now))
            return f"the newest data are {age.total_seconds():.0f} s old" if age > limit else None
        if last_success_at is None:
            return "nothing has been read from the inverter yet"
        silence = now - last_success_at
        if silence < timedelta(0):
            return "the inverter does not answer, and since the clock was set back nobody knows for how long"
        return f"no answer from the inverter for {silence.total_seconds():.0f} s" if silence > limit else None

    def _envelope(self, snapshot: SiteSnapshot, now: datetime, *, started: bool, blind: bool) -> SafetyEnvelope:
        options = self._options
        found = dict(self._findings.violations)
        waiting: Violation | None = None
        if not started:
            # Before the first answer there is nothing to recover from: it must not hold for a release time.
            waiting = found.pop(COMMUNICATION_RULE.key, None)
        self._latch = latch.observe(
            self._latch,
            found,
            None if blind else self._findings.untold,
            now,
            release_after=options.release_after,
            max_step=options.max_poll_step,
        )
        held = latch.violations(self._latch, options.release_after)
        if waiting is not None:
            held = (*held, waiting)
        limits = power_limits(snapshot.battery, self._spec)
        bounds = reduce(Bounds.intersect, (violation.bounds for violation in held), limits)
        fuse = self._bound_of_fuse(None if blind else snapshot, now)
        if fuse is None:
            return SafetyEnvelope(at=now, bounds=bounds, violations=held)
        return SafetyEnvelope(at=now, bounds=bounds.intersect(fuse.bounds), violations=(*held, fuse), lasting=bounds)

    def _bound_of_fuse(self, snapshot: SiteSnapshot | None, now: datetime) -> Violation | None:
        options = self._options
        self._fuse = fuse_guard.observe(
            self._fuse, snapshot, self._spec, now, hold_for=options.fuse_hold, max_step=options.max_poll_step
        )
        return fuse_guard.violation_of(self._fuse, self._spec)
