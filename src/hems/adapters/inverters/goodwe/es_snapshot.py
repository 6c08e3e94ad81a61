"""The ES family's live data becomes one snapshot. Pure."""

from __future__ import annotations

from datetime import datetime

from hems.adapters.inverters.goodwe.cross_check import doubt_balance
from hems.adapters.inverters.goodwe.device_map import BATTERY_MODE_CHARGE, ES_RUNTIME, WORK_STATES_ES
from hems.adapters.inverters.goodwe.readings import (
    battery_reading,
    doubt_meter,
    energy_counters,
    grid_reading,
    inverter_reading,
    read_flags,
    sum_of_known,
)
from hems.adapters.inverters.goodwe.registers import Values
from hems.domain.readings import LoadReading, PvReading, Quality, SiteSnapshot, WorkState

_IMPORTS = 2


def decode_es(at: datetime, data: bytes) -> SiteSnapshot:
    """Return the snapshot of one poll. Powers of strings and battery are volts times amperes; it measures no others."""
    values = ES_RUNTIME.decode(data)
    notes: list[str] = []
    charging = values["battery_mode"] == BATTERY_MODE_CHARGE
    current = values["battery_a"]
    if current is not None:
        current = -abs(current) if charging else abs(current)
    power = None if current is None or values["battery_v"] is None else values["battery_v"] * current
    battery = battery_reading(at, {**values, "battery_a": current, "battery_w": power}, values, notes)
    strings = (_string_power(values, 1), _string_power(values, 2))
    pv_w = sum_of_known(strings)
    grid_w, load_w = _grid_power(values), _load_power(values)
    doubt = doubt_meter(values) or doubt_balance(pv_w, battery.power_w, grid_w, load_w)
    if doubt:
        notes.append(doubt)
    trust = Quality.SUSPECT if doubt else Quality.GOOD
    inverter = inverter_reading(at, values, WORK_STATES_ES, flags=read_flags(values, meter_lost=False))
    connected = {WorkState.ON_GRID: True, WorkState.OFF_GRID: False}.get(inverter.state) if inverter.state else None

    def quality(value: float | None, otherwise: Quality = trust) -> Quality:
        return Quality.MISSING if value is None else otherwise

    return SiteSnapshot(
        at=at,
        pv=PvReading(at=at, quality=quality(pv_w, Quality.GOOD), power_w=pv_w, string_power_w=strings),
        battery=battery,
        grid=grid_reading(at, values, 1, power_w=grid_w, connected=connected, quality=quality(grid_w)),
        load=LoadReading(at=at, quality=quality(load_w), power_w=load_w, backup_power_w=values["backup_w"]),
        inverter=inverter,
        counters=energy_counters(values),
        notes=tuple(notes),
    )


def _string_power(values: Values, number: int) -> float | None:
    voltage, current = values[f"pv{number}_v"], values[f"pv{number}_a"]
    return None if voltage is None or current is None else voltage * current


def _grid_power(values: Values) -> float | None:
    power, direction = values["grid_w"], values["direction"]
    if power is None or direction is None:
        return None
    return abs(power) if direction == _IMPORTS else -abs(power)


def _load_power(values: Values) -> float | None:
    plain, backup = values["load_w"], values["backup_w"]
    return None if plain is None or backup is None else plain + backup
