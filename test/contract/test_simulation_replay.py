"""Frames recorded on real units, served over a real socket, decode to what the library documents for them.

The recordings stay outside the project: point ``HEMS_GOODWE_SAMPLES`` at the ``tests/sample`` folder of the library's
sources.
"""

from __future__ import annotations

import os
from pathlib import Path

import goodwe
import pytest

from hems.simulation import goodwe_wire as wire
from hems.simulation.replay import ReplayDevice, ReplayServer, block_from_frame, load_frame

HOST = "127.0.0.78"


def made_frame(data: bytes) -> bytes:
    return wire.wrap_rtu_reply(bytes((3, len(data))) + data, 0xF7)


def test_a_recorded_frame_must_be_whole() -> None:
    frame = made_frame(b"\x00\x32\x00\x63")
    assert block_from_frame(frame) == b"\x00\x32\x00\x63"
    for broken in (frame[:-3], frame[:-1] + b"\x00", b"\x00" + frame[1:]):
        with pytest.raises(ValueError, match=r"recorded|not a GoodWe"):
            block_from_frame(broken)


async def test_recorded_blocks_reach_the_library_and_the_rest_is_refused() -> None:
    bms = bytearray(48)
    bms[14:16] = (73).to_bytes(2, "big")
    device = ReplayDevice(0xF7, {37000: bytes(bms)})
    async with ReplayServer(device, HOST, 8899):
        inverter = goodwe.et.ET(HOST, 8899, timeout=1, retries=1)
        assert await inverter.read_sensor("battery_soc") == 73
        with pytest.raises(goodwe.exceptions.RequestRejectedException, match="ILLEGAL DATA ADDRESS"):
            await inverter.read_sensor("modbus-35100")


# Values that the library's own tests document for these recordings.
RECORDED = [
    pytest.param(
        {35000: "GW10K-ET_device_info_fw617", 35100: "GW10K-ET_running_data1", 37000: "GW10K-ET_battery_info",
         36000: "GW10K-ET_meter_data"},
        {"vpv1": 332.6, "ppv1": 1695, "vgrid2": 241.5, "active_power": -3, "vbattery1": 254.2, "pbattery1": -2512,
         "battery_soc": 68, "meter_active_power_total": -110},
        id="GW10K-ET",
    ),
    pytest.param(
        {35000: "GW20K-ET_device_info", 35100: "GW20K-ET_running_data", 37000: "GW20K-ET_battery_info",
         36000: "GW20K-ET_meter_data", 35301: "GW20K-ET_mppt_data"},
        {"vpv1": 644.3, "ppv": 2095, "total_inverter_power": 1966, "active_power": 1556, "backup_ptotal": 484,
         "vbattery1": 381.6, "battery_soc": 100, "meter_active_power_total": 1556, "meter_e_total_exp": 35.55},
        id="GW20K-ET",
    ),
]  # fmt: skip


@pytest.mark.data
@pytest.mark.parametrize(("files", "expected"), RECORDED)
async def test_recorded_units_decode_to_their_documented_values(
    files: dict[int, str], expected: dict[str, float]
) -> None:
    folder = os.environ.get("HEMS_GOODWE_SAMPLES")
    if folder is None:
        pytest.skip("HEMS_GOODWE_SAMPLES is not set: no recorded frames of real units to replay")
    paths = {start: Path(folder, "et", f"{name}.hex") for start, name in files.items()}
    missing = [str(path) for path in paths.values() if not path.is_file()]
    assert not missing, f"HEMS_GOODWE_SAMPLES lacks {missing}"
    blocks = {start: block_from_frame(load_frame(path)) for start, path in paths.items()}
    async with ReplayServer(ReplayDevice(0xF7, blocks), HOST, 8899):
        inverter = await goodwe.connect(HOST, 8899, family="ET")
        data = await inverter.read_runtime_data()
    assert {name: data[name] for name in expected} == expected
