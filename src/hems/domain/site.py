"""What is built into the house: the battery's windows and the inverter's abilities."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryWindow:
    """Where a battery may be operated. Voltages are of the whole pack; temperatures of the cells."""

    voltage_min_v: float
    voltage_max_v: float
    charge_current_max_a: float
    discharge_current_max_a: float
    charge_temperature_min_c: float
    discharge_temperature_min_c: float
    temperature_max_c: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSpec:
    """The house as its owner described it and its inverter confirmed it."""

    battery_capacity_wh: float
    window: BatteryWindow
    charge_max_w: float
    """The most the owner lets the coordinator charge with."""
    grid_voltage_min_v: float
    grid_voltage_max_v: float
    soc_min_pct: float
    soc_max_pct: float
    import_max_w: float = float("inf")
    """The most the connection takes from the grid: its fuse."""


class ControlMethod(StrEnum):
    """How a forced mode is put into the inverter."""

    EMS = "ems"  # two registers, exact power, no time-out of their own
    FAST_CHARGE = "fast_charge"  # ends by itself at its SoC; charging only
    ECO_SLOT = "eco_slot"  # ends by the inverter's clock, repeats on its weekday
    NONE = "none"


class Ability(StrEnum):
    """One thing an inverter can be asked for."""

    READ_BATTERY = "read_battery"
    READ_METER = "read_meter"
    CHARGE_AT_POWER = "charge_at_power"
    DISCHARGE_AT_POWER = "discharge_at_power"
    HOLD = "hold"
    NO_CHARGE = "no_charge"
    STANDBY = "standby"
    SELF_USE = "self_use"
    EXPORT_LIMIT = "export_limit"
    FAST_CHARGE = "fast_charge"
    ECO_SLOTS = "eco_slots"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What the connected inverter can do; what is not named it cannot."""

    abilities: frozenset[Ability]
    control: ControlMethod
    refusals: tuple[tuple[Ability, str], ...] = ()
    """For each ability the family lacks, one sentence for the owner."""

    def can(self, ability: Ability) -> bool:
        """Return whether the inverter has ``ability``."""
        return ability in self.abilities

    def why_not(self, ability: Ability) -> str:
        """Return the sentence that says why ``ability`` is missing."""
        return dict(self.refusals).get(ability, f"this inverter has no {ability.value.replace('_', ' ')}")


@dataclass(frozen=True, slots=True, kw_only=True)
class InverterIdentity:
    """Which device answered."""

    family: str
    model: str
    serial_number: str
    firmware: str
    rated_power_w: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedBatteryLimits:
    """The battery limits set in the inverter; None where it does not report one."""

    voltage_min_v: float | None = None
    voltage_max_v: float | None = None
    charge_current_max_a: float | None = None
    discharge_current_max_a: float | None = None
    measured_voltage_v: float | None = None
