"""A simulated inverter on real sockets: UDP as GoodWe's dongles speak it, and Modbus/TCP.

Time inside runs with the clock passed in, times ``speed``.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from hems.domain.errors import PermanentError
from hems.ports.clock import Clock
from hems.simulation import goodwe_wire as wire
from hems.simulation.simulated_inverter import SimulatedInverter, SimulatorOptions

log = logging.getLogger(__name__)

UDP_PORT = 8899
TICK_S = 1.0
FIRST_LOOPBACK_HOST = 2
LAST_LOOPBACK_HOST = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Where to listen and how fast time runs. A port of 0 takes a free one; None leaves that protocol out."""

    simulator: SimulatorOptions = field(default_factory=SimulatorOptions)
    host: str = "127.0.0.1"
    udp_port: int | None = UDP_PORT
    tcp_port: int | None = None
    speed: float = 1.0


class SimulatorServer:
    """One simulated inverter that listens."""

    def __init__(self, options: ServerOptions, clock: Clock) -> None:
        """Build the inverter; ``start`` makes it listen.

        Raises: ValueError: an option names nothing known.
        """
        if not 0 < options.speed < math.inf:
            raise ValueError(f"speed {options.speed}: time has to move forward, so a number above 0")
        self.options = options
        self.host = options.host
        self.udp_port: int | None = None
        self.tcp_port: int | None = None
        self._clock = clock
        self.inverter = SimulatedInverter.starting_at(options.simulator, clock.now())
        self._origin_s = clock.monotonic()
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen on what the options name; time begins to run.

        Raises: PermanentError: an address or port cannot be had.
        """
        loop = asyncio.get_running_loop()
        self._origin_s = self._clock.monotonic()
        try:
            if self.options.udp_port is not None:
                address = (self.host, self.options.udp_port)
                self._udp, _ = await loop.create_datagram_endpoint(lambda: _Udp(self), local_addr=address)
                self.udp_port = int(self._udp.get_extra_info("sockname")[1])
            if self.options.tcp_port is not None:
                self._tcp = await asyncio.start_server(self._serve_tcp, self.host, self.options.tcp_port)
                self.tcp_port = int(self._tcp.sockets[0].getsockname()[1])
        except OSError as error:
            await self.stop()
            ports = f"UDP {self.options.udp_port}, TCP {self.options.tcp_port}"
            raise PermanentError(
                f"cannot listen on {self.host} ({ports}): {error.strerror or error}. Is another simulator running? "
                "Choose another --host (any of 127.0.0.2 to 127.0.0.254) or port."
            ) from error
        self._spawn(self._tick())

    async def stop(self) -> None:
        """Close every socket; safe to call again."""
        if self._udp is not None:
            self._udp.close()
            self._udp = None
        if self._tcp is not None:
            self._tcp.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tcp is not None:
            await self._tcp.wait_closed()
            self._tcp = None

    def simulated_now(self) -> datetime:
        """Return the moment inside the simulation."""
        elapsed_s = (self._clock.monotonic() - self._origin_s) * self.options.speed
        return self.inverter.start + timedelta(seconds=elapsed_s)

    def catch_up(self) -> None:
        """Let the house live until now."""
        self.inverter.advance_to(self.simulated_now())

    def answer_datagram(self, frame: bytes, address: tuple[str | Any, int]) -> None:
        """Answer one UDP frame."""
        self.catch_up()
        for delay_s, reply in self.inverter.handle_datagram(frame):
            if delay_s > 0.0:
                self._spawn(self._send_later(delay_s, reply, address))
            elif self._udp is not None:
                self._udp.sendto(reply, address)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tick(self) -> None:
        # Without clients the house lives on too; in small steps, so that the first client does not wait for hours.
        while True:
            await self._clock.sleep(TICK_S)
            self.catch_up()

    async def _send_later(self, delay_s: float, reply: bytes, address: tuple[str | Any, int]) -> None:
        await self._clock.sleep(delay_s)
        if self._udp is not None:
            self._udp.sendto(reply, address)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Kept among the tasks, so that ``stop`` ends connections that a client holds open.
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        buffer = bytearray()
        try:
            while data := await reader.read(4096):
                buffer += data
                for delay_s, reply in self._answers_to(buffer):
                    if delay_s > 0.0:
                        await self._clock.sleep(delay_s)
                    writer.write(reply)
                    await writer.drain()
        except ValueError:
            log.warning("closed a connection that does not speak Modbus/TCP")
        except ConnectionError as error:
            log.info("a client went away: %s", error)
        except asyncio.CancelledError:
            log.debug("closed a connection because the simulator stops")
        finally:
            writer.close()
            with suppress(ConnectionError):  # a client that is gone already is closed
                await writer.wait_closed()

    def _answers_to(self, buffer: bytearray) -> list[tuple[float, bytes]]:
        """Take every whole request off ``buffer`` and return the replies in order."""
        replies: list[tuple[float, bytes]] = []
        self.catch_up()
        while True:
            if bytes(buffer[:4]) == wire.AA55_REQUEST_HEADER:
                # ES clients send their own protocol over TCP as well.
                end = 9 + buffer[6] if len(buffer) > 6 else len(buffer) + 1
                if len(buffer) < end:
                    return replies
                replies += self.inverter.handle_datagram(bytes(buffer[:end]))
                del buffer[:end]
                continue
            request = wire.split_mbap(buffer)
            if request is None:
                return replies
            replies += self.inverter.handle_tcp(*request)


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: SimulatorServer) -> None:
        self._server = server

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._server.answer_datagram(data, addr)

    def error_received(self, exc: Exception) -> None:
        # The client closed its port before the reply came: its time-out was shorter than the delay.
        log.debug("a reply was not taken: %s", exc)


async def start_built_in(options: SimulatorOptions, clock: Clock, *, speed: float = 1.0) -> SimulatorServer:
    """Start a simulator on the first free 127.0.0.N:8899, N from 2 up; 8899 is the one port that means UDP to clients.

    Raises: PermanentError: none is free.
    """
    refusal: PermanentError | None = None
    for last in range(FIRST_LOOPBACK_HOST, LAST_LOOPBACK_HOST + 1):
        server = SimulatorServer(ServerOptions(simulator=options, host=f"127.0.0.{last}", speed=speed), clock)
        try:
            await server.start()
        except PermanentError as error:
            refusal = error
        else:
            return server
    raise PermanentError(f"no free loopback address for the built-in simulator: {refusal}") from refusal
