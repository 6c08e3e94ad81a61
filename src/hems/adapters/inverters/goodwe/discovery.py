"""Finds GoodWe inverters on local networks: by broadcast, and by asking every address for those that hear none.

Three questions, none of which changes anything: the communication module's own (UDP 48899), the inverter's identity
(UDP 8899), and the same over Modbus/TCP (502). Only networks that are private are asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network

from hems.adapters.inverters.goodwe.identity import DeviceInfo
from hems.adapters.inverters.goodwe.library_bus import UDP_PORT, LinkOptions
from hems.adapters.inverters.goodwe.line import Heard, Line
from hems.adapters.inverters.goodwe.questions import (
    DONGLE_PORT,
    DONGLE_QUESTION,
    DT_WHO,
    ET_WHO,
    WHO_ARE_YOU,
    Verdict,
    identity_in,
)
from hems.domain.errors import PermanentError
from hems.ports.clock import Clock

ADDRESSES_MAX = 2048
_AT_ONCE = 64
_PAUSE_S = 0.004
"""Between two datagrams to different addresses: home routers drop bursts."""
_TCP_PATIENCE_S = 0.8
_ANSWER_PATIENCE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchArea:
    """One network to search; ``source`` is this machine's address in it, None where it has none."""

    network: IPv4Network
    source: IPv4Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveryOptions:
    """Where and how long to search. The ports are the product's; only tests have others."""

    areas: tuple[SearchArea, ...]
    timeout_s: float = 8.0
    udp_port: int = UDP_PORT
    tcp_port: int = 502
    dongle_port: int = DONGLE_PORT


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundInverter:
    """What answers at one address. ``info`` None: only the communication module did, not the inverter behind it."""

    address: IPv4Address
    port: int
    info: DeviceInfo | None
    dongle: str | None = None
    """What the communication module calls itself."""
    found_by: tuple[str, ...] = ()


@dataclass(slots=True)
class _Sighting:
    """What was heard from one address so far."""

    dongle: str | None = None
    udp: DeviceInfo | None = None
    tcp: DeviceInfo | None = None
    ways: list[str] = field(default_factory=list)

    def note(self, way: str) -> None:
        if way not in self.ways:
            self.ways.append(way)


def areas_of(networks: Iterable[SearchArea]) -> tuple[SearchArea, ...]:
    """Return ``networks`` bounded: wider ones than /24 become the /24 around this machine's own address.

    Raises: PermanentError: a network that is not private, or one too wide that this machine has no address in.
    """
    bounded: list[SearchArea] = []
    for area in networks:
        network = area.network
        if not is_local(network):
            raise PermanentError(f"{network} is not a private network: only the home's own networks are searched")
        if network.num_addresses > ADDRESSES_MAX // 2:
            if area.source is None:
                raise PermanentError(
                    f"{network} has {network.num_addresses} addresses: name a part of it, /{32 - 10} or smaller, "
                    "such as --network 192.168.1.0/24"
                )
            network = IPv4Network((area.source, 24), strict=False)
        if all(network != other.network for other in bounded):
            bounded.append(replace(area, network=network))
    return tuple(bounded)


def is_local(network: IPv4Network) -> bool:
    """Return whether ``network`` belongs to a home: private, link-local or loopback."""
    return network.is_private or network.is_link_local or network.is_loopback


async def discover(
    options: DiscoveryOptions, clock: Clock, progress: Callable[[float, int], None]
) -> tuple[FoundInverter, ...]:
    """Return every inverter found within the time-out, by address; ``progress`` is told the share done and the count.

    Raises: PermanentError: no area can be reached from this machine at all.
    """
    search = _Search(options, clock, progress)
    try:
        async with asyncio.timeout(options.timeout_s):
            await search.run()
    except TimeoutError:
        pass  # what has answered so far is the result
    finally:
        search.close()
    if search.sent == 0 and search.refusal is not None:
        raise PermanentError(
            f"no question could be sent: {search.refusal.strerror or search.refusal}. Is this machine connected to the "
            "network, and does its firewall let it talk to local addresses?"
        )
    return search.found()


class _Ear(asyncio.DatagramProtocol):
    """Hears answers on one socket and hands them on with their sender."""

    def __init__(self, hear: Callable[[bytes, str], None], on_error: Callable[[OSError], None]) -> None:
        self._hear = hear
        self._on_error = on_error

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._hear(data, addr[0])

    def error_received(self, exc: Exception) -> None:
        if isinstance(exc, OSError):
            self._on_error(exc)


