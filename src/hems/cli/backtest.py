"""``hems backtest``: the coordinator's own decisions over a past, against every yardstick."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hems.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.table import Table

    from hems.backtest.outcome import StudyResult
    from hems.backtest.runner import LivedStudy
    from hems.backtest.study import Study
    from hems.composition.backtest import PreparedStudy

LOCAL = "local"

Home = Annotated[
    str, typer.Option(help="HOME.csv or .parquet: ts_utc,load_w,pv_w[,pv_forecast_w]; `live`: the own history.")
]
Prices = Annotated[Path | None, typer.Option(help="Day-ahead market prices: a time and a price per MWh.")]
SellPrices = Annotated[Path | None, typer.Option(help="Settlement prices that sold energy is paid, per MWh.")]
BuySell = Annotated[
    Path | None,
    typer.Option(help="ts_utc,buy_per_kwh,sell_per_kwh, all included: instead of market prices and tariff."),
]
Column = Annotated[str | None, typer.Option(help="The column of --prices, where there are more than one.")]
SellColumn = Annotated[str | None, typer.Option(help="The column of --sell-prices.")]
Config = Annotated[Path | None, typer.Option(help="Battery, tariff and rules of this configuration; options go first.")]
Operator = Annotated[str | None, typer.Option(help="Network operator, as in `hems tariffs`.")]
Group = Annotated[str | None, typer.Option(help="Tariff group of the operator.")]
Seller = Annotated[str | None, typer.Option(help="Seller of the energy, as in `hems tariffs`.")]
BatteryKwh = Annotated[float | None, typer.Option(help="Capacity. [10]")]
ChargeKw = Annotated[float | None, typer.Option(help="Most the battery charges with, AC side. [5]")]
DischargeKw = Annotated[float | None, typer.Option(help="Most the battery gives, AC side. [5]")]
Efficiency = Annotated[float | None, typer.Option(help="Of charging and of discharging, each. [0.95]")]
Wear = Annotated[float | None, typer.Option(help="What a kWh charged or discharged costs in battery life. [0.05]")]
ImportKw = Annotated[float | None, typer.Option(help="Import limit, the fuse. [11]")]
ExportKw = Annotated[float | None, typer.Option(help="Export limit. [8]")]
MinSoc = Annotated[float | None, typer.Option(help="The inverter does not discharge below this, %. [10]")]
ReserveSoc = Annotated[float | None, typer.Option(help="The plan keeps this for an outage, %. [10]")]
MaxSoc = Annotated[float | None, typer.Option(help="Charging ends here, %. [100]")]
StartSoc = Annotated[float, typer.Option(help="SoC at the start, %.")]
StoredValue = Annotated[float | None, typer.Option(help="What a stored kWh counts at both ends. [from the prices]")]
CyclesPerDay = Annotated[float | None, typer.Option(help="Full cycles a day at most. [no cap]")]
OnlySolar = Annotated[
    bool | None,
    typer.Option("--only-solar-export/--any-export", help="Sell only what the sun gave. [as configured, else any]"),
]
LimitExport = Annotated[
    bool,
    typer.Option("--export-limit/--no-export-limit", help="The inverter can curtail PV while selling costs money."),
]
Forecast = Annotated[
    str | None,
    typer.Option(
        help="causal: own history; given: and pv_forecast_w; perfect. [given where the file has it, else causal]"
    ),
]
Physics = Annotated[str, typer.Option(help="ideal: that of the plan; house: losses by power, taper, idle draw.")]
PublicationAt = Annotated[str, typer.Option("--publication", help="When tomorrow's prices are known, local time.")]
Zone = Annotated[str | None, typer.Option(help="Time zone of the house. [Europe/Warsaw]")]
Currency = Annotated[str | None, typer.Option(help="Of all prices. [PLN]")]
HorizonHours = Annotated[float | None, typer.Option(help="How far is planned. [36]")]
ChangePrice = Annotated[float | None, typer.Option(help="What a change of mode counts. [0.005]")]
FirstDay = Annotated[str | None, typer.Option("--from", help="First local day, YYYY-MM-DD.")]
LastDay = Annotated[str | None, typer.Option("--to", help="Last local day, included.")]


def register(app: typer.Typer) -> None:
    """Add ``hems backtest``."""

    @app.command()
    def backtest(
        home: Home,
        prices: Prices = None,
        sell_prices: SellPrices = None,
        buy_sell: BuySell = None,
        column: Column = None,
        sell_column: SellColumn = None,
        config: Config = None,
        operator: Operator = None,
        group: Group = None,
        seller: Seller = None,
        battery_kwh: BatteryKwh = None,
        charge_kw: ChargeKw = None,
        discharge_kw: DischargeKw = None,
        efficiency: Efficiency = None,
        wear: Wear = None,
        import_kw: ImportKw = None,
        export_kw: ExportKw = None,
        min_soc: MinSoc = None,
        reserve_soc: ReserveSoc = None,
        max_soc: MaxSoc = None,
        start_soc: StartSoc = 50.0,
        stored_value: StoredValue = None,
        cycles_per_day: CyclesPerDay = None,
        only_solar_export: OnlySolar = None,
        export_limit: LimitExport = True,
        forecast: Forecast = None,
        physics: Physics = "ideal",
        publication: PublicationAt = "14:00",
        zone: Zone = None,
        currency: Currency = None,
        horizon_hours: HorizonHours = None,
        change_price: ChangePrice = None,
        strategies: Annotated[
            str, typer.Option(help="Of self_use, multi_factor, optimal, emhass; the yardsticks always run.")
        ] = "self_use,multi_factor,optimal",
        first_day: FirstDay = None,
        last_day: LastDay = None,
        as_json: Annotated[Path | None, typer.Option("--json", help="Write all figures here; `-` prints them.")] = None,
        trace: Annotated[
            Path | None, typer.Option(help="Write every slot of the last strategy here; of the others beside it.")
        ] = None,
        report: Annotated[Path | None, typer.Option(help="Write a page to look at into this directory.")] = None,
        language: Annotated[str, typer.Option("--lang", help="Of the report: en or pl.")] = "en",
        executor: Annotated[str, typer.Option(help="local, processes, dask, or tcp://HOST:PORT.")] = LOCAL,
    ) -> None:
        """Live through a past with the coordinator's own decisions, and compare: nothing is known before its time."""
        from hems.composition.backtest import prepare
        from hems.composition.backtest_request import BacktestRequest

        request = BacktestRequest(
            home=home, prices=prices, sell_prices=sell_prices, buy_sell=buy_sell, column=column,
            sell_column=sell_column, config=config, operator=operator, group=group, seller=seller,
            battery_kwh=battery_kwh, charge_kw=charge_kw, discharge_kw=discharge_kw, efficiency=efficiency, wear=wear,
            import_kw=import_kw, export_kw=export_kw, min_soc=min_soc, reserve_soc=reserve_soc, max_soc=max_soc,
            start_soc=start_soc, stored_value=stored_value, cycles_per_day=cycles_per_day,
            only_solar_export=only_solar_export, can_limit_export=export_limit, forecast=forecast, physics=physics,
            publication=clock_time(publication), zone=zone, currency=currency, horizon_hours=horizon_hours,
            change_price=change_price, first_day=day_of(first_day, "--from"), last_day=day_of(last_day, "--to"),
        )  # fmt: skip
        names = names_of(strategies)
        check_places(as_json, trace, report)
        check_not_read((home, prices, sell_prices, buy_sell, config), (as_json, trace), names)
        check_language(language)
        with waiting("reading the files"):
            prepared = prepare(request)
        result = result_of(prepared, names, executor, with_story=report is not None, language=language)
        written = write_all(result, as_json, trace, report, language, main=names[-1])
        if as_json != Path("-"):
            show(result, written)
        if result.is_interrupted:
            raise typer.Exit(code=130)


