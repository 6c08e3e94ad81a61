"""The most that could have been saved on a day that is over: the exact plan, with everything known that came."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

from hems.analysis.metrics import PERCENT, Figure, savings, settled_runs
from hems.domain.outlook import HomeModel
from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU
from hems.domain.units import kw_from_w, kwh_from_wh
from hems.planning.compiled import PLAIN
from hems.planning.kernel import CUT_NOTHING, CUT_SURPLUS, FREE, Limits
from hems.planning.money_unit import unit_of_prices
from hems.planning.problem import faults_of, limits_of

NAME = "hindsight"

LEAST_COVERAGE = 0.9
"""Below it a day has too little to look back on: a missing tenth may hold the dearest hours."""

MISSING_AT_THE_END = 40.0
"""What a kWh less than was really left counts [money unit/kWh]: above every price, below a blown fuse."""

LEAST_POSSIBLE_SHARE = 0.01
"""Of the money that was paid and earned: a share of a possible saving below this says nothing."""

_MTU_H = MTU / timedelta(hours=1)


def hindsight(quarters: Sequence[EnergySlot], elapsed: timedelta, home: HomeModel, currency: str) -> Figure:
    """Return the most that could have been saved in ``quarters`` against plain self-use.

    The cheapest way through what was measured, from the real SoC at the start of every unbroken run of priced quarters
    to the real SoC at its end, within the home's powers and window, or the real ones where those were wider. With the
    same energy left, only bills are compared: filling a battery at midnight is no saving. The bill is F5's: wear is not
    in it, and energy of any origin may be sold. The losses that were measured are part of the demand. It is never less
    than what really was saved. ``elapsed`` is the time the quarters should cover.
    """
    runs = list(settled_runs(quarters, home.capacity_wh))
    share = sum(quarter.coverage for run in runs for quarter in run) * MTU / elapsed
    if home.capacity_wh <= 0.0:
        return _unknown(currency, "the house has no battery")
    if faults := faults_of(home):
        return _unknown(currency, faults[0])
    if not runs or share < LEAST_COVERAGE:
        return _unknown(currency, f"only {share * PERCENT:.1f} % of the time is measured, priced and compared")
    saved = savings(quarters, home.capacity_wh, currency).value or 0.0
    better = math.fsum(max(_cheaper_by(run, home), 0.0) for run in runs)
    basis = f"{sum(map(len, runs))} quarters; {better:.2f} more than was saved"
    return Figure(name=NAME, value=saved + better, unit=currency, basis=basis)


def captured(saved: float | None, possible: float | None, turnover: float) -> Figure:
    """Return what share of the ``possible`` saving was ``saved`` [%]; ``turnover`` is the money that flowed at all."""
    name = "captured share of hindsight"
    if saved is None or possible is None:
        return Figure(name=name, value=None, unit="%", reason="saving and hindsight are not both known")
    if possible <= LEAST_POSSIBLE_SHARE * turnover or possible <= 0.0:
        return Figure(name=name, value=None, unit="%", reason="there was next to nothing to save")
    return Figure(name=name, value=saved / possible * PERCENT, unit="%", basis=f"{saved:.2f} of {possible:.2f}")


def _unknown(currency: str, reason: str) -> Figure:
    return Figure(name=NAME, value=None, unit=currency, reason=reason)


def _cheaper_by(run: Sequence[EnergySlot], home: HomeModel) -> float:
    """Return by how much the cheapest way through ``run`` is cheaper than the real one [money]."""
    lived = [quarter for quarter in run if quarter.coverage > 0.0]
    if not lived:
        return 0.0
    hours = [quarter.coverage * _MTU_H for quarter in lived]
    pv = [kw_from_w(max(q.pv_wh, 0.0) / h) for q, h in zip(lived, hours, strict=True)]
    # What the house drew, the inverter's own losses included: the real day is one way through it.
    demand = [
        max(kw_from_w((q.pv_wh + q.import_wh - q.export_wh + q.discharge_wh - q.charge_wh) / h), 0.0)
        for q, h in zip(lived, hours, strict=True)
    ]
    buy = [q.import_price_per_kwh for q in lived if q.import_price_per_kwh is not None]
    sell = [q.export_price_per_kwh for q in lived if q.export_price_per_kwh is not None]
    if not len(buy) == len(sell) == len(lived):
        return 0.0  # a bill without its prices: nothing better is known of this run than what was
    unit = unit_of_prices(buy)
    buy, sell = [price / unit for price in buy], [price / unit for price in sell]
    rows = (demand, pv, buy, sell, hours, [0.0] * len(lived))
    cost, gap = _cheapest(rows, run, home, _limits(home, lived, hours, demand, pv))
    return math.fsum(quarter.cost or 0.0 for quarter in run) - (cost - gap) * unit


def _limits(
    home: HomeModel, lived: Sequence[EnergySlot], hours: Sequence[float], demand: Sequence[float], pv: Sequence[float]
) -> Limits:
    """Return the home's limits, each at least what was really seen."""
    limits = limits_of(home)

    def most(values: Sequence[float]) -> float:
        return max(kw_from_w(wh / h) for wh, h in zip(values, hours, strict=True))

    alone = max(load - sun for load, sun in zip(demand, pv, strict=True))
    return (
        max(limits[0], most([q.charge_wh for q in lived])),
        max(limits[1], most([q.discharge_wh for q in lived])),
        limits[2],
        limits[3],
        max(limits[4], most([q.import_wh for q in lived]), alone),
        max(limits[5], most([q.export_wh for q in lived])),
    )


def _cheapest(
    rows: tuple[list[float], ...], run: Sequence[EnergySlot], home: HomeModel, limits: Limits
) -> tuple[float, float]:
    """Return what the cheapest way costs, and by how much no way at all can be cheaper [money units]."""
    count, capacity = len(rows[0]), kwh_from_wh(home.capacity_wh)
    soc_pct = [soc for q in run for soc in (q.soc_start_pct, q.soc_end_pct) if soc is not None]
    start, end = (capacity * pct / PERCENT for pct in (soc_pct[0], soc_pct[-1]))
    bottom = capacity * min(home.floor_pct, *soc_pct) / PERCENT
    top = capacity * max(home.ceiling_pct, *soc_pct) / PERCENT
    cut = CUT_SURPLUS if home.can_limit_export else CUT_NOTHING
    low, high, lock = [bottom] * (count + 1), [top] * (count + 1), [FREE] * count
    slope, size, change = [0.0] * 16, [0.0] * 16, [0.0] * count
    pooled, room = -1, 64 * count + 600
    while pooled < 0:
        value, length, owner = [0.0] * room, [0.0] * room, [0] * room
        first, pieces = [0] * (count + 1), [0] * (count + 1)
        # As much as was really left at the end: less would be a loan, and more is worth nothing here.
        value[:2], length[:2], owner[:2] = [MISSING_AT_THE_END, 0.0], [end - bottom, top - end], [count, count]
        pieces[count] = 2
        pooled = PLAIN.exact_plan(
            *rows, low, high, start, limits, cut, lock, value, length, owner, first, pieces, slope, size,
            [0.0] * (count + 1), change,
        )  # fmt: skip
        room *= 2
    cost, gap = PLAIN.plan_cost(*rows, limits, cut, lock, change, slope, size)
    short = max(end - (start + math.fsum(change)), 0.0)
    return cost + short * MISSING_AT_THE_END, gap
