"""``hems data download`` over real HTTP on loopback: both publishers, going on, interruption, hostile answers."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner
from werkzeug import Request, Response

import hems.adapters.clock
from hems.adapters.clock import SystemClock
from hems.adapters.prices.energy_charts import (
    MARKET_ZONE,
    EnergyChartsOptions,
    EnergyChartsPriceSource,
    prices_from_body,
)
from hems.adapters.prices.pse_rows import PSE_ZONE
from hems.adapters.tables.price_download import Downloaded, DownloadPlan, Told, download_prices, prices_in_file
from hems.adapters.tables.price_file import read_prices
from hems.cli.app import app
from hems.domain.errors import HemsError, PricesRefused, PricesUnavailable, RejectedData
from hems.domain.prices import Market, PriceSeries
from hems.domain.time_grid import MTU, local_day_bounds, slots_of_day
from hems.simulation.market import pse_rows, synthetic_day

AUTUMN = date(2024, 10, 27)
"""100 quarters."""


class HastyClock(SystemClock):
    """The wall clock; waits are noted, not waited."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> HastyClock:
    """The clock of every command in this file."""
    hasty = HastyClock()
    monkeypatch.setattr(hems.adapters.clock, "SystemClock", lambda: hasty)
    return hasty


@pytest.fixture
def pse(httpserver: HTTPServer) -> list[tuple[str, date]]:
    """A PSE that has every day but 2 March 2025; returns what it was asked for."""
    asked: list[tuple[str, date]] = []

    def answer(request: Request) -> Response:
        entity = request.path.rpartition("/")[2]
        found = re.fullmatch(r"business_date eq '([0-9-]{10})'", request.args["$filter"])
        assert found is not None
        day = date.fromisoformat(found[1])
        asked.append((entity, day))
        market = Market.DAY_AHEAD if entity == "csdac-pln" else Market.SETTLEMENT
        rows = [] if day == date(2025, 3, 2) else pse_rows(market, synthetic_day(market, day))
        return Response(json.dumps({"value": rows}), content_type="application/json")

    httpserver.expect_request(re.compile("/api/.*")).respond_with_handler(answer)
    return asked


def run(*arguments: str) -> tuple[int, str]:
    """Run ``hems data download``; return exit code and everything it printed."""
    result = CliRunner().invoke(app, ["data", "download", *arguments])
    if isinstance(result.exception, HemsError):
        return -1, f"{result.output}{result.exception}"
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_pse_writes_both_prices_and_goes_on(
    httpserver: HTTPServer, pse: list[tuple[str, date]], clock: HastyClock, tmp_path: Path
) -> None:
    out = tmp_path / "p.csv"
    where = ("--address", httpserver.url_for("/api"), "--out", str(out))
    code, said = run("--from", "2024-10-26", "--to", "2024-10-27", *where)
    assert code == 0, said
    assert out.read_text().startswith("ts_utc,day_ahead_pln_mwh\n2024-10-25T22:00:00Z,")
    for file, market in ((out, Market.DAY_AHEAD), (tmp_path / "p_settlement.csv", Market.SETTLEMENT)):
        found = read_prices(file)
        expected = [slot for day in (26, 27) for slot in synthetic_day(market, date(2024, 10, day))]
        assert [(s.start, s.price_per_mwh) for s in found.prices] == [(s.start, s.price_per_mwh) for s in expected]
        assert len(found.prices) == 96 + 100
        assert found.quality.gaps == ()
    assert "196 quarters of settlement prices, PLN/MWh; 2 days fetched" in said
    assert len(clock.waits) == 2, "a pause between two days"
    pse.clear()
    code, said = run("--from", "2024-10-25", "--to", "2024-10-27", *where)
    assert [day for _, day in pse] == [date(2024, 10, 25)] * 2
    assert "1 days fetched, 2 were there already" in said
    assert len(read_prices(out).prices) == 96 + 196


