"""What the coordinator really did, in money, day by day, beside what others would have done in the same house.

Pure. The real house counts with its measured grid energy at the prices of then; the others live through the measured
load and PV with a battery of the same losses, from the real SoC at the start. Stored energy counts alike for all. A
quarter that was not measured well enough, or has no price, is left out of every house, with its battery's change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np

from hems.backtest.lived import IDLE, MODE_NAMES, LivedPeriod
from hems.backtest.outcome import IDLE_BATTERY, PERFECT_FORESIGHT
from hems.backtest.perfect import perfect_foresight
from hems.backtest.physics import IdealBattery
from hems.backtest.plain_run import Choose, Moment, ScoreChoice, self_use
from hems.backtest.runner import MULTI_FACTOR, SELF_USE
from hems.backtest.study import Study
from hems.domain.measured import FloatArray
from hems.domain.prices import PriceSeries
from hems.domain.record import EnergySlot
from hems.domain.time_grid import MTU, local_date
from hems.domain.units import kwh_from_wh
from hems.planning.compiled import Kernel

REAL = "real"
HOUSES = (REAL, SELF_USE, MULTI_FACTOR, PERFECT_FORESIGHT, IDLE_BATTERY)

LEAST_COVERAGE = 0.8
"""As in the comparison that the running service keeps: one silence of three minutes is forgiven."""

LEAST_CYCLES = 2.0
"""From so many full cycles on the losses are measured: inverters tell the SoC in whole percents, and one percent more
or less at an end is then a quarter of a percent of the efficiency."""

EFFICIENCIES = (0.7, 1.0)
"""A measurement outside these says that the capacity or the meter is wrong, not that the battery is so."""

_QUARTER_H = MTU.total_seconds() / 3600.0
_W = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RealQuarter:
    """One quarter as it was measured; powers are means of the measured part [W], energies those of it [Wh]."""

    start: datetime
    hours: float
    load_w: float
    pv_w: float
    import_per_kwh: float
    export_per_kwh: float
    import_wh: float
    export_wh: float
    charge_wh: float
    discharge_wh: float
    soc_change_pct: float
    soc_start_pct: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseSum:
    """A house over all quarters that count [money, kWh]."""

    energy: float
    wear: float
    stored_change: float
    import_kwh: float
    export_kwh: float
    cycles: float

    @property
    def cost(self) -> float:
        """Energy and wear, less the worth of what is stored more."""
        return self.energy + self.wear - self.stored_change


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterfactualDay:
    """A local day: what each of ``HOUSES`` cost, stored energy valued [money]."""

    day: date
    quarters: int
    missing: int
    """Quarters of the day within the period that do not count."""
    cost: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """Days in order, and their sum."""

    zone: ZoneInfo
    currency: str
    first: datetime
    last: datetime
    battery_kwh: float
    start_soc_pct: float
    stored_value_per_kwh: float
    efficiency: float
    """Of charging and of discharging, each, that the others live with."""
    is_efficiency_measured: bool
    """Whether it is what the real battery showed in this time; else that of the configuration."""
    days: tuple[CounterfactualDay, ...]
    sums: Mapping[str, HouseSum]
    hindsight_gap: float
    """By how much the plan of hindsight is not proven to be the cheapest [money]; 0 is exact."""
    estimated_quarters: int
    """That count at prices which were not published."""
    remarks: tuple[str, ...] = ()
    parameters: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def quarters(self) -> int:
        """How many count."""
        return sum(day.quarters for day in self.days)

    @property
    def missing(self) -> int:
        """How many do not."""
        return sum(day.missing for day in self.days)


def real_quarters(slots: Sequence[EnergySlot]) -> list[RealQuarter]:
    """Return the quarters of ``slots`` (in order of time) that count."""
    found = []
    before: Sequence[EnergySlot | None] = [None, *slots]
    for previous, slot in zip(before, slots, strict=False):
        quarter = _real_quarter(slot, _soc_start(slot, previous))
        if quarter is not None:
            found.append(quarter)
    return found


def _soc_start(slot: EnergySlot, previous: EnergySlot | None) -> float | None:
    """Return the SoC at the start of ``slot``; records of old versions have only that at the end of the one before."""
    if slot.soc_start_pct is not None or previous is None or previous.start + MTU != slot.start:
        return slot.soc_start_pct
    return previous.soc_end_pct


def _real_quarter(slot: EnergySlot, soc_start_pct: float | None) -> RealQuarter | None:
    buy, sell, soc_end_pct = slot.import_price_per_kwh, slot.export_price_per_kwh, slot.soc_end_pct
    if buy is None or sell is None or soc_start_pct is None or soc_end_pct is None:
        return None
    energies = (slot.load_wh, slot.pv_wh, slot.import_wh, slot.export_wh, slot.charge_wh, slot.discharge_wh)
    if not all(map(math.isfinite, (buy, sell, soc_start_pct, soc_end_pct, *energies))):
        return None
    if not LEAST_COVERAGE <= slot.coverage <= 1.0 + 1e-9:
        return None
    hours = slot.coverage * _QUARTER_H
    return RealQuarter(
        start=slot.start,
        hours=hours,
        load_w=max(slot.load_wh, 0.0) / hours,
        pv_w=max(slot.pv_wh, 0.0) / hours,
        import_per_kwh=buy,
        export_per_kwh=sell,
        import_wh=slot.import_wh,
        export_wh=slot.export_wh,
        charge_wh=slot.charge_wh,
        discharge_wh=slot.discharge_wh,
        soc_change_pct=(soc_end_pct - soc_start_pct) * slot.coverage,
        soc_start_pct=soc_start_pct,
    )


def measured_efficiency(quarters: Sequence[RealQuarter], capacity_wh: float) -> float | None:
    """Return the efficiency, the same each way, that explains what the real battery took, gave and holds.

    It solves e * charged - discharged / e = what is stored more. None where too little moved, or where no battery is
    so. Without it the others would have a battery that loses less, and the coordinator would be blamed for that.
    """
    charged = sum(quarter.charge_wh for quarter in quarters)
    discharged = sum(quarter.discharge_wh for quarter in quarters)
    if charged <= 0.0 or discharged < LEAST_CYCLES * capacity_wh:
        return None
    stored = sum(quarter.soc_change_pct for quarter in quarters) / 100.0 * capacity_wh
    efficiency = (stored + math.sqrt(stored * stored + 4.0 * charged * discharged)) / (2.0 * charged)
    return efficiency if EFFICIENCIES[0] <= efficiency <= EFFICIENCIES[1] else None


def compare(
    study: Study, quarters: Sequence[RealQuarter], market: PriceSeries, expected: Mapping[date, int], kernel: Kernel
) -> tuple[tuple[CounterfactualDay, ...], dict[str, HouseSum], float]:
    """Return every day and the sums of each of ``HOUSES``, and the gap of hindsight.

    Args:
        study: home, zone, start SoC and the value of a stored kWh; its past and prices play no part.
        quarters: those that count, in order, one at least.
        market: the day-ahead prices that the score looks at.
        expected: how many quarters each local day of the period has.
    """
    lived = {
        SELF_USE: _lived(study, quarters, market, self_use),
        MULTI_FACTOR: _lived(study, quarters, market, ScoreChoice(study)),
        IDLE_BATTERY: _lived(study, quarters, market, self_use, IDLE),
    }
    lived[PERFECT_FORESIGHT], gap = perfect_foresight(study, lived[IDLE_BATTERY], kernel)
    capacity_kwh = kwh_from_wh(study.home.capacity_wh)
    tables = {name: _table(study, period, capacity_kwh) for name, period in lived.items()}
    tables[REAL] = _real_table(study, quarters, capacity_kwh)
    sums = {name: _sum(study, tables[name], capacity_kwh) for name in HOUSES}
    days = np.array([local_date(quarter.start, study.zone).toordinal() for quarter in quarters])
    told = []
    for day in sorted(expected):
        here = days == day.toordinal()
        count = int(here.sum())
        told.append(
            CounterfactualDay(
                day=day,
                quarters=count,
                missing=expected[day] - count,
                cost={name: float(tables[name][0][here].sum()) for name in HOUSES},
            )
        )
    return tuple(told), sums, gap


def _lived(
    study: Study,
    quarters: Sequence[RealQuarter],
    market: PriceSeries,
    choose: Choose,
    code: int | None = None,
) -> LivedPeriod:
    """Return ``quarters`` as a battery of the home's size lives through them; with ``IDLE`` it does nothing."""
    home = replace(study.home, charge_max_w=0.0, discharge_max_w=0.0) if code == IDLE else study.home
    battery = IdealBattery(home, study.start_soc_pct)
    rows = []
    before: RealQuarter | None = None
    for step, quarter in enumerate(quarters):
        slot = market.at(quarter.start)
        if before is not None and before.start + MTU != quarter.start:
            before = None
        order = choose(
            Moment(
                at=quarter.start,
                step=step,
                soc_pct=battery.soc_pct,
                exportable_wh=battery.exportable_wh,
                load_w=None if before is None else before.load_w,
                pv_w=None if before is None else before.pv_w,
                market_per_mwh=None if slot is None else slot.price_per_mwh,
                export_per_kwh=quarter.export_per_kwh,
            )
        )
        before = quarter
        stretch = battery.live(quarter.start, quarter.hours, order, quarter.load_w, quarter.pv_w)
        asked_w = float("nan") if order.power_w is None else order.power_w
        mode = MODE_NAMES.index(order.mode.value) if code is None else code
        rows.append((mode, asked_w, stretch.battery_w, stretch.grid_w, stretch.curtailed_w, battery.soc_pct))
    return _period(study, quarters, np.array(rows, dtype=np.float64).reshape(-1, 6))


