"""The ``goodwe`` library as the carrier of registers, with its defects kept away from everyone else.

What the library does, and what stands against it here:

- A cancelled or timed-out call is swallowed and sent again, writes too: only the owner task calls the library, nobody
  cancels it, and a deadline decides only what the *caller* believes. A request whose caller has gone is not begun.
- Its retry counter is not reset once used up: the library is given none; ``ask_with_retries`` stands above it.
- With keep-alive a late answer to another read of the same length is taken for the right one: keep-alive stays off, so
  every frame has its own socket, and every datagram its own port to come back to.
- One illegal address disables a setting for good: no settings objects are used, and an address that once answered gets
  a fresh protocol object and a second chance.
- ``gaierror`` and other ``OSError`` leak: caught here.
- A word of 0x8000 or more is applied but reported as failed: sent signed, as its own check expects.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from goodwe.exceptions import InverterError, RequestRejectedException  # type: ignore[import-untyped]
from goodwe.modbus import FAILURE_CODES  # type: ignore[import-untyped]
from goodwe.protocol import (  # type: ignore[import-untyped]
    Aa55ProtocolCommand,
    TcpInverterProtocol,
    UdpInverterProtocol,
)

from hems.adapters.inverters.goodwe.bus import (
    ILLEGAL_ADDRESS,
    BusError,
    BusInvalid,
    BusRejected,
    BusTimeout,
    RetryOptions,
    ask_with_retries,
)
from hems.ports.clock import Clock

UDP_PORT = 8899
_CODES = {name: code for code, name in FAILURE_CODES.items()}
_AA55_WRITES = frozenset({0x02, 0x03})

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOptions:
    """Where the inverter is and how gently it is spoken to."""

    host: str
    port: int = UDP_PORT
    """8899 is UDP, any other Modbus/TCP: the library's own rule."""
    frame_gap_s: float = 0.1
    """Silence between two frames; real dongles need about 100 ms."""
    retry: RetryOptions = field(default_factory=RetryOptions)

    @property
    def is_udp(self) -> bool:
        """Whether this port is spoken to over UDP."""
        return self.port == UDP_PORT

    def __str__(self) -> str:
        return f"{self.host}:{self.port} ({'UDP' if self.is_udp else 'Modbus/TCP'})"


@dataclass(slots=True)
class _Request:
    """One question in the owner's queue."""

    unit: int
    label: str
    make: Callable[[Any], Any]
    is_write: bool
    done: asyncio.Future[bytes]
    abandoned: bool = False


class _Watch:
    """A stricter validator around the library's: also the header, the unit, and over TCP the transaction."""

    def __init__(self, command: Any, is_udp: bool, unit: int) -> None:
        self._command = command
        self._library_validator = command.validator
        self._is_udp = is_udp
        self._is_aa55 = isinstance(command, Aa55ProtocolCommand)
        self._unit = unit
        self.saw_invalid = False
        command.validator = self

    def __call__(self, data: bytes) -> bool:
        if self._is_foreign(data):
            self.saw_invalid = True
            return False
        try:
            valid = bool(self._library_validator(data))
        except (IndexError, ValueError):  # the library indexes into frames that are shorter than it expects
            valid = False
        self.saw_invalid = self.saw_invalid or not valid
        return valid

    def _is_foreign(self, data: bytes) -> bool:
        if self._is_aa55:
            return data[:4] != b"\xaa\x55\x7f\xc0"
        if self._is_udp:
            return data[:2] != b"\xaa\x55" or len(data) < 5 or data[2] != self._unit
        return data[:2] != bytes(self._command.request[:2])


