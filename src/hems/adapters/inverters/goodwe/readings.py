"""Decoded registers become readings: what is unknown stays unknown, what contradicts itself is marked.

The library shows 0xFFFF as SoC 0 and drops the battery's keys where its mode is 0. Here an absent value, a sentinel and
an exact 0 of something that cannot be 0 (SoC, SoH, pack voltage, the voltage of a connected phase) are unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo

from hems.adapters.inverters.goodwe.device_map import (
    BATTERY_MODE_NONE,
    BMS_ALARMS,
    DIAGNOSE_FLAGS,
    GRID_CONNECTED,
    METER_REVERSED_BIT,
)
from hems.adapters.inverters.goodwe.registers import Values, bits, has_bit
from hems.domain.readings import (
    BatteryReading,
    BmsAlarm,
    EnergyCounters,
    GridReading,
    InverterFlag,
    InverterReading,
    Quality,
    WorkState,
)

_ALARM_MASK = (1 << len(BMS_ALARMS)) - 1


def known(value: float | None) -> float | None:
    """Return ``value``, or None where it is 0: for what cannot be 0 in a working device."""
    return value or None


def percent(value: float | None) -> float | None:
    """Return a percentage in (0, 100], or None: an exact 0 is how a silent BMS reads, more than 100 cannot be."""
    return value if value is not None and 0 < value <= 100 else None


def read_clock(data: bytes, zone: tzinfo) -> datetime | None:
    """Return the inverter's clock in UTC from its six bytes of local time, or None where they are no time."""
    naive = read_naive_clock(data)
    return None if naive is None else naive.replace(tzinfo=zone).astimezone(UTC)


def read_naive_clock(data: bytes) -> datetime | None:
    """Return what the inverter's own clock shows, without a zone, or None where the bytes are no time."""
    year, month, day, hour, minute, second = data[:6]
    try:
        return datetime(2000 + year, month, day, hour, minute, second)  # noqa: DTZ001 - the device knows no zone
    except ValueError:
        return None


def read_alarms(bms: Values, notes: list[str]) -> frozenset[BmsAlarm]:
    """Return the battery's alarms; bits without a name are put into ``notes``.

    The raw words are read because the library's labels are empty while the high word is 0.
    """
    error = bits(bms.get("error_high")) << 16 | bits(bms.get("error_low"))
    if error & ~_ALARM_MASK:
        notes.append(f"the battery reports alarm bits without a known meaning: {error & ~_ALARM_MASK:#010x}")
    if not error:
        return frozenset()
    return frozenset(alarm for position, alarm in enumerate(BMS_ALARMS) if error >> position & 1)


def read_temperatures(bms: Values) -> tuple[float | None, float | None, float | None]:
    """Return (pack, coldest cell, hottest cell) [°C].

    Cell data of 0/0 means "not available", as seen on GW10K and GW25K. A pack temperature of exactly 0 is believed
    only where the cells say nearly the same: elsewhere it is how a missing sensor reads.
    """
    low, high = bms.get("cell_min_c"), bms.get("cell_max_c")
    if not low and not high:
        low = high = None
    pack = bms.get("temperature_c")
    if pack == 0 and (low is None or abs(low) > 5):
        pack = None
    return pack, low, high


def battery_reading(at: datetime, pack: Values, bms: Values | None, notes: list[str]) -> BatteryReading:
    """Return the battery from the inverter's own measurement ``pack`` and the BMS's words ``bms``."""
    mode = pack.get("battery_mode")
    if mode is None or mode == BATTERY_MODE_NONE:
        notes.append("the inverter reports no battery" if mode == 0 else "the battery's mode is unknown")
        return BatteryReading(at=at, quality=Quality.MISSING)
    bms = bms or {}
    temperature, cell_low, cell_high = read_temperatures(bms)
    soc, voltage = percent(bms.get("soc_pct")), known(pack.get("battery_v"))
    unnamed = len(notes)
    alarms = read_alarms(bms, notes)
    complete = soc is not None and voltage is not None and temperature is not None and len(notes) == unnamed
    return BatteryReading(
        at=at,
        quality=Quality.GOOD if complete else Quality.SUSPECT,
        soc_pct=soc,
        soh_pct=percent(bms.get("soh_pct")),
        power_w=pack.get("battery_w"),
        voltage_v=voltage,
        current_a=pack.get("battery_a"),
        temperature_c=temperature,
        cell_temperature_min_c=cell_low,
        cell_temperature_max_c=cell_high,
        charge_limit_a=bms.get("charge_limit_a"),
        discharge_limit_a=bms.get("discharge_limit_a"),
        alarms=alarms,
        warning_bits=bits(bms.get("warning_high")) << 16 | bits(bms.get("warning_low")),
    )