def names_of(strategies: str) -> list[str]:
    """Return the strategies that were asked for. Raises: ConfigurationError: one that nobody knows."""
    from hems.backtest.runner import KNOWN

    names = [name.strip() for name in strategies.split(",") if name.strip()]
    unknown = [name for name in names if name not in KNOWN]
    if unknown or not names:
        raise ConfigurationError([f"--strategies {strategies}: any of {', '.join(KNOWN)}, separated by commas"])
    return names


def clock_time(text: str) -> time:
    """Return a local time of day. Raises: ConfigurationError."""
    try:
        found = time.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError([f"--publication {text}: a time such as 14:00"]) from error
    if found.tzinfo is not None:
        raise ConfigurationError([f"--publication {text}: a local time such as 14:00, without an offset"])
    return found


def day_of(text: str | None, option: str) -> date | None:
    """Return a day. Raises: ConfigurationError."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError([f"{option} {text}: a day such as 2024-07-08"]) from error


def check_language(language: str) -> None:
    """Refuse a language that nothing is written in. Raises: ConfigurationError."""
    from hems.decision.sentences import Language

    if language not in tuple(Language):
        raise ConfigurationError([f"--lang {language}: one of {', '.join(Language)}"])


def check_places(as_json: Path | None, trace: Path | None, report: Path | None) -> None:
    """Refuse places that cannot be written to before an hour was spent. Raises: ConfigurationError."""
    from hems.adapters.tables.write_table import check_table_name

    if trace is not None:
        check_table_name(trace)
    for option, path in (("--json", as_json), ("--trace", trace), ("--report", report)):
        if path is None or path == Path("-"):
            continue
        if option == "--report" and path.exists() and not path.is_dir():
            raise ConfigurationError([f"--report {path}: is a file; a directory is wanted"])
        if option != "--report" and path.is_dir():
            raise ConfigurationError([f"{option} {path}: is a directory; a file is wanted"])


def check_not_read(
    read: Sequence[str | Path | None], written: tuple[Path | None, Path | None], names: Sequence[str]
) -> None:
    """Refuse to write over a file that is read, or twice to one. Raises: ConfigurationError."""
    from hems.adapters.tables.write_table import beside_it
    from hems.backtest.assess import YARDSTICKS
    from hems.backtest.outcome import PERFECT_FORESIGHT

    as_json, trace = written
    places = [] if as_json is None or as_json == Path("-") else [("--json", as_json)]
    if trace is not None:
        beside = {*YARDSTICKS, *names[:-1], PERFECT_FORESIGHT} - {names[-1]}
        places += [("--trace", trace), *(("--trace", beside_it(trace, name)) for name in sorted(beside))]
    taken = {Path(source).resolve() for source in read if source is not None}
    for option, path in places:
        if path.resolve() in taken:
            raise ConfigurationError([f"{option} {path}: would write over a file of this very run; name another"])
        taken.add(path.resolve())


def result_of(
    prepared: PreparedStudy, names: list[str], executor: str, *, with_story: bool, language: str = "en"
) -> StudyResult:
    """Live the study and return what came of it; shows how far it is."""
    from hems.backtest.assess import YARDSTICKS, Telling, assess
    from hems.backtest.runner import KNOWING, OPTIMAL
    from hems.composition.backtest import versions
    from hems.decision.sentences import Language

    study = prepared.study
    wanted = list(dict.fromkeys([*YARDSTICKS, *names]))
    if with_story and OPTIMAL in names:
        wanted += KNOWING
    lived = _live(study, wanted, executor)
    telling = Telling(
        parameters={**prepared.parameters, "strategies": ",".join(names), "executor": executor},
        versions=versions(),
        quality=prepared.quality,
        remarks=prepared.remarks,
        with_stories=with_story and not lived.is_interrupted,
        language=Language(language),
    )
    with waiting("comparing with perfect foresight"):
        return assess(study, lived, telling)


def _live(study: Study, names: list[str], executor: str) -> LivedStudy:
    from hems.backtest.executors import open_executor
    from hems.backtest.runner import live_all, live_apart

    if executor == LOCAL:
        with progress_bar("living", (study.last - study.first).total_seconds()) as told:
            return live_all(study, names, lambda until: told((until - study.first).total_seconds()))
    with open_executor(executor) as pool, progress_bar("strategies", len(names)) as told:
        return live_apart(study, names, pool, lambda done, _: told(done))


@contextmanager
def progress_bar(what: str, total: float) -> Iterator[Callable[[float], None]]:
    """Show how far it is and how long it will take yet, on a terminal; elsewhere nothing."""
    from rich.console import Console
    from rich.progress import Progress, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:3], TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Say what is being done, on a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(what):
        yield


def write_all(
    result: StudyResult, as_json: Path | None, trace: Path | None, report: Path | None, language: str, main: str
) -> list[Path]:
    """Write what was asked for; return what was written."""
    from hems.adapters.tables.write_table import beside_it, write_table, write_text
    from hems.backtest.document import document_of, trace_columns

    written = []
    if as_json is not None:
        text = json.dumps(document_of(result), indent=2, ensure_ascii=False) + "\n"
        if as_json == Path("-"):
            sys.stdout.write(text)
        else:
            write_text(as_json, text)
            written.append(as_json)
    if trace is not None:
        for outcome in result.outcomes:
            path = trace if outcome.name == main else beside_it(trace, outcome.name)
            write_table(path, trace_columns(outcome.lived))
            written.append(path)
    if report is not None:
        from hems.backtest.report.page import render

        page = report / "index.html"
        write_text(page, render(result, language))
        written.append(page)
    return written


def show(result: StudyResult, written: list[Path]) -> None:
    """Print the table of strategies, what to know about it, and where the rest lies."""
    from rich.console import Console

    console = Console()
    last = result.last.astimezone(result.zone)
    days = round((result.last - result.first).total_seconds() / 86400.0)
    console.print(
        f"{result.title}: {result.first.astimezone(result.zone):%Y-%m-%d} to {last:%Y-%m-%d %H:%M}, "
        f"{days} {'day' if days == 1 else 'days'}, battery {result.battery_kwh:g} kWh", markup=False, highlight=False,
    )  # fmt: skip
    console.print(figures_table(result))
    possible = f"{result.possible_saving:.2f} {result.currency}"
    legend = (
        f"saving: over a battery that does nothing, what is stored at the ends counted; capt.: of the {possible} that "
        "perfect foresight saves; import, export: kWh; s: seconds of deciding and living"
    )
    notes = [
        legend,
        f"tariff: {result.parameters.get('tariff', 'unknown')}",
    ]
    if result.left_out_hours > 0.0:
        notes.append(f"left out: {result.left_out_hours:.1f} h of which load, PV or price is unknown")
    notes += [f"{quality.source}: {remark}" for quality in result.quality for remark in quality.remarks]
    notes += result.remarks
    if result.is_interrupted:
        notes.append("interrupted: the figures are those of the time that was lived")
    notes += [f"written: {path}" for path in written]
    for note in notes:
        console.print(note, markup=False, highlight=False)


def figures_table(result: StudyResult) -> Table:
    """Return one row per strategy, money in the result's currency."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("strategy", no_wrap=True)
    heads = (f"cost {result.currency}", "saving", "capt. %", "cycles", "chg/day", "import", "export", "s")
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for outcome in result.outcomes:
        figures = outcome.figures
        captured = "–" if figures.captured_pct is None else f"{figures.captured_pct:.1f}"
        table.add_row(
            outcome.name, f"{figures.cost_pln:.2f}", f"{figures.saving_pln:.2f}", captured, f"{figures.cycles:.1f}",
            f"{figures.mode_changes_per_day:.1f}", f"{figures.import_kwh:.0f}", f"{figures.export_kwh:.0f}",
            f"{figures.seconds:.2f}",
        )  # fmt: skip
    return table
