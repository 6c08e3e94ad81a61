"""Opening: which family answers, what its firmware can do, and why nobody answers. Real sockets where it matters."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from hems.adapters.clock import SystemClock
from hems.adapters.inverters.goodwe import (
    GoodWeConnector,
    GoodWeOptions,
    RetryOptions,
    open_in_memory,
    restore_inverter,
)
from hems.adapters.inverters.goodwe.dt import DtInverter
from hems.adapters.inverters.goodwe.errors import ConnectionRefused, HostUnreachable, PortSilent, WrongFamily
from hems.adapters.inverters.goodwe.es import EsInverter
from hems.adapters.inverters.goodwe.et import EtInverter
from hems.adapters.inverters.user_settings import MemoryUserSettingsStore
from hems.domain.command import Applied, Command, Mode, Unreachable, WritePurpose
from hems.domain.errors import CapabilityMissing, ConfigurationError, InverterUnreachable
from hems.domain.site import Ability, ControlMethod
from hems.simulation.server import ServerOptions, SimulatorServer, start_built_in
from hems.simulation.simulated_inverter import SimulatorOptions
from support.goodwe_bench import NOON, QUICK, LeapingClock, RegisterDevice, et_registers, open_house
from support.goodwe_wire_device import on_udp

CLOCK = SystemClock()
IMPATIENT = RetryOptions(timeout_s=0.1, retries=0)


def options(host: str, port: int = 8899, **more: object) -> GoodWeOptions:
    return replace(GoodWeOptions(host=host, port=port, frame_gap_s=0.0, retry=QUICK), **more)  # type: ignore[arg-type]


def connector(host: str, port: int = 8899, **more: object) -> GoodWeConnector:
    return GoodWeConnector(options(host, port, **more), CLOCK, MemoryUserSettingsStore())


FAMILIES = [
    ("GW6000-ES-20", "ET", EtInverter),
    ("GW10K-ET-fw617", "ET", EtInverter),
    ("GW5048-ES", "ES", EsInverter),
    ("GW6000-DT", "DT", DtInverter),
]


@pytest.mark.parametrize(("model", "family", "kind"), FAMILIES)
@pytest.mark.parametrize("given", ["auto", "named"])
async def test_finds_the_family_over_udp(model: str, family: str, kind: type, given: str) -> None:
    server = await start_built_in(SimulatorOptions(model=model, start=NOON), CLOCK)
    try:
        inverter = await connector(server.host, family="auto" if given == "auto" else family).open()
        assert isinstance(inverter, kind)
        assert inverter.identity.family == family
        snapshot = await inverter.read_snapshot()
        assert snapshot.inverter.state is not None
        await inverter.close()
    finally:
        await server.stop()


async def serve_tcp(model: str) -> SimulatorServer:
    server = SimulatorServer(
        ServerOptions(simulator=SimulatorOptions(model=model, start=NOON, soc_pct=50.0), udp_port=None, tcp_port=0),
        CLOCK,
    )
    await server.start()
    return server


@pytest.mark.parametrize(("model", "kind"), [("GW10K-ET", EtInverter), ("GW6000-DT", DtInverter)])
async def test_finds_the_family_over_tcp(model: str, kind: type) -> None:
    server = await serve_tcp(model)
    try:
        assert server.tcp_port is not None
        inverter = await connector(server.host, server.tcp_port).open()
        assert isinstance(inverter, kind)
        assert (await inverter.read_snapshot()).inverter.state is not None
        await inverter.close()
    finally:
        await server.stop()


@pytest.mark.parametrize("wire", ["udp", "tcp"])
async def test_charges_and_restores_over_the_wire(wire: str) -> None:
    if wire == "tcp":
        server = await serve_tcp("GW10K-ET")
        port = server.tcp_port or 0
    else:
        server = await start_built_in(SimulatorOptions(model="GW10K-ET", start=NOON, soc_pct=50.0), CLOCK)
        port = 8899
    try:
        store = MemoryUserSettingsStore()
        opener = GoodWeConnector(options(server.host, port), CLOCK, store)
        inverter = await opener.open()
        command = Command(mode=Mode.CHARGE, power_w=3000, expires_at=CLOCK.now())
        assert await inverter.apply(command, WritePurpose.DECISION) == Applied(writes=1)
        assert (await inverter.read_control()).mode is Mode.CHARGE
        await inverter.close()
        assert isinstance(await restore_inverter(opener), Applied)
        assert store.load() is None
    finally:
        await server.stop()


async def test_defect_10_a_dead_port_is_told_quickly_and_as_what_it_is() -> None:
    started = time.monotonic()
    with pytest.raises(ConnectionRefused, match=r"127\.91\.0\.1 is there, but refuses .* try inverter\.port: 502"):
        await connector("127.91.0.1").open()
    assert time.monotonic() - started < 3


async def test_a_refused_tcp_port() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConnectionRefused, match=r"try inverter\.port: 8899"):
        await connector("127.0.0.1", port).open()


@pytest.fixture
def mute_host() -> Iterator[str]:
    """A host that takes datagrams and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.92.0.1", 8899))
        yield "127.92.0.1"