def _period(study: Study, quarters: Sequence[RealQuarter], table: FloatArray) -> LivedPeriod:
    def column(name: str) -> FloatArray:
        return np.array([getattr(quarter, name) for quarter in quarters], dtype=np.float64)

    hours, buy, sell = column("hours"), column("import_per_kwh"), column("export_per_kwh")
    battery_w, grid_w = table[:, 2], table[:, 3]
    return LivedPeriod(
        start_s=np.array([round(quarter.start.timestamp()) for quarter in quarters], dtype=np.int64),
        hours=hours,
        load_w=column("load_w"),
        pv_w=column("pv_w"),
        import_per_kwh=buy,
        export_per_kwh=sell,
        mode=table[:, 0].astype(np.int64),
        asked_w=table[:, 1],
        battery_w=battery_w,
        grid_w=grid_w,
        curtailed_w=table[:, 4],
        soc_pct=table[:, 5],
        energy_cost=np.where(grid_w > 0.0, grid_w * buy, grid_w * sell) / _W * hours,
        wear_cost=np.abs(battery_w) / _W * hours * study.home.wear_per_kwh,
    )


_Table = tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]
"""By quarter: cost, energy, wear, worth stored more [money]; import, export, discharge [kWh]."""


def _table(study: Study, lived: LivedPeriod, capacity_kwh: float) -> _Table:
    change_pct = np.diff(lived.soc_pct, prepend=study.start_soc_pct)
    stored = change_pct / 100.0 * capacity_kwh * study.left_value_per_kwh
    grid_kwh = lived.grid_w / _W * lived.hours
    discharged = np.maximum(lived.battery_w, 0.0) / _W * lived.hours
    return (
        lived.cost - stored, lived.energy_cost, lived.wear_cost, stored,
        np.maximum(grid_kwh, 0.0), np.maximum(-grid_kwh, 0.0), discharged,
    )  # fmt: skip


