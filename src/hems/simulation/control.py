"""What an inverter makes of its settings: EMS modes, fast charge, eco slots, floors; independent of registers.

Each device model decodes its registers into ``Settings``; ``Controller`` turns them, the clock and the SoC into the
``Order`` the house obeys. Which of EMS, fast charge and eco goes first is not documented by the maker, so it is a
parameter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from hems.simulation.house import Order, Rule

FLOOR_HYSTERESIS_PCT = 5.0
"""Discharge resumes only this far above the minimum SoC: measured on a GW8KN-ET."""

FORCED_CHARGE_W = 1000.0
BACKUP_GRID_SHARE = 0.1


class Function(StrEnum):
    """The functions that compete for the battery."""

    FAST_CHARGE = "fast_charge"
    EMS = "ems"
    ECO = "eco"


DEFAULT_PRIORITY = (Function.FAST_CHARGE, Function.EMS, Function.ECO)


@dataclass(frozen=True, slots=True, kw_only=True)
class EcoSlot:
    """One slot: minutes of the inverter's own day, weekdays (bit 0 = Sunday), months (bit 0 = January)."""

    start_min: int
    end_min: int
    days: int
    months: int
    power_share: float
    """Of rated power; negative charges."""
    soc_pct: float

    def covers(self, clock: datetime) -> bool:
        """Return whether the slot is in force at ``clock``, the inverter's own local time.

        A slot whose end lies before its start runs over midnight and belongs to the day it began on.
        """
        minute = clock.hour * 60 + clock.minute
        if self.start_min <= self.end_min:
            # The end minute itself belongs to the slot: 00:00-23:59 is a whole day.
            return self.start_min <= minute <= self.end_min and self._on_day(clock)
        if minute >= self.start_min:
            return self._on_day(clock)
        return minute <= self.end_min and self._on_day(clock - timedelta(days=1))

    def _on_day(self, day: datetime) -> bool:
        weekday = (day.weekday() + 1) % 7
        in_month = self.months in (0, 0x0FFF) or bool(self.months >> (day.month - 1) & 1)
        return bool(self.days >> weekday & 1) and in_month


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The control settings of any family, decoded."""

    work_mode: int = 0
    ems_mode: int = 1
    ems_power_w: float = 0.0
    fast_charge_on: bool = False
    fast_charge_soc_pct: float = 100.0
    fast_charge_share: float = 1.0
    eco_slots: tuple[EcoSlot, ...] = ()
    soc_min_pct: float = 10.0
    soc_min_island_pct: float = 10.0
    soc_max_pct: float = 100.0
    charge_limit_a: float = float("inf")
    discharge_limit_a: float = float("inf")
    export_limit_w: float | None = None
    peak_limit_w: float = 0.0
    peak_reserve_pct: float = 0.0
    force_start_pct: float = 5.0
    force_stop_pct: float = 10.0
    stopped: bool = False


# EMS mode -> (rule, sign of the power set in the house's convention). Modes as the maker describes them.
_EMS_RULES: dict[int, tuple[Rule, float]] = {
    1: (Rule.SELF_USE, 0.0),
    2: (Rule.STORE_PV_AND, 1.0),
    3: (Rule.BATTERY_AT, 1.0),
    4: (Rule.INVERTER_AT, -1.0),
    5: (Rule.INVERTER_AT, 1.0),
    6: (Rule.RESERVE, 0.0),
    7: (Rule.SELF_USE, 0.0),
    8: (Rule.BATTERY_AT, 0.0),
    9: (Rule.GRID_AT, 1.0),
    10: (Rule.GRID_AT, -1.0),
    11: (Rule.BATTERY_AT, -1.0),
    12: (Rule.BATTERY_AT, 1.0),
    255: (Rule.STOP, 0.0),
}
EMS_MODES = frozenset(_EMS_RULES)


def ems_order(mode: int, power_w: float) -> Order:
    """Return what EMS mode ``mode`` (one of ``EMS_MODES``) with ``power_w`` >= 0 asks for."""
    rule, sign = _EMS_RULES[mode]
    return Order(rule=rule, power_w=sign * power_w, island=mode == 7, battery_first=mode == 12)


class Controller:
    """Keeps what has a memory (floor hysteresis, forced charge) and gives the order of the moment."""

    def __init__(self, rated_w: float, priority: tuple[Function, ...] = DEFAULT_PRIORITY) -> None:
        if set(priority) != set(Function):
            raise ValueError(f"priority {priority}: name fast_charge, ems and eco, each once")
        self._rated_w = rated_w
        self._priority = priority
        self._at_floor = False
        self._at_island_floor = False
        self._forced = False
        self._settings: Settings | None = None
        self._bounded: dict[Order, Order] = {}
        self._choices: dict[Function, Callable[[Settings, datetime, float], Order | None]] = {
            Function.FAST_CHARGE: self._fast_charge,
            Function.EMS: self._ems,
            Function.ECO: self._eco,
        }

    @property
    def forced_charging(self) -> bool:
        """Whether the inverter charges an exhausted battery on its own."""
        return self._forced

    def order(self, settings: Settings, clock: datetime, soc_pct: float, meter_ok: bool) -> Order:
        """Return the order of the moment; ``clock`` is the inverter's own local time."""
        if settings is not self._settings:
            self._settings, self._bounded = settings, {}
        self._remember(settings, soc_pct)
        wish = self._wish(settings, clock, soc_pct)
        if not meter_ok and wish.rule in (Rule.SELF_USE, Rule.GRID_AT, Rule.PEAK_SHAVING) and not wish.island:
            # Nothing to regulate by: the battery rests until the meter is back.
            wish = Order(rule=Rule.BATTERY_AT, power_w=0.0)
        if self._forced and not (wish.rule is Rule.BATTERY_AT and wish.power_w < -FORCED_CHARGE_W):
            wish = Order(rule=Rule.BATTERY_AT, power_w=-FORCED_CHARGE_W, island=wish.island)
        bounded = self._bounded.get(wish)
        may_discharge, may_charge = not self._at_floor, soc_pct < settings.soc_max_pct
        may_island = not self._at_island_floor
        if (
            bounded is None
            or bounded.may_discharge != may_discharge
            or bounded.may_charge != may_charge
            or bounded.may_discharge_island != may_island
        ):
            bounded = self._bounded[wish] = replace(
                wish,
                charge_limit_a=settings.charge_limit_a,
                discharge_limit_a=settings.discharge_limit_a,
                may_discharge=may_discharge and wish.rule is not Rule.RESERVE,
                may_charge=may_charge,
                may_discharge_island=may_island,
                export_limit_w=settings.export_limit_w,
            )
        return bounded

    def _remember(self, settings: Settings, soc_pct: float) -> None:
        if soc_pct <= settings.soc_min_pct:
            self._at_floor = True
        elif soc_pct >= min(settings.soc_min_pct + FLOOR_HYSTERESIS_PCT, 100.0):
            self._at_floor = False
        if soc_pct <= settings.soc_min_island_pct:
            self._at_island_floor = True
        elif soc_pct >= min(settings.soc_min_island_pct + FLOOR_HYSTERESIS_PCT, 100.0):
            self._at_island_floor = False
        if soc_pct <= settings.force_start_pct:
            self._forced = True
        elif soc_pct >= settings.force_stop_pct:
            self._forced = False

    def _wish(self, settings: Settings, clock: datetime, soc_pct: float) -> Order:
        if settings.stopped:
            return Order(rule=Rule.STOP)
        for function in self._priority:
            wish = self._choices[function](settings, clock, soc_pct)
            if wish is not None:
                return wish
        if settings.work_mode == 1:
            return _ISLAND
        if settings.work_mode == 2:
            return Order(rule=Rule.RESERVE, power_w=BACKUP_GRID_SHARE * self._rated_w)
        if settings.work_mode == 4:
            return Order(
                rule=Rule.PEAK_SHAVING,
                power_w=settings.peak_limit_w,
                refill_below_reserve=soc_pct < settings.peak_reserve_pct,
            )
        return _SELF_USE

    def _fast_charge(self, settings: Settings, _clock: datetime, soc_pct: float) -> Order | None:
        if not settings.fast_charge_on or soc_pct >= settings.fast_charge_soc_pct:
            return None
        return Order(rule=Rule.BATTERY_AT, power_w=-settings.fast_charge_share * self._rated_w)

    def _ems(self, settings: Settings, _clock: datetime, _soc_pct: float) -> Order | None:
        return None if settings.ems_mode == 1 else ems_order(settings.ems_mode, settings.ems_power_w)

    def _eco(self, settings: Settings, clock: datetime, soc_pct: float) -> Order | None:
        if settings.work_mode != 3:
            return None
        for slot in settings.eco_slots:
            if slot.covers(clock):
                power_w = slot.power_share * self._rated_w
                if power_w < 0.0 and soc_pct >= slot.soc_pct:
                    return _REST  # charged as asked: the battery is kept for what comes after the slot
                return Order(rule=Rule.BATTERY_AT, power_w=power_w)
        return None


_SELF_USE = Order()
_ISLAND = Order(island=True)
_REST = Order(rule=Rule.BATTERY_AT, power_w=0.0)
