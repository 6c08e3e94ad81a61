"""The rules over the battery: temperature, voltage, SoC, its management system's alarms, and what is unknown.

A value exactly on a limit is allowed; limits are those of the connected battery (``BatteryWindow``).
Source: the users' documentation, section E1; the battery limits and alarm bits of the GoodWe BMS.
"""

from __future__ import annotations

from hems.domain.readings import BatteryReading, BmsAlarm, InverterFlag, Quality
from hems.domain.safety import Bounds, Cause
from hems.safety.rule import (
    CANNOT_TELL,
    NO_FORCED_CHARGE,
    NO_FORCED_DISCHARGE,
    STOP_BATTERY,
    STOP_CHARGE,
    STOP_DISCHARGE,
    STOP_FORCED,
    STOP_FORCED_AND_CHARGE,
    STOP_FORCED_AND_DISCHARGE,
    Check,
    Rule,
    RuleInput,
    Tell,
)


def cell_temperatures(battery: BatteryReading) -> tuple[float | None, float | None]:
    """Return the coldest and hottest cell [°C], None where not measured.

    Both exactly 0 means "not available": a BMS without cell sensors answers so (seen on GW10K and GW25K).
    """
    low, high = battery.cell_temperature_min_c, battery.cell_temperature_max_c
    if low == 0 and high == 0:
        return None, None
    return low, high


def _hottest(battery: BatteryReading) -> float | None:
    known = [value for value in (battery.temperature_c, cell_temperatures(battery)[1]) if value is not None]
    return max(known, default=None)


def _coldest(battery: BatteryReading) -> float | None:
    known = [value for value in (battery.temperature_c, cell_temperatures(battery)[0]) if value is not None]
    return min(known, default=None)


def _too_hot(site: RuleInput) -> str | Tell | None:
    hottest, limit = _hottest(site.snapshot.battery), site.spec.window.temperature_max_c
    if hottest is None:
        return CANNOT_TELL
    return f"battery at {hottest:.1f} °C, at most {limit:.1f} °C allowed" if hottest > limit else None


def _too_cold_to_charge(site: RuleInput) -> str | Tell | None:
    coldest, limit = _coldest(site.snapshot.battery), site.spec.window.charge_temperature_min_c
    if coldest is None:
        return CANNOT_TELL
    return f"coldest cell at {coldest:.1f} °C, charging needs {limit:.1f} °C" if coldest < limit else None


def _too_cold_to_discharge(site: RuleInput) -> str | Tell | None:
    coldest, limit = _coldest(site.snapshot.battery), site.spec.window.discharge_temperature_min_c
    if coldest is None:
        return CANNOT_TELL
    return f"coldest cell at {coldest:.1f} °C, discharging needs {limit:.1f} °C" if coldest < limit else None


def _over_voltage(site: RuleInput) -> str | Tell | None:
    voltage, limit = site.snapshot.battery.voltage_v, site.spec.window.voltage_max_v
    if voltage is None:
        return CANNOT_TELL
    return f"battery at {voltage:.1f} V, at most {limit:.1f} V allowed" if voltage > limit else None


def _under_voltage(site: RuleInput) -> str | Tell | None:
    voltage, limit = site.snapshot.battery.voltage_v, site.spec.window.voltage_min_v
    if voltage is None:
        return CANNOT_TELL
    return f"battery at {voltage:.1f} V, at least {limit:.1f} V needed" if voltage < limit else None


def _soc_implausible(site: RuleInput) -> str | Tell | None:
    return site.soc_doubt


def _soc_at_floor(site: RuleInput) -> str | Tell | None:
    soc, floor = site.snapshot.battery.soc_pct, site.spec.soc_min_pct
    if soc is None:
        return CANNOT_TELL
    return f"SoC {soc:.1f} %, the owner keeps {floor:.1f} %" if soc <= floor else None


