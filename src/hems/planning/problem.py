"""From what is known and expected to the kernel's numbers; what cannot be used is refused by name, never invented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite

from hems.domain.command import Mode
from hems.domain.forecast import QUANTILE_LEVELS, EnergyForecast
from hems.domain.outlook import HomeModel, Outlook
from hems.domain.plan import NoPlan
from hems.domain.time_grid import MTU
from hems.domain.units import kw_from_w, kwh_from_wh
from hems.planning.kernel import CUT_NOTHING, CUT_SURPLUS, Limits
from hems.planning.kernel_modes import ANY_ORIGIN, Store
from hems.planning.kernel_rolling import Settings, end_value, fill_tube, widen

PV_LEVEL_OF = (4, 3, 2, 1, 0)
"""Which PV level goes with each load level: much load with little sun, so that the net load has its whole spread."""

UNBOUNDED_KW = 1000.0
"""Stands for a missing limit: no home's connection reaches it."""

READING_STEP_PCT = 1.0
"""Inverters tell the SoC in whole percents: a battery within one of its reserve has it."""

LEAST_GAP = 1e-6
"""A certificate below this [money] is rounding."""

_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanningOptions:
    """How plans are made."""

    horizon: timedelta = timedelta(hours=36)
    """24, 36 and 48 h were found equal within 0.2 points of the saving; 36 always sees the next evening."""
    change_price: float = 0.005
    """What a change of mode counts [money]: keeps modes steady where every quarter has its own price."""
    spread: float = 1.5
    """How much wider than the forecast's levels the scenarios lie. Each slot's are drawn by themselves, while real
    errors last for hours, and their sum strays further: found on home A (docs/planning.md), 1.3 to 1.7 are alike."""
    power_levels: int = 4
    """Into how many steps the charge and the discharge power are divided."""
    most_pieces: int = 48
    gap_share_max: float = 0.002
    """A certificate above this share of the saving calls for the grid programme."""
    recharge_within: timedelta = timedelta(hours=2)
    """A battery below its reserve is back there, at the cheapest moment, within this."""
    recharge_at_once_below_pct: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """T slots and K scenarios as the kernel takes them: kW, kWh, money per kWh; + stores."""

    at: datetime
    starts: tuple[datetime, ...]
    ends: tuple[datetime, ...]
    hours: list[float]
    buy: list[float]
    sell: list[float]
    wear: list[float]
    load: list[list[float]]
    """K rows of T."""
    pv: list[list[float]]
    expected_load: list[float]
    expected_pv: list[float]
    low: list[float]
    """The tube of stored energy, T + 1."""
    high: list[float]
    stored: float
    limits: Limits
    store: Store
    exportable: float
    cut: int
    end_value: float
    """What a kWh left at the end is worth."""
    home: HomeModel
    day_ends: tuple[datetime, ...] = ()
    remarks: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.hours)


