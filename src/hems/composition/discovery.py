"""Which networks to search for inverters, and the search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from hems.adapters.clock import SystemClock
from hems.adapters.inverters.goodwe.discovery import (
    DiscoveryOptions,
    FoundInverter,
    SearchArea,
    areas_of,
    discover,
    is_local,
)
from hems.adapters.local_networks import LocalNetwork, local_networks
from hems.domain.errors import PermanentError


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What was found, where was looked, and where not and why."""

    found: tuple[FoundInverter, ...]
    searched: tuple[str, ...]
    skipped: tuple[str, ...]


async def search(networks: Sequence[str], timeout_s: float, progress: Callable[[float, int], None]) -> SearchResult:
    """Return what answers in ``networks``, or in this machine's own ones where none is named.

    Raises: PermanentError: no such network, none that may be searched, or no network at all.
    """
    own = _own_networks()
    if networks:
        areas = [_named(text, own) for text in networks]
        skipped: tuple[str, ...] = ()
    else:
        usable, skipped = _usable(own)
        areas = [SearchArea(network=network.network, source=network.address) for network in usable]
        if not areas:
            more = f" ({'; '.join(skipped)})" if skipped else ""
            raise PermanentError(
                f"this machine is in no private IPv4 network{more}: connect it to the home's network, or name one with "
                "--network 192.168.1.0/24"
            )
    bounded = areas_of(areas)
    found = await discover(DiscoveryOptions(areas=bounded, timeout_s=timeout_s), SystemClock(), progress)
    return SearchResult(found=found, searched=tuple(_described(area, own) for area in bounded), skipped=skipped)


def _own_networks() -> tuple[LocalNetwork, ...]:
    try:
        return local_networks()
    except OSError as error:
        raise PermanentError(
            f"this system does not tell its networks ({error}): name one with --network 192.168.1.0/24"
        ) from error


def _usable(own: Sequence[LocalNetwork]) -> tuple[list[LocalNetwork], tuple[str, ...]]:
    """Return the networks that inverters may be in, and a line for each other one."""
    usable: list[LocalNetwork] = []
    skipped: list[str] = []
    for one in own:
        if one.network.is_loopback:
            continue
        if not is_local(one.network):
            skipped.append(f"{one.interface} {one.network}: not a private network")
        elif one.network.prefixlen > 30:
            skipped.append(f"{one.interface} {one.network}: nobody else can be in it")
        elif not one.is_connected:
            skipped.append(f"{one.interface} {one.network}: not connected")
        else:
            usable.append(one)
    return usable, tuple(skipped)


def _named(text: str, own: Sequence[LocalNetwork]) -> SearchArea:
    try:
        network = IPv4Network(text, strict=False)
    except ValueError as error:
        raise PermanentError(f"--network {text}: {error}; write it as 192.168.1.0/24") from error
    source = next((one.address for one in own if network.overlaps(one.network) and not network.is_loopback), None)
    return SearchArea(network=network, source=source)


def _described(area: SearchArea, own: Sequence[LocalNetwork]) -> str:
    interface = next((one.interface for one in own if one.address == area.source), None)
    return f"{area.network} ({interface})" if interface is not None else str(area.network)
