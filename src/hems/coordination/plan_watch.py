"""Sees when reality leaves the plan, so that a new one is made before the quarter is over. Pure but for its memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hems.domain.plan import NoPlan, Plan, PlannedSlot
from hems.domain.readings import Quality, SiteSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """How far reality may go from the plan."""

    soc_off_pct: float = 4.0
    """A quarter at full power moves a home battery by 10 %; inverters tell whole percents."""
    net_load_off_w: float = 1500.0
    """A cooker or a heat pump that nobody expected; a kettle is over before the mean notices."""
    mean_over: timedelta = timedelta(minutes=3)
    rest: timedelta = timedelta(minutes=5)
    """At least this long between two decisions for this reason: modes cost register writes."""


class PlanWatch:
    """Compares each good snapshot with the slot of the plan under way."""

    def __init__(self, options: WatchOptions | None = None) -> None:
        self._options = options or WatchOptions()
        self._slot: PlannedSlot | None = None
        self._soc_pct: float | None = None
        self._since: datetime | None = None
        self._mean_off_w = 0.0
        self._seen_at: datetime | None = None

    def follow(self, plan: Plan | NoPlan | None, now: datetime) -> None:
        """Take up the plan just made; without one there is nothing to leave."""
        slots = plan.slots if isinstance(plan, Plan) else ()
        self._slot = slots[0] if slots else None
        self._soc_pct = plan.soc_pct if isinstance(plan, Plan) else None
        self._since, self._mean_off_w, self._seen_at = now, 0.0, now

    def why_left(self, snapshot: SiteSnapshot, now: datetime) -> str | None:
        """Return how reality has left the plan, once; None while it has not, or where it cannot be told."""
        slot, since = self._slot, self._since
        if slot is None or since is None or not slot.start <= now < slot.end:
            return None
        reason = self._soc_left(slot, snapshot, now) or self._load_left(slot, snapshot, now)
        if reason is None or now - since < self._options.rest:
            return None
        self._slot = None
        return reason

    def _soc_left(self, slot: PlannedSlot, snapshot: SiteSnapshot, now: datetime) -> str | None:
        battery = snapshot.battery
        if battery.soc_pct is None or battery.quality is not Quality.GOOD or self._soc_pct is None:
            return None
        passed = (now - slot.start) / (slot.end - slot.start)
        expected_pct = self._soc_pct + (slot.soc_pct - self._soc_pct) * passed
        if abs(battery.soc_pct - expected_pct) < self._options.soc_off_pct:
            return None
        return f"the SoC is {battery.soc_pct:.0f} %, planned were {expected_pct:.0f} %"

    def _load_left(self, slot: PlannedSlot, snapshot: SiteSnapshot, now: datetime) -> str | None:
        load, pv = snapshot.load, snapshot.pv
        if load.power_w is None or pv.power_w is None or {load.quality, pv.quality} != {Quality.GOOD}:
            return None
        off_w = (load.power_w - pv.power_w) - (slot.load_w - slot.pv_w)
        step = now - (self._seen_at or now)
        self._seen_at = now
        share = min(max(step / self._options.mean_over, 0.0), 1.0)
        self._mean_off_w += share * (off_w - self._mean_off_w)
        if abs(self._mean_off_w) < self._options.net_load_off_w:
            return None
        more = "more" if self._mean_off_w > 0 else "less"
        return f"the house needs {abs(self._mean_off_w):.0f} W {more} than planned"
