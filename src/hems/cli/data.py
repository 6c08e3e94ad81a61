"""``hems data``: prices and homes for a backtest, as files."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hems.cli.exit_codes import ExitCode
from hems.domain.prices import Market
from hems.domain.time_grid import local_date

if TYPE_CHECKING:
    from hems.adapters.tables.price_download import Downloaded, DownloadPlan
    from hems.ports.prices import PriceSource

PSE_FIRST_DAY = date(2024, 6, 14)
"""Where the history of the reports API begins."""

FIRST_DAY = date(2000, 1, 1)

HOMES_YEAR = 2025
"""The first year of which PSE publishes every price."""

TOLD_EVERY = 30
"""Days between two lines of progress where there is no terminal to draw a bar on."""


class PriceOrigin(StrEnum):
    """Who is asked for prices."""

    PSE = "pse"
    ENERGY_CHARTS = "energy-charts"


class WantedMarket(StrEnum):
    """Which prices are wanted."""

    BOTH = "both"
    DAY_AHEAD = "day-ahead"
    SETTLEMENT = "settlement"


class HomeOrigin(StrEnum):
    """Where profiles of homes come from."""

    SIMBENCH = "simbench"
    DEMANDLIB = "demandlib"


def register(app: typer.Typer) -> None:
    """Add ``hems data``."""
    commands = typer.Typer(no_args_is_help=True, help="Prices and homes as files, for a backtest.")
    app.add_typer(commands, name="data")

    @commands.command()
    def download(
        first: Annotated[str, typer.Option("--from", help="First day, such as 2025-01-01.")],
        last: Annotated[str | None, typer.Option("--to", help="Last day, inclusive; today if left out.")] = None,
        prices: Annotated[PriceOrigin, typer.Option(help="Whom to ask.")] = PriceOrigin.PSE,
        market: Annotated[
            WantedMarket, typer.Option(help="Which prices; energy-charts has day-ahead prices only.")
        ] = WantedMarket.BOTH,
        zone: Annotated[str, typer.Option(help="Bidding zone, for energy-charts.")] = "PL",
        out: Annotated[
            Path | None, typer.Option(help="CSV or Parquet; settlement prices go beside it, NAME_settlement.")
        ] = None,
        address: Annotated[str | None, typer.Option(help="Where the API is, if not at its own address.")] = None,
    ) -> None:
        """Fetch published prices day by day into files that a backtest reads; what a file holds is not asked for again.

        PSE: PLN/MWh, day-ahead and settlement (RCE). Energy-Charts: EUR/MWh, every bidding zone. Ctrl-C keeps what is
        there, and the same command goes on.
        """
        raise typer.Exit(_download(_span(first, last, prices), prices, market, zone, out, address))

    @commands.command()
    def homes(
        out: Annotated[Path, typer.Option(help="Directory for the files.")],
        origin: Annotated[
            HomeOrigin, typer.Option("--from", help="simbench: recorded shapes; demandlib: synthetic.")
        ] = HomeOrigin.DEMANDLIB,
        count: Annotated[int, typer.Option(min=1, max=100_000, help="How many homes.")] = 5,
        year: Annotated[int, typer.Option(min=2000, max=2099, help="The year they are to live in.")] = HOMES_YEAR,
    ) -> None:
        """Write homes from open packages (extra `bench`) as files that a backtest reads: a year of load and PV in W."""
        _homes(origin, out, count, year)

    @commands.command()
    def check(
        file: Annotated[Path, typer.Argument(help="A home, market prices or retail prices: CSV or Parquet.")],
        column: Annotated[str | None, typer.Option(help="The price, where there are several columns.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    ) -> None:
        """Say what a file holds and how complete it is: gaps, unknown values, and what looks wrong."""
        from hems.cli.data_quality import check_file

        check_file(file, column, as_json=as_json)


def _span(first: str, last: str | None, prices: PriceOrigin) -> list[date]:
    """Return the days asked for. Raises: typer.BadParameter."""
    from hems.adapters.clock import SystemClock
    from hems.adapters.prices.pse_rows import PSE_ZONE

    today = local_date(SystemClock().now(), PSE_ZONE)
    start, end = _day(first), today if last is None else _day(last)
    earliest = PSE_FIRST_DAY if prices is PriceOrigin.PSE else FIRST_DAY
    if start < earliest:
        raise typer.BadParameter(f"--from {start}: {prices} has prices from {earliest} on")
    if end > today + timedelta(days=1):
        raise typer.BadParameter(f"--to {end}: no prices are published beyond tomorrow, {today + timedelta(days=1)}")
    if start > end:
        raise typer.BadParameter(f"--from {start} is after --to {end}")
    return [start + timedelta(days=index) for index in range((end - start).days + 1)]


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
        if day.isoformat() != text:  # Python also reads 20261101 and 2026-W44-7, which nobody means here
            raise ValueError(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a day; write it as 2026-11-01") from error
    return day


def _download(
    days: list[date], prices: PriceOrigin, market: WantedMarket, zone: str, out: Path | None, address: str | None
) -> int:
    from hems.adapters.clock import SystemClock
    from hems.adapters.prices.registry import create_price_source
    from hems.adapters.tables.price_download import Downloaded as Progress
    from hems.adapters.tables.price_download import Told, download_prices, prices_in_file

    if prices is PriceOrigin.ENERGY_CHARTS and market is WantedMarket.SETTLEMENT:
        raise typer.BadParameter("energy-charts has no settlement prices; ask pse for them")
    clock = SystemClock()
    settings: dict[str, object] = {} if address is None else {"base_url": address}
    if prices is PriceOrigin.ENERGY_CHARTS:
        settings["zone"] = zone
    source = create_price_source(prices.value.replace("-", "_"), settings, clock)
    plans = _plans(days, prices, market, zone, out)
    held = [Progress(series=prices_in_file(plan)) for plan in plans]  # a wrong file is told before anybody is asked

    async def fetch() -> None:
        try:
            for plan, done in zip(plans, held, strict=True):
                with _progress(f"{plan.market.value.replace('_', '-')} prices", len(days), "days") as advance:
                    await download_prices(source, clock, plan, done, Told(on_day=advance, on_wait=_warn))
        finally:
            await _let_go(source)

    from hems.cli.quiet_logs import logs_beside_the_output

    code = ExitCode.OK
    try:
        with logs_beside_the_output():
            asyncio.run(fetch())
    except KeyboardInterrupt:
        typer.echo("Interrupted; the same command goes on where this one ended.", err=True)
        code = ExitCode.INTERRUPTED
    finally:
        for plan, done in zip(plans, held, strict=True):
            typer.echo(_told(plan, done))
    return code


def _plans(
    days: list[date], prices: PriceOrigin, market: WantedMarket, zone: str, out: Path | None
) -> list[DownloadPlan]:
    from hems.adapters.prices.energy_charts import MARKET_ZONE
    from hems.adapters.prices.pse_rows import CURRENCY, PSE_ZONE
    from hems.adapters.tables.price_download import DownloadPlan as Plan
    from hems.adapters.tables.write_table import beside_it

    is_pse = prices is PriceOrigin.PSE
    file = out or Path("prices_pse.csv" if is_pse else f"prices_energy_charts_{zone}.csv")
    markets = {
        WantedMarket.BOTH: (Market.DAY_AHEAD, Market.SETTLEMENT) if is_pse else (Market.DAY_AHEAD,),
        WantedMarket.DAY_AHEAD: (Market.DAY_AHEAD,),
        WantedMarket.SETTLEMENT: (Market.SETTLEMENT,),
    }[market]
    beside = beside_it(file, "settlement")
    is_beside = market is WantedMarket.BOTH or out is None
    return [
        Plan(
            market=one,
            days=days,
            file=beside if one is Market.SETTLEMENT and is_beside else file,
            zone=PSE_ZONE if is_pse else MARKET_ZONE,
            currency=CURRENCY if is_pse else "EUR",
        )
        for one in markets
    ]


def _warn(why: str) -> None:
    typer.echo(why, err=True)


async def _let_go(source: PriceSource) -> None:
    close = getattr(source, "aclose", None)
    if close is not None:
        await close()


def _told(plan: DownloadPlan, done: Downloaded) -> str:
    parts = [f"{done.fetched} days fetched"]
    if done.present:
        parts.append(f"{done.present} were there already")
    if done.partial:
        parts.append(f"{done.partial} of the fetched lack quarters")
    if done.empty:
        parts.append(f"{done.empty} are not published")
    unit = f"{plan.currency}/MWh"
    return f"{plan.file}: {len(done.series)} quarters of {plan.market.value} prices, {unit}; {', '.join(parts)}"


def _homes(origin: HomeOrigin, out: Path, count: int, year: int) -> None:
    from hems.adapters.tables.open_profiles import demandlib_homes, simbench_homes, write_home

    made = (simbench_homes if origin is HomeOrigin.SIMBENCH else demandlib_homes)(count, year)
    with _progress("homes", count, "homes") as advance:
        for home in made:
            advance(write_home(home, out))
    kind = (
        "shapes of recorded German homes of 2016"
        if origin is HomeOrigin.SIMBENCH
        else "synthetic: a standard load profile, and panels under a sky without a cloud"
    )
    typer.echo(f"{out}: {count} homes, {year}, {kind}")


@contextmanager
def _progress(title: str, total: int, unit: str) -> Iterator[Callable[[object], None]]:
    """Yield what to call after each step; a bar with the remaining time, lines now and then without a terminal."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    count = 0
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=total)

        def advance(_: object) -> None:
            nonlocal count
            count += 1
            bar.advance(task)
            if not console.is_terminal and count % TOLD_EVERY == 0:
                print(f"{title}: {count} of {total} {unit}", file=sys.stderr, flush=True)

        yield advance
