"""The fuse guard: a forced charge yields to what the house draws, so that the grid connection is not overloaded.

Pure: state and snapshot in, state out. It is an everyday bound, no latch: it bounds the forced charge alone (self-use
never charges from the grid), it is lost with a restart and found again at the first poll.

Few writes matter as much as quickness, for each change wears the inverter's flash. So the bound comes in whole steps,
only ever falls, and rises again only to what has fitted for a whole hold time on end. A load that trips it soon after
it rose makes the next hold twice as long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hems.domain.readings import InverterFlag, SiteSnapshot
from hems.domain.safety import Bounds, Cause, Violation
from hems.domain.site import SiteSpec

STEP_W = 500.0
"""The charge is bounded in whole steps, rounded down: the house's small loads then change nothing."""

CHARGED_SHARE = 0.95
"""Share of the power from the grid that arrives in the battery, as `battery_management.charge_efficiency` ships: room
that is free now is filled by less charge. What truly arrives is seen as soon as it flows."""

SOON = timedelta(hours=1)
"""A bound that falls within this time of having risen had risen too early."""

MOST_DOUBLINGS = 2

_ZERO = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FuseState:
    """What the guard remembers from poll to poll."""

    bound_w: float | None = None
    """The most a forced charge may take [W], whole steps; None where all that the owner allows fits."""
    room_w: float | None = None
    """The room for charging at the last poll [W]; None where that could not be told."""
    fits_w: float = math.inf
    """The least that fitted since more than the bound did [W]."""
    fits_for: timedelta = _ZERO
    risen_for: timedelta | None = None
    """How long ago the bound last rose; None where it has not risen since it fell."""
    doublings: int = 0
    seen_at: datetime | None = None


def observe(
    state: FuseState,
    snapshot: SiteSnapshot | None,
    spec: SiteSpec,
    now: datetime,
    *,
    hold_for: timedelta,
    max_step: timedelta,
) -> FuseState:
    """Return the guard after one look at ``now``; ``snapshot`` None is a look that saw nothing.

    Time is counted from poll to poll, at most ``max_step`` at once, as for latches. Where grid or battery power is
    unknown the bound stands and no time counts. The bound falls to the roomier of two polls in a row: grid and battery
    are not read at one instant, and a charge that has just begun would be seen in one of them only.
    """
    if not math.isfinite(spec.import_max_w):
        return FuseState(seen_at=now)
    room_w = None if snapshot is None else room_for_charging_w(snapshot, spec.import_max_w)
    if room_w is None:
        return replace(state, room_w=None, seen_at=now)
    step = _ZERO if state.seen_at is None else min(max(now - state.seen_at, _ZERO), max_step)
    sure_w = room_w if state.room_w is None else max(room_w, state.room_w)
    risen_for = None if state.risen_for is None else state.risen_for + step
    state = replace(state, room_w=room_w, risen_for=risen_for, seen_at=now)
    most_w = spec.charge_max_w
    sure_w = _whole_steps(sure_w, most_w)
    if sure_w < (most_w if state.bound_w is None else state.bound_w):
        return _fallen(state, sure_w)
    if state.bound_w is None:
        return state
    return _rising(state, state.bound_w, _whole_steps(room_w, most_w), step, hold_for, most_w)


def room_for_charging_w(snapshot: SiteSnapshot, import_max_w: float) -> float | None:
    """Return the power the battery could be charged with before the grid gives ``import_max_w`` [W]; may be below 0.

    What charges already fits as far as the import is within the limit; an excess comes off it whole. What the battery
    gives to the house now would have to come from the grid. None where grid or battery power is unknown.
    """
    grid_w, battery_w = snapshot.grid.power_w, snapshot.battery.power_w
    if grid_w is None or battery_w is None or InverterFlag.METER_LOST in snapshot.inverter.flags:
        return None
    free_w = import_max_w - grid_w - max(battery_w, 0.0)
    room_w = max(-battery_w, 0.0) + (CHARGED_SHARE * free_w if free_w > 0 else free_w)
    return room_w if math.isfinite(room_w) else None


def violation_of(state: FuseState, spec: SiteSpec) -> Violation | None:
    """Return the everyday bound that the fuse sets now, or None where all that the owner allows fits."""
    if state.bound_w is None:
        return None
    detail = f"the import limit of {spec.import_max_w:.0f} W leaves {state.bound_w:.0f} W for charging"
    return Violation(cause=Cause.FUSE, bounds=Bounds(forced_charge_max_w=state.bound_w), detail=detail, latches=False)


def _whole_steps(room_w: float, most_w: float) -> float:
    """Return ``room_w`` in whole steps, rounded down; ``most_w`` where all of that fits."""
    return most_w if room_w >= most_w else max(math.floor(room_w / STEP_W) * STEP_W, 0.0)


def _fallen(state: FuseState, bound_w: float) -> FuseState:
    doublings = state.doublings
    if state.risen_for is not None:
        doublings = min(doublings + 1, MOST_DOUBLINGS) if state.risen_for < SOON else 0
    return replace(state, bound_w=bound_w, fits_w=math.inf, fits_for=_ZERO, risen_for=None, doublings=doublings)


def _rising(
    state: FuseState, bound_w: float, room_w: float, step: timedelta, hold_for: timedelta, most_w: float
) -> FuseState:
    """Return the state after a poll with ``room_w`` in whole steps, no less than ``bound_w``."""
    if room_w <= bound_w:
        return replace(state, fits_w=math.inf, fits_for=_ZERO)
    fits_w, fits_for = min(state.fits_w, room_w), state.fits_for + step
    if fits_for < hold_for * 2**state.doublings:
        return replace(state, fits_w=fits_w, fits_for=fits_for)
    risen = None if fits_w >= most_w else fits_w
    return replace(state, bound_w=risen, fits_w=math.inf, fits_for=_ZERO, risen_for=_ZERO)