def test_one_market_and_parquet(
    httpserver: HTTPServer, pse: list[tuple[str, date]], clock: HastyClock, tmp_path: Path
) -> None:
    out = tmp_path / "rce.parquet"
    where = ("--address", httpserver.url_for("/api"), "--out", str(out), "--market", "settlement")
    code, said = run("--from", "2025-03-01", "--to", "2025-03-02", *where)
    assert code == 0
    assert {entity for entity, _ in pse} == {"rce-pln"}
    assert [path.name for path in tmp_path.iterdir()] == ["rce.parquet"]
    assert len(read_prices(out).prices) == 96
    assert "1 are not published" in said


def test_an_interruption_keeps_what_is_there(
    httpserver: HTTPServer,
    pse: list[tuple[str, date]],
    clock: HastyClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited = 0

    async def sleep(seconds: float) -> None:
        nonlocal waited
        waited += 1
        if waited == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(clock, "sleep", sleep)
    out = tmp_path / "p.csv"
    where = ("--address", httpserver.url_for("/api"), "--out", str(out), "--market", "day-ahead")
    code, said = run("--from", "2025-01-01", "--to", "2025-01-20", *where)
    assert code == 130
    assert "the same command goes on" in said
    assert "3 days fetched" in said
    assert len(read_prices(out).prices) == 3 * 96
    code, said = run("--from", "2025-01-01", "--to", "2025-01-05", *where)
    assert (code, len(read_prices(out).prices)) == (0, 5 * 96)
    assert [day.day for _, day in pse] == [1, 2, 3, 4, 5]


def test_a_source_that_fails_is_asked_again_then_told_and_what_is_there_is_kept(
    httpserver: HTTPServer, clock: HastyClock, tmp_path: Path
) -> None:
    day = synthetic_day(Market.DAY_AHEAD, date(2025, 1, 1))
    body = json.dumps({"value": pse_rows(Market.DAY_AHEAD, day)})
    httpserver.expect_ordered_request("/api/csdac-pln").respond_with_data("busy", status=503)
    httpserver.expect_ordered_request("/api/csdac-pln").respond_with_data("busy", 429, {"Retry-After": "7"})
    httpserver.expect_ordered_request("/api/csdac-pln").respond_with_data(body)
    for _ in range(4):
        httpserver.expect_ordered_request("/api/csdac-pln").respond_with_data("down", status=500)
    out = tmp_path / "p.csv"
    where = ("--address", httpserver.url_for("/api"), "--out", str(out), "--market", "day-ahead")
    code, said = run("--from", "2025-01-01", "--to", "2025-01-03", *where)
    assert code == -1
    assert "answered 500" in said
    assert "asks to wait 7 s; asking again in 7 s" in said
    assert "96 quarters of day_ahead prices" in said
    assert len(read_prices(out).prices) == 96
    assert clock.waits == [5.0, 7.0, 0.5, 5.0, 20.0, 60.0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "2025-13-01"], "is not a day"),
        (["--from", "20250101"], "is not a day"),
        (["--from", "2024-06-13"], "pse has prices from 2024-06-14 on"),
        (["--from", "2025-01-02", "--to", "2025-01-01"], "is after --to"),
        (["--from", "2025-01-02", "--to", "2999-01-01"], "beyond tomorrow"),
        (["--from", "2025-01-02", "--prices", "energy-charts", "--market", "settlement"], "no settlement prices"),
        (["--from", "2025-01-02", "--out", "p.xlsx"], "a table is written as"),
        (["--from", "2025-01-02", "--prices", "energy-charts", "--zone", "../x"], "must be a bidding zone"),
        (["--from", "2025-01-02", "--address", "ftp://x"], "must be http"),
    ],
)
def test_what_cannot_be_fetched_is_told_before_anybody_is_asked(arguments: list[str], said: str) -> None:
    code, output = run(*arguments)
    assert code in (2, -1)
    assert said in " ".join(output.replace("│", " ").split())


