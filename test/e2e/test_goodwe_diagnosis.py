"""Each fault of a line, on real sockets, is told apart and comes with its advice."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hems.adapters.clock import SystemClock
from hems.adapters.inverters.goodwe import RetryOptions, diagnosis
from hems.adapters.inverters.goodwe.diagnosis import LineDiagnosis, Symptom, diagnose_line
from hems.adapters.inverters.goodwe.library_bus import LinkOptions
from hems.adapters.inverters.goodwe.options import Family
from hems.adapters.inverters.goodwe.questions import DONGLE_PORT
from hems.composition.doctor.inverter_kinds import KIND_OF_SYMPTOM
from hems.simulation.server import ServerOptions, SimulatorServer
from hems.simulation.simulated_inverter import SimulatorOptions

DAY = "full_battery"  # a bright day: an inverter of the DT family sleeps without sun
PATIENT = RetryOptions(timeout_s=0.4, retries=1)
_NUMBERS = itertools.count(1)


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback needs less patience than a home; what is told apart stays the same."""
    monkeypatch.setattr(diagnosis, "FIRST_ANSWER_S", 1.2)
    monkeypatch.setattr(diagnosis, "SERIES_S", 3.0)


def free_host() -> str:
    """Return a loopback address of this test's own: UDP is spoken on port 8899 only."""
    return f"127.71.{os.getpid() % 250}.{next(_NUMBERS) % 250 + 1}"


@asynccontextmanager
async def simulated(host: str, **options: Any) -> AsyncIterator[SimulatorServer]:
    tcp_port = options.pop("tcp_port", None)
    udp_port = options.pop("udp_port", 8899)
    simulator = SimulatorOptions(**{"model": "GW10K-ET", "scenario": DAY} | options)
    server = SimulatorServer(
        ServerOptions(host=host, udp_port=udp_port, tcp_port=tcp_port, simulator=simulator), SystemClock()
    )
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class Answers(asyncio.DatagramProtocol):
    """Answers every datagram in its own way; None is silence."""

    def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._answer(data)
        if reply is not None:
            self._transport.sendto(reply, addr)  # type: ignore[attr-defined]


@asynccontextmanager
async def answering(host: str, port: int, answer: Callable[[bytes], bytes | None]) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Answers(answer), local_addr=(host, port))
    try:
        yield
    finally:
        transport.close()


async def looked_at(host: str, port: int = 8899, wanted: Family | None = None) -> LineDiagnosis:
    link = LinkOptions(host=host, port=port, frame_gap_s=0.0, retry=PATIENT)
    async with asyncio.timeout(16):
        return await diagnose_line(link, wanted, SystemClock())


FAULTS = {
    "nothing": ((), Symptom.ANSWERS, "12 of 12"),
    "trailing garbage, which the service copes with": (("garbage",), Symptom.ANSWERS, "12 of 12"),
    "answers twice, which the service copes with": (("double",), Symptom.ANSWERS, "12 of 12"),
    "a second client": (("steal",), Symptom.OTHER_CLIENT, "questions of somebody else"),
    "every answer cut": (("truncate",), Symptom.CUT, "171 of 257 bytes"),
    "answers in pieces": (("split",), Symptom.CUT, "in pieces"),
    "wrong checksums": (("bad_crc:0.6",), Symptom.DAMAGED, "wrong checksum"),
    "late answers": (("delay:0.8",), Symptom.LATE, "waits 0.4 s"),
    "lost answers": (("drop:0.5",), Symptom.LOST, "not answered"),
    "refusals": (("exception:6",), Symptom.DECLINES, "device busy"),
    "asleep": (("asleep",), Symptom.SILENT, "is there"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("faults", "symptom", "said"), FAULTS.values(), ids=FAULTS.keys())
async def test_a_fault_of_the_line_is_told(faults: tuple[str, ...], symptom: Symptom, said: str) -> None:
    async with simulated(host := free_host(), faults=faults):
        found = await looked_at(host)
    assert (found.symptom, said in found.detail) == (symptom, True), found
    assert symptom is Symptom.ANSWERS or KIND_OF_SYMPTOM[symptom].advice


async def test_a_module_that_cuts_only_long_answers_is_told_from_one_that_cuts_all() -> None:
    async with simulated("127.71.251.1", udp_port=0) as server:

        def shortened(question: bytes) -> bytes | None:
            replies = server.inverter.handle_datagram(question)
            return replies[0][1][:128] if replies else None

        async with answering(host := free_host(), 8899, shortened):
            found = await looked_at(host)
    assert found.symptom is Symptom.CUT
    assert "after 128 of 257 bytes, while ET identity (73 bytes) comes whole" in found.detail
    assert found.info is not None


async def test_lost_answers_on_a_network_that_is_fine_mean_a_second_client() -> None:
    host = free_host()
    module = answering(host, DONGLE_PORT, lambda _: b"192.168.1.20,289C6E000000,Solar-WiFi000")
    async with simulated(host, faults=("drop:0.6",), seed=3), module:
        found = await looked_at(host)
    assert found.symptom is Symptom.OTHER_CLIENT
    assert "the communication module answered 5 of 5" in found.detail


@pytest.mark.parametrize(
    ("model", "wanted", "symptom"),
    [
        ("GW6000-DT", Family.ET, Symptom.WRONG_FAMILY),
        ("GW5048-ES", Family.ET, Symptom.WRONG_FAMILY),
        ("GW10K-ET", Family.DT, Symptom.WRONG_FAMILY),
        ("GW6000-DT", Family.DT, Symptom.ANSWERS),
        ("GW5048-ES", None, Symptom.ANSWERS),
    ],
)
async def test_the_family_that_answers_is_compared_with_the_wanted_one(
    model: str, wanted: Family | None, symptom: Symptom
) -> None:
    async with simulated(host := free_host(), model=model):
        found = await looked_at(host, wanted=wanted)
    assert found.symptom is symptom
    assert found.info is not None


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b"hello", "not in a language"), (b"\xaa\x55\x7f\xc0\x01\x82\x02\x00\x00\x02\xc3", "somebody else")],
)
async def test_what_is_no_inverter_is_not_taken_for_one(answer: bytes, said: str) -> None:
    async with answering(host := free_host(), 8899, lambda _: answer):
        found = await looked_at(host)
    assert found.info is None
    assert said in found.detail


