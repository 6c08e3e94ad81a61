"""Energy and money by the quarter: the house as it is, beside the same house without the coordinator.

Each interval between two measured polls is integrated with powers taken as straight lines, cut exactly at the quarter.
Two counterfactual houses run in plain self-use on the same measured load and PV:

- the *baseline* starts once, from the real SoC, and runs on: its bill against the real one is the saving (F5). It is
  the real house itself until something is forced, and again when both have come to the same SoC;
- the *shadow* starts anew from the real SoC in every quarter: its bill, and what it leaves in the battery, against the
  real quarter is what the decision in force was worth (F1).

What was not measured is not invented: an interval longer than ``max_gap_s`` adds nothing, and over it the baseline's
battery is taken to have changed as the real one did.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hems.coordination.ledger_state import (
    SECONDS_PER_HOUR,
    STATE_FORMAT,
    Counterfactual,
    Learnt,
    Point,
    Quarter,
    RestoredState,
    areas_of_line,
    jsonable,
    jsonable_price,
)
from hems.coordination.quarter_account import close_quarter
from hems.domain.errors import StorageError
from hems.domain.prices import RetailPrice
from hems.domain.readings import Quality, SiteSnapshot
from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU, floor_to_grid
from hems.planning.self_use import SelfUseHouse
from hems.planning.settlement import VALUE_HORIZON
from hems.ports.storage import RecordStore

_log = logging.getLogger(__name__)

STATE_KEY = "energy_ledger"

ALIKE_SOC_PCT = 1.0
"""Inverters tell the SoC in whole percents: two batteries within one are not told apart."""

_EVER = timedelta(days=3650)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerOptions:
    """The house without the coordinator, and how long a silence may be bridged by a straight line.

    150 s is two and a half times the 60 s between stored polls: one lost poll is bridged, two are a gap.
    """

    house: SelfUseHouse
    max_gap_s: float = 150.0


class EnergyLedger:
    """Fed with every snapshot, gives back each finished quarter. Not thread-safe: it lives in the cycle.

    ``on_closed`` is called with every finished quarter, beside its being returned.
    """

    def __init__(self, options: LedgerOptions, on_closed: Callable[[EnergySlot], None] | None = None) -> None:
        self._house = options.house
        self._max_gap_s = options.max_gap_s
        self._on_closed = on_closed
        self._prices: dict[datetime, RetailPrice] = {}
        self._last: Point | None = None
        self._last_soc_pct: float | None = None
        self._forced = False
        self._quarter: Quarter | None = None
        # Without a battery nothing is stored, and that is known.
        self._baseline = Counterfactual(stored_wh=None if self._house.capacity_wh > 0.0 else 0.0)
        self._shadow = Counterfactual()
        self._apart = False
        """Whether something forced has set the real house and the baseline apart since they were last alike."""
        self._soc_before_gap: float | None = None
        self._learnt = Learnt()
        self._set_houses()

    @property
    def baseline_soc_pct(self) -> float | None:
        """The SoC of the house without the coordinator now, or None before the first known SoC."""
        return None if self._baseline.stored_wh is None else self._house.soc_pct(self._baseline.stored_wh)

    # -- feeding -----------------------------------------------------------------------------------------------

    def set_prices(self, prices: Iterable[RetailPrice]) -> None:
        """Take note of retail prices, known or estimated: those ahead say what stored energy is worth."""
        news = {price.start: price for price in prices}
        if news:  # what lies far back is let go here too: a house that measures nothing closes no quarters
            oldest = min(news) - VALUE_HORIZON
            self._prices = {start: price for start, price in self._prices.items() if start >= oldest} | news

    def observe(
        self, snapshot: SiteSnapshot, retail: RetailPrice | None, *, forced: bool = False
    ) -> tuple[EnergySlot, ...]:
        """Account for the time since the last snapshot and return the quarters that are finished by it.

        ``retail``: the price of the quarter of ``snapshot.at``, None where unknown; it may come late, the quarter's
        last word counts. ``forced``: whether a forced mode of ours is in force from this snapshot on.
        """
        if retail is not None:
            self._prices[retail.start] = retail
        point = self._point(snapshot)
        last = self._last
        closed: tuple[EnergySlot, ...] = ()
        if last is not None:
            elapsed_s = (snapshot.at - last.at).total_seconds()
            if point is not None and 0.0 < elapsed_s <= self._max_gap_s:
                closed = self._integrate(last, point)
            elif elapsed_s > self._max_gap_s or elapsed_s < 0.0:
                # A clock set back is a gap too: what is counted stays counted.
                closed = self._break(snapshot.at)
        if point is not None:
            self._last = point
            self._forced = forced
            if point.soc_pct is not None:
                self._note_soc(point.soc_pct)
        return closed

    def _point(self, snapshot: SiteSnapshot) -> Point | None:
        """The snapshot's powers, or None unless all are known and undoubted."""
        battery = snapshot.battery
        battery_w: float | None = 0.0  # a house without a battery has none to ask
        soc_pct = None
        if self._house.capacity_wh > 0.0:
            good = battery.quality is Quality.GOOD
            battery_w = battery.power_w if good else None
            soc_pct = battery.soc_pct if good else None
        pv_w = snapshot.pv.power_w if snapshot.pv.quality is Quality.GOOD else None
        load_w = snapshot.load.power_w if snapshot.load.quality is Quality.GOOD else None
        grid_w = snapshot.grid.power_w if snapshot.grid.quality is Quality.GOOD else None
        if pv_w is None or load_w is None or grid_w is None or battery_w is None:
            return None
        # PV and load cannot be negative; meters round to a few watts below zero.
        return Point(snapshot.at, max(0.0, pv_w), max(0.0, load_w), grid_w, battery_w, soc_pct)

    def _note_soc(self, soc_pct: float) -> None:
        """Start the baseline at the first known SoC; after a gap, move it as the real battery has moved."""
        stored_wh = self._house.stored_wh(soc_pct)
        if self._baseline.stored_wh is None:
            self._baseline.stored_wh = stored_wh
        elif self._soc_before_gap is not None:
            moved_wh = stored_wh - self._house.stored_wh(self._soc_before_gap)
            if moved_wh != 0.0:
                self._baseline.stored_wh = self._house.within_window(self._baseline.stored_wh + moved_wh)
        self._soc_before_gap = None
        self._last_soc_pct = soc_pct

    # -- integrating -------------------------------------------------------------------------------------------

    def _integrate(self, last: Point, point: Point) -> tuple[EnergySlot, ...]:
        closed: list[EnergySlot] = []
        here = last
        while True:
            if self._quarter is None:
                self._open(floor_to_grid(here.at), here)
            quarter = self._open_quarter()
            end = quarter.start + MTU
            if point.at < end:
                self._add(quarter, here, point)
                return tuple(closed)
            edge = here.on_the_way_to(point, end) if point.at > end else point
            self._add(quarter, here, edge)
            closed.append(self._close())
            if point.at == end:
                return tuple(closed)
            here = edge

    def _open_quarter(self) -> Quarter:
        if self._quarter is None:
            raise RuntimeError("no quarter is open")
        return self._quarter

    def _set_houses(self) -> None:
        """Make the self-use houses from what has been learnt: one with modelled losses, one with none of its own."""
        self._modelled = self._learnt.improve(self._house)
        self._measured = replace(self._modelled, inverter_efficiency=1.0, idle_w=0.0)

    def _open(self, start: datetime, first: Point) -> None:
        self._set_houses()
        soc_pct = first.soc_pct if first.soc_pct is not None else self._last_soc_pct
        self._quarter = Quarter(start, soc_start_pct=soc_pct, soc_end_pct=soc_pct)
        stored_wh = None if soc_pct is None else self._house.stored_wh(soc_pct)
        if self._house.capacity_wh <= 0.0:
            stored_wh = 0.0
        self._shadow = Counterfactual(stored_wh=stored_wh, start_wh=stored_wh)
        baseline_wh = self._baseline.stored_wh
        self._baseline = Counterfactual(stored_wh=baseline_wh, start_wh=baseline_wh)

    def _add(self, quarter: Quarter, a: Point, b: Point) -> None:
        seconds = (b.at - a.at).total_seconds()
        if seconds <= 0.0:
            return
        half_h = seconds / SECONDS_PER_HOUR / 2.0
        quarter.covered_s += seconds
        if self._forced:
            quarter.forced_s += seconds
        quarter.pv_wh += (a.pv_w + b.pv_w) * half_h
        quarter.load_wh += (a.load_w + b.load_w) * half_h
        imported, exported = areas_of_line(a.grid_w, b.grid_w)
        quarter.import_wh += imported * half_h
        quarter.export_wh += exported * half_h
        discharged, charged = areas_of_line(a.battery_w, b.battery_w)
        quarter.discharge_wh += discharged * half_h
        quarter.charge_wh += charged * half_h
        if b.soc_pct is not None:
            quarter.soc_end_pct = b.soc_pct
            if quarter.soc_start_pct is None:
                quarter.soc_start_pct = b.soc_pct
        self._learn_and_run(quarter, a, b, seconds)

    def _learn_and_run(self, quarter: Quarter, a: Point, b: Point, seconds: float) -> None:
        """Let both counterfactual houses live through the interval.

        While nothing has set them apart, the baseline *is* the real house. Afterwards it runs on the model, with the
        real house's measured losses while that is in self-use itself: otherwise every percent that the model is off
        would look like a saving or a loss. While something is forced, the real losses are of the coordinator's making,
        and the model's stand in.
        """
        load_w, pv_w = (a.load_w + b.load_w) / 2.0, (a.pv_w + b.pv_w) / 2.0
        house = self._modelled
        if self._forced:
            self._apart = True
        else:
            battery_w = (a.battery_w + b.battery_w) / 2.0
            loss_w = pv_w + battery_w + (a.grid_w + b.grid_w) / 2.0 - load_w
            self._learnt.add(pv_w, battery_w, loss_w, seconds)
            house, load_w = self._measured, max(0.0, load_w + loss_w)
        self._run(house, self._shadow, load_w, pv_w, seconds)
        if self._apart:
            self._run(house, self._baseline, load_w, pv_w, seconds)
            self._meet(quarter, b.soc_pct)
        else:
            self._follow(a, b, seconds)

    @staticmethod
    def _run(house: SelfUseHouse, beside: Counterfactual, load_w: float, pv_w: float, seconds: float) -> None:
        if beside.stored_wh is None:
            return
        step = house.step(beside.stored_wh, load_w, pv_w, seconds)
        beside.stored_wh = step.stored_wh
        beside.covered_s += seconds
        if step.grid_w >= 0.0:
            beside.import_wh += step.grid_w * seconds / SECONDS_PER_HOUR
        else:
            beside.export_wh -= step.grid_w * seconds / SECONDS_PER_HOUR

    def _follow(self, a: Point, b: Point, seconds: float) -> None:
        """The baseline did what the real house did."""
        if self._baseline.stored_wh is None:
            return
        imported, exported = areas_of_line(a.grid_w, b.grid_w)
        self._baseline.import_wh += imported * seconds / SECONDS_PER_HOUR / 2.0
        self._baseline.export_wh += exported * seconds / SECONDS_PER_HOUR / 2.0
        self._baseline.covered_s += seconds
        if b.soc_pct is not None:
            self._baseline.stored_wh = self._house.stored_wh(b.soc_pct)

    def _meet(self, quarter: Quarter, soc_pct: float | None) -> None:
        """Where both are in self-use at the same SoC, what follows is the same: the small rest is settled."""
        if self._forced or self._baseline.stored_wh is None:
            return
        if self._house.capacity_wh <= 0.0:
            self._apart = False
            return
        if soc_pct is None:
            return
        lead_wh = self._house.stored_wh(soc_pct) - self._baseline.stored_wh
        if abs(lead_wh) <= self._house.stored_wh(ALIKE_SOC_PCT):
            quarter.settled_lead_wh += lead_wh
            self._baseline.stored_wh += lead_wh
            self._apart = False

    def _break(self, at: datetime) -> tuple[EnergySlot, ...]:
        """End what was being measured: close the quarter unless ``at`` is still inside it."""
        self._last = None
        if self._soc_before_gap is None:
            self._soc_before_gap = self._last_soc_pct
        if self._quarter is None or floor_to_grid(at) == self._quarter.start:
            return ()
        return (self._close(),)

    # -- closing -----------------------------------------------------------------------------------------------

    def _close(self) -> EnergySlot:
        quarter = self._open_quarter()
        self._quarter = None
        end = quarter.start + MTU
        slot = close_quarter(quarter, self._baseline, self._shadow, self._house, self._prices)
        self._prices = {start: known for start, known in self._prices.items() if start >= end - VALUE_HORIZON}
        if self._on_closed is not None:
            self._on_closed(slot)
        return slot

    # -- surviving a restart -----------------------------------------------------------------------------------

    def state(self) -> dict[str, object]:
        """Return all that a restart must not lose, as JSON values."""
        return {
            "format": STATE_FORMAT,
            "capacity_wh": self._house.capacity_wh,
            "last": jsonable(self._last),
            "last_soc_pct": self._last_soc_pct,
            "soc_before_gap": self._soc_before_gap,
            "forced": self._forced,
            "apart": self._apart,
            "quarter": jsonable(self._quarter),
            "baseline": jsonable(self._baseline),
            "shadow": jsonable(self._shadow),
            "learnt": jsonable(self._learnt),
            "prices": [jsonable_price(price) for _, price in sorted(self._prices.items())],
        }

    def save(self, store: RecordStore) -> None:
        """Keep the state in ``store``. Raises: StorageError."""
        store.put_state(STATE_KEY, self.state())

    def load(self, store: RecordStore) -> None:
        """Take up the state kept in ``store``; where there is none or it does not fit, the ledger begins anew.

        After a crash the store knows quarters that were finished after the state was kept. They are whole and stay:
        the state's half of such a quarter must not replace it.
        """
        if not self.restore(store.get_state(STATE_KEY)) or self._last is None:
            return
        since = self._quarter.start if self._quarter is not None else floor_to_grid(self._last.at)
        try:
            later = store.energy_between(since, since + _EVER)
        except StorageError as error:
            _log.warning("energy ledger: the quarters since the last stop cannot be read: %s", error)
            self._quarter = self._last = None  # which of them are whole is not known: none is finished a second time
            self._apart = True
            return
        if not later:
            return
        newest = later[-1]
        self._quarter = self._last = None
        if newest.baseline_soc_end_pct is not None:
            self._baseline = Counterfactual(stored_wh=self._house.stored_wh(newest.baseline_soc_end_pct))
        if newest.soc_end_pct is not None:
            self._last_soc_pct = newest.soc_end_pct
        self._soc_before_gap = self._last_soc_pct
        self._apart = True  # not known to be alike; if they are, they will meet

    def restore(self, state: object) -> bool:
        """Take up ``state``, as made by ``state()``; return whether it was taken up.

        A battery of another capacity is another baseline: it begins anew at the real SoC.
        """
        if state is None:
            return False
        try:
            taken = RestoredState(state)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            _log.warning("energy ledger: the stored state cannot be used (%r): beginning anew", error)
            return False
        if taken.capacity_wh != self._house.capacity_wh:
            _log.warning(
                "energy ledger: the battery has %.0f Wh now, had %.0f Wh: the comparison with self-use begins anew",
                self._house.capacity_wh,
                taken.capacity_wh,
            )
            return False
        self._last, self._last_soc_pct, self._forced = taken.last, taken.last_soc_pct, taken.forced
        self._apart = taken.apart
        self._quarter, self._baseline, self._shadow = taken.quarter, taken.baseline, taken.shadow
        self._soc_before_gap, self._prices, self._learnt = taken.soc_before_gap, taken.prices, taken.learnt
        self._set_houses()
        return True
