"""A GoodWe device on a real UDP socket whose every answer a test can meddle with."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from hems.adapters.clock import SystemClock
from hems.adapters.inverters.goodwe.bus import RetryOptions
from hems.adapters.inverters.goodwe.library_bus import UDP_PORT, LibraryBus, LinkOptions
from support.goodwe_bench import RegisterDevice

Sender = Callable[[bytes], None]
FAST = RetryOptions(timeout_s=0.1, retries=2, backoff_s=0.02, backoff_max_s=0.02)


def crc16(data: bytes) -> bytes:
    """Return the Modbus checksum, low byte first (Modbus over serial line, V1.02, 6.2.2)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc.to_bytes(2, "little")


def framed(pdu: bytes, unit: int = 0xF7) -> bytes:
    """Return the UDP frame of a reply."""
    body = bytes([unit]) + pdu
    return b"\xaa\x55" + body + crc16(body)


class WireDevice(asyncio.DatagramProtocol):
    """Answers from ``device``; ``respond`` replaces the sending of a framed answer."""

    def __init__(self, device: RegisterDevice) -> None:
        self.device = device
        self.requests: list[bytes] = []
        self.times: list[float] = []
        self.respond: Callable[[bytes, bytes, Sender], None] = lambda _request, frame, send: send(frame)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        pdu = data[1:-2]
        self.requests.append(pdu)
        self.times.append(asyncio.get_running_loop().time())
        reply = self.device.exchange_pdu(pdu) if data[0] == 0xF7 else None
        if reply is not None:
            self.respond(pdu, framed(reply), lambda frame: self.transport.sendto(frame, addr))  # type: ignore[attr-defined]


@asynccontextmanager
async def on_udp(device: RegisterDevice) -> AsyncIterator[tuple[WireDevice, str]]:
    """Serve ``device`` on a loopback address of its own: UDP is spoken on port 8899 only."""
    loop = asyncio.get_running_loop()
    for number in itertools.count():
        host = f"127.83.{os.getpid() % 250}.{1 + number % 250}"
        try:
            transport, wire = await loop.create_datagram_endpoint(
                lambda: WireDevice(device), local_addr=(host, UDP_PORT)
            )
        except OSError:
            if number > 250:
                raise
            continue
        break
    try:
        yield wire, host
    finally:
        transport.close()


@asynccontextmanager
async def bus_to(host: str, retry: RetryOptions = FAST, port: int = UDP_PORT) -> AsyncIterator[LibraryBus]:
    """Return the library bus to ``host``, closed at the end."""
    bus = LibraryBus(LinkOptions(host=host, port=port, frame_gap_s=0.0, retry=retry), SystemClock())
    try:
        yield bus
    finally:
        await bus.close()