def test_another_file_is_not_overwritten(httpserver: HTTPServer, clock: HastyClock, tmp_path: Path) -> None:
    out = tmp_path / "p.csv"
    out.write_text("ts_utc,rce_pln_mwh\n2025-01-01T00:00Z,5\n2025-01-01T00:15Z,5\n")
    before = out.read_bytes()
    code, said = run(
        "--from", "2025-01-01", "--to", "2025-01-01", "--address", httpserver.url_for("/"), "--out", str(out)
    )
    assert code == -1
    assert "holds rce_pln_mwh, not day_ahead_pln_mwh" in said
    assert out.read_bytes() == before
    assert httpserver.log == []


async def test_a_killed_process_loses_few_days(tmp_path: Path) -> None:
    """The file is written every 25 days, so that even without a last word most is there."""
    days = [date(2025, 1, 1) + timedelta(days=index) for index in range(30)]
    plan = DownloadPlan(market=Market.DAY_AHEAD, days=days, file=tmp_path / "p.csv", zone=PSE_ZONE, currency="PLN")
    seen: list[int] = []

    class Source:
        name = "made up"

        async def fetch_day(self, market: Market, day: date) -> PriceSeries:
            return synthetic_day(market, day)

    def note(day: date) -> None:
        seen.append(len(prices_in_file(plan)) // 96)

    await download_prices(Source(), HastyClock(), plan, Downloaded(series=PriceSeries("PLN", ())), Told(on_day=note))
    assert seen == [0] * 24 + [25] * 6
    assert len(prices_in_file(plan)) // 95 >= 30


# -- Energy-Charts ---------------------------------------------------------------------------------------------


def charts_body(step: timedelta, day: date = AUTUMN, **changes: Any) -> dict[str, Any]:
    """What Energy-Charts answers for a local day, an hour more at either end."""
    start, end = local_day_bounds(day, MARKET_ZONE)
    stamps = []
    at = start - timedelta(hours=1)
    while at < end + timedelta(hours=1):
        stamps.append(int(at.timestamp()))
        at += step
    prices = [float(index) for index in range(len(stamps))]
    return {"license_info": "CC BY 4.0", "unix_seconds": stamps, "price": prices, "unit": "EUR / MWh"} | changes


@pytest.mark.parametrize(("step", "per_row"), [(timedelta(hours=1), 4), (MTU, 1)])
def test_energy_charts_hours_and_quarters(
    httpserver: HTTPServer, clock: HastyClock, tmp_path: Path, step: timedelta, per_row: int
) -> None:
    httpserver.expect_request("/price").respond_with_json(charts_body(step))
    out = tmp_path / "e.csv"
    where = ("--prices", "energy-charts", "--address", httpserver.url_for(""), "--out", str(out), "--zone", "DE-LU")
    code, said = run("--from", "2024-10-27", "--to", "2024-10-27", *where)
    assert code == 0, said
    table = read_prices(out, currency="EUR")
    assert [slot.start for slot in table.prices] == list(slots_of_day(AUTUMN, MARKET_ZONE))
    first = 4 // per_row
    assert [slot.price_per_mwh for slot in table.prices] == [first + index // per_row for index in range(100)]
    request, _ = httpserver.log[0]
    assert request.args["bzn"] == "DE-LU"
    assert request.args["start"] == "1729980000"
    assert [path.name for path in tmp_path.iterdir()] == ["e.csv"]
    with pytest.raises(RejectedData, match="is in EUR by its name"):
        read_prices(out)


SPAN = local_day_bounds(AUTUMN, MARKET_ZONE)
STAMP = int(SPAN[0].timestamp())


def test_nothing_is_made_of_null_and_of_holes() -> None:
    stamps = [STAMP + 900 * index for index in (0, 1, 2, 3, 8, 9)]
    body = json.dumps({"unix_seconds": stamps, "price": [1, None, -3.5, 4, 5, 6]}).encode()
    found = prices_from_body(body, *SPAN, "here")
    assert [(slot.start - SPAN[0]) // MTU for slot in found] == [0, 2, 3, 8, 9]
    assert found.currency == "EUR"
    assert prices_from_body(b'{"unix_seconds": [], "price": []}', *SPAN, "here").slots == ()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>", "not JSON"),
        (b"[1]", "not an object"),
        (b"{}", "without lists"),
        (b'{"unix_seconds": [1], "price": []}', "of one length"),
        (b'{"unix_seconds": ["x"], "price": [1]}', "no time"),
        (b'{"unix_seconds": [1e30], "price": [1]}', "no time"),
        (b'{"unix_seconds": [true], "price": [1]}', "no time"),
        (f'{{"unix_seconds": [{STAMP + 1}], "price": [1]}}'.encode(), "start of a quarter"),
        (f'{{"unix_seconds": [{STAMP}, {STAMP}], "price": [1, 2]}}'.encode(), "do not ascend"),
        (f'{{"unix_seconds": [{STAMP}], "price": ["1"]}}'.encode(), "price is '1'"),
        (f'{{"unix_seconds": [{STAMP}], "price": [NaN]}}'.encode(), "not JSON"),
        (f'{{"unix_seconds": [{STAMP}], "price": [5001]}}'.encode(), "no price lies beyond"),
    ],
)
def test_an_answer_that_cannot_be_right_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(RejectedData, match=said):
        prices_from_body(body, *SPAN, "here")


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (500, {}, PricesUnavailable),
        (429, {"Retry-After": "30"}, PricesUnavailable),
        (400, {}, PricesRefused),
        (302, {"Location": "/x"}, PricesRefused),
        (204, {}, RejectedData),
    ],
)
async def test_energy_charts_refusals(
    httpserver: HTTPServer, status: int, headers: dict[str, str], expected: type[HemsError]
) -> None:
    httpserver.expect_request("/price").respond_with_data("no\x1b[2J", status=status, headers=headers)
    source = EnergyChartsPriceSource(EnergyChartsOptions(base_url=httpserver.url_for("").rstrip("/")), SystemClock())
    with pytest.raises(expected) as caught:
        await source.fetch_day(Market.DAY_AHEAD, AUTUMN)
    await source.aclose()
    assert "\x1b" not in str(caught.value)
    if isinstance(caught.value, PricesUnavailable):
        assert caught.value.retry_after == (timedelta(seconds=30) if headers else None)


