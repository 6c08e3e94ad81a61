"""``hems fleet backtest``: every home of a fleet lived through its own past."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hems.cli import backtest as single
from hems.cli.exit_codes import ExitCode
from hems.cli.fleet_progress import fleet_progress
from hems.domain.errors import StorageError

if TYPE_CHECKING:
    from rich.table import Table

    from hems.composition.fleet_backtest import FleetBacktest, FleetBacktestRequest

Homes = Annotated[Path, typer.Option(help="HOMES.parquet: one home a row (docs/fleet.md).")]
Out = Annotated[Path | None, typer.Option(help="Where the rows go, as Parquet. [beside HOMES.parquet]")]
Tariff = Annotated[
    str | None,
    typer.Option(help="Of homes that name none: OPERATOR/GROUP or OPERATOR/GROUP/SELLER, see `hems tariffs`."),
]
Where = Annotated[str, typer.Option(help="local, processes, dask, or tcp://HOST:PORT of a Dask scheduler.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes or threads. [as many as cores; local: 1]")]
Chunk = Annotated[int | None, typer.Option(min=1, max=10_000, help="Homes handed over at once. [8, of few homes less]")]
Strategies = Annotated[str, typer.Option(help="Of self_use, multi_factor, optimal.")]
Report = Annotated[Path | None, typer.Option(help="Write a page into this folder.")]
Restart = Annotated[bool, typer.Option(help="Forget the parts of an earlier run.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def register(commands: typer.Typer) -> None:
    """Add ``hems fleet backtest``."""

    @commands.command()
    def backtest(
        homes: Homes,
        out: Out = None,
        prices: single.Prices = None,
        sell_prices: single.SellPrices = None,
        buy_sell: single.BuySell = None,
        column: single.Column = None,
        sell_column: single.SellColumn = None,
        tariff: Tariff = None,
        config: single.Config = None,
        battery_kwh: single.BatteryKwh = None,
        charge_kw: single.ChargeKw = None,
        discharge_kw: single.DischargeKw = None,
        efficiency: single.Efficiency = None,
        wear: single.Wear = None,
        import_kw: single.ImportKw = None,
        export_kw: single.ExportKw = None,
        min_soc: single.MinSoc = None,
        reserve_soc: single.ReserveSoc = None,
        max_soc: single.MaxSoc = None,
        start_soc: single.StartSoc = 50.0,
        stored_value: single.StoredValue = None,
        cycles_per_day: single.CyclesPerDay = None,
        only_solar_export: single.OnlySolar = None,
        export_limit: single.LimitExport = True,
        forecast: single.Forecast = None,
        physics: single.Physics = "ideal",
        publication: single.PublicationAt = "14:00",
        zone: single.Zone = None,
        currency: single.Currency = None,
        horizon_hours: single.HorizonHours = None,
        change_price: single.ChangePrice = None,
        strategies: Strategies = "self_use,multi_factor,optimal",
        first_day: single.FirstDay = None,
        last_day: single.LastDay = None,
        executor: Where = "processes",
        workers: Workers = None,
        chunk: Chunk = None,
        report: Report = None,
        restart: Restart = False,
        as_json: AsJson = False,
    ) -> None:
        """Live every home through its own past, as `hems backtest` does; begun again, it goes on where it was."""
        # A worker is one process of one thread: the small algebra of forecasts on several would wait for the others.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from hems.composition.backtest_request import BacktestRequest
        from hems.composition.fleet_backtest import FleetBacktestRequest

        each = BacktestRequest(
            home=str(homes), prices=prices, sell_prices=sell_prices, buy_sell=buy_sell, column=column,
            sell_column=sell_column, config=config, battery_kwh=battery_kwh, charge_kw=charge_kw,
            discharge_kw=discharge_kw, efficiency=efficiency, wear=wear, import_kw=import_kw, export_kw=export_kw,
            min_soc=min_soc, reserve_soc=reserve_soc, max_soc=max_soc, start_soc=start_soc, stored_value=stored_value,
            cycles_per_day=cycles_per_day, only_solar_export=only_solar_export, can_limit_export=export_limit,
            forecast=forecast, physics=physics, publication=single.clock_time(publication), zone=zone,
            currency=currency, horizon_hours=horizon_hours, change_price=change_price,
            first_day=single.day_of(first_day, "--from"), last_day=single.day_of(last_day, "--to"),
        )  # fmt: skip
        request = FleetBacktestRequest(
            homes=homes, out=out or homes.with_name(f"{homes.stem}_backtest.parquet"), each=each, tariff=tariff,
            strategies=tuple(dict.fromkeys(name.strip() for name in strategies.split(",") if name.strip())),
            chunk=chunk, executor=executor, workers=workers, restart=restart,
        )  # fmt: skip
        raise typer.Exit(_backtest(request, report, as_json=as_json))


def _backtest(request: FleetBacktestRequest, report: Path | None, *, as_json: bool) -> int:
    from hems.composition.fleet_backtest import FleetBacktest

    single.check_places(None, None, report)
    run = FleetBacktest(request)
    begin = time.perf_counter()
    try:
        with fleet_progress(run.file.homes) as (told, _):
            run.live(told)
    except KeyboardInterrupt:
        print(f"stopped; what is finished lies in {request.out}.parts and counts next time", file=sys.stderr)
        return ExitCode.INTERRUPTED
    seconds = time.perf_counter() - begin
    if report is not None:
        _write_report(run, request, report)
    if as_json:
        print(json.dumps({"seconds": round(seconds, 3), "summary": run.summary.document()}, indent=1))
    else:
        _show(run, request, seconds)
    return ExitCode.FAILED if run.summary.failed == run.summary.homes else ExitCode.OK


def _show(run: FleetBacktest, request: FleetBacktestRequest, seconds: float) -> None:
    from rich.console import Console

    summary = run.summary
    console = Console()

    def told(text: str) -> None:
        console.print(text, markup=False, highlight=False)

    told(f"{summary.homes} homes in {seconds:.1f} s, {summary.failed} not lived: {request.out}")
    if summary.strategies:
        console.print(_table(run))
        told(f"captured: of the {summary.possible:,.2f} {run.currency} that perfect foresight saves in all homes")
    if summary.left_out_hours > 0.0:
        told(f"left out: {summary.left_out_hours:,.1f} h of which load, PV or price is unknown")
    for name, why in summary.errors[:5]:
        told(f"  {name or '(no name)'}: {why}")
    if summary.failed > 5:
        told(f"  ... and {summary.failed - 5} more: column `error` of {request.out}")


def _table(run: FleetBacktest) -> Table:
    from rich.table import Table

    table = Table(caption="a home: 10 % of the homes are below, half, 90 %")
    table.add_column("strategy")
    for head in ("cost", "saved", "captured", "saved a home", "% a home"):
        table.add_column(head, justify="right")
    for name, own in run.summary.strategies.items():
        share = run.summary.captured_pct(name)
        table.add_row(
            name,
            f"{own.sums['cost_pln']:,.2f}",
            f"{own.sums['saving_pln']:,.2f}",
            "" if share is None else f"{share:.1f} %",
            _three(own.savings, 1),
            _three(own.captured_pct, 0),
        )
    return table


def _three(values: list[float], decimals: int) -> str:
    from hems.fleet.lived_summary import quantiles

    return "/".join("" if each is None else f"{each:,.{decimals}f}" for each in quantiles(values))


def _write_report(run: FleetBacktest, request: FleetBacktestRequest, folder: Path) -> None:
    from hems.fleet.lived_report import render_lived

    page = folder / "index.html"
    text = render_lived(request.homes.name, run.span, run.summary, run.currency)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{folder}: the page was not written: {error}") from error
    print(f"page: {page}", file=sys.stderr)
