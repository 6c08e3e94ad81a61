"""Inverters are found on real sockets, by each way; and only where a home can be."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from hems.adapters.clock import SystemClock
from hems.adapters.inverters.goodwe.discovery import DiscoveryOptions, FoundInverter, SearchArea, areas_of, discover
from hems.adapters.inverters.goodwe.questions import DONGLE_PORT, WHO_ARE_YOU
from hems.adapters.local_networks import LocalNetwork, local_networks
from hems.composition import discovery
from hems.domain.errors import PermanentError
from hems.simulation.server import ServerOptions, SimulatorServer
from hems.simulation.simulated_inverter import SimulatorOptions

NET = f"127.73.{os.getpid() % 250}"
TCP_PORT = 15_502


@asynccontextmanager
async def inverters(**models: str) -> AsyncIterator[list[SimulatorServer]]:
    """Run simulated inverters at the addresses n2, n3 ... of this test's network."""
    async with AsyncExitStack() as stack:
        servers = []
        for name, model in models.items():
            simulator = SimulatorOptions(model=model.rstrip("!"), scenario="full_battery")
            udp_port = None if model.endswith("!") else 8899
            options = ServerOptions(host=f"{NET}.{name[1:]}", udp_port=udp_port, tcp_port=TCP_PORT, simulator=simulator)
            server = SimulatorServer(options, SystemClock())
            await server.start()
            stack.push_async_callback(server.stop)
            servers.append(server)
        yield servers


async def found_in(network: str, **options: Any) -> tuple[FoundInverter, ...]:
    areas = areas_of([SearchArea(network=IPv4Network(network))])
    wanted = DiscoveryOptions(**{"areas": areas, "tcp_port": TCP_PORT, "timeout_s": 6.0} | options)
    return await discover(wanted, SystemClock(), lambda _share, _count: None)


class Module(asyncio.DatagramProtocol):
    """A communication module that tells who it is; ``answer`` for other questions."""

    def __init__(self, name: bytes) -> None:
        self._name = name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert data == b"WIFIKIT-214028-READ"
        self._transport.sendto(self._name, addr)  # type: ignore[attr-defined]


@asynccontextmanager
async def module(host: str, name: bytes) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Module(name), local_addr=(host, DONGLE_PORT))
    try:
        yield
    finally:
        transport.close()


async def test_every_family_is_found_once_and_by_the_ways_it_answers() -> None:
    async with inverters(n2="GW10K-ET", n3="GW5048-ES", n4="GW6000-DT", n5="GW8KN-ET!"):
        found = await found_in(f"{NET}.0/28")
    shown = [(str(one.address)[-1], one.port, one.info.model, one.info.family.value) for one in found if one.info]
    assert shown == [
        ("2", 8899, "GW10K-ET", "ET"),
        ("3", 8899, "GW5048-ES", "ES"),
        ("4", 8899, "GW6000-DT", "DT"),
        ("5", TCP_PORT, "GW8KN-ET", "ET"),
    ]
    assert found[0].found_by == ("UDP 8899", f"Modbus/TCP {TCP_PORT}")
    assert found[3].found_by == (f"Modbus/TCP {TCP_PORT}",)


async def test_a_module_tells_of_itself_and_the_inverter_behind_it_is_asked_more_closely() -> None:
    async with inverters(n2="GW10K-ET") as (server,):
        handle = server.inverter.handle_datagram
        server.inverter.handle_datagram = lambda frame: (  # type: ignore[method-assign]
            [] if frame == WHO_ARE_YOU.udp_frame() else handle(frame)
        )
        names = (
            module(f"{NET}.2", b"10.0.0.2,289C6E000000,Solar-WiFi2"),
            module(f"{NET}.3", b"10.0.0.3,289C6E000001,HF_E20"),
        )
        async with names[0], names[1]:
            found = await found_in(f"{NET}.0/29", tcp_port=TCP_PORT + 1)
    assert [(one.dongle, one.info is not None) for one in found] == [("Solar-WiFi2", True), ("HF_E20", False)]


async def test_what_answers_otherwise_is_no_inverter_and_the_search_ends_in_time() -> None:
    async with module(f"{NET}.9", b"hello, I am a lamp\xff"), asyncio.timeout(5):
        assert await found_in(f"{NET}.8/29", timeout_s=2.0) == ()


