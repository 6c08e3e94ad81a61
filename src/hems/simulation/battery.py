"""A battery as physics: stored energy, voltage, heat, and a management system that bounds the current.

Independent of any model a planner uses. Powers are at the pack's terminals: + discharges, − charges.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

SECONDS_PER_HOUR = 3600.0

# Open-circuit voltage of an LFP cell at rest: flat in the middle, steep at both ends.
_OCV_SOC_PCT = (0.0, 5.0, 10.0, 20.0, 30.0, 40.0, 60.0, 80.0, 90.0, 95.0, 98.0, 100.0)
_OCV_CELL_V = (2.95, 3.12, 3.19, 3.24, 3.27, 3.29, 3.31, 3.33, 3.34, 3.36, 3.40, 3.45)
_OCV_SLOPE = tuple(
    (high_v - low_v) / (high_soc - low_soc)
    for (low_soc, high_soc), (low_v, high_v) in zip(pairwise(_OCV_SOC_PCT), pairwise(_OCV_CELL_V), strict=True)
)

TAPER_START_PCT = 95.0
TAPER_END_FRACTION = 0.06  # OpenEMS finds 5-8 % of the current left at 100 %
CONVERTER_FIXED_W = 10.0
CONVERTER_SHARE = 0.012
CONVERTER_SQUARE = 0.012  # share of the power lost in addition at full power
HEAT_CAPACITY_J_PER_K_WH = 10.0
COOLING_W_PER_K_WH = 0.0008  # with the heat capacity above: a time constant of three and a half hours


@dataclass(frozen=True, slots=True, kw_only=True)
class BatterySpec:
    """One battery product. Modules in series add voltage; modules in parallel add current."""

    name: str
    summary: str
    cells_per_module: int
    module_wh: float
    in_series: bool
    module_current_a: float
    current_max_a: float
    window_min_v: float
    window_max_v: float
    charge_min_c: float = 0.0
    discharge_min_c: float = -20.0
    charge_max_c: float = 53.0
    temperature_max_c: float = 60.0
    cell_milliohm: float = 0.8
    capacity_default_wh: float = 10_240.0

    def modules(self, capacity_wh: float) -> int:
        """Return how many modules come nearest to ``capacity_wh``, at least one."""
        return max(1, round(capacity_wh / self.module_wh))


BATTERY_SPECS: dict[str, BatterySpec] = {
    spec.name: spec
    for spec in (
        BatterySpec(
            name="pack_48v",
            summary="48 V pack, 51.2 V nominal; 50 A with one module, 100 A from two",
            cells_per_module=16,
            module_wh=5_120.0,
            in_series=False,
            module_current_a=50.0,
            current_max_a=100.0,
            window_min_v=40.0,
            window_max_v=60.0,
        ),
        BatterySpec(
            name="lynx_home_u",
            summary="Lynx Home U, a 48 V pack of 5.4 kWh modules in parallel",
            cells_per_module=16,
            module_wh=5_400.0,
            in_series=False,
            module_current_a=50.0,
            current_max_a=100.0,
            window_min_v=40.0,
            window_max_v=60.0,
            capacity_default_wh=10_800.0,
        ),
        BatterySpec(
            name="lynx_home_f",
            summary="Lynx Home F G2, 64 V per module in series, 35 A",
            cells_per_module=20,
            module_wh=3_200.0,
            in_series=True,
            module_current_a=35.0,
            current_max_a=35.0,
            window_min_v=128.0,
            window_max_v=576.0,
            cell_milliohm=1.2,
            capacity_default_wh=12_800.0,
        ),
        BatterySpec(
            name="lynx_home_f_plus",
            summary="Lynx Home F Plus+, 102.4 V per module in series, 25 A",
            cells_per_module=32,
            module_wh=3_280.0,
            in_series=True,
            module_current_a=25.0,
            current_max_a=25.0,
            window_min_v=204.8,
            window_max_v=512.0,
            cell_milliohm=1.6,
            capacity_default_wh=9_840.0,
        ),
        BatterySpec(
            name="lynx_home_d",
            summary="Lynx Home D, modules with converters of their own on one 320-480 V bus",
            cells_per_module=120,
            module_wh=5_000.0,
            in_series=False,
            # No current is published for this pack in our facts: 3 kW per module at 384 V, the pace of its siblings.
            module_current_a=8.0,
            current_max_a=32.0,
            window_min_v=320.0,
            window_max_v=480.0,
            cell_milliohm=1.6,
            capacity_default_wh=15_000.0,
        ),
    )
}


def _cell_ocv_v(soc_pct: float) -> float:
    index = min(bisect_right(_OCV_SOC_PCT, soc_pct) - 1, len(_OCV_SLOPE) - 1)
    return _OCV_CELL_V[index] + (soc_pct - _OCV_SOC_PCT[index]) * _OCV_SLOPE[index]


class Battery:
    """One pack: state of charge, voltage, temperature and the limits its management system sets."""

    def __init__(
        self,
        spec: BatterySpec,
        *,
        capacity_wh: float,
        soc_pct: float,
        temperature_c: float = 22.0,
        idle_w: float = 30.0,
        protects: bool = True,
    ) -> None:
        if capacity_wh <= 0 or not 0 <= soc_pct <= 100:
            raise ValueError(
                f"a battery of {capacity_wh} Wh at {soc_pct} %: it needs a capacity above 0 and a SoC of 0-100"
            )
        self.spec = spec
        self.capacity_wh = capacity_wh
        self.idle_w = idle_w
        self.protects = protects
        self.stored_wh = capacity_wh * soc_pct / 100.0
        self.temperature_c = temperature_c
        self.modules = spec.modules(capacity_wh)
        self.cells = spec.cells_per_module * (self.modules if spec.in_series else 1)
        branches = 1 if spec.in_series else self.modules
        self.resistance_ohm = spec.cell_milliohm * 1e-3 * self.cells / branches
        self.current_max_a = min(spec.current_max_a, spec.module_current_a * branches)
        if spec.in_series:
            self.voltage_max_v = min(spec.window_max_v, 3.65 * self.cells)
            self.voltage_min_v = max(spec.window_min_v, 2.8 * self.cells)
        else:
            self.voltage_max_v, self.voltage_min_v = spec.window_max_v, spec.window_min_v
        self._design_w = self.current_max_a * 3.3 * self.cells
        self.power_w = 0.0
        self.current_a = 0.0
        self.lost_wh = 0.0
        self.voltage_v = 0.0
        # What a fault makes true of this pack, in place of the physics.
        self.forced_temperature_c: float | None = None
        self.forced_voltage_v: float | None = None
        self.forced_alarm_bits = 0
        self.charge_limit_a = 0.0
        self.discharge_limit_a = 0.0
        self.alarm_bits = 0
        self._settle(0.0)

    @property
    def soc_pct(self) -> float:
        """State of charge, 0-100 %."""
        return 100.0 * self.stored_wh / self.capacity_wh

    @property
    def cell_max_c(self) -> float:
        """Temperature of the warmest cell; the middle of a pack runs warmer the more it works."""
        return self._felt_c() + 0.6 + 1.5 * abs(self.power_w) / self._design_w

    @property
    def cell_min_c(self) -> float:
        """Temperature of the coldest cell."""
        return self._felt_c() - 0.6

    def charge_max_w(self, dt_s: float) -> float:
        """Return the most the pack takes for ``dt_s`` [W], >= 0."""
        room_w = max(0.0, self.capacity_wh - self.stored_wh) * SECONDS_PER_HOUR / dt_s
        return min(self.charge_limit_a * self.voltage_v, room_w)

    def discharge_max_w(self, dt_s: float) -> float:
        """Return the most the pack gives for ``dt_s`` [W], >= 0, its own losses covered."""
        # A tenth covers every loss that grows with power, so that the energy never goes below zero.
        left_w = self.stored_wh * SECONDS_PER_HOUR / dt_s - self.idle_w - CONVERTER_FIXED_W
        return min(self.discharge_limit_a * self.voltage_v, max(0.0, left_w / 1.1))

    def step(self, power_w: float, dt_s: float, ambient_c: float) -> None:
        """Move ``power_w`` for ``dt_s``; the caller keeps it within both maxima."""
        self._settle(power_w)
        ohmic_w = self.current_a * self.current_a * self.resistance_ohm
        converter_w = 0.0
        magnitude_w = abs(power_w)
        if magnitude_w > 0.0:
            converter_w = CONVERTER_FIXED_W + magnitude_w * (
                CONVERTER_SHARE + CONVERTER_SQUARE * min(1.0, magnitude_w / self._design_w)
            )
        loss_w = ohmic_w + converter_w + self.idle_w
        hours = dt_s / SECONDS_PER_HOUR
        # An empty pack has nothing left to idle on, and a trickle of charge cannot lose more than it brings.
        loss_w = min(loss_w, max(0.0, self.stored_wh / hours - power_w))
        self.stored_wh = min(self.capacity_wh, max(0.0, self.stored_wh - (power_w + loss_w) * hours))
        self.lost_wh += loss_w * hours
        warming_w = ohmic_w + 0.3 * converter_w
        cooling_w = COOLING_W_PER_K_WH * self.capacity_wh * (self.temperature_c - ambient_c)
        self.temperature_c += (warming_w - cooling_w) * dt_s / (HEAT_CAPACITY_J_PER_K_WH * self.capacity_wh)

    def _felt_c(self) -> float:
        return self.temperature_c if self.forced_temperature_c is None else self.forced_temperature_c

    def _settle(self, power_w: float) -> None:
        """Bring voltage, current and limits in line with ``power_w`` at the terminals."""
        self.power_w = power_w
        soc_pct = 100.0 * self.stored_wh / self.capacity_wh
        open_v = _cell_ocv_v(soc_pct) * self.cells
        # P = V * I and V = E - I * R together: V is the greater root of V^2 - E*V + P*R = 0.
        voltage_v = 0.5 * (open_v + math.sqrt(max(0.0, open_v * open_v - 4.0 * self.resistance_ohm * power_w)))
        self.current_a = power_w / voltage_v
        self.voltage_v = voltage_v if self.forced_voltage_v is None else self.forced_voltage_v
        self.refresh_limits()

    def refresh_limits(self) -> None:
        """Let the management system set its current limits and alarms from what it measures."""
        soc_pct = 100.0 * self.stored_wh / self.capacity_wh
        celsius = self._felt_c()
        alarms = self.forced_alarm_bits
        charge = discharge = self.current_max_a
        if soc_pct > TAPER_START_PCT:
            share = min(1.0, (soc_pct - TAPER_START_PCT) / (100.0 - TAPER_START_PCT))
            charge *= 1.0 - share * (1.0 - TAPER_END_FRACTION)
        if soc_pct >= 99.99:
            charge = 0.0
        elif soc_pct <= 0.01:
            discharge = 0.0
        if not self.protects:
            self.charge_limit_a, self.discharge_limit_a, self.alarm_bits = charge, discharge, 0
            return
        if celsius < 10.0 or celsius > 45.0:
            charge *= _charge_share(celsius, self.spec)
            discharge *= _discharge_share(celsius, self.spec)
            alarms |= _temperature_alarms(celsius, self.spec)
        if self.forced_voltage_v is not None:
            alarms |= (self.forced_voltage_v > self.voltage_max_v) | (self.forced_voltage_v < self.voltage_min_v) << 1
        if alarms:
            charge = 0.0 if alarms & _STOPS_CHARGE else charge
            discharge = 0.0 if alarms & _STOPS_DISCHARGE else discharge
        self.charge_limit_a, self.discharge_limit_a, self.alarm_bits = charge, discharge, alarms


# Alarm bits of register 37006 (facts of the library's BMS table) that stop one direction or both.
_STOPS_CHARGE = sum(1 << bit for bit in (0, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 15))
_STOPS_DISCHARGE = sum(1 << bit for bit in (1, 2, 5, 6, 7, 8, 9, 10, 12, 13, 14))


def _charge_share(celsius: float, spec: BatterySpec) -> float:
    if celsius < spec.charge_min_c or celsius > spec.charge_max_c:
        return 0.0
    if celsius < 5.0:
        return 0.2
    return 0.5 if celsius < 10.0 or celsius > 45.0 else 1.0


def _discharge_share(celsius: float, spec: BatterySpec) -> float:
    if celsius < spec.discharge_min_c or celsius > spec.temperature_max_c:
        return 0.0
    return 0.5 if celsius < 0.0 or celsius > 50.0 else 1.0


def _temperature_alarms(celsius: float, spec: BatterySpec) -> int:
    if celsius > spec.temperature_max_c:
        return 1 << 2 | (1 << 13 if celsius > spec.temperature_max_c + 5.0 else 0)
    return 1 << 3 if celsius < spec.discharge_min_c else 0
