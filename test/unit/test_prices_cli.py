"""``hems prices``: what a person and a program see."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import typer
from typer.testing import CliRunner

import hems.composition.tools
from hems.adapters.clock import SystemClock
from hems.cli.prices import bars_of, parse_day, register
from hems.coordination.price_service import PriceService, PriceServiceOptions
from hems.domain.errors import PricesUnavailable
from hems.domain.prices import Market
from hems.simulation.market import SimulatedMarketOptions, SimulatedPriceSource, synthetic_day
from support.price_tools import TARIFF, WARSAW, MemoryArchive, utc


class StoppedClock(SystemClock):
    """The wall clock, stopped."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at


@dataclass
class Tools:
    """What the composition would open."""

    service: PriceService
    zone: ZoneInfo
    source: SimulatedPriceSource


@pytest.fixture
def tools() -> Tools:
    clock = StoppedClock(utc("2026-10-25 12:00"))
    source = SimulatedPriceSource(clock, SimulatedMarketOptions())
    service = PriceService(source, MemoryArchive(), TARIFF, clock, PriceServiceOptions(zone=WARSAW))
    return Tools(service=service, zone=WARSAW, source=source)


@pytest.fixture
def run(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run ``hems prices`` with the given arguments; return what it prints."""
    asked: list[Path | None] = []

    @asynccontextmanager
    async def open_price_tools(config: Path | None) -> AsyncIterator[Tools]:
        asked.append(config)
        yield tools

    monkeypatch.setattr(hems.composition.tools, "open_price_tools", open_price_tools)
    app = typer.Typer(pretty_exceptions_enable=False)
    app.callback()(lambda: None)
    register(app)

    def call(*arguments: str, exit_code: int = 0) -> str:
        result = CliRunner().invoke(app, ["prices", *arguments], env={"COLUMNS": "120"})
        if isinstance(result.exception, PricesUnavailable):
            raise result.exception
        assert result.exit_code == exit_code, result.output
        return result.output

    return call


def test_a_program_gets_every_quarter_of_the_long_day(run: Callable[..., str]) -> None:
    document = json.loads(run("--json"))
    assert (document["date"], document["currency"]) == ("2026-10-25", "PLN")
    assert (document["quarters"], document["known"], document["estimated"]) == (100, 100, 0)
    day_ahead = synthetic_day(Market.DAY_AHEAD, date(2026, 10, 25))
    settlement = synthetic_day(Market.SETTLEMENT, date(2026, 10, 25))
    assert len(document["prices"]) == 100
    for row, market, paid in zip(document["prices"], day_ahead, settlement, strict=True):
        assert datetime.fromisoformat(row["start"]) == market.start
        assert row["market_per_mwh"] == market.price_per_mwh
        assert row["import_per_kwh"] == pytest.approx((market.price_per_mwh / 1000 + 0.375) * 1.23, abs=1e-4)
        assert row["export_per_kwh"] == pytest.approx(max(0.0, paid.price_per_mwh) / 1000, abs=1e-4)
        assert row["origin"] == "published"
    assert [row["start"] for row in document["prices"]].count("2026-10-25T02:00:00+01:00") == 1
    assert [row["start"] for row in document["prices"]].count("2026-10-25T02:00:00+02:00") == 1


def test_a_person_gets_a_table(run: Callable[..., str]) -> None:
    output = run()
    assert "Prices of Sunday 25 October 2026: 100 quarters" in output
    assert output.count("published") == 100
    assert "02:45 (again)" in output
    assert "█" in output
    assert "lowest" in output
    assert "estimated" not in output


def test_tomorrow_before_it_is_published_is_estimated_and_said(run: Callable[..., str]) -> None:
    document = json.loads(run("--date", "2026-10-26", "--json"))
    assert (document["quarters"], document["estimated"]) == (96, 96)
    assert {row["origin"] for row in document["prices"]} == {"typical_day"}
    assert document["notes"] == ["96 of 96 quarters are estimated (~), because: not published yet"]
    table = run("--date", "2026-10-26")
    assert table.count("~") >= 96
    assert "typical day" in table


def test_the_reason_of_an_estimate_is_the_error(run: Callable[..., str], tools: Tools) -> None:
    tools.source.down = True
    document = json.loads(run("--json"))
    assert document["estimated"] == 100
    assert "the simulated price source is down" in document["notes"][0]


def test_a_past_day_is_not_guessed(run: Callable[..., str], tools: Tools) -> None:
    assert json.loads(run("--date", "2026-03-29", "--json"))["quarters"] == 92
    tools.source.down = True
    with pytest.raises(PricesUnavailable, match="no prices for 2026-03-28: the simulated price source is down"):
        run("--date", "2026-03-28")


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-02-30", "1999-12-31", "9999-12-31", "2026-11-25", "2026-W10-1", "20261024"]
)
def test_days_that_are_none(text: str, run: Callable[..., str]) -> None:
    assert "quarters" not in run("--date", text, exit_code=2)


def test_no_day_is_today() -> None:
    assert parse_day(None, date(2026, 10, 25)) == date(2026, 10, 25)
    assert parse_day("2026-11-24", date(2026, 10, 25)) == date(2026, 11, 24)


@pytest.mark.parametrize(
    ("values", "bars"),
    [
        ([], []),
        ([0.0, 0.0], ["    ", "    "]),
        ([4.0, 1.0, 0.0], ["████", "█   ", "    "]),
        ([2.0, -2.0], ["  ██", "██  "]),
        ([-4.0, -1.0], ["████", "   █"]),
    ],
)
def test_bars_share_one_zero(values: list[float], bars: list[str]) -> None:
    assert bars_of(values, 4) == bars
