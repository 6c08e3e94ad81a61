"""What every price source promises, run over each of them. A new source joins by a line in SOURCES."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hems.adapters.clock import SystemClock
from hems.adapters.prices.registry import create_price_source
from hems.domain.errors import PricesUnavailable
from hems.domain.prices import Market, PriceOrigin
from hems.domain.time_grid import slots_of_day
from hems.ports.prices import PriceSource
from hems.simulation.market import ENTITIES, SimulatedMarketOptions, SimulatedPriceSource, pse_rows, synthetic_day
from hems.simulation.price_server import PriceFault, PriceServer, PriceServerOptions
from support.price_tools import utc

WARSAW = ZoneInfo("Europe/Warsaw")

NOON = utc("2026-10-24 11:00")  # 13:00 local, before publication
AFTERNOON = utc("2026-10-24 12:30")  # 14:30 local, after it

DAYS = [date(2026, 10, 24), date(2026, 10, 25), date(2026, 10, 26)]

Cut = Callable[[], None]
Opener = Callable[[datetime], AbstractAsyncContextManager[tuple[PriceSource, Cut]]]


class StoppedClock(SystemClock):
    """The wall clock, stopped."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at


@asynccontextmanager
async def pse_over_http(now: datetime) -> AsyncIterator[tuple[PriceSource, Cut]]:
    rows = {
        entity: [row for day in DAYS for row in pse_rows(market, synthetic_day(market, day))]
        for market, (entity, _) in ENTITIES.items()
    }
    clock = StoppedClock(now)
    async with PriceServer(rows, clock, PriceServerOptions(publish_by_clock=True)) as server:
        source = create_price_source("pse", {"base_url": server.base_url}, clock)
        yield source, lambda: server.faults.add(PriceFault.DOWN)
        await source.aclose()  # type: ignore[attr-defined]


@asynccontextmanager
async def simulated(now: datetime) -> AsyncIterator[tuple[PriceSource, Cut]]:
    source = SimulatedPriceSource(StoppedClock(now), SimulatedMarketOptions())
    yield source, lambda: setattr(source, "down", True)


SOURCES = [pytest.param(pse_over_http, id="pse"), pytest.param(simulated, id="simulated")]


@pytest.mark.parametrize("open_source", SOURCES)
@pytest.mark.parametrize("market", list(Market))
async def test_a_published_day_is_whole_in_order_and_marked(open_source: Opener, market: Market) -> None:
    async with open_source(AFTERNOON) as (source, _):
        prices = await source.fetch_day(market, date(2026, 10, 25))
    assert [slot.start for slot in prices] == list(slots_of_day(date(2026, 10, 25), WARSAW))
    assert len(prices) == 100
    assert {slot.origin for slot in prices} == {PriceOrigin.PUBLISHED}
    assert prices == synthetic_day(market, date(2026, 10, 25))
    assert prices.currency == "PLN"


@pytest.mark.parametrize("open_source", SOURCES)
async def test_before_publication_there_is_nothing_and_no_error(open_source: Opener) -> None:
    async with open_source(NOON) as (source, _):
        assert len(await source.fetch_day(Market.DAY_AHEAD, date(2026, 10, 25))) == 0
        assert len(await source.fetch_day(Market.DAY_AHEAD, date(2026, 10, 24))) == 96


@pytest.mark.parametrize("open_source", SOURCES)
async def test_a_cut_line_is_said_to_be_one(open_source: Opener) -> None:
    async with open_source(AFTERNOON) as (source, cut):
        cut()
        with pytest.raises(PricesUnavailable):
            await source.fetch_day(Market.DAY_AHEAD, date(2026, 10, 24))
        assert source.name


async def test_late_publication_shifts_everything() -> None:
    rows = {"csdac-pln": pse_rows(Market.DAY_AHEAD, synthetic_day(Market.DAY_AHEAD, DAYS[1]))}
    clock = StoppedClock(AFTERNOON)
    options = PriceServerOptions(publish_by_clock=True, late_by=timedelta(hours=1))
    async with PriceServer(rows, clock, options) as server:
        source = create_price_source("pse", {"base_url": server.base_url + "/"}, clock)
        assert len(await source.fetch_day(Market.DAY_AHEAD, DAYS[1])) == 100
        server.faults = {PriceFault.LATE}
        assert len(await source.fetch_day(Market.DAY_AHEAD, DAYS[1])) == 0
        await source.aclose()  # type: ignore[attr-defined]
