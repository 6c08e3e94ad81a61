"""Our decoder beside the library's, over any bytes: where the library knows a value, both say the same."""

from __future__ import annotations

from datetime import UTC, datetime

from goodwe.dt import DT
from goodwe.es import ES
from goodwe.et import ET
from goodwe.inverter import Inverter
from goodwe.protocol import ProtocolResponse
from hypothesis import given, settings
from hypothesis import strategies as st

from hems.adapters.inverters.goodwe.device_map import DT_METER, DT_RUNTIME, ES_RUNTIME, ET_BMS, ET_METER, ET_RUNTIME
from hems.adapters.inverters.goodwe.et_snapshot import EtBlocks, decode_et
from hems.adapters.inverters.goodwe.registers import Block

AT = datetime(2026, 6, 17, 10, 0, tzinfo=UTC)
LIBRARY: dict[Block, Inverter] = dict.fromkeys((ET_RUNTIME, ET_BMS, ET_METER), ET("127.0.0.1", 8899))
LIBRARY |= dict.fromkeys((DT_RUNTIME, DT_METER), DT("127.0.0.1", 8899))
LIBRARY[ES_RUNTIME] = ES("127.0.0.1", 8899)

SAME = {
    ET_RUNTIME: {
        "pv1_w": ("ppv1", 1),
        "pv2_w": ("ppv2", 1),
        "grid1_v": ("vgrid", 1),
        "grid_mode": ("grid_mode", 1),
        "grid_w": ("active_power", -1),
        "backup_w": ("backup_ptotal", 1),
        "load_w": ("load_ptotal", 1),
        "inverter_c": ("temperature", 1),
        "battery_v": ("vbattery1", 1),
        "battery_a": ("ibattery1", 1),
        "battery_w": ("pbattery1", 1),
        "battery_mode": ("battery_mode", 1),
        "work_mode": ("work_mode", 1),
        "error_bits": ("error_codes", 1),
        "pv_wh": ("e_total", 1000),
        "export_wh": ("e_total_exp", 1000),
        "import_wh": ("e_total_imp", 1000),
        "load_wh": ("e_load_total", 1000),
        "charge_wh": ("e_bat_charge_total", 1000),
        "discharge_wh": ("e_bat_discharge_total", 1000),
        "diagnose_bits": ("diagnose_result", 1),
    },
    ET_BMS: {
        "temperature_c": ("battery_temperature", 1),
        "charge_limit_a": ("battery_charge_limit", 1),
        "discharge_limit_a": ("battery_discharge_limit", 1),
        "error_low": ("battery_error_l", 1),
        "error_high": ("battery_error_h", 1),
        "soc_pct": ("battery_soc", 1),
        "soh_pct": ("battery_soh", 1),
        "warning_low": ("battery_warning_l", 1),
        "warning_high": ("battery_warning_h", 1),
        "cell_max_c": ("battery_max_cell_temp", 1),
        "cell_min_c": ("battery_min_cell_temp", 1),
    },
    ET_METER: {"meter_ok": ("meter_comm_status", 1), "meter_w": ("meter_active_power_total", -1)},
    DT_RUNTIME: {
        "pv1_v": ("vpv1", 1),
        "pv1_a": ("ipv1", 1),
        "pv2_v": ("vpv2", 1),
        "pv2_a": ("ipv2", 1),
        "grid1_v": ("vgrid1", 1),
        "grid3_v": ("vgrid3", 1),
        "ac_w": ("total_inverter_power", 1),
        "work_mode": ("work_mode", 1),
        "error_bits": ("error_codes", 1),
        "inverter_c": ("temperature", 1),
        "pv_wh": ("e_total", 1000),
    },
    DT_METER: {
        "meter_w": ("meter_active_power", -1),
        "export_wh": ("meter_e_total_exp", 1000),
        "import_wh": ("meter_e_total_imp", 1000),
        "meter_ok": ("meter_comm_status", 1),
    },
    ES_RUNTIME: {
        "pv1_v": ("vpv1", 1),
        "pv2_a": ("ipv2", 1),
        "battery_v": ("vbattery1", 1),
        "temperature_c": ("battery_temperature", 1),
        "charge_limit_a": ("battery_charge_limit", 1),
        "discharge_limit_a": ("battery_discharge_limit", 1),
        "grid1_v": ("vgrid", 1),
        "load_w": ("pload", 1),
        "inverter_c": ("temperature", 1),
        "error_bits": ("error_codes", 1),
        "pv_wh": ("e_total", 1000),
        "load_wh": ("e_load_total", 1000),
        "backup_w": ("pback_up", 1),
        "diagnose_bits": ("diagnose_result", 1),
    },
}


def library_value(block: Block, data: bytes, name: str) -> float | None:
    inverter = LIBRARY[block]
    if block is ES_RUNTIME:
        response = ProtocolResponse(data, None)
    else:
        command = inverter._read_command(block.address, block.count)
        response = ProtocolResponse(b"\xaa\x55\xf7\x03" + bytes([len(data)]) + data + b"\0\0", command)
    sensor = next(sensor for sensor in inverter.sensors() if sensor.id_ == name)
    value: float | None = sensor.read(response)
    return value


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_same_values_as_the_library(data: st.DataObject) -> None:
    for block, names in SAME.items():
        size = block.count if block is ES_RUNTIME else 2 * block.count
        raw = data.draw(st.binary(min_size=size, max_size=size))
        ours = block.decode(raw)
        for name, (theirs, factor) in names.items():
            if ours[name] is not None:  # what we call unknown the library shows as 0, None or a full-scale number
                expected = library_value(block, raw, theirs)
                assert expected is not None, name
                assert abs(ours[name] - expected * factor) <= 1e-6 * max(1.0, abs(expected * factor)), name


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=250, max_size=250), st.binary(min_size=48, max_size=48), st.binary(min_size=90, max_size=90))
def test_any_bytes_become_a_snapshot_that_keeps_its_promises(runtime: bytes, bms: bytes, meter: bytes) -> None:
    snapshot = decode_et(AT, EtBlocks(runtime=runtime, bms=bms, meter=meter), phases=3, zone=UTC)
    assert snapshot.pv.power_w is None or snapshot.pv.power_w >= 0
    assert snapshot.load.power_w is None or snapshot.load.power_w >= 0
    assert snapshot.battery.soc_pct is None or 0 < snapshot.battery.soc_pct <= 100
    assert snapshot.at == AT
