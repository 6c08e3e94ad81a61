"""This machine's clock: prices are per quarter of an hour, so minutes count."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx2

from hems.adapters.kernel_clock import is_kept_in_step
from hems.composition.doctor.house import House
from hems.composition.doctor.model import Catalogue, Finding, Group
from hems.composition.doctor.prices import look_up

ASK_S = 6.0
TOLERATED = timedelta(seconds=30)
GRAVE = timedelta(minutes=5)

CATALOGUE = Catalogue(Group.CLOCK)

RIGHT = CATALOGUE.fine("clock_right", "Clock right")
KEPT = CATALOGUE.fine("clock_kept_in_step", "Clock kept in step")
ZONE = CATALOGUE.fine("clock_zone", "Time zone")
OFF = CATALOGUE.problem(
    "clock_off",
    "Clock wrong",
    "this machine's clock differs from the price server's by minutes: decisions fall into the wrong quarters",
    "Set it by the network: `timedatectl set-ntp true`, then `timedatectl` shows whether it is synchronised",
    "A machine without a battery-backed clock (Raspberry Pi) needs the network at every start",
)
SLIGHTLY_OFF = CATALOGUE.warning(
    "clock_slightly_off",
    "Clock inexact",
    "this machine's clock differs from the price server's by more than half a minute",
    "Set it by the network: `timedatectl set-ntp true`",
)
NOT_KEPT = CATALOGUE.warning(
    "clock_not_kept_in_step",
    "Clock not synchronised",
    "nothing keeps this machine's clock right (NTP): it will drift by minutes a month",
    "`timedatectl set-ntp true`, or install systemd-timesyncd or chrony",
    "A virtual machine or container may have its clock kept by its host: then this is no fault",
)
NOT_COMPARED = CATALOGUE.unknown(
    "clock_not_compared",
    "Clock not compared",
    "no server told its time to compare with",
    "See the prices group for why the price server does not answer",
)
NOT_TOLD = CATALOGUE.unknown(
    "clock_keeping_not_told", "Synchronisation not checked", "this system does not tell whether its clock is kept right"
)


async def clock_findings(house: House) -> Sequence[Finding]:
    """Return what is to be said of this machine's clock."""
    findings = [await _compared(house), _kept()]
    if house.loaded is not None:
        now = house.clock.now()
        zone = house.loaded.zone
        findings.append(ZONE(f"{zone.key}: {now.astimezone(zone):%Y-%m-%d %H:%M} at the house ({now:%H:%M} UTC)"))
    return findings


async def _compared(house: House) -> Finding:
    if house.loaded is None:
        return NOT_COMPARED("no usable configuration names a server")
    address = str(house.loaded.settings.prices.pse.base_url)
    host = urlsplit(address).hostname or "?"
    if await look_up(host) is not None:
        return NOT_COMPARED(f"{host} is not known to the name server, or that does not answer")
    try:
        async with asyncio.timeout(ASK_S):
            async with httpx2.AsyncClient(timeout=ASK_S) as client:
                response = await client.head(address)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        return NOT_COMPARED(f"{host} does not answer ({type(error).__name__})")
    now = house.clock.now()
    server = http_date(response.headers.get("Date"))
    if server is None:
        return NOT_COMPARED(f"{host} does not tell its time")
    return compare(now, server, host)


def http_date(value: str | None) -> datetime | None:
    """Return the moment in a Date header, None where there is none that can be read."""
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def compare(now: datetime, server: datetime, host: str) -> Finding:
    """Return what the difference between this machine's time and a server's means."""
    off = now - server
    seconds = abs(off).total_seconds()
    if abs(off) <= TOLERATED:
        return RIGHT(f"within {TOLERATED.total_seconds():.0f} s of {host}'s")
    shown = f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} minutes"
    found = f"this machine is {shown} {'ahead of' if off > timedelta(0) else 'behind'} {host}"
    return OFF(found) if abs(off) > GRAVE else SLIGHTLY_OFF(found)


def _kept() -> Finding:
    kept = is_kept_in_step()
    if kept is None:
        return NOT_TOLD("the kernel does not tell")
    return (
        KEPT("the kernel says that it is synchronised") if kept else NOT_KEPT("the kernel says it is not synchronised")
    )