class _Search:
    """One search under way."""

    def __init__(self, options: DiscoveryOptions, clock: Clock, progress: Callable[[float, int], None]) -> None:
        self._options = options
        self._clock = clock
        self._progress = progress
        self._sightings: dict[str, _Sighting] = {}
        self._transports: list[asyncio.DatagramTransport] = []
        self._broadcasting = True
        self._asked = 0
        self._to_ask = sum(len(_hosts(area.network)) for area in options.areas) or 1
        self.sent = 0
        self.refusal: OSError | None = None

    async def run(self) -> None:
        """Ask everybody, then those again who gave only half an answer."""
        await asyncio.gather(*(self._search(area) for area in self._options.areas))
        half = [address for address, seen in self._sightings.items() if seen.udp is None and seen.tcp is None]
        await asyncio.gather(*(self._ask_closely(address) for address in half))
        self._report(1.0)

    def close(self) -> None:
        """Let every socket go."""
        for transport in self._transports:
            transport.close()

    def found(self) -> tuple[FoundInverter, ...]:
        """Return what was heard, in order of address."""
        options, results = self._options, []
        for address, seen in self._sightings.items():
            over_tcp = seen.udp is None and seen.tcp is not None
            results.append(
                FoundInverter(
                    address=IPv4Address(address),
                    port=options.tcp_port if over_tcp else options.udp_port,
                    info=seen.tcp if over_tcp else seen.udp,
                    dongle=seen.dongle,
                    found_by=tuple(seen.ways),
                )
            )
        return tuple(sorted(results, key=lambda one: one.address))

    async def _search(self, area: SearchArea) -> None:
        # Bound to the address in this network, so that on a machine in several each question leaves by the right one.
        local = (str(area.source) if area.source is not None else "0.0.0.0", 0)  # noqa: S104 - replies from anywhere
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_datagram_endpoint(
                lambda: _Ear(self._hear, self._refused), local_addr=local, allow_broadcast=True
            )
        except OSError as error:
            self._refused(error)
            return
        self._transports.append(transport)
        broadcast = str(area.network.broadcast_address)
        for pause_s in (0.0, 0.5) if area.source is not None and not area.network.is_loopback else ():
            await self._clock.sleep(pause_s)
            self._ask_datagrams(transport, broadcast)
        self._broadcasting = False
        gate = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(self._ask_one(transport, str(host), gate) for host in _hosts(area.network)))
        await self._clock.sleep(_ANSWER_PATIENCE_S)

    async def _ask_one(self, transport: asyncio.DatagramTransport, address: str, gate: asyncio.Semaphore) -> None:
        async with gate:
            seen = self._sightings.get(address)
            if seen is None or seen.udp is None:
                self._ask_datagrams(transport, address)
                await self._clock.sleep(_PAUSE_S)
            info = await self._over_tcp(address, _TCP_PATIENCE_S)
            if info is not None:
                sighting = self._sighting(address)
                sighting.tcp = info
                sighting.note(f"Modbus/TCP {self._options.tcp_port}")
        self._asked += 1
        self._report(self._asked / self._to_ask)

    def _ask_datagrams(self, transport: asyncio.DatagramTransport, address: str) -> None:
        before = self.refusal
        transport.sendto(WHO_ARE_YOU.udp_frame(), (address, self._options.udp_port))
        transport.sendto(DONGLE_QUESTION, (address, self._options.dongle_port))
        self.sent += self.refusal is before

    def _refused(self, error: OSError) -> None:
        self.refusal = error

    def _hear(self, data: bytes, address: str) -> None:
        answer = WHO_ARE_YOU.judge_udp(data)
        if answer.verdict is Verdict.GOOD:
            info = identity_in(WHO_ARE_YOU, answer.data)
            sighting = self._sighting(address)
            sighting.udp = info or sighting.udp
            sighting.note("broadcast" if self._broadcasting else f"UDP {self._options.udp_port}")
        elif answer.verdict is Verdict.STRANGE:
            name = _dongle_name(data)
            if name is not None:
                sighting = self._sighting(address)
                sighting.dongle = name
                sighting.note(f"module {self._options.dongle_port}")
        self._report(self._asked / self._to_ask)

    async def _ask_closely(self, address: str) -> None:
        """Ask an address where only the module answered, by every means."""
        line = Line(LinkOptions(host=address, port=self._options.udp_port), address, self._clock)
        for question in (WHO_ARE_YOU, ET_WHO, DT_WHO):
            heard = await line.ask(question, _ANSWER_PATIENCE_S)
            info = _identity(heard)
            if info is not None:
                self._sighting(address).udp = info
                self._sighting(address).note(f"UDP {self._options.udp_port}")
                return

    async def _over_tcp(self, address: str, patience_s: float) -> DeviceInfo | None:
        line = Line(LinkOptions(host=address, port=self._options.tcp_port), address, self._clock)
        for question in (ET_WHO, DT_WHO):
            heard = await line.ask(question, patience_s)
            info = _identity(heard)
            if info is not None or heard.error is not None or heard.connected is False:
                return info
        return None

    def _sighting(self, address: str) -> _Sighting:
        return self._sightings.setdefault(address, _Sighting())

    def _report(self, share: float) -> None:
        self._progress(share, len(self._sightings))


def _identity(heard: Heard) -> DeviceInfo | None:
    return identity_in(heard.question, heard.answer.data) if heard.verdict is Verdict.GOOD else None


def _dongle_name(data: bytes) -> str | None:
    """Return the name in ``address,mac,name``, or None where this is no such answer."""
    parts = data.decode("ascii", "replace").strip().split(",")
    if len(parts) < 3 or not parts[2].isprintable():
        return None
    return parts[2][:40]


def _hosts(network: IPv4Network) -> Sequence[IPv4Address]:
    return list(network.hosts())
