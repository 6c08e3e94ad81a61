"""Fast Charge Controller: turns "charge to 90 % by 07:00" into a proposal; it never writes to the inverter.

The request is one small file, so it can be given while the service is down and survives a restart. The energy is
bought in the cheapest quarters that still reach the target in time; when time runs short every quarter is used. What
was bought is held until the deadline, unless using it now and buying it again before then is cheaper.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hems.decision.order_words import OrderWords
from hems.decision.wording import Language
from hems.domain.command import Command, Mode
from hems.domain.decision import Decision, DecisionContext, Priority, Proposal
from hems.domain.errors import RejectedData
from hems.domain.fast_charge import ChargeKind, ChargeWhy, FastChargeRequest
from hems.domain.prices import RetailPrice
from hems.domain.readings import SiteSnapshot
from hems.domain.time_grid import MTU, floor_to_grid
from hems.ports.storage import FastChargeInbox
from hems.safety.gate import MIN_FORCED_POWER_W

CHARGE_EFFICIENCY = 0.90
"""Share of the power asked for that arrives as stored energy, low on purpose: being early costs little, late breaks a
promise. Hybrid inverters and LFP packs reach 0.93-0.97 one way."""

LIKELY_EFFICIENCY = 0.95
"""The middle of what such houses reach: for saying what will likely be there, where being low would be untrue too."""

SLACK = MTU
"""Time in reserve for a late start and for what the house takes from the battery on the way."""

TAPER_FROM_PCT = 95.0
TAPER_TIMES = 3.0
"""Above 95 % batteries take less and less, at the end 5-8 % of their current (OpenEMS): three times the time."""

REFILL_SHARE = 0.65
"""What is stored serves the house before the deadline only where buying it again costs less than this share of the
present price: 0.80 of it arrives, the rest is wear and the writes to the inverter's flash for changing modes. At 0.80 a
day of ragged prices used up the daily write budget, and the battery came late."""

TOP_UP_PCT = 2.0
"""What a full battery loses while it waits is made good at the end: the inverter's own draw would otherwise start a
charge for every percent, each a write to the inverter's flash."""

SETTLED_FOR = timedelta(minutes=30)
"""A hold that follows a charge stands this long: a SoC on the edge of a percent would toggle the two every minute."""

LAST_STRETCH = timedelta(hours=1)
"""So near the deadline nothing is given away any more, whatever the price."""

UTC_ZONE = ZoneInfo("UTC")

LOOK_AHEAD = timedelta(hours=24)
"""Prices are known about a day ahead; earlier nothing is bought that can wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FastChargeOptions:
    """The battery's size [Wh] and the most power the owner lets it be charged with [W]."""

    capacity_wh: float
    charge_power_w: float
    zone: ZoneInfo = UTC_ZONE
    """Of the times that a person reads."""
    language: Language = Language.ENGLISH


