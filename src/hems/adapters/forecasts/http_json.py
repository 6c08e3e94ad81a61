"""One question over HTTP, one JSON object back: patience, limits, and every failure as what it means for a forecast."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

import httpx2

from hems.adapters.http_answers import read_bounded_body, retry_after
from hems.domain.errors import ForecastRefused, ForecastUnavailable, RejectedData
from hems.domain.secrets import Redactor, secrets_in_address, without_secrets
from hems.ports.clock import Clock

_WORTH_ANOTHER_TRY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
"""Answers of the 4xx range that pass by themselves; every other one means that the request is wrong."""


WaitOf = Callable[[object], timedelta | None]
"""Reads from the body of a refusal how long to wait; None where it does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """Where a service is and how patient we are with it."""

    base_url: str = field(repr=False)
    key: str
    """The setting that holds the address, for messages."""
    timeout_s: float = 20.0
    """For one step: connecting, or the next piece of an answer."""
    total_timeout_s: float = 60.0
    """For a whole answer, so that a trickle of bytes cannot hold us; ``timeout_s`` where that is longer."""
    body_limit_bytes: int = 4_000_000
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    """What no message may repeat, beyond the user of the address."""

    def __post_init__(self) -> None:
        """Refuse what cannot work. Raises: ValueError."""
        parts = urlsplit(self.base_url)
        shown = without_secrets(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"base_url {shown!r}: must be http(s)://host[:port][/path]")
        if parts.port == 0:  # reading it refuses anything beyond 65535
            raise ValueError(f"base_url {shown!r}: port 0 is no port")
        if not (self.timeout_s > 0 and self.total_timeout_s > 0 and self.body_limit_bytes >= 1):
            raise ValueError("timeout_s, total_timeout_s and body_limit_bytes must be above 0")


class JsonClient:
    """Asks one service; its errors name address and status, and no secret."""

    def __init__(self, options: HttpOptions, clock: Clock, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        """``transport`` replaces the network, for simulated time."""
        self._options = options
        self._clock = clock
        self._transport = transport
        self._base_url = options.base_url.rstrip("/")
        self._redact = Redactor(options.secrets | secrets_in_address(options.base_url))
        self._client: httpx2.AsyncClient | None = None

    async def aclose(self) -> None:
        """Let go of the connection; the next question opens a new one."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Take what must not be told out of every error that leaves, and what could steer a terminal."""
        try:
            yield
        except (ForecastUnavailable, ForecastRefused, RejectedData) as error:
            told = self._redact(str(error))
            error.args = ("".join(character if character.isprintable() else "?" for character in told),)
            raise

    def address(self, path: str, query: Mapping[str, str]) -> str:
        """Return the address of ``path`` below the configured one."""
        asked = "?" + urlencode(query, safe=",") if query else ""
        return f"{self._base_url}{path}{asked}"

    async def get(self, address: str, *, wait_of: WaitOf | None = None) -> Mapping[str, object]:
        """Return the JSON object at ``address``.

        Raises: ForecastUnavailable, ForecastRefused, RejectedData.
        """
        limit_s = max(self._options.total_timeout_s, self._options.timeout_s)
        try:
            async with asyncio.timeout(limit_s):
                response, body = await self._ask(address)
        except TimeoutError as error:
            raise ForecastUnavailable(
                f"{address} did not finish within {limit_s:g} s; check the connection to the internet"
            ) from error
        self._check_status(response, body, address, wait_of)
        content = parse_json(body, address)
        if not isinstance(content, dict):
            raise RejectedData(
                f"{address} answered with {short(content)}, not a JSON object; is {self._options.key} right?"
            )
        return content

    async def _ask(self, address: str) -> tuple[httpx2.Response, bytes]:
        if self._client is None:
            self._client = httpx2.AsyncClient(
                transport=self._transport,
                timeout=self._options.timeout_s,
                headers={"Accept": "application/json", "User-Agent": "goodwe-master-coordinator"},
            )
        try:
            async with self._client.stream("GET", address) as response:
                return response, await read_bounded_body(response, address, self._options.body_limit_bytes)
        except httpx2.TimeoutException as error:
            raise ForecastUnavailable(
                f"{address} did not answer within {self._options.timeout_s:g} s ({type(error).__name__}); check the "
                "connection to the internet"
            ) from error
        except httpx2.InvalidURL as error:
            raise ForecastRefused(f"{address} is no address ({error}); check {self._options.key}") from error
        except (httpx2.DecodingError, httpx2.RemoteProtocolError) as error:
            raise ForecastUnavailable(f"{address} broke off or garbled its answer: {error}") from error
        except (httpx2.RequestError, OSError) as error:
            raise ForecastUnavailable(
                f"{address} cannot be reached: {error or type(error).__name__}; check the connection to the internet, "
                f"DNS, and {self._options.key}"
            ) from error

    def _check_status(self, response: httpx2.Response, body: bytes, address: str, wait_of: WaitOf | None) -> None:
        status = response.status_code
        if status == HTTPStatus.OK:
            return
        said = f"{address} answered {status} {response.reason_phrase}".rstrip()
        excerpt = " ".join(body[:300].decode("utf-8", errors="replace").split())
        if excerpt:
            said += f": {excerpt}"
        if status in _WORTH_ANOTHER_TRY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            wait = retry_after(response.headers.get("Retry-After"), self._clock)
            if wait is None and wait_of is not None:
                wait = _wait_in(body, wait_of)
            asked = "" if wait is None else f"; asks to wait {wait.total_seconds():.0f} s"
            raise ForecastUnavailable(said + asked, retry_after=wait)
        if 300 <= status < 400:
            raise ForecastRefused(f"{said}; moved to {response.headers.get('Location')}: set {self._options.key} to it")
        if status >= HTTPStatus.BAD_REQUEST:
            raise ForecastRefused(f"{said}; check {self._options.key}, site.latitude, site.longitude and pv.planes")
        raise RejectedData(f"{said}; only 200 carries a forecast")


def parse_json(body: bytes, where: str) -> object:
    """Return the JSON value of ``body``; NaN and Infinity are none.

    Raises: RejectedData: not JSON.
    """
    try:
        content: object = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise RejectedData(
            f"{where} answered with something that is not JSON ({short(error)}); a proxy or a log-in page may stand "
            "between: open the address in a browser"
        ) from error
    return content


def finite_number(value: object) -> float | None:
    """Return ``value`` as a finite number, None where it is none; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def short(value: object) -> str:
    """Return ``value`` for a message: on one line, and never a whole page of it."""
    text = " ".join(str(value).split()) if isinstance(value, Exception) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _wait_in(body: bytes, wait_of: WaitOf) -> timedelta | None:
    try:
        return wait_of(parse_json(body, "the refusal"))
    except RejectedData:  # a refusal without a readable body: it does not say how long
        return None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
