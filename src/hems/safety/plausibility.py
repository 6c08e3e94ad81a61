"""The plausibility filter: what is impossible becomes unknown, what is doubtful is marked, before anything decides.

Pure: state and snapshot in, state and filtered snapshot out. It never invents a value; the one value it keeps alive is
the last plausible SoC, marked suspect, while a jump is being confirmed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from hems.domain.readings import Quality, SiteSnapshot
from hems.safety.plausibility_options import PlausibilityOptions
from hems.safety.ranges import without_impossible_values
from hems.safety.soc_filter import SocState, filter_soc

__all__ = ["Filtered", "PlausibilityOptions", "PlausibilityState", "filter_snapshot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlausibilityState:
    """What the filter remembers from poll to poll."""

    soc: SocState = field(default_factory=SocState)
    block: tuple[object, ...] | None = None
    block_since: datetime | None = None
    inverter_clock: datetime | None = None
    clock_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Filtered:
    """One filtered poll: ``soc_doubt`` and ``stale`` are sentences, or None where there is no such trouble."""

    state: PlausibilityState
    snapshot: SiteSnapshot
    soc_doubt: str | None
    stale: str | None
    """Why the whole snapshot counts as old data, though the inverter answered."""


def filter_snapshot(state: PlausibilityState, snapshot: SiteSnapshot, options: PlausibilityOptions) -> Filtered:
    """Return ``snapshot`` with what is impossible made unknown and what is doubtful marked, with notes for a person.

    Where nothing is wrong the very same snapshot comes back.
    """
    ranged, notes = without_impossible_values(snapshot)
    battery, grid, load, pv = ranged.battery, ranged.grid, ranged.load, ranged.pv
    soc = filter_soc(state.soc, battery, snapshot.battery.soc_pct, options)
    if soc.note is not None or soc.soc_pct != battery.soc_pct:
        battery = replace(battery, soc_pct=soc.soc_pct, quality=_worse(battery.quality))
    imbalance = _imbalance(ranged, options)
    if imbalance is not None:
        load, grid = replace(load, quality=_worse(load.quality)), replace(grid, quality=_worse(grid.quality))
    frozen = _watch_for_frozen(state, snapshot, options)
    if frozen.readings_doubted:
        battery, grid = replace(battery, quality=_worse(battery.quality)), replace(grid, quality=_worse(grid.quality))
        load, pv = replace(load, quality=_worse(load.quality)), replace(pv, quality=_worse(pv.quality))
    notes.extend(note for note in (soc.note, imbalance, frozen.note) if note is not None)
    after = PlausibilityState(
        soc=soc.state,
        block=frozen.block,
        block_since=frozen.block_since,
        inverter_clock=snapshot.inverter.clock,
        clock_since=frozen.clock_since,
    )
    if not notes:
        return Filtered(after, snapshot, soc.doubt, frozen.stale)
    kept = replace(ranged, pv=pv, battery=battery, grid=grid, load=load, notes=(*snapshot.notes, *notes))
    return Filtered(after, kept, soc.doubt, frozen.stale)


def _worse(quality: Quality) -> Quality:
    return Quality.SUSPECT if quality is Quality.GOOD else quality


def _imbalance(snapshot: SiteSnapshot, options: PlausibilityOptions) -> str | None:
    """Return what is wrong with pv + battery + grid = load, or None where it holds or a term is unknown."""
    pv, battery, grid, load = (
        snapshot.pv.power_w,
        snapshot.battery.power_w,
        snapshot.grid.power_w,
        snapshot.load.power_w,
    )
    if pv is None or battery is None or grid is None or load is None:
        return None
    difference = pv + battery + grid - load
    largest = max(pv, abs(battery), abs(grid), load)
    tolerance = options.balance_tolerance_w + options.balance_tolerance_share * largest
    if abs(difference) <= tolerance:
        return None
    return (
        f"PV {pv:.0f} W + battery {battery:.0f} W + grid {grid:.0f} W differ from the load {load:.0f} W "
        f"by {difference:.0f} W: load and grid are doubtful"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frozen:
    """Whether the readings still move: since when not, what to note, and why they are old where that is certain."""

    block: tuple[object, ...]
    block_since: datetime
    clock_since: datetime
    note: str | None = None
    stale: str | None = None
    readings_doubted: bool = False


def _watch_for_frozen(state: PlausibilityState, snapshot: SiteSnapshot, options: PlausibilityOptions) -> _Frozen:
    """Compare this poll with the ones before.

    Identical readings alone are a doubt; identical readings *and* an inverter clock that stands still are an old block
    sent again and again. Without a clock to go by it stays a doubt.
    """
    block, clock, now = _fingerprint(snapshot), snapshot.inverter.clock, snapshot.at
    block_since, clock_since = state.block_since, state.clock_since
    if block != state.block or block_since is None or now < block_since:
        block_since = now
    if clock != state.inverter_clock or clock_since is None or now < clock_since:
        clock_since = now
    watched = _Frozen(block=block, block_since=block_since, clock_since=clock_since)
    clock_stands = clock is not None and now - clock_since >= options.frozen_after
    nothing_read = all(value is None or value == () for value in block)
    if now - block_since >= options.frozen_after and not nothing_read:
        text = f"all readings have been identical for {(now - block_since).total_seconds():.0f} s"
        stale = f"{text} and the inverter's clock stands still: it sends old data" if clock_stands else None
        return replace(watched, note=f"{text}: doubtful", stale=stale, readings_doubted=True)
    if clock_stands:
        return replace(watched, note="the inverter's clock stands still while its readings change")
    return watched


def _fingerprint(snapshot: SiteSnapshot) -> tuple[object, ...]:
    battery, grid = snapshot.battery, snapshot.grid
    return (
        snapshot.pv.power_w,
        battery.power_w,
        battery.voltage_v,
        battery.current_a,
        grid.power_w,
        grid.voltage_v,
        grid.frequency_hz,
        snapshot.load.power_w,
    )
