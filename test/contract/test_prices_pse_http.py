"""The PSE source over real HTTP on loopback: recorded answers, DST days, and every way a server can fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import httpx2
import pytest
from structlog.testing import capture_logs

from hems.adapters.clock import SystemClock
from hems.adapters.prices.pse import PseOptions, PsePriceSource
from hems.domain.errors import PricesRefused, PricesUnavailable, RejectedData
from hems.domain.prices import Market, PriceOrigin
from hems.domain.time_grid import MTU, slots_of_day
from hems.simulation.market import pse_rows, synthetic_day
from hems.simulation.price_server import PriceFault, PriceServer, PriceServerOptions, recorded_rows
from hems.simulation.pse_query import Row

WARSAW = ZoneInfo("Europe/Warsaw")
MICROSECOND = timedelta(microseconds=1)
DAY = date(2026, 11, 20)


def rows_of(*days: date) -> dict[str, list[Row]]:
    """Made-up rows of both markets."""
    return {
        entity: [row for day in days for row in pse_rows(market, synthetic_day(market, day))]
        for market, entity in ((Market.DAY_AHEAD, "csdac-pln"), (Market.SETTLEMENT, "rce-pln"))
    }


@asynccontextmanager
async def serving(
    rows: dict[str, list[Row]], options: PriceServerOptions | None = None, **pse: object
) -> AsyncIterator[tuple[PriceServer, PsePriceSource]]:
    """A server with ``rows`` and a source that asks it."""
    clock = SystemClock()
    async with PriceServer(rows, clock, options or PriceServerOptions()) as server:
        settings: dict[str, object] = {"base_url": server.base_url, "timeout_s": 2.0, **pse}
        source = PsePriceSource(PseOptions(**settings), clock)  # type: ignore[arg-type]
        try:
            yield server, source
        finally:
            await source.aclose()


def by_label(rows: list[Row], day: str) -> dict[datetime, float]:
    """Prices by the UTC start of their quarter, read from ``period_utc``, which the source never looks at."""
    found: dict[datetime, float] = {}
    for row in rows:
        if row["business_date"] == day:
            end = datetime.fromisoformat(str(row["dtime_utc"])).replace(tzinfo=UTC)
            clock_text = str(row["period_utc"]).split(" - ")[0]
            hour, minute = (int(part) for part in clock_text.split(":"))
            start = (end - timedelta(seconds=1)).replace(hour=hour, minute=minute, second=0)
            price = row["csdac_pln"]
            assert isinstance(price, float)
            found[start] = price
    return found


@pytest.mark.data
@pytest.mark.parametrize(
    ("files", "day", "quarters"),
    [
        (["csdac-pln-2025-03-30.json"], "2025-03-30", 92),
        ([f"csdac-pln-2026-05-01-to-2026-05-02-page-{page}.json" for page in (1, 2)], "2026-05-01", 96),
        ([f"csdac-pln-2026-05-01-to-2026-05-02-page-{page}.json" for page in (1, 2)], "2026-05-02", 96),
    ],
)
@pytest.mark.parametrize("page_size", [200, 100, 7])
async def test_recorded_days_to_the_microsecond(
    reference_data: Path, files: list[str], day: str, quarters: int, page_size: int
) -> None:
    rows = recorded_rows([reference_data / "pse" / name for name in files])
    truth = by_label(rows, day)
    assert len(truth) == quarters
    async with serving({"csdac-pln": rows}, page_size=page_size, page_limit=20) as (server, source):
        prices = await source.fetch_day(Market.DAY_AHEAD, date.fromisoformat(day))
        assert len(server.requests) == -(-quarters // page_size)
    assert [slot.start for slot in prices] == list(slots_of_day(date.fromisoformat(day), WARSAW))
    for start, price in truth.items():
        for moment in (start, start + MICROSECOND, start + MTU - MICROSECOND):
            slot = prices.at(moment)
            assert slot is not None
            assert (slot.start, slot.price_per_mwh) == (start, price)
        before = prices.at(start - MICROSECOND)
        assert before is None if start - MTU not in truth else before is not None and before.start == start - MTU
    assert prices.at(max(truth) + MTU) is None


@pytest.mark.data
async def test_the_deepest_price_on_record(reference_data: Path) -> None:
    rows = recorded_rows([reference_data / "pse" / "csdac-pln-2026-05-01-to-2026-05-02-page-1.json"])
    async with serving({"csdac-pln": rows}) as (_, source):
        prices = await source.fetch_day(Market.DAY_AHEAD, date(2026, 5, 1))
    deepest = min(prices, key=lambda slot: slot.price_per_mwh)
    assert deepest.price_per_mwh == -2086.86
    assert deepest.start.astimezone(WARSAW).strftime("%H:%M") == "12:45"
    assert deepest.published_at == datetime(2026, 4, 30, 12, 36, 12, 153000, tzinfo=UTC)


@pytest.mark.data
async def test_recorded_pages_as_they_were_cut(reference_data: Path) -> None:
    """The very bodies of the recording, nextLink to the operator's host included, through our paging."""
    files = [reference_data / "pse" / f"csdac-pln-2026-05-01-to-2026-05-02-page-{page}.json" for page in (1, 2)]
    bodies = [file.read_bytes() for file in files]
    asked: list[str] = []

    def page_of(target: str) -> bytes:
        asked.append(target)
        return bodies[1] if "$after=" in target else bodies[0]

    async with raw_server(page_of) as source:
        days = {day: await source.fetch_day(Market.DAY_AHEAD, date(2026, 5, day)) for day in (1, 2)}
        with pytest.raises(RejectedData, match="asked for 2026-05-03, got other days only"):
            await source.fetch_day(Market.DAY_AHEAD, date(2026, 5, 3))
    recorded = {
        row["dtime_utc"]: row["csdac_pln"] for body in bodies for row in json.loads(body)["value"]
    }  # the recording asked for two days, we for one at a time
    got = {
        (slot.start + MTU).strftime("%Y-%m-%d %H:%M:%S"): slot.price_per_mwh
        for prices in days.values()
        for slot in prices
    }
    assert got == recorded
    assert len(asked) == 6
    assert "$after=W3siRW50aXR5TmFtZSI6ImNzZGFjLXBsbiIs" in asked[1]


