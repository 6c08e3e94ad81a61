"""The price source: can it be reached, does it answer as it should, and is today's day there."""

from __future__ import annotations

import asyncio
import socket
import ssl
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import date
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from hems.adapters.daemon_thread import in_daemon_thread
from hems.composition.doctor.house import House
from hems.composition.doctor.model import Catalogue, Finding, Group, Kind
from hems.composition.settings import SETTLEMENT_ZONE, price_source_of
from hems.config.models import Configuration
from hems.domain.errors import HemsError, PricesRefused, PricesUnavailable, RejectedData
from hems.domain.prices import Market
from hems.domain.time_grid import local_date, slots_of_day
from hems.ports.clock import Clock

LOOK_UP_S = 4.0
FETCH_S = 9.0

CATALOGUE = Catalogue(Group.PRICES)

_INTERNET = "Check that this machine reaches the internet, for instance with a browser or `ping` from the same network"
_ADDRESS = "Check prices.pse.base_url (docs/configuration.md has the default)"
_GOES_ON = "Until then the coordinator decides by stored and estimated prices"

FETCHED = CATALOGUE.fine("prices_fetched", "Prices arrive")
NO_CONFIGURATION = CATALOGUE.unknown(
    "prices_not_named",
    "Prices not checked",
    "without a usable configuration nobody knows the price source",
    "Correct the configuration",
)
NAME_UNKNOWN = CATALOGUE.problem(
    "prices_name_unknown",
    "Price server's name not known",
    "the name server does not know the price server's name, or cannot be reached itself (DNS)",
    "Check the name server: /etc/resolv.conf, `resolvectl status`, and the router",
    _INTERNET,
    _ADDRESS,
    _GOES_ON,
)
NAME_SLOW = CATALOGUE.problem(
    "prices_name_slow",
    "Name server silent",
    "the price server's name was not looked up in time (DNS)",
    "Check the name server: /etc/resolv.conf, `resolvectl status`, and the router",
    _INTERNET,
    _GOES_ON,
)
REFUSED = CATALOGUE.problem(
    "prices_connection_refused",
    "Price server refuses connections",
    "a machine is there, but nothing listens at this address",
    _ADDRESS,
    "A proxy or firewall of this network may stand between",
    _GOES_ON,
)
UNREACHABLE = CATALOGUE.problem(
    "prices_unreachable",
    "Price server cannot be reached",
    "the connection does not come about or breaks off",
    _INTERNET,
    "A proxy or firewall of this network may stand between",
    _GOES_ON,
)
SLOW = CATALOGUE.warning(
    "prices_slow",
    "Price server slow",
    "the price server did not answer in time; the service tries again later",
    _INTERNET,
    "Raise prices.pse.timeout_seconds if it stays so",
    _GOES_ON,
)
CERTIFICATE = CATALOGUE.problem(
    "prices_certificate",
    "Certificate not accepted",
    "the price server's certificate is not valid for this machine; nothing of an unproven server is used",
    "Check this machine's clock: a wrong date makes every certificate invalid",
    "Update the system's certificates: `apt-get install --reinstall ca-certificates`",
    "A proxy that reads encrypted connections has to be known to this machine",
    _GOES_ON,
)
TLS = CATALOGUE.problem(
    "prices_tls",
    "No encrypted connection",
    "the encrypted connection to the price server (TLS) does not come about",
    _ADDRESS,
    "A proxy or firewall of this network may stand between",
    _GOES_ON,
)
SERVER_ERROR = CATALOGUE.warning(
    "prices_server_error",
    "Price server in trouble",
    "the price server answers that it cannot serve now; the service tries again later",
    "Wait: nothing is wrong here",
    _GOES_ON,
)
REQUEST_REFUSED = CATALOGUE.problem(
    "prices_request_refused",
    "Price server refuses the request",
    "the price server says that the request itself is wrong: asking again does not help",
    _ADDRESS,
    "If the address is right, its interface has changed: update this program",
    _GOES_ON,
)
GARBAGE = CATALOGUE.problem(
    "prices_not_understood",
    "Answer is no price list",
    "something answers with what cannot be prices, such as a log-in page; nothing of it is used",
    _ADDRESS,
    "Open the address in a browser: a log-in page of the network (hotel, guest Wi-Fi) may answer in its place",
    "If it is the price server, its interface has changed: update this program",
)
EMPTY = CATALOGUE.problem(
    "prices_day_empty",
    "No prices for today",
    "the price server answers, but has nothing for today",
    "Check this machine's date",
    "If it is right: wait, the publisher is late; the coordinator decides by estimates meanwhile",
)
PARTIAL = CATALOGUE.warning(
    "prices_day_partial",
    "Today's prices incomplete",
    "the price server has only a part of today",
    "Wait: the rest is fetched when it is published",
)


