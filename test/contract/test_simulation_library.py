"""Clients written by others agree with the simulator over real sockets: ``goodwe`` as published, and pymodbus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import goodwe
import pytest
from goodwe import EMSMode, OperationMode
from pymodbus.client import AsyncModbusTcpClient

from hems.adapters.clock import SystemClock
from hems.domain.errors import PermanentError
from hems.simulation.models import MODELS, Family
from hems.simulation.server import ServerOptions, SimulatorOptions, SimulatorServer, start_built_in

SPEED = 60.0
SETTLED_S = 0.12  # at this speed seven seconds, twice the lag of the control
START = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)
HYBRIDS = [name for name, model in MODELS.items() if model.battery is not None]


def house(model: str, **options: Any) -> SimulatorOptions:
    prescribed = {"start": START, "pv": 1500.0, "load": 1000.0, "soc_pct": 50.0, "capacity_wh": 20_000.0}
    if MODELS[model].battery is None:
        prescribed |= {"soc_pct": None, "capacity_wh": None}
    return SimulatorOptions(model=model, **(prescribed | options))


@asynccontextmanager
async def over_udp(model: str, **options: Any) -> AsyncIterator[tuple[SimulatorServer, goodwe.Inverter]]:
    server = await start_built_in(house(model, **options), SystemClock(), speed=SPEED)
    try:
        yield server, await goodwe.connect(server.host, 8899, family=MODELS[model].family.value)
    finally:
        await server.stop()


async def battery_w(inverter: goodwe.Inverter) -> float:
    await asyncio.sleep(SETTLED_S)
    return float((await inverter.read_runtime_data())["pbattery1"])


@pytest.mark.parametrize("model", list(MODELS))
async def test_discovery_finds_the_right_family_and_model(model: str) -> None:
    server = await start_built_in(house(model), SystemClock(), speed=SPEED)
    try:
        inverter = await goodwe.connect(server.host, 8899)
    finally:
        await server.stop()
    row = MODELS[model]
    assert type(inverter).__name__ == row.family.value
    assert inverter.serial_number == row.serial_number
    assert inverter.arm_version == row.arm_version
    assert inverter.model_name == (row.wire_name or row.name)
    if row.family is Family.ET:
        assert inverter.rated_power == row.rated_w


@pytest.mark.parametrize("model", list(MODELS))
async def test_runtime_data_say_what_the_house_does(model: str) -> None:
    async with over_udp(model) as (server, inverter):
        data = await inverter.read_runtime_data()
        flow = server.inverter.flow
        assert data["ppv"] == pytest.approx(flow.pv_w, rel=0.02)
        if MODELS[model].family is Family.DT:
            assert data["meter_active_power"] == pytest.approx(-flow.grid_w, abs=2)
            return
        assert data["battery_soc"] == 50
        assert data["pbattery1"] == pytest.approx(flow.battery_w, abs=25)
        assert data["battery_mode_label"] == "Charge"
        assert data["house_consumption"] == pytest.approx(1000, abs=40)
        pack = server.inverter.house.battery
        assert pack is not None
        assert data["vbattery1"] == pytest.approx(pack.voltage_v, abs=0.2)
        if MODELS[model].family is Family.ET:
            assert data["load_ptotal"] + data["backup_ptotal"] == pytest.approx(1000, abs=1)
            assert data["meter_active_power_total"] == data["active_power"] == round(-flow.grid_w)
            assert data["timestamp"].date().isoformat() == "2026-06-15"
            assert data["timestamp"].hour == 12, "the inverter's clock is local time"


@pytest.mark.parametrize("model", list(MODELS))
async def test_no_setting_the_library_knows_is_unreadable(model: str) -> None:
    async with over_udp(model) as (_, inverter):
        data = await inverter.read_settings_data()
        assert len(data) > 10
        assert [name for name, value in data.items() if value is None] == []


@pytest.mark.parametrize("model", HYBRIDS)
async def test_operation_modes_move_the_battery_and_general_undoes_them(model: str) -> None:
    rated_w = MODELS[model].rated_w
    async with over_udp(model) as (_, inverter):
        await inverter.set_operation_mode(OperationMode.ECO_CHARGE, 30, 90)
        assert await inverter.get_operation_mode() is OperationMode.ECO_CHARGE
        assert await battery_w(inverter) == pytest.approx(-0.3 * rated_w, abs=30)
        await inverter.set_operation_mode(OperationMode.ECO_DISCHARGE, 20)
        assert await inverter.get_operation_mode() is OperationMode.ECO_DISCHARGE
        assert await battery_w(inverter) == pytest.approx(0.2 * rated_w, abs=30)
        await inverter.set_operation_mode(OperationMode.GENERAL)
        assert await inverter.get_operation_mode() is OperationMode.GENERAL
        assert await battery_w(inverter) == pytest.approx(-500, abs=30)
        await inverter.set_ongrid_battery_dod(40)
        assert await inverter.get_ongrid_battery_dod() == 40
        await inverter.set_grid_export_limit(1200)
        assert await inverter.get_grid_export_limit() == 1200


@pytest.mark.parametrize(
    ("model", "port", "host"),  # the library talks UDP on port 8899 only: each case has an address of its own
    [
        ("GW6000-ES-20", "udp", "127.0.0.71"),
        ("GW6000-ES-20", "tcp", "127.0.0.72"),
        ("GW10K-ET-fw617", "udp", "127.0.0.73"),
        ("GW10K-ET-fw617", "tcp", "127.0.0.74"),
    ],
)
async def test_ems_modes_through_the_library_over_both_transports(model: str, port: str, host: str) -> None:
    options = ServerOptions(simulator=house(model), host=host, udp_port=8899, tcp_port=0, speed=SPEED)
    server = SimulatorServer(options, SystemClock())
    await server.start()
    try:
        assert server.tcp_port is not None
        inverter = await goodwe.connect(server.host, 8899 if port == "udp" else server.tcp_port, family="ET")
        await inverter.set_ems_mode(EMSMode.CHARGE_BATTERY, 2000)
        assert await battery_w(inverter) == -2000
        await inverter.set_ems_mode(EMSMode.DISCHARGE_BATTERY, 1500)
        assert await battery_w(inverter) == 1500
        await inverter.set_ems_mode(EMSMode.AUTO)
        assert await battery_w(inverter) == -500
        assert await inverter.get_ems_mode() is EMSMode.AUTO
    finally:
        await server.stop()


@pytest.mark.parametrize("model", ["GW6000-ES-20", "GW10K-ET", "GW5048-ES"])
async def test_fast_charge_through_the_library(model: str) -> None:
    async with over_udp(model) as (_, inverter):
        await inverter.write_setting("fast_charging_soc", 80)
        await inverter.write_setting("fast_charging", 1)
        assert await battery_w(inverter) < -3000
        await inverter.write_setting("fast_charging", 0)
        assert await battery_w(inverter) == pytest.approx(-500, abs=30)


@pytest.mark.parametrize("fault", ["drop:0.3", "bad_crc:0.3", "truncate:0.3", "double", "split"])
async def test_the_library_gets_through_a_bad_link(fault: str) -> None:
    server = await start_built_in(house("GW10K-ET", faults=(fault,)), SystemClock(), speed=SPEED)
    try:
        inverter = await goodwe.connect(server.host, 8899, family="ET", timeout=0.1, retries=8)
        assert (await inverter.read_runtime_data())["battery_soc"] == 50
    finally:
        await server.stop()


async def test_pymodbus_reads_and_writes_over_tcp() -> None:
    options = ServerOptions(simulator=house("GW10K-ET"), udp_port=None, tcp_port=0, speed=SPEED)
    server = SimulatorServer(options, SystemClock())
    await server.start()
    try:
        client = AsyncModbusTcpClient(server.host, port=server.tcp_port or 0, timeout=1)
        assert await client.connect()
        assert (await client.read_holding_registers(37007, count=1, device_id=247)).registers == [50]
        assert not (await client.write_registers(47511, [11, 3000], device_id=247)).isError()
        await asyncio.sleep(SETTLED_S)
        assert (await client.read_holding_registers(47511, count=2, device_id=247)).registers == [11, 3000]
        power = (await client.read_holding_registers(35183, count=1, device_id=247)).registers[0] - 0x10000
        assert power == -3000
        refused = await client.read_holding_registers(1, count=1, device_id=247)
        assert refused.isError()
        assert refused.exception_code == 2
        client.close()
    finally:
        await server.stop()


async def test_several_live_side_by_side_and_a_taken_port_is_said() -> None:
    first = await start_built_in(house("GW10K-ET"), SystemClock())
    second = await start_built_in(house("GW5048-ES"), SystemClock())
    try:
        assert first.host != second.host
        taken = SimulatorServer(ServerOptions(host=first.host), SystemClock())
        with pytest.raises(PermanentError, match=f"{first.host}.*another"):
            await taken.start()
    finally:
        await first.stop()
        await second.stop()


async def test_what_is_not_modbus_is_hung_up_on() -> None:
    server = SimulatorServer(ServerOptions(udp_port=None, tcp_port=0), SystemClock())
    await server.start()
    try:
        reader, writer = await asyncio.open_connection(server.host, server.tcp_port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        await writer.wait_closed()
    finally:
        await server.stop()
