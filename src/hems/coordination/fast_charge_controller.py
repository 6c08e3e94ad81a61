"""Fast Charge Controller: turns "charge to 90 % by 07:00" into a proposal; it never writes to the inverter.

The request is one small file, so it can be given while the service is down and survives a restart. The energy is
bought in the cheapest quarters that still reach the target in time; when time runs short every quarter is used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from hems.analysis.price_analyzer import cheapest_slots
from hems.domain.command import Command, Mode
from hems.domain.decision import DecisionContext, Priority, Proposal
from hems.domain.errors import RejectedData
from hems.domain.fast_charge import FastChargeRequest
from hems.domain.prices import PriceSeries
from hems.domain.time_grid import MTU, floor_to_grid
from hems.ports.storage import FastChargeInbox

CHARGE_EFFICIENCY = 0.90
"""Share of the power asked for that arrives as stored energy, low on purpose: being early costs little, late breaks a
promise. Hybrid inverters and LFP packs reach 0.93-0.97 one way."""

SLACK_SLOTS = 1
"""One quarter in reserve for taper near the top and for a late start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FastChargeOptions:
    """The battery's size [Wh] and the power it may be charged with [W]."""

    capacity_wh: float
    charge_power_w: float


class FastChargeController:
    """Holds the request and proposes for the present quarter."""

    name = "fast_charge"

    def __init__(self, inbox: FastChargeInbox, options: FastChargeOptions) -> None:
        self._inbox = inbox
        self._options = options
        self.request: FastChargeRequest | None = None
        self.problem: str | None = None

    def refresh(self, now: datetime) -> bool:
        """Look for a new or withdrawn request; return whether anything changed."""
        before = self.request
        try:
            request = self._inbox.read()
            self.problem = None
        except RejectedData as error:
            request, self.problem = None, str(error)
        if request is not None and now >= request.deadline:
            self._inbox.clear()
            request = None
        self.request = request
        return request != before

    def propose(self, context: DecisionContext, prices: PriceSeries) -> Proposal | None:
        """Return a charge for this quarter where the request needs it, else None."""
        request, soc_pct = self.request, context.snapshot.battery.soc_pct
        if request is None or context.at >= request.deadline or soc_pct is None:
            return None
        if soc_pct >= request.target_soc_pct:
            return None
        needed = slots_needed(soc_pct, request.target_soc_pct, self._options)
        slots = charging_slots(context.at, request.deadline, needed, prices)
        this_slot = floor_to_grid(context.at)
        if this_slot not in slots:
            return None
        expires_at = min(this_slot + MTU + timedelta(seconds=60), request.deadline + timedelta(seconds=60))
        reason = (
            f"asked to reach {request.target_soc_pct:.0f} % by {request.deadline:%H:%M} UTC: "
            f"{needed} quarters of charging at {self._options.charge_power_w:.0f} W are needed, "
            "this is one of the cheapest"
        )
        command = Command(
            mode=Mode.CHARGE,
            power_w=self._options.charge_power_w,
            target_soc_pct=request.target_soc_pct,
            expires_at=expires_at,
            reason=reason,
        )
        return Proposal(
            source=self.name,
            priority=Priority.PERSON,
            command=command,
            reason=reason,
            confidence_pct=100.0,
            expires_at=expires_at,
        )


def slots_needed(soc_pct: float, target_soc_pct: float, options: FastChargeOptions) -> int:
    """Return how many quarters of charging bring the battery from ``soc_pct`` to the target, one in reserve."""
    missing_wh = max(0.0, target_soc_pct - soc_pct) / 100.0 * options.capacity_wh
    per_slot_wh = options.charge_power_w * CHARGE_EFFICIENCY * (MTU / timedelta(hours=1))
    return math.ceil(missing_wh / per_slot_wh) + SLACK_SLOTS if missing_wh else 0


def charging_slots(now: datetime, deadline: datetime, needed: int, prices: PriceSeries) -> frozenset[datetime]:
    """Return the starts of the quarters to charge in: the cheapest, or all that remain where time is short."""
    first = floor_to_grid(now)
    remaining = math.ceil((deadline - first) / MTU)
    everything = frozenset(first + index * MTU for index in range(remaining))
    known = prices.between(first, deadline)
    if needed >= remaining or len(known) < remaining:
        return everything
    return frozenset(cheapest_slots(prices, first, deadline, needed))