async def price_findings(house: House) -> Sequence[Finding]:
    """Return what fetching today's prices shows."""
    if house.loaded is None:
        return [NO_CONFIGURATION("no usable configuration names a price source")]
    settings = house.loaded.settings
    host = urlsplit(str(settings.prices.pse.base_url)).hostname or "?"
    unknown = await look_up(host)
    if unknown is not None:
        return [unknown]
    return [await _fetch_today(settings, host, house.clock)]


async def look_up(host: str) -> Finding | None:
    """Return why the name cannot be looked up, None where it can; behind a proxy it need not be."""
    if urllib.request.getproxies():
        return None
    try:
        async with asyncio.timeout(LOOK_UP_S):
            await in_daemon_thread(lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    except TimeoutError:
        return NAME_SLOW(f"{host} was not looked up within {LOOK_UP_S:g} s")
    except OSError as error:
        return NAME_UNKNOWN(f"{host}: {error.strerror or error}")
    return None


async def _fetch_today(settings: Configuration, host: str, clock: Clock) -> Finding:
    source = price_source_of(settings, clock)
    zone = ZoneInfo(SETTLEMENT_ZONE)
    today = local_date(clock.now(), zone)
    began_s = clock.monotonic()
    try:
        async with asyncio.timeout(FETCH_S):
            prices = await source.fetch_day(Market.DAY_AHEAD, today)
    except TimeoutError:
        return SLOW(f"{host} did not finish its answer within {FETCH_S:g} s")
    except HemsError as error:
        return _kind_of(error)(_short(error, host))
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()
    return _judged(len(prices), today, host, clock.monotonic() - began_s, zone)


def _judged(count: int, today: date, host: str, took_s: float, zone: ZoneInfo) -> Finding:
    expected = sum(1 for _ in slots_of_day(today, zone))
    if count == 0:
        return EMPTY(f"{host} has no quarter of {today}")
    if count < expected:
        return PARTIAL(f"{host} has {count} of {expected} quarters of {today}")
    return FETCHED(f"{count} quarters of {today} from {host} in {took_s:.1f} s")


def _kind_of(error: HemsError) -> Kind:
    """Return what kind of failure it was, by the system's own error where one lies beneath."""
    kinds: tuple[tuple[type[BaseException], Kind], ...] = (
        (ssl.SSLCertVerificationError, CERTIFICATE),
        (ssl.SSLError, TLS),
        (socket.gaierror, NAME_UNKNOWN),
        (ConnectionRefusedError, REFUSED),
        (TimeoutError, SLOW),
    )
    beneath = list(_beneath(error))
    for wanted, kind in kinds:
        if any(isinstance(one, wanted) for one in beneath):
            return kind
    if any("Timeout" in type(one).__name__ for one in beneath):  # the HTTP library's own, of no common base
        return SLOW
    if isinstance(error, PricesRefused):
        return REQUEST_REFUSED
    if isinstance(error, RejectedData):
        return GARBAGE
    if isinstance(error, PricesUnavailable) and error.__cause__ is None:
        return SERVER_ERROR
    return UNREACHABLE


def _beneath(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for one in error.exceptions:
                yield from _beneath(one)
        error = error.__cause__ or error.__context__


def _short(error: HemsError, host: str) -> str:
    """Return the error without the query, which is long, and without its advice, which the finding has better."""
    text = str(error).partition("; check")[0]
    head, question_mark, tail = text.partition("?")
    if not question_mark or "://" not in head:
        return text
    return f"{host} {tail.partition(' ')[2]}"