@pytest.mark.parametrize(
    ("network", "said"),
    [("8.8.8.0/24", "not a private network"), ("100.64.0.0/24", "not a private"), ("10.0.0.0/8", "name a part of it")],
)
def test_only_the_home_s_own_networks_are_searched(network: str, said: str) -> None:
    with pytest.raises(PermanentError, match=said):
        areas_of([SearchArea(network=IPv4Network(network))])


def test_a_wide_network_becomes_the_part_around_this_machine() -> None:
    wide = SearchArea(network=IPv4Network("10.0.0.0/8"), source=IPv4Address("10.1.2.3"))
    (area,) = areas_of([wide, wide])
    assert area.network == IPv4Network("10.1.2.0/24")


def network_of(interface: str, text: str) -> LocalNetwork:
    address, _, length = text.partition("/")
    return LocalNetwork(
        interface=interface, address=IPv4Address(address), network=IPv4Network(f"{address}/{length}", strict=False)
    )


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ((), "in no private IPv4 network:"),
        (("127.0.0.1/8",), "in no private IPv4 network:"),
        (("8.8.8.8/24",), "not a private network"),
        (("10.0.0.1/32",), "nobody else can be in it"),
    ],
)
async def test_a_machine_without_a_home_network_says_so(
    monkeypatch: pytest.MonkeyPatch, own: tuple[str, ...], said: str
) -> None:
    networks = tuple(network_of(f"eth{index}", text) for index, text in enumerate(own))
    monkeypatch.setattr(discovery, "local_networks", lambda: networks)
    with pytest.raises(PermanentError, match=said):
        await discovery.search([], 1.0, lambda _share, _count: None)


async def test_a_machine_in_several_networks_searches_each(monkeypatch: pytest.MonkeyPatch) -> None:
    own = (network_of("eth0", "10.1.0.5/24"), network_of("wlan0", "192.168.1.7/16"), network_of("ppp0", "10.9.9.9/32"))
    areas: list[SearchArea] = []

    async def note(options: DiscoveryOptions, *_: object) -> tuple[FoundInverter, ...]:
        areas.extend(options.areas)
        return ()

    monkeypatch.setattr(discovery, "local_networks", lambda: own)
    monkeypatch.setattr(discovery, "discover", note)
    result = await discovery.search([], 1.0, lambda _share, _count: None)
    assert [(str(area.network), str(area.source)) for area in areas] == [
        ("10.1.0.0/24", "10.1.0.5"),
        ("192.168.1.0/24", "192.168.1.7"),
    ]
    assert result.searched == ("10.1.0.0/24 (eth0)", "192.168.1.0/24 (wlan0)")
    assert result.skipped == ("ppp0 10.9.9.9/32: nobody else can be in it",)


def test_the_kernel_names_loopback_at_least() -> None:
    assert any(one.network == IPv4Network("127.0.0.0/8") for one in local_networks())


def hems(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hems.cli", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, timeout=60, check=False, env=os.environ | {"COLUMNS": "80"}
    )


async def test_the_command_shows_what_to_write_into_the_configuration(tmp_path: Path) -> None:
    async with inverters(n2="GW10K-ET"):
        shown = await asyncio.to_thread(hems, "discover", "--network", f"{NET}.0/29", cwd=tmp_path)
        told = await asyncio.to_thread(hems, "discover", "--network", f"{NET}.0/29", "--json", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert f"ip_address: {NET}.2" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80
    document = json.loads(told.stdout)
    assert document["found"][0]["model"] == "GW10K-ET"
    assert document["found"][0]["port"] == 8899
    assert "9010KETU00SIM002" not in shown.stdout + told.stdout


@pytest.mark.parametrize(
    ("network", "code", "said"),
    [("127.73.0.64/30", 1, "What to try"), ("8.8.8.0/24", 2, "not a private network"), ("nonsense", 2, "write it as")],
)
def test_the_command_says_what_to_try(network: str, code: int, said: str, tmp_path: Path) -> None:
    result = hems("discover", "--network", network, "--timeout", "2", cwd=tmp_path)
    assert (result.returncode, said in result.stdout + result.stderr) == (code, True), result
    assert "Traceback" not in result.stderr
