"""Energy-Charts (Fraunhofer ISE): day-ahead prices of European bidding zones in EUR/MWh, no key needed.

Source: https://api.energy-charts.info, ``/price?bzn=PL&start=..&end=..``; the answer holds parallel lists
``unix_seconds`` (starts of hours, of quarters since 2025-10-01) and ``price``, and ``license_info``. For many zones the
data are CC BY 4.0, for the others the licence is the answer's to say.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from itertools import pairwise
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

import httpx2

from hems.adapters.forecasts.http_json import finite_number, parse_json, short
from hems.adapters.http_answers import read_bounded_body, retry_after
from hems.adapters.prices.registry import PRICE_SOURCES
from hems.adapters.registry import options_from
from hems.domain.errors import PricesRefused, PricesUnavailable, RejectedData
from hems.domain.prices import Market, PriceOrigin, PriceSeries, SlotPrice
from hems.domain.secrets import Redactor, secrets_in_address, without_secrets
from hems.domain.time_grid import MTU, floor_to_grid, local_day_bounds
from hems.ports.clock import Clock
from hems.ports.prices import PriceSource

MARKET_ZONE = ZoneInfo("Europe/Brussels")
"""The delivery day of the coupled European day-ahead market is one of Central European time in every bidding zone."""

ABSURD_PER_MWH = 5_000.0
"""The market clears between -500 and +4000 EUR/MWh; a limit of 5000 has been in force once."""

HOUR = timedelta(hours=1)
_STEPS = (MTU, 2 * MTU, HOUR)
_ZONE = re.compile(r"[A-Za-z0-9-]{1,20}")
_WORTH_ANOTHER_TRY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyChartsOptions:
    """Which bidding zone, where the API is, and how patient we are with it."""

    zone: str = "PL"
    base_url: str = field(default="https://api.energy-charts.info", repr=False)
    timeout_s: float = 20.0
    """For one step: connecting, or the next piece of an answer."""
    total_timeout_s: float = 60.0
    body_limit_bytes: int = 1_000_000
    """A day is 3 kB."""

    def __post_init__(self) -> None:
        """Refuse what cannot work. Raises: ValueError."""
        if not _ZONE.fullmatch(self.zone):
            raise ValueError(f"zone {short(self.zone)}: must be a bidding zone such as PL, DE-LU or CZ")
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"base_url {without_secrets(self.base_url)!r}: must be http(s)://host[:port][/path]")
        if parts.port == 0:  # reading it refuses anything beyond 65535
            raise ValueError(f"base_url {without_secrets(self.base_url)!r}: port 0 is no port")
        if not (self.timeout_s > 0 and self.total_timeout_s > 0 and self.body_limit_bytes >= 1):
            raise ValueError("timeout_s, total_timeout_s and body_limit_bytes must be above 0")


class EnergyChartsPriceSource:
    """Fetches one delivery day at a time; hours become four equal quarters."""

    def __init__(
        self, options: EnergyChartsOptions, clock: Clock, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        """``transport`` replaces the network, for simulated time."""
        self._options = options
        self._clock = clock
        self._transport = transport
        self._redact = Redactor(secrets_in_address(options.base_url))
        self._client: httpx2.AsyncClient | None = None

    @property
    def name(self) -> str:
        """How logs and status name this source."""
        return "energy_charts"

    async def fetch_day(self, market: Market, day: date) -> PriceSeries:
        """Return the published quarters of ``day`` [EUR/MWh]; empty where nothing is published.

        Raises: PricesUnavailable, PricesRefused, RejectedData: the message names address and status. PricesRefused
            also for the settlement price, which is not published there.
        """
        if market is not Market.DAY_AHEAD:
            raise PricesRefused("Energy-Charts publishes day-ahead prices only; settlement prices come from PSE")
        start, end = local_day_bounds(day, MARKET_ZONE)
        # Numbers leave no doubt about zones; what lies beyond the day is left out below, however the end is read.
        query = {
            "bzn": self._options.zone,
            "start": str(int(start.timestamp())),
            "end": str(int((end - MTU).timestamp())),
        }
        address = f"{self._options.base_url.rstrip('/')}/price?{urlencode(query)}"
        with self._told_in_words():
            body = await self._fetch_in_time(address)
            return PriceSeries("EUR", ()) if body is None else prices_from_body(body, start, end, address)

    async def aclose(self) -> None:
        """Let go of the connection; the next fetch opens a new one."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    @contextmanager
    def _told_in_words(self) -> Iterator[None]:
        """Clean every message on its way out of secrets and of what could steer a terminal."""
        try:
            yield
        except (PricesUnavailable, PricesRefused, RejectedData) as error:
            told = self._redact(str(error))
            error.args = ("".join(character if character.isprintable() else "?" for character in told),)
            raise

    async def _fetch_in_time(self, address: str) -> bytes | None:
        limit_s = max(self._options.total_timeout_s, self._options.timeout_s)
        try:
            async with asyncio.timeout(limit_s):
                return await self._get(address)
        except TimeoutError as error:
            raise PricesUnavailable(
                f"{address} did not finish within {limit_s:g} s; check the connection to the internet"
            ) from error

    async def _get(self, address: str) -> bytes | None:
        """Return the body, None where there are no data (404). Raises: as ``fetch_day``."""
        if self._client is None:
            self._client = httpx2.AsyncClient(
                transport=self._transport,
                timeout=self._options.timeout_s,
                headers={"Accept": "application/json", "User-Agent": "goodwe-master-coordinator"},
            )
        try:
            async with self._client.stream("GET", address) as response:
                body = await read_bounded_body(response, address, self._options.body_limit_bytes)
        except httpx2.TimeoutException as error:
            raise PricesUnavailable(
                f"{address} did not answer within {self._options.timeout_s:g} s; check the connection to the internet"
            ) from error
        except httpx2.InvalidURL as error:
            raise PricesRefused(f"{address} is no address ({error})") from error
        except (httpx2.DecodingError, httpx2.RemoteProtocolError) as error:
            raise PricesUnavailable(f"{address} broke off or garbled its answer: {error}") from error
        except (httpx2.RequestError, OSError) as error:
            raise PricesUnavailable(
                f"{address} cannot be reached: {error or type(error).__name__}; check the connection to the internet"
            ) from error
        return self._accepted(response, body, address)

    def _accepted(self, response: httpx2.Response, body: bytes, address: str) -> bytes | None:
        status = response.status_code
        if status == HTTPStatus.OK:
            return body
        if status == HTTPStatus.NOT_FOUND:
            return None
        excerpt = " ".join(body[:300].decode("utf-8", errors="replace").split())
        said = f"{address} answered {status} {response.reason_phrase}".rstrip() + (f": {excerpt}" if excerpt else "")
        if status in _WORTH_ANOTHER_TRY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            wait = retry_after(response.headers.get("Retry-After"), self._clock)
            asked = "" if wait is None else f"; asks to wait {wait.total_seconds():.0f} s"
            raise PricesUnavailable(said + asked, retry_after=wait)
        if 300 <= status < 400:
            raise PricesRefused(f"{said}; moved to {response.headers.get('Location')}: give that as the address")
        if status >= HTTPStatus.BAD_REQUEST:
            raise PricesRefused(f"{said}; is {self._options.zone} a bidding zone that it knows?")
        raise RejectedData(f"{said}; only 200 carries prices")


