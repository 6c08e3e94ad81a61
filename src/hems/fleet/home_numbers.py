"""From the columns of a fleet's table to each home's numbers; what cannot be is refused by name, home by home."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from hems.fleet import batch_kernel as kernel
from hems.fleet.homes import FloatArray, IntArray
from hems.planning.kernel import CUT_NOTHING, CUT_SURPLUS, NO_BATTERY_EXPORT, NO_GRID_CHARGE


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeDefaults:
    """What holds for a home whose row does not say; kW, kWh, percent, money per kWh. Also the table's columns."""

    battery_kwh: float = 10.0
    charge_kw: float = 5.0
    discharge_kw: float = 5.0
    efficiency: float = 0.95
    """Each way."""
    wear: float = 0.05
    import_kw: float = 11.0
    export_kw: float = 8.0
    floor_pct: float = 10.0
    reserve_pct: float = 10.0
    ceiling_pct: float = 100.0
    soc_pct: float = 50.0
    curtail: bool = True
    """Whether PV may be curtailed where selling costs money."""
    no_battery_export: bool = False
    no_grid_charge: bool = False


NUMBERS = tuple(field.name for field in fields(HomeDefaults))
ALIASES = {"min_soc": "floor_pct", "reserve_soc": "reserve_pct", "max_soc": "ceiling_pct", "start_soc": "soc_pct"}
"""Columns named as the options of ``hems backtest``."""

_RANGES: Mapping[str, tuple[float, float]] = {
    "battery_kwh": (0.0, 100_000.0),
    "charge_kw": (0.0, 100_000.0),
    "discharge_kw": (0.0, 100_000.0),
    "efficiency": (0.5, 1.0),
    "wear": (0.0, 10.0),
    "import_kw": (0.0, 100_000.0),
    "export_kw": (0.0, 100_000.0),
    "floor_pct": (0.0, 100.0),
    "reserve_pct": (0.0, 100.0),
    "ceiling_pct": (0.0, 100.0),
    "soc_pct": (0.0, 100.0),
    "curtail": (0.0, 1.0),
    "no_battery_export": (0.0, 1.0),
    "no_grid_charge": (0.0, 1.0),
}


def check(defaults: HomeDefaults) -> list[str]:
    """Return what of ``defaults`` cannot be."""
    columns = {name: np.array([float(getattr(defaults, name))]) for name in NUMBERS}
    return list(faults(columns).values())


def faults(columns: Mapping[str, FloatArray]) -> dict[int, str]:
    """Return by row why a home cannot be planned with; columns of ``NUMBERS``, shape (N,)."""
    found: dict[int, str] = {}
    for name, (least, most) in _RANGES.items():
        values = columns[name]
        is_wrong = ~((values >= least) & (values <= most))
        for row in np.flatnonzero(is_wrong).tolist():
            found.setdefault(row, f"{name} {values[row]:g}: from {least:g} to {most:g} is allowed")
    is_upside_down = columns["floor_pct"] >= columns["ceiling_pct"]
    for row in np.flatnonzero(is_upside_down).tolist():
        floor, ceiling = columns["floor_pct"][row], columns["ceiling_pct"][row]
        found.setdefault(row, f"floor_pct {floor:g}: must be below ceiling_pct {ceiling:g}")
    return found


def numbers_of(columns: Mapping[str, FloatArray], hours: FloatArray) -> tuple[FloatArray, IntArray]:
    """Return the kernel's ``numbers`` and ``wholes``, slots and prices not yet filled in.

    An SoC outside its window opens the window to it: it is never drawn further out. Below the reserve, the plan brings
    it back there (`batch_kernel.fill_home`).
    """
    count = len(hours)
    numbers = np.zeros((count, kernel.HOME_NUMBERS))
    capacity = columns["battery_kwh"]
    stored = capacity * columns["soc_pct"] / 100.0
    reserve = capacity * np.maximum(columns["floor_pct"], columns["reserve_pct"]) / 100.0
    ceiling = capacity * columns["ceiling_pct"] / 100.0
    by_place: dict[int, NDArray[np.float64]] = {
        kernel.CAPACITY: capacity,
        kernel.CHARGE: columns["charge_kw"],
        kernel.DISCHARGE: columns["discharge_kw"],
        kernel.CHARGE_EFFICIENCY: columns["efficiency"],
        kernel.DISCHARGE_EFFICIENCY: columns["efficiency"],
        kernel.IMPORT: columns["import_kw"],
        kernel.EXPORT: columns["export_kw"],
        kernel.WEAR: columns["wear"],
        kernel.STORED: stored,
        kernel.LOW: np.minimum(np.minimum(reserve, ceiling), stored),
        kernel.HIGH: np.maximum(ceiling, stored),
        kernel.HOURS: hours,
        kernel.RESERVE: np.minimum(reserve, ceiling),
    }
    for place, values in by_place.items():
        numbers[:, place] = values
    wholes = np.zeros((count, kernel.HOME_WHOLES), np.int64)
    wholes[:, kernel.CUT] = np.where(columns["curtail"] > 0.0, CUT_SURPLUS, CUT_NOTHING)
    wholes[:, kernel.LOCK] = NO_BATTERY_EXPORT * (columns["no_battery_export"] > 0.0)
    wholes[:, kernel.LOCK] += NO_GRID_CHARGE * (columns["no_grid_charge"] > 0.0)
    return numbers, wholes