def _soc_at_ceiling(site: RuleInput) -> str | Tell | None:
    soc, ceiling = site.snapshot.battery.soc_pct, site.spec.soc_max_pct
    if soc is None:
        return CANNOT_TELL
    return f"SoC {soc:.1f} %, the owner charges to {ceiling:.1f} %" if soc >= ceiling else None


def _core_unknown(site: RuleInput) -> str | Tell | None:
    battery = site.snapshot.battery
    if battery.quality is Quality.MISSING:
        return "the battery's readings are missing"
    if InverterFlag.BATTERY_DISCONNECTED in site.snapshot.inverter.flags:
        return "the inverter reports the battery as disconnected"
    missing = [
        name
        for name, value in (
            ("SoC", battery.soc_pct),
            ("voltage", battery.voltage_v),
            ("temperature", _hottest(battery)),
        )
        if value is None
    ]
    return f"battery {' and '.join(missing)} unknown" if missing else None


def _charge_limit_unknown(site: RuleInput) -> str | Tell | None:
    return None if site.snapshot.battery.charge_limit_a is not None else "the battery's charge current limit is unknown"


def _discharge_limit_unknown(site: RuleInput) -> str | Tell | None:
    known = site.snapshot.battery.discharge_limit_a is not None
    return None if known else "the battery's discharge current limit is unknown"


_ALARMS: tuple[tuple[BmsAlarm, Bounds, str], ...] = (
    (BmsAlarm.CHARGE_OVER_VOLTAGE, STOP_FORCED_AND_CHARGE, "a cell is full; discharging relieves it"),
    (BmsAlarm.DISCHARGE_UNDER_VOLTAGE, STOP_FORCED_AND_DISCHARGE, "a cell is empty; PV may recharge it"),
    (BmsAlarm.CELL_HOT, STOP_BATTERY, "any current heats it further"),
    (BmsAlarm.CELL_COLD, STOP_FORCED_AND_CHARGE, "charging cold lithium cells plates metal in them"),
    (BmsAlarm.CHARGE_OVER_CURRENT, STOP_FORCED_AND_CHARGE, "the charge current has to stop"),
    (BmsAlarm.DISCHARGE_OVER_CURRENT, STOP_FORCED_AND_DISCHARGE, "the discharge current has to stop"),
    (BmsAlarm.PRECHARGE_FAULT, STOP_BATTERY, "the battery is not properly connected to its bus"),
    (BmsAlarm.DC_BUS_FAULT, STOP_BATTERY, "the bus between battery and inverter is faulty"),
    (BmsAlarm.BATTERY_BREAK, STOP_BATTERY, "the battery circuit is broken"),
    (BmsAlarm.BATTERY_LOCK, STOP_BATTERY, "the management system has locked the battery"),
    (BmsAlarm.DISCHARGE_CIRCUIT_FAULT, STOP_FORCED_AND_DISCHARGE, "the discharge switch is faulty"),
    (BmsAlarm.CHARGE_CIRCUIT_FAULT, STOP_FORCED_AND_CHARGE, "the charge switch is faulty"),
    (BmsAlarm.COMMUNICATION_FAULT, STOP_FORCED, "what the management system says cannot be trusted"),
    (BmsAlarm.CELL_HOT_CRITICAL, STOP_BATTERY, "any current heats it further"),
    (BmsAlarm.UNDER_VOLTAGE_CRITICAL, STOP_FORCED_AND_DISCHARGE, "deeply discharged; recharging is the BMS's own task"),
    (BmsAlarm.OVER_VOLTAGE_CRITICAL, STOP_FORCED_AND_CHARGE, "over-charged; discharging relieves it"),
)


def _alarm_check(alarm: BmsAlarm) -> Check:
    words = alarm.value.replace("_", " ")

    def check(site: RuleInput) -> str | Tell | None:
        battery = site.snapshot.battery
        if battery.quality is Quality.MISSING:
            return CANNOT_TELL
        return f"the battery reports: {words}" if alarm in battery.alarms else None

    return check


