"""Serves blocks recorded from a real unit over the real wire, so that a client's decoding can be checked on them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

from hems.simulation import goodwe_wire as wire
from hems.simulation.registers import MeasuredBlock, RegisterBank

_HEADER_BYTES = 5


def block_from_frame(frame: bytes) -> bytes:
    """Return the register bytes of a recorded UDP read reply.

    Raises: ValueError: the frame is not a whole read reply with a right checksum.
    """
    if frame[:2] != wire.RTU_REPLY_HEADER or len(frame) < _HEADER_BYTES + 2 or frame[3] != wire.READ:
        raise ValueError("not a GoodWe read reply")
    end = _HEADER_BYTES + frame[4]
    if len(frame) < end + 2 or wire.crc16(frame[2:end]) != frame[end : end + 2]:
        raise ValueError("the recorded frame is cut off or its checksum is wrong")
    return frame[_HEADER_BYTES:end]


def load_frame(path: Path) -> bytes:
    """Return the frame in a file of hexadecimal text; blanks around it are allowed."""
    return bytes.fromhex(path.read_text(encoding="ascii").strip())


class ReplayDevice:
    """A device of recorded blocks; everything else is an illegal address, as on a unit that lacks it."""

    def __init__(self, unit: int, blocks: Mapping[int, bytes]) -> None:
        """Serve ``blocks``: register bytes by their first register."""
        self.unit = unit
        self._bank = RegisterBank(
            tuple(MeasuredBlock(start, len(data) // 2, partial(bytes, data)) for start, data in blocks.items()), {}
        )

    def handle_datagram(self, frame: bytes) -> bytes | None:
        """Return the reply frame, or None for silence."""
        pdu = wire.unwrap_rtu_request(frame, self.unit)
        return None if pdu is None else wire.wrap_rtu_reply(self._bank.answer(pdu), self.unit)


class ReplayServer:
    """A replay device on a UDP socket."""

    def __init__(self, device: ReplayDevice, host: str, port: int) -> None:
        self._device = device
        self._address = (host, port)
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> ReplayServer:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Replay(self._device), self._address)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._transport is not None:
            self._transport.close()


class _Replay(asyncio.DatagramProtocol):
    def __init__(self, device: ReplayDevice) -> None:
        self._device = device

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        reply = self._device.handle_datagram(data)
        if reply is not None:
            self._transport.sendto(reply, addr)