def build_problem(outlook: Outlook, at: datetime, soc_pct: float | None, options: PlanningOptions) -> Problem | NoPlan:
    """Return the problem of ``outlook`` from ``at`` on, or why there can be none.

    The horizon ends where the first of prices, load and PV ends or is no number; what is cut off is remarked.
    """
    home = outlook.home
    refused = [*faults_of(home), *_refused_soc(soc_pct)]
    if refused or soc_pct is None:
        return NoPlan(at=at, remarks=tuple(refused))
    skip = (at - outlook.start) // MTU
    if skip < 0 or skip >= len(outlook):
        return NoPlan(at=at, remarks=(f"prices: none is known for {at:%Y-%m-%d %H:%M} UTC",))
    first = outlook.start + skip * MTU
    wanted = min(len(outlook) - skip, options.horizon // MTU)
    lengths = {"prices": _finite(skip, wanted, [outlook.import_per_kwh, outlook.export_per_kwh])}
    for name, forecast in (("load forecast", outlook.load), ("PV forecast", outlook.pv)):
        lengths[name] = 0 if forecast is None else _finite((first - forecast.start) // MTU, wanted, forecast.levels_w)
    slots = min(lengths.values())
    remarks = [
        f"{name}: nothing usable from {first + length * MTU:%Y-%m-%d %H:%M} UTC on"
        for name, length in lengths.items()
        if length < wanted
    ]
    if slots == 0 or outlook.load is None or outlook.pv is None:
        return NoPlan(at=at, remarks=tuple(remarks))
    hours = [MTU.total_seconds() / _SECONDS_PER_HOUR] * slots
    hours[0] = max((first + MTU - at).total_seconds(), 1.0) / _SECONDS_PER_HOUR
    load = _rows(outlook.load, first, slots, range(len(QUANTILE_LEVELS)))
    pv = _rows(outlook.pv, first, slots, PV_LEVEL_OF)
    expected_load, load, is_load_certain = _widened(load, options.spread)
    expected_pv, pv, is_pv_certain = _widened(pv, options.spread)
    if is_load_certain and is_pv_certain:
        load, pv = load[:1], pv[:1]
    buy = list(outlook.import_per_kwh[skip : skip + slots])
    stored = kwh_from_wh(home.capacity_wh) * soc_pct / 100.0
    low, high = _tube(home, soc_pct, hours, options)
    return Problem(
        at=at,
        starts=(at, *(first + i * MTU for i in range(1, slots))),
        ends=tuple(first + i * MTU for i in range(1, slots + 1)),
        hours=hours,
        buy=buy,
        sell=list(outlook.export_per_kwh[skip : skip + slots]),
        wear=[home.wear_per_kwh] * slots,
        load=load,
        pv=pv,
        expected_load=expected_load,
        expected_pv=expected_pv,
        low=low,
        high=high,
        stored=stored,
        limits=limits_of(home),
        store=store_of(home, soc_pct),
        exportable=kwh_from_wh(home.exportable_wh) if home.no_grid_energy_into_export else ANY_ORIGIN,
        cut=CUT_SURPLUS if home.can_limit_export else CUT_NOTHING,
        end_value=end_value(buy, slots, limits_of(home), home.wear_per_kwh),
        home=home,
        day_ends=outlook.day_ends,
        remarks=tuple(remarks),
    )


def faults_of(home: HomeModel) -> list[str]:
    """Return what of the home cannot be planned with."""
    refused = []
    if not (isfinite(home.capacity_wh) and home.capacity_wh > 0.0):
        refused.append(f"battery capacity {home.capacity_wh:g} Wh: there is nothing to plan with")
    for name in ("charge_efficiency", "discharge_efficiency"):
        share = getattr(home, name)
        if not 0.0 < share <= 1.0:
            refused.append(f"{name.replace('_', ' ')} {share:g}: must be above 0, at most 1")
    names = ("wear_per_kwh", "floor_pct", "reserve_pct", "ceiling_pct")
    refused.extend(f"{name.replace('_', ' ')}: not a number" for name in names if not isfinite(getattr(home, name)))
    return refused


def _refused_soc(soc_pct: float | None) -> list[str]:
    if soc_pct is None:
        return ["SoC: unknown"]
    return [] if 0.0 <= soc_pct <= 100.0 else [f"SoC {soc_pct:g} %: cannot be right"]


def _finite(skip: int, wanted: int, rows: Sequence[Sequence[float]]) -> int:
    """Return how many slots from ``skip`` on are numbers in every row, at most ``wanted``."""
    if skip < 0:
        return 0
    length = min(wanted, *(len(row) - skip for row in rows))
    for i in range(max(length, 0)):
        if not all(isfinite(row[skip + i]) for row in rows):
            return i
    return max(length, 0)


def _rows(forecast: EnergyForecast, first: datetime, slots: int, levels: Sequence[int]) -> list[list[float]]:
    """Return one row per scenario [kW]; a power below zero is none."""
    skip = (first - forecast.start) // MTU
    return [[max(kw_from_w(watts), 0.0) for watts in forecast.levels_w[i][skip : skip + slots]] for i in levels]


def _widened(rows: list[list[float]], spread: float) -> tuple[list[float], list[list[float]], bool]:
    """Return the mean of ``rows``, the rows drawn apart from it by ``spread``, and whether all are the same."""
    slots = len(rows[0])
    mean, wide = [0.0] * slots, [[0.0] * slots for _ in rows]
    is_certain = widen(rows, slots, spread, False, mean, wide)
    return mean, wide, is_certain


def limits_of(home: HomeModel) -> Limits:
    """Return the limits in kW; one that is no number bounds to zero, an unlimited connection is a very wide one."""

    def bounded(power_w: float) -> float:
        return min(max(kw_from_w(power_w), 0.0), UNBOUNDED_KW) if power_w == power_w else 0.0

    return (
        bounded(home.charge_max_w),
        bounded(home.discharge_max_w),
        home.charge_efficiency,
        home.discharge_efficiency,
        bounded(home.import_max_w),
        bounded(home.export_max_w),
    )


def store_of(home: HomeModel, soc_pct: float) -> Store:
    """Return the store in kWh; an SoC outside its window opens the window to it."""
    capacity = kwh_from_wh(home.capacity_wh)
    return (
        capacity,
        capacity * min(home.floor_pct, soc_pct) / 100.0,
        capacity * max(home.ceiling_pct, soc_pct) / 100.0,
        home.taper_from_pct / 100.0,
    )


def settings_of(home: HomeModel, options: PlanningOptions) -> Settings:
    """Return what the kernel's rolling step has to know of the options, in kWh and hours."""
    capacity = kwh_from_wh(home.capacity_wh)
    return (
        options.spread,
        options.change_price,
        options.gap_share_max,
        LEAST_GAP,
        options.recharge_within.total_seconds() / _SECONDS_PER_HOUR,
        capacity * options.recharge_at_once_below_pct / 100.0,
        capacity * READING_STEP_PCT / 100.0,
        max(kw_from_w(home.charge_max_w), 0.0) * home.charge_efficiency if Mode.CHARGE in home.modes else 0.0,
    )


def reserve_kwh(home: HomeModel) -> float:
    """Return what the plan does not go below by its own will [kWh]."""
    return kwh_from_wh(home.capacity_wh) * max(home.reserve_pct, home.floor_pct) / 100.0


def _tube(
    home: HomeModel, soc_pct: float, hours: list[float], options: PlanningOptions
) -> tuple[list[float], list[float]]:
    """Return the least and the most that may be stored at every slot's edge [kWh]: see `kernel_rolling.fill_tube`."""
    capacity = kwh_from_wh(home.capacity_wh)
    low, high = [0.0] * (len(hours) + 1), [0.0] * (len(hours) + 1)
    fill_tube(
        capacity * soc_pct / 100.0, reserve_kwh(home), capacity * home.ceiling_pct / 100.0, hours, len(hours),
        settings_of(home, options), low, high,
    )  # fmt: skip
    return low, high