class FastChargeController:
    """Holds the request and proposes for the present quarter."""

    name = "fast_charge"

    def __init__(
        self, inbox: FastChargeInbox, options: FastChargeOptions, tell: Callable[[str, str, str], None] | None = None
    ) -> None:
        """``tell`` takes events: kind, severity, message."""
        self._inbox = inbox
        self._options = options
        self._tell = tell
        self.request: FastChargeRequest | None = None
        self.problem: str | None = None
        self._bound_w: float | None = None
        """The last bound [W] under which anything could be charged; None before the first."""

    def refresh(self, now: datetime) -> bool:
        """Look for a new or withdrawn request; return whether anything changed."""
        before = self.request
        try:
            request = self._inbox.read()
            if request is not None and now >= request.deadline:
                self._inbox.clear()
                if self._tell is not None:
                    self._tell("order", "info", self._words(now).charge_ended(request.target_soc_pct))
                request = None
            self.problem = None
        except RejectedData as error:
            request, self.problem = None, str(error)
        self.request = request
        if request is None:
            self._bound_w = None  # the next one may come days later, to a warmer or fuller battery
        return request != before

    def ask(self, request: FastChargeRequest) -> None:
        """Leave ``request`` where the next ``refresh`` finds it. Raises: StorageError: the disk refuses."""
        self._inbox.write(request)

    def withdraw(self) -> bool:
        """Take back the request, seen or not; return whether there was one. Raises: RejectedData: the disk refuses."""
        return self._inbox.clear()

    def _words(self, now: datetime) -> OrderWords:
        return OrderWords(self._options.language, self._options.zone, now)

    def propose(
        self, context: DecisionContext, prices: Sequence[RetailPrice], *, charge_bound_w: float = float("inf")
    ) -> Proposal | None:
        """Return a charge or a hold for this quarter where the request needs it, else None.

        ``prices``: what the household pays, from this quarter on; ``charge_bound_w``: the power that the battery and
        safety allow now [W].
        """
        request, soc_pct = self.request, context.snapshot.battery.soc_pct
        if request is not None and charge_bound_w >= MIN_FORCED_POWER_W:
            self._bound_w = charge_bound_w
        if request is None or context.at >= request.deadline or soc_pct is None:
            return None
        power_w = self._power_w(charge_bound_w)
        if power_w < MIN_FORCED_POWER_W:
            return None
        left = request.deadline - context.at
        needed = time_needed(soc_pct, request.target_soc_pct, self._options.capacity_wh, power_w)
        if left > max(LOOK_AHEAD, needed):
            return None
        if soc_pct > request.target_soc_pct - TOP_UP_PCT and _top_up_waits(context, left - needed):
            needed = timedelta(0)
        slots = charging_slots(context.at, request.deadline, needed, prices)
        if floor_to_grid(context.at) in slots:
            may_charge = charge_bound_w >= MIN_FORCED_POWER_W
            why = self._why(context, soc_pct, needed, slots, prices) if may_charge else ChargeWhy(kind=ChargeKind.WAITS)
            return self._charge(context, request, why)
        if left <= LAST_STRETCH or worth_holding(context.at, request.deadline, slots, prices):
            return self._hold(context, request)
        return None

    def ready_at(self, decision: Decision, snapshot: SiteSnapshot | None) -> datetime | None:
        """Return when the charge that ``decision`` begins for the request is done at its power; rather late than early.

        None where it begins none, or the SoC is not known.
        """
        request, command = self.request, decision.command
        soc_pct = None if snapshot is None else snapshot.battery.soc_pct
        if request is None or soc_pct is None or decision.source != self.name or decision.mode is not Mode.CHARGE:
            return None
        power_w = command.power_w
        if power_w is None or power_w <= 0.0 or soc_pct >= request.target_soc_pct:
            return None
        needed = time_needed(soc_pct, request.target_soc_pct, self._options.capacity_wh, power_w)
        return decision.at + needed - SLACK

    def falls_short_pct(self, soc_pct: float, start: datetime) -> float | None:
        """Return the SoC [%] that charging from ``start`` on will likely reach, where that is less than was asked.

        None where it suffices to a whole percent, nothing is asked for, or how fast it may charge is not known yet.
        """
        request, bound_w = self.request, self._bound_w
        if request is None or bound_w is None:
            return None
        power_w = min(self._options.charge_power_w, bound_w)
        target_pct, left = request.target_soc_pct, request.deadline - start
        reached_pct = reachable_pct(soc_pct, target_pct, left, self._options.capacity_wh, power_w)
        return reached_pct if round(reached_pct) < target_pct and reached_pct < target_pct else None

    def _why(
        self,
        context: DecisionContext,
        soc_pct: float,
        needed: timedelta,
        slots: frozenset[datetime],
        prices: Sequence[RetailPrice],
    ) -> ChargeWhy:
        """Return why the present quarter is one of ``slots``; what may be charged now is known."""
        request, bound_w = self.request, self._bound_w
        if request is None or bound_w is None:
            raise AssertionError("asked only of a request that is followed under a known bound")
        power_w, left = min(self._options.charge_power_w, bound_w), request.deadline - context.at
        reached_pct = self.falls_short_pct(soc_pct, context.at)
        if reached_pct is not None:
            likely = _charging_time(
                soc_pct, request.target_soc_pct, self._options.capacity_wh, power_w * LIKELY_EFFICIENCY
            )
            return ChargeWhy(
                kind=ChargeKind.SHORT, needed=likely, power_w=power_w, left=left, reachable_pct=reached_pct
            )
        quarters = _quarters(context.at, request.deadline)
        kind = ChargeKind.CHEAPEST
        if not {price.start for price in prices}.issuperset(quarters):
            kind = ChargeKind.BLIND
        elif len(slots) == len(quarters):
            kind = ChargeKind.ALL
        return ChargeWhy(kind=kind, needed=needed, power_w=power_w, left=left)

    def _power_w(self, charge_bound_w: float) -> float:
        """Return what the battery will be charged with; a bound of nothing is passing, and says nothing of later."""
        bounded = charge_bound_w if charge_bound_w >= MIN_FORCED_POWER_W else float("inf")
        return min(self._options.charge_power_w, bounded)

    def _charge(self, context: DecisionContext, request: FastChargeRequest, why: ChargeWhy) -> Proposal:
        reason = self._words(context.at).charge_reason(request.target_soc_pct, request.deadline, why)
        return self._proposal(
            context,
            request,
            Mode.CHARGE,
            reason,
            power_w=self._options.charge_power_w,
            target_soc_pct=request.target_soc_pct,
        )

    def _hold(self, context: DecisionContext, request: FastChargeRequest) -> Proposal:
        reason = self._words(context.at).charge_hold_reason(request.target_soc_pct, request.deadline)
        return self._proposal(context, request, Mode.HOLD, reason)

    def _proposal(
        self,
        context: DecisionContext,
        request: FastChargeRequest,
        mode: Mode,
        reason: str,
        *,
        power_w: float | None = None,
        target_soc_pct: float | None = None,
    ) -> Proposal:
        grace = timedelta(seconds=60)
        expires_at = min(floor_to_grid(context.at) + MTU, request.deadline) + grace
        command = Command(
            mode=mode, power_w=power_w, target_soc_pct=target_soc_pct, expires_at=expires_at, reason=reason
        )
        return Proposal(
            source=self.name,
            priority=Priority.PERSON,
            command=command,
            reason=reason,
            confidence_pct=100.0,
            expires_at=expires_at,
        )


