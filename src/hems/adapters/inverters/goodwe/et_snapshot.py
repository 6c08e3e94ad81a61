"""The ET family's blocks become one snapshot. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from hems.adapters.inverters.goodwe.cross_check import doubt_balance, doubt_grid_power
from hems.adapters.inverters.goodwe.device_map import (
    ET_BATTERY_2,
    ET_BMS,
    ET_BMS_2,
    ET_METER,
    ET_MPPT,
    ET_RUNTIME,
    WORK_STATES_ET,
)
from hems.adapters.inverters.goodwe.readings import (
    battery_reading,
    combine_batteries,
    doubt_meter,
    energy_counters,
    grid_is_connected,
    grid_reading,
    inverter_reading,
    read_clock,
    read_flags,
    read_naive_clock,
    sum_of_known,
)
from hems.adapters.inverters.goodwe.registers import Values
from hems.domain.readings import LoadReading, PvReading, Quality, SiteSnapshot

_VOID_WORD_W = -1.0  # 0xFFFF in a signed word: −1 W, or no value at all
_HIGHEST_CODES = (("grid_mode", 2), ("work_mode", 5), ("battery_mode", 5))
_LOAD_DEAD_BAND_W = 100.0
"""A load a little below zero is the export register's dead band, not a fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EtBlocks:
    """The bytes of one poll; None where a block did not answer or is not there."""

    runtime: bytes
    bms: bytes | None = None
    meter: bytes | None = None
    mppt: bytes | None = None
    bms_2: bytes | None = None
    battery_2: bytes | None = None


def is_foreign(runtime: bytes) -> bool:
    """Return whether these bytes are another block's: an answer meant for a second client has the right length too.

    A block of sentinels is not foreign, it is void. One odd value can be new firmware or a dead clock; two are not.
    """
    if runtime.count(b"\xff") == len(runtime):
        return False
    values = ET_RUNTIME.decode(runtime)
    odd = [read_naive_clock(runtime) is None]
    odd += [(values[name] or 0) > highest for name, highest in _HIGHEST_CODES]
    return sum(odd) >= 2


def decode_et(
    at: datetime, blocks: EtBlocks, *, phases: int, zone: tzinfo, notes: tuple[str, ...] = ()
) -> SiteSnapshot:
    """Return the snapshot of one poll: ``phases`` is 1 or 3, ``zone`` that of the inverter's clock."""
    said = list(notes)
    runtime = ET_RUNTIME.decode(blocks.runtime)
    meter: Values = {} if blocks.meter is None else ET_METER.decode(blocks.meter)
    battery = battery_reading(at, runtime, None if blocks.bms is None else ET_BMS.decode(blocks.bms), said)
    if blocks.bms_2 is not None and blocks.battery_2 is not None:
        second_pack = ET_BATTERY_2.decode(blocks.battery_2)
        if second_pack.get("battery_mode"):
            battery = combine_batteries(battery, battery_reading(at, second_pack, ET_BMS_2.decode(blocks.bms_2), said))
    pv_w = _pv_power(runtime, blocks)
    connected = grid_is_connected(runtime["grid_mode"])
    grid_w = None if connected is None else runtime["grid_w"]
    load_w, backup_w = _load(runtime, said)
    meter_answers = meter.get("meter_ok")
    doubt = doubt_grid_power(grid_w, meter.get("meter_w")) if meter_answers == 1 else None
    doubt = doubt or doubt_meter(runtime) or doubt_balance(pv_w, battery.power_w, grid_w, load_w)
    if doubt:
        said.append(doubt)
    trust = Quality.SUSPECT if doubt else Quality.GOOD

    def quality(value: float | None) -> Quality:
        return Quality.MISSING if value is None else trust

    return SiteSnapshot(
        at=at,
        pv=PvReading(
            at=at,
            quality=Quality.MISSING if pv_w is None else Quality.GOOD,
            power_w=pv_w,
            string_power_w=(runtime["pv1_w"], runtime["pv2_w"], runtime["pv3_w"], runtime["pv4_w"]),
        ),
        battery=battery,
        grid=grid_reading(at, runtime, phases, power_w=grid_w, connected=connected, quality=quality(grid_w)),
        load=LoadReading(at=at, quality=quality(load_w), power_w=load_w, backup_power_w=backup_w),
        inverter=inverter_reading(
            at,
            runtime,
            WORK_STATES_ET,
            flags=read_flags(runtime, meter_lost=meter_answers == 0),
            clock=read_clock(blocks.runtime, zone),
        ),
        counters=energy_counters(runtime),
        notes=tuple(said),
    )


def _pv_power(runtime: Values, blocks: EtBlocks) -> float | None:
    """Return the power of all strings; larger models have more than the four of the runtime block."""
    total = None if blocks.mppt is None else ET_MPPT.decode(blocks.mppt)["pv_total_w"]
    strings = sum_of_known((runtime["pv1_w"], runtime["pv2_w"], runtime["pv3_w"], runtime["pv4_w"]))
    if total is None or strings is None:
        return strings if total is None else total
    return max(total, strings)  # where the total is not served it reads 0


def _load(runtime: Values, notes: list[str]) -> tuple[float | None, float | None]:
    """Return (load with the backup circuits, backup circuits alone) [W]."""
    plain, backup = runtime["load_w"], runtime["backup_w"]
    if plain is None or backup is None or (plain == _VOID_WORD_W and backup == _VOID_WORD_W):
        return None, None
    load = plain + backup
    if load < -_LOAD_DEAD_BAND_W:
        notes.append(f"the inverter reports a load of {load:.0f} W, which cannot be: the load is unknown")
        return None, backup
    return max(0.0, load), max(0.0, backup)
