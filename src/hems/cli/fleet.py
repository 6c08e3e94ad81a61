"""``hems fleet plan``: thousands of homes planned at once, each by itself or all under one limit."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hems.cli import fleet_backtest
from hems.cli.exit_codes import ExitCode
from hems.cli.fleet_progress import fleet_progress
from hems.domain.errors import StorageError

if TYPE_CHECKING:
    from hems.composition.fleet import FleetRequest, FleetRun
    from hems.fleet.homes_file import HomesFile

Homes = Annotated[Path, typer.Option(help="HOMES.parquet: one home a row (docs/fleet.md).")]
Out = Annotated[Path, typer.Option(help="Where the plans go, as Parquet; parts lie beside it until all are done.")]
Prices = Annotated[Path | None, typer.Option(help="Day-ahead market prices per MWh, for homes that bring none.")]
SellPrices = Annotated[Path | None, typer.Option(help="Settlement prices per MWh: what sold energy earns.")]
BuySell = Annotated[Path | None, typer.Option(help="ts_utc,buy_per_kwh,sell_per_kwh, all included, instead.")]
Column = Annotated[str | None, typer.Option(help="The price column of --prices, where it has several.")]
SellColumn = Annotated[str | None, typer.Option(help="The price column of --sell-prices.")]
Tariff = Annotated[
    str | None,
    typer.Option(help="Of homes that name none: OPERATOR/GROUP or OPERATOR/GROUP/SELLER, see `hems tariffs`."),
]
Config = Annotated[Path | None, typer.Option(help="The configuration whose prices and tariff count.")]
Horizon = Annotated[float | None, typer.Option(help="Hours to plan; default: all that a row holds.")]
Where = Annotated[str, typer.Option(help="local, processes, dask, or tcp://HOST:PORT of a Dask scheduler.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Threads or processes; default: as many as cores.")]
Chunk = Annotated[int, typer.Option(min=1, max=100_000, help="Homes handed over at once.")]
FeederKw = Annotated[float | None, typer.Option(help="One import and export limit for all homes together [kW].")]
FeederPrice = Annotated[float, typer.Option(help="What a kWh beyond that limit counts.")]
Report = Annotated[Path | None, typer.Option(help="Write a page into this folder.")]
Restart = Annotated[bool, typer.Option(help="Forget the parts of an earlier run.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def register(app: typer.Typer) -> None:
    """Add ``hems fleet``."""
    commands = typer.Typer(no_args_is_help=True, help="Thousands of homes at once.")
    app.add_typer(commands, name="fleet")
    fleet_backtest.register(commands)

    @commands.command()
    def plan(
        homes: Homes,
        out: Out,
        prices: Prices = None,
        sell_prices: SellPrices = None,
        buy_sell: BuySell = None,
        column: Column = None,
        sell_column: SellColumn = None,
        tariff: Tariff = None,
        config: Config = None,
        horizon: Horizon = None,
        battery_kwh: Annotated[float, typer.Option(help="Of homes that do not say; so with those below.")] = 10.0,
        charge_kw: float = 5.0,
        discharge_kw: float = 5.0,
        efficiency: Annotated[float, typer.Option(help="Each way, 0.5 to 1.")] = 0.95,
        wear: Annotated[float, typer.Option(help="Money per kWh charged or discharged.")] = 0.05,
        import_kw: float = 11.0,
        export_kw: float = 8.0,
        floor_pct: float = 10.0,
        reserve_pct: float = 10.0,
        ceiling_pct: float = 100.0,
        soc_pct: float = 50.0,
        executor: Where = "local",
        workers: Workers = None,
        chunk: Chunk = 500,
        feeder_kw: FeederKw = None,
        feeder_price: FeederPrice = 10.0,
        report: Report = None,
        restart: Restart = False,
        as_json: AsJson = False,
    ) -> None:
        """Plan every home exactly, each with a proof of how good its plan is; begun again, it goes on where it was."""
        # The master problem of a common limit is small: on several threads, its algebra mostly waits for the others.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from hems.composition.fleet import FleetRequest
        from hems.fleet.home_numbers import HomeDefaults

        defaults = HomeDefaults(
            battery_kwh=battery_kwh, charge_kw=charge_kw, discharge_kw=discharge_kw, efficiency=efficiency, wear=wear,
            import_kw=import_kw, export_kw=export_kw, floor_pct=floor_pct, reserve_pct=reserve_pct,
            ceiling_pct=ceiling_pct, soc_pct=soc_pct,
        )  # fmt: skip
        request = FleetRequest(
            homes=homes, out=out, prices=prices, sell_prices=sell_prices, buy_sell=buy_sell, column=column,
            sell_column=sell_column, tariff=tariff, config=config, horizon_hours=horizon, defaults=defaults,
            chunk=chunk, executor=executor, workers=workers, feeder_kw=feeder_kw, feeder_price=feeder_price,
            restart=restart,
        )  # fmt: skip
        raise typer.Exit(_plan(request, report, as_json=as_json))


def _plan(request: FleetRequest, report: Path | None, *, as_json: bool) -> int:
    from hems.composition.fleet import FleetRun, documents

    run = FleetRun(request)
    if not run.is_compiled:
        print("numba is not installed: planning in plain Python, some 40 times slower on each core", file=sys.stderr)
    begin = time.perf_counter()
    try:
        with fleet_progress(run.file.homes) as (told, told_price):
            run.plan(told, told_price)
    except KeyboardInterrupt:
        print(f"stopped; what is finished lies in {request.out}.parts and counts next time", file=sys.stderr)
        return ExitCode.INTERRUPTED
    seconds = time.perf_counter() - begin
    if report is not None:
        _write_report(run, request, report, seconds)
    if as_json:
        print(json.dumps({"seconds": round(seconds, 3), **dict(documents(run))}, indent=1))
    else:
        print("\n".join(_lines(run, request, seconds)))
    return ExitCode.FAILED if run.summary.failed == run.summary.homes else ExitCode.OK


def ignored_columns(file: HomesFile) -> Iterator[str]:
    """Yield what is said of columns that mean nothing here."""
    if file.ignored:
        yield f"columns not understood and ignored: {', '.join(file.ignored)} (docs/fleet.md lists what is understood)"


def _lines(run: FleetRun, request: FleetRequest, seconds: float) -> Iterator[str]:
    summary, sums = run.summary, run.summary.sums
    rate = summary.homes / max(seconds, 1e-9)
    yield from ignored_columns(run.file)
    yield (
        f"{summary.homes} homes in {seconds:.1f} s ({rate:,.0f} a second), {summary.failed} not planned: {request.out}"
    )
    yield (
        f"cost {sums['cost_pln']:,.2f}, with idle batteries {sums['idle_cost_pln']:,.2f}; saved "
        f"{sums['saving_pln']:,.2f}, what is stored counted"
    )
    if run.feeder is None:
        again = f"; {summary.planned_again} homes were planned twice" if summary.planned_again else ""
        yield f"proven: no plans of all homes together save more than {sums['gap_pln']:.4f} in addition{again}"
    else:
        found = run.feeder
        yield (
            f"limit {found.limit.kw:g} kW: highest power {found.peak_kw:.2f} kW, {found.excess_kwh:.3f} kWh beyond it"
            + (f", {found.unavoidable_kwh:.3f} of them at any power of the batteries" if found.unavoidable_kwh else "")
        )
        gap = found.cost - found.coordination.bound
        asked = found.coordination.questions
        yield f"proven: no plans under the limit save more than {gap:.4f} in addition ({asked} rounds)"
    for name, why in summary.errors[:5]:
        yield f"  {name or '(no name)'}: {why}"
    if summary.failed > 5:
        yield f"  ... and {summary.failed - 5} more: column `error` of {request.out}"


def _write_report(run: FleetRun, request: FleetRequest, folder: Path, seconds: float) -> None:
    from hems.fleet.report import CommonLimit, render

    limit, found = None, run.feeder
    if found is not None:
        limit = CommonLimit(
            kw=found.limit.kw, price_per_kwh=found.coordination.limit_price, peak_kw=found.peak_kw,
            excess_kwh=found.excess_kwh, unavoidable_kwh=found.unavoidable_kwh, cost=found.cost,
            bound=found.coordination.bound,
        )  # fmt: skip
    try:
        folder.mkdir(parents=True, exist_ok=True)
        page = folder / "index.html"
        page.write_text(render(request.homes.name, run.summary, limit, seconds), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{folder}: the page was not written: {error}") from error
    print(f"page: {page}", file=sys.stderr)
