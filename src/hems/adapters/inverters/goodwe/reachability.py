"""Finds out why an inverter is silent: asked only after it was, so it may take a second or two."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from pathlib import Path

from hems.adapters.inverters.goodwe.errors import ConnectionRefused, HostUnreachable, PortSilent
from hems.adapters.inverters.goodwe.library_bus import UDP_PORT, LinkOptions
from hems.domain.errors import InverterUnreachable

_HARMLESS_QUESTION = bytes.fromhex("aa55c07f0102000241")  # "who are you", which changes nothing
WEB_PORT = 80  # only a refusal proves a host: gateways exist that take connections for any address at all
_NEIGHBOURS = Path("/proc/net/arp")
_COMPLETE = 0x2  # the flag of a neighbour that has told its hardware address
_SILENT_ADVICE = (
    "Wake the inverter (some sleep without sun), stop other programs that talk to it (it serves one at a time), "
    "restart its Wi-Fi or LAN dongle, or try the other protocol: port 8899 is UDP, port 502 is Modbus/TCP"
)


class _Listener(asyncio.DatagramProtocol):
    """Notes the error that the operating system reports for a datagram."""

    def __init__(self) -> None:
        self.error: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    def error_received(self, exc: Exception) -> None:
        if not self.error.done():
            self.error.set_result(exc)


async def find_out_why(link: LinkOptions, timeout_s: float) -> InverterUnreachable:
    """Return the error, with advice, for an inverter that did not answer at ``link``."""
    try:
        async with asyncio.timeout(2 * timeout_s + 1):
            found = await asyncio.get_running_loop().getaddrinfo(link.host, link.port, type=socket.SOCK_DGRAM)
    except TimeoutError:
        return HostUnreachable(f"the name {link.host} could not be looked up in time: check the network's name server")
    except OSError as error:
        return HostUnreachable(
            f"{link.host} is not a known name or address ({error}): check inverter.ip_address; the inverter's address "
            "is in the vendor's app or in the router's list of devices"
        )
    refusal = await (try_udp(link, timeout_s) if link.is_udp else try_tcp(link.host, link.port, timeout_s))
    if isinstance(refusal, ConnectionRefusedError):
        other = "502 (Modbus/TCP)" if link.is_udp else f"{UDP_PORT} (UDP)"
        return ConnectionRefused(
            f"{link.host} is there, but refuses {link}: check that this is the inverter, and try inverter.port: {other}"
        )
    if refusal is None and not link.is_udp:
        return PortSilent(f"the connection to {link} opens, but no GoodWe inverter answers there. {_SILENT_ADVICE}")
    if refusal is None:
        web = await try_tcp(link.host, WEB_PORT, timeout_s)
        if isinstance(web, ConnectionRefusedError) or is_neighbour(str(address[0]) for *_, address in found):
            return PortSilent(f"{link.host} is there, but no GoodWe inverter answers at {link}. {_SILENT_ADVICE}")
    return HostUnreachable(
        f"nothing answers at {link} ({refusal or 'no reply'}): check inverter.ip_address, the inverter's network "
        f"connection, and that this machine is in the same network. {_SILENT_ADVICE}"
    )


def is_neighbour(addresses: Iterable[str]) -> bool:
    """Return whether one of ``addresses`` has answered on this network by its hardware address; False if unknown."""
    wanted = set(addresses)
    try:
        rows = [line.split() for line in _NEIGHBOURS.read_text(encoding="ascii").splitlines()[1:]]
        return any(len(row) > 2 and row[0] in wanted and int(row[2], 16) & _COMPLETE for row in rows)
    except (OSError, ValueError):
        return False  # not Linux, or hidden from this process


async def try_udp(link: LinkOptions, timeout_s: float) -> Exception | None:
    """Return the error that a datagram earns, or None for silence."""
    try:
        transport, listener = await asyncio.get_running_loop().create_datagram_endpoint(
            _Listener, remote_addr=(link.host, link.port)
        )
    except OSError as error:
        return error
    try:
        transport.sendto(_HARMLESS_QUESTION)
        async with asyncio.timeout(timeout_s):
            return await listener.error
    except TimeoutError:
        return None
    finally:
        transport.close()


async def try_tcp(host: str, port: int, timeout_s: float) -> Exception | None:
    """Return the error of a connection attempt, or None where it succeeds."""
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return TimeoutError(f"no reply within {timeout_s:g} s")
    except OSError as error:
        return error
    writer.close()
    return None