def _real_table(study: Study, quarters: Sequence[RealQuarter], capacity_kwh: float) -> _Table:
    def column(value: Callable[[RealQuarter], float]) -> FloatArray:
        return np.array([value(quarter) for quarter in quarters], dtype=np.float64)

    bought, sold = column(lambda q: kwh_from_wh(q.import_wh)), column(lambda q: kwh_from_wh(q.export_wh))
    energy = bought * column(lambda q: q.import_per_kwh) - sold * column(lambda q: q.export_per_kwh)
    wear = column(lambda q: kwh_from_wh(q.charge_wh + q.discharge_wh)) * study.home.wear_per_kwh
    stored = column(lambda q: q.soc_change_pct) / 100.0 * capacity_kwh * study.left_value_per_kwh
    discharged = column(lambda q: kwh_from_wh(q.discharge_wh))
    return energy + wear - stored, energy, wear, stored, bought, sold, discharged


def _sum(study: Study, table: _Table, capacity_kwh: float) -> HouseSum:
    _, energy, wear, stored, bought, sold, discharged = (float(column.sum()) for column in table)
    return HouseSum(
        energy=energy,
        wear=wear,
        stored_change=stored,
        import_kwh=bought,
        export_kwh=sold,
        cycles=discharged / study.home.discharge_efficiency / capacity_kwh,
    )