class LibraryBus:
    """Registers of one inverter on the network, through the unmodified ``goodwe`` library."""

    def __init__(self, link: LinkOptions, clock: Clock) -> None:
        self._link = link
        self._clock = clock
        self._queue: asyncio.Queue[_Request | None] = asyncio.Queue()
        self._owner: asyncio.Task[None] | None = None
        self._protocols: dict[int, Any] = {}
        self._answered: set[str] = set()
        self._last_frame_s: float | None = None
        self._frames_written = 0
        self._closed = False

    @property
    def frames_written(self) -> int:
        """Write frames sent, repeated ones included."""
        return self._frames_written

    async def read(self, address: int, count: int, *, unit: int) -> bytes:
        """Return the bytes of ``count`` registers."""
        label = f"read of {count} registers at {address}"
        data = await self._ask(unit, label, lambda protocol: protocol.read_command(address, count), is_write=False)
        if len(data) < 2 * count:
            raise BusInvalid(f"{label}: only {len(data)} bytes came back")
        return data[: 2 * count]  # some dongles append garbage after the answer

    async def write(self, address: int, payload: bytes, *, unit: int) -> None:
        """Write whole registers, FC6 for one and FC16 for more."""

        def make(protocol: Any) -> Any:
            if len(payload) == 2:
                return protocol.write_command(address, int.from_bytes(payload, "big", signed=True))
            return protocol.write_multi_command(address, payload)

        await self._ask(unit, f"write of {len(payload) // 2} registers at {address}", make, is_write=True)

    async def query(self, payload: bytes, answer: bytes) -> bytes:
        """Ask in AA55."""
        if not self._link.is_udp:
            raise BusInvalid(f"AA55 needs UDP port {UDP_PORT}; {self._link} is Modbus/TCP")
        return await self._ask(
            0,
            f"AA55 {payload[:2].hex()}",
            lambda _: Aa55ProtocolCommand(payload.hex(), answer.hex()),
            is_write=payload[0] in _AA55_WRITES,
        )

    async def close(self) -> None:
        """Let go; the frame on the wire ends first, what waits behind it is told so."""
        self._closed = True
        if self._owner is not None:
            self._queue.put_nowait(None)
            await asyncio.wait([self._owner])
            self._owner = None

    async def _ask(self, unit: int, label: str, make: Callable[[Any], Any], *, is_write: bool) -> bytes:
        if self._closed:
            raise BusTimeout(f"{label}: the connection to {self._link} is closed")
        if self._owner is None or self._owner.done():
            self._owner = asyncio.create_task(self._own(), name=f"goodwe {self._link}")
        done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        done.add_done_callback(lambda future: future.cancelled() or future.exception())  # an abandoned one is no leak
        request = _Request(unit, label, make, is_write, done)
        self._queue.put_nowait(request)
        # Twice the worst case: the request before this one may be in its retries.
        deadline_s = 2 * self._link.retry.worst_case_s + 1.0
        try:
            async with asyncio.timeout(deadline_s):
                return await asyncio.shield(done)
        except TimeoutError:
            raise BusTimeout(f"{label}: no answer from {self._link} within {deadline_s:.1f} s") from None
        finally:
            request.abandoned = True

    async def _own(self) -> None:
        """Serve the queue, one frame at a time, for as long as the bus is open."""
        while (request := await self._queue.get()) is not None:
            if request.abandoned:
                continue
            if self._closed:
                request.done.set_exception(BusTimeout(f"{request.label}: the connection to {self._link} was closed"))
                continue
            try:
                answer = await self._serve(request)
            except BusError as error:
                request.done.set_exception(error)
            except Exception as error:  # the owner has to outlive whatever a frame makes the library do
                logger.exception("%s: unforeseen failure in the goodwe library", request.label)
                request.done.set_exception(BusInvalid(f"{request.label}: {type(error).__name__}: {error}"))
            else:
                request.done.set_result(answer)
            # The library swallows a cancellation and goes on; at shutdown the owner must not.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError

    async def _serve(self, request: _Request) -> bytes:
        async def ask_once() -> bytes:
            return await self._exchange(request)

        def given_up() -> bool:
            return request.abandoned or self._closed

        key = f"{request.unit} {request.label}"
        try:
            answer = await ask_with_retries(ask_once, self._link.retry, self._clock, given_up)
        except BusRejected as error:
            if error.code != ILLEGAL_ADDRESS or key not in self._answered:
                raise
            self._protocols.pop(request.unit, None)
            answer = await ask_with_retries(ask_once, self._link.retry, self._clock, given_up)
        self._answered.add(key)
        return answer

    async def _exchange(self, request: _Request) -> bytes:
        """Send one frame and return the answer's data."""
        await self._keep_gap()
        protocol = self._protocol(request.unit)
        command = request.make(protocol)
        watch = _Watch(command, self._link.is_udp, request.unit)
        self._frames_written += request.is_write
        try:
            response = await command.execute(protocol)
            return bytes(response.response_data())
        except RequestRejectedException as error:
            if error.message in _CODES:
                raise BusRejected(_CODES[error.message], request.label) from None
            raise BusInvalid(f"{request.label}: damaged or foreign answer from {self._link}") from None
        except InverterError as error:
            if watch.saw_invalid:
                raise BusInvalid(f"{request.label}: damaged or foreign answer from {self._link}") from None
            cause = error.__context__
            reason = f": {cause}" if isinstance(cause, OSError) else ""
            raise BusTimeout(f"{request.label}: no answer from {self._link}{reason}") from cause
        except OSError as error:
            raise BusTimeout(f"{request.label}: {self._link} cannot be reached: {error}") from error
        finally:
            self._last_frame_s = self._clock.monotonic()

    async def _keep_gap(self) -> None:
        if self._last_frame_s is not None:
            remaining_s = self._last_frame_s + self._link.frame_gap_s - self._clock.monotonic()
            if remaining_s > 0:
                await self._clock.sleep(remaining_s)

    def _protocol(self, unit: int) -> Any:
        """Return the protocol object for ``unit``: one try per call, a socket of its own for each frame."""
        if unit not in self._protocols:
            kind = UdpInverterProtocol if self._link.is_udp else TcpInverterProtocol
            protocol = kind(self._link.host, self._link.port, unit, self._link.retry.timeout_s, 0)
            protocol.keep_alive = False
            self._protocols[unit] = protocol
        return self._protocols[unit]