def combine_batteries(first: BatteryReading, second: BatteryReading) -> BatteryReading:
    """Return two batteries on one inverter as one: powers and limits add up, the worse temperature and SoC count."""

    def both(one: float | None, other: float | None) -> float | None:
        return None if one is None or other is None else one + other

    def lowest(one: float | None, other: float | None) -> float | None:
        return None if one is None or other is None else min(one, other)

    def highest(one: float | None, other: float | None) -> float | None:
        return None if one is None or other is None else max(one, other)

    good = first.quality is second.quality is Quality.GOOD
    return BatteryReading(
        at=first.at,
        quality=Quality.GOOD if good else Quality.SUSPECT,
        soc_pct=lowest(first.soc_pct, second.soc_pct),
        soh_pct=lowest(first.soh_pct, second.soh_pct),
        power_w=both(first.power_w, second.power_w),
        voltage_v=first.voltage_v,
        current_a=both(first.current_a, second.current_a),
        temperature_c=highest(first.temperature_c, second.temperature_c),
        cell_temperature_min_c=lowest(first.cell_temperature_min_c, second.cell_temperature_min_c),
        cell_temperature_max_c=highest(first.cell_temperature_max_c, second.cell_temperature_max_c),
        charge_limit_a=both(first.charge_limit_a, second.charge_limit_a),
        discharge_limit_a=both(first.discharge_limit_a, second.discharge_limit_a),
        alarms=first.alarms | second.alarms,
        warning_bits=first.warning_bits | second.warning_bits,
    )


def grid_reading(
    at: datetime, values: Values, phases: int, *, power_w: float | None, connected: bool | None, quality: Quality
) -> GridReading:
    """Return the grid connection; a connected phase cannot be at 0 V, a lost grid can."""
    voltages = tuple(values.get(f"grid{phase + 1}_v") for phase in range(phases))
    if connected:
        voltages = tuple(known(voltage) for voltage in voltages)
    frequency = values.get("grid_hz")
    return GridReading(
        at=at,
        quality=quality,
        power_w=power_w,
        voltage_v=voltages,
        frequency_hz=known(frequency) if connected else frequency,
        connected=connected,
    )


def grid_is_connected(grid_mode: float | None) -> bool | None:
    """Return whether the grid is there, from the ET family's grid mode."""
    return None if grid_mode is None else grid_mode == GRID_CONNECTED


def read_flags(values: Values, *, meter_lost: bool) -> frozenset[InverterFlag]:
    """Return what the inverter says about itself in its diagnose bits."""
    diagnose = values.get("diagnose_bits")
    flags = {flag for position, flag in DIAGNOSE_FLAGS if has_bit(diagnose, position)} if diagnose else set()
    if meter_lost:
        flags.add(InverterFlag.METER_LOST)
    return frozenset(flags)


def doubt_meter(values: Values) -> str | None:
    """Return what the inverter itself holds against its meter, or None."""
    if has_bit(values.get("diagnose_bits"), METER_REVERSED_BIT):
        return "the inverter says that its meter is connected the wrong way round: turn its clamps"
    return None


def inverter_reading(
    at: datetime,
    values: Values,
    states: Mapping[int, WorkState],
    *,
    flags: frozenset[InverterFlag] = frozenset(),
    clock: datetime | None = None,
) -> InverterReading:
    """Return the inverter as a machine."""
    mode = values.get("work_mode")
    state = None if mode is None else states.get(int(mode))
    return InverterReading(
        at=at,
        quality=Quality.GOOD if state is not None else Quality.SUSPECT,
        state=state,
        temperature_c=values.get("inverter_c"),
        error_bits=bits(values.get("error_bits")),
        flags=flags,
        clock=clock,
    )


def energy_counters(values: Values) -> EnergyCounters:
    """Return the lifetime counters [Wh] that this family has."""
    return EnergyCounters(
        pv_wh=values.get("pv_wh"),
        import_wh=values.get("import_wh"),
        export_wh=values.get("export_wh"),
        load_wh=values.get("load_wh"),
        charge_wh=values.get("charge_wh"),
        discharge_wh=values.get("discharge_wh"),
    )


def sum_of_known(values: Sequence[float | None]) -> float | None:
    """Return the sum of what is known; None where nothing is (a string that is not built in reads as unknown)."""
    present = [value for value in values if value is not None]
    return sum(present) if present else None
