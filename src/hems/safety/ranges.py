"""What a reading can be at all: a value outside is unknown, and a note says so."""

from __future__ import annotations

import math
from dataclasses import replace

from hems.domain.readings import BatteryReading, GridReading, LoadReading, PvReading, SiteSnapshot

_POWER_MAX_W = 200_000.0  # the largest inverter of these families has 100 kW
_GRID_MAX_V = 500.0  # phase to phase 400 V, with room for a fault that must not be thrown away
_BATTERY_MAX_V = 1000.0
_CURRENT_MAX_A = 500.0
_TEMPERATURE_MIN_C, _TEMPERATURE_MAX_C = -60.0, 150.0


def without_impossible_values(snapshot: SiteSnapshot) -> tuple[SiteSnapshot, list[str]]:
    """Return ``snapshot`` with impossible values made unknown, and a note for each; the same one where all is well."""
    notes: list[str] = []
    pv = _checked_pv(snapshot.pv, notes)
    battery = _checked_battery(snapshot.battery, notes)
    grid = _checked_grid(snapshot.grid, notes)
    load = _checked_load(snapshot.load, notes)
    if not notes:
        return snapshot, notes
    return replace(snapshot, pv=pv, battery=battery, grid=grid, load=load), notes


def _within(value: float | None, low: float, high: float) -> bool:
    return value is None or low <= value <= high  # NaN lies within nothing


def _note(notes: list[str], name: str, value: float | None, unit: str) -> None:
    shown = "not a number" if value is None or math.isnan(value) else f"{value:.6g} {unit}"
    notes.append(f"{name} {shown} is impossible: unknown")


def _checked_pv(pv: PvReading, notes: list[str]) -> PvReading:
    if _within(pv.power_w, 0.0, _POWER_MAX_W):
        return pv
    _note(notes, "PV power", pv.power_w, "W")
    return replace(pv, power_w=None)


def _checked_load(load: LoadReading, notes: list[str]) -> LoadReading:
    if _within(load.power_w, 0.0, _POWER_MAX_W):
        return load
    _note(notes, "house load", load.power_w, "W")
    return replace(load, power_w=None)


def _checked_battery(battery: BatteryReading, notes: list[str]) -> BatteryReading:
    if not _within(battery.soc_pct, 0.0, 100.0):
        _note(notes, "SoC", battery.soc_pct, "%")
        battery = replace(battery, soc_pct=None)
    if not _within(battery.power_w, -_POWER_MAX_W, _POWER_MAX_W):
        _note(notes, "battery power", battery.power_w, "W")
        battery = replace(battery, power_w=None)
    voltage = battery.voltage_v
    if voltage is not None and not 0.0 < voltage <= _BATTERY_MAX_V:  # exactly 0 is a sensor that is not there
        _note(notes, "battery voltage", voltage, "V")
        battery = replace(battery, voltage_v=None)
    if not _within(battery.temperature_c, _TEMPERATURE_MIN_C, _TEMPERATURE_MAX_C):
        _note(notes, "battery temperature", battery.temperature_c, "°C")
        battery = replace(battery, temperature_c=None)
    low, high = battery.cell_temperature_min_c, battery.cell_temperature_max_c
    for name, value in (("coldest cell", low), ("hottest cell", high)):
        if not _within(value, _TEMPERATURE_MIN_C, _TEMPERATURE_MAX_C):
            _note(notes, name, value, "°C")
            battery = replace(battery, cell_temperature_min_c=None, cell_temperature_max_c=None)
    if not _within(battery.charge_limit_a, 0.0, _CURRENT_MAX_A):
        _note(notes, "charge current limit", battery.charge_limit_a, "A")
        battery = replace(battery, charge_limit_a=None)
    if not _within(battery.discharge_limit_a, 0.0, _CURRENT_MAX_A):
        _note(notes, "discharge current limit", battery.discharge_limit_a, "A")
        battery = replace(battery, discharge_limit_a=None)
    return battery


def _checked_grid(grid: GridReading, notes: list[str]) -> GridReading:
    if not _within(grid.power_w, -_POWER_MAX_W, _POWER_MAX_W):
        _note(notes, "grid power", grid.power_w, "W")
        grid = replace(grid, power_w=None)
    if all(_within(volts, 0.0, _GRID_MAX_V) for volts in grid.voltage_v):
        return grid
    for phase, volts in enumerate(grid.voltage_v, start=1):
        if not _within(volts, 0.0, _GRID_MAX_V):
            _note(notes, f"grid voltage of L{phase}", volts, "V")
    kept = tuple(volts if _within(volts, 0.0, _GRID_MAX_V) else None for volts in grid.voltage_v)
    return replace(grid, voltage_v=kept)