async def test_energy_charts_without_data_is_empty_and_bodies_are_bounded(httpserver: HTTPServer) -> None:
    httpserver.expect_ordered_request("/price").respond_with_data("none", status=404)
    httpserver.expect_ordered_request("/price").respond_with_data(b"[" * 2_000_000)
    source = EnergyChartsPriceSource(EnergyChartsOptions(base_url=httpserver.url_for("").rstrip("/")), SystemClock())
    assert (await source.fetch_day(Market.DAY_AHEAD, AUTUMN)).slots == ()
    with pytest.raises(RejectedData, match="more than 1000000 bytes"):
        await source.fetch_day(Market.DAY_AHEAD, AUTUMN)
    with pytest.raises(PricesRefused, match="day-ahead prices only"):
        await source.fetch_day(Market.SETTLEMENT, AUTUMN)
    await source.aclose()


async def test_energy_charts_that_is_not_there() -> None:
    source = EnergyChartsPriceSource(EnergyChartsOptions(base_url="http://127.0.0.1:9"), SystemClock())
    with pytest.raises(PricesUnavailable, match="cannot be reached"):
        await source.fetch_day(Market.DAY_AHEAD, AUTUMN)
    await source.aclose()


def test_options_say_what_is_wrong() -> None:
    for options, said in (({"zone": ""}, "bidding zone"), ({"base_url": "x"}, "http"), ({"timeout_s": 0.0}, "above 0")):
        with pytest.raises(ValueError, match=said):
            EnergyChartsOptions(**options)  # type: ignore[arg-type]
