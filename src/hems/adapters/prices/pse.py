"""The reports API of the Polish transmission operator (PSE): day-ahead and settlement prices, no key needed.

Source: https://api.raporty.pse.pl, a Microsoft Data API Builder; query options $filter, $first, $orderby, $after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from http import HTTPStatus
from urllib.parse import quote, urlsplit

import httpx2
import structlog

from hems.adapters.http_answers import read_bounded_body, retry_after
from hems.adapters.prices.pse_rows import PSE_ZONE, compass_from_rows, prices_from_rows, read_page
from hems.adapters.prices.registry import PRICE_SOURCES
from hems.adapters.registry import options_from
from hems.domain.errors import PricesRefused, PricesUnavailable, RejectedData
from hems.domain.prices import Compass, Market, PriceSeries
from hems.domain.secrets import Redactor, secrets_in_address, without_secrets
from hems.domain.time_grid import slots_of_day
from hems.ports.clock import Clock
from hems.ports.prices import PriceSource

log = structlog.get_logger(__name__)

_ENTITIES: Mapping[Market, tuple[str, str]] = {
    Market.DAY_AHEAD: ("csdac-pln", "csdac_pln"),
    Market.SETTLEMENT: ("rce-pln", "rce_pln"),
}
"""Entity and the column that carries its price."""

_COMPASS = "pdgsz"

_WORTH_ANOTHER_TRY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
"""Answers of the 4xx range that pass by themselves; every other one means that the request is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PseOptions:
    """Where the API is and how patient we are with it."""

    base_url: str = field(default="https://api.raporty.pse.pl/api", repr=False)
    timeout_s: float = 20.0
    """For one step: connecting, or the next piece of an answer."""
    total_timeout_s: float = 60.0
    """For one day with all its pages, so that a trickle of bytes cannot hold us; ``timeout_s`` where that is longer."""
    page_size: int = 200
    """$first; a day has 100 quarters at most, so this is one page."""
    page_limit: int = 10
    body_limit_bytes: int = 4_000_000
    """A day is 30 kB."""
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    """What of the address, beyond its user, no message may repeat."""

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises: ValueError.
        """
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"base_url {without_secrets(self.base_url)!r}: must be http(s)://host[:port][/path]")
        if parts.port == 0:  # reading it refuses anything beyond 65535
            raise ValueError(f"base_url {without_secrets(self.base_url)!r}: port 0 is no port")
        if not (self.timeout_s > 0 and self.total_timeout_s > 0):
            raise ValueError("timeout_s and total_timeout_s must be above 0")
        if self.page_size < 1 or self.page_limit < 1 or self.body_limit_bytes < 1:
            raise ValueError("page_size, page_limit and body_limit_bytes must be 1 or more")


class PsePriceSource:
    """Fetches one delivery day at a time, all pages of it, and checks every row."""

    def __init__(self, options: PseOptions, clock: Clock, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        """``transport`` replaces the network, for simulated time."""
        self._options = options
        self._clock = clock
        self._transport = transport
        self._base_url = options.base_url.rstrip("/")
        self._redact = Redactor(options.secrets | secrets_in_address(options.base_url))
        self._client: httpx2.AsyncClient | None = None

    @property
    def name(self) -> str:
        """How logs and status name this source."""
        return "pse"

    async def fetch_day(self, market: Market, day: date) -> PriceSeries:
        """Return the published quarters of ``day`` [PLN/MWh]; empty where nothing is published, partial where part is.

        Raises: PricesUnavailable, PricesRefused, RejectedData: the message names address and status.
        """
        with self._told_in_words():
            return await self._fetch_day(market, day)

    async def fetch_compass(self, day: date) -> Compass:
        """Return the levels of the Energy Compass (``pdgsz``) for the local ``day``; empty where none is published.

        Only the versions in force are asked for: an hour has several.
        Raises: as ``fetch_day``.
        """
        with self._told_in_words():
            only = f"business_date eq '{day.isoformat()}' and is_active eq true"
            address = self._address(_COMPASS, only, order="dtime asc")
            return compass_from_rows(await self._fetch_in_time(_COMPASS, address), day=day, where=address)

    @contextmanager
    def _told_in_words(self) -> Iterator[None]:
        """Clean every message on its way out: it goes to log, status and database, and may hold a password."""
        try:
            yield
        except (PricesUnavailable, PricesRefused, RejectedData) as error:
            # What a server wrote into it must not steer a terminal either.
            told = self._redact(str(error))
            error.args = ("".join(character if character.isprintable() else "?" for character in told),)
            raise

    async def _fetch_in_time(self, entity: str, address: str) -> list[Mapping[str, object]]:
        limit_s = max(self._options.total_timeout_s, self._options.timeout_s)
        try:
            async with asyncio.timeout(limit_s):
                return await self._fetch_all(entity, address)
        except TimeoutError as error:
            raise PricesUnavailable(
                f"{address} did not finish within {limit_s:g} s; check the connection to the internet"
            ) from error

    async def _fetch_day(self, market: Market, day: date) -> PriceSeries:
        entity, column = _ENTITIES[market]
        address = self._address(entity, f"business_date eq '{day.isoformat()}'", order="dtime_utc asc")
        rows = await self._fetch_in_time(entity, address)
        prices = prices_from_rows(rows, field=column, day=day, where=address)
        expected = sum(1 for _ in slots_of_day(day, PSE_ZONE))
        if 0 < len(prices) < expected:
            log.warning("prices_partial", market=market.value, day=day.isoformat(), known=len(prices), of=expected)
        return prices

    async def aclose(self) -> None:
        """Let go of the connection; the next fetch opens a new one."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _address(self, entity: str, only: str, *, order: str) -> str:
        options = {
            "$filter": only,
            "$orderby": order,
            "$first": str(self._options.page_size),
        }
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
        return f"{self._base_url}/{entity}?{query}"

    async def _fetch_all(self, entity: str, address: str) -> list[Mapping[str, object]]:
        rows: list[Mapping[str, object]] = []
        asked: set[str] = set()
        following: str | None = address
        while following is not None:
            if following in asked:
                raise RejectedData(f"{following} names itself as its next page; nothing of it is used")
            if len(asked) >= self._options.page_limit:
                raise RejectedData(
                    f"{address} goes on for more than {self._options.page_limit} pages; one day needs one: "
                    "is prices.pse.base_url the PSE reports API?"
                )
            asked.add(following)
            page = read_page(await self._get(following), following)
            rows.extend(page.rows)
            following = None if page.next_link is None else self._on_our_host(page.next_link, entity, following)
        return rows

    def _on_our_host(self, link: str, entity: str, where: str) -> str:
        """Return ``link`` at the configured address: the API always names its own public host, past any proxy."""
        try:
            parts = urlsplit(link)
        except ValueError as error:
            raise RejectedData(f"{where}: nextLink {link[:100]!r} is not an address") from error
        is_address = link.isascii() and link.isprintable()
        if not is_address or parts.path.rstrip("/").rpartition("/")[2] != entity or not parts.query:
            raise RejectedData(f"{where}: nextLink {link[:100]!r} does not lead on through {entity}")
        return f"{self._base_url}/{entity}?{parts.query}"

    async def _get(self, address: str) -> bytes:
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
                f"{address} did not answer within {self._options.timeout_s:g} s ({type(error).__name__}); check the "
                "connection to the internet"
            ) from error
        except httpx2.InvalidURL as error:
            raise PricesRefused(f"{address} is no address ({error}); check prices.pse.base_url") from error
        except (httpx2.DecodingError, httpx2.RemoteProtocolError) as error:
            raise PricesUnavailable(f"{address} broke off or garbled its answer: {error}") from error
        except (httpx2.RequestError, OSError) as error:
            raise PricesUnavailable(
                f"{address} cannot be reached: {error or type(error).__name__}; check the connection to the internet, "
                "DNS, and prices.pse.base_url"
            ) from error
        self._check_status(response, body, address)
        return body

    def _check_status(self, response: httpx2.Response, body: bytes, address: str) -> None:
        status = response.status_code
        if status == HTTPStatus.OK:
            return
        said = f"{address} answered {status} {response.reason_phrase}".rstrip()
        excerpt = " ".join(body[:300].decode("utf-8", errors="replace").split())
        if excerpt:
            said += f": {excerpt}"
        if status in _WORTH_ANOTHER_TRY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            wait = retry_after(response.headers.get("Retry-After"), self._clock)
            asked = "" if wait is None else f"; asks to wait {wait.total_seconds():.0f} s"
            raise PricesUnavailable(said + asked, retry_after=wait)
        if 300 <= status < 400:
            raise PricesRefused(f"{said}; moved to {response.headers.get('Location')}: set prices.pse.base_url to it")
        if status >= HTTPStatus.BAD_REQUEST:
            raise PricesRefused(f"{said}; check prices.pse.base_url; if it is right, the interface changed: update")
        raise RejectedData(f"{said}; only 200 carries prices")


@PRICE_SOURCES.register("pse")
def _pse_from_settings(settings: Mapping[str, object], clock: Clock) -> PriceSource:
    return PsePriceSource(options_from(PseOptions, settings, key="prices.pse"), clock)
