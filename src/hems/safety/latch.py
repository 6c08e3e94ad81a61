"""Latches: a violation holds until its rule has been clear for a set time, through restarts and clock jumps.

Clear time is *counted*, from poll to poll, and never more than ``max_step`` at once. So a clock that jumps ahead
releases nothing early, one that jumps back only loses the one step, and a night in which the service was down counts
for nothing. While a rule cannot tell (its reading is unknown) the count stands. A restart keeps the violations and
starts the count again: what happened in between is unknown.

A person's stop is a violation too. No rule finds it and no time ends it: it holds until a person releases it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hems.domain.safety import Bounds, Cause, HeldViolation, Violation
from hems.domain.time_grid import require_utc
from hems.safety.rule import STOP_FORCED

_STATE_VERSION = 1
_UNREADABLE_KEY = "saved_state_unreadable"
PERSON_KEY = "stopped_by_person"
_ZERO = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latched:
    """One violation that holds: since when, and for how long its rule has been seen clear.

    ``first_detail`` is what it said when it came; the violation's own words follow the readings.
    """

    violation: Violation
    since: datetime
    first_detail: str
    clear_for: timedelta = _ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class LatchState:
    """All that holds, by rule key, and when it was last looked at (None: not since the start)."""

    held: Mapping[str, Latched]
    seen_at: datetime | None = None


EMPTY_LATCH = LatchState(held={})


def observe(
    state: LatchState,
    found: Mapping[str, Violation],
    untold: frozenset[str] | None,
    now: datetime,
    *,
    release_after: timedelta,
    max_step: timedelta,
) -> LatchState:
    """Return the latch after one look at ``now``: found violations are held, clear ones age and let go.

    ``untold`` are the rules that could not tell, None stands for all: theirs neither age nor let go.
    """
    if not state.held and not found:
        return LatchState(held={}, seen_at=now)
    step = _ZERO if state.seen_at is None else min(max(now - state.seen_at, _ZERO), max_step)
    held: dict[str, Latched] = {}
    for key, latched in state.held.items():
        if key in found:
            continue
        if untold is None or key in untold or _waits_for_person(latched):
            held[key] = latched
            continue
        clear_for = latched.clear_for + step
        if latched.violation.latches and clear_for < release_after:
            held[key] = replace(latched, clear_for=clear_for)
    for key, violation in found.items():
        before = state.held.get(key)
        since, first_detail = (before.since, before.first_detail) if before else (now, violation.detail)
        held[key] = Latched(violation=violation, since=since, first_detail=first_detail)
    return LatchState(held=held, seen_at=now)


def stopped_by_person(state: LatchState, detail: str, now: datetime) -> LatchState:
    """Return the latch with a person's stop; one that holds already keeps its time and its words."""
    if PERSON_KEY in state.held:
        return state
    violation = Violation(cause=Cause.STOPPED_BY_PERSON, bounds=STOP_FORCED, detail=detail)
    stop = Latched(violation=violation, since=now, first_detail=detail)
    return replace(state, held={**state.held, PERSON_KEY: stop})


def released_by_person(
    state: LatchState, found: Collection[str], untold: frozenset[str] | None
) -> tuple[LatchState, tuple[Violation, ...]]:
    """Return the latch without what a person may release, and what that was.

    ``found`` are the rules that are broken at the last look, ``untold`` those that could not tell; None stands for all.
    """
    free = {
        key: latched.violation
        for key, latched in state.held.items()
        if latched.violation.latches and _why_not_releasable(key, latched, found, untold) is None
    }
    held = {key: latched for key, latched in state.held.items() if key not in free}
    return replace(state, held=held), tuple(free.values())


def held_of(
    state: LatchState, found: Collection[str], untold: frozenset[str] | None, release_after: timedelta | None
) -> tuple[HeldViolation, ...]:
    """Return what is latched, oldest first, and what of it a person may release; arguments as above."""
    ordered = sorted(state.held.items(), key=lambda entry: entry[1].since)
    return tuple(
        HeldViolation(
            violation=latched.violation,
            since=latched.since,
            clear_for=latched.clear_for,
            release_after=None if _waits_for_person(latched) else release_after,
            is_releasable=why is None,
            why_not=why,
        )
        for key, latched in ordered
        if latched.violation.latches
        for why in (_why_not_releasable(key, latched, found, untold),)
    )


