"""A price server on loopback that speaks the PSE reports API over real HTTP, faults included."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from hems.ports.clock import Clock
from hems.simulation.market import SimulatedMarketOptions, SimulatedPriceSource
from hems.simulation.pse_query import BadQuery, Row, answer_query

__all__ = [
    "PriceFault",
    "PriceServer",
    "PriceServerOptions",
    "SimulatedMarketOptions",
    "SimulatedPriceSource",
    "recorded_rows",
]


class PriceFault(StrEnum):
    """One way in which a price server lets its clients down."""

    DOWN = "down"  # the connection is closed without a word
    SLOW = "slow"  # the answer waits for ``slow_s``
    TRICKLE = "trickle"  # the answer comes a byte at a time
    RATE_LIMITED = "rate_limited"  # 429 with Retry-After
    SERVER_ERROR = "server_error"  # 500
    BAD_JSON = "bad_json"  # the body is cut in half
    HTML = "html"  # a log-in page with status 200
    WRONG_SHAPE = "wrong_shape"  # JSON without the list of rows
    NOT_A_NUMBER = "not_a_number"  # one price is NaN
    PARTIAL_DAY = "partial_day"  # the last quarters are missing
    LATE = "late"  # everything is published later by ``late_by``
    ENDLESS = "endless"  # every page names itself as the next


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceServerOptions:
    """Where the server listens and how its faults behave."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 lets the system choose."""
    public_url: str = "https://api.raporty.pse.pl/api"
    """What nextLink names: the operator's own address, whoever stands between."""
    publish_by_clock: bool = False
    """Whether rows stay hidden until their publication_ts_utc."""
    retry_after: str = "30"
    slow_s: float = 5.0
    late_by: timedelta = timedelta(hours=2)
    partial_rows: int = 40


class PriceServer:
    """Serves ``rows`` by entity at ``base_url``; ``faults`` may be changed while it runs."""

    def __init__(self, rows: Mapping[str, Sequence[Row]], clock: Clock, options: PriceServerOptions) -> None:
        self._rows = rows
        self._clock = clock
        self._options = options
        self._server: asyncio.Server | None = None
        self.faults: set[PriceFault] = set()
        self.requests: deque[str] = deque(maxlen=1000)
        """The targets of the latest requests, as they came."""

    @property
    def base_url(self) -> str:
        """Where clients find the API.

        Raises: RuntimeError: the server is not running.
        """
        if self._server is None:
            raise RuntimeError("the price server is not running: start it first")
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}/api"

    async def start(self) -> None:
        """Listen; returns when clients can connect."""
        self._server = await asyncio.start_server(self._serve, self._options.host, self._options.port)

    async def stop(self) -> None:
        """Listen no more."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            await server.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            words = request.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
            self.requests.append(words[1] if len(words) == 3 else "")
            if PriceFault.DOWN not in self.faults:
                await self._answer(words, writer)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass  # the client went away or talks nonsense: nobody is left to answer
        finally:
            writer.close()

    async def _answer(self, words: list[str], writer: asyncio.StreamWriter) -> None:
        status, body, headers = self.respond(words)
        lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Content-Length: {len(body)}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in ({"Content-Type": "application/json"} | headers).items()]
        if PriceFault.SLOW in self.faults:
            await self._clock.sleep(self._options.slow_s)
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        if PriceFault.TRICKLE in self.faults:
            for byte in body:
                writer.write(bytes([byte]))
                await writer.drain()
                await self._clock.sleep(0.05)
        else:
            writer.write(body)
        await writer.drain()

    def respond(self, words: list[str]) -> tuple[HTTPStatus, bytes, dict[str, str]]:
        """Return status, body and headers that answer a request line's ``words``: method, target, version."""
        if len(words) != 3 or words[0] != "GET":
            return HTTPStatus.METHOD_NOT_ALLOWED, _error("MethodNotAllowed", "only GET is served"), {}
        if PriceFault.RATE_LIMITED in self.faults:
            headers = {"Retry-After": self._options.retry_after}
            return HTTPStatus.TOO_MANY_REQUESTS, _error("TooManyRequests", "slow down"), headers
        if PriceFault.SERVER_ERROR in self.faults:
            return HTTPStatus.INTERNAL_SERVER_ERROR, _error("UnexpectedError", "something broke"), {}
        if PriceFault.HTML in self.faults:
            return HTTPStatus.OK, b"<html><body>Please log in.</body></html>", {"Content-Type": "text/html"}
        target = urlsplit(words[1])
        entity = target.path.removeprefix("/api/")
        if entity not in self._rows:
            return HTTPStatus.NOT_FOUND, _error("EntityNotFound", f"Invalid Entity path: {entity}."), {}
        try:
            return HTTPStatus.OK, self._body(entity, words[1], target.query), {}
        except BadQuery as error:
            return HTTPStatus.BAD_REQUEST, _error("BadRequest", str(error)), {}

    def _body(self, entity: str, target: str, query: str) -> bytes:
        answer = answer_query(entity, self._published(self._rows[entity]), query)
        rows = [dict(row) for row in answer.rows]
        if PriceFault.PARTIAL_DAY in self.faults:
            rows = rows[: self._options.partial_rows]
        if PriceFault.NOT_A_NUMBER in self.faults and rows:
            column = entity.replace("-", "_")
            rows[len(rows) // 2][column] = float("nan")
        content: dict[str, object] = {"value": rows}
        if answer.next_query is not None:
            content["nextLink"] = f"{self._options.public_url}/{entity}?{answer.next_query}"
        if PriceFault.ENDLESS in self.faults:
            content["nextLink"] = self._options.public_url + target.removeprefix("/api")
        if PriceFault.WRONG_SHAPE in self.faults:
            content = {"values": rows}
        body = json.dumps(content).encode()
        return body[: len(body) // 2] if PriceFault.BAD_JSON in self.faults else body

    def _published(self, rows: Sequence[Row]) -> Sequence[Row]:
        if not self._options.publish_by_clock:
            return rows
        late = self._options.late_by if PriceFault.LATE in self.faults else timedelta(0)
        now = self._clock.now()
        return [row for row in rows if _stamp(row["publication_ts_utc"]) + late <= now]


def recorded_rows(paths: Sequence[Path]) -> list[Row]:
    """Return the rows of recorded response bodies, in order of the files.

    Raises: ValueError: a file is not a response of this API.
    """
    rows: list[Row] = []
    for path in paths:
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict) or not isinstance(content.get("value"), list):
            raise ValueError(f"{path}: not a recorded response: no list named 'value'")
        rows.extend(content["value"])
    return rows


def _stamp(value: object) -> datetime:
    return datetime.fromisoformat(str(value)).replace(tzinfo=UTC)


def _error(code: str, message: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": message}}).encode()
