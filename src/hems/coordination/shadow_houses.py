"""Every strategy beside the real house, each with a battery of its own: what it would have saved, in money.

All begin at the real SoC. At the first decision of each quarter every strategy is asked from the state of its own
battery, and its proposal goes the way of a real one: steadiness, the rule of origin, the home's limits. At the
quarter's end each battery lives through the measured load and PV with the command it had, at the quarter's prices
(`planning.virtual_home`). Beside the strategies stand plain self-use and a battery that does nothing.

What was not measured is not invented: such a quarter adds nothing to any house, and is counted. Nothing here may ever
disturb the control of the real house: what fails is told, and counts as a gap.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from hems.coordination.shadow_orders import Order, Standing, order_of, own_context
from hems.coordination.shadow_state import ShadowBooks, ShadowHouse, books_from, days_back, state_of
from hems.decision.arbiter import ArbiterOptions
from hems.domain.command import Command, Mode
from hems.domain.decision import DecisionContext
from hems.domain.outlook import HomeModel
from hems.domain.readings import Quality
from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU, floor_to_grid, local_date
from hems.planning.problem import faults_of
from hems.planning.virtual_home import MeasuredSlot, VirtualSlot, live_through
from hems.ports.storage import RecordStore
from hems.ports.strategy import Strategy

log = structlog.get_logger(__name__)

STATE_KEY = "shadow_houses"
EVENT = "shadows"

SELF_USE = "self_use"
IDLE = "idle"
"""The two houses that every strategy is held against: the inverter alone, and a battery that does nothing."""

LEAST_COVERAGE = 0.8
"""One silence of three minutes is forgiven: what was measured of the quarter is lived through, and no more."""

LATEST_BEGIN = (1.0 - LEAST_COVERAGE) * MTU
"""A quarter in which the comparison began later than this is not its own."""

CLOCK_SET_BACK = timedelta(hours=1)
"""A quarter that lies further back than this is no repetition: the clock was wrong before."""

LIMITS_REMEMBERED = 96
"""Decisions over which the battery's widest limits count, a day: what the battery takes when the real one is full says
nothing of what another would take."""

_HOURS = MTU.total_seconds() / 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowOptions:
    """``zone`` is that of the days that are shown; ``arbiter`` as for the real decisions."""

    in_charge: str
    zone: ZoneInfo
    currency: str
    arbiter: ArbiterOptions


class ShadowHouses:
    """Lives in the cycle, after the real decision. Neither ``decide`` nor ``on_quarter`` ever raises."""

    def __init__(
        self, strategies: Sequence[Strategy], options: ShadowOptions, tell: Callable[[str, str, str], None]
    ) -> None:
        """``tell`` takes events: kind, severity, message."""
        self._strategies = {strategy.name: strategy for strategy in strategies}
        self._names = tuple(dict.fromkeys((*self._strategies, SELF_USE, IDLE)))
        self._options = options
        self.in_charge = options.in_charge
        """The strategy that decides for the real house; a person may put another one in charge."""
        self._tell = tell
        self._books: ShadowBooks | None = None
        self._standing = {name: Standing() for name in self._names}
        self._home: HomeModel | None = None
        self._widest: deque[tuple[float, float]] = deque(maxlen=LIMITS_REMEMBERED)
        self.decided_for: datetime | None = None
        """The quarter for which every strategy has given its order."""
        self._failed_for: datetime | None = None

    # -- deciding ----------------------------------------------------------------------------------------------

    def decide(self, context: DecisionContext) -> None:
        """Ask every strategy from its own state, once a quarter; the later decisions of a quarter pass by."""
        quarter = floor_to_grid(context.at)
        if quarter == self.decided_for:
            return
        try:
            self._decide(context, quarter)
        except Exception as error:  # a comparison must never endanger the control
            log.exception("the strategies cannot be asked")
            self._fail(quarter, error)

    def _decide(self, context: DecisionContext, quarter: datetime) -> None:
        home = self._home_in(context)
        if home is None:
            return
        self._home = home
        books = self._books_for(home, context)
        if books is None:
            return
        for name, strategy in self._strategies.items():
            house, standing = books.houses[name], self._standing[name]
            standing.end_what_is_over(100.0 * house.stored_wh / home.capacity_wh, context.at)
            own = own_context(context, house, standing, home)
            standing.take(order_of(strategy, own, quarter, home, self._options.arbiter), context.at)
        self.decided_for = quarter

    def _home_in(self, context: DecisionContext) -> HomeModel | None:
        """Return the home with the widest limits of the past day, or None where there is none to live in."""
        if context.outlook is None:
            return self._home
        home = context.outlook.home
        if faults_of(home):
            return None
        self._widest.append((home.charge_max_w, home.discharge_max_w))
        charge_max_w, discharge_max_w = (max(values) for values in zip(*self._widest, strict=True))
        return replace(home, charge_max_w=charge_max_w, discharge_max_w=discharge_max_w)

    def _books_for(self, home: HomeModel, context: DecisionContext) -> ShadowBooks | None:
        """Return the comparison of this battery in this currency; a new one begins at a known SoC."""
        books = self._books
        if books is not None and (books.capacity_wh, books.currency) == (home.capacity_wh, self._options.currency):
            return books
        if books is not None:
            self._tell(EVENT, "info", "the comparison of strategies begins anew: another battery or currency")
        self._books = None
        battery = context.snapshot.battery
        soc_pct = battery.soc_pct if battery.quality is Quality.GOOD else None
        if soc_pct is None or not 0.0 <= soc_pct <= 100.0:
            return None
        stored_wh = home.capacity_wh * soc_pct / 100.0
        exportable_wh = min(max(home.exportable_wh, 0.0), stored_wh)
        self._standing = {name: Standing() for name in self._names}
        self._books = ShadowBooks(
            since=context.at,
            capacity_wh=home.capacity_wh,
            currency=self._options.currency,
            houses={
                name: ShadowHouse(stored_wh, exportable_wh, discharged_today_wh=home.discharged_today_wh)
                for name in self._names
            },
        )
        return self._books

    def _fail(self, quarter: datetime, error: Exception) -> None:
        self._failed_for = quarter
        self._tell(EVENT, "error", f"a quarter of the comparison of strategies is lost: {error!r:.200}")

    # -- living ------------------------------------------------------------------------------------------------

    def on_quarter(self, slot: EnergySlot) -> None:
        """Let every house live through a finished quarter."""
        books, home = self._books, self._home
        if books is None:
            return
        try:
            self._turn_to(books, slot.start)
            counted = books.last is not None and slot.start <= books.last
            if counted or slot.start < books.since - LATEST_BEGIN:
                return
            measured = _measured(slot)
            if measured is None or home is None or self._failed_for == slot.start:
                books.gaps += 1
            else:
                self._live(books, home, slot, measured)
            books.last = slot.start
        except Exception as error:  # as in ``decide``
            log.exception("the shadow houses cannot live through a quarter")
            self._fail(slot.start, error)

    def _turn_to(self, books: ShadowBooks, start: datetime) -> None:
        """End the local day where ``start`` lies in another one, and count the quarters that nobody saw."""
        zone = self._options.zone
        if start < (books.last or books.since) - CLOCK_SET_BACK:
            today = local_date(start, zone)
            books.days = [end for end in books.days if end.day < today]
            books.since, books.last = min(books.since, start), None
        if books.last is None:
            return
        if local_date(start, zone) > local_date(books.last, zone):
            books.end_day(local_date(books.last, zone))
        missed = (start - books.last) // MTU - 1
        if missed > 0:
            books.gaps += missed
            books.last = start - MTU

    def _live(self, books: ShadowBooks, home: HomeModel, slot: EnergySlot, measured: MeasuredSlot) -> None:
        lived: dict[str, VirtualSlot] = {}
        orders: dict[str, Order] = {}
        for name, house in books.houses.items():
            own = replace(home, exportable_wh=house.exportable_wh)
            orders[name] = order = self._order_in(name, slot)
            lived[name] = live_through(own, house.stored_wh, order.command, measured, order.after_target)
        for name, one in lived.items():  # all or none: a house that lived more than another cannot be compared
            books.houses[name].take(one)
            if one.target_after_h is not None:
                reached_at = slot.start + timedelta(hours=one.target_after_h)
                self._standing[name].end_at_target(orders[name], reached_at)
        books.quarters += 1
        books.estimated_quarters += slot.price_estimated
        if slot.stored_value_per_kwh is not None:
            books.stored_value_per_kwh = slot.stored_value_per_kwh

    def _order_in(self, name: str, slot: EnergySlot) -> Order:
        if name in self._strategies:
            return self._standing[name].order_in(slot)
        idle = Command(mode=Mode.STANDBY, expires_at=slot.start + MTU)
        return Order(quarter=slot.start, command=idle if name == IDLE else None)

    # -- telling -----------------------------------------------------------------------------------------------

    def status(self, now: datetime) -> dict[str, object]:
        """Return what each strategy saved against self-use and an idle battery; null where nothing is known yet.

        Money in the currency, stored energy valued; ``wear_total`` is what the battery's use cost of its life and is
        not taken off. Periods are local days, today included, and never longer than the comparison.
        """
        books, today = self._books, local_date(now, self._options.zone)
        told: dict[str, object] = {
            "in_charge": self.in_charge,
            "currency": self._options.currency,
            "since": None,
            "quarters": 0,
            "gaps": 0,
            "estimated_quarters": 0,
            "stored_value_per_kwh": None,
            "houses": {},
        }
        if books is None:
            return told
        return told | {
            "since": books.since.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "quarters": books.quarters,
            "gaps": books.gaps,
            "estimated_quarters": books.estimated_quarters,
            "stored_value_per_kwh": round(books.stored_value_per_kwh, 5) if books.quarters else None,
            "houses": {name: self._house_status(books, name, today) for name in self._names},
        }

    def _house_status(self, books: ShadowBooks, name: str, today: date) -> dict[str, object]:
        house, standing = books.houses[name], self._standing[name]
        last_day = None if books.last is None else local_date(books.last, self._options.zone)
        told: dict[str, object] = {}
        for against, prefix in ((SELF_USE, "saved"), (IDLE, "saved_over_idle")):
            for key, days in (("today", 1), ("7_days", 7), ("30_days", 30)):
                first = days_back(today, days)
                is_empty = last_day is None or last_day < first
                told[f"{prefix}_{key}"] = None if is_empty else _money(books.saved(name, against, first))
            told[f"{prefix}_total"] = _money(books.saved(name, against))
        cycles = books.cycles_per_day(name)
        return told | {
            "wear_total": _money(house.wear),
            "cycles_per_day": None if cycles is None else round(cycles, 2),
            "soc_pct": round(100.0 * house.stored_wh / books.capacity_wh, 1),
            "mode": (Mode.STANDBY if name == IDLE else standing.mode).value,
            "power_w": None if standing.command is None else standing.command.power_w,
        }

    # -- surviving a restart -----------------------------------------------------------------------------------

    def save(self, store: RecordStore) -> None:
        """Keep the comparison in ``store``. Raises: StorageError."""
        if self._books is not None:
            store.put_state(STATE_KEY, state_of(self._books))

    def load(self, store: RecordStore) -> None:
        """Take up the comparison kept in ``store``; one that cannot be used is told and let go.

        Raises: StorageError: the store cannot be read.
        """
        state = store.get_state(STATE_KEY)
        if state is None:
            return
        try:
            self._books = books_from(state, self._names)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            self._tell(
                EVENT, "warning", f"the kept comparison of strategies cannot be used ({error!r:.200}): it begins anew"
            )


def _measured(slot: EnergySlot) -> MeasuredSlot | None:
    """Return what the measured part of ``slot`` brought, or None where that is too little."""
    buy, sell = slot.import_price_per_kwh, slot.export_price_per_kwh
    if buy is None or sell is None or slot.stored_value_per_kwh is None or not slot.coverage >= LEAST_COVERAGE:
        return None
    hours = slot.coverage * _HOURS
    numbers = (slot.load_wh, slot.pv_wh, buy, sell, slot.stored_value_per_kwh, hours)
    if not all(math.isfinite(number) for number in numbers):
        return None
    return MeasuredSlot(
        load_w=max(slot.load_wh, 0.0) / hours,
        pv_w=max(slot.pv_wh, 0.0) / hours,
        import_per_kwh=buy,
        export_per_kwh=sell,
        hours=hours,
    )


def _money(amount: float | None) -> float | None:
    return None if amount is None else round(amount, 4)