def _top_up_waits(context: DecisionContext, spare: timedelta) -> bool:
    """Return whether a battery that is nearly at its target may wait, with ``spare`` time beyond what it needs."""
    active = context.active
    if active is not None and active.mode is Mode.CHARGE:
        return False
    held_since = context.active_since if active is not None and active.mode is Mode.HOLD else None
    return spare > MTU or (held_since is not None and context.at - held_since < SETTLED_FOR)


def time_needed(soc_pct: float, target_soc_pct: float, capacity_wh: float, power_w: float) -> timedelta:
    """Return how long charging with ``power_w`` takes to the target, a reserve included; nothing at the target."""
    charging = _charging_time(soc_pct, target_soc_pct, capacity_wh, power_w * CHARGE_EFFICIENCY)
    return charging + SLACK if charging else charging


def reachable_pct(soc_pct: float, target_soc_pct: float, left: timedelta, capacity_wh: float, power_w: float) -> float:
    """Return the SoC [%] that charging with ``power_w`` all of the time ``left`` likely reaches, at most the target.

    The reverse of ``time_needed`` without its reserves: what is likely, not what is safe. A battery above the target
    stays where it is, and so does one with no time left.
    """
    stored_pct = max(0.0, left / timedelta(hours=1)) * power_w * LIKELY_EFFICIENCY / capacity_wh * 100.0
    fast_pct = min(stored_pct, max(0.0, TAPER_FROM_PCT - soc_pct))
    reached_pct = soc_pct + fast_pct + (stored_pct - fast_pct) / TAPER_TIMES
    return max(soc_pct, min(reached_pct, target_soc_pct))


def _charging_time(soc_pct: float, target_soc_pct: float, capacity_wh: float, stored_w: float) -> timedelta:
    """Return how long it takes to the target where ``stored_w`` [W] arrive in the battery below its taper."""
    below_pct = max(0.0, min(target_soc_pct, TAPER_FROM_PCT) - soc_pct)
    above_pct = max(0.0, target_soc_pct - max(soc_pct, TAPER_FROM_PCT))
    return timedelta(hours=(below_pct + TAPER_TIMES * above_pct) / 100.0 * capacity_wh / stored_w)


def _quarters(now: datetime, deadline: datetime) -> list[datetime]:
    """Return the starts of the quarters from the present one to ``deadline``."""
    first = floor_to_grid(now)
    return [first + index * MTU for index in range(-((first - deadline) // MTU))]


def charging_slots(
    now: datetime, deadline: datetime, needed: timedelta, prices: Sequence[RetailPrice]
) -> frozenset[datetime]:
    """Return the starts of the quarters to charge in: the cheapest that give ``needed``, or all where time is short.

    A quarter counts with what is left of it before ``deadline``. Of equal prices the earlier is taken: it leaves more
    time to make good what goes wrong. Where a price is unknown there is no cheapest, and every quarter is used.
    """
    if needed <= timedelta(0):
        return frozenset()
    price_of = {price.start: price.import_per_kwh for price in prices}
    starts = _quarters(now, deadline)
    if any(start not in price_of for start in starts):
        return frozenset(starts)
    chosen: set[datetime] = set()
    for start in sorted(starts, key=lambda start: (price_of[start], start)):
        if needed <= timedelta(0):
            break
        chosen.add(start)
        needed -= min(start + MTU, deadline) - max(start, now)
    return frozenset(chosen)


def worth_holding(now: datetime, deadline: datetime, slots: frozenset[datetime], prices: Sequence[RetailPrice]) -> bool:
    """Return whether the battery had better not serve the house now: buying the energy again would not be cheaper.

    It could be bought in any later quarter before ``deadline`` that is not taken by ``slots`` already.
    """
    this_slot = floor_to_grid(now)
    price_now = next((price.import_per_kwh for price in prices if price.start == this_slot), None)
    free = [price.import_per_kwh for price in prices if this_slot < price.start < deadline and price.start not in slots]
    return price_now is None or not free or REFILL_SHARE * price_now <= min(free)