async def test_a_module_without_its_inverter_is_told() -> None:
    async with answering(host := free_host(), DONGLE_PORT, lambda _: b"192.168.1.20,289C6E000000,Solar-WiFi000"):
        found = await looked_at(host)
    assert found.symptom is Symptom.DONGLE_ONLY
    assert "Solar-WiFi000" in found.detail


async def test_a_port_that_opens_only_after_a_call_is_told() -> None:
    host, called = free_host(), []
    async with simulated("127.71.251.2", udp_port=0) as server:

        def once_called(question: bytes) -> bytes | None:
            replies = server.inverter.handle_datagram(question)
            return replies[0][1] if called and replies else None

        def module(_: bytes) -> bytes:
            called.append(True)
            return b"192.168.1.20,289C6E000000,HF_E20"

        async with answering(host, 8899, once_called), answering(host, DONGLE_PORT, module):
            found = await looked_at(host)
    assert found.symptom is Symptom.PORT_OPENED
    assert found.info is not None


async def test_an_inverter_at_the_other_port_is_found_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async with simulated(host := free_host(), udp_port=None, tcp_port=0) as server:
        assert server.tcp_port is not None
        monkeypatch.setattr(diagnosis, "MODBUS_TCP_PORT", server.tcp_port)
        found = await looked_at(host)
        assert (found.symptom, server.tcp_port) == (Symptom.OTHER_PORT, server.tcp_port)
        assert f"answers at {host}:{server.tcp_port} (Modbus/TCP)" in found.detail
    async with simulated(host := free_host()):
        assert (await looked_at(host, port=50_200)).symptom is Symptom.OTHER_PORT


async def test_modbus_tcp_is_looked_at_the_same_way() -> None:
    async with simulated(host := free_host(), udp_port=None, tcp_port=0) as server:
        assert server.tcp_port is not None
        assert (await looked_at(host, server.tcp_port)).symptom is Symptom.ANSWERS
        assert (await looked_at(host, server.tcp_port, Family.DT)).symptom is Symptom.WRONG_FAMILY


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
async def test_another_service_behind_the_port_is_told(greeting: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(greeting)
        writer.close()

    server = await asyncio.start_server(serve, host := free_host(), 0)
    async with server:
        found = await looked_at(host, server.sockets[0].getsockname()[1])
        await asyncio.sleep(0.1)  # the last connection is let go
    assert found.symptom is (Symptom.NOT_GOODWE if greeting else Symptom.SILENT)


REFUSED = OSError(101, "Network is unreachable")
NOBODY = {
    "a refusing port": ("", 8899, Symptom.REFUSED),
    "a refusing TCP port": ("", 502, Symptom.REFUSED),
    "a name that nobody knows": ("no-such-inverter.invalid", 8899, Symptom.NAME_UNKNOWN),
}


@pytest.mark.parametrize(("host", "port", "symptom"), NOBODY.values(), ids=NOBODY.keys())
async def test_nobody_there_is_told_by_how(host: str, port: int, symptom: Symptom) -> None:
    assert (await looked_at(host or free_host(), port)).symptom is symptom


async def test_an_address_that_leads_nowhere_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a machine without a network says; which addresses lead nowhere differs from machine to machine."""

    async def refused(*_: object) -> Any:
        raise REFUSED

    async def closed(*_: object) -> OSError:
        return REFUSED

    monkeypatch.setattr("hems.adapters.inverters.goodwe.line.ask_udp", refused)
    monkeypatch.setattr(diagnosis, "ask_text", refused)
    monkeypatch.setattr(diagnosis, "try_tcp", closed)
    found = await looked_at(free_host())
    assert found.symptom is Symptom.UNREACHABLE
    assert "no network that leads there" in found.detail


async def test_a_name_server_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    never = asyncio.get_running_loop().create_future()

    async def hang(_: Callable[[], object]) -> Awaitable[object]:
        return await never

    monkeypatch.setattr(diagnosis, "in_daemon_thread", hang)
    monkeypatch.setattr(diagnosis, "LOOK_UP_S", 0.05)
    assert (await looked_at("inverter.example")).symptom is Symptom.NAME_SLOW


def test_every_symptom_has_its_kind_of_finding() -> None:
    assert set(KIND_OF_SYMPTOM) == set(Symptom)
    for symptom, kind in KIND_OF_SYMPTOM.items():
        assert kind.code == symptom.value
        assert kind.advice or symptom in {Symptom.ANSWERS, Symptom.OTHER_PORT}