def prices_from_body(body: bytes, start: datetime, end: datetime, where: str) -> PriceSeries:
    """Return the quarters in [start, end) of an answer [EUR/MWh], believing nothing; null is no price.

    Each price holds until the next stamp, an hour at most; hours and half hours are repeated in their quarters.
    Raises: RejectedData: not the shape of this API, stamps out of order or off the grid, a price that none can be.
    """
    content = parse_json(body, where)
    if not isinstance(content, dict):
        raise RejectedData(f"{where} answered with {short(content)}, not an object")
    stamps, prices = content.get("unix_seconds"), content.get("price")
    if not isinstance(stamps, list) or not isinstance(prices, list) or len(stamps) != len(prices):
        raise RejectedData(f"{where} answered without lists unix_seconds and price of one length")
    starts = [_start_of(stamp, where) for stamp in stamps]
    steps = [later - earlier for earlier, later in pairwise(starts)]
    if any(step <= timedelta(0) for step in steps):
        raise RejectedData(f"{where}: its stamps do not ascend")
    usual = min((step for step in steps if step in _STEPS), default=HOUR)
    by_start: dict[datetime, SlotPrice] = {}
    for index, (begin, value) in enumerate(zip(starts, prices, strict=True)):
        if value is None:
            continue
        price = finite_number(value)
        if price is None or abs(price) > ABSURD_PER_MWH:
            raise RejectedData(f"{where}: price is {short(value)}; no price lies beyond ±{ABSURD_PER_MWH:.0f} EUR/MWh")
        until = min(begin + usual, starts[index + 1]) if index + 1 < len(starts) else begin + usual
        while begin < until:
            if start <= begin < end:
                by_start[begin] = SlotPrice(start=begin, price_per_mwh=price, origin=PriceOrigin.PUBLISHED)
            begin += MTU
    return PriceSeries.of("EUR", by_start)


def _start_of(stamp: object, where: str) -> datetime:
    seconds = finite_number(stamp)
    try:
        if seconds is None:
            raise ValueError(stamp)
        found = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise RejectedData(f"{where}: unix_seconds holds {short(stamp)}, which is no time") from error
    if floor_to_grid(found) != found:
        raise RejectedData(f"{where}: {found:%Y-%m-%d %H:%M:%S} UTC is not the start of a quarter of an hour")
    return found


@PRICE_SOURCES.register("energy_charts")
def _from_settings(settings: Mapping[str, object], clock: Clock) -> PriceSource:
    return EnergyChartsPriceSource(options_from(EnergyChartsOptions, settings, key="prices.energy_charts"), clock)