@pytest.mark.parametrize("family", ["auto", "ES"])
async def test_a_silent_port_on_a_living_host(mute_host: str, family: str) -> None:
    with pytest.raises(PortSilent, match="no GoodWe inverter answers"):
        await connector(mute_host, family=family, retry=IMPATIENT).open()


async def test_an_unknown_name() -> None:
    with pytest.raises(HostUnreachable, match="not a known name or address"):
        await connector("no-such-inverter.invalid").open()


async def test_restoring_a_silent_inverter_says_so(mute_host: str) -> None:
    result = await restore_inverter(connector(mute_host, family="ET", retry=IMPATIENT))
    assert isinstance(result, Unreachable)
    assert mute_host in result.detail


@pytest.mark.parametrize(
    ("model", "family", "wrong"),
    [
        ("GW10K-ET", "ET", "ES"),
        ("GW10K-ET", "ET", "DT"),
        ("GW5048-ES", "ES", "ET"),
        ("GW5048-ES", "ES", "DT"),
        ("GW6000-DT", "DT", "ET"),
        ("GW6000-DT", "DT", "ES"),
    ],
)
async def test_a_wrong_family_is_named(model: str, family: str, wrong: str) -> None:
    server = await start_built_in(SimulatorOptions(model=model, start=NOON), CLOCK)
    try:
        with pytest.raises(WrongFamily, match=f"set inverter.family to {family} or auto"):
            await connector(server.host, family=wrong, retry=IMPATIENT).open()
    finally:
        await server.stop()


def test_a_family_that_does_not_exist_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match=r"inverter\.family: 'XT' is none of auto, ET, EH"):
        connector("127.0.0.1", family="XT")


# --- what the firmware can do --------------------------------------------------------------------------------------


async def open_registers(device: RegisterDevice, **more: object) -> EtInverter:
    inverter = await open_in_memory(device.exchange_pdu, LeapingClock(), options("in memory", **more))
    assert isinstance(inverter, EtInverter)
    return inverter


async def test_defect_03_a_lost_probe_is_asked_again_and_never_taken_for_old_firmware() -> None:
    device = RegisterDevice(registers=et_registers())
    lost = iter([None, None])
    device.meddle = lambda request, reply: next(lost, reply) if request[1:3] == (47547).to_bytes(2, "big") else reply
    inverter = await open_registers(device)
    assert inverter.capabilities.can(Ability.FAST_CHARGE)

    device.meddle = lambda request, reply: None if request[1:3] == (47547).to_bytes(2, "big") else reply
    with pytest.raises(InverterUnreachable):
        await open_registers(device)


async def test_defect_03_a_refused_probe_on_new_firmware_is_said() -> None:
    device = RegisterDevice(registers=et_registers(arm=24))
    for address in range(47545, 47571):
        del device.registers[address]
    for address in range(47515, 47531):
        device.registers[address] = 0
    inverter = await open_registers(device)
    assert not inverter.capabilities.can(Ability.FAST_CHARGE)
    assert "ARM firmware 24" in inverter.remarks[0]


async def test_without_ems_registers_auto_takes_eco_slots() -> None:
    device = RegisterDevice(registers=et_registers())
    del device.registers[47511]
    inverter = await open_registers(device)
    assert inverter.capabilities.control is ControlMethod.ECO_SLOT
    assert not inverter.capabilities.can(Ability.STANDBY)
    with pytest.raises(CapabilityMissing, match="set it to auto"):
        await open_registers(device, control="ems")


async def test_needs_neither_battery_nor_meter_to_open_and_to_restore() -> None:
    device = RegisterDevice(registers=et_registers())
    device.put(47511, (11).to_bytes(2, "big") + (3000).to_bytes(2, "big"))
    deaf = {(37000).to_bytes(2, "big"), (36000).to_bytes(2, "big"), (35100).to_bytes(2, "big")}
    device.meddle = lambda request, reply: None if request[1:3] in deaf else reply
    inverter = await open_registers(device)
    assert isinstance(await inverter.restore_self_use(user_settings=True), Applied)
    assert device.registers[47511] == 1


async def test_es_refuses_what_it_cannot_control_with() -> None:
    with pytest.raises(CapabilityMissing, match="no power but the full one"):
        await open_house("GW5048-ES", "fast_charge")
    with pytest.raises(CapabilityMissing, match="has no EMS"):
        await open_house("GW5048-ES", "ems")


async def test_defect_09_two_inverters_share_nothing() -> None:
    first = RegisterDevice(registers=et_registers())
    second = RegisterDevice(registers=et_registers(serial="9010KETU00TEST02"))
    async with on_udp(first) as (_, first_host), on_udp(second) as (_, second_host):
        one = await connector(first_host, control="eco_slot").open()
        two = await connector(second_host, control="eco_slot").open()
        expires = CLOCK.now() + timedelta(hours=2)
        for inverter, mode in ((one, Mode.CHARGE), (two, Mode.DISCHARGE)):
            command = Command(mode=mode, power_w=2000, expires_at=expires)
            assert isinstance(await inverter.apply(command, WritePurpose.DECISION), Applied)
        assert first.registers[47550] == 0xFFFF - 19, "-20 % in one"
        assert second.registers[47550] == 20, "+20 % in the other"
        await one.close()
        await two.close()
