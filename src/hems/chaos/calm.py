"""What a calm day cost, beside the same house left alone in plain self-use.

Reckoned from the house's own meters with a formula of its own, not with the coordinator's ledger.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from hems.chaos.plan import DayPlan
from hems.chaos.world import prices_of
from hems.domain.prices import Market
from hems.domain.time_grid import floor_to_grid
from hems.simulation.simulated_inverter import SimulatedInverter

VAT = 1.23
ADDED_PER_KWH = 0.08 + 0.005 + 0.2898
"""Seller's margin, excise and network of the shipped contract [PLN/kWh], net."""

STORED_KWH_KEEPS = 0.93
"""What of a stored kWh reaches the house."""

ALLOWANCE_PLN_PER_KWH_OF_BATTERY = 0.7
"""What the score may cost beyond self-use on one day: it looks at one moment only, charges an empty battery whatever
the price (D6), and may so fill the whole of it with energy dearer than it is worth later. ``docs/reliability.md`` shows
what was measured."""


class CalmAccount:
    """Two houses on one day: the coordinator's, and a twin that is left alone."""

    def __init__(self, plan: DayPlan, twin: SimulatedInverter) -> None:
        self._twin = twin
        self._buy: dict[datetime, float] = {}
        self._sell: dict[datetime, float] = {}
        for days in (-1, 0, 1):
            day = plan.day + timedelta(days=days)
            for slot in prices_of(plan.price_shape, plan.seed, Market.DAY_AHEAD, day):
                self._buy[slot.start] = (slot.price_per_mwh / 1000.0 + ADDED_PER_KWH) * VAT
            for slot in prices_of(plan.price_shape, plan.seed, Market.SETTLEMENT, day):
                self._sell[slot.start] = max(0.0, slot.price_per_mwh / 1000.0)
        self._cost_pln = self._alone_pln = 0.0
        self._difference_wh = 0.0
        self.allowance_pln = ALLOWANCE_PLN_PER_KWH_OF_BATTERY * plan.capacity_wh / 1000.0

    def observe(self, house: SimulatedInverter, step_s: float) -> None:
        """Count one step of the coordinator's house, and let the twin live through it too."""
        twin, quarter = self._twin, floor_to_grid(house.now - timedelta(seconds=step_s))
        before = (twin.house.counters.import_wh, twin.house.counters.export_wh)
        twin.advance_to(house.now)
        counters = twin.house.counters
        hours = step_s / 3600.0
        grid_w = house.flow.grid_w
        self._cost_pln += self._money(quarter, max(grid_w, 0.0) * hours, max(-grid_w, 0.0) * hours)
        self._alone_pln += self._money(quarter, counters.import_wh - before[0], counters.export_wh - before[1])
        self._difference_wh = _stored_wh(house) - _stored_wh(twin)

    @property
    def worse_by_pln(self) -> float:
        """What the coordinator's house cost more than the twin, the energy left in their batteries valued alike."""
        mean_buy = sum(self._buy.values()) / len(self._buy)
        left_pln = self._difference_wh / 1000.0 * STORED_KWH_KEEPS * max(0.0, mean_buy)
        return self._cost_pln - self._alone_pln - left_pln

    def _money(self, quarter: datetime, import_wh: float, export_wh: float) -> float:
        return import_wh / 1000.0 * self._buy[quarter] - export_wh / 1000.0 * self._sell[quarter]


def _stored_wh(house: SimulatedInverter) -> float:
    return 0.0 if house.house.battery is None else house.house.battery.stored_wh
