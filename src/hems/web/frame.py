"""What the web sees of the house: one frozen image, made on the control loop after each cycle."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hems.composition.household import Household
from hems.coordination.order_desk import standing_of
from hems.domain.decision import Decision
from hems.domain.orders import Standing
from hems.domain.outlook import Outlook
from hems.domain.plan import NoPlan, Plan
from hems.domain.prices import PriceSeries, RetailPrice
from hems.domain.readings import SiteSnapshot
from hems.domain.record import EventRecord
from hems.domain.safety import HeldViolation, SafetyEnvelope
from hems.domain.site import Ability, SiteSpec
from hems.domain.time_grid import floor_to_grid, local_date, local_day_bounds

PRICES_AHEAD = timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceImage:
    """Today's prices and what is known or estimated of the next two days."""

    market: PriceSeries
    retail: tuple[RetailPrice, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The house after one cycle. Nothing in it changes any more, so any thread may read it."""

    at: datetime
    status: dict[str, Any]
    """The status document; made for this frame and never changed."""
    snapshot: SiteSnapshot | None
    envelope: SafetyEnvelope | None
    held: tuple[HeldViolation, ...]
    spec: SiteSpec | None
    has_battery: bool
    """False only where the inverter is known to have none."""
    decision: Decision | None
    decision_count: int
    plan: Plan | NoPlan | None
    outlook: Outlook | None
    """What the latest decision rested on."""
    prices: PriceImage
    standing: Standing
    """What persons have ordered."""
    events: tuple[EventRecord, ...]
    """The latest, oldest first."""


class FrameMaker:
    """Makes frames on the control loop; what costs more than a moment is made anew only when it may have changed."""

    def __init__(self, household: Household) -> None:
        self._household = household
        self._prices_key: tuple[datetime, int] | None = None
        self._prices: PriceImage | None = None

    def make(self) -> Frame:
        """Return the house as it is."""
        coordinator, now = self._household.coordinator, self._household.clock.now()
        parts, context, inverter = coordinator.parts, coordinator.last_context, self._household.collector.inverter
        return Frame(
            at=now,
            status=self._household.status(),
            snapshot=coordinator.snapshot,
            envelope=coordinator.envelope,
            held=parts.safety.held(now),
            spec=parts.safety.spec,
            has_battery=inverter is None or inverter.capabilities.can(Ability.READ_BATTERY),
            decision=parts.decisions.last,
            decision_count=parts.decisions.decision_count,
            plan=parts.decisions.plan,
            outlook=None if context is None else context.outlook,
            prices=self._prices_at(now, parts.decisions.decision_count),
            standing=standing_of(coordinator),
            events=parts.events.latest,
        )

    def _prices_at(self, now: datetime, decision_count: int) -> PriceImage:
        """Return the prices; new ones cause a decision, so its number tells of them."""
        key = (floor_to_grid(now), decision_count)
        if self._prices is None or key != self._prices_key:
            zone, prices = self._household.loaded.zone, self._household.coordinator.parts.prices
            today = local_date(now, zone)
            start, _ = local_day_bounds(today, zone)
            end = floor_to_grid(now) + PRICES_AHEAD
            self._prices = PriceImage(
                market=prices.prices_between(start, end),
                retail=prices.retail_between(start, end),
                remarks=tuple(prices.tariff_remarks(today)),
            )
            self._prices_key = key
        return self._prices