BATTERY_RULES: tuple[Rule, ...] = (
    Rule(
        key="battery_too_hot",
        cause=Cause.BATTERY_TOO_HOT,
        when="battery or its hottest cell above the highest temperature (60 °C on a 48 V pack)",
        why="any current heats it further",
        bounds=STOP_BATTERY,
        check=_too_hot,
    ),
    Rule(
        key="battery_too_cold_to_charge",
        cause=Cause.BATTERY_TOO_COLD_TO_CHARGE,
        when="battery or its coldest cell below the lowest charging temperature",
        why="charging cold lithium cells plates metal in them",
        bounds=STOP_CHARGE,
        check=_too_cold_to_charge,
    ),
    Rule(
        key="battery_too_cold_to_discharge",
        cause=Cause.BATTERY_TOO_COLD_TO_DISCHARGE,
        when="battery or its coldest cell below the lowest discharging temperature",
        why="outside its maker's window",
        bounds=STOP_DISCHARGE,
        check=_too_cold_to_discharge,
    ),
    Rule(
        key="battery_over_voltage",
        cause=Cause.BATTERY_OVER_VOLTAGE,
        when="battery voltage above its window (58.0 V on a 48 V pack)",
        why="it is over-charged; covering the load relieves it",
        bounds=STOP_FORCED_AND_CHARGE,
        check=_over_voltage,
    ),
    Rule(
        key="battery_under_voltage",
        cause=Cause.BATTERY_UNDER_VOLTAGE,
        when="battery voltage below its window (45.0 V on a 48 V pack)",
        why="deeply discharged cells are recharged by the BMS's own logic only; PV may charge",
        bounds=STOP_FORCED_AND_DISCHARGE,
        check=_under_voltage,
    ),
    Rule(
        key="soc_implausible",
        cause=Cause.SOC_IMPLAUSIBLE,
        when="SoC jumps or contradicts itself for longer than the debounce time",
        why="a target SoC means nothing without an SoC",
        bounds=STOP_FORCED,
        check=_soc_implausible,
    ),
    Rule(
        key="soc_at_floor",
        cause=Cause.SOC_AT_FLOOR,
        when="SoC at or below the owner's minimum",
        why="the owner's reserve is not for sale",
        bounds=NO_FORCED_DISCHARGE,
        check=_soc_at_floor,
        latches=False,
    ),
    Rule(
        key="soc_at_ceiling",
        cause=Cause.SOC_AT_CEILING,
        when="SoC at or above the owner's maximum",
        why="the owner wants no more in it from the grid",
        bounds=NO_FORCED_CHARGE,
        check=_soc_at_ceiling,
        latches=False,
    ),
    Rule(
        key="battery_unknown",
        cause=Cause.BATTERY_UNKNOWN,
        when="SoC, voltage or temperature of the battery unknown, or the battery disconnected",
        why="unknown is unsafe",
        bounds=STOP_FORCED,
        check=_core_unknown,
    ),
    Rule(
        key="battery_unknown:charge_limit",
        cause=Cause.BATTERY_UNKNOWN,
        when="the battery's charge current limit unknown",
        why="unknown is unsafe",
        bounds=NO_FORCED_CHARGE,
        check=_charge_limit_unknown,
    ),
    Rule(
        key="battery_unknown:discharge_limit",
        cause=Cause.BATTERY_UNKNOWN,
        when="the battery's discharge current limit unknown",
        why="unknown is unsafe",
        bounds=NO_FORCED_DISCHARGE,
        check=_discharge_limit_unknown,
    ),
)

ALARM_RULES: tuple[Rule, ...] = tuple(
    Rule(
        key=f"bms_alarm:{alarm.value}",
        cause=Cause.BMS_ALARM,
        when=f"BMS alarm: {alarm.value.replace('_', ' ')}",
        why=why,
        bounds=bounds,
        check=_alarm_check(alarm),
    )
    for alarm, bounds, why in _ALARMS
)
