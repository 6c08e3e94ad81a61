"""A plan's slots put together to rows for a table: runs of one mode, or hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from hems.domain.command import Mode
from hems.domain.plan import PlannedSlot
from hems.domain.units import kwh_from_wh

_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """Consecutive slots of one mode and power: energies [kWh] with the house's signs, prices as means by time."""

    start: datetime
    end: datetime
    mode: Mode
    power_w: float | None
    export_limit_w: float | None
    import_per_kwh: float
    export_per_kwh: float
    price_estimated: bool
    """Whether any of the prices is."""
    load_kwh: float
    pv_kwh: float
    battery_kwh: float
    grid_kwh: float
    soc_pct: float
    """At the end."""
    money: float
    """What the meter counts: import at its price less export at its; + is a cost."""
    stored_value_per_kwh: float
    """At the start."""


def rows_of(slots: Sequence[PlannedSlot], zone: ZoneInfo, *, hourly: bool = False) -> tuple[PlanRow, ...]:
    """Return a row per run of equal mode and power within a local day; with ``hourly`` within a local hour."""
    runs: list[list[PlannedSlot]] = []
    for slot in slots:
        if runs and _belongs(runs[-1][0], slot, zone, hourly=hourly):
            runs[-1].append(slot)
        else:
            runs.append([slot])
    return tuple(_row(run) for run in runs)


def hours_of(slot: PlannedSlot) -> float:
    """Return how long ``slot`` lasts [h]."""
    return (slot.end - slot.start).total_seconds() / _SECONDS_PER_HOUR


def money_of(slot: PlannedSlot) -> float:
    """Return what the meter counts in ``slot``; + is a cost."""
    bought, sold = max(slot.grid_w, 0.0), max(-slot.grid_w, 0.0)
    return kwh_from_wh((bought * slot.import_per_kwh - sold * slot.export_per_kwh) * hours_of(slot))


def _belongs(first: PlannedSlot, slot: PlannedSlot, zone: ZoneInfo, *, hourly: bool) -> bool:
    begun, local = first.start.astimezone(zone), slot.start.astimezone(zone)
    same_time = begun.date() == local.date()
    if hourly:  # the hour that autumn repeats is two hours
        same_time = same_time and (begun.hour, begun.fold) == (local.hour, local.fold)
    asked = (slot.mode, slot.power_w, slot.export_limit_w)
    return same_time and asked == (first.mode, first.power_w, first.export_limit_w)


def _row(run: Sequence[PlannedSlot]) -> PlanRow:
    first, hours = run[0], sum(hours_of(slot) for slot in run)

    def energy(name: str) -> float:
        return kwh_from_wh(sum(getattr(slot, name) * hours_of(slot) for slot in run))

    return PlanRow(
        start=first.start,
        end=run[-1].end,
        mode=first.mode,
        power_w=first.power_w,
        export_limit_w=first.export_limit_w,
        import_per_kwh=sum(slot.import_per_kwh * hours_of(slot) for slot in run) / hours,
        export_per_kwh=sum(slot.export_per_kwh * hours_of(slot) for slot in run) / hours,
        price_estimated=any(slot.price_estimated for slot in run),
        load_kwh=energy("load_w"),
        pv_kwh=energy("pv_w") - energy("curtailed_w"),
        battery_kwh=energy("battery_w"),
        grid_kwh=energy("grid_w"),
        soc_pct=run[-1].soc_pct,
        money=sum(money_of(slot) for slot in run),
        stored_value_per_kwh=first.stored_value_per_kwh,
    )
