"""The world around the coordinator, as far as it can go wrong: its clock, its wire, its prices and its disk."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import httpx2

from hems.adapters.clock import LoopClock
from hems.domain.prices import Market, PriceOrigin, PriceSeries, SlotPrice
from hems.domain.time_grid import slots_of_day
from hems.simulation.market import ENTITIES, MARKET_ZONE, pse_rows, published_at, synthetic_day
from hems.simulation.price_server import PriceFault, PriceServer, PriceServerOptions
from hems.simulation.simulated_inverter import SimulatedInverter


class ProcessDied(BaseException):
    """The simulated process is dead: whatever of it still runs can reach nothing any more."""


class HostClock(LoopClock):
    """The host's clock: may be set, as the wall's may; seconds passed are counted all the same."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self.set_by = timedelta(0)

    def now(self) -> datetime:
        """Return what the host believes."""
        return super().now() + self.set_by

    def true_now(self) -> datetime:
        """Return the true time, which the house lives by."""
        return super().now()


class Wire:
    """The line from one process to the inverter: the house lives up to now before it answers."""

    def __init__(self, house: SimulatedInverter, clock: HostClock) -> None:
        self._house = house
        self._clock = clock
        self._dies_in: int | None = None
        self._is_answered = False
        self._on_death: Callable[[], None] = lambda: None
        self.dead = False

    def arm(self, exchanges: int, on_death: Callable[[], None]) -> None:
        """Let the process die at its ``exchanges``-th next exchange: an odd one unanswered, an even one answered."""
        self._dies_in, self._on_death = exchanges, on_death
        self._is_answered = exchanges % 2 == 0

    @property
    def is_armed(self) -> bool:
        """Whether the process is to die at an exchange to come."""
        return self._dies_in is not None

    def exchange_pdu(self, pdu: bytes) -> bytes | None:
        """Return the reply to a Modbus PDU, None for silence."""
        return self._exchange(pdu, self._house.exchange_pdu)

    def exchange_aa55(self, payload: bytes) -> bytes | None:
        """Return the reply to an AA55 payload, None for silence."""
        return self._exchange(payload, self._house.exchange_aa55)

    def _exchange(self, question: bytes, ask: Callable[[bytes], bytes | None]) -> bytes | None:
        if self.dead:
            raise ProcessDied
        self._house.advance_to(self._clock.true_now())
        if self._dies_in is not None:
            self._dies_in -= 1
            if self._dies_in <= 0:
                if self._is_answered:
                    ask(question)
                self._on_death()
                raise ProcessDied
        return ask(question)


class TroubledMarket(httpx2.AsyncBaseTransport):
    """The simulator's price server without its socket, faults included."""

    def __init__(self, clock: HostClock, rows: dict[str, list[dict[str, object]]]) -> None:
        self._clock = clock
        self._server = PriceServer(rows, _TrueTime(clock), PriceServerOptions(publish_by_clock=True))

    @property
    def faults(self) -> set[PriceFault]:
        """What is wrong with the server now."""
        return self._server.faults

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer as the server would, or fail as its line would."""
        if PriceFault.DOWN in self.faults:
            raise httpx2.ConnectError("connection refused", request=request)
        if PriceFault.SLOW in self.faults or PriceFault.TRICKLE in self.faults:
            await self._clock.sleep(20.0)
            raise httpx2.ReadTimeout("no answer", request=request)
        target = request.url.raw_path.decode("ascii")
        status, body, headers = self._server.respond([request.method, target, "HTTP/1.1"])
        return httpx2.Response(int(status), headers=headers, stream=_Body(body), request=request)


class _Body(httpx2.AsyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body


class _TrueTime:
    """A clock that nobody sets: the price server's."""

    def __init__(self, clock: HostClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.true_now()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        return await self._clock.wait(event, seconds)


def prices_of(shape: str, seed: int, market: Market, day: date) -> PriceSeries:
    """Return the prices [PLN/MWh] of ``day`` in the shape of a plan."""
    if shape == "market":
        return synthetic_day(market, day, seed=seed)
    slots = tuple(
        SlotPrice(
            start=start,
            price_per_mwh=_price(shape, number),
            origin=PriceOrigin.PUBLISHED,
            published_at=published_at(day),
        )
        for number, start in enumerate(slots_of_day(day, MARKET_ZONE))
    )
    return PriceSeries("PLN", slots)


def _price(shape: str, quarter: int) -> float:
    match shape:
        case "cheap":
            return 90.0
        case "dear":
            return 900.0
        case "negative":
            return -50.0 if 40 <= quarter < 60 else 300.0
        case "quarters":
            return 90.0 if quarter % 2 else 1500.0
        case "hours":
            return 90.0 if quarter // 4 % 2 else 1500.0
    raise AssertionError(shape)


def market_rows(shape: str, seed: int, first: date, days: int) -> dict[str, list[dict[str, object]]]:
    """Return the rows of ``days`` days from ``first`` on, as the price server keeps them."""
    rows: dict[str, list[dict[str, object]]] = {}
    for market, (entity, _) in ENTITIES.items():
        rows[entity] = [
            row
            for number in range(days)
            for row in pse_rows(market, prices_of(shape, seed, market, first + timedelta(days=number)))
        ]
    return rows


class Disk:
    """The host's disk, which may refuse every byte or be held by somebody else."""

    def __init__(self) -> None:
        self._allowed = resource.getrlimit(resource.RLIMIT_FSIZE)
        self._holder: sqlite3.Connection | None = None

    @property
    def is_refusing(self) -> bool:
        """Whether writes fail now."""
        return resource.getrlimit(resource.RLIMIT_FSIZE)[0] == 0

    def refuse(self) -> None:
        """Let every write to a file fail, as a full disk does."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, self._allowed[1]))

    @contextmanager
    def spared(self) -> Iterator[None]:
        """Take what is not the coordinator's to write: the campaign's own files."""
        present = resource.getrlimit(resource.RLIMIT_FSIZE)
        self.accept()
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, present)

    def accept(self) -> None:
        """Take writes again."""
        resource.setrlimit(resource.RLIMIT_FSIZE, self._allowed)

    def hold(self, database: Path) -> None:
        """Keep the database's write lock, so that its owner waits."""
        if not database.exists():
            return
        self._holder = sqlite3.connect(database, isolation_level=None, timeout=1.0)
        try:
            self._holder.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:  # the owner is writing, or the file is no database: then there is nothing to hold
            self.let_go()

    def let_go(self) -> None:
        """Release the lock."""
        if self._holder is not None:
            self._holder.close()
            self._holder = None