@pytest.mark.data
async def test_our_server_cuts_pages_as_the_operator_does(reference_data: Path) -> None:
    """Asked as the recording was, our server gives the recorded pages: rows, order and nextLink, to the letter."""
    files = [reference_data / "pse" / f"csdac-pln-2026-05-01-to-2026-05-02-page-{page}.json" for page in (1, 2)]
    recorded = [json.loads(file.read_bytes()) for file in files]
    query = "$filter=business_date%20ge%20%272026-05-01%27%20and%20business_date%20le%20%272026-05-02%27"
    async with (
        serving({"csdac-pln": list(reversed(recorded_rows(files)))}) as (server, _),
        httpx2.AsyncClient() as client,
    ):
        first = (await client.get(f"{server.base_url}/csdac-pln?{query}")).json()
        following = first["nextLink"].replace(PriceServerOptions().public_url, server.base_url)
        second = (await client.get(following)).json()
    assert [first, second] == recorded


@asynccontextmanager
async def raw_server(
    answer: Callable[[str], bytes], status: str = "200 OK", headers: str = "", **pse: object
) -> AsyncIterator[PsePriceSource]:
    """A source that asks a server which sends ``answer(target)`` and nothing else."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        body = answer(request.split(b" ")[1].decode())
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}Connection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings: dict[str, object] = {"base_url": f"http://127.0.0.1:{port}/api", "timeout_s": 2.0, **pse}
    source = PsePriceSource(PseOptions(**settings), SystemClock())  # type: ignore[arg-type]
    try:
        yield source
    finally:
        await source.aclose()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("market", list(Market))
@pytest.mark.parametrize(
    ("day", "quarters"), [(date(2026, 10, 25), 100), (date(2026, 3, 29), 92), (date(2026, 11, 20), 96)]
)
async def test_days_of_every_length(market: Market, day: date, quarters: int) -> None:
    neighbours = (day - timedelta(days=1), day, day + timedelta(days=1))
    async with serving(rows_of(*neighbours)) as (server, source):
        prices = await source.fetch_day(market, day)
    assert prices == synthetic_day(market, day)
    assert len(prices) == quarters
    assert {slot.origin for slot in prices} == {PriceOrigin.PUBLISHED}
    query = parse_qs(urlsplit(server.requests[0]).query)
    assert query["$first"] == ["200"]
    assert query["$filter"] == [f"business_date eq '{day}'"]


async def test_the_repeated_hour_of_autumn_keeps_both_prices() -> None:
    async with serving(rows_of(date(2026, 10, 25))) as (_, source):
        prices = await source.fetch_day(Market.SETTLEMENT, date(2026, 10, 25))
    at_two = [slot for slot in prices if slot.start.astimezone(WARSAW).hour == 2]
    assert len(at_two) == 8
    assert len({slot.price_per_mwh for slot in at_two}) > 4


async def test_nothing_published_is_an_empty_series() -> None:
    async with serving(rows_of(DAY)) as (_, source):
        assert len(await source.fetch_day(Market.DAY_AHEAD, DAY + timedelta(days=1))) == 0


async def test_part_of_a_day_is_taken_and_said() -> None:
    async with serving(rows_of(DAY)) as (server, source):
        server.faults = {PriceFault.PARTIAL_DAY}
        with capture_logs() as logs:
            prices = await source.fetch_day(Market.DAY_AHEAD, DAY)
    assert len(prices) == 40
    assert [(entry["event"], entry["known"], entry["of"]) for entry in logs] == [("prices_partial", 40, 96)]


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        (PriceFault.DOWN, PricesUnavailable, "broke off"),
        (PriceFault.SLOW, PricesUnavailable, "did not answer within 0.2 s (ReadTimeout)"),
        (PriceFault.TRICKLE, PricesUnavailable, "did not finish within 0.5 s"),
        (PriceFault.RATE_LIMITED, PricesUnavailable, "answered 429 Too Many Requests: {"),
        (PriceFault.SERVER_ERROR, PricesUnavailable, "answered 500 Internal Server Error: {"),
        (PriceFault.BAD_JSON, RejectedData, "not JSON"),
        (PriceFault.HTML, RejectedData, "not JSON"),
        (PriceFault.WRONG_SHAPE, RejectedData, "without a list named 'value'"),
        (PriceFault.NOT_A_NUMBER, RejectedData, "NaN is not JSON"),
        (PriceFault.ENDLESS, RejectedData, "names itself as its next page"),
    ],
)
async def test_faults_name_the_address_and_what_to_do(fault: PriceFault, error: type[Exception], said: str) -> None:
    options = PriceServerOptions(slow_s=1.0)
    async with serving(rows_of(DAY), options, timeout_s=0.2, total_timeout_s=0.5) as (server, source):
        server.faults = {fault}
        with pytest.raises(error) as caught:
            await source.fetch_day(Market.DAY_AHEAD, DAY)
        assert said in str(caught.value)
        assert f"{server.base_url}/csdac-pln?$filter=business_date%20eq%20%27{DAY}%27" in str(caught.value)
        server.faults = set()
        assert len(await source.fetch_day(Market.DAY_AHEAD, DAY)) == 96  # the source is as good as before


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("30", timedelta(seconds=30)),
        ("0", timedelta(0)),
        ("999999", timedelta(days=1)),
        ("-5", None),
        ("nan", None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", timedelta(0)),  # a moment long past
        ("Wed, 21 Oct 2099 07:28:00 GMT", timedelta(days=1)),
    ],
)
async def test_retry_after(value: str, wait: timedelta | None) -> None:
    async with serving(rows_of(DAY), PriceServerOptions(retry_after=value)) as (server, source):
        server.faults = {PriceFault.RATE_LIMITED}
        with pytest.raises(PricesUnavailable) as caught:
            await source.fetch_day(Market.DAY_AHEAD, DAY)
    assert caught.value.retry_after == wait


@pytest.mark.parametrize(
    ("status", "headers", "error", "said"),
    [
        ("400 Bad Request", "", PricesRefused, "400 Bad Request: nonsense; check prices.pse.base_url"),
        ("401 Unauthorized", "", PricesRefused, "401"),
        ("404 Not Found", "", PricesRefused, "404"),
        (
            "301 Moved Permanently",
            "Location: https://new.example/api\r\n",
            PricesRefused,
            "moved to https://new.example",
        ),
        ("408 Request Timeout", "", PricesUnavailable, "408"),
        ("502 Bad Gateway", "", PricesUnavailable, "502"),
        ("503 Service Unavailable", "Retry-After: 7\r\n", PricesUnavailable, "asks to wait 7 s"),
        ("204 No Content", "", RejectedData, "only 200 carries prices"),
    ],
)
async def test_statuses_that_pass_and_that_do_not(status: str, headers: str, error: type[Exception], said: str) -> None:
    body = b"" if status.startswith("204") else b"nonsense"
    async with raw_server(lambda _: body, status, headers) as source:
        with pytest.raises(error) as caught:
            await source.fetch_day(Market.DAY_AHEAD, DAY)
    assert said in str(caught.value)


async def test_a_request_that_the_interface_no_longer_knows() -> None:
    """A renamed column, as from v1 to v2 of the API, is refused with 400 and told apart from an outage."""
    old = [{"doba": row["business_date"], "dtime_utc": row["dtime_utc"]} for row in rows_of(DAY)["csdac-pln"]]
    async with serving({"csdac-pln": list(old)}) as (_, source):
        with pytest.raises(PricesRefused, match="Could not find a property named 'business_date'"):
            await source.fetch_day(Market.DAY_AHEAD, DAY)
        with pytest.raises(PricesRefused, match="404 Not Found"):
            await source.fetch_day(Market.SETTLEMENT, DAY)


async def test_nobody_listens() -> None:
    async with serving({}) as (server, source):
        await server.stop()
        with pytest.raises(PricesUnavailable, match=r"cannot be reached: .*check the connection"):
            await source.fetch_day(Market.DAY_AHEAD, DAY)


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("https://elsewhere.example/api/rce-pln?$after=x", "does not lead on through csdac-pln"),
        ("https://elsewhere.example/api/csdac-pln", "does not lead on"),
        ("https://[::1/api/csdac-pln?$after=x", "is not an address"),
        (17, "nextLink is 17, not an address"),
    ],
)
async def test_links_that_lead_astray(link: object, said: str) -> None:
    body = json.dumps({"value": [], "nextLink": link}).encode()
    async with raw_server(lambda _: body) as source:
        with pytest.raises(RejectedData, match=said):
            await source.fetch_day(Market.DAY_AHEAD, DAY)


async def test_pages_without_end_are_cut_off() -> None:
    asked: list[str] = []

    def another(target: str) -> bytes:
        asked.append(target)
        link = f"https://api.raporty.pse.pl/api/csdac-pln?$after={len(asked)}"
        return json.dumps({"value": [], "nextLink": link}).encode()

    async with raw_server(another, page_limit=4) as source:
        with pytest.raises(RejectedData, match="more than 4 pages"):
            await source.fetch_day(Market.DAY_AHEAD, DAY)
    assert len(asked) == 4


async def test_an_answer_without_end_is_cut_off() -> None:
    async with raw_server(lambda _: b" " * 5000, body_limit_bytes=4000) as source:
        with pytest.raises(RejectedData, match="more than 4000 bytes"):
            await source.fetch_day(Market.DAY_AHEAD, DAY)


async def test_cancelling_a_fetch_leaves_the_source_usable() -> None:
    async with serving(rows_of(DAY), PriceServerOptions(slow_s=30.0), timeout_s=40.0) as (server, source):
        server.faults = {PriceFault.SLOW}
        fetch = asyncio.create_task(source.fetch_day(Market.DAY_AHEAD, DAY))
        while not server.requests:
            await asyncio.sleep(0.01)
        fetch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetch
        server.faults = set()
        assert len(await source.fetch_day(Market.DAY_AHEAD, DAY)) == 96
