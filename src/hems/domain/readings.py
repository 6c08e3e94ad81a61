"""What the house measures, frozen once per cycle.

Sign, everywhere: positive delivers power to the house. ``pv_w`` >= 0; battery + discharges, − charges; grid + imports,
− exports; load >= 0; so pv + battery + grid is the load. A missing value is ``None`` and means *unknown*, never zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class Quality(StrEnum):
    """How far a reading may be trusted."""

    GOOD = "good"
    SUSPECT = "suspect"  # arrived, but contradicts another reading or its own past
    MISSING = "missing"  # did not arrive


class BmsAlarm(StrEnum):
    """Alarms of the battery's own management system, in the field's words."""

    CHARGE_OVER_VOLTAGE = "charge_over_voltage"
    DISCHARGE_UNDER_VOLTAGE = "discharge_under_voltage"
    CELL_HOT = "cell_hot"
    CELL_COLD = "cell_cold"
    CHARGE_OVER_CURRENT = "charge_over_current"
    DISCHARGE_OVER_CURRENT = "discharge_over_current"
    PRECHARGE_FAULT = "precharge_fault"
    DC_BUS_FAULT = "dc_bus_fault"
    BATTERY_BREAK = "battery_break"
    BATTERY_LOCK = "battery_lock"
    DISCHARGE_CIRCUIT_FAULT = "discharge_circuit_fault"
    CHARGE_CIRCUIT_FAULT = "charge_circuit_fault"
    COMMUNICATION_FAULT = "communication_fault"
    CELL_HOT_CRITICAL = "cell_hot_critical"
    UNDER_VOLTAGE_CRITICAL = "under_voltage_critical"
    OVER_VOLTAGE_CRITICAL = "over_voltage_critical"


class InverterFlag(StrEnum):
    """Conditions an inverter reports about itself that bound what may be asked of it."""

    CHARGE_DISABLED = "charge_disabled"
    DISCHARGE_DISABLED = "discharge_disabled"
    METER_LOST = "meter_lost"
    BATTERY_DISCONNECTED = "battery_disconnected"
    EMERGENCY_CHARGING = "emergency_charging"


class WorkState(StrEnum):
    """What the inverter is doing as a machine."""

    WAITING = "waiting"
    ON_GRID = "on_grid"
    OFF_GRID = "off_grid"
    FAULT = "fault"
    UPDATING = "updating"
    CHECKING = "checking"


@dataclass(frozen=True, slots=True, kw_only=True)
class PvReading:
    """PV production at ``at``."""

    at: datetime
    quality: Quality
    power_w: float | None = None
    string_power_w: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryReading:
    """The battery and its management system at ``at``. ``power_w`` and ``current_a``: + discharges, − charges."""

    at: datetime
    quality: Quality
    soc_pct: float | None = None
    soh_pct: float | None = None
    power_w: float | None = None
    voltage_v: float | None = None
    current_a: float | None = None
    temperature_c: float | None = None
    cell_temperature_min_c: float | None = None
    cell_temperature_max_c: float | None = None
    charge_limit_a: float | None = None
    discharge_limit_a: float | None = None
    alarms: frozenset[BmsAlarm] = frozenset()
    warning_bits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GridReading:
    """The grid connection at ``at``. ``power_w``: + imports, − exports."""

    at: datetime
    quality: Quality
    power_w: float | None = None
    voltage_v: tuple[float | None, ...] = ()
    """Per phase [V]; one entry on a single-phase inverter."""
    frequency_hz: float | None = None
    connected: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReading:
    """What the house uses at ``at``, backup circuits included."""

    at: datetime
    quality: Quality
    power_w: float | None = None
    backup_power_w: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InverterReading:
    """The inverter as a machine at ``at``."""

    at: datetime
    quality: Quality
    state: WorkState | None = None
    temperature_c: float | None = None
    error_bits: int = 0
    flags: frozenset[InverterFlag] = frozenset()
    clock: datetime | None = None
    """The inverter's own clock as it reads, naive local time turned to UTC by the adapter; it drifts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyCounters:
    """Lifetime energy counters of the inverter [Wh]; None where the device does not count."""

    pv_wh: float | None = None
    import_wh: float | None = None
    export_wh: float | None = None
    load_wh: float | None = None
    charge_wh: float | None = None
    discharge_wh: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSnapshot:
    """The process image: all that one poll learnt, frozen."""

    at: datetime
    pv: PvReading
    battery: BatteryReading
    grid: GridReading
    load: LoadReading
    inverter: InverterReading
    counters: EnergyCounters = field(default_factory=EnergyCounters)
    notes: tuple[str, ...] = ()
    """What a plausibility check changed or doubted, for a person to read."""

    def age(self, now: datetime) -> timedelta:
        """Return how old this snapshot is at ``now``."""
        return now - self.at


def unknown_snapshot(at: datetime, note: str) -> SiteSnapshot:
    """Return a snapshot in which nothing is known, because of ``note``."""
    missing = Quality.MISSING
    return SiteSnapshot(
        at=at,
        pv=PvReading(at=at, quality=missing),
        battery=BatteryReading(at=at, quality=missing),
        grid=GridReading(at=at, quality=missing),
        load=LoadReading(at=at, quality=missing),
        inverter=InverterReading(at=at, quality=missing),
        notes=(note,),
    )