def _waits_for_person(latched: Latched) -> bool:
    return latched.violation.cause is Cause.STOPPED_BY_PERSON


def _why_not_releasable(
    key: str, latched: Latched, found: Collection[str], untold: frozenset[str] | None
) -> str | None:
    if _waits_for_person(latched):
        return None
    if key in found:
        return "holds"
    return "unknown" if untold is None or key in untold else None


def violations(state: LatchState, release_after: timedelta) -> tuple[Violation, ...]:
    """Return what holds, oldest first; one that is clear already says for how long it still holds."""
    ordered = sorted(state.held.values(), key=lambda latched: latched.since)
    return tuple(_told(latched, release_after) for latched in ordered)


def _told(latched: Latched, release_after: timedelta) -> Violation:
    if latched.clear_for <= _ZERO:
        return latched.violation
    left_s = math.ceil((release_after - latched.clear_for).total_seconds())
    return replace(latched.violation, detail=f"{latched.violation.detail}; clear now, held for another {left_s} s")


def to_state(state: LatchState) -> dict[str, object]:
    """Return the latch as JSON; it changes only when a violation comes or goes, so it is cheap to keep on disk."""
    return {
        "version": _STATE_VERSION,
        "held": [
            {
                "key": key,
                "cause": latched.violation.cause.value,
                "detail": latched.first_detail,
                "bounds_w": _bounds_to_state(latched.violation.bounds),
                "since": latched.since.isoformat(),
            }
            for key, latched in sorted(state.held.items())
            if latched.violation.latches
        ],
    }


def from_state(saved: object | None, now: datetime) -> LatchState:
    """Return the latch that was saved; None is an empty one.

    A save that cannot be read is unknown, and unknown is unsafe: all operations stay stopped for one release time.
    """
    if saved is None:
        return EMPTY_LATCH
    try:
        return LatchState(held=dict(_entry_from_state(entry) for entry in _entries(saved)))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        detail = f"the saved safety state cannot be read ({error}); operations wait until the release time has passed"
        unknown = Violation(cause=Cause.SYSTEM_ERROR, bounds=STOP_FORCED, detail=detail)
        return LatchState(held={_UNREADABLE_KEY: Latched(violation=unknown, since=now, first_detail=detail)})


def _entries(saved: object) -> list[object]:
    if not isinstance(saved, dict) or saved.get("version") != _STATE_VERSION:
        raise ValueError("not a safety state of this version")
    held = saved["held"]
    if not isinstance(held, list):
        raise TypeError("its list of violations is missing")
    return held


def _entry_from_state(entry: object) -> tuple[str, Latched]:
    if not isinstance(entry, dict):
        raise TypeError("a violation is not a mapping")
    violation = Violation(
        cause=Cause(entry["cause"]), bounds=_bounds_from_state(entry["bounds_w"]), detail=str(entry["detail"])
    )
    since = require_utc(datetime.fromisoformat(entry["since"]))
    return str(entry["key"]), Latched(violation=violation, since=since, first_detail=violation.detail)


_BOUND_NAMES = ("charge_max_w", "discharge_max_w", "forced_charge_max_w", "forced_discharge_max_w", "export_max_w")


def _bounds_to_state(bounds: Bounds) -> dict[str, float | None]:
    """Return the bounds [W]; JSON has no infinity, so None is unbounded."""
    values = {name: float(getattr(bounds, name)) for name in _BOUND_NAMES}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _bounds_from_state(saved: object) -> Bounds:
    if not isinstance(saved, dict):
        raise TypeError("the bounds of a violation are missing")
    values = {name: saved[name] for name in _BOUND_NAMES}
    return Bounds(**{name: math.inf if value is None else _bound(value) for name, value in values.items()})


def _bound(value: float) -> float:
    bound = float(value)
    if math.isnan(bound):  # which would compare with nothing, and so bound nothing
        raise ValueError("a bound is not a number")
    return max(bound, 0.0)
